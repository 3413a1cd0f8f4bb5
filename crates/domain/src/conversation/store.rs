use super::{AgentMark, Conversation, ExternalId};
use crate::audit::AuditEntry;
use crate::id::{AttachmentId, ConversationId, JobId, KeyHash, MessageId, WorkspaceId};
use crate::job::Job;
use crate::message::{AuthorId, Message, SenderKind};
use crate::store::RepositoryError;
use async_trait::async_trait;
use std::sync::Arc;

/// Points to one message in one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MessageKey {
    /// By its id.
    Id(ConversationId, MessageId),
    /// The public message in this place.
    Place(ConversationId, i64),
    /// By author and the author's client id.
    ClientId(ConversationId, AuthorId, String),
    /// By what the platform of its channel calls it, or a part of it; it may be in any conversation of the channel.
    ExternalId(ExternalId),
    /// The so-many-th (from 1, by place) public message of this kind of sender with this content.
    Equal(ConversationId, SenderKind, KeyHash, usize),
}

/// What the platform of a channel calls a part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The platform's id, unique in the channel.
    pub external_id: ExternalId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Where.
    pub conversation_id: ConversationId,
    /// The message.
    pub message_id: MessageId,
    /// Which part of it, from 0.
    pub part: usize,
}

/// What one batch does to one conversation. All of it is written, or nothing.
#[derive(Debug, Clone)]
pub struct CommitItem {
    /// The row's `version` that this was decided on.
    pub base_version: i64,
    /// The row as it shall be. Its `version` is above `base_version`.
    pub conversation: Conversation,
    /// New messages, in order.
    pub inserted: Vec<Arc<Message>>,
    /// Messages that changed.
    pub updated: Vec<Arc<Message>>,
    /// What a platform calls messages from now on.
    pub named: Vec<Naming>,
    /// Files that messages carry from now on.
    pub attached: Vec<(AttachmentId, MessageId)>,
    /// Messages whose files are deleted from now on.
    pub detached: Vec<MessageId>,
    /// Agents' own marks; a mark that is not ahead of the stored one changes nothing.
    pub agent_marks: Vec<AgentMark>,
    /// Lines for the audit log.
    pub audit: Vec<AuditEntry>,
    /// Work that follows.
    pub jobs: Vec<Job>,
    /// Work that is done, or not wanted any more.
    pub finished_jobs: Vec<JobId>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It is durable.
    Stored,
    /// The row has another version (or is gone): nothing of the item was written.
    Stale,
    /// The author has used one of the client ids in this conversation before, or the channel has a message with one of the platform's
    /// ids: nothing of the item was written.
    ClientIdTaken,
}

/// Where the writer reads and commits.
#[async_trait]
pub trait ConversationStore: Send + Sync {
    /// The rows with these ids, deleted ones included; unknown ids are left out. Order is free.
    async fn load(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError>;
    /// The messages that the keys point to; keys without one are left out.
    async fn load_messages(&self, keys: &[MessageKey]) -> Result<Vec<(MessageKey, Message)>, RepositoryError>;
    /// Those of some files that no message can carry any more: one carries them, or they are deleted or gone.
    async fn used_files(&self, ids: &[AttachmentId]) -> Result<Vec<AttachmentId>, RepositoryError>;
    /// Writes a batch: at most one item for each conversation. One outcome for each item, in their order; items do not harm one another.
    ///
    /// After [`RepositoryError::Failed`] nothing of the batch is written. After [`RepositoryError::Unavailable`] it is not known.
    async fn commit(&self, batch: &[CommitItem]) -> Result<Vec<CommitOutcome>, RepositoryError>;
}
