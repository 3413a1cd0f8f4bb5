//! What clients send.

use super::DataSchema;
use crate::extract::wrong_field;
use crate::problem::{Code, FieldError, Problem};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// No data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Nothing {}

/// Who the client is, for the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientInfo {
    /// Its name.
    #[schema(example = "parlor-widget")]
    pub name: Option<String>,
    /// Its version.
    #[schema(example = "0.3.0")]
    pub version: Option<String>,
}

/// A conversation, and up to which number the client has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resume {
    /// To customers the room key, to agents the internal id.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    pub conversation_id: String,
    /// The `rev` of the last event that the client took.
    #[schema(example = 41)]
    pub after_rev: i64,
}

/// The login.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionHello {
    /// The version that the client speaks; 1 if it is missing.
    #[schema(example = 1)]
    pub protocol: Option<u32>,
    /// An agent's access token, a visitor key, a token of the host site, or a ticket. Not needed where the URL logged in.
    #[schema(example = "f47ac10b-58cc-4372-a567-0e02b2c3d479")]
    pub token: Option<String>,
    /// The client.
    pub client: Option<ClientInfo>,
    /// What to go on with.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub resume: Vec<Resume>,
}

/// A new token of the same identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionRefresh {
    /// The token.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl")]
    pub token: String,
}

/// From now on the changes of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationSubscribe {
    /// To customers the room key, to agents the internal id.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000a1")]
    pub conversation_id: String,
    /// Also what changed after this number; without it only what comes.
    #[schema(example = 47)]
    pub after_rev: Option<i64>,
}

/// No longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationUnsubscribe {
    /// Which.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000a1")]
    pub conversation_id: String,
}

/// A message to be sent. A `sender` is not read: it follows from the login.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutgoingMessage {
    /// The client's own id, unique for ever per conversation and author: the same again is stored once.
    #[schema(example = "w-1763629200123-1", min_length = 1, max_length = 64)]
    pub client_id: String,
    /// `text`, `file`, `offer`, `appointment`, or for agents on WhatsApp `template` and `interactive`; without it `file` if there are files, else `text`.
    #[serde(default, rename = "type")]
    #[schema(example = "text")]
    pub kind: Option<String>,
    /// The text, 1–10,000 characters. With files it may be empty: then the first file's name stands for it. A template has its own.
    #[serde(default)]
    #[schema(example = "Is it still available?", max_length = 10_000)]
    pub text: String,
    /// A message of the same conversation.
    #[serde(default)]
    pub reply_to: Option<Uuid>,
    /// Files that were uploaded over HTTP for this conversation, at most 5.
    #[serde(default)]
    #[schema(max_items = 5)]
    pub attachment_ids: Option<Vec<String>>,
    /// Of an offer `{offerPrice?, expiresAt?}`, of an appointment `{startsAt?}`, each with fields of the client's own; of a template
    /// `{name, language?, parameters?}`; of an interactive message `{buttons: [{id, title}]}` or `{button, rows: [{id, title, description?}]}`.
    /// At most 8 KiB; none for `text` and `file`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub payload: Option<serde_json::Value>,
    /// Whether only agents shall see it. For agents.
    #[serde(default)]
    pub private: Option<bool>,
}

/// Say something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationMessage {
    /// Where.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    pub conversation_id: String,
    /// What.
    pub message: OutgoingMessage,
}

/// Up to where the client's side has read or received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationPlace {
    /// Where.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    pub conversation_id: String,
    /// The `seq` of the last message.
    #[schema(example = 39, minimum = 0)]
    pub up_to_seq: i64,
}

/// Begin or end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateWord {
    /// It begins, or goes on.
    Start,
    /// It ends.
    Stop,
}

/// Somebody types. A client repeats `start` every 5 s at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationTyping {
    /// Where.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    pub conversation_id: String,
    /// Begin or end.
    pub state: StateWord,
    /// Whether it is a note, of which visitors are not told. For agents.
    #[serde(default)]
    pub private: Option<bool>,
}

/// An agent has the conversation open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationViewing {
    /// Which.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000a1")]
    pub conversation_id: String,
    /// Begin or end.
    pub state: StateWord,
}

/// How available an agent says to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PresenceSet {
    /// The word.
    pub status: super::AvailabilityWord,
}

/// A visitor looks at another page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VisitorPage {
    /// The page, http or https.
    #[schema(example = "https://shop.example.com/bikes/42", max_length = 2_000)]
    pub url: String,
    /// Its title.
    #[serde(default)]
    #[schema(example = "City bike", max_length = 500)]
    pub title: Option<String>,
}

/// The workspace's list in short form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InboxSubscribe {
    /// Only this channel.
    #[serde(default)]
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000e1")]
    pub channel_id: Option<Uuid>,
}

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident($data:ty) = $name:literal),+ $(,)?) => {
        /// What a client asks for.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Command {
            $($(#[$doc])* $variant($data)),+
        }

        impl Command {
            /// The events that clients may send.
            pub const NAMES: &[&str] = &[$($name),+];

            /// The event's name.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),+ }
            }

            /// The schema of the data of an event.
            #[must_use]
            pub fn schema(name: &str) -> Option<DataSchema> {
                match name { $($name => Some(DataSchema::of::<$data>()),)+ _ => None }
            }

            fn parse(name: &str, data: &str) -> Result<Self, Problem> {
                match name {
                    $($name => read::<$data>(data).map(Self::$variant),)+
                    _ => Err(Problem::new(Code::UnknownEvent, "There is no such event in this version of the protocol.")),
                }
            }
        }
    };
}

commands! {
    /// Logs in, says which version the client speaks, and resumes.
    Hello(SessionHello) = "session:hello",
    /// Goes on with a new token of the same identity.
    Refresh(SessionRefresh) = "session:refresh",
    /// The client is there.
    Ping(Nothing) = "ping",
    /// From now on the changes of a conversation; with `after_rev` also what it missed.
    Subscribe(ConversationSubscribe) = "conversation:subscribe",
    /// No longer.
    Unsubscribe(ConversationUnsubscribe) = "conversation:unsubscribe",
    /// Says something. The reply comes after the commit.
    Message(ConversationMessage) = "conversation:message",
    /// The client's side has read up to a place.
    Read(ConversationPlace) = "conversation:read",
    /// The client has received up to a place.
    Delivered(ConversationPlace) = "conversation:delivered",
    /// Somebody types, or stopped.
    Typing(ConversationTyping) = "conversation:typing",
    /// An agent has the conversation open, or closed it.
    Viewing(ConversationViewing) = "conversation:viewing",
    /// An agent says how available it is.
    Presence(PresenceSet) = "presence:set",
    /// A visitor looks at another page.
    Page(VisitorPage) = "visitor:page",
    /// An agent follows the workspace's list.
    InboxSubscribe(InboxSubscribe) = "inbox:subscribe",
    /// No longer.
    InboxUnsubscribe(Nothing) = "inbox:unsubscribe",
}

/// A command as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandFrame {
    /// What its reply shall name; without it there is none.
    pub id: Option<String>,
    /// The command, or why it cannot be read.
    pub command: Result<Command, Box<Refused>>,
}

/// Why a command is refused before anybody looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The word.
    pub code: Code,
    /// In words.
    pub detail: String,
    /// Which fields.
    pub errors: Vec<FieldError>,
}

/// The frame is not JSON, no object, or has no `event`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(default)]
    id: Option<String>,
    event: String,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Reads a frame.
///
/// # Errors
/// [`Unreadable`] if it is no command at all.
pub fn read_command(text: &str) -> Result<CommandFrame, Unreadable> {
    // Serde would take an array for a struct.
    if !text.trim_start().starts_with('{') {
        return Err(Unreadable("A frame is one JSON object.".to_owned()));
    }
    let outer: Outer<'_> = serde_json::from_str(text).map_err(|error| Unreadable(format!("The frame is no command: {error}.")))?;
    if outer.id.as_deref().is_some_and(|id| !(1..=64).contains(&id.chars().count())) {
        return Err(Unreadable("The id of a command is a string of 1 to 64 characters.".to_owned()));
    }
    let data = outer.data.map_or("{}", RawValue::get);
    let data = if data == "null" { "{}" } else { data };
    let command = Command::parse(&outer.event, data).map_err(|problem| {
        let Problem { code, detail, errors, .. } = problem;
        Box::new(Refused { code, detail, errors })
    });
    Ok(CommandFrame { id: outer.id, command })
}

fn read<T: DeserializeOwned>(data: &str) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_str(data);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let FieldError { field, detail } = wrong_field(&error.path().to_string(), error.inner());
        let field = if field == "body" { "data".to_owned() } else { format!("data.{field}") };
        Problem::fields(vec![FieldError { field, detail }])
    })
}
