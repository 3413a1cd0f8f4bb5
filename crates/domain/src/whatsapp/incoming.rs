//! What the platform tells, in our words. Reading its envelope is the work of the door that it comes in by.

use super::Customer;
use crate::clock::Timestamp;
use crate::message::{DeliveryError, MessageKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What kind of file, as the platform sorts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
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
}

impl MediaKind {
    /// The platform's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }
}

/// A file that is still at the platform. It is kept in the message's metadata under `media` until it is here, and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaNotice {
    /// What kind.
    pub kind: MediaKind,
    /// What the platform calls it; good for seven days.
    pub id: String,
    /// The media type that the sender named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// SHA-256 of the bytes as the platform writes it (base64 or hex).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What the sender called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Whether it is a voice note.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub voice: bool,
}

/// The content of a message, or a change of an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Incoming {
    /// Words; never empty.
    Text(String),
    /// A file, and the words that stand for it: its caption, else its name, else `[image]`.
    Media(MediaNotice, String),
    /// Anything else that has a place of its own: its kind, the words that stand for it, its content.
    Structured {
        /// Which kind.
        kind: MessageKind,
        /// What lists and searches show; never empty.
        text: String,
        /// The content.
        payload: Option<Value>,
    },
    /// A sign on a message; `None` takes it away.
    Reaction {
        /// The message.
        target: String,
        /// The sign.
        emoji: Option<String>,
    },
    /// A message in other words.
    Edit {
        /// The message.
        target: String,
        /// The words; never empty.
        text: String,
    },
    /// A message taken back.
    Revoke {
        /// The message.
        target: String,
    },
}

impl Incoming {
    /// The message that it changes, if it is not one itself.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Reaction { target, .. } | Self::Edit { target, .. } | Self::Revoke { target } => Some(target),
            Self::Text(_) | Self::Media(..) | Self::Structured { .. } => None,
        }
    }
}

/// A message of a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct IncomingMessage {
    /// Who wrote it.
    pub from: Customer,
    /// What the platform calls it.
    pub id: String,
    /// When the customer sent it.
    pub sent_at: Option<Timestamp>,
    /// What it is.
    pub content: Incoming,
    /// The message that it answers, as the platform calls it; perhaps nobody knows it.
    pub reply_to: Option<String>,
    /// Facts beside it: `forwarded`, `referral`, `reply_id` and the like.
    pub metadata: Map<String, Value>,
}

/// A customer has another number or user id.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerMove {
    /// What the platform calls the message that says so.
    pub id: String,
    /// When it was.
    pub sent_at: Option<Timestamp>,
    /// As it was.
    pub before: Customer,
    /// As it is.
    pub after: Customer,
}

/// How far the platform says that a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    /// It took it.
    Sent,
    /// It reached the device.
    Delivered,
    /// It was seen.
    Read,
    /// It will not arrive.
    Failed,
}

/// What became of a message of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusNotice {
    /// What the platform calls the message.
    pub id: String,
    /// How far it got.
    pub status: StatusWord,
    /// When.
    pub at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<DeliveryError>,
    /// What we gave along with the message.
    pub callback_data: Option<String>,
}

/// One thing that the platform tells.
#[derive(Debug, Clone, PartialEq)]
pub enum ReceivedItem {
    /// A customer wrote, or changed what was written.
    Message(IncomingMessage),
    /// A customer has another number or id.
    Moved(CustomerMove),
    /// A message of ours got further.
    Status(StatusNotice),
}

/// What one delivery tells about one number of ours, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The number.
    pub phone_number_id: String,
    /// What is told.
    pub items: Vec<ReceivedItem>,
}
