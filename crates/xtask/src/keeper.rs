//! What a task started must not outlive it, however the task ends: by success, error, Ctrl-C or SIGKILL.
//! A destructor alone cannot promise that, so a small shell holds the other end of a pipe and cleans up when it closes.

use anyhow::{Context, Result};
use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

/// Runs a program, stops it by a signal when the pipe closes, and removes its folder. It ends early when the program does.
const PROGRAM: &str = r#"
signal=$1 folder=$2; shift 2
exec 3<&0 </dev/null
"$@" & program=$!
(cat <&3; kill -s "$signal" "$program") >/dev/null 2>&1 &
wait "$program"
cd / && rm -rf "$folder"
"#;

/// Runs a command when the pipe closes.
const AFTERWARDS: &str = r#"cat; exec "$@" </dev/null >/dev/null 2>&1"#;

pub struct Keeper(Child);

impl Keeper {
    /// Run `program` until this value goes. `prepare` sets user, environment and output of both shell and program.
    pub fn of_program(program: &[&str], signal: &str, folder: &Path, prepare: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", PROGRAM, "keeper", signal]).arg(folder).args(program);
        prepare(&mut shell);
        Self::spawn(shell)
    }

    /// Run `command` when this value goes.
    pub fn afterwards(command: &[&str], prepare: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", AFTERWARDS, "keeper"]).args(command);
        prepare(&mut shell);
        Self::spawn(shell)
    }

    /// How the program ended, if it did.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    fn spawn(mut shell: Command) -> Result<Self> {
        // An own process group: Ctrl-C in the terminal reaches the task and not its keeper.
        Ok(Self(shell.stdin(Stdio::piped()).process_group(0).spawn().context("cannot start `sh`")?))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
