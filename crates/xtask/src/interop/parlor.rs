//! The real binary, as somebody starts it who has just downloaded it: an empty data folder and a port.

use super::http;
use crate::{keeper::Keeper, process::free_port};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const READY_WITHIN: Duration = Duration::from_secs(30);
pub const OWNER: &str = "owner@example.com";
pub const PASSWORD: &str = "correct-horse-battery-staple";

pub struct Parlor {
    address: String,
    data: PathBuf,
    log: PathBuf,
    _keeper: Keeper,
}

impl Parlor {
    /// Start it, wait until it is ready and make an owner from the shell, beside the running server.
    pub fn start(binary: &Path, folder: &Path) -> Result<Self> {
        Self::start_with(binary, folder, &[])
    }

    /// As `start`, with settings besides those that every run has.
    pub fn start_with(binary: &Path, folder: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let (data, log) = (folder.join("data"), folder.join("parlor.log"));
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir_all(&data)?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let (output, errors) = (File::create(&log)?, File::options().append(true).open(&log)?);
        let keeper = Keeper::of_program(&[&binary.to_string_lossy()], "TERM", &data, |shell| {
            clean(shell)
                .env("PARLOR_DATA_DIR", &data)
                .env("PARLOR_LISTEN", &address)
                .env("PARLOR_LIMITS", "off")
                .envs(settings.iter().copied());
            shell.stdout(output).stderr(errors);
        })?;
        let mut parlor = Self {
            address,
            data,
            log,
            _keeper: keeper,
        };
        parlor.wait_until_ready()?;
        parlor.make_owner(binary)?;
        println!("Parlor: {} with an owner {OWNER}", parlor.url());
        Ok(parlor)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where to look after something went wrong.
    pub fn tell_its_log(&self) {
        println!("the server's log: {}", self.log.display());
    }

    pub fn get(&self, path: &str) -> Result<String> {
        self.get_as(None, path)
    }

    /// A search whose login had ended on the way would have seen nothing but refusals.
    pub fn must_still_know(&self, token: &str) -> Result<()> {
        self.get_as(Some(token), "/api/admin/auth/me/").map(|_| ())
    }

    fn get_as(&self, token: Option<&str>, path: &str) -> Result<String> {
        let answer = http::get(&self.address, path, token)?;
        ensure!(answer.status == 200, "GET {path} was answered {}: {}", answer.status, answer.body);
        Ok(answer.body)
    }

    /// A new visitor's key.
    pub fn new_visitor(&self) -> Result<String> {
        let visitor = self.post("/api/chats/visitors/", &json!({ "name": "Vera Visitor" }), 201)?;
        text_at(&visitor, "/data/id")
    }

    /// A new session of this visitor, with its conversation.
    pub fn new_session(&self, visitor: &str) -> Result<String> {
        let session = self.post("/api/chats/sessions/", &json!({ "visitor_id": visitor }), 201)?;
        text_at(&session, "/data/id")
    }

    /// The owner's access token.
    pub fn login(&self) -> Result<String> {
        let login = self.post("/api/admin/auth/login/", &json!({ "username": OWNER, "password": PASSWORD }), 200)?;
        text_at(&login, "/access")
    }

    pub fn must_be_ready(&self) -> Result<()> {
        self.get("/health/ready").map(|_| ())
    }

    fn post(&self, path: &str, body: &Value, expected: u16) -> Result<Value> {
        let answer = http::post(&self.address, path, body)?;
        ensure!(answer.status == expected, "POST {path} was answered {}: {}", answer.status, answer.body);
        answer.json()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while self.must_be_ready().is_err() {
            let log = || fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(status) = self._keeper.ended()? {
                bail!("Parlor did not start ({status})\n{}", log());
            }
            if started.elapsed() > READY_WITHIN {
                bail!("Parlor was not ready within {} s\n{}", READY_WITHIN.as_secs(), log());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn make_owner(&self, binary: &Path) -> Result<()> {
        let mut command = Command::new(binary);
        clean(&mut command).args(["agent", "create", "--email", OWNER, "--role", "owner", "--password-stdin"]);
        let mut child = command
            .env("PARLOR_DATA_DIR", &self.data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("no way to tell the password")?.write_all(PASSWORD.as_bytes())?;
        let output = child.wait_with_output()?;
        let said = [output.stdout, output.stderr].concat();
        ensure!(
            output.status.success(),
            "`parlor agent create` ended with {}\n{}",
            output.status,
            String::from_utf8_lossy(&said)
        );
        Ok(())
    }
}

/// Without the settings of whoever runs this: a database or a channel of theirs must not be met.
pub fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PARLOR_")) {
            command.env_remove(name);
        }
    }
    command
}

fn text_at(value: &Value, place: &str) -> Result<String> {
    value
        .pointer(place)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("no text at {place} in {value}"))
}
