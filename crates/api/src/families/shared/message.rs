//! The Message object: the same in chats, rooms, admin calls and on sockets.

use super::links::FileLinks;
use parlor_domain::attachment::AttachedFile;
use parlor_domain::conversation::{Audience, Conversation};
use parlor_domain::message::{Message, MessageKind, MessageStatus, Reaction, SenderKind, Side};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What kind of author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SenderKindWord {
    /// The person on the outside.
    Visitor,
    /// A human or machine on our side.
    Agent,
    /// The assistant.
    Assistant,
    /// The server.
    System,
}

impl From<SenderKind> for SenderKindWord {
    fn from(kind: SenderKind) -> Self {
        match kind {
            SenderKind::Visitor => Self::Visitor,
            SenderKind::Agent => Self::Agent,
            SenderKind::Assistant => Self::Assistant,
            SenderKind::System => Self::System,
        }
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SenderResponse {
    /// What kind of author.
    pub kind: SenderKindWord,
    /// The internal id, never a key.
    #[schema(example = "018f6a3e-5b1c-7000-8000-000000000077")]
    pub id: Option<Uuid>,
    /// The name at the time.
    #[schema(example = "Nadia")]
    pub name: Option<String>,
    /// Whether a browser merely claims it.
    pub reported: bool,
}

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SideWord {
    /// The customer's.
    Visitor,
    /// Ours.
    Agent,
}

impl From<Side> for SideWord {
    fn from(side: Side) -> Self {
        match side {
            Side::Visitor => Self::Visitor,
            Side::Agent => Self::Agent,
        }
    }
}

/// A sign on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReactionResponse {
    /// The emoji.
    #[schema(example = "👍")]
    pub emoji: String,
    /// Whose.
    pub by: SideWord,
}

impl From<&Reaction> for ReactionResponse {
    fn from(reaction: &Reaction) -> Self {
        Self {
            emoji: reaction.emoji.clone(),
            by: reaction.by.into(),
        }
    }
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
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
    /// What came over WhatsApp and cannot be shown.
    Unsupported,
    /// On WhatsApp: an approved text with its places filled in.
    Template,
    /// On WhatsApp: words with choices to tap on, or the choice that was made.
    Interactive,
}

impl From<MessageKind> for MessageType {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Offer => Self::Offer,
            MessageKind::Appointment => Self::Appointment,
            MessageKind::System => Self::System,
            MessageKind::File => Self::File,
            MessageKind::Location => Self::Location,
            MessageKind::Contacts => Self::Contacts,
            MessageKind::Order => Self::Order,
            MessageKind::Unsupported => Self::Unsupported,
            MessageKind::Template => Self::Template,
            MessageKind::Interactive => Self::Interactive,
        }
    }
}

/// How far a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatusWord {
    /// Waits to be sent to the platform of its channel.
    Queued,
    /// On the web stored, and so delivered; on a channel taken by the platform.
    Sent,
    /// It reached the customer's device.
    Delivered,
    /// The customer has seen it.
    Read,
    /// It will not reach the customer; `metadata.error` says why.
    Failed,
    /// Whether the platform took it is not known. It is not sent again by itself.
    Unknown,
    /// The channel sends nothing out: it stays here.
    Logged,
}

impl From<MessageStatus> for MessageStatusWord {
    fn from(status: MessageStatus) -> Self {
        match status {
            MessageStatus::Queued => Self::Queued,
            MessageStatus::Sent => Self::Sent,
            MessageStatus::Delivered => Self::Delivered,
            MessageStatus::Read => Self::Read,
            MessageStatus::Failed => Self::Failed,
            MessageStatus::Unknown => Self::Unknown,
            MessageStatus::Logged => Self::Logged,
        }
    }
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttachmentResponse {
    /// The file.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000d4")]
    pub id: Uuid,
    /// Its name: only a label.
    #[schema(example = "invoice.pdf")]
    pub name: String,
    /// Its media type, by its content.
    #[schema(example = "application/pdf")]
    pub mime: String,
    /// Its bytes.
    #[schema(example = 48_213)]
    pub size: i64,
    /// A signed link, good for an hour and made anew in each answer.
    #[schema(example = "https://chat.example.com/api/attachments/018f6a3e-5b1c-7000-8000-0000000000d4/invoice.pdf?exp=1795165203&sig=q83vEjRW")]
    pub url: String,
    /// Pixels, if it is a picture.
    pub width: Option<u32>,
    /// Pixels, if it is a picture.
    pub height: Option<u32>,
}

impl AttachmentResponse {
    /// A file with a link to it.
    #[must_use]
    pub fn new(file: &AttachedFile, links: &FileLinks) -> Self {
        Self::with_link(file, links.of(file).0)
    }

    /// The same with a link that was made before.
    #[must_use]
    pub fn with_link(file: &AttachedFile, url: String) -> Self {
        Self {
            id: file.id.0,
            name: file.name.as_str().to_owned(),
            mime: file.mime.clone(),
            size: file.size,
            url,
            width: file.width,
            height: file.height,
        }
    }
}

/// One message. Null fields are present.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageResponse {
    /// The message, the same id on both sides.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000c9")]
    pub id: Uuid,
    /// To the customer's side the room key, to agents the internal id.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    pub conversation_id: Uuid,
    /// Its place among the public messages; a note has that of the message it stands after.
    #[schema(example = 39)]
    pub seq: i64,
    /// Number of its latest change, as the caller's audience counts.
    #[schema(example = 45)]
    pub rev: i64,
    /// Who wrote it.
    pub sender: SenderResponse,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// What it says; empty once deleted.
    #[schema(example = "Is it still available?")]
    pub text: String,
    /// Content of a structured type. Of an offer or appointment with `status`, which only the server writes; an answer to another one
    /// names it in `counterOf` or `rescheduleOf`. Of a template its `name`, `language` and `parameters`; of an interactive message its choices.
    #[schema(value_type = Option<Object>)]
    pub payload: Option<serde_json::Value>,
    /// Files.
    pub attachments: Vec<AttachmentResponse>,
    /// The message it answers.
    pub reply_to: Option<Uuid>,
    /// Signs on it.
    pub reactions: Vec<ReactionResponse>,
    /// Facts beside the content. An answer of the assistant has `question_seq` (`seq` of the last question it answers) and, where they
    /// hold, `sources` (the articles it rests on: `id`, `url` as a path on this server, `title`), `truncated` (it is not whole) and
    /// `fallback` (articles or the channel's text stood in, and a person takes it from here). What came over WhatsApp has `reply_id` (which
    /// choice was made) and others; what could not be sent there `error` (`code`, `message`).
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Value>,
    /// The client's own id.
    #[schema(example = "w-1763629200123-1")]
    pub client_id: Option<String>,
    /// How far it got.
    pub status: MessageStatusWord,
    /// What WhatsApp calls it, once it does. To agents.
    #[schema(example = "wamid.EXAMPLE1")]
    pub whatsapp_message_id: Option<String>,
    /// Whether the other side has read it, as of this answer.
    pub is_read: bool,
    /// Whether only agents see it: a note.
    pub private: bool,
    /// What the sender's clock said.
    #[schema(example = "2026-11-20T09:00:03.000Z", format = DateTime)]
    pub sent_at: Option<String>,
    /// When it was stored.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub created_at: String,
    /// When its text last changed.
    #[schema(format = DateTime)]
    pub edited_at: Option<String>,
    /// Since when it is empty.
    #[schema(format = DateTime)]
    pub deleted_at: Option<String>,
}

impl MessageResponse {
    /// The message as an audience sees it. A note must not be shown to [`Audience::Public`].
    #[must_use]
    pub fn new(message: &Message, conversation: &Conversation, audience: Audience, links: &FileLinks) -> Self {
        let (conversation_id, rev, external_id) = match audience {
            Audience::Public => (conversation.room_key.expose(), message.rev.unwrap_or_default(), None),
            Audience::Staff => (conversation.id.0, message.staff_rev, message.external_id()),
        };
        let sender = &message.sender;
        Self {
            id: message.id.0,
            conversation_id,
            seq: message.seq,
            rev,
            sender: SenderResponse {
                kind: sender.kind.into(),
                id: sender.id,
                name: sender.name.clone(),
                reported: sender.reported,
            },
            kind: message.kind.into(),
            text: message.text.clone(),
            payload: message.payload.clone(),
            attachments: message.attachments.iter().map(|file| AttachmentResponse::new(file, links)).collect(),
            reply_to: message.reply_to.map(|id| id.0),
            reactions: message.reactions.iter().map(ReactionResponse::from).collect(),
            metadata: message.metadata.clone(),
            client_id: message.client_id.clone(),
            status: message.status.into(),
            whatsapp_message_id: external_id.map(str::to_owned),
            is_read: conversation.is_read(message),
            private: message.private,
            sent_at: message.sent_at.map(|at| at.to_rfc3339()),
            created_at: message.created_at.to_rfc3339(),
            edited_at: message.edited_at.map(|at| at.to_rfc3339()),
            deleted_at: message.deleted_at.map(|at| at.to_rfc3339()),
        }
    }
}
