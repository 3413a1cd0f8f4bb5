//! A row of steps of which each one runs, so that one run shows all there is to mend.

use anyhow::{Result, bail};
use std::time::Instant;

#[derive(Default)]
pub struct Report {
    lines: Vec<String>,
    failed: Vec<String>,
}

impl Report {
    /// Run one step and remember how it ended.
    pub fn step(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        println!("\n== {name}");
        let started = Instant::now();
        let outcome = step();
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => self.lines.push(format!("  ok      {seconds:6.1} s  {name}")),
            Err(error) => {
                println!("{name}: {error:#}");
                self.lines.push(format!("  FAILED  {seconds:6.1} s  {name}"));
                self.failed.push(name.to_owned());
            }
        }
    }

    /// A step that did not run, and why.
    pub fn note(&mut self, name: &str, why: &str) {
        println!("\n== {name}: {why}");
        self.lines.push(format!("  -                 {name}: {why}"));
    }

    /// The summary; an error when a step failed.
    pub fn finish(self) -> Result<()> {
        println!("\n{}", self.lines.join("\n"));
        if !self.failed.is_empty() {
            bail!("failed: {}", self.failed.join(", "));
        }
        Ok(())
    }
}
