use super::Workspace;
use crate::id::WorkspaceId;
use crate::store::RepositoryError;
use async_trait::async_trait;

/// Keeps tenants. Names are unique on the server.
#[async_trait]
pub trait WorkspaceRepository: Send + Sync {
    /// One by id.
    async fn find(&self, id: WorkspaceId) -> Result<Option<Workspace>, RepositoryError>;
    /// One by its exact name.
    async fn find_by_name(&self, name: &str) -> Result<Option<Workspace>, RepositoryError>;
    /// All, oldest first. A server has few.
    async fn list(&self) -> Result<Vec<Workspace>, RepositoryError>;
    /// Adds one; [`RepositoryError::Conflict`] if the name is taken.
    async fn insert(&self, workspace: &Workspace) -> Result<(), RepositoryError>;
    /// The next number for a conversation of a family whose ids are numbers: 1, 2, 3 … Whoever asks meanwhile waits until this unit of
    /// work ends.
    async fn next_conversation_number(&self, id: WorkspaceId) -> Result<i64, RepositoryError>;
    /// Writes one; [`RepositoryError::Conflict`] if the name is taken.
    async fn update(&self, workspace: &Workspace) -> Result<(), RepositoryError>;
}
