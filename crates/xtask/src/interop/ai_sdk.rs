//! Vercel's AI SDK, which many chat pages are made with, reads the assistant's answers.

use super::{node::Node, parlor::Parlor, workshop::Workshop};
use crate::process::{free_port, run};
use anyhow::Result;
use std::path::Path;

/// Its chat and its transport against an own server, whose model is a stand-in that the script serves.
pub fn converse(node: &Node, binary: &Path, folder: &Path) -> Result<()> {
    let workshop = Workshop::furnish(node, folder, "ai-sdk")?;
    let port = free_port()?.to_string();
    let model = format!("http://127.0.0.1:{port}/v1");
    let settings = [("PARLOR_ASSISTANT_BASE_URL", model.as_str()), ("PARLOR_ASSISTANT_MODEL", "stand-in")];
    let parlor = Parlor::start_with(binary, &workshop.folder, &settings)?;
    run(workshop.script("converse")?.env("PARLOR_URL", parlor.url()).env("MODEL_PORT", port)).inspect_err(|_| parlor.tell_its_log())
}
