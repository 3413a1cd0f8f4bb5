//! Python programs in their own virtual environment, with the versions that this repository names.

use super::{SOURCES, is_done, mark_done};
use crate::process::{capture, run};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The oldest Python that schemathesis runs on.
const OLDEST: &str = "3.11";

pub struct Python {
    environment: PathBuf,
}

impl Python {
    pub fn provide(folder: &Path) -> Result<Self> {
        let environment = folder.join("python");
        let found = "import sys; print(sys.version_info >= tuple(map(int, sys.argv[1].split('.'))))";
        let fits = capture(Command::new("python3").args(["-c", found, OLDEST])).is_ok_and(|answer| answer.trim() == "True");
        ensure!(
            fits,
            "Python {OLDEST} or newer is needed as `python3`, with its module venv (Debian: python3-venv)"
        );
        if !environment.join("bin/pip").exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&environment)).context("cannot make a virtual environment (Debian: python3-venv)")?;
        }
        Ok(Self { environment })
    }

    /// What `requirements` names, unless it is there.
    pub fn install(&self, requirements: &str) -> Result<()> {
        let file = Path::new(SOURCES).join("python").join(requirements);
        let (wanted, stamp) = (fs::read_to_string(&file)?, self.environment.join(requirements));
        if !is_done(&stamp, &wanted) {
            run(Command::new(self.bin().join("pip"))
                .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
                .arg(&file))?;
            mark_done(&stamp, &wanted)?;
        }
        Ok(())
    }

    pub fn bin(&self) -> PathBuf {
        self.environment.join("bin")
    }
}
