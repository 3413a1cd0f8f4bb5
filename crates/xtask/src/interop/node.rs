//! Node.js: an installed one that is new enough, else the one that comes as a Python package.

use super::python::Python;
use crate::process::{capture, succeeds};
use anyhow::{Context, Result, ensure};
use std::{env, ffi::OsString, path::PathBuf, process::Command};

const OLDEST: u32 = 20;

pub struct Node {
    /// Goes before `PATH`; `None` for the installed one.
    folder: Option<PathBuf>,
}

impl Node {
    pub fn provide(python: &Python) -> Result<Self> {
        let installed = Self { folder: None };
        if let Some(major) = installed.major().filter(|major| *major >= OLDEST)
            && succeeds(installed.command("npm")?.arg("--version"))
        {
            println!("Node: the installed version {major}");
            return Ok(installed);
        }
        python.install("node.txt")?;
        let brought = Self { folder: Some(python.bin()) };
        let major = brought.major().context("the Node.js of the Python package does not run")?;
        ensure!(major >= OLDEST, "the Node.js of the Python package is version {major}, and {OLDEST} is needed");
        println!("Node: version {major}, brought as a Python package");
        Ok(brought)
    }

    /// `node`, `npm` or what these start: all of them find this Node first.
    pub fn command(&self, program: &str) -> Result<Command> {
        let Some(folder) = &self.folder else { return Ok(Command::new(program)) };
        let mut command = Command::new(folder.join(program));
        command.env("PATH", self.path(folder.clone())?);
        Ok(command)
    }

    /// Where `node` itself stands.
    pub fn program(&self) -> Result<PathBuf> {
        let place = capture(self.command("node")?.args(["--print", "process.execPath"]))?;
        Ok(PathBuf::from(place.trim()))
    }

    fn path(&self, folder: PathBuf) -> Result<OsString> {
        let path = env::var_os("PATH").unwrap_or_default();
        Ok(env::join_paths([folder].into_iter().chain(env::split_paths(&path)))?)
    }

    fn major(&self) -> Option<u32> {
        let version = capture(self.command("node").ok()?.arg("--version")).ok()?;
        version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
    }
}
