//! A throw-away server in a temporary folder, on a free port of this machine only.

use super::installed::Binaries;
use crate::{
    keeper::Keeper,
    process::{capture, free_port},
};
use anyhow::{Context, Result, bail};
use std::{
    env,
    fs::{self, DirBuilder, File},
    io::Read,
    os::unix::{
        fs::{DirBuilderExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

const START_WITHIN: Duration = Duration::from_secs(60);

pub struct PrivateServer {
    url: String,
    // In this order: the server ends, then its folder goes.
    _keeper: Keeper,
    _folder: Folder,
}

impl PrivateServer {
    pub fn start(binaries: &Binaries) -> Result<Self> {
        let account = Account::without_root_rights()?;
        let (password, port) = (random_hex()?, free_port()?);
        let folder = Folder::create(account.as_ref())?;
        let started = Instant::now();

        // The log-in is by password: other people of this machine reach the port too, and a superuser may run programs.
        folder.write("password", &password)?;
        let mut initdb = Command::new(binaries.program("initdb"));
        initdb.args(["--pgdata=data", "--username=parlor", "--pwfile=password", "--auth=scram-sha-256"]);
        initdb.args(["--encoding=UTF8", "--no-locale", "--no-sync"]);
        capture(folder.enter(&mut initdb)).context("cannot make a private Postgres cluster")?;

        let postgres = binaries.program("postgres").to_string_lossy().into_owned();
        let port_option = port.to_string();
        let program = [&postgres, "-D", "data", "-p", &port_option]
            .into_iter()
            .chain([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
                "-c",
                "max_connections=300",
            ])
            .collect::<Vec<_>>();
        let output = File::create(folder.path.join("log"))?;
        let (errors, log) = (output.try_clone()?, File::open(folder.path.join("log"))?);
        // INT is Postgres' fast stop: it breaks connections off and leaves a clean cluster.
        let mut keeper = Keeper::of_program(&program, "INT", &folder.path, |shell| {
            folder.enter(shell).stdout(output).stderr(errors);
        })?;
        folder.wait_until_ready(&mut keeper, log)?;
        println!(
            "Postgres: a private server of version {} on 127.0.0.1:{port}, ready after {:.1} s",
            binaries.major,
            started.elapsed().as_secs_f64()
        );
        Ok(Self {
            url: format!("postgres://parlor:{password}@127.0.0.1:{port}/postgres"),
            _keeper: keeper,
            _folder: folder,
        })
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Postgres refuses to run as root.
#[derive(Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// Nothing to change unless we are root; then the account `postgres`, or `nobody`.
    fn without_root_rights() -> Result<Option<Self>> {
        if number(Command::new("id").arg("-u"))? != 0 {
            return Ok(None);
        }
        let account = ["postgres", "nobody"].into_iter().find_map(|name| {
            let user = number(Command::new("id").args(["-u", name])).ok()?;
            let group = number(Command::new("id").args(["-g", name])).ok()?;
            Some(Self { user, group })
        });
        Ok(Some(account.context(
            "Postgres does not run as root, and there is neither a user `postgres` nor `nobody`",
        )?))
    }
}

/// The temporary folder with everything of the server. The keeper removes it too, for the case that we are killed.
struct Folder {
    path: PathBuf,
    account: Option<Account>,
}

impl Folder {
    fn create(account: Option<&Account>) -> Result<Self> {
        let path = env::temp_dir().join(format!("parlor-postgres-{}", random_hex()?));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        let folder = Self {
            path,
            account: account.copied(),
        };
        folder.give_away(&folder.path)?;
        Ok(folder)
    }

    fn write(&self, name: &str, content: &str) -> Result<()> {
        let path = self.path.join(name);
        fs::write(&path, content)?;
        self.give_away(&path)
    }

    fn give_away(&self, path: &Path) -> Result<()> {
        if let Some(account) = self.account {
            chown(path, Some(account.user), Some(account.group)).with_context(|| format!("cannot give {} to the account of Postgres", path.display()))?;
        }
        Ok(())
    }

    /// Run in the folder, with the rights of its owner.
    fn enter<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if let Some(account) = self.account {
            command.uid(account.user).gid(account.group);
        }
        command.current_dir(&self.path)
    }

    /// Postgres writes its state into the last line of its pid file.
    fn wait_until_ready(&self, keeper: &mut Keeper, mut log: File) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < START_WITHIN {
            let state = fs::read_to_string(self.path.join("data/postmaster.pid")).unwrap_or_default();
            if state.lines().last().is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            if let Some(status) = keeper.ended()? {
                // The keeper has taken the folder away; the open file can still be read.
                let mut said = String::new();
                log.read_to_string(&mut said)?;
                bail!("the private Postgres did not start ({status})\n{said}");
            }
            sleep(Duration::from_millis(20));
        }
        bail!("the private Postgres was not ready within {} s", START_WITHIN.as_secs())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn number(command: &mut Command) -> Result<u32> {
    Ok(capture(command)?.trim().parse()?)
}

fn random_hex() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
