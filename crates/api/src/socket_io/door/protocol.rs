//! What is said at this door, in the shapes that its frontends know: camelCase, one argument for each event.

use crate::extract::wrong_field;
use crate::families::marketplace::{ConversationShape, MarketplaceActionRequest, MessageBody, MessageShape, ReadConversationResponse, StoredMessageShape};
use crate::problem::{Code, Problem};
use crate::ws::protocol::{ErrorBody, MessageChangeWord, Nothing, ResumeResult};
use parlor_domain::message::Side;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// Say something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartyMessage {
    /// Where.
    #[schema(example = "conv_123", max_length = 200)]
    pub conversation_id: String,
    /// What.
    #[schema(value_type = MessageBody)]
    pub message: Value,
}

/// The caller's side has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartyRead {
    /// Where.
    #[schema(example = "conv_123", max_length = 200)]
    pub conversation_id: String,
    /// Up to which `seq`; without it everything.
    #[serde(default)]
    #[schema(example = 39, minimum = 0)]
    pub up_to_seq: Option<i64>,
}

/// What happened after a number. Changes come without asking; after a break this brings what was missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartySubscribe {
    /// Where.
    #[schema(example = "conv_123", max_length = 200)]
    pub conversation_id: String,
    /// The `rev` of the last event that the client took; without it nothing is told again.
    #[serde(default)]
    #[schema(example = 44, minimum = 0)]
    pub after_rev: Option<i64>,
}

/// What a client asks for.
#[derive(Debug, Clone)]
pub enum PartyCommand {
    /// Say something.
    Message(PartyMessage),
    /// The caller's side has read.
    Read(PartyRead),
    /// Tell what happened after a number.
    Subscribe(PartySubscribe),
    /// Decide about an offer or a test drive, or take an own one back.
    Action(MarketplaceActionRequest),
    /// The client wants to see whether somebody is there.
    Ping,
}

impl PartyCommand {
    /// The events that clients may send.
    pub const NAMES: [&str; 5] = [Self::MESSAGE, "conversation:read", "conversation:subscribe", "conversation:action", "ping"];
    /// The one that is counted as a message.
    pub const MESSAGE: &str = "conversation:message";

    /// Reads an event with its arguments, of which the first one counts.
    ///
    /// # Errors
    /// There is no such event, or it says something else.
    pub fn read(name: &str, arguments: Vec<Value>) -> Result<Self, Problem> {
        let data = arguments.into_iter().next().unwrap_or_default();
        match name {
            Self::MESSAGE => read(data).map(Self::Message),
            "conversation:read" => read(data).map(Self::Read),
            "conversation:subscribe" => read(data).map(Self::Subscribe),
            "conversation:action" => read(data).map(Self::Action),
            "ping" => Ok(Self::Ping),
            _ => Err(Problem::new(
                Code::UnknownEvent,
                format!("There is no such event; send one of {}.", Self::NAMES.join(", ")),
            )),
        }
    }
}

fn read<T: DeserializeOwned>(data: Value) -> Result<T, Problem> {
    // Serde would take an array for a struct.
    if !data.is_object() {
        return Err(Problem::new(
            Code::InvalidInput,
            "Correct the input: the argument of an event is one JSON object.",
        ));
    }
    serde_path_to_error::deserialize(data).map_err(|error| Problem::fields(vec![wrong_field(&error.path().to_string(), error.inner())]))
}

/// A message as it was stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartySent {
    /// The message, the same id in all families.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000c9")]
    pub message_id: Uuid,
    /// The number of the message in events.
    #[schema(value_type = f64, example = 1_763_629_200_123_i64)]
    pub id: Number,
    /// Its place.
    #[schema(example = 39)]
    pub seq: i64,
    /// Its number. It moves no place; events do.
    #[schema(example = 45)]
    pub rev: i64,
    /// When it was stored.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub created_at: String,
    /// Whether it was stored before, under the same `id`.
    pub duplicate: bool,
}

/// Where a conversation stands. What was missed follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartySubscribed {
    /// Where.
    #[schema(example = "conv_123")]
    pub conversation_id: String,
    /// `ok`, or `reset` if too much changed after `afterRev`: then load the conversation over HTTP.
    pub result: ResumeResult,
    /// Place of the last message.
    #[schema(example = 40)]
    pub head_seq: i64,
    /// Number of the latest change.
    #[schema(example = 49)]
    pub head_rev: i64,
    /// Whether the seller has read everything: of what was read meanwhile no event is told again.
    pub is_read_by_seller: bool,
    /// Whether the customer has.
    pub is_read_by_customer: bool,
}

/// An offer or a test drive as a move left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartyMoved {
    /// Where.
    #[schema(example = "conv_123")]
    pub conversation_id: String,
    /// Number of the change.
    #[schema(example = 46)]
    pub rev: i64,
    /// The message.
    pub message: MessageShape,
}

/// What a command is acknowledged with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PartyDone {
    /// A message was stored.
    Sent(PartySent),
    /// The caller's side has read.
    Read(ReadConversationResponse),
    /// What was missed follows.
    Subscribed(PartySubscribed),
    /// An offer or a test drive moved on.
    Moved(PartyMoved),
    /// Nothing to be said.
    Nothing(Nothing),
}

/// The acknowledgement of a command; without an id to acknowledge, a refusal comes as event `error`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartyReply {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<PartyDone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

impl From<Result<PartyDone, ErrorBody>> for PartyReply {
    fn from(result: Result<PartyDone, ErrorBody>) -> Self {
        match result {
            Ok(data) => Self {
                ok: true,
                data: Some(data),
                error: None,
            },
            Err(error) => Self {
                ok: false,
                data: None,
                error: Some(error),
            },
        }
    }
}

/// A known message in its new form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartyMessageUpdated {
    /// Where.
    #[schema(example = "conv_123")]
    pub conversation_id: String,
    /// Number of the change.
    #[schema(example = 46)]
    pub rev: i64,
    /// What was done to it.
    pub change: MessageChangeWord,
    /// The message.
    pub message: MessageShape,
    /// The conversation after it, without its messages.
    pub conversation: ConversationShape,
}

/// The conversation itself changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartyConversationUpdated {
    /// Where.
    #[schema(example = "conv_123")]
    pub conversation_id: String,
    /// Number of the change.
    #[schema(example = 47)]
    pub rev: i64,
    /// The conversation, without its messages.
    pub conversation: ConversationShape,
}

/// The conversation is gone. Nothing follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartyConversationDeleted {
    /// Which.
    #[schema(example = "conv_123")]
    pub conversation_id: String,
    /// Number of the change.
    #[schema(example = 48)]
    pub rev: i64,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartyWord {
    /// The customer.
    Customer,
    /// The seller.
    Seller,
}

impl From<Side> for PartyWord {
    fn from(side: Side) -> Self {
        match side {
            Side::Visitor => Self::Customer,
            Side::Agent => Self::Seller,
        }
    }
}

/// A side has read. It has no number, and is not told again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartyHasRead {
    /// Where.
    #[schema(example = "conv_123")]
    pub conversation_id: String,
    /// Up to which `seq`.
    #[schema(example = 39)]
    pub up_to_seq: i64,
    /// Who.
    pub by: PartyWord,
    /// Whether the seller has read everything.
    #[schema(example = true)]
    pub is_read_by_seller: bool,
    /// Whether the customer has read everything.
    #[schema(example = true)]
    pub is_read_by_customer: bool,
    /// When.
    #[schema(example = "2026-11-20T09:00:05.000Z", format = DateTime)]
    pub at: String,
}

/// What the server tells by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PartyEvent {
    /// A new message; in a resume any message that was made or changed.
    NewMessage(Box<StoredMessageShape>),
    /// A known message in its new form.
    MessageUpdated(Box<PartyMessageUpdated>),
    /// The conversation itself changed.
    Updated(Box<PartyConversationUpdated>),
    /// The conversation is gone.
    Deleted(PartyConversationDeleted),
    /// A side has read.
    Read(PartyHasRead),
}

impl PartyEvent {
    /// The events that the server sends, `error` apart.
    pub const NAMES: [&str; 5] = [
        "conversation:new-message",
        "conversation:message-updated",
        "conversation:updated",
        "conversation:deleted",
        "conversation:read",
    ];

    /// The event's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        let [new_message, message_updated, updated, deleted, read] = Self::NAMES;
        match self {
            Self::NewMessage(_) => new_message,
            Self::MessageUpdated(_) => message_updated,
            Self::Updated(_) => updated,
            Self::Deleted(_) => deleted,
            Self::Read(_) => read,
        }
    }
}

/// A refusal of a command that wants no acknowledgement.
pub const ERROR: &str = "error";
