//! Telling what may be configured, and what is.

use super::{Config, Database, SecretText, Settings};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command};
use parlor_api::limits_config::Limits;
use std::fmt::Write;

/// What is shown in place of a secret.
const HIDDEN: &str = "(hidden)";
const ENV_EXAMPLE_WIDTH: usize = 100;

/// One variable of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name in the environment.
    pub name: String,
    /// Its flag, without the dashes.
    pub flag: String,
    /// What is taken without it, where that is a plain value.
    pub default: Option<String>,
    /// What it does.
    pub help: String,
    /// The part of the configuration it stands in.
    pub heading: String,
    id: String,
}

/// All variables, in the order of their documentation.
#[must_use]
pub fn variables() -> Vec<Variable> {
    Config::augment_args(Command::new("parlor")).get_arguments().filter_map(variable).collect()
}

fn variable(arg: &Arg) -> Option<Variable> {
    Some(Variable {
        name: arg.get_env()?.to_str()?.to_owned(),
        flag: arg.get_long()?.to_owned(),
        default: arg.get_default_values().first().and_then(|value| value.to_str()).map(str::to_owned),
        help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        heading: arg.get_help_heading().unwrap_or_default().to_owned(),
        id: arg.get_id().to_string(),
    })
}

/// Lets the flags of the configuration stand before and after a subcommand, keeps them out of the short help, and keeps values of the
/// environment out of any help.
#[must_use]
pub fn everywhere(command: Command) -> Command {
    command.mut_args(|arg| {
        if arg.get_env().is_some() {
            arg.global(true).hide_short_help(true).hide_env_values(true)
        } else {
            arg
        }
    })
}

/// The text of `.env.example`.
#[must_use]
pub fn env_example() -> String {
    let mut text = "# Everything that can be configured, with its default. Copy to .env, take away the # of what you change, and\n\
                    # give it to the server: docker compose reads .env itself, a shell does by: set -a; . ./.env; set +a\n\
                    # More in docs/configuration.md.\n"
        .to_owned();
    let mut heading = String::new();
    for variable in variables() {
        if variable.heading != heading {
            let _ = write!(text, "\n# --- {} ---\n", variable.heading);
            heading = variable.heading;
        }
        let _ = write!(
            text,
            "\n{}#{}={}\n",
            comment(&variable.help),
            variable.name,
            variable.default.unwrap_or_default()
        );
    }
    text
}

fn comment(help: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in help.split_whitespace() {
        if line.len() + 1 + word.len() > ENV_EXAMPLE_WIDTH {
            let _ = writeln!(lines, "{line}");
            line = String::from("#");
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(lines, "{line}");
    lines
}

impl Settings {
    /// Each variable, what is in force, and where it came from; secrets hidden. `matches` is what these settings were read from.
    #[must_use]
    pub fn describe(&self, matches: &ArgMatches) -> String {
        let rows: Vec<(String, String, &str)> = variables()
            .into_iter()
            .map(|variable| {
                let written = matches
                    .try_get_raw(&variable.id)
                    .ok()
                    .flatten()
                    .and_then(|mut values| values.next())
                    .map(|value| value.to_string_lossy().trim().to_owned());
                let source = match matches.value_source(&variable.id) {
                    Some(ValueSource::CommandLine) => "flag",
                    Some(ValueSource::EnvVariable) => "environment",
                    _ => "default",
                };
                match written.filter(|text| !text.is_empty()) {
                    Some(text) => (variable.name, self.in_force(&variable.id, Some(text)), source),
                    None => (variable.name, self.in_force(&variable.id, variable.default), "default"),
                }
            })
            .collect();
        let names = rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or_default();
        let values = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or_default();
        rows.iter().fold(String::new(), |mut text, (name, value, source)| {
            let _ = writeln!(text, "{name:names$}  {value:values$}  {source}");
            text
        })
    }

    /// What a variable amounts to, where that is not simply what was written.
    fn in_force(&self, id: &str, written: Option<String>) -> String {
        match (id, written) {
            ("database_url", _) => match &self.database {
                Database::Sqlite(file) => format!("SQLite in {}", file.display()),
                Database::Postgres(url) => without_password(url),
            },
            ("secret_key", None) => format!("in {}", self.secret_file().display()),
            (
                "secret_key"
                | "host_jwt_secret"
                | "assistant_api_key"
                | "metrics_token"
                | "whatsapp_access_token"
                | "whatsapp_app_secret"
                | "whatsapp_verify_token",
                Some(_),
            ) => HIDDEN.to_owned(),
            ("public_url", _) => self.public_url.clone(),
            ("writer_lanes", _) => self.writer_lanes.to_string(),
            (limit, Some(_)) if limit.starts_with("limit_") && self.limits == Limits::OFF => "off".to_owned(),
            (_, Some(written)) => written,
            (_, None) => "–".to_owned(),
        }
    }
}

/// Scheme, server and database of a URL. Passwords hide in front of the last `@` and behind the `?`.
fn without_password(url: &SecretText) -> String {
    let url = url.expose();
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let place = place.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{place}")
}
