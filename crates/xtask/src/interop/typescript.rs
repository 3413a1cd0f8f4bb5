//! A client generated from the published documents: generated, compiled strictly, and put to use.

use super::{
    node::Node,
    parlor::{OWNER, PASSWORD, Parlor},
    workshop::Workshop,
};
use crate::process::run;
use anyhow::Result;
use std::{fs, path::Path};

/// openapi-typescript makes types of the OpenAPI document, openapi-fetch holds a conversation with them.
pub fn converse(node: &Node, parlor: &Parlor, folder: &Path) -> Result<()> {
    let workshop = Workshop::furnish(node, folder, "typescript")?;
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
    let workshop = Workshop::furnish(node, folder, "typescript")?;
    fs::write(workshop.folder.join("asyncapi.json"), parlor.get("/api/asyncapi.json")?)?;
    run(&mut workshop.script("asyncapi")?)
}
