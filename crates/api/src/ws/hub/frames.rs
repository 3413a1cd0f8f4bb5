//! Changes and signals as the bytes that clients get, written once for each audience.

use super::client::{Dialect, Parcel};
use super::door::DoorEvent;
use crate::families::shared::{ConversationRow, FileLinks, MessageResponse, SenderResponse};
use crate::ws::protocol::{
    AnswerDelta, ConversationBrief, ConversationUpdated, Delivered, Event, EventFrame, MessageUpdated, NewMessage, Nothing, ReadUpTo, StateWord, Typing,
    Viewing,
};
use crate::ws::wire;
use bytes::Bytes;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Audience, Catchup, ChangedFields, Conversation};
use parlor_domain::event::{ConversationChange, ConversationEvent, Participant};
use parlor_domain::id::MessageId;
use parlor_domain::message::SenderKind;
use parlor_domain::message::{Message, Side};
use uuid::Uuid;

/// An event as a frame on the wire.
pub fn encode(event: Event, conversation_id: Option<Uuid>, rev: Option<i64>, at: Option<Timestamp>) -> Bytes {
    wire::text(
        &EventFrame {
            event,
            conversation_id,
            rev,
            at,
        }
        .to_json(),
    )
}

/// What an audience calls a conversation.
pub const fn wire_id(conversation: &Conversation, audience: Audience) -> Uuid {
    match audience {
        Audience::Public => conversation.room_key.expose(),
        Audience::Staff => conversation.id.0,
    }
}

/// A change's number as an audience counts; `None` if it is not for it.
pub const fn number(event: &ConversationEvent, audience: Audience) -> Option<i64> {
    match audience {
        Audience::Public => event.rev,
        Audience::Staff => Some(event.staff_rev),
    }
}

/// A change for an audience that it is for.
pub fn change(event: &ConversationEvent, audience: Audience, links: &FileLinks) -> Bytes {
    let conversation = &event.conversation;
    let told = match &event.change {
        ConversationChange::NewMessage(message) => new_message(message, conversation, audience, links),
        ConversationChange::MessageUpdated(message, change) => Event::MessageUpdated(Box::new(MessageUpdated {
            message: MessageResponse::new(message, conversation, audience, links),
            change: (*change).into(),
        })),
        ConversationChange::Updated(fields) => Event::Updated(Box::new(ConversationUpdated::new(conversation, *fields, audience))),
        ConversationChange::Deleted => Event::Deleted(Nothing {}),
    };
    encode(told, Some(wire_id(conversation, audience)), number(event, audience), Some(event.at))
}

/// What a client missed, by number rising.
pub fn missed(catchup: &Catchup, audience: Audience, links: &FileLinks) -> Vec<(i64, Bytes)> {
    let conversation = &catchup.conversation;
    let id = Some(wire_id(conversation, audience));
    let mut frames: Vec<(i64, Bytes)> = catchup
        .messages
        .iter()
        .filter_map(|message| {
            let rev = match audience {
                Audience::Public => message.rev?,
                Audience::Staff => message.staff_rev,
            };
            let changed_at = message.deleted_at.or(message.edited_at).unwrap_or(message.created_at);
            let told = new_message(message, conversation, audience, links);
            Some((rev, encode(told, id, Some(rev), Some(changed_at))))
        })
        .collect();
    if let Some(rev) = catchup.tell_conversation {
        let event = Event::Updated(Box::new(ConversationUpdated::new(conversation, ChangedFields::all(), audience)));
        frames.push((rev, encode(event, id, Some(rev), Some(conversation.updated_at))));
        frames.sort_by_key(|(rev, _)| *rev);
    }
    frames
}

/// A change in the words of a dialect that it is for.
pub fn parcel(event: &ConversationEvent, dialect: Dialect, links: &FileLinks) -> Parcel {
    match dialect {
        Dialect::Customer | Dialect::Agent => Parcel::Frame(change(event, dialect.audience(), links)),
        Dialect::Door => Parcel::Event(DoorEvent::of(event)),
    }
}

/// What a client missed in the words of a dialect, by number rising.
pub fn missed_parcels(catchup: &Catchup, dialect: Dialect, links: &FileLinks) -> Vec<(i64, Parcel)> {
    match dialect {
        Dialect::Customer | Dialect::Agent => {
            let frames = missed(catchup, dialect.audience(), links).into_iter();
            frames.map(|(rev, bytes)| (rev, Parcel::Frame(bytes))).collect()
        }
        Dialect::Door => {
            let events = DoorEvent::missed(catchup).into_iter();
            events.map(|(rev, event)| (rev, Parcel::Event(event))).collect()
        }
    }
}

fn new_message(message: &Message, conversation: &Conversation, audience: Audience, links: &FileLinks) -> Event {
    Event::NewMessage(Box::new(NewMessage {
        message: MessageResponse::new(message, conversation, audience, links),
        conversation: ConversationBrief::new(conversation, audience),
    }))
}

/// The row of the workspace's list.
pub fn inbox(conversation: &Conversation, at: Timestamp) -> Bytes {
    encode(
        Event::Inbox(Box::new(ConversationRow::new(conversation))),
        Some(conversation.id.0),
        None,
        Some(at),
    )
}

/// More of the answer that the assistant is writing.
pub fn answer_delta(conversation: Uuid, message: MessageId, offset: usize, delta: &str, at: Timestamp) -> Bytes {
    let event = Event::AnswerDelta(AnswerDelta {
        message_id: message.0,
        offset,
        delta: delta.to_owned(),
    });
    encode(event, Some(conversation), None, Some(at))
}

const fn state(active: bool) -> StateWord {
    if active { StateWord::Start } else { StateWord::Stop }
}

fn sender(who: &Participant) -> SenderResponse {
    let kind = match who.side {
        Side::Visitor => SenderKind::Visitor,
        Side::Agent => SenderKind::Agent,
    };
    SenderResponse {
        kind: kind.into(),
        id: Some(who.id),
        name: who.name.clone(),
        reported: false,
    }
}

/// Somebody types.
pub fn typing(wire_id: Uuid, from: &Participant, active: bool, at: Timestamp) -> Bytes {
    encode(
        Event::Typing(Typing {
            conversation_id: wire_id,
            state: state(active),
            sender: sender(from),
        }),
        Some(wire_id),
        None,
        Some(at),
    )
}

/// An agent has it open.
pub fn viewing(wire_id: Uuid, agent: &Participant, active: bool, at: Timestamp) -> Bytes {
    encode(
        Event::Viewing(Viewing {
            state: state(active),
            agent: sender(agent),
        }),
        Some(wire_id),
        None,
        Some(at),
    )
}

/// A side has read.
pub fn read(wire_id: Uuid, by: Side, agent_id: Option<Uuid>, up_to_seq: i64, at: Timestamp) -> Bytes {
    encode(
        Event::Read(ReadUpTo {
            up_to_seq,
            by: by.into(),
            agent_id,
            at: at.to_rfc3339(),
        }),
        Some(wire_id),
        None,
        Some(at),
    )
}

/// A side has received.
pub fn delivered(wire_id: Uuid, by: Side, up_to_seq: i64, at: Timestamp) -> Bytes {
    encode(Event::Delivered(Delivered { up_to_seq, by: by.into() }), Some(wire_id), None, Some(at))
}
