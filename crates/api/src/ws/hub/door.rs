//! What is told to clients of the Socket.IO door: changes, not yet written. A new message goes out with the newest ones of its
//! conversation, which must be read; the hub reads nothing. The first connection that needs a frame writes it, for all.

use bytes::Bytes;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Catchup, Conversation};
use parlor_domain::event::{ConversationChange, ConversationEvent, MessageChange};
use parlor_domain::message::{Message, Side};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// What happened, as both parties see it.
#[derive(Debug)]
pub enum DoorChange {
    /// A message that is new, or new to a client that resumes. The conversation's newest ones go with it.
    NewMessage(Arc<Message>),
    /// A known message changed.
    MessageUpdated(Arc<Message>, MessageChange),
    /// The conversation itself changed.
    Updated,
    /// It is gone.
    Deleted,
    /// A side has read. It has no number.
    Read {
        /// Which side.
        by: Side,
        /// Up to where.
        up_to_seq: i64,
    },
}

/// One change on its way to the parties of a conversation.
#[derive(Debug)]
pub struct DoorEvent {
    /// The conversation as the change left it.
    pub conversation: Arc<Conversation>,
    /// The number of the change; `None` if it has none.
    pub rev: Option<i64>,
    /// When.
    pub at: Timestamp,
    /// What.
    pub change: DoorChange,
    /// The packet for it, once somebody wrote it.
    pub packet: OnceCell<Bytes>,
}

impl DoorEvent {
    fn new(conversation: Arc<Conversation>, rev: Option<i64>, at: Timestamp, change: DoorChange) -> Arc<Self> {
        Arc::new(Self {
            conversation,
            rev,
            at,
            change,
            packet: OnceCell::new(),
        })
    }

    /// A public change.
    pub(super) fn of(event: &ConversationEvent) -> Arc<Self> {
        let change = match &event.change {
            ConversationChange::NewMessage(message) => DoorChange::NewMessage(Arc::clone(message)),
            ConversationChange::MessageUpdated(message, change) => DoorChange::MessageUpdated(Arc::clone(message), *change),
            ConversationChange::Updated(_) => DoorChange::Updated,
            ConversationChange::Deleted => DoorChange::Deleted,
        };
        Self::new(Arc::clone(&event.conversation), event.rev, event.at, change)
    }

    /// A side has read.
    pub(super) fn read(conversation: Arc<Conversation>, by: Side, up_to_seq: i64, at: Timestamp) -> Arc<Self> {
        Self::new(conversation, None, at, DoorChange::Read { by, up_to_seq })
    }

    /// What a client missed, by number rising.
    pub(super) fn missed(catchup: &Catchup) -> Vec<(i64, Arc<Self>)> {
        let conversation = Arc::new(catchup.conversation.clone());
        let messages = catchup.messages.iter().filter_map(|message| {
            let at = message.deleted_at.or(message.edited_at).unwrap_or(message.created_at);
            Some((message.rev?, at, DoorChange::NewMessage(Arc::new(message.clone()))))
        });
        // A message that has its number brings it.
        let own = catchup
            .tell_conversation
            .filter(|rev| catchup.messages.iter().all(|message| message.rev != Some(*rev)))
            .map(|rev| (rev, catchup.conversation.updated_at, DoorChange::Updated));
        let mut missed: Vec<_> = messages
            .chain(own)
            .map(|(rev, at, change)| (rev, Self::new(Arc::clone(&conversation), Some(rev), at, change)))
            .collect();
        missed.sort_by_key(|(rev, _)| *rev);
        missed
    }
}
