//! The frames: one tagged enum for each direction. Contract: docs/websocket.md and docs/asyncapi.yaml.

mod command;
mod event;
mod reply;

pub use command::{
    ClientInfo, Command, CommandFrame, ConversationMessage, ConversationPlace, ConversationSubscribe, ConversationTyping, ConversationUnsubscribe,
    ConversationViewing, InboxSubscribe, Nothing, OutgoingMessage, PresenceSet, Resume, SessionHello, SessionRefresh, StateWord, Unreadable, VisitorPage,
    read_command,
};
pub use event::{
    AnswerDelta, ConversationBrief, ConversationUpdated, Delivered, Event, EventFrame, MessageChangeWord, MessageUpdated, NewMessage, PageSeen,
    PresenceChanged, ReadUpTo, SessionClosing, SessionExpiring, SubjectShown, Typing, Unread, Viewing,
};
pub use reply::{
    AvailabilityWord, DeliveredReply, ErrorBody, IdentityKind, IdentityShown, MarkReply, MarksDelivered, MarksRead, Online, RefreshReply, ReplyData,
    ReplyFrame, ResumeResult, Resumed, SentReply, SessionReply, SubscribeReply,
};

use serde::{Deserialize, Deserializer};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The version of the protocol.
pub const VERSION: u32 = 1;
/// How the version is called as a subprotocol.
pub const SUBPROTOCOL: &str = "parlor.v1";

/// The schema of the data of a frame, and of all that it refers to.
pub struct DataSchema {
    /// What it is called among the schemas.
    pub name: String,
    /// Itself first.
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

impl DataSchema {
    /// The schema of a type.
    #[must_use]
    pub fn of<T: ToSchema + PartialSchema>() -> Self {
        let name = T::name().into_owned();
        let mut schemas = vec![(name.clone(), T::schema())];
        T::schemas(&mut schemas);
        Self { name, schemas }
    }
}

/// A field of which missing and null are different things.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests;
