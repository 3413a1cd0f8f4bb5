//! Node programs of this repository with their packages.

use super::{SOURCES, is_done, mark_done, node::Node};
use crate::process::run;
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A copy of the sources with their packages: an ordinary build leaves nothing between the files of the repository.
pub struct Workshop<'a> {
    node: &'a Node,
    pub folder: PathBuf,
}

impl<'a> Workshop<'a> {
    /// `name` is that of the folder among the sources; the copy goes into `folder`.
    pub fn furnish(node: &'a Node, folder: &Path, name: &str) -> Result<Self> {
        let workshop = Self {
            node,
            folder: folder.join(name),
        };
        let sources = Path::new(SOURCES).join(name);
        workshop.bring(&sources)?;
        let (lock, stamp) = (fs::read_to_string(sources.join("package-lock.json"))?, workshop.folder.join("installed"));
        if !is_done(&stamp, &lock) {
            // Nothing of these packages needs its install script.
            run(workshop.npm()?.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
            mark_done(&stamp, &lock)?;
        }
        Ok(workshop)
    }

    /// A copy of the files of a folder, without those below.
    fn bring(&self, sources: &Path) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        for entry in fs::read_dir(sources)? {
            let source = entry?.path();
            if source.is_file() {
                let name = source.file_name().context("a file without a name")?;
                fs::copy(&source, self.folder.join(name))?;
            }
        }
        Ok(())
    }

    pub fn script(&self, name: &str) -> Result<Command> {
        let mut command = self.npm()?;
        command.args(["run", "--silent", name]);
        Ok(command)
    }

    fn npm(&self) -> Result<Command> {
        let mut command = self.node.command("npm")?;
        command.current_dir(&self.folder);
        Ok(command)
    }
}
