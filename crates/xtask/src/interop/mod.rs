//! `cargo xtask interop`: clients that nobody of this project wrote, against the real binary. Node and Python tools are brought along,
//! into `target/interop`.

mod ai_sdk;
mod documentation;
mod http;
mod litellm;
mod node;
mod parlor;
mod python;
mod schemathesis;
mod socket_io;
mod typescript;
mod whatsapp;
mod workshop;

use crate::{
    process::{cargo, run as run_command, target_directory},
    report::Report,
};
use anyhow::{Result, bail};
use node::Node;
use parlor::Parlor;
use python::Python;
use schemathesis::Search;
use std::{fs, path::Path};

/// Where the foreign clients' own files stand in this repository.
const SOURCES: &str = "crates/xtask/interop";

pub fn run(arguments: &[String]) -> Result<()> {
    let search = match arguments {
        [] => Search::Short,
        [argument] if argument == "--all" => Search::Long,
        _ => bail!("`interop` knows the option `--all` and no other"),
    };
    let target = target_directory()?;
    let folder = target.join("interop");
    fs::create_dir_all(&folder)?;

    run_command(cargo().args(["build", "--workspace", "--locked"]))?;
    let python = Python::provide(&folder)?;
    let node = Node::provide(&python)?;
    let binaries = target.join("debug");
    let binary = binaries.join("parlor");
    let parlor = Parlor::start(&binary, &folder)?;

    let mut report = Report::default();
    report.step("the README's first conversation", || {
        documentation::follow_the_readme(&node, &parlor, &binary, &folder)
    });
    report.step("samples of the frontend guide", || documentation::try_the_samples(&node, &parlor, &folder));
    report.step("samples of the guide that ask the assistant", || {
        documentation::ask_with_the_samples(&node, &binary, &folder)
    });
    report.step("code blocks of the frontend guide", || documentation::run_the_guide(&node, &binary, &folder));
    report.step("TypeScript client", || typescript::converse(&node, &parlor, &folder));
    report.step("AsyncAPI document", || typescript::check_asyncapi(&node, &parlor, &folder));
    report.step("AI SDK", || ai_sdk::converse(&node, &binary, &folder));
    for (name, script) in [
        ("socket.io-client talks", "converse"),
        ("socket.io-client over lines that break", "break"),
        ("socket.io-client offline first", "offline"),
        ("socket.io-client bargains", "bargain"),
    ] {
        report.step(name, || socket_io::converse(&node, &binary, &folder, script));
    }
    report.step("python-socketio", || socket_io::converse_in_python(&python, &binary, &folder));
    report.step("pywa reads what the WhatsApp stand-in delivers", || {
        whatsapp::meet_the_stand_in(&python, &binaries, "takes")
    });
    report.step("pywa sends to the WhatsApp stand-in", || {
        whatsapp::meet_the_stand_in(&python, &binaries, "sends")
    });
    report.step("Parlor sends as pywa does", || whatsapp::compare_with_parlor(&python, &binaries, &folder));
    if let Search::Long = search {
        report.step("LiteLLM", || litellm::converse(&binary, &folder));
    }
    report.step("schemathesis as a visitor", || {
        schemathesis::run(&python, &parlor, &search, &parlor.new_visitor()?, &folder)
    });
    report.step("schemathesis as an agent", || {
        let token = parlor.login()?;
        schemathesis::run(&python, &parlor, &search, &token, &folder)?;
        parlor.must_still_know(&token)
    });
    report.step("the server is still well", || parlor.must_be_ready());
    if let Err(failed) = report.finish() {
        parlor.tell_its_log();
        return Err(failed);
    }
    Ok(())
}

/// Whether something was set up from exactly this description before; `mark_done` remembers it.
fn is_done(stamp: &Path, description: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|done| done == description)
}

fn mark_done(stamp: &Path, description: &str) -> Result<()> {
    Ok(fs::write(stamp, description)?)
}
