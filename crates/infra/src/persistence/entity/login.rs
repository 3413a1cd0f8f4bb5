use crate::persistence::timestamp::StoredTime;
use parlor_domain::agent::Login;
use parlor_domain::id::{AgentId, LoginId};
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "login")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub agent_id: Uuid,
    pub auth_version: i64,
    pub generation: i64,
    pub created_at: StoredTime,
    pub expires_at: StoredTime,
    pub ended_at: Option<StoredTime>,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Login> for Model {
    fn from(login: &Login) -> Self {
        Self {
            id: login.id.0,
            agent_id: login.agent_id.0,
            auth_version: login.auth_version,
            generation: login.generation,
            created_at: login.created_at.into(),
            expires_at: login.expires_at.into(),
            ended_at: login.ended_at.map(Into::into),
        }
    }
}

impl From<Model> for Login {
    fn from(row: Model) -> Self {
        Self {
            id: LoginId(row.id),
            agent_id: AgentId(row.agent_id),
            auth_version: row.auth_version,
            generation: row.generation,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
            ended_at: row.ended_at.map(Into::into),
        }
    }
}
