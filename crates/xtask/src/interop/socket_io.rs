//! The clients that old marketplace frontends have, socket.io-client and python-socketio, play a customer and a seller.

use super::{
    SOURCES,
    node::Node,
    parlor::{OWNER, PASSWORD, Parlor},
    python::Python,
    workshop::Workshop,
};
use crate::process::run_within;
use anyhow::Result;
use std::{env, fs, path::Path, process::Command, time::Duration};

/// What the host site signs its tokens with.
const SECRET: &str = "the host site's secret, long enough for HS256";

/// The scripts end by themselves. One that does not is a finding, too.
const PATIENCE: Duration = Duration::from_secs(120);

/// One script of socket.io-client, against an own server.
pub fn converse(node: &Node, binary: &Path, folder: &Path, script: &str) -> Result<()> {
    let workshop = Workshop::furnish(node, folder, "socket-io")?;
    play(binary, &workshop.folder, &mut workshop.script(script)?)
}

/// The same two with python-socketio.
pub fn converse_in_python(python: &Python, binary: &Path, folder: &Path) -> Result<()> {
    python.install("socket-io.txt")?;
    let folder = folder.join("python-socketio");
    fs::create_dir_all(&folder)?;
    let script = env::current_dir()?.join(SOURCES).join("python/socket_io.py");
    play(binary, &folder, Command::new(python.bin().join("python")).arg(script))
}

fn play(binary: &Path, folder: &Path, script: &mut Command) -> Result<()> {
    let parlor = Parlor::start_with(binary, folder, &[("PARLOR_HOST_JWT_SECRET", SECRET)])?;
    script
        .env("PARLOR_URL", parlor.url())
        .env("PARLOR_HOST_JWT_SECRET", SECRET)
        .env("PARLOR_USERNAME", OWNER)
        .env("PARLOR_PASSWORD", PASSWORD);
    run_within(PATIENCE, script).inspect_err(|_| parlor.tell_its_log())
}
