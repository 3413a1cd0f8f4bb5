use crate::clock::Timestamp;
use crate::id::WorkspaceId;
use crate::text::Name;

/// A tenant. Everything else carries its id, and nothing is seen across it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// The tenant.
    pub id: WorkspaceId,
    /// Unique on the server.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name last changed.
    pub updated_at: Timestamp,
}
