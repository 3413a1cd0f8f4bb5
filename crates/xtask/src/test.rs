//! `cargo xtask test`: the whole suite, on a machine that may have nothing but Rust.

use crate::{
    postgres::Postgres,
    process::{cargo, run as run_command},
};
use anyhow::{Context, Result, bail};
use std::env;

/// What the normal suite does; every round kills the server once on each database.
const CRASH_ROUNDS: &str = "5";

pub fn run(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let postgres = Postgres::prepare()?;
    run_command(
        cargo()
            .args(["test", "--locked"])
            .args(options.whole_workspace().then_some("--workspace"))
            .args(&options.for_cargo)
            .env("PARLOR_TEST_POSTGRES_URL", postgres.url())
            .env("PARLOR_CRASH_ROUNDS", &options.crash_rounds),
    )
}

struct Options {
    crash_rounds: String,
    for_cargo: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            crash_rounds: env::var("PARLOR_CRASH_ROUNDS").unwrap_or_else(|_| CRASH_ROUNDS.into()),
            for_cargo: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--crash-rounds" => options.crash_rounds = arguments.next().context("--crash-rounds needs a number")?.clone(),
                "--" => options.for_cargo.extend(arguments.by_ref().cloned()),
                other => bail!("unknown option `{other}`; what is meant for `cargo test` comes after `--`"),
            }
        }
        let rounds: u32 = options
            .crash_rounds
            .parse()
            .with_context(|| format!("`{}` is no number of crash rounds", options.crash_rounds))?;
        options.crash_rounds = rounds.to_string();
        Ok(options)
    }

    /// Cargo ignores `--package` beside `--workspace`.
    fn whole_workspace(&self) -> bool {
        !self
            .for_cargo
            .iter()
            .take_while(|argument| *argument != "--")
            .any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_follows_two_dashes_is_cargos() {
        let options = parse("--crash-rounds 20 -- -p parlor-domain -- --nocapture").unwrap();
        assert_eq!(options.crash_rounds, "20");
        assert_eq!(options.for_cargo, ["-p", "parlor-domain", "--", "--nocapture"]);
        assert!(!options.whole_workspace());
        assert!(parse("-- some_test -- -p").unwrap().whole_workspace());
    }

    #[test]
    fn a_wrong_option_is_refused() {
        assert!(parse("--crash-rounds many").is_err());
        assert!(parse("--crash-rounds").is_err());
        assert!(parse("--nocapture").is_err());
    }
}
