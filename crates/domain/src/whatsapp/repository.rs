use super::incoming::StatusNotice;
use super::{Contact, Incoming};
use crate::clock::Timestamp;
use crate::conversation::{ExternalId, Naming};
use crate::id::{ChannelId, ConversationId, VisitorId};
use crate::store::RepositoryError;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Keeps customers of numbers. Phone id and user id are each unique in a channel.
#[async_trait]
pub trait ContactRepository: Send + Sync {
    /// The one with this user id.
    async fn find_by_user_id(&self, channel: ChannelId, user_id: &str) -> Result<Option<Contact>, RepositoryError>;
    /// The one with this phone id.
    async fn find_by_phone_id(&self, channel: ChannelId, phone_id: &str) -> Result<Option<Contact>, RepositoryError>;
    /// The one that is this visitor.
    async fn find(&self, visitor: VisitorId) -> Result<Option<Contact>, RepositoryError>;
    /// Like [`Self::find`], and no other unit of work changes it until this one ends.
    async fn find_for_update(&self, visitor: VisitorId) -> Result<Option<Contact>, RepositoryError>;
    /// Adds one; [`RepositoryError::Conflict`] if its phone id, user id or visitor is taken.
    async fn insert(&self, contact: &Contact) -> Result<(), RepositoryError>;
    /// Writes one; [`RepositoryError::Conflict`] if its phone id or user id is taken.
    async fn update(&self, contact: &Contact) -> Result<(), RepositoryError>;
}

/// What a platform told about a message that was not known by then.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlyNotice {
    /// Names it.
    pub id: Uuid,
    /// The message, as the platform calls it.
    pub external_id: ExternalId,
    /// What it told.
    pub notice: Notice,
    /// When.
    pub received_at: Timestamp,
}

/// What can be told about a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// How far it got.
    Status(StatusNotice),
    /// What the customer did to it.
    Change(Incoming),
}

/// Keeps what platforms call messages, and what they told too early. The names themselves are written by
/// [`crate::conversation::ConversationStore::commit`].
#[async_trait]
pub trait DeliveryRepository: Send + Sync {
    /// The message that a platform calls so.
    async fn find(&self, external_id: &ExternalId) -> Result<Option<Naming>, RepositoryError>;
    /// The newest message of the visitor in a conversation up to a place, as the platform calls it.
    async fn newest_inbound(&self, conversation: ConversationId, up_to_seq: i64) -> Result<Option<String>, RepositoryError>;
    /// Keeps a notice until its message is known. A notice that says the same of the same message is kept once.
    async fn keep_early(&self, notice: &EarlyNotice) -> Result<(), RepositoryError>;
    /// What was told too early about a message, in the order in which it came.
    async fn list_early(&self, external_id: &ExternalId) -> Result<Vec<EarlyNotice>, RepositoryError>;
    /// Forgets one notice.
    async fn delete_early(&self, id: Uuid) -> Result<(), RepositoryError>;
    /// Messages that are known by now, though something was told too early about them; at most `limit`.
    async fn known_early(&self, limit: usize) -> Result<Vec<ExternalId>, RepositoryError>;
    /// Forgets statuses that were told before `statuses_before`, and changes before `changes_before`. Answers how many.
    async fn forget_early(&self, statuses_before: Timestamp, changes_before: Timestamp) -> Result<u64, RepositoryError>;
}
