use crate::persistence::error::{from_json, to_json, unreadable};
use crate::persistence::timestamp::StoredTime;
use parlor_domain::agent::{Agent, Role};
use parlor_domain::id::{AgentId, WorkspaceId};
use parlor_domain::security::PasswordHash;
use parlor_domain::store::RepositoryError;
use parlor_domain::text::{Email, Line, Name};
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "agent")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    /// Lower case, as the domain makes it.
    pub email: String,
    pub username: Option<String>,
    /// The user name in lower case: unique, and what a login is compared with.
    pub username_key: Option<String>,
    pub name: String,
    pub role: String,
    pub external_id: Option<String>,
    pub password: Option<String>,
    pub auth_version: i64,
    pub settings: Json,
    pub created_at: StoredTime,
    pub updated_at: StoredTime,
    pub unclaimed: bool,
    pub deactivated_at: Option<StoredTime>,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&Agent> for Model {
    type Error = RepositoryError;

    fn try_from(agent: &Agent) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: agent.id.0,
            workspace_id: agent.workspace_id.0,
            email: agent.email.as_str().to_owned(),
            username: agent.username.as_ref().map(|name| name.as_str().to_owned()),
            username_key: agent.username.as_ref().map(|name| name.as_str().to_lowercase()),
            name: agent.name.as_str().to_owned(),
            role: agent.role.as_str().to_owned(),
            external_id: agent.external_id.as_ref().map(|id| id.as_str().to_owned()),
            password: agent.password.as_ref().map(|hash| hash.0.clone()),
            auth_version: agent.auth_version,
            settings: to_json(&agent.settings)?,
            created_at: agent.created_at.into(),
            updated_at: agent.updated_at.into(),
            unclaimed: agent.unclaimed,
            deactivated_at: agent.deactivated_at.map(Into::into),
        })
    }
}

impl TryFrom<Model> for Agent {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: AgentId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            email: Email::stored(row.email),
            username: row.username.map(Name::stored),
            name: Name::stored(row.name),
            role: Role::from_word(&row.role).ok_or_else(|| unreadable("agent.role"))?,
            external_id: row.external_id.map(Line::stored),
            password: row.password.map(PasswordHash),
            auth_version: row.auth_version,
            settings: from_json("agent.settings", row.settings)?,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            unclaimed: row.unclaimed,
            deactivated_at: row.deactivated_at.map(Into::into),
        })
    }
}
