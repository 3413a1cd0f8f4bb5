use super::Channel;
use crate::id::{ChannelId, WorkspaceId};
use crate::store::RepositoryError;
use crate::whatsapp::WhatsappHealth;
use async_trait::async_trait;

/// Keeps entry points, deleted ones included.
#[async_trait]
pub trait ChannelRepository: Send + Sync {
    /// One by id, whatever its workspace: the id is public and leads strangers to their workspace.
    async fn find_any(&self, id: ChannelId) -> Result<Option<Channel>, RepositoryError>;
    /// One of a workspace.
    async fn find(&self, workspace: WorkspaceId, id: ChannelId) -> Result<Option<Channel>, RepositoryError>;
    /// Like [`Self::find`], and no other unit of work changes it until this one ends.
    async fn find_for_update(&self, workspace: WorkspaceId, id: ChannelId) -> Result<Option<Channel>, RepositoryError>;
    /// Those of a workspace that are not deleted, oldest first. A workspace has few.
    async fn list(&self, workspace: WorkspaceId) -> Result<Vec<Channel>, RepositoryError>;
    /// Those of all workspaces that are not deleted, oldest first: whose origins may call this server.
    async fn list_all(&self) -> Result<Vec<Channel>, RepositoryError>;
    /// Adds one; [`RepositoryError::Conflict`] if another channel that is not deleted is the same number.
    async fn insert(&self, channel: &Channel) -> Result<(), RepositoryError>;
    /// Writes one, but for its health; [`RepositoryError::Conflict`] if another channel that is not deleted is the same number.
    async fn update(&self, channel: &Channel) -> Result<(), RepositoryError>;
    /// Notes why a number cannot be used right now, or that it can again.
    async fn set_health(&self, id: ChannelId, health: Option<&WhatsappHealth>) -> Result<(), RepositoryError>;
}
