//! `cargo xtask fake-whatsapp`: the testkit's stand-in for the WhatsApp API, at the keyboard. A program of its own, so that the other
//! tasks need not build it.

use crate::process::{cargo, run as run_command, target_directory};
use anyhow::Result;
use std::process::Command;

pub fn run(arguments: &[String]) -> Result<()> {
    // The whole workspace decides the features, as in every other build, or all would be compiled anew.
    run_command(cargo().args(["build", "--quiet", "--workspace", "--locked", "--bin", "fake-whatsapp"]))?;
    run_command(Command::new(target_directory()?.join("debug/fake-whatsapp")).args(arguments))
}
