//! Postgres programs on this machine.

use crate::process::capture;
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const OLDEST: u32 = 15;

/// A folder with `initdb` and `postgres`.
pub struct Binaries {
    folder: PathBuf,
    pub major: u32,
}

impl Binaries {
    /// The folder `PARLOR_PG_BIN`, which must fit when it is given; else the newest of the usual places that is new enough.
    pub fn find() -> Result<Option<Self>> {
        if let Some(folder) = env::var_os("PARLOR_PG_BIN").filter(|folder| !folder.is_empty()) {
            let binaries = Self::at(Path::new(&folder)).context("PARLOR_PG_BIN must name a folder with `initdb` and `postgres`")?;
            if binaries.major < OLDEST {
                bail!("PARLOR_PG_BIN has PostgreSQL {}, and {OLDEST} or newer is needed", binaries.major);
            }
            return Ok(Some(binaries));
        }
        let (fit, old): (Vec<_>, Vec<_>) = usual_places()
            .iter()
            .filter_map(|folder| Self::at(folder).ok())
            .partition(|binaries| binaries.major >= OLDEST);
        for binaries in old {
            println!("Postgres: {} is version {}, too old for the tests", binaries.folder.display(), binaries.major);
        }
        // The first of the newest: what `pg_config` names goes before what was merely found.
        Ok(fit.into_iter().reduce(|best, next| if next.major > best.major { next } else { best }))
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn at(folder: &Path) -> Result<Self> {
        capture(Command::new(folder.join("initdb")).arg("--version"))?;
        let version = capture(Command::new(folder.join("postgres")).arg("--version"))?;
        let major = major(&version).with_context(|| format!("cannot read the version in `{version}`"))?;
        Ok(Self {
            folder: folder.to_owned(),
            major,
        })
    }
}

fn usual_places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Ok(folder) = capture(Command::new("pg_config").arg("--bindir")) {
        places.push(PathBuf::from(folder.trim()));
    }
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        places.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    places.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()).filter(|folder| folder.join("initdb").is_file()));
    places
}

/// From `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`, and from `17beta1`.
fn major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL)")?.1.trim_start();
    number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major("something else"), None);
    }
}
