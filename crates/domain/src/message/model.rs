use super::Delivery;
use crate::attachment::AttachedFile;
use crate::clock::Timestamp;
use crate::id::{AgentId, AttachmentId, ConversationId, KeyHash, MessageId, VisitorId, WorkspaceId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What kind of author a message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderKind {
    /// The person on the outside.
    Visitor,
    /// A human (or machine) on our side.
    Agent,
    /// The assistant.
    Assistant,
    /// The server.
    System,
}

impl SenderKind {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Agent => "agent",
            Self::Assistant => "assistant",
            Self::System => "system",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "visitor" => Some(Self::Visitor),
            "agent" => Some(Self::Agent),
            "assistant" => Some(Self::Assistant),
            "system" => Some(Self::System),
            _ => None,
        }
    }

    /// Which side of the conversation it speaks for.
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            Self::Visitor => Side::Visitor,
            Self::Agent | Self::Assistant | Self::System => Side::Agent,
        }
    }
}

/// The two sides of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The person on the outside. Its messages are inbound.
    Visitor,
    /// Everybody on our side. Their messages are outbound.
    Agent,
}

impl Side {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Agent => "agent",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "visitor" => Some(Self::Visitor),
            "agent" => Some(Self::Agent),
            _ => None,
        }
    }
}

/// Who wrote a message, as it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// What kind of author.
    pub kind: SenderKind,
    /// The internal id, never a key.
    pub id: Option<Uuid>,
    /// The name at the time.
    pub name: Option<String>,
    /// Whether a browser merely claims it.
    pub reported: bool,
}

impl Sender {
    /// The author as its client ids count: unique per conversation and author.
    #[must_use]
    pub fn author(&self) -> AuthorId {
        match (self.reported, self.kind, self.id) {
            (true, _, _) => AuthorId::REPORTED,
            (false, SenderKind::Assistant, _) => AuthorId::ASSISTANT,
            (false, SenderKind::System, _) | (false, _, None) => AuthorId::SYSTEM,
            (false, SenderKind::Visitor | SenderKind::Agent, Some(id)) => AuthorId(id),
        }
    }
}

/// Under whose name client ids are unique: a visitor's or agent's id, or one of three fixed authors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorId(pub Uuid);

impl AuthorId {
    /// The assistant.
    pub const ASSISTANT: Self = Self(Uuid::from_u128(1));
    /// The server itself.
    pub const SYSTEM: Self = Self(Uuid::from_u128(2));
    /// What came without proof.
    pub const REPORTED: Self = Self(Uuid::from_u128(3));
}

impl From<VisitorId> for AuthorId {
    fn from(id: VisitorId) -> Self {
        Self(id.0)
    }
}

impl From<AgentId> for AuthorId {
    fn from(id: AgentId) -> Self {
        Self(id.0)
    }
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Words.
    Text,
    /// A price that one side proposes and the other decides about.
    Offer,
    /// A time to meet that one side proposes and the other decides about.
    Appointment,
    /// A line of the server.
    System,
    /// Files, perhaps with words.
    File,
    /// A place on the map.
    Location,
    /// Cards of people.
    Contacts,
    /// Goods that a customer asks for.
    Order,
    /// What came and cannot be shown.
    Unsupported,
    /// A text that the platform has approved, with its places filled in.
    Template,
    /// Words with choices to tap on.
    Interactive,
}

impl MessageKind {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Offer => "offer",
            Self::Appointment => "appointment",
            Self::System => "system",
            Self::File => "file",
            Self::Location => "location",
            Self::Contacts => "contacts",
            Self::Order => "order",
            Self::Unsupported => "unsupported",
            Self::Template => "template",
            Self::Interactive => "interactive",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "text" => Some(Self::Text),
            "offer" => Some(Self::Offer),
            "appointment" => Some(Self::Appointment),
            "system" => Some(Self::System),
            "file" => Some(Self::File),
            "location" => Some(Self::Location),
            "contacts" => Some(Self::Contacts),
            "order" => Some(Self::Order),
            "unsupported" => Some(Self::Unsupported),
            "template" => Some(Self::Template),
            "interactive" => Some(Self::Interactive),
            _ => None,
        }
    }
}

/// How far a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// Waits to be sent to the platform of its channel.
    Queued,
    /// Whether the platform took it is not known; it is not sent again by itself.
    Unknown,
    /// On the web stored, and so delivered; on a channel taken by the platform.
    Sent,
    /// It reached the customer's device.
    Delivered,
    /// The customer has seen it.
    Read,
    /// It will not reach the customer.
    Failed,
    /// The channel sends nothing out: it stays here.
    Logged,
}

impl MessageStatus {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Unknown => "unknown",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Logged => "logged",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "queued" => Some(Self::Queued),
            "unknown" => Some(Self::Unknown),
            "sent" => Some(Self::Sent),
            "delivered" => Some(Self::Delivered),
            "read" => Some(Self::Read),
            "failed" => Some(Self::Failed),
            "logged" => Some(Self::Logged),
            _ => None,
        }
    }
}

/// One sign on a message; each side has at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Whose.
    pub by: Side,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The message.
    pub id: MessageId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Where.
    pub conversation_id: ConversationId,
    /// Its place among the public messages; a note has the place of the message it stands after, 0 before the first.
    pub seq: i64,
    /// Number of its latest change as customers count; `None` for notes.
    pub rev: Option<i64>,
    /// Number of its latest change as agents count.
    pub staff_rev: i64,
    /// Number of the change that made it, as customers count; `None` for notes.
    pub made_rev: Option<i64>,
    /// Number of the change that made it, as agents count.
    pub made_staff_rev: i64,
    /// Who wrote it.
    pub sender: Sender,
    /// What it is.
    pub kind: MessageKind,
    /// What it says; empty once deleted.
    pub text: String,
    /// Content of a structured kind.
    pub payload: Option<serde_json::Value>,
    /// Files.
    pub attachments: Vec<AttachedFile>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// Signs on it.
    pub reactions: Vec<Reaction>,
    /// Facts beside the content.
    pub metadata: Option<serde_json::Value>,
    /// The client's own id.
    pub client_id: Option<String>,
    /// SHA-256 of what was first sent, to tell a repeat from another message under the same client id.
    pub content: KeyHash,
    /// How far it got.
    pub status: MessageStatus,
    /// What a channel's platform knows it by, and how far each part of it got. `None` on the web.
    pub delivery: Option<Delivery>,
    /// Whether only agents see it: a note.
    pub private: bool,
    /// Messages of the visitor up to and with this one.
    pub inbound_count: i64,
    /// Messages of our side up to and with this one.
    pub outbound_count: i64,
    /// What the sender's clock said.
    pub sent_at: Option<Timestamp>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When its text last changed.
    pub edited_at: Option<Timestamp>,
    /// Since when it is empty.
    pub deleted_at: Option<Timestamp>,
}

impl Message {
    /// Empties it. It keeps its place and stays counted.
    pub fn delete(&mut self, now: Timestamp) {
        self.text = String::new();
        self.payload = None;
        self.attachments.clear();
        self.metadata = None;
        self.reactions.clear();
        self.deleted_at = Some(now);
    }

    /// Puts a side's sign on it, or takes it away. False if nothing changed.
    pub fn react(&mut self, by: Side, emoji: Option<&str>) -> bool {
        let before = self.reactions.iter().find(|reaction| reaction.by == by).map(|reaction| reaction.emoji.clone());
        if before.as_deref() == emoji {
            return false;
        }
        self.reactions.retain(|reaction| reaction.by != by);
        if let Some(emoji) = emoji {
            self.reactions.push(Reaction { emoji: emoji.to_owned(), by });
        }
        true
    }

    /// What the platform of its channel knows it by.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        self.delivery.as_ref().and_then(Delivery::external_id)
    }

    /// SHA-256 over what makes a message the same when it is sent again.
    #[must_use]
    pub fn content_hash(kind: MessageKind, text: &str, payload: Option<&serde_json::Value>, reply_to: Option<MessageId>, private: bool) -> KeyHash {
        Self::content_hash_with(kind, text, payload, &[], reply_to, private)
    }

    /// The same with files. Without any it is [`Self::content_hash`].
    #[must_use]
    pub fn content_hash_with(
        kind: MessageKind,
        text: &str,
        payload: Option<&serde_json::Value>,
        attachments: &[AttachmentId],
        reply_to: Option<MessageId>,
        private: bool,
    ) -> KeyHash {
        let mut hash = Sha256::new();
        let payload = payload.map(ToString::to_string).unwrap_or_default();
        let reply_to = reply_to.map(|id| id.to_string()).unwrap_or_default();
        for part in [kind.as_str(), text, &payload, &reply_to, if private { "private" } else { "" }] {
            // The length first: parts cannot run into one another.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        for file in attachments {
            hash.update(file.0.as_bytes());
        }
        KeyHash(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_is_told_apart_by_each_of_its_parts() {
        let base = Message::content_hash(MessageKind::Text, "hi", None, None, false);
        assert_eq!(base, Message::content_hash(MessageKind::Text, "hi", None, None, false));
        for other in [
            Message::content_hash(MessageKind::System, "hi", None, None, false),
            Message::content_hash(MessageKind::Text, "ho", None, None, false),
            Message::content_hash(MessageKind::Text, "hi", Some(&serde_json::json!({})), None, false),
            Message::content_hash(MessageKind::Text, "hi", None, Some(MessageId(Uuid::nil())), false),
            Message::content_hash(MessageKind::Text, "hi", None, None, true),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn a_browsers_claim_is_an_author_of_its_own() {
        let sender = |kind, reported| Sender {
            kind,
            id: Some(Uuid::from_u128(9)),
            name: None,
            reported,
        };
        assert_eq!(sender(SenderKind::Visitor, false).author(), AuthorId(Uuid::from_u128(9)));
        assert_eq!(sender(SenderKind::Visitor, true).author(), AuthorId::REPORTED);
        assert_eq!(sender(SenderKind::Assistant, true).author(), AuthorId::REPORTED);
        assert_eq!(sender(SenderKind::Assistant, false).author(), AuthorId::ASSISTANT);
    }
}
