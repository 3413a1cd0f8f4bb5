//! pywa, a library for the WhatsApp API that is not ours, meets the testkit's stand-in of that API, and Parlor in its place.

use super::{
    SOURCES,
    parlor::{OWNER, PASSWORD, Parlor},
    python::Python,
};
use crate::process::{free_port, run_within};
use anyhow::Result;
use std::{env, fs, path::Path, process::Command, time::Duration};

/// What both sides of the API know.
const SETTINGS: [(&str, &str); 5] = [
    ("PARLOR_WHATSAPP_PHONE_NUMBER_ID", "830000000000001"),
    ("PARLOR_WHATSAPP_WABA_ID", "811000000000001"),
    ("PARLOR_WHATSAPP_ACCESS_TOKEN", "interop-access-token"),
    ("PARLOR_WHATSAPP_APP_SECRET", "interop-app-secret"),
    ("PARLOR_WHATSAPP_VERIFY_TOKEN", "interop-verify-token"),
];

/// The scripts end by themselves. One that does not is a finding, too.
const PATIENCE: Duration = Duration::from_secs(120);

/// One script of pywa against the stand-in alone: what is said in tests is what the platform says, and takes.
pub fn meet_the_stand_in(python: &Python, binaries: &Path, script: &str) -> Result<()> {
    run_within(PATIENCE, &mut prepared(python, binaries, script)?)
}

/// What an agent says arrives at the API as if pywa had said it.
pub fn compare_with_parlor(python: &Python, binaries: &Path, folder: &Path) -> Result<()> {
    let mut script = prepared(python, binaries, "agrees")?;
    let folder = folder.join("whatsapp");
    fs::create_dir_all(&folder)?;
    // Parlor must know where the API is before anybody is there.
    let listen = format!("127.0.0.1:{}", free_port()?);
    let graph = format!("http://{listen}");
    let settings: Vec<_> = SETTINGS.into_iter().chain([("PARLOR_WHATSAPP_GRAPH_BASE_URL", graph.as_str())]).collect();
    let parlor = Parlor::start_with(&binaries.join("parlor"), &folder, &settings)?;
    script
        .env("PARLOR_URL", parlor.url())
        .env("PARLOR_USERNAME", OWNER)
        .env("PARLOR_PASSWORD", PASSWORD)
        .env("WHATSAPP_LISTEN", listen);
    run_within(PATIENCE, &mut script).inspect_err(|_| parlor.tell_its_log())
}

fn prepared(python: &Python, binaries: &Path, script: &str) -> Result<Command> {
    python.install("whatsapp.txt")?;
    let sources = env::current_dir()?.join(SOURCES);
    let mut command = Command::new(python.bin().join("python"));
    command
        .arg(sources.join("whatsapp").join(script).with_extension("py"))
        // An ordinary build leaves nothing between the files of the repository.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("FAKE_WHATSAPP", binaries.join("fake-whatsapp"))
        .envs(SETTINGS);
    Ok(command)
}
