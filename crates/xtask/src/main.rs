//! The tasks of this repository, for people and for CI: `cargo xtask check`, `test`, `interop` and `fake-whatsapp`.
#![allow(clippy::print_stdout, reason = "a command line tool")]

mod check;
mod fake_whatsapp;
mod interop;
mod keeper;
mod postgres;
mod process;
mod report;
mod test;

use anyhow::{Context, Result, bail};
use std::{env, path::Path, process::ExitCode};

const HELP: &str = "\
Usage: cargo xtask <task>

  check                                       format, lints, dependency rules, files and links
  test [--crash-rounds N] [-- cargo test …]   the whole test suite, on SQLite and on a Postgres that it brings
  interop [--all]                             foreign clients: schemathesis, a generated TypeScript client, the AsyncAPI parser, the AI SDK, pywa,
                                              the guides' samples; --all searches longer and with new random input each time, and tries LiteLLM
  fake-whatsapp [--help]                      a stand-in for the WhatsApp API: try the channel without an account, and be the customer who writes";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("the workspace has moved since xtask was built")?;
    env::set_current_dir(root)?;
    let mut arguments = env::args().skip(1);
    let task = arguments.next();
    let rest: Vec<String> = arguments.collect();
    match task.as_deref() {
        Some("check") => check::run(&rest),
        Some("test") => test::run(&rest),
        Some("interop") => interop::run(&rest),
        Some("fake-whatsapp") => fake_whatsapp::run(&rest),
        Some("help" | "-h" | "--help") => {
            println!("{HELP}");
            Ok(())
        }
        Some(other) => bail!("there is no task `{other}`\n\n{HELP}"),
        None => bail!("which task?\n\n{HELP}"),
    }
}
