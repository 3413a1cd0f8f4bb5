//! Requests made from the OpenAPI document, right and wrong ones; each answer must be one the document promises.

use super::{SOURCES, parlor::Parlor, python::Python};
use crate::process::run_within;
use anyhow::{Context, Result};
use std::{env, path::Path, process::Command, time::Duration};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// A search that hangs is a finding too.
const PATIENCE: Duration = Duration::from_secs(1800);

/// How far to look.
pub enum Search {
    /// Every operation with the same requests each time, so that a red CI run is red again.
    Short,
    /// New requests each time, and sequences of them, for ten minutes: a login lasts fifteen.
    Long,
}

impl Search {
    fn options(&self) -> &'static [&'static str] {
        match self {
            Self::Short => &["--phases=examples,coverage,fuzzing", "--max-examples=20", "--generation-deterministic"],
            Self::Long => &[
                "--phases=examples,coverage,fuzzing,stateful",
                "--max-examples=100",
                "--max-time=600",
                "--generation-database=none",
            ],
        }
    }
}

/// `token` is what the caller proves itself with: a visitor key or an access token.
pub fn run(python: &Python, parlor: &Parlor, search: &Search, token: &str, folder: &Path) -> Result<()> {
    python.install("schemathesis.txt")?;
    let configuration = env::current_dir()?.join(SOURCES).join("python/schemathesis.toml");
    let mut command = Command::new(python.bin().join("st"));
    command
        .arg("--config-file")
        .arg(configuration)
        .arg("run")
        .arg(format!("{}/api/openapi.json", parlor.url()));
    command.args(["--checks", CHECKS, "--no-color"]).args(search.options());
    run_within(PATIENCE, command.env("PARLOR_TOKEN", token).current_dir(folder)).context("an answer was not as the document promises")
}
