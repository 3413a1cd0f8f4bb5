use crate::wiring::Wired;
use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use parlor_domain::agent::{Agent, NewAgent, Role};
use parlor_domain::id::WorkspaceId;
use parlor_domain::security::Password;
use parlor_domain::text::{Email, Line, Name};
use serde_json::json;
use std::io::Read;

/// What an agent may do
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleArg {
    /// Own marketplace conversations
    Seller,
    /// Conversations and visitors
    Agent,
    /// Also people, channels and settings
    Admin,
    /// Everything
    Owner,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Seller => Self::Seller,
            RoleArg::Agent => Self::Agent,
            RoleArg::Admin => Self::Admin,
            RoleArg::Owner => Self::Owner,
        }
    }
}

/// What can be done with agents.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// Make an agent. Without a password a link is printed that sets one
    Create {
        /// E-mail address, also the name to log in with
        #[arg(long)]
        email: String,
        /// What the agent may do
        #[arg(long, value_enum)]
        role: RoleArg,
        /// What visitors and colleagues see; without it the part of the address before the @
        #[arg(long)]
        name: Option<String>,
        /// Another name to log in with
        #[arg(long)]
        username: Option<String>,
        /// The id (`sub`) of this person in the host site's tokens
        #[arg(long)]
        external_id: Option<String>,
        /// The name of the workspace; without it the first one
        #[arg(long)]
        workspace: Option<String>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

/// Does it and tells the answer.
pub async fn run(command: AgentCommand, wired: &Wired) -> anyhow::Result<String> {
    let AgentCommand::Create {
        email,
        role,
        name,
        username,
        external_id,
        workspace,
        password_stdin,
    } = command;
    let email = Email::parse(&email).context("--email")?;
    let name = name.unwrap_or_else(|| email.as_str().split('@').next().unwrap_or_default().to_owned());
    let password = if password_stdin { Some(read_password()?) } else { None };
    let new = NewAgent {
        name: Name::parse(&name).context("--name")?,
        email,
        role: role.into(),
        username: username.map(|text| Name::parse(&text)).transpose().context("--username")?,
        external_id: external_id.map(|text| Line::parse(&text)).transpose().context("--external-id")?,
        password,
    };
    let workspace = find_workspace(wired, workspace.as_deref()).await?;
    let invite = new.password.is_none();
    let agent = wired.state.agents.create(workspace, None, new).await?;
    let link = if invite {
        Some(format!(
            "{}/setup?token={}",
            wired.state.settings.public_url,
            wired.state.auth.invite(&agent).await?
        ))
    } else {
        None
    };
    let mut shown = shown(&agent);
    if let (Some(fields), Some(link)) = (shown.as_object_mut(), link) {
        fields.insert("invite_url".to_owned(), link.into());
    }
    Ok(serde_json::to_string_pretty(&shown)?)
}

/// An access token of an agent. Whoever can read the database may have one.
pub async fn token(name: &str, wired: &Wired) -> anyhow::Result<String> {
    let agent = wired
        .state
        .agents
        .find_by_login(name)
        .await
        .with_context(|| format!("there is no agent {name}"))?;
    if !agent.is_active() {
        bail!("the agent {name} is deactivated");
    }
    Ok(wired.state.auth.begin(agent).await?.access)
}

fn shown(agent: &Agent) -> serde_json::Value {
    json!({
        "id": agent.id, "workspace_id": agent.workspace_id, "email": agent.email, "name": agent.name, "role": agent.role,
        "username": agent.username, "external_id": agent.external_id, "created_at": agent.created_at.to_rfc3339(),
    })
}

/// One line, without its end: the way `echo` and password managers give it.
fn read_password() -> anyhow::Result<Password> {
    let mut text = String::new();
    std::io::stdin()
        .take(4096)
        .read_to_string(&mut text)
        .context("the password could not be read from standard input")?;
    let line = text.lines().next().unwrap_or_default();
    Password::parse(line).context("the password")
}

/// The workspace of this name, or the first one.
pub async fn find_workspace(wired: &Wired, name: Option<&str>) -> anyhow::Result<WorkspaceId> {
    let workspaces = wired.state.workspaces.list().await?;
    let found = match name {
        Some(name) => workspaces.iter().find(|workspace| workspace.name.as_str() == name),
        None => workspaces.first(),
    };
    found
        .map(|workspace| workspace.id)
        .with_context(|| format!("there is no workspace {}; see `parlor workspace list`", name.unwrap_or_default()))
}
