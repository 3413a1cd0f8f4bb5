use crate::wiring::Wired;
use anyhow::Context;
use clap::Subcommand;
use parlor_domain::text::Name;
use serde_json::json;

/// What can be done with workspaces.
#[derive(Debug, Subcommand)]
pub enum WorkspaceCommand {
    /// Make a workspace with one web channel
    Create {
        /// Its name, unique on the server
        name: String,
    },
    /// Print all workspaces
    List,
}

/// Does it and tells the answer.
pub async fn run(command: WorkspaceCommand, wired: &Wired) -> anyhow::Result<String> {
    let workspaces = &wired.state.workspaces;
    let answer = match command {
        WorkspaceCommand::Create { name } => {
            let (workspace, channel) = workspaces.create(Name::parse(&name).context("the name")?).await?;
            json!({"id": workspace.id, "name": workspace.name, "channel_id": channel.id})
        }
        WorkspaceCommand::List => {
            let all = workspaces.list().await?;
            all.iter()
                .map(|workspace| json!({"id": workspace.id, "name": workspace.name, "created_at": workspace.created_at.to_rfc3339()}))
                .collect()
        }
    };
    Ok(serde_json::to_string_pretty(&answer)?)
}
