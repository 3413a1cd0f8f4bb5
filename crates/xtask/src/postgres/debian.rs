//! Debian's own package, where it may be installed without a question.

use crate::process::{capture, run, succeeds};
use anyhow::Result;
use std::{path::Path, process::Command};

/// How to become root here.
pub struct Installer {
    sudo: &'static [&'static str],
}

impl Installer {
    /// Only on Debian and its children, and only as root or by a sudo that asks for no password.
    pub fn find() -> Option<Self> {
        if !Path::new("/etc/debian_version").exists() || !succeeds(Command::new("apt-get").arg("--version")) {
            return None;
        }
        if capture(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0") {
            return Some(Self { sudo: &[] });
        }
        succeeds(Command::new("sudo").args(["-n", "true"])).then_some(Self { sudo: &["sudo", "-n"] })
    }

    pub fn install(&self) -> Result<()> {
        println!("Postgres: none on this machine, so the Debian package `postgresql` is installed");
        self.apt(&["update"])?;
        self.apt(&["install", "--yes", "--no-install-recommends", "postgresql"])
    }

    fn apt(&self, arguments: &[&str]) -> Result<()> {
        let mut command = match self.sudo {
            [] => Command::new("env"),
            [sudo, options @ ..] => {
                let mut command = Command::new(sudo);
                command.args(options).arg("env");
                command
            }
        };
        run(command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments))
    }
}
