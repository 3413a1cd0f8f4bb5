//! Events as packets: written once, for customer and seller alike.

use super::super::packet;
use super::protocol::{PartyConversationDeleted, PartyConversationUpdated, PartyEvent, PartyHasRead, PartyMessageUpdated};
use crate::families::marketplace::{ConversationShape, MessageShape, StoredMessageShape, id_of};
use crate::ws::hub::{DoorChange, DoorEvent};
use bytes::Bytes;
use parlor_domain::conversation::{Conversation, ConversationReader};
use parlor_domain::message::Message;
use parlor_domain::store::RepositoryError;
use serde::Serialize;
use serde_json::value::to_raw_value;

/// The most messages that go with a conversation.
const MAX_EMBEDDED: usize = 100;
/// The most bytes of them.
const MAX_EMBEDDED_BYTES: usize = 256 * 1024;

/// An event of the main namespace.
pub fn event(name: &str, payload: &impl Serialize) -> Bytes {
    // Nothing that is written here can fail: there are no keys but strings.
    to_raw_value(payload).map(|payload| packet::event(name, &payload)).unwrap_or_default()
}

/// The packet for a change. Whoever needs it first reads and writes; the others wait for that.
///
/// # Errors
/// Storage failed. Whoever asks next tries again.
pub async fn packet_for(change: &DoorEvent, reader: &ConversationReader) -> Result<Bytes, RepositoryError> {
    let written = change.packet.get_or_try_init(|| async {
        let told = told(change, reader).await?;
        Ok(event(told.name(), &told))
    });
    written.await.cloned()
}

async fn told(event: &DoorEvent, reader: &ConversationReader) -> Result<PartyEvent, RepositoryError> {
    let conversation = &*event.conversation;
    let conversation_id = id_of(conversation);
    let rev = event.rev.unwrap_or_default();
    Ok(match &event.change {
        DoorChange::NewMessage { message, with_newest } => {
            let newest = if *with_newest { Some(newest(conversation, reader).await?) } else { None };
            PartyEvent::NewMessage(Box::new(StoredMessageShape {
                conversation_id,
                rev,
                message: MessageShape::new(message, conversation),
                conversation: ConversationShape {
                    messages: newest,
                    ..ConversationShape::new(conversation, None)
                },
            }))
        }
        DoorChange::MessageUpdated(message, change) => PartyEvent::MessageUpdated(Box::new(PartyMessageUpdated {
            conversation_id,
            rev,
            change: (*change).into(),
            message: MessageShape::new(message, conversation),
            conversation: ConversationShape::new(conversation, None),
        })),
        DoorChange::Updated => PartyEvent::Updated(Box::new(PartyConversationUpdated {
            conversation_id,
            rev,
            conversation: ConversationShape::new(conversation, None),
        })),
        DoorChange::Deleted => PartyEvent::Deleted(PartyConversationDeleted { conversation_id, rev }),
        DoorChange::Read { by, up_to_seq } => {
            let shape = ConversationShape::new(conversation, None);
            PartyEvent::Read(PartyHasRead {
                conversation_id,
                up_to_seq: *up_to_seq,
                by: (*by).into(),
                is_read_by_seller: shape.is_read_by_seller,
                is_read_by_customer: shape.is_read_by_customer,
                at: event.at.to_rfc3339(),
            })
        }
    })
}

/// The newest messages, oldest first, as far as the bytes go.
async fn newest(conversation: &Conversation, reader: &ConversationReader) -> Result<Vec<MessageShape>, RepositoryError> {
    let messages = reader.newest(conversation.id, MAX_EMBEDDED).await?;
    let mut room = MAX_EMBEDDED_BYTES;
    let mut newest: Vec<_> = messages.iter().rev().map_while(|message| fitting(message, conversation, &mut room)).collect();
    newest.reverse();
    Ok(newest)
}

fn fitting(message: &Message, conversation: &Conversation, room: &mut usize) -> Option<MessageShape> {
    let shape = MessageShape::new(message, conversation);
    let length = serde_json::to_vec(&shape).map_or(0, |json| json.len() + 1);
    *room = room.checked_sub(length)?;
    Some(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_testkit::build::a_message;
    use parlor_testkit::{Fixture, MemoryStore};

    #[tokio::test]
    async fn a_long_conversation_is_cut_to_its_newest_messages() {
        let store = MemoryStore::new();
        let fixture = Fixture::stored(&store).await.unwrap();
        let mut room = 1_000;
        let long = Message {
            text: "x".repeat(700),
            ..a_message(&fixture.conversation)
        };
        assert!(fitting(&long, &fixture.conversation, &mut room).is_some());
        assert!(fitting(&long, &fixture.conversation, &mut room).is_none());
    }
}
