//! What waits for a client of the Socket.IO door: changes, not yet written. A new message goes out with the newest ones of its
//! conversation, which must be read; the hub reads nothing. The first connection that needs a frame writes it, for all.

use crate::ws::close::Close;
use bytes::Bytes;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Catchup, Conversation};
use parlor_domain::event::{ConversationChange, ConversationEvent, MessageChange};
use parlor_domain::message::{Message, Side};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OnceCell};
use tokio::time::Instant;

/// The most that waits.
const MAX_EVENTS: usize = 512;
/// The most bytes of frames that wait and are written already, for clients that were faster.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How long a client may take nothing.
const MAX_STALL: Duration = Duration::from_secs(10);

/// What happened, as both parties see it.
#[derive(Debug)]
pub enum DoorChange {
    /// A message that is new, or new to a client that resumes.
    NewMessage {
        /// The message.
        message: Arc<Message>,
        /// Whether the conversation's newest messages go with it.
        with_newest: bool,
    },
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
            ConversationChange::NewMessage(message) => DoorChange::NewMessage {
                message: Arc::clone(message),
                with_newest: true,
            },
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

    /// What a client missed, by number rising. The newest messages go with the last one only: that says it all.
    pub(super) fn missed(catchup: &Catchup) -> Vec<(i64, Arc<Self>)> {
        let conversation = Arc::new(catchup.conversation.clone());
        let last = catchup.messages.iter().filter_map(|message| message.rev).max();
        let messages = catchup.messages.iter().filter_map(|message| {
            let at = message.deleted_at.or(message.edited_at).unwrap_or(message.created_at);
            let change = DoorChange::NewMessage {
                message: Arc::new(message.clone()),
                with_newest: message.rev == last,
            };
            Some((message.rev?, at, change))
        });
        let own = catchup.tell_conversation.map(|rev| (rev, catchup.conversation.updated_at, DoorChange::Updated));
        let mut missed: Vec<_> = messages
            .chain(own)
            .map(|(rev, at, change)| (rev, Self::new(Arc::clone(&conversation), Some(rev), at, change)))
            .collect();
        missed.sort_by_key(|(rev, _)| *rev);
        missed
    }
}

/// What waits.
#[derive(Debug, Clone)]
pub enum DoorItem {
    /// A change that is yet to be written.
    Event(Arc<DoorEvent>),
    /// A packet that has its place among the changes.
    Packet(Bytes),
}

impl DoorItem {
    fn written(&self) -> usize {
        match self {
            Self::Event(event) => event.packet.get().map_or(0, Bytes::len),
            Self::Packet(packet) => packet.len(),
        }
    }
}

#[derive(Default)]
struct Inner {
    items: VecDeque<DoorItem>,
    /// Since when something waits of which the client took none.
    waits_since: Option<Instant>,
    closed: Option<Close>,
}

/// The bounded queue of one client at the Socket.IO door.
#[derive(Default)]
pub struct DoorQueue {
    inner: Mutex<Inner>,
    came: Notify,
    ended: Notify,
}

impl DoorQueue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what must arrive. If it is too much, the connection is closed: its client comes back and resumes.
    pub fn put(&self, item: DoorItem) {
        let mut inner = self.lock();
        if inner.closed.is_some() {
            return;
        }
        if inner.items.len() >= MAX_EVENTS || inner.items.iter().map(DoorItem::written).sum::<usize>() > MAX_BYTES {
            metrics::counter!("parlor_slow_readers_total").increment(1);
            drop(inner);
            return self.close(Close::TooSlow);
        }
        inner.items.push_back(item);
        inner.waits_since.get_or_insert_with(Instant::now);
        drop(inner);
        self.came.notify_one();
    }

    /// Puts in what may be dropped, and is at half.
    pub fn signal(&self, event: Arc<DoorEvent>) {
        if self.lock().items.len() < MAX_EVENTS / 2 {
            self.put(DoorItem::Event(event));
        } else {
            metrics::counter!("parlor_signals_dropped_total").increment(1);
        }
    }

    /// Ends the connection and forgets what waits. A second reason changes nothing.
    pub fn close(&self, close: Close) {
        let mut inner = self.lock();
        if inner.closed.is_none() {
            inner.closed = Some(close);
            inner.items.clear();
            inner.waits_since = None;
        }
        drop(inner);
        self.ended.notify_one();
    }

    /// Why it ends, if it does.
    #[must_use]
    pub fn closed(&self) -> Option<Close> {
        self.lock().closed
    }

    /// Waits until the connection is to end, and tells why. For its own task only.
    pub async fn ended(&self) -> Close {
        loop {
            if let Some(close) = self.closed() {
                return close;
            }
            self.ended.notified().await;
        }
    }

    /// What comes next, once there is something. For its own task only.
    pub async fn next(&self) -> DoorItem {
        loop {
            if let Some(item) = self.take() {
                return item;
            }
            self.came.notified().await;
        }
    }

    fn take(&self) -> Option<DoorItem> {
        let mut inner = self.lock();
        let item = inner.items.pop_front()?;
        inner.waits_since = (!inner.items.is_empty()).then(Instant::now);
        Some(item)
    }

    /// How many events a catch-up may bring now: half of what is free. The rest stays for what comes live, so that no resume ends its
    /// own connection.
    #[must_use]
    pub fn headroom(&self) -> usize {
        MAX_EVENTS.saturating_sub(self.lock().items.len()) / 2
    }

    /// Whether something waits and the client took none for too long.
    #[must_use]
    pub fn is_stalled(&self, now: Instant) -> bool {
        self.lock().waits_since.is_some_and(|since| now.saturating_duration_since(since) >= MAX_STALL)
    }
}

#[cfg(test)]
impl DoorQueue {
    /// All events that wait, for tests.
    pub fn take_all(&self) -> Vec<Arc<DoorEvent>> {
        let items = std::iter::from_fn(|| self.take());
        items
            .filter_map(|item| match item {
                DoorItem::Event(event) => Some(event),
                DoorItem::Packet(_) => None,
            })
            .collect()
    }
}
