//! What the server tells by itself.

use super::{AvailabilityWord, DataSchema, Nothing, SessionReply, StateWord, present};
use crate::families::shared::{
    ConversationRow, FlagResponse, HandledByWord, MessageResponse, SenderKindWord, SenderResponse, SideWord, StatusWord, SubjectResponse,
    WhatsappThreadResponse,
};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Audience, ChangedFields, Conversation};
use parlor_domain::event::MessageChange;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// The token runs out soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionExpiring {
    /// When.
    #[schema(example = "2026-11-20T09:15:00.000Z", format = DateTime)]
    pub expires_at: String,
}

/// The server goes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionClosing {
    /// Whether to come back.
    pub reconnect: bool,
    /// After how long, so that not all come at once.
    #[schema(example = 4_200, minimum = 0, maximum = 10_000)]
    pub after_ms: u64,
}

/// Unread messages of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unread {
    /// The visitor's, unread by the team.
    #[schema(example = 3)]
    pub team: i64,
    /// Ours, unread by the visitor.
    #[schema(example = 0)]
    pub visitor: i64,
}

/// The conversation beside a new message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationBrief {
    /// To customers the room key, to agents the internal id.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    pub id: Uuid,
    /// Where the work stands.
    pub status: StatusWord,
    /// Who answers.
    pub handled_by: HandledByWord,
    /// The agent who answers. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee_id: Option<Uuid>,
    /// When the last public message came.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_message_at: String,
    /// Unread messages.
    pub unread: Unread,
    /// On WhatsApp: with whom and until when. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub whatsapp: Option<WhatsappThreadResponse>,
}

impl ConversationBrief {
    /// As an audience sees it.
    #[must_use]
    pub fn new(conversation: &Conversation, audience: Audience) -> Self {
        let (id, status, handled_by, assignee) = match audience {
            Audience::Public => (
                conversation.room_key.expose(),
                conversation.status.for_visitor(),
                conversation.handler.for_visitor(),
                None,
            ),
            Audience::Staff => (
                conversation.id.0,
                conversation.status,
                conversation.handler.for_agent(),
                conversation.handler.assignee(),
            ),
        };
        Self {
            id,
            status: status.into(),
            handled_by: handled_by.into(),
            assignee_id: assignee.map(|agent| agent.0),
            last_message_at: conversation.last_message_at.to_rfc3339(),
            unread: Unread {
                team: conversation.unread_by_team(),
                visitor: conversation.unread_by_visitor(),
            },
            whatsapp: whatsapp_for(conversation, audience),
        }
    }
}

fn whatsapp_for(conversation: &Conversation, audience: Audience) -> Option<WhatsappThreadResponse> {
    let thread = conversation.whatsapp.as_ref().filter(|_| audience == Audience::Staff);
    thread.map(WhatsappThreadResponse::from)
}

/// A new message; in a resume any message that was made or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewMessage {
    /// The message.
    pub message: MessageResponse,
    /// The conversation as the message left it.
    pub conversation: ConversationBrief,
}

/// How a known message changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageChangeWord {
    /// Another text.
    Edited,
    /// Emptied.
    Deleted,
    /// A sign put on it or taken away.
    Reaction,
    /// How far it got on its channel.
    Status,
    /// A move of an offer or appointment.
    Action,
    /// The file that it came with is here now, or cannot be had.
    Attachment,
}

impl From<MessageChange> for MessageChangeWord {
    fn from(change: MessageChange) -> Self {
        match change {
            MessageChange::Edited => Self::Edited,
            MessageChange::Deleted => Self::Deleted,
            MessageChange::Reaction => Self::Reaction,
            MessageChange::Action => Self::Action,
            MessageChange::Status => Self::Status,
            MessageChange::Attachment => Self::Attachment,
        }
    }
}

/// A known message in its new form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageUpdated {
    /// The message.
    pub message: MessageResponse,
    /// What was done to it.
    pub change: MessageChangeWord,
}

/// What it is about: to customers its title, to agents all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SubjectShown {
    /// The title.
    Title(String),
    /// All of it.
    Whole(SubjectResponse),
}

/// The changed fields of a conversation; what did not change is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationUpdated {
    /// Where the work stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<StatusWord>,
    /// When a snoozed one comes back. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub snoozed_until: Option<Option<String>>,
    /// Who answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub handled_by: Option<HandledByWord>,
    /// The agent who answers. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<Uuid>)]
    pub assignee_id: Option<Option<Uuid>>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<SubjectShown>)]
    pub subject: Option<Option<SubjectShown>>,
    /// The labels, sorted. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub labels: Option<Vec<String>>,
    /// A warning sign. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<FlagResponse>)]
    pub flag: Option<Option<FlagResponse>>,
    /// The customer's name. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub customer_name: Option<Option<String>>,
    /// The customer's address. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub customer_email: Option<Option<String>>,
    /// On WhatsApp: with whom and until when. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub whatsapp: Option<WhatsappThreadResponse>,
}

impl ConversationUpdated {
    /// The changed fields that an audience sees.
    #[must_use]
    pub fn new(conversation: &Conversation, fields: ChangedFields, audience: Audience) -> Self {
        let subject = conversation.subject.as_ref();
        match audience {
            Audience::Public => Self {
                status: fields.visitor_status.then(|| conversation.status.for_visitor().into()),
                handled_by: fields.visitor_handler.then(|| conversation.handler.for_visitor().into()),
                subject: fields.subject.then(|| subject.map(|subject| SubjectShown::Title(subject.title.clone()))),
                ..Self::default()
            },
            Audience::Staff => Self {
                status: fields.status.then(|| conversation.status.into()),
                snoozed_until: fields.status.then(|| conversation.snoozed_until.map(Timestamp::to_rfc3339)),
                handled_by: fields.handler.then(|| conversation.handler.for_agent().into()),
                assignee_id: fields.handler.then(|| conversation.handler.assignee().map(|agent| agent.0)),
                subject: fields.subject.then(|| subject.map(|subject| SubjectShown::Whole(subject.into()))),
                labels: fields.labels.then(|| conversation.labels.clone()),
                flag: fields.flag.then(|| conversation.flag.as_ref().map(FlagResponse::from)),
                customer_name: fields.customer.then(|| conversation.customer_name.clone()),
                customer_email: fields.customer.then(|| conversation.customer_email.clone()),
                whatsapp: whatsapp_for(conversation, audience).filter(|_| fields.customer),
            },
        }
    }
}

/// Somebody types, or stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Typing {
    /// Where.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    pub conversation_id: Uuid,
    /// Begin or end.
    pub state: StateWord,
    /// Who.
    pub sender: SenderResponse,
}

/// A side has read up to a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadUpTo {
    /// The `seq` of the last message.
    #[schema(example = 39)]
    pub up_to_seq: i64,
    /// Which side.
    pub by: SideWord,
    /// Which agent. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_id: Option<Uuid>,
    /// When.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub at: String,
}

/// A side's client has received up to a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivered {
    /// The `seq` of the last message.
    #[schema(example = 39)]
    pub up_to_seq: i64,
    /// Which side.
    pub by: SideWord,
}

/// More of the answer that the assistant is writing. After a hole a client waits for the finished message, which has the
/// same id and replaces the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerDelta {
    /// The message as it will be stored.
    pub message_id: Uuid,
    /// Characters (Unicode scalar values) before it.
    #[schema(example = 24)]
    pub offset: usize,
    /// More text.
    #[schema(example = " to five days.")]
    pub delta: String,
}

/// An agent has the conversation open, or closed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Viewing {
    /// Begin or end.
    pub state: StateWord,
    /// Who.
    pub agent: SenderResponse,
}

/// Somebody came, went, or is available in another way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PresenceChanged {
    /// Which side.
    pub kind: SenderKindWord,
    /// Who. Visitors are told only whether some agent is there: then it is null.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000b1")]
    pub id: Option<Uuid>,
    /// Whether any connection is left.
    pub online: bool,
    /// What an agent says to be.
    pub status: Option<AvailabilityWord>,
    /// When last seen.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_seen_at: Option<String>,
}

/// A visitor looks at another page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PageSeen {
    /// Who.
    #[schema(example = "018f6a3e-5b1c-7000-8000-000000000077")]
    pub visitor_id: Uuid,
    /// The page.
    #[schema(example = "https://shop.example.com/bikes/42")]
    pub url: String,
    /// Its title.
    #[schema(example = "City bike")]
    pub title: Option<String>,
}

// A frame that is held in a box has the schema of what is inside.
macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident($held:ty as $data:ty) = $name:literal),+ $(,)?) => {
        /// What the server tells.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Event {
            $($(#[$doc])* $variant($held)),+
        }

        impl Event {
            /// The events that the server sends.
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

            fn parse(name: &str, data: &str) -> Result<Self, String> {
                match name {
                    $($name => serde_json::from_str::<$held>(data).map(Self::$variant).map_err(|error| format!("{name}: {error}")),)+
                    _ => Err(format!("there is no event {name}")),
                }
            }
        }
    };
}

events! {
    /// Greets a client that logged in by its URL.
    Welcome(SessionReply as SessionReply) = "session:welcome",
    /// The token runs out within 60 s: send `session:refresh`.
    Expiring(SessionExpiring as SessionExpiring) = "session:expiring",
    /// The server goes away.
    Closing(SessionClosing as SessionClosing) = "session:closing",
    /// The answer to `ping`.
    Pong(Nothing as Nothing) = "pong",
    /// A new message; in a resume any message that was made or changed.
    NewMessage(Box<NewMessage> as NewMessage) = "conversation:new-message",
    /// A known message in its new form.
    MessageUpdated(Box<MessageUpdated> as MessageUpdated) = "conversation:message-updated",
    /// The conversation itself changed.
    Updated(Box<ConversationUpdated> as ConversationUpdated) = "conversation:updated",
    /// The conversation is gone; the subscription ends.
    Deleted(Nothing as Nothing) = "conversation:deleted",
    /// Somebody types, or stopped.
    Typing(Typing as Typing) = "conversation:typing",
    /// A side has read up to a place.
    Read(ReadUpTo as ReadUpTo) = "conversation:read",
    /// A side's client has received up to a place.
    Delivered(Delivered as Delivered) = "conversation:delivered",
    /// The assistant writes an answer.
    AnswerDelta(AnswerDelta as AnswerDelta) = "assistant:delta",
    /// An agent has the conversation open, or closed it.
    Viewing(Viewing as Viewing) = "conversation:viewing",
    /// Somebody came, went, or is available in another way.
    Presence(PresenceChanged as PresenceChanged) = "presence:changed",
    /// A row of the workspace's list as it is now.
    Inbox(Box<ConversationRow> as ConversationRow) = "inbox:conversation-updated",
    /// A visitor looks at another page.
    Page(PageSeen as PageSeen) = "visitor:page",
}

/// An event with its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct EventFrame {
    /// What.
    pub event: Event,
    /// Where, if it is about one conversation.
    pub conversation_id: Option<Uuid>,
    /// Its number, if it is a change of the conversation.
    pub rev: Option<i64>,
    /// When.
    pub at: Option<Timestamp>,
}

impl EventFrame {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Serialize for EventFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut frame = serializer.serialize_struct("Event", 5)?;
        frame.serialize_field("event", self.event.name())?;
        if let Some(id) = &self.conversation_id {
            frame.serialize_field("conversation_id", id)?;
        }
        if let Some(rev) = self.rev {
            frame.serialize_field("rev", &rev)?;
        }
        if let Some(at) = self.at {
            frame.serialize_field("at", &at.to_rfc3339())?;
        }
        if !matches!(self.event, Event::Pong(_)) {
            frame.serialize_field("data", &self.event)?;
        }
        frame.end()
    }
}

#[derive(Deserialize)]
struct Outer<'a> {
    event: String,
    #[serde(default)]
    conversation_id: Option<Uuid>,
    #[serde(default)]
    rev: Option<i64>,
    #[serde(default)]
    at: Option<String>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for EventFrame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let outer = Outer::deserialize(deserializer)?;
        let event = Event::parse(&outer.event, outer.data.map_or("{}", RawValue::get)).map_err(serde::de::Error::custom)?;
        let at = outer
            .at
            .map(|text| Timestamp::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("at is no time")))
            .transpose()?;
        Ok(Self {
            event,
            conversation_id: outer.conversation_id,
            rev: outer.rev,
            at,
        })
    }
}
