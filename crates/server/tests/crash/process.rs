//! The real binary as a process of its own, with its data.

use parlor_infra::testing::TestPostgres;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far more than anything here takes; what takes longer hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The server's secret where it must be given.
pub const SECRET: &str = "b7d1094f3ac58e62f07b41d9c8e3a6521f0d7b9e4c2a8635";

/// What survives a process: folder, database, address.
pub struct Installation {
    pub data: TempDir,
    pub url: String,
    postgres: Option<TestPostgres>,
    settings: Vec<(&'static str, String)>,
}

impl Installation {
    pub fn on_sqlite() -> Self {
        // For the test's own clients; the server has another process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let port = free_port();
        Self {
            data: tempfile::tempdir().unwrap(),
            url: format!("http://127.0.0.1:{port}"),
            postgres: None,
            settings: Vec::new(),
        }
    }

    pub async fn on_postgres() -> Self {
        Self {
            postgres: Some(TestPostgres::new().await),
            ..Self::on_sqlite()
        }
    }

    /// With one more variable.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.url["http://".len()..]
    }

    /// `parlor` with these arguments, and nothing of the settings of whoever runs the tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARLOR_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .env("PARLOR_DATA_DIR", self.data.path())
            .env("PARLOR_LISTEN", self.address());
        command.env("PARLOR_LIMITS", "off").env("PARLOR_LOG", "warn");
        if let Some(postgres) = &self.postgres {
            command.env("PARLOR_DATABASE_URL", postgres.url()).env("PARLOR_SECRET_KEY", SECRET);
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the server without waiting for it.
    pub fn spawn(&self) -> Process {
        Process::begin(self.command(&[]))
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(&self) -> Process {
        let mut process = self.spawn();
        let begun = Instant::now();
        while !matches!(reqwest::get(format!("{}/health/ready", self.url)).await, Ok(answer) if answer.status() == 200) {
            assert!(process.child.try_wait().unwrap().is_none(), "the server ended: {}", process.said());
            assert!(begun.elapsed() < PATIENCE, "the server is not ready: {}", process.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process
    }

    /// Runs a short command to its end, with a text on its standard input.
    pub fn run(&self, arguments: &[&str], input: &str) -> Ended {
        finish(self.command(arguments), input)
    }

    /// Makes an agent with [`PASSWORD`] by the command line.
    pub fn agent(&self, email: &str, role: &str) -> serde_json::Value {
        let made = self.run(&["agent", "create", "--email", email, "--role", role, "--password-stdin"], PASSWORD);
        serde_json::from_str(&made.expect_success()).unwrap()
    }
}

/// The password of all agents here.
pub const PASSWORD: &str = "correct horse battery";

/// Runs a command to its end.
pub fn finish(mut command: Command, input: &str) -> Ended {
    let mut child = command.spawn().unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ended {
        status: output.status,
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// What a short command said.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn expect_success(self) -> String {
        assert!(self.status.success(), "{}", self.stderr);
        self.stdout
    }

    /// Asserts that it was refused, and gives the reason.
    pub fn expect_refusal(self) -> String {
        assert_eq!(self.status.code(), Some(1), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        self.stderr
    }
}

/// A running server. Dropping it kills it.
pub struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
    pub since: Instant,
}

impl Process {
    fn begin(mut command: Command) -> Self {
        let since = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (stderr, heard) = (child.stderr.take().unwrap(), said.clone());
        // A full pipe would stop the server.
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut heard = heard.lock().unwrap();
                heard.push_str(&line);
                heard.push('\n');
            }
        });
        Self { child, said, since }
    }

    /// Everything it said on standard error.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it said something.
    pub async fn says(&self, what: &str) -> String {
        let begun = Instant::now();
        while !self.said().contains(what) {
            assert!(begun.elapsed() < PATIENCE, "it did not say {what}: {}", self.said());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.said()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, without waiting for what follows.
    pub fn terminate(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
    }

    /// SIGTERM, and waits for its end.
    pub fn terminate_and_wait(mut self) {
        self.terminate();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.said());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that stays free between two servers. It lies below those that the system gives to outgoing connections: one of these
/// could take it, and a client that knocks there while nobody listens could even connect to itself.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 1_000).unwrap() * 10;
    loop {
        let port = 20_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
