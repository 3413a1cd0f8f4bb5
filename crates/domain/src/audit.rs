//! The audit log: who changed what, for changes that leave no message.

use crate::clock::Timestamp;
use crate::id::{AuditId, WorkspaceId};
use crate::store::RepositoryError;
use async_trait::async_trait;
use uuid::Uuid;

/// One line of the log. It never holds message texts, keys or secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// The line.
    pub id: AuditId,
    /// Whose log.
    pub workspace_id: WorkspaceId,
    /// The agent, machine or visitor that did it; `None` for the server itself.
    pub actor_id: Option<Uuid>,
    /// What was done, such as `conversation.assign`.
    pub action: String,
    /// The conversation, agent, channel … that it was done to.
    pub target_id: Uuid,
    /// What changed to what.
    pub detail: serde_json::Value,
    /// When.
    pub at: Timestamp,
}

/// Keeps the log. Lines are only added.
#[async_trait]
pub trait AuditRepository: Send + Sync {
    /// Adds a line.
    async fn insert(&self, entry: &AuditEntry) -> Result<(), RepositoryError>;
    /// The lines about one thing, oldest first, at most 100.
    async fn list_for(&self, workspace: WorkspaceId, target: Uuid) -> Result<Vec<AuditEntry>, RepositoryError>;
}
