//! Who comes by the Socket.IO door follows by who it is: all conversations of which it is one of the two parties, each from the
//! first public change that it could see. Mostly nothing needs to be read for that.

use super::client::{Dialect, Parcel};
use super::door::DoorEvent;
use super::door_queue::Gap;
use super::topic::Next;
use super::work::AGAIN_AFTER;
use super::{Client, Hub, lock};
use crate::ws::close::Close;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Conversation, ReadError};
use parlor_domain::event::{ConversationChange, ConversationEvent};
use parlor_domain::message::Side;
use parlor_domain::page::Limit;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// So many changes are read at once for a client that is behind in a conversation: then others have their turn.
const PAGE: u32 = 20;

impl Hub {
    /// Who comes by the Socket.IO door follows all own conversations without asking: each from the first change that it could see.
    pub(super) fn let_parties_follow(&self, event: &ConversationEvent) {
        let Some(rev) = event.rev else { return };
        let id = event.conversation.id;
        let is_last = event.change == ConversationChange::Deleted;
        if event.conversation.deleted_at.is_some() && !is_last {
            return;
        }
        let new = self.parties_at_the_door(&event.conversation).into_iter().filter(|client| !client.follows(id));
        if is_last {
            // Nothing can be read of it any more, and nothing follows.
            let last = DoorEvent::of(event);
            new.for_each(|client| client.send(Parcel::Event(Arc::clone(&last))));
            return;
        }
        new.for_each(|client| self.let_in(&client, event, rev));
    }

    /// A client follows by who it is, beginning with a public change that is about to be taken.
    fn let_in(&self, client: &Arc<Client>, event: &ConversationEvent, rev: i64) {
        let conversation = &event.conversation;
        let Some(mut topics) = self.shard(conversation.id) else { return };
        if client.follows(conversation.id) || !client.follow(conversation.id, conversation.id.0) {
            return;
        }
        let topic = topics.entry(conversation.id).or_insert_with(|| self.topic(conversation.id));
        // Of a conversation that began since the client came it is to hear everything: the first changes may be late or lost.
        let is_new = conversation.created_at > client.came_at;
        if is_new && rev > 1 || !topic.join_at(client, rev, event.staff_rev) {
            let after = if is_new { 0 } else { rev - 1 };
            topic.join_behind(client, after, rev);
        }
    }

    /// Reads the next changes of a conversation of which too many came at once for a client at the Socket.IO door.
    pub async fn read_on(&self, client: &Client, gap: Gap) {
        let page = Limit::clamped(PAGE);
        match self.with.reader.poll(client.identity().viewer(), gap.conversation, gap.after, page).await {
            // The numbers are not ours any more.
            Ok((catchup, _)) if catchup.reset => return client.cut(Close::TooSlow),
            Ok((catchup, up_to)) if up_to > gap.after => {
                let events = DoorEvent::missed(&catchup).into_iter().map(|(_, event)| event);
                return client.fill(gap, events, up_to);
            }
            // One that is not found is deleted, or another's now. That is told any moment, and closes the gap.
            Ok(_) | Err(ReadError::NotFound) => {}
            Err(ReadError::Repository(error)) => {
                tracing::warn!(conversation = %gap.conversation, %error, "what a client is to be told could not be read; it is tried again");
            }
        }
        tokio::time::sleep(AGAIN_AFTER).await;
        client.put_back(gap);
    }

    /// Several devices of a person share what was read, and the other side sees it.
    pub(super) fn read_at_the_door(&self, conversation: &Arc<Conversation>, by: Side, up_to_seq: i64, at: Timestamp) {
        if self.nobody_is_at_the_door() {
            return;
        }
        let mut parties = self.parties_at_the_door(conversation);
        // The holder of a room key may be known as the visitor whose room it was before.
        self.with_topic(conversation.id, |topic| {
            let is_new = |client: &&Arc<Client>| !parties.iter().any(|known| known.number == client.number);
            let more: Vec<_> = topic.listeners(Dialect::Door).filter(is_new).cloned().collect();
            parties.extend(more);
            Next::Done
        });
        if parties.is_empty() {
            return;
        }
        let event = DoorEvent::read(Arc::clone(conversation), by, up_to_seq, at);
        for client in parties {
            client.signal_at_the_door(Arc::clone(&event));
        }
    }

    fn nobody_is_at_the_door(&self) -> bool {
        self.at_the_door.load(Ordering::Relaxed) == 0
    }

    /// Those at the Socket.IO door who are one of the two between whom a conversation is.
    fn parties_at_the_door(&self, conversation: &Conversation) -> Vec<Arc<Client>> {
        if self.nobody_is_at_the_door() {
            return Vec::new();
        }
        let customer = (Side::Visitor, conversation.visitor_id.0);
        let seller = conversation.seller.as_ref().map(|seller| (Side::Agent, seller.id.0));
        let sockets = lock(&self.sockets);
        std::iter::once(customer)
            .chain(seller)
            .filter_map(|person| sockets.get(&person))
            .flatten()
            .filter(|client| client.is_party_at_the_door(conversation))
            .cloned()
            .collect()
    }
}
