//! What the documents print works as printed: the README's first conversation, the frontend guide's code blocks, and its samples.

use super::{
    SOURCES,
    node::Node,
    parlor::{OWNER, PASSWORD, Parlor, clean},
    workshop::Workshop,
};
use crate::process::{capture, free_port, run};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, absolute},
    process::Command,
};

/// The heading above the commands that are run.
const HEADING: &str = "## A first conversation";

/// What the README's visitor, assistant and agent say, in order.
const SAID: [&str; 4] = [
    "Is the blue one still there?",
    "Thank you for your message. A person will reply as soon as possible.",
    "It is. Shall I keep it for you?",
    "Yes, please!",
];

/// The samples are clients of their own: they log in, send, lose their connection and resume.
pub fn try_the_samples(node: &Node, parlor: &Parlor, folder: &Path) -> Result<()> {
    let workshop = Workshop::furnish(node, folder, "docs-client")?;
    bring_samples(&workshop)?;
    run(workshop
        .script("converse")?
        .env("PARLOR_URL", parlor.url())
        .env("PARLOR_USERNAME", OWNER)
        .env("PARLOR_PASSWORD", PASSWORD))
}

/// The samples that ask the assistant.
pub fn ask_with_the_samples(node: &Node, binary: &Path, folder: &Path) -> Result<()> {
    with_the_assistant(&Workshop::furnish(node, folder, "docs-client")?, binary, "ask")
}

/// Every code block of the frontend guide, in plain Node or in a page, as its kind is. A block that nobody runs is an error.
pub fn run_the_guide(node: &Node, binary: &Path, folder: &Path) -> Result<()> {
    let workshop = Workshop::furnish(node, folder, "docs-client")?;
    let guide = "frontend-guide.md";
    fs::copy(Path::new("docs").join(guide), workshop.folder.join(guide))?;
    with_the_assistant(&workshop, binary, "guide")
}

/// A script beside the samples, against an own server, whose model is the stand-in that the AI SDK's conversation has, too.
fn with_the_assistant(workshop: &Workshop<'_>, binary: &Path, script: &str) -> Result<()> {
    bring_samples(workshop)?;
    let stand_in = "model-server.js";
    fs::copy(Path::new(SOURCES).join("ai-sdk").join(stand_in), workshop.folder.join(stand_in))?;
    let port = free_port()?.to_string();
    let model = format!("http://127.0.0.1:{port}/v1");
    let settings = [("PARLOR_ASSISTANT_BASE_URL", model.as_str()), ("PARLOR_ASSISTANT_MODEL", "stand-in")];
    let parlor = Parlor::start_with(binary, &workshop.folder, &settings)?;
    run(workshop
        .script(script)?
        .env("PARLOR_URL", parlor.url())
        .env("PARLOR_USERNAME", OWNER)
        .env("PARLOR_PASSWORD", PASSWORD)
        .env("MODEL_PORT", port))
    .inspect_err(|_| parlor.tell_its_log())
}

fn bring_samples(workshop: &Workshop<'_>) -> Result<()> {
    for entry in fs::read_dir("docs/samples")? {
        let sample = entry?.path();
        if sample.extension().is_some_and(|extension| extension == "js") {
            fs::copy(&sample, workshop.folder.join(sample.file_name().context("a file without a name")?))?;
        }
    }
    Ok(())
}

/// The blocks marked `bash` below the heading, in one shell, against this server instead of the one on the usual port. The history that they
/// print must be the conversation that the README tells, and they end with an answer of the assistant.
pub fn follow_the_readme(node: &Node, parlor: &Parlor, binary: &Path, folder: &Path) -> Result<()> {
    let workshop = Workshop::furnish(node, folder, "docs-client")?;
    let blocks = bash_blocks(&fs::read_to_string("README.md")?);
    ensure!(!blocks.is_empty(), "the README has no bash block below {HEADING:?}");
    let script = blocks
        .replace("127.0.0.1:8080", parlor.address())
        .replace("target/debug/parlor", &binary.to_string_lossy());
    let mut shell = Command::new("bash");
    clean(&mut shell)
        .args(["-euo", "pipefail", "-c", &script])
        .env("PATH", with_websocat(node, &workshop)?)
        .env("PARLOR_DATA_DIR", parlor.data());
    println!("$ bash: {} lines of README.md", script.lines().count());
    let output = capture(&mut shell)?;
    print!("{output}");
    let history = output
        .lines()
        .rfind(|line| line.starts_with("{\"results\":"))
        .context("no history was printed")?;
    let history: Value = serde_json::from_str(history).with_context(|| format!("this is no JSON: {history}"))?;
    let said: Vec<_> = history
        .pointer("/results")
        .and_then(Value::as_array)
        .context("there are no messages in the history")?
        .iter()
        .map(|message| message.get("text").and_then(Value::as_str))
        .collect();
    ensure!(said == SAID.map(Some), "the conversation is {said:?}");
    // The socket shows its message as its sender's other devices see it.
    ensure!(output.contains(r#""event":"conversation:new-message""#), "no event came over the socket");
    ensure!(output.contains(r#""url":"/help/refunds""#), "the assistant names no article");
    ensure!(output.trim_end().ends_with("data: [DONE]"), "the assistant's answer does not end as it should");
    Ok(())
}

/// `PATH` with a stand-in for websocat, which few machines have and which takes minutes to build.
fn with_websocat(node: &Node, workshop: &Workshop<'_>) -> Result<String> {
    let folder = absolute(workshop.folder.join("bin"))?;
    fs::create_dir_all(&folder)?;
    let script = absolute(workshop.folder.join("websocat.js"))?;
    let program = node.program()?;
    let stand_in = folder.join("websocat");
    fs::write(&stand_in, format!("#!/bin/sh\nexec '{}' '{}' \"$@\"\n", program.display(), script.display()))?;
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755))?;
    Ok(format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default()))
}

fn bash_blocks(markdown: &str) -> String {
    let section = markdown
        .lines()
        .skip_while(|line| *line != HEADING)
        .skip(1)
        .take_while(|line| !line.starts_with("## "));
    let mut inside = false;
    let mut script = String::new();
    for line in section {
        match line {
            "```bash" => inside = true,
            "```" => inside = false,
            line if inside => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bash_blocks_of_the_section_are_run() {
        let markdown = "```bash\nno\n```\n## A first conversation\n```sh\nno\n```\n```bash\none\n```\ntext\n```bash\ntwo\n```\n## Next\n```bash\nno\n```\n";
        assert_eq!(bash_blocks(markdown), "one\ntwo\n");
    }
}
