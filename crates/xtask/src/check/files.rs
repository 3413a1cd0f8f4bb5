//! What belongs into the repository: text of a size that people read.

use crate::process::capture;
use anyhow::{Result, bail};
use std::{fs, path::Path, process::Command};

const LARGEST: u64 = 400 * 1000;

pub fn check() -> Result<()> {
    let files = tracked()?;
    let large: Vec<String> = files
        .iter()
        .filter(|file| !may_be_large(file))
        .filter_map(|file| Some((file, fs::metadata(file).ok()?.len())))
        .filter(|(_, size)| *size > LARGEST)
        .map(|(file, size)| format!("{file} has {size} bytes, more than {LARGEST}"))
        .collect();
    if !large.is_empty() {
        bail!("{}", large.join("\n"));
    }
    println!("{} files, none too large", files.len());
    Ok(())
}

/// Everything git tracks or would track.
pub fn tracked() -> Result<Vec<String>> {
    let files = capture(Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    Ok(files
        .split('\0')
        .filter(|file| !file.is_empty() && Path::new(file).is_file())
        .map(str::to_owned)
        .collect())
}

/// Lock files and the published description of the API are made by programs and grow with what they describe.
fn may_be_large(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    matches!(name, "Cargo.lock" | "package-lock.json" | "openapi.json") || file.contains("swagger")
}
