//! Conversations as the two sides see them.

use super::message::SideWord;
use parlor_domain::conversation::{Conversation, ConversationKind, Flag, HandledBy, ReadMark, Status, Subject, WhatsappThread};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Where the work stands. Visitors see only `open` and `resolved`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    /// Somebody should answer.
    Open,
    /// Waits for something outside.
    Pending,
    /// Comes back by itself.
    Snoozed,
    /// Done, until the visitor writes again.
    Resolved,
}

impl From<Status> for StatusWord {
    fn from(status: Status) -> Self {
        match status {
            Status::Open => Self::Open,
            Status::Pending => Self::Pending,
            Status::Snoozed => Self::Snoozed,
            Status::Resolved => Self::Resolved,
        }
    }
}

impl From<StatusWord> for Status {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::Open => Self::Open,
            StatusWord::Pending => Self::Pending,
            StatusWord::Snoozed => Self::Snoozed,
            StatusWord::Resolved => Self::Resolved,
        }
    }
}

/// Who answers. Agents see `assistant`, `queue`, `agent`; visitors `assistant` or `human`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandledByWord {
    /// The assistant.
    Assistant,
    /// Nobody yet.
    Queue,
    /// An agent.
    Agent,
    /// To visitors: `queue` and `agent` alike.
    Human,
}

impl From<HandledBy> for HandledByWord {
    fn from(by: HandledBy) -> Self {
        match by {
            HandledBy::Assistant => Self::Assistant,
            HandledBy::Queue => Self::Queue,
            HandledBy::Agent => Self::Agent,
            HandledBy::Human => Self::Human,
        }
    }
}

impl From<HandledByWord> for HandledBy {
    fn from(word: HandledByWord) -> Self {
        match word {
            HandledByWord::Assistant => Self::Assistant,
            HandledByWord::Queue => Self::Queue,
            HandledByWord::Agent => Self::Agent,
            HandledByWord::Human => Self::Human,
        }
    }
}

/// The door a conversation began by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindWord {
    /// `/api/chats`.
    Chat,
    /// `/api/public/chat-rooms`.
    Room,
    /// `/api/users`.
    Stored,
    /// `/api/conversations`.
    Marketplace,
    /// A customer on WhatsApp.
    Whatsapp,
}

impl From<ConversationKind> for KindWord {
    fn from(kind: ConversationKind) -> Self {
        match kind {
            ConversationKind::Chat => Self::Chat,
            ConversationKind::Room => Self::Room,
            ConversationKind::Stored => Self::Stored,
            ConversationKind::Marketplace => Self::Marketplace,
            ConversationKind::Whatsapp => Self::Whatsapp,
        }
    }
}

impl From<KindWord> for ConversationKind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Chat => Self::Chat,
            KindWord::Room => Self::Room,
            KindWord::Stored => Self::Stored,
            KindWord::Marketplace => Self::Marketplace,
            KindWord::Whatsapp => Self::Whatsapp,
        }
    }
}

/// A room as its customer sees it; `id` is the room key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoomResponse {
    /// The room key: names and proves the room.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    pub id: Uuid,
    /// `open` or `resolved`.
    pub status: StatusWord,
    /// `assistant` or `human`.
    pub handled_by: HandledByWord,
    /// The name the customer gave.
    #[schema(example = "Nadia")]
    pub customer_name: Option<String>,
    /// The address the customer gave.
    #[schema(example = "nadia@example.com")]
    pub customer_email: Option<String>,
    /// What it is about.
    #[schema(example = "Order 1042")]
    pub subject: Option<String>,
    /// The beginning of the last message.
    #[schema(example = "Is it still available?")]
    pub last_message: Option<String>,
    /// When it came; at first when the room was made.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_message_at: String,
    /// Messages of our side that the customer has not read.
    #[schema(example = 0)]
    pub unread_count: i64,
    /// Place of the last message.
    #[schema(example = 39)]
    pub head_seq: i64,
    /// Number of the latest change, as customers count.
    #[schema(example = 45)]
    pub head_rev: i64,
    /// When it was made.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
    /// When it last changed.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub updated_at: String,
}

impl RoomResponse {
    /// The room of its customer.
    #[must_use]
    pub fn new(conversation: &Conversation) -> Self {
        Self {
            id: conversation.room_key.expose(),
            status: conversation.status.for_visitor().into(),
            handled_by: conversation.handler.for_visitor().into(),
            customer_name: conversation.customer_name.clone(),
            customer_email: conversation.customer_email.clone(),
            subject: conversation.subject.as_ref().map(|subject| subject.title.clone()),
            last_message: conversation.last_message.clone(),
            last_message_at: conversation.last_message_at.to_rfc3339(),
            unread_count: conversation.unread_by_visitor(),
            head_seq: conversation.last_seq,
            head_rev: conversation.rev,
            created_at: conversation.created_at.to_rfc3339(),
            updated_at: conversation.updated_at.to_rfc3339(),
        }
    }
}

/// A listing, an order, or just a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubjectResponse {
    /// What kind of thing; `text` for a line.
    #[schema(example = "text")]
    pub kind: String,
    /// The host site's id of it.
    pub external_id: Option<String>,
    /// What it is called.
    #[schema(example = "Order 1042")]
    pub title: String,
    /// What it costs.
    #[schema(value_type = Option<f64>, example = 18_900)]
    pub price: Option<serde_json::Number>,
}

impl From<&Subject> for SubjectResponse {
    fn from(subject: &Subject) -> Self {
        Self {
            kind: subject.kind.clone(),
            external_id: subject.external_id.clone(),
            title: subject.title.clone(),
            price: subject.price.clone(),
        }
    }
}

/// A warning sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlagResponse {
    /// Why.
    pub reason: Option<String>,
    /// The party of a marketplace that put it up; null: staff.
    pub by: Option<SideWord>,
    /// Since when.
    #[schema(format = DateTime)]
    pub at: String,
}

impl From<&Flag> for FlagResponse {
    fn from(flag: &Flag) -> Self {
        Self {
            reason: flag.reason.clone(),
            by: flag.by.map(SideWord::from),
            at: flag.at.to_rfc3339(),
        }
    }
}

/// What a conversation has on WhatsApp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhatsappThreadResponse {
    /// Its number in the workspace, by which `/api/live-chat` knows it.
    #[schema(example = 17)]
    pub number: i64,
    /// Our number, as the platform calls it.
    #[schema(example = "830000000000001")]
    pub phone_number_id: String,
    /// The customer's number in digits; null while it is hidden.
    #[schema(example = "491700000001")]
    pub customer_phone: Option<String>,
    /// Until when words and files may be sent, then only a template; null while the customer has not written.
    #[schema(example = "2026-11-21T09:00:03.000Z", format = DateTime)]
    pub window_expires_at: Option<String>,
}

impl From<&WhatsappThread> for WhatsappThreadResponse {
    fn from(thread: &WhatsappThread) -> Self {
        Self {
            number: thread.number,
            phone_number_id: thread.phone_number_id.clone(),
            customer_phone: thread.customer_phone.clone(),
            window_expires_at: thread.window_expires_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// A row of the agents' list, without what is each agent's own. Also what `inbox:conversation-updated` carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationRow {
    /// The internal id: names the conversation, opens nothing.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000a1")]
    pub id: Uuid,
    /// The door it began by.
    pub kind: KindWord,
    /// Where it came in.
    pub channel_id: Uuid,
    /// Where the work stands.
    pub status: StatusWord,
    /// When a snoozed one comes back.
    #[schema(format = DateTime)]
    pub snoozed_until: Option<String>,
    /// Who answers.
    pub handled_by: HandledByWord,
    /// The agent who answers.
    pub assignee_id: Option<Uuid>,
    /// The customer's name.
    #[schema(example = "Nadia")]
    pub customer_name: Option<String>,
    /// The customer's address, claimed or verified.
    #[schema(example = "nadia@example.com")]
    pub customer_email: Option<String>,
    /// What it is about.
    pub subject: Option<SubjectResponse>,
    /// On WhatsApp: with whom and until when; null elsewhere.
    pub whatsapp: Option<WhatsappThreadResponse>,
    /// The labels, sorted.
    pub labels: Vec<String>,
    /// A warning sign.
    pub flag: Option<FlagResponse>,
    /// The beginning of the last public message.
    pub last_message: Option<String>,
    /// When it came; at first when the conversation began.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_message_at: String,
    /// Messages of the customer that the team has not read.
    pub unread_count: i64,
    /// Messages of the customer.
    pub inbound_count: i64,
    /// Place of the last public message.
    pub head_seq: i64,
    /// Number of the latest change, as agents count.
    pub head_rev: i64,
    /// When it began.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
    /// When it last changed.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub updated_at: String,
    /// Since when it is gone for both parties; only admins see such.
    #[schema(format = DateTime)]
    pub deleted_at: Option<String>,
}

impl ConversationRow {
    /// The row of a conversation.
    #[must_use]
    pub fn new(conversation: &Conversation) -> Self {
        Self {
            id: conversation.id.0,
            kind: conversation.kind.into(),
            channel_id: conversation.channel_id.0,
            status: conversation.status.into(),
            snoozed_until: conversation.snoozed_until.map(|at| at.to_rfc3339()),
            handled_by: conversation.handler.for_agent().into(),
            assignee_id: conversation.handler.assignee().map(|id| id.0),
            customer_name: conversation.customer_name.clone(),
            customer_email: conversation.customer_email.clone(),
            subject: conversation.subject.as_ref().map(SubjectResponse::from),
            whatsapp: conversation.whatsapp.as_ref().map(WhatsappThreadResponse::from),
            labels: conversation.labels.clone(),
            flag: conversation.flag.as_ref().map(FlagResponse::from),
            last_message: conversation.last_message.clone(),
            last_message_at: conversation.last_message_at.to_rfc3339(),
            unread_count: conversation.unread_by_team(),
            inbound_count: conversation.inbound_count,
            head_seq: conversation.last_seq,
            head_rev: conversation.staff_rev,
            created_at: conversation.created_at.to_rfc3339(),
            updated_at: conversation.updated_at.to_rfc3339(),
            deleted_at: conversation.deleted_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// A row of the agents' list for one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OwnConversationRow {
    /// What all agents see.
    #[serde(flatten)]
    pub row: ConversationRow,
    /// Messages of the customer that the calling agent has not read.
    pub my_unread_count: i64,
}

impl OwnConversationRow {
    /// The row for an agent with this mark.
    #[must_use]
    pub fn new(conversation: &Conversation, own: ReadMark) -> Self {
        Self {
            row: ConversationRow::new(conversation),
            my_unread_count: conversation.unread_by_agent(own),
        }
    }
}
