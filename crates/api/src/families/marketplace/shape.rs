//! Conversation and Message as the clients of this family know them.

use crate::families::shared::{AttachmentResponse, FileLinks};
use parlor_domain::conversation::{Conversation, ConversationKind, MessageRef};
use parlor_domain::message::{AuthorId, Message, MessageKind, SenderKind, Side};
use parlor_domain::text::ClientId;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// Messages that were made elsewhere are counted from here: behind all numbers that clients make from the time, and still exact
/// in the numbers of JavaScript.
const FIRST_OF_OTHERS: i64 = 8_000_000_000_000_000;

/// What kind of thing the subject is; nothing but this family knows the word.
pub(super) const VEHICLE: &str = "vehicle";

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SenderWord {
    /// The customer.
    User,
    /// The seller, or somebody who stands in.
    Seller,
    /// The server.
    System,
}

impl SenderWord {
    /// Whose side it is; the server has none.
    #[must_use]
    pub const fn side(self) -> Option<Side> {
        match self {
            Self::User => Some(Side::Visitor),
            Self::Seller => Some(Side::Agent),
            Self::System => None,
        }
    }
}

impl From<SenderKind> for SenderWord {
    fn from(kind: SenderKind) -> Self {
        match kind {
            SenderKind::Visitor => Self::User,
            SenderKind::Agent | SenderKind::Assistant => Self::Seller,
            SenderKind::System => Self::System,
        }
    }
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageWord {
    /// Words, the server's too.
    Text,
    /// A price that the other side decides about.
    Offer,
    /// A time to meet that the other side decides about.
    TestDriveRequest,
}

impl From<MessageKind> for MessageWord {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Offer => Self::Offer,
            MessageKind::Appointment => Self::TestDriveRequest,
            // Every message has words for those who know no more.
            MessageKind::Text
            | MessageKind::System
            | MessageKind::File
            | MessageKind::Location
            | MessageKind::Contacts
            | MessageKind::Order
            | MessageKind::Unsupported
            | MessageKind::Template
            | MessageKind::Interactive => Self::Text,
        }
    }
}

/// One message of a conversation between customer and seller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageShape {
    /// The number that its author's client made, as it made it; 8·10^15 and the place for messages from elsewhere.
    #[schema(value_type = f64, example = 1_763_629_200_123_i64)]
    pub id: Number,
    /// The message, the same id in all families.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000c9")]
    pub message_id: Uuid,
    /// Its place among the messages.
    #[schema(example = 39)]
    pub seq: i64,
    /// Who wrote it.
    pub sender: SenderWord,
    /// What it says; empty once deleted.
    #[schema(example = "Hello!")]
    pub text: String,
    /// When it was stored.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub timestamp: String,
    /// What the author's clock said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime, nullable = false)]
    pub sent_at: Option<String>,
    /// Whether the other side has read it, as of this answer.
    #[schema(example = false)]
    pub is_read: bool,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: MessageWord,
    /// Of an offer or a test drive: what is proposed, with its `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false, example = json!({"offerPrice": 18_500, "status": "pending", "expiresAt": "2026-11-27T09:00:03.120Z"}))]
    pub payload: Option<Value>,
    /// Of a test drive: the same once more, where old clients look for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false, example = json!({"startsAt": "2026-11-24T14:00:00.000Z", "status": "requested"}))]
    pub appointment: Option<Value>,
    /// Files, if it has some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<AttachmentResponse>,
}

impl MessageShape {
    /// The public ones of these messages.
    #[must_use]
    pub fn all(messages: &[Message], conversation: &Conversation, links: &FileLinks) -> Vec<Self> {
        let public = messages.iter().filter(|message| !message.private);
        public.map(|message| Self::new(message, conversation, links)).collect()
    }

    /// A public message of a conversation.
    #[must_use]
    pub fn new(message: &Message, conversation: &Conversation, links: &FileLinks) -> Self {
        Self {
            id: number_of(message, conversation),
            message_id: message.id.0,
            seq: message.seq,
            sender: message.sender.kind.into(),
            text: message.text.clone(),
            timestamp: message.created_at.to_rfc3339(),
            sent_at: message.sent_at.map(|at| at.to_rfc3339()),
            // A line of the server is for both sides.
            is_read: match message.sender.kind {
                SenderKind::System => message.seq <= conversation.team_mark.seq.min(conversation.visitor_mark.seq),
                SenderKind::Visitor | SenderKind::Agent | SenderKind::Assistant => conversation.is_read(message),
            },
            kind: message.kind.into(),
            payload: message.payload.clone(),
            appointment: message.payload.clone().filter(|_| message.kind == MessageKind::Appointment),
            attachments: message.attachments.iter().map(|file| AttachmentResponse::new(file, links)).collect(),
        }
    }
}

/// One conversation between customer and seller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationShape {
    /// The id that its client chose, else ours; the same for both sides. It proves nothing.
    #[schema(example = "conv_123")]
    pub id: String,
    /// The customer's e-mail address.
    #[schema(example = "nadia@example.com")]
    pub customer_id: Option<String>,
    /// The customer's name.
    #[schema(example = "Nadia")]
    pub customer_name: Option<String>,
    /// The seller's e-mail address.
    #[schema(example = "mia@example.com")]
    pub seller_id: Option<String>,
    /// The listing's number on the host site.
    #[schema(value_type = Option<f64>, example = 4711)]
    pub vehicle_id: Option<Number>,
    /// What the listing is called.
    #[schema(example = "VW Golf 1.4 TSI")]
    pub vehicle_name: Option<String>,
    /// What it costs.
    #[schema(value_type = Option<f64>, example = 18_900)]
    pub vehicle_price: Option<Number>,
    /// The newest 100, oldest first. Left out where only the conversation is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub messages: Option<Vec<MessageShape>>,
    /// When the last message came; at first when the conversation began.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_message_at: String,
    /// Whether the seller has read everything.
    #[schema(example = false)]
    pub is_read_by_seller: bool,
    /// Whether the customer has read everything.
    #[schema(example = true)]
    pub is_read_by_customer: bool,
    /// Whether somebody put up a flag for the workspace's agents to see.
    #[schema(example = false)]
    pub is_flagged: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Asks for a deposit by mail", nullable = false)]
    pub flag_reason: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-20T09:05:00.000Z", format = DateTime, nullable = false)]
    pub flagged_at: Option<String>,
    /// When it began.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
    /// When it last changed.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub updated_at: String,
}

impl ConversationShape {
    /// A conversation with its newest messages, or without any. One that began elsewhere is shown as far as the words fit.
    #[must_use]
    pub fn new(conversation: &Conversation, messages: Option<Vec<MessageShape>>) -> Self {
        let vehicle = conversation.subject.as_ref().filter(|subject| subject.kind == VEHICLE);
        // What agents note for themselves is no business of this family.
        let flag = conversation.flag.as_ref().filter(|flag| flag.by.is_some());
        Self {
            id: id_of(conversation),
            customer_id: conversation.customer_email.clone(),
            customer_name: conversation.customer_name.clone(),
            seller_id: conversation.seller.as_ref().map(|seller| seller.email.clone()),
            vehicle_id: vehicle.and_then(|vehicle| as_number(vehicle.external_id.as_deref()?)),
            // One that was never told has none.
            vehicle_name: vehicle.map(|vehicle| vehicle.title.clone()).filter(|title| !title.is_empty()),
            vehicle_price: vehicle.and_then(|vehicle| vehicle.price.clone()),
            messages,
            last_message_at: conversation.last_message_at.to_rfc3339(),
            is_read_by_seller: conversation.team_mark.seq >= conversation.last_seq,
            is_read_by_customer: conversation.visitor_mark.seq >= conversation.last_seq,
            is_flagged: flag.is_some(),
            flag_reason: None,
            flagged_at: flag.map(|flag| flag.at.to_rfc3339()),
            created_at: conversation.created_at.to_rfc3339(),
            updated_at: conversation.updated_at.to_rfc3339(),
        }
    }

    /// The same as one side sees it: why it put up a flag is not for the other, who may be the reason.
    #[must_use]
    pub fn for_side(self, conversation: &Conversation, side: Side) -> Self {
        let own = conversation.flag.as_ref().filter(|flag| flag.by == Some(side));
        Self {
            flag_reason: own.and_then(|flag| flag.reason.clone()),
            ..self
        }
    }
}

/// What both sides call a conversation: the id that its client chose, else ours. In other families a client's own id may be a
/// proof, so it stays there.
#[must_use]
pub fn id_of(conversation: &Conversation) -> String {
    let own = conversation.client_ref.clone().filter(|_| conversation.kind == ConversationKind::Marketplace);
    own.unwrap_or_else(|| conversation.id.to_string())
}

/// The number of a message: its author's own, as it was sent, if the author is the customer or the seller and chose a number.
#[must_use]
pub fn number_of(message: &Message, conversation: &Conversation) -> Number {
    let author = message.sender.author();
    let seller = conversation.seller.as_ref().map(|seller| AuthorId::from(seller.id));
    let is_party = author == AuthorId::from(conversation.visitor_id) || Some(author) == seller;
    let own = message.client_id.as_deref().filter(|_| is_party).and_then(|id| {
        // Only what is written the same again comes back as it was sent.
        as_number(id).filter(|number| is_own(number) && number.to_string() == id)
    });
    own.unwrap_or_else(|| Number::from(FIRST_OF_OTHERS + message.seq))
}

/// Which message a client means: a number as in [`MessageShape::id`], or the UUID in [`MessageShape::message_id`].
#[must_use]
pub fn reference_of(value: &Value) -> Option<MessageRef> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) if whole >= FIRST_OF_OTHERS => Some(MessageRef::Place(whole - FIRST_OF_OTHERS)),
            _ => client_id(number).map(MessageRef::ClientId),
        },
        Value::String(text) => text.trim().parse().ok().map(MessageRef::Id),
        _ => None,
    }
}

fn as_number(text: &str) -> Option<Number> {
    serde_json::from_str(text).ok()
}

/// Whether a client may make it: none of those that are ours to give.
fn is_own(number: &Number) -> bool {
    number.as_f64().is_some_and(|value| value > 0.0 && value < 8e15)
}

/// A number that a client made, as its client id.
pub(super) fn client_id(number: &Number) -> Option<ClientId> {
    ClientId::parse(&number.to_string()).ok().filter(|_| is_own(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_is_named_by_either_number_or_by_its_uuid() {
        let id = "018f6a3e-5b1c-7000-8000-0000000000c9";
        assert_eq!(reference_of(&json!(8_000_000_000_000_039_i64)), Some(MessageRef::Place(39)));
        assert_eq!(reference_of(&json!(id)), Some(MessageRef::Id(id.parse().unwrap())));
        let own = reference_of(&json!(1_763_629_200_123.5));
        assert_eq!(own, Some(MessageRef::ClientId(ClientId::parse("1763629200123.5").unwrap())));
        for nothing in [json!(0), json!(-3), json!("conv_1"), json!(null), json!([1]), json!(9e15)] {
            assert_eq!(reference_of(&nothing), None, "{nothing}");
        }
    }
}
