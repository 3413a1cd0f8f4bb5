//! Events as packets: written once, for customer and seller alike.

use super::super::packet;
use super::protocol::{PartyConversationDeleted, PartyConversationUpdated, PartyEvent, PartyHasRead, PartyMessageUpdated};
use crate::families::marketplace::{ConversationShape, MessageShape, StoredMessageShape, id_of};
use crate::families::shared::FileLinks;
use crate::ws::hub::{DoorChange, DoorEvent};
use bytes::Bytes;
use parlor_domain::conversation::{Conversation, ConversationReader};
use parlor_domain::id::ConversationId;
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

/// Writes the packets of one connection.
pub struct Writer<'a> {
    reader: &'a ConversationReader,
    links: &'a FileLinks,
    newest: Option<Newest>,
}

/// The newest messages of a conversation, as read. What waits behind each other asks for the same ones.
struct Newest {
    conversation: ConversationId,
    /// It has every change up to this number.
    up_to: Option<i64>,
    /// Oldest first, as far as the bytes go.
    messages: Vec<Message>,
}

impl<'a> Writer<'a> {
    /// For a connection.
    #[must_use]
    pub const fn new(reader: &'a ConversationReader, links: &'a FileLinks) -> Self {
        Self { reader, links, newest: None }
    }

    /// Nothing waits: nothing needs to be kept.
    pub fn forget(&mut self) {
        self.newest = None;
    }

    /// The packet for a change. Whoever needs it first reads and writes; the others wait for that.
    ///
    /// # Errors
    /// Storage failed. Whoever asks next tries again.
    pub async fn packet_for(&mut self, change: &DoorEvent) -> Result<Bytes, RepositoryError> {
        let written = change.packet.get_or_try_init(|| async {
            let newest = match &change.change {
                DoorChange::NewMessage(_) => Some(self.newest(&change.conversation, change.rev).await?),
                _ => None,
            };
            let told = told(change, newest, self.links);
            Ok(event(told.name(), &told))
        });
        written.await.cloned()
    }

    /// The newest messages, as the conversation's marks show them.
    async fn newest(&mut self, conversation: &Conversation, rev: Option<i64>) -> Result<Vec<MessageShape>, RepositoryError> {
        let serves = |known: &Newest| known.conversation == conversation.id && known.up_to >= rev;
        let known = match self.newest.take() {
            Some(known) if serves(&known) => known,
            _ => Newest::read(conversation, rev, self.reader, self.links).await?,
        };
        let shapes = MessageShape::all(&known.messages, conversation, self.links);
        self.newest = Some(known);
        Ok(shapes)
    }
}

impl Newest {
    async fn read(conversation: &Conversation, rev: Option<i64>, reader: &ConversationReader, links: &FileLinks) -> Result<Self, RepositoryError> {
        let read = reader.newest(conversation.id, MAX_EMBEDDED).await?;
        // It was read after this change.
        let up_to = read.iter().filter_map(|message| message.rev).max().max(rev);
        let mut room = MAX_EMBEDDED_BYTES;
        let mut messages: Vec<_> = read
            .into_iter()
            .rev()
            .take_while(|message| fits(message, conversation, links, &mut room))
            .collect();
        messages.reverse();
        Ok(Self {
            conversation: conversation.id,
            up_to,
            messages,
        })
    }
}

/// Takes room for a message, if there is some.
fn fits(message: &Message, conversation: &Conversation, links: &FileLinks, room: &mut usize) -> bool {
    let length = serde_json::to_vec(&MessageShape::new(message, conversation, links)).map_or(0, |json| json.len() + 1);
    let left = room.checked_sub(length);
    *room = left.unwrap_or_default();
    left.is_some()
}

fn told(event: &DoorEvent, newest: Option<Vec<MessageShape>>, links: &FileLinks) -> PartyEvent {
    let conversation = &*event.conversation;
    let conversation_id = id_of(conversation);
    let rev = event.rev.unwrap_or_default();
    match &event.change {
        DoorChange::NewMessage(message) => PartyEvent::NewMessage(Box::new(StoredMessageShape {
            conversation_id,
            rev,
            message: MessageShape::new(message, conversation, links),
            conversation: ConversationShape {
                messages: newest,
                ..ConversationShape::new(conversation, None)
            },
        })),
        DoorChange::MessageUpdated(message, change) => PartyEvent::MessageUpdated(Box::new(PartyMessageUpdated {
            conversation_id,
            rev,
            change: (*change).into(),
            message: MessageShape::new(message, conversation, links),
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_testkit::build::a_message;
    use parlor_testkit::{FixedClock, Fixture, MemoryStore};
    use std::sync::Arc;

    #[tokio::test]
    async fn a_long_conversation_is_cut_to_its_newest_messages() {
        let store = MemoryStore::new();
        let fixture = Fixture::stored(&store).await.unwrap();
        let links = FileLinks::for_tests(Arc::new(FixedClock::default()));
        let mut room = 1_000;
        let long = Message {
            text: "x".repeat(700),
            ..a_message(&fixture.conversation)
        };
        assert!(fits(&long, &fixture.conversation, &links, &mut room));
        assert!(!fits(&long, &fixture.conversation, &links, &mut room));
    }
}
