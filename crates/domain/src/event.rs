//! What happened, told to whoever is live. A lost event is never a lost message: the database is the truth.

use crate::clock::Timestamp;
use crate::conversation::{ChangedFields, Conversation};
use crate::id::{AgentId, ConversationId, LoginId, MessageId, VisitorId, WorkspaceId};
use crate::message::{Message, Side};
use async_trait::async_trait;
use std::sync::Arc;
use uuid::Uuid;

/// How a known message changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageChange {
    /// Another text.
    Edited,
    /// Emptied.
    Deleted,
    /// A sign put on it or taken away.
    Reaction,
    /// An offer or appointment moved on.
    Action,
    /// It got further, or failed.
    Status,
    /// The file that it came with is here now, or cannot be had.
    Attachment,
}

/// What one command did.
#[derive(Debug, Clone, PartialEq)]
pub enum ConversationChange {
    /// A message, perhaps with a reopening or take-over.
    NewMessage(Arc<Message>),
    /// A known message changed.
    MessageUpdated(Arc<Message>, MessageChange),
    /// The conversation itself changed.
    Updated(ChangedFields),
    /// It is gone for both parties.
    Deleted,
}

/// One change with its numbers. A node that gets one twice drops it; one that misses one reads the database.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationEvent {
    /// The conversation as the change left it.
    pub conversation: Arc<Conversation>,
    /// The number as customers count; `None` if it is not for them.
    pub rev: Option<i64>,
    /// The number as agents count.
    pub staff_rev: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub change: ConversationChange,
}

/// Who is typing, viewing or present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// On which side.
    pub side: Side,
    /// The internal id.
    pub id: Uuid,
    /// The name.
    pub name: Option<String>,
}

/// How available an agent says to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// Ready.
    Online,
    /// Not at the desk.
    Away,
    /// At the desk, not ready.
    Busy,
}

/// What is merely live: best effort, without a number, dropped first.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// Somebody types, or stopped.
    Typing {
        /// Where.
        conversation_id: ConversationId,
        /// Who.
        from: Participant,
        /// Begin or end.
        active: bool,
        /// Whether it is a note, which visitors are not told of.
        private: bool,
    },
    /// A side read up to a place. The mark itself is stored.
    Read {
        /// The conversation with the new marks.
        conversation: Arc<Conversation>,
        /// Which side.
        by: Side,
        /// The agent, if it is that side.
        agent_id: Option<AgentId>,
        /// Up to where.
        up_to_seq: i64,
        /// When.
        at: Timestamp,
    },
    /// A side's client received up to a place. The mark itself is stored.
    Delivered {
        /// Where.
        conversation_id: ConversationId,
        /// Which side.
        by: Side,
        /// Up to where.
        up_to_seq: i64,
        /// When.
        at: Timestamp,
    },
    /// An agent has the conversation open, or closed it.
    Viewing {
        /// Where.
        conversation_id: ConversationId,
        /// Who.
        agent: Participant,
        /// Begin or end.
        active: bool,
    },
    /// The assistant says more of the answer that it is writing.
    AnswerDelta {
        /// Where.
        conversation_id: ConversationId,
        /// The answer as it will be stored.
        message_id: MessageId,
        /// Characters before it.
        offset: usize,
        /// More text.
        delta: Arc<str>,
    },
    /// The visitor wants no more of the answer that is being written.
    StopAnswer {
        /// Where.
        conversation_id: ConversationId,
    },
    /// Somebody came or went.
    Presence {
        /// Where.
        workspace_id: WorkspaceId,
        /// Who.
        who: Participant,
        /// Whether any connection is left.
        online: bool,
        /// What an agent says to be.
        status: Option<Availability>,
        /// When last seen.
        last_seen_at: Timestamp,
    },
    /// A visitor looks at another page.
    Page {
        /// Where.
        workspace_id: WorkspaceId,
        /// Who.
        visitor_id: VisitorId,
        /// The page.
        url: String,
        /// Its title.
        title: Option<String>,
    },
}

/// Somebody's rights changed: caches forget, sockets close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessChange {
    /// A login ended.
    LoginEnded(LoginId),
    /// An agent was deactivated, got another role, or changed the password: all tokens of an older `auth_version` are void.
    AgentChanged(AgentId),
    /// An API key was revoked.
    ApiKeyRevoked(WorkspaceId),
    /// A visitor was retired or erased.
    VisitorGone(VisitorId),
    /// Conversations went to another visitor.
    ConversationMoved(ConversationId),
    /// Origins of channels changed.
    ChannelsChanged(WorkspaceId),
}

/// What travels on the bus.
#[derive(Debug, Clone, PartialEq)]
pub enum DomainEvent {
    /// A numbered change of a conversation.
    Conversation(ConversationEvent),
    /// Something merely live.
    Signal(Signal),
    /// Somebody's rights changed.
    Access(AccessChange),
}

/// Takes events on a node. Called where they are published, so it must be quick and never block: it puts bytes into queues.
pub trait EventSubscriber: Send + Sync {
    /// Takes one event.
    fn deliver(&self, event: &Arc<DomainEvent>);
}

/// Tells every node what happened.
///
/// Events that one task publishes reach each subscriber in that order. Delivery is at most once to each subscriber: who
/// counts `staff_rev` sees a hole.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Tells all subscribers of all nodes. Never fails: what cannot be told is found in the database.
    fn publish(&self, event: DomainEvent);
    /// From now on hands events to `subscriber`, for as long as it lives.
    fn subscribe(&self, subscriber: std::sync::Weak<dyn EventSubscriber>);
    /// Answers when the bus is reachable.
    async fn check(&self) -> Result<(), String>;
}
