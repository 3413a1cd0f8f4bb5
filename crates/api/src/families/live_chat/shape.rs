//! Conversation and message as the clients of this family know them, and the numbers they call them by.

use crate::extract::Fields;
use crate::families::shared::FileLinks;
use crate::problem::Problem;
use parlor_domain::conversation::{Conversation, WhatsappThread};
use parlor_domain::message::{Message, MessageKind, SenderKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most things of one page.
const MAX_LIMIT: usize = 500;
/// The farthest that a page may begin.
const MAX_OFFSET: usize = 10_000;

/// A number as clients write it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be a number, or its digits as text")]
pub enum NumberValue {
    /// A number.
    Number(u64),
    /// Its digits.
    Text(String),
}

impl NumberValue {
    /// As text, without white space around it; `None` if nothing is left.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        }
    }
}

/// Reads the number of a conversation.
pub(super) fn parse_number(text: &str) -> Result<i64, &'static str> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| *number >= 0)
        .ok_or("must be the number of a conversation")
}

/// Where a page begins and how long it is: offset and limit.
pub(super) fn window(fields: &mut Fields, offset: Option<&str>, limit: Option<&str>, default: usize) -> (usize, usize) {
    let mut number = |name: &str, raw: Option<&str>, least: usize, most: usize, default: usize| {
        let Some(text) = raw.map(str::trim).filter(|text| !text.is_empty()) else {
            return default;
        };
        let parsed = text.parse().ok().filter(|number| (least..=most).contains(number));
        parsed.unwrap_or_else(|| {
            fields.wrong(name, format!("must be between {least} and {most}"));
            default
        })
    };
    (number("offset", offset, 0, MAX_OFFSET, 0), number("limit", limit, 1, MAX_LIMIT, default))
}

/// What this family says of a conversation; others have no number.
pub(super) fn thread_of(conversation: &Conversation) -> Result<&WhatsappThread, Problem> {
    conversation.whatsapp.as_ref().ok_or_else(|| Problem::not_found("conversation"))
}

/// A customer on WhatsApp and a number of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LiveConversation {
    /// Its number in the workspace.
    #[schema(example = 17)]
    pub id: i64,
    /// Our number, as the platform calls it.
    #[schema(example = "830000000000001")]
    pub phone_number_id: String,
    /// The customer's number in digits; null while it is hidden.
    #[schema(example = "491700000001")]
    pub customer_phone: Option<String>,
    /// The customer's name, else the number.
    #[schema(example = "Nadia P.")]
    pub customer_name: String,
    /// When the last message came.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_message_at: String,
    /// Messages of the customer that the team has not read.
    #[schema(example = 2)]
    pub unread_count: i64,
    /// When it began.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
}

impl LiveConversation {
    /// A conversation on WhatsApp; `None` for any other.
    pub(super) fn new(conversation: &Conversation) -> Option<Self> {
        let thread = conversation.whatsapp.as_ref()?;
        let named = conversation.customer_name.clone().filter(|name| !name.trim().is_empty());
        let name = named.or_else(|| thread.customer_phone.clone());
        Some(Self {
            id: thread.number,
            phone_number_id: thread.phone_number_id.clone(),
            customer_phone: thread.customer_phone.clone(),
            customer_name: name.unwrap_or_else(|| "WhatsApp user".to_owned()),
            last_message_at: conversation.last_message_at.to_rfc3339(),
            unread_count: conversation.unread_by_team(),
            created_at: conversation.created_at.to_rfc3339(),
        })
    }
}

/// Whose side a message is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveSender {
    /// The customer.
    Customer,
    /// Ours, the assistant too.
    Agent,
}

impl From<SenderKind> for LiveSender {
    fn from(kind: SenderKind) -> Self {
        match kind {
            SenderKind::Visitor => Self::Customer,
            SenderKind::Agent | SenderKind::Assistant | SenderKind::System => Self::Agent,
        }
    }
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveMessageType {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// A film.
    Video,
    /// Sound, perhaps a voice note.
    Audio,
    /// Any other file.
    Document,
    /// A sticker.
    Sticker,
    /// A file of which nothing more is known.
    File,
    /// A place on the map.
    Location,
    /// Cards of people.
    Contacts,
    /// Goods that a customer asks for.
    Order,
    /// Words with choices, or the choice.
    Interactive,
    /// A text that the platform has approved.
    Template,
    /// What came and cannot be shown.
    Unsupported,
}

impl LiveMessageType {
    fn of(message: &Message) -> Self {
        match message.kind {
            MessageKind::Text | MessageKind::Offer | MessageKind::Appointment | MessageKind::System => Self::Text,
            MessageKind::File => Self::of_file(message),
            MessageKind::Location => Self::Location,
            MessageKind::Contacts => Self::Contacts,
            MessageKind::Order => Self::Order,
            MessageKind::Interactive => Self::Interactive,
            MessageKind::Template => Self::Template,
            MessageKind::Unsupported => Self::Unsupported,
        }
    }

    /// As what the platform told it, else by what is in it.
    fn of_file(message: &Message) -> Self {
        let told = message.metadata.as_ref().and_then(|metadata| metadata.get("media")?.get("kind")?.as_str());
        let mime = message.attachments.first().map(|file| file.mime.as_str());
        match told.or_else(|| mime.and_then(|mime| mime.split('/').next())) {
            Some("image") => Self::Image,
            Some("video") => Self::Video,
            Some("audio") => Self::Audio,
            Some("sticker") => Self::Sticker,
            Some(_) => Self::Document,
            None => Self::File,
        }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LiveMessage {
    /// Its number, of which the conversation's number is a part.
    #[schema(example = 35_651_623)]
    pub id: i64,
    /// The number of its conversation.
    #[schema(example = 17)]
    pub conversation_id: i64,
    /// Whose side it is from.
    pub sender: LiveSender,
    /// What it says, or what stands for it; of one that was taken back, that it was.
    #[schema(example = "Is the blue one in stock?")]
    pub message: String,
    /// What it is.
    pub message_type: LiveMessageType,
    /// A link to its file, good for an hour; null without one, and until it is here.
    #[schema(example = "https://chat.example.com/api/attachments/018f6a3e-5b1c-7000-8000-0000000000f7/dent.jpg?exp=1795163600&sig=c2lnbmF0dXJl")]
    pub media_url: Option<String>,
    /// Whether the other side has read it, after this call.
    #[schema(example = true)]
    pub is_read: bool,
    /// What the platform calls it; null while it does not know it.
    #[schema(example = "wamid.EXAMPLE1")]
    pub whatsapp_message_id: Option<String>,
    /// When it was stored.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub created_at: String,
}

impl LiveMessage {
    pub(super) fn new(message: &Message, conversation: &Conversation, thread: &WhatsappThread, links: &FileLinks) -> Self {
        let text = match (message.deleted_at, message.sender.kind) {
            (None, _) => message.text.clone(),
            (Some(_), SenderKind::Visitor) => "deleted by the customer".to_owned(),
            (Some(_), _) => "deleted".to_owned(),
        };
        Self {
            id: thread.message_number(message.seq),
            conversation_id: thread.number,
            sender: message.sender.kind.into(),
            message: text,
            message_type: LiveMessageType::of(message),
            media_url: message.attachments.first().map(|file| links.of(file).0),
            is_read: conversation.is_read(message),
            whatsapp_message_id: message.external_id().map(str::to_owned),
            created_at: message.created_at.to_rfc3339(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_a_beginning_and_a_length() {
        let read = |offset, limit| {
            let mut fields = Fields::new();
            let read = window(&mut fields, offset, limit, 50);
            fields.finish().map(|()| read).map_err(|problem| problem.errors.len())
        };
        assert_eq!(read(None, None), Ok((0, 50)));
        assert_eq!(read(Some("10000"), Some("500")), Ok((10_000, 500)));
        assert_eq!(read(Some(""), Some(" 7 ")), Ok((0, 7)));
        for wrong in ["-1", "10001", "x", "1.5"] {
            assert_eq!(read(Some(wrong), None), Err(1), "{wrong}");
        }
        for wrong in ["0", "501", "-1", "x"] {
            assert_eq!(read(None, Some(wrong)), Err(1), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_taken_as_numbers_or_digits() {
        let read = |json: &str| serde_json::from_str::<NumberValue>(json).ok().and_then(|value| value.text());
        assert_eq!(read("830000000000001").as_deref(), Some("830000000000001"));
        assert_eq!(read("\" 17 \"").as_deref(), Some("17"));
        assert_eq!((read("\"\""), read("-1"), read("1.5"), read("[]")), (None, None, None, None));
        assert_eq!((parse_number("17"), parse_number(" 0 ")), (Ok(17), Ok(0)));
        assert!(parse_number("-1").is_err() && parse_number("seventeen").is_err());
    }
}
