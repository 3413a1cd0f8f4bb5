//! A client generated from the published documents: generated, compiled strictly, and put to use.

use super::{
    SOURCES, is_done, mark_done,
    node::Node,
    parlor::{OWNER, PASSWORD, Parlor},
};
use crate::process::run;
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// openapi-typescript makes types of the OpenAPI document, openapi-fetch holds a conversation with them.
pub fn converse(node: &Node, parlor: &Parlor, folder: &Path) -> Result<()> {
    let workshop = Workshop::furnish(node, folder)?;
    fs::write(workshop.folder.join("openapi.json"), parlor.get("/api/openapi.json")?)?;
    run(&mut workshop.script("generate")?)?;
    run(&mut workshop.script("compile")?)?;
    run(workshop
        .script("converse")?
        .env("PARLOR_URL", parlor.url())
        .env("PARLOR_USERNAME", OWNER)
        .env("PARLOR_PASSWORD", PASSWORD))
}

/// The AsyncAPI project's own parser has nothing to object to.
pub fn check_asyncapi(node: &Node, parlor: &Parlor, folder: &Path) -> Result<()> {
    let workshop = Workshop::furnish(node, folder)?;
    fs::write(workshop.folder.join("asyncapi.json"), parlor.get("/api/asyncapi.json")?)?;
    run(&mut workshop.script("asyncapi")?)
}

/// A copy of the sources with their packages: an ordinary build leaves nothing between the files of the repository.
struct Workshop<'a> {
    node: &'a Node,
    folder: PathBuf,
}

impl<'a> Workshop<'a> {
    fn furnish(node: &'a Node, folder: &Path) -> Result<Self> {
        let workshop = Self {
            node,
            folder: folder.join("typescript"),
        };
        let sources = Path::new(SOURCES).join("typescript");
        fs::create_dir_all(&workshop.folder)?;
        for entry in fs::read_dir(&sources)? {
            let source = entry?.path();
            if source.is_file() {
                let name = source.file_name().context("a file without a name")?;
                fs::copy(&source, workshop.folder.join(name))?;
            }
        }
        let (lock, stamp) = (fs::read_to_string(sources.join("package-lock.json"))?, workshop.folder.join("installed"));
        if !is_done(&stamp, &lock) {
            // Nothing of these packages needs its install script.
            run(workshop.npm()?.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
            mark_done(&stamp, &lock)?;
        }
        Ok(workshop)
    }

    fn script(&self, name: &str) -> Result<Command> {
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
