use super::Message;
use crate::conversation::Audience;
use crate::id::{ConversationId, MessageId};
use crate::page::{Cursor, Limit};
use crate::store::RepositoryError;
use async_trait::async_trait;

/// Which part of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryWindow {
    /// The end of it.
    Newest,
    /// What stands before this place, the nearest.
    Before(i64),
    /// What stands right after public message n, for agents with the notes there (they carry n).
    After(i64),
    /// Going on with a page backwards: what stands before the cursor (`seq`, id) in the audience's order.
    BeforeCursor(Cursor),
    /// Going on with a page forwards: what stands after the cursor.
    AfterCursor(Cursor),
}

/// A page of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Whose: notes are for agents only.
    pub audience: Audience,
    /// Which part.
    pub window: HistoryWindow,
    /// How many.
    pub limit: Limit,
}

/// Messages in their order, oldest first, and where the next page begins in the direction that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPage {
    /// By (`seq`, public before notes, id), rising.
    pub messages: Vec<Message>,
    /// The outermost message's (`seq`, id), if there are more beyond it.
    pub next: Option<Cursor>,
}

/// Keeps messages. They are written by [`crate::conversation::ConversationStore`]; here they are read, and written with
/// a conversation that begins.
///
/// The order of a history is: public messages by `seq`; each note after the public message whose `seq` it carries,
/// notes of one place by id.
#[async_trait]
pub trait MessageRepository: Send + Sync {
    /// One of a conversation.
    async fn find(&self, conversation: ConversationId, id: MessageId) -> Result<Option<Message>, RepositoryError>;
    /// A page of the history.
    async fn history(&self, conversation: ConversationId, query: HistoryQuery) -> Result<HistoryPage, RepositoryError>;
    /// Messages made or changed after number `after` as the audience counts, each once, by that number rising: the `limit` lowest.
    async fn changed_after(&self, conversation: ConversationId, audience: Audience, after: i64, limit: usize) -> Result<Vec<Message>, RepositoryError>;
    /// The newest `each` public messages of each conversation, by conversation and then place, rising.
    async fn newest_of(&self, conversations: &[ConversationId], each: usize) -> Result<Vec<Message>, RepositoryError>;
    /// What people and the assistant said, without lines of the server: the `limit` that stand before the newest `offset`, by place rising.
    async fn newest_said(&self, conversation: ConversationId, offset: usize, limit: usize) -> Result<Vec<Message>, RepositoryError>;
    /// Adds the first messages of a conversation, in the unit of work that makes it.
    async fn insert(&self, messages: &[Message]) -> Result<(), RepositoryError>;
}
