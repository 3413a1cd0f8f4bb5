use super::{AgentMark, Conversation, ConversationKind, HandledBy, ReadMark, Seller, Status};
use crate::clock::Timestamp;
use crate::id::{AgentId, ChannelId, ConversationId, RoomKey, VisitorId, WorkspaceId};
use crate::page::{Cursor, Limit, Page};
use crate::store::RepositoryError;
use async_trait::async_trait;

/// Whose conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssigneeFilter {
    /// Nobody's: assistant or queue.
    Nobody,
    /// This agent's.
    Agent(AgentId),
}

/// One of the two of a marketplace conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartyId {
    /// The customer.
    Customer(VisitorId),
    /// The seller.
    Seller(AgentId),
}

/// Which conversations an agent asks for; all that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct ConversationFilter {
    /// With this status.
    pub status: Option<Status>,
    /// Assigned so.
    pub assignee: Option<AssigneeFilter>,
    /// Through this channel.
    pub channel: Option<ChannelId>,
    /// Begun by this door.
    pub kind: Option<ConversationKind>,
    /// Handled so ([`HandledBy::Human`] is `queue` or `agent`).
    pub handled_by: Option<HandledBy>,
    /// With (or without) messages that the team has not read.
    pub unread: Option<bool>,
    /// With (or without) a flag.
    pub flagged: Option<bool>,
    /// With this label.
    pub label: Option<String>,
    /// Without any message, instead of with.
    pub empty: bool,
    /// Deleted ones, instead of the others.
    pub deleted: bool,
    /// Part of the customer's name; or exactly the e-mail address, phone number, subject or the client's id.
    pub query: Option<String>,
}

/// Reads conversations, and writes what begins or ends them. Every write raises `version`.
#[async_trait]
pub trait ConversationRepository: Send + Sync {
    /// One of a workspace, deleted or not.
    async fn find(&self, workspace: WorkspaceId, id: ConversationId) -> Result<Option<Conversation>, RepositoryError>;
    /// The one that a room key proves, deleted or not.
    async fn find_by_room_key(&self, key: RoomKey) -> Result<Option<Conversation>, RepositoryError>;
    /// The one that a client calls so, deleted or not.
    async fn find_by_client_ref(&self, workspace: WorkspaceId, kind: ConversationKind, client_ref: &str) -> Result<Option<Conversation>, RepositoryError>;
    /// The one with this number, deleted or not.
    async fn find_by_number(&self, workspace: WorkspaceId, number: i64) -> Result<Option<Conversation>, RepositoryError>;
    /// Those on WhatsApp with at least one message, of one number of ours or of all, deleted ones left out, newest activity first by
    /// (`last_message_at`, id).
    async fn list_on_whatsapp(
        &self,
        workspace: WorkspaceId,
        phone_number_id: Option<&str>,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Conversation>, RepositoryError>;
    /// Those of a workspace, newest activity first by (`last_message_at`, id).
    async fn list(
        &self,
        workspace: WorkspaceId,
        filter: &ConversationFilter,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Page<Conversation>, RepositoryError>;
    /// Those of a visitor that are not deleted, empty ones included, newest activity first by (`last_message_at`, id).
    async fn list_of_visitor(
        &self,
        workspace: WorkspaceId,
        visitor: VisitorId,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Page<Conversation>, RepositoryError>;
    /// Marketplace conversations of one party with at least one message, deleted ones left out, newest activity first by
    /// (`last_message_at`, id).
    async fn list_of_party(&self, workspace: WorkspaceId, party: PartyId, after: Option<Cursor>, limit: Limit) -> Result<Page<Conversation>, RepositoryError>;
    /// The room keys of some conversations; unknown ids are left out.
    async fn room_keys(&self, workspace: WorkspaceId, ids: &[ConversationId]) -> Result<Vec<(ConversationId, RoomKey)>, RepositoryError>;
    /// Ids of those assigned to an agent, deleted ones left out; at most 500.
    async fn assigned_to(&self, workspace: WorkspaceId, agent: AgentId) -> Result<Vec<ConversationId>, RepositoryError>;
    /// Snoozed ones whose time has come, at most `limit`.
    async fn snoozed_before(&self, now: Timestamp, limit: usize) -> Result<Vec<(WorkspaceId, ConversationId)>, RepositoryError>;
    /// Adds one. It begins with a `version` of its own. [`RepositoryError::Conflict`]: its `client_ref` is taken.
    async fn insert(&self, conversation: &Conversation) -> Result<(), RepositoryError>;
    /// Gives all conversations of a visitor to another one, with the author of the visitor's messages, so that repeats
    /// still match. Answers the ids.
    async fn move_to_visitor(&self, workspace: WorkspaceId, from: VisitorId, to: VisitorId, at: Timestamp) -> Result<Vec<ConversationId>, RepositoryError>;
    /// Gives all conversations that one sells, deleted and empty ones included, to another seller. Answers the ids.
    async fn move_to_seller(&self, workspace: WorkspaceId, from: AgentId, to: &Seller) -> Result<Vec<ConversationId>, RepositoryError>;
    /// Removes conversations without a message that began before `empty_before`, and deleted ones deleted before
    /// `deleted_before`, with all that hangs on them; at most `limit`. Answers how many.
    async fn erase(&self, empty_before: Timestamp, deleted_before: Timestamp, limit: usize) -> Result<u64, RepositoryError>;
}

/// Keeps how far each agent has read. Written by [`super::ConversationStore::commit`].
#[async_trait]
pub trait AgentMarkRepository: Send + Sync {
    /// An agent's mark in one conversation; the zero mark if there is none.
    async fn find(&self, conversation: ConversationId, agent: AgentId) -> Result<ReadMark, RepositoryError>;
    /// An agent's marks in some conversations; those without a mark are left out.
    async fn find_many(&self, conversations: &[ConversationId], agent: AgentId) -> Result<Vec<AgentMark>, RepositoryError>;
}
