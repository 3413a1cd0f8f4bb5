use super::Attachment;
use crate::clock::Timestamp;
use crate::id::{AttachmentId, ConversationId, WorkspaceId};
use crate::store::RepositoryError;
use async_trait::async_trait;

/// Keeps what is known of files. That a message carries one, or carries it no more, is written by
/// [`crate::conversation::ConversationStore::commit`]; a conversation that is erased marks its files as deleted.
#[async_trait]
pub trait AttachmentRepository: Send + Sync {
    /// One by id, whatever its workspace: a signed link leads to it.
    async fn find_any(&self, id: AttachmentId) -> Result<Option<Attachment>, RepositoryError>;
    /// Those of one conversation with these ids, in free order; unknown ids are left out.
    async fn find_many(&self, workspace: WorkspaceId, conversation: ConversationId, ids: &[AttachmentId]) -> Result<Vec<Attachment>, RepositoryError>;
    /// Adds one.
    async fn insert(&self, attachment: &Attachment) -> Result<(), RepositoryError>;
    /// Those that are deleted, and those that wait for a message since before `unused_before`; at most `limit`.
    async fn removable(&self, unused_before: Timestamp, limit: usize) -> Result<Vec<Attachment>, RepositoryError>;
    /// Forgets one.
    async fn delete(&self, id: AttachmentId) -> Result<(), RepositoryError>;
}
