//! A logged-in socket as the hub sees it.

use super::door::{DoorChange, DoorEvent};
use super::door_queue::{DoorItem, DoorQueue, Gap};
use super::people::PersonKey;
use crate::ws::close::Close;
use crate::ws::identity::Identity;
use crate::ws::queue::{Queue, SignalKey};
use bytes::Bytes;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Audience, Conversation};
use parlor_domain::id::{ChannelId, ConversationId, WorkspaceId};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

/// The most conversations that one connection follows.
pub const MAX_SUBSCRIPTIONS: usize = 200;
/// So many deleted conversations are remembered: what comes late of one is late by seconds.
const MAX_GONE: usize = 100;

/// How a client is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// As a visitor on a WebSocket.
    Customer,
    /// As an agent on a WebSocket.
    Agent,
    /// As a party of conversations at the Socket.IO door, whichever of the two.
    Door,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Customer, Self::Agent, Self::Door];

    /// Whose numbers it counts.
    #[must_use]
    pub const fn audience(self) -> Audience {
        match self {
            Self::Customer | Self::Door => Audience::Public,
            Self::Agent => Audience::Staff,
        }
    }

    /// How an audience is spoken to on a WebSocket.
    #[must_use]
    pub const fn of(audience: Audience) -> Self {
        match audience {
            Audience::Public => Self::Customer,
            Audience::Staff => Self::Agent,
        }
    }
}

/// What is handed to a client.
#[derive(Debug, Clone)]
pub enum Parcel {
    /// To a WebSocket: a frame.
    Frame(Bytes),
    /// To the Socket.IO door: an event that is yet to be written.
    Event(Arc<DoorEvent>),
}

/// What waits for a client, and whether its connection goes on.
pub enum Outbox {
    /// Of a WebSocket.
    Frames(Arc<Queue>),
    /// Of the Socket.IO door.
    Events(Arc<DoorQueue>),
}

impl From<Arc<Queue>> for Outbox {
    fn from(queue: Arc<Queue>) -> Self {
        Self::Frames(queue)
    }
}

impl From<Arc<DoorQueue>> for Outbox {
    fn from(queue: Arc<DoorQueue>) -> Self {
        Self::Events(queue)
    }
}

/// Which conversations a client follows.
#[derive(Default)]
struct Subscriptions {
    /// By id, with the name that the client knows each by.
    known_as: HashMap<ConversationId, Uuid>,
    /// Those of which a client at the Socket.IO door was told last that they are deleted.
    gone: VecDeque<ConversationId>,
    /// It is gone, and follows nothing any more.
    over: bool,
}

impl Subscriptions {
    /// A conversation is deleted. False if that was told.
    fn end(&mut self, conversation: ConversationId) -> bool {
        if self.gone.contains(&conversation) {
            return false;
        }
        if self.gone.len() >= MAX_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back(conversation);
        true
    }
}

/// A logged-in socket.
pub struct Client {
    /// Its number on this node; a later one is higher.
    pub number: u64,
    /// Its name in the log.
    pub name: String,
    outbox: Outbox,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// As which audience it counts.
    pub audience: Audience,
    /// Where.
    pub workspace: WorkspaceId,
    /// The page's origin, if it is a browser.
    pub origin: Option<String>,
    /// When it came.
    pub(super) came_at: Timestamp,
    /// Which person it was when it came; the holder of a room key may become another one.
    pub(super) came_as: PersonKey,
    /// Whether it was counted as being there.
    pub(super) attended: AtomicBool,
    /// Asks its task to look at the origins of channels again.
    pub origins_changed: Notify,
    /// Whether it was told that its token runs out.
    pub(super) warned: AtomicBool,
    identity: RwLock<Identity>,
    subscriptions: Mutex<Subscriptions>,
    /// Whether it follows the workspace's list, and of which channel.
    inbox: Mutex<Option<Option<ChannelId>>>,
    began_at: Instant,
    /// Milliseconds after `began_at`.
    heard: AtomicU64,
    pinged: AtomicU64,
}

impl Client {
    pub(super) fn new(number: u64, name: String, outbox: Outbox, identity: Identity, origin: Option<String>, came_at: Timestamp) -> Self {
        let dialect = match outbox {
            Outbox::Frames(_) => Dialect::of(identity.audience()),
            Outbox::Events(_) => Dialect::Door,
        };
        Self {
            number,
            name,
            outbox,
            dialect,
            audience: identity.audience(),
            workspace: identity.workspace(),
            came_as: (identity.side(), identity.id()),
            origin,
            came_at,
            attended: AtomicBool::new(false),
            origins_changed: Notify::new(),
            warned: AtomicBool::new(false),
            identity: RwLock::new(identity),
            subscriptions: Mutex::default(),
            inbox: Mutex::default(),
            began_at: Instant::now(),
            heard: AtomicU64::new(0),
            pinged: AtomicU64::new(0),
        }
    }

    /// Who it is, as of now.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same person with another login, which may be good for longer.
    pub fn log_in_again(&self, identity: Identity) {
        self.warned.store(false, Ordering::Relaxed);
        self.set_identity(identity);
    }

    /// Takes in what a check of its login found: who it is now, or how to close. False if its socket closes.
    ///
    /// A check takes a while. If it logged in again meanwhile, what was found is about a login that counts no more.
    pub(super) fn settle(&self, checked: &Identity, found: Result<Identity, Close>) -> bool {
        let mut identity = self.identity.write().unwrap_or_else(PoisonError::into_inner);
        if identity.proof() != checked.proof() {
            return true;
        }
        match found {
            Ok(found) => {
                *identity = found;
                true
            }
            Err(close) => {
                self.close(close);
                false
            }
        }
    }

    /// The same login as it is known now.
    pub(super) fn set_identity(&self, identity: Identity) {
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }

    /// Looks at who it is without a copy.
    pub(super) fn with_identity<T>(&self, look: impl FnOnce(&Identity) -> T) -> T {
        look(&self.identity.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Which person it is: side and internal id.
    pub(super) fn person(&self) -> PersonKey {
        self.with_identity(|identity| (identity.side(), identity.id()))
    }

    /// Hands on what must arrive. What is not for its kind of connection is left out.
    pub(super) fn send(&self, parcel: Parcel) {
        match (&self.outbox, parcel) {
            (Outbox::Frames(queue), Parcel::Frame(bytes)) => queue.send(bytes),
            (Outbox::Events(queue), Parcel::Event(event)) => {
                let ends = matches!(event.change, DoorChange::Deleted);
                if !ends || self.subscriptions().end(event.conversation.id) {
                    queue.put(DoorItem::Event(event));
                }
            }
            (Outbox::Frames(_), Parcel::Event(_)) | (Outbox::Events(_), Parcel::Frame(_)) => {}
        }
    }

    /// Hands on a signal to a WebSocket. It may be dropped.
    pub(super) fn signal(&self, bytes: Bytes, key: SignalKey) {
        if let Outbox::Frames(queue) = &self.outbox {
            queue.signal(bytes, key);
        }
    }

    /// The same to the Socket.IO door.
    pub(super) fn signal_at_the_door(&self, event: Arc<DoorEvent>) {
        if let Outbox::Events(queue) = &self.outbox {
            queue.signal(event);
        }
    }

    /// At the Socket.IO door it is to read a conversation from a number on, at least to another one. False on a WebSocket.
    pub(super) fn fall_behind(&self, conversation: ConversationId, after: i64, to: i64) -> bool {
        let Outbox::Events(queue) = &self.outbox else { return false };
        queue.fall_behind(conversation, after, to);
        true
    }

    /// What was read for it of a conversation in which it is behind.
    pub(super) fn fill(&self, gap: Gap, read: impl IntoIterator<Item = Arc<DoorEvent>>, up_to: i64) {
        if let Outbox::Events(queue) = &self.outbox {
            queue.fill(gap, read, up_to);
        }
    }

    /// It could not be read.
    pub(super) fn put_back(&self, gap: Gap) {
        if let Outbox::Events(queue) = &self.outbox {
            queue.put_back(gap);
        }
    }

    /// What waits of a conversation at the Socket.IO door is told in another way, or not any more.
    pub(super) fn forget(&self, conversation: ConversationId) {
        if let Outbox::Events(queue) = &self.outbox {
            queue.forget(conversation);
        }
    }

    /// Counts what waits.
    pub(super) fn keep_small(&self) {
        if let Outbox::Events(queue) = &self.outbox {
            queue.keep_small();
        }
    }

    /// Ends its connection after what waits. A second reason changes nothing.
    pub fn close(&self, close: Close) {
        match &self.outbox {
            Outbox::Frames(queue) => queue.close(close),
            Outbox::Events(queue) => queue.close(close),
        }
    }

    /// Ends its connection and forgets what waits.
    pub(super) fn cut(&self, close: Close) {
        match &self.outbox {
            Outbox::Frames(queue) => queue.cut(close),
            Outbox::Events(queue) => queue.close(close),
        }
    }

    /// Whether something waits and it took nothing for too long.
    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        match &self.outbox {
            Outbox::Frames(queue) => queue.is_stalled(now),
            Outbox::Events(queue) => queue.is_stalled(now),
        }
    }

    /// Whether it is at the Socket.IO door as one of the two between whom a conversation is.
    pub(super) fn is_party_at_the_door(&self, conversation: &Conversation) -> bool {
        self.dialect == Dialect::Door && self.with_identity(|identity| identity.is_party_of(conversation))
    }

    /// Whether others see it as being there. A seller's customers see whether it has read, and agents count those who answer for all.
    pub(super) fn is_seen(&self) -> bool {
        self.with_identity(|identity| !matches!(identity, Identity::Seller(_)))
    }

    /// Something came from it.
    pub fn heard(&self) {
        self.heard.store(millis(self.began_at.elapsed()), Ordering::Relaxed);
    }

    /// For how long nothing came.
    pub(super) fn silent_for(&self, now: Instant) -> Duration {
        self.age(now).saturating_sub(Duration::from_millis(self.heard.load(Ordering::Relaxed)))
    }

    /// Whether it is to be pinged: nothing came for this long, and no ping went meanwhile.
    pub(super) fn wants_ping(&self, every: Duration, now: Instant) -> bool {
        let pinged_ago = self.age(now).saturating_sub(Duration::from_millis(self.pinged.load(Ordering::Relaxed)));
        let wants = self.silent_for(now) >= every && pinged_ago >= every;
        if wants {
            self.pinged.store(millis(self.age(now)), Ordering::Relaxed);
        }
        wants
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began_at)
    }

    fn subscriptions(&self) -> MutexGuard<'_, Subscriptions> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a subscription. False if there are too many, or if the client or the conversation is gone. Whoever comes by the Socket.IO door follows
    /// all that is its own.
    pub(super) fn follow(&self, conversation: ConversationId, known_as: Uuid) -> bool {
        let mut subscriptions = self.subscriptions();
        let is_full = self.dialect != Dialect::Door && subscriptions.known_as.len() >= MAX_SUBSCRIPTIONS;
        if subscriptions.over || subscriptions.gone.contains(&conversation) || is_full && !subscriptions.known_as.contains_key(&conversation) {
            return false;
        }
        subscriptions.known_as.insert(conversation, known_as);
        true
    }

    pub(super) fn unfollow(&self, conversation: ConversationId) {
        self.subscriptions().known_as.remove(&conversation);
    }

    /// It is gone: it follows nothing, and never will again.
    pub(super) fn unfollow_all(&self) -> Vec<ConversationId> {
        let mut subscriptions = self.subscriptions();
        subscriptions.over = true;
        std::mem::take(&mut subscriptions.known_as).into_keys().collect()
    }

    /// Whether it follows a conversation.
    pub(super) fn follows(&self, conversation: ConversationId) -> bool {
        self.subscriptions().known_as.contains_key(&conversation)
    }

    /// The conversation that it follows under this name.
    #[must_use]
    pub fn following(&self, known_as: Uuid) -> Option<ConversationId> {
        let subscriptions = self.subscriptions();
        if self.audience == Audience::Staff {
            let id = ConversationId(known_as);
            return subscriptions.known_as.contains_key(&id).then_some(id);
        }
        subscriptions.known_as.iter().find(|(_, name)| **name == known_as).map(|(id, _)| *id)
    }

    /// Follows the workspace's list: all of it, one channel, or (`None`) not.
    pub fn follow_inbox(&self, what: Option<Option<ChannelId>>) {
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    pub(super) fn follows_inbox_of(&self, channel: ChannelId) -> bool {
        match *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) {
            None => false,
            Some(only) => only.is_none_or(|only| only == channel),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
impl Client {
    /// What waits for a WebSocket.
    pub fn queue(&self) -> &Queue {
        match &self.outbox {
            Outbox::Frames(queue) => queue,
            Outbox::Events(_) => panic!("it is at the Socket.IO door"),
        }
    }

    /// What waits at the Socket.IO door.
    pub fn door(&self) -> &DoorQueue {
        match &self.outbox {
            Outbox::Events(queue) => queue,
            Outbox::Frames(_) => panic!("it has a WebSocket"),
        }
    }
}
