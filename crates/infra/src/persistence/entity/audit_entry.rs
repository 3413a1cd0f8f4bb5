use crate::persistence::timestamp::StoredTime;
use parlor_domain::audit::AuditEntry;
use parlor_domain::id::{AuditId, WorkspaceId};
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub actor_id: Option<Uuid>,
    pub action: String,
    pub target_id: Uuid,
    pub detail: Json,
    pub at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&AuditEntry> for Model {
    fn from(entry: &AuditEntry) -> Self {
        Self {
            id: entry.id.0,
            workspace_id: entry.workspace_id.0,
            actor_id: entry.actor_id,
            action: entry.action.clone(),
            target_id: entry.target_id,
            detail: entry.detail.clone(),
            at: entry.at.into(),
        }
    }
}

impl From<Model> for AuditEntry {
    fn from(row: Model) -> Self {
        Self {
            id: AuditId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            actor_id: row.actor_id,
            action: row.action,
            target_id: row.target_id,
            detail: row.detail,
            at: row.at.into(),
        }
    }
}
