use super::Session;
use crate::clock::Timestamp;
use crate::id::{ConversationId, SessionId, VisitorId, WorkspaceId};
use crate::page::{Cursor, Limit, Page};
use crate::store::RepositoryError;
use async_trait::async_trait;

/// Keeps sessions.
#[async_trait]
pub trait SessionRepository: Send + Sync {
    /// One by its id, whatever its workspace; the caller checks whose it is.
    async fn find_any(&self, id: SessionId) -> Result<Option<Session>, RepositoryError>;
    /// Those of a visitor, newest first by `created_at`, then id.
    async fn list(&self, workspace: WorkspaceId, visitor: VisitorId, after: Option<Cursor>, limit: Limit) -> Result<Page<Session>, RepositoryError>;
    /// The newest session in a conversation.
    async fn find_latest(&self, workspace: WorkspaceId, conversation: ConversationId) -> Result<Option<Session>, RepositoryError>;
    /// Adds one.
    async fn insert(&self, session: &Session) -> Result<(), RepositoryError>;
    /// Somebody used one just now.
    async fn touch(&self, id: SessionId, at: Timestamp) -> Result<(), RepositoryError>;
    /// Ends one, if it has not ended.
    async fn end(&self, id: SessionId, at: Timestamp) -> Result<(), RepositoryError>;
    /// Gives all sessions of a visitor to another one.
    async fn move_to_visitor(&self, workspace: WorkspaceId, from: VisitorId, to: VisitorId) -> Result<u64, RepositoryError>;
}
