//! The command line. Answers go to standard output, everything else to standard error.

mod agent;
mod articles;
mod demo;
mod documents;
mod health;
mod workspace;

use crate::config::{Config, Settings, everywhere};
use crate::logging;
use crate::serve::serve;
use crate::storage::{Storage, open_beside, open_to_serve};
use crate::wiring::{Wired, World, wire};
use crate::worker::Workers;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;

/// A customer messaging server: visitors write, agents answer, everything is live
#[derive(Debug, Parser)]
#[command(name = "parlor", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: Config,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (also without any command)
    Serve {
        /// Fill a new server with sample data first
        #[arg(long)]
        demo: bool,
    },
    /// Bring the database to this version
    Migrate,
    /// Workspaces
    #[command(subcommand)]
    Workspace(workspace::WorkspaceCommand),
    /// Agents
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Help articles
    #[command(subcommand)]
    Articles(articles::ArticlesCommand),
    /// Print an access token of an agent, good for 15 minutes
    Token {
        /// E-mail address or user name
        agent: String,
    },
    /// Fill the workspace with sample data
    SeedDemo,
    /// Print the OpenAPI document
    Openapi,
    /// Print the AsyncAPI document of the sockets
    Asyncapi,
    /// Print what is configured and where each value came from
    Config,
    /// Ask a running server whether it is ready; for containers
    Healthcheck,
}

/// Runs the command line.
///
/// # Errors
/// What went wrong, with what to do about it.
pub async fn run(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    let matches = everywhere(Cli::command()).get_matches_from(args);
    let cli = Cli::from_arg_matches(&matches)?;
    match cli.command.unwrap_or(Command::Serve { demo: false }) {
        Command::Openapi => print(&documents::openapi()?),
        Command::Asyncapi => print(&documents::asyncapi()?),
        Command::Healthcheck => health::check(&cli.config).await,
        command => with_settings(command, Settings::try_from(cli.config)?, &matches).await,
    }
}

async fn with_settings(command: Command, settings: Settings, matches: &ArgMatches) -> anyhow::Result<()> {
    logging::begin(&settings.log, settings.log_format)?;
    match command {
        Command::Serve { demo } => {
            if demo {
                let beside = Beside::open_alone(&settings).await?;
                demo::seed(&beside.wired).await?;
                beside.close().await;
            }
            serve(settings).await
        }
        Command::Migrate => {
            let storage = open_to_serve(&settings).await?;
            storage.store.close().await?;
            print("The database is of this version.")
        }
        Command::Config => print(&settings.describe(matches)),
        Command::Workspace(command) => {
            let beside = Beside::open(&settings).await?;
            let answer = workspace::run(command, &beside.wired).await;
            beside.close().await;
            print(&answer?)
        }
        Command::Agent(command) => {
            let beside = Beside::open(&settings).await?;
            let answer = agent::run(command, &beside.wired).await;
            beside.close().await;
            print(&answer?)
        }
        Command::Articles(command) => {
            let beside = Beside::open(&settings).await?;
            let answer = articles::run(command, &beside.wired).await;
            beside.close().await;
            print(&answer?)
        }
        Command::Token { agent } => {
            let beside = Beside::open(&settings).await?;
            let answer = agent::token(&agent, &beside.wired).await;
            beside.close().await;
            print(&answer?)
        }
        Command::SeedDemo => {
            let beside = Beside::open(&settings).await?;
            let answer = demo::seed(&beside.wired).await;
            beside.close().await;
            print(&answer?)
        }
        Command::Openapi | Command::Asyncapi | Command::Healthcheck => Ok(()),
    }
}

/// The application without its doors, for a short command beside a server.
struct Beside {
    wired: Wired,
    workers: Workers,
}

impl Beside {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        Self::over(settings, open_beside(settings).await?).await
    }

    async fn open_alone(settings: &Settings) -> anyhow::Result<Self> {
        Self::over(settings, open_to_serve(settings).await?).await
    }

    async fn over(settings: &Settings, storage: Storage) -> anyhow::Result<Self> {
        let wired = wire(settings, storage.store, &storage.secret, World::real(), None)?;
        wired.state.workspaces.ensure_default().await?;
        let workers = Workers::start(&wired);
        Ok(Self { wired, workers })
    }

    async fn close(self) {
        self.workers.stop().await;
        if let Err(error) = self.wired.store.close().await {
            tracing::warn!(%error, "the database could not be closed");
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    Ok(())
}

/// Says what went wrong: the chain of causes in one line each.
pub fn complain(error: &anyhow::Error) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "parlor: {error}");
    for cause in error.chain().skip(1) {
        let _ = writeln!(out, "  because: {cause}");
    }
}
