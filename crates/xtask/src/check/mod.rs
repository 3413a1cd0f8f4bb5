//! `cargo xtask check`: what can be said without running the product. Every check runs, also after a failed one.

mod files;
mod layers;
mod links;

use crate::{
    process::{cargo, run as run_command, succeeds},
    report::Report,
};
use anyhow::{Result, bail};

/// One crypto library, ring; these would bring another one, C code or a known weakness.
const BANNED: [&str; 3] = ["aws-lc-rs", "openssl-sys", "rsa"];

pub fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("`check` takes no `{argument}`");
    }
    let mut report = Report::default();
    report.step("files", files::check);
    report.step("links in Markdown", links::check);
    report.step("layers", layers::check);
    report.step("banned crates", check_bans);
    report.step("format", || run_command(cargo().args(["fmt", "--all", "--check"])));
    report.step("clippy", || {
        run_command(cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
    });
    if succeeds(cargo().args(["deny", "--version"])) {
        report.step("cargo deny", || run_command(cargo().args(["deny", "--workspace", "--locked", "check"])));
    } else {
        report.note(
            "cargo deny",
            "not installed; licences and advisories were not looked at, bans and layers were, above",
        );
    }
    report.finish()
}

/// `cargo tree -i` for every platform: a crate that is not in the graph is an error of cargo's, one that no platform uses an empty answer.
fn check_bans() -> Result<()> {
    for banned in BANNED {
        let output = cargo()
            .args(["tree", "--workspace", "--locked", "--target", "all", "--invert", banned])
            .output()?;
        let (tree, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let absent = output.status.success() || said.contains("did not match any packages");
        if !absent {
            bail!("cargo tree failed: {said}");
        }
        if !tree.trim().is_empty() {
            bail!("{banned} must not be used, and is:\n{tree}");
        }
        println!("{banned}: not used");
    }
    Ok(())
}
