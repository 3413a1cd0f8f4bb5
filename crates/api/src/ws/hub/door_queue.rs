//! The queue of one client at the Socket.IO door. However much happens in a conversation, it stays small: a conversation of which too
//! much waits gives way to a mark of where the client stopped, and from there the client's task reads on, page after page.

use super::door::{DoorChange, DoorEvent};
use crate::ws::close::Close;
use bytes::Bytes;
use parlor_domain::id::ConversationId;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The most that waits, besides one mark for each conversation.
const MAX_EVENTS: usize = 512;
/// The most changes of one conversation that wait: as many as a resume may bring.
const MAX_OF_ONE: usize = MAX_EVENTS / 2;
/// The most bytes of frames that wait and are written already, for clients that were faster.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How long a client may take nothing.
const MAX_STALL: Duration = Duration::from_secs(10);

/// Where a client stopped in a conversation, and is to read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// In which.
    pub conversation: ConversationId,
    /// The number up to which it was told everything.
    pub after: i64,
    /// Tells a gap that still counts from one that does not.
    ticket: u64,
}

/// What waits.
#[derive(Debug, Clone)]
pub enum DoorItem {
    /// A change that is yet to be written.
    Event(Arc<DoorEvent>),
    /// A packet that has its place among the changes.
    Packet(Bytes),
    /// Changes that are yet to be read.
    Gap(Gap),
}

impl DoorItem {
    fn written(&self) -> usize {
        match self {
            Self::Event(event) => event.packet.get().map_or(0, Bytes::len),
            Self::Packet(packet) => packet.len(),
            Self::Gap(_) => 0,
        }
    }

    /// Whether it is a numbered change of a conversation.
    fn is_change_of(&self, conversation: ConversationId) -> bool {
        matches!(self, Self::Event(event) if event.rev.is_some() && event.conversation.id == conversation)
    }
}

/// A conversation in which a client was told less than it was handed, or more.
struct Behind {
    ticket: u64,
    /// The number up to which it was told everything, or will have been by what waits.
    after: i64,
    /// The highest number that is left out; `None` once it was read. What was read beyond it comes again and is dropped.
    left_out: Option<i64>,
}

#[derive(Default)]
struct Inner {
    items: VecDeque<DoorItem>,
    behind: HashMap<ConversationId, Behind>,
    last_ticket: u64,
    /// Since when something waits of which the client took none.
    waits_since: Option<Instant>,
    closed: Option<Close>,
}

impl Inner {
    fn push(&mut self, item: DoorItem) {
        self.items.push_back(item);
        self.waits_since.get_or_insert_with(Instant::now);
    }

    /// Whether a change need not wait: it will be read with others, or was.
    fn leaves_out(&mut self, event: &DoorEvent) -> bool {
        let id = event.conversation.id;
        let (Some(rev), Some(behind)) = (event.rev, self.behind.get_mut(&id)) else {
            return false;
        };
        match behind.left_out {
            // Nothing can be read of it any more.
            _ if matches!(event.change, DoorChange::Deleted) => {}
            Some(left_out) => {
                behind.left_out = Some(left_out.max(rev));
                return true;
            }
            None if rev <= behind.after => return true,
            None => {}
        }
        self.behind.remove(&id);
        false
    }

    /// Leaves out what comes of a conversation, until it was read from a number on. What counted before counts no more.
    fn open_gap(&mut self, conversation: ConversationId, after: i64, left_out: i64) {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let before = self.behind.get(&conversation).and_then(|behind| behind.left_out);
        let behind = Behind {
            ticket,
            after,
            left_out: before.max(Some(left_out)),
        };
        self.behind.insert(conversation, behind);
        self.push(DoorItem::Gap(Gap { conversation, after, ticket }));
    }

    /// Puts a gap in place of the changes that wait of the conversations that are meant. It stands where the first one stood.
    fn fold(&mut self, is_meant: impl Fn(ConversationId) -> bool) {
        let mut folded = HashSet::new();
        for item in std::mem::take(&mut self.items) {
            let DoorItem::Event(event) = &item else {
                self.items.push_back(item);
                continue;
            };
            let id = event.conversation.id;
            match event.rev {
                Some(_) if matches!(event.change, DoorChange::Deleted) => {
                    self.behind.remove(&id);
                    self.items.push_back(item);
                }
                Some(rev) if is_meant(id) => {
                    if folded.insert(id) {
                        self.open_gap(id, rev - 1, rev);
                    } else if let Some(behind) = self.behind.get_mut(&id) {
                        behind.left_out = behind.left_out.max(Some(rev));
                    }
                }
                _ => self.items.push_back(item),
            }
        }
    }

    /// Makes room by reading later. False if what waits is not of that kind.
    fn keeps_small(&mut self) -> bool {
        if self.items.len() > MAX_EVENTS || self.written() > MAX_BYTES {
            self.fold(|_| true);
        }
        let marks = self.items.iter().filter(|item| matches!(item, DoorItem::Gap(_))).count();
        self.items.len() - marks <= MAX_EVENTS
    }

    fn written(&self) -> usize {
        self.items.iter().map(DoorItem::written).sum()
    }

    /// Whether a gap still counts.
    fn counts(&self, gap: &Gap) -> bool {
        self.behind
            .get(&gap.conversation)
            .is_some_and(|behind| behind.ticket == gap.ticket && behind.left_out.is_some())
    }
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

    /// Puts in what must arrive. Of too many changes the client is told later what they came to. Too much of anything else closes the
    /// connection.
    pub fn put(&self, item: DoorItem) {
        let mut inner = self.lock();
        if inner.closed.is_some() || matches!(&item, DoorItem::Event(event) if inner.leaves_out(event)) {
            return;
        }
        let of = match &item {
            DoorItem::Event(event) => Some(event.conversation.id),
            DoorItem::Packet(_) | DoorItem::Gap(_) => None,
        };
        inner.push(item);
        if let Some(id) = of
            && inner.items.iter().filter(|item| item.is_change_of(id)).count() > MAX_OF_ONE
        {
            inner.fold(|other| other == id);
        }
        let fits = inner.keeps_small();
        drop(inner);
        if !fits {
            metrics::counter!("parlor_slow_readers_total").increment(1);
            return self.close(Close::TooSlow);
        }
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

    /// The client is to read a conversation from a number on, at least to another one.
    pub fn fall_behind(&self, conversation: ConversationId, after: i64, to: i64) {
        let mut inner = self.lock();
        if inner.closed.is_some() {
            return;
        }
        let after = match inner.behind.get_mut(&conversation) {
            Some(Behind { left_out: Some(left_out), .. }) => {
                *left_out = to.max(*left_out);
                return;
            }
            Some(told) => after.max(told.after),
            None => after,
        };
        if after < to {
            inner.open_gap(conversation, after, to);
            drop(inner);
            self.came.notify_one();
        }
    }

    /// Puts in what was read for a gap, and the rest of it, if it is not to its end. What else waits has its turn in between.
    pub fn fill(&self, gap: Gap, read: impl IntoIterator<Item = Arc<DoorEvent>>, up_to: i64) {
        let mut inner = self.lock();
        if inner.closed.is_some() || !inner.counts(&gap) {
            return;
        }
        read.into_iter().for_each(|event| inner.push(DoorItem::Event(event)));
        if let Some(behind) = inner.behind.get_mut(&gap.conversation) {
            behind.after = up_to;
            if behind.left_out > Some(up_to) {
                inner.push(DoorItem::Gap(Gap { after: up_to, ..gap }));
            } else {
                behind.left_out = None;
            }
        }
        drop(inner);
        self.came.notify_one();
    }

    /// A gap could not be read: it waits again.
    pub fn put_back(&self, gap: Gap) {
        let mut inner = self.lock();
        if inner.closed.is_none() && inner.counts(&gap) {
            inner.push(DoorItem::Gap(gap));
            drop(inner);
            self.came.notify_one();
        }
    }

    /// What waits of a conversation is told in another way, or not any more.
    pub fn forget(&self, conversation: ConversationId) {
        let mut inner = self.lock();
        inner.behind.remove(&conversation);
        inner.items.retain(|item| !item.is_change_of(conversation));
    }

    /// What others wrote meanwhile counts, too.
    pub fn keep_small(&self) {
        self.lock().keeps_small();
    }

    /// Ends the connection and forgets what waits. A second reason changes nothing.
    pub fn close(&self, close: Close) {
        let mut inner = self.lock();
        if inner.closed.is_none() {
            inner.closed = Some(close);
            inner.items.clear();
            inner.behind.clear();
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

    /// What comes next, if there is something.
    pub fn take(&self) -> Option<DoorItem> {
        let mut inner = self.lock();
        let item = loop {
            match inner.items.pop_front() {
                Some(DoorItem::Gap(gap)) if !inner.counts(&gap) => continue,
                item => break item,
            }
        };
        inner.waits_since = (!inner.items.is_empty()).then(Instant::now);
        item
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }

    /// How many events a catch-up may bring now: half of what is free. The rest stays for what comes live.
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
    /// How much waits.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }
}
