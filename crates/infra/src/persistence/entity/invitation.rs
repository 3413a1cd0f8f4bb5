use crate::persistence::error::hash;
use crate::persistence::timestamp::StoredTime;
use parlor_domain::agent::Invitation;
use parlor_domain::id::{AgentId, InvitationId, WorkspaceId};
use parlor_domain::store::RepositoryError;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub agent_id: Option<Uuid>,
    pub token: Vec<u8>,
    pub created_at: StoredTime,
    pub expires_at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Invitation> for Model {
    fn from(invitation: &Invitation) -> Self {
        Self {
            id: invitation.id.0,
            workspace_id: invitation.workspace_id.0,
            agent_id: invitation.agent_id.map(|id| id.0),
            token: invitation.token.0.to_vec(),
            created_at: invitation.created_at.into(),
            expires_at: invitation.expires_at.into(),
        }
    }
}

impl TryFrom<Model> for Invitation {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: InvitationId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            agent_id: row.agent_id.map(AgentId),
            token: hash("invitation.token", &row.token)?,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
        })
    }
}
