//! A logged-in socket as the hub sees it.

use super::people::PersonKey;
use crate::ws::close::Close;
use crate::ws::identity::Identity;
use crate::ws::queue::Queue;
use parlor_domain::conversation::Audience;
use parlor_domain::id::{ChannelId, ConversationId, WorkspaceId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

/// The most conversations that one connection follows.
pub const MAX_SUBSCRIPTIONS: usize = 200;

/// A logged-in socket.
pub struct Client {
    /// Its number on this node; a later one is higher.
    pub number: u64,
    /// Its name in the log.
    pub name: String,
    /// What waits for it.
    pub queue: Arc<Queue>,
    /// As which audience it counts.
    pub audience: Audience,
    /// Where.
    pub workspace: WorkspaceId,
    /// The page's origin, if it is a browser.
    pub origin: Option<String>,
    /// Which person it was when it came; the holder of a room key may become another one.
    pub(super) came_as: PersonKey,
    /// Asks its task to look at the origins of channels again.
    pub origins_changed: Notify,
    /// Whether it was told that its token runs out.
    pub(super) warned: AtomicBool,
    identity: RwLock<Identity>,
    /// Conversations by id, with the name that the client knows each by.
    subscriptions: Mutex<HashMap<ConversationId, Uuid>>,
    /// Whether it follows the workspace's list, and of which channel.
    inbox: Mutex<Option<Option<ChannelId>>>,
    began_at: Instant,
    /// Milliseconds after `began_at`.
    heard: AtomicU64,
    pinged: AtomicU64,
}

impl Client {
    pub(super) fn new(number: u64, name: String, queue: Arc<Queue>, identity: Identity, origin: Option<String>) -> Self {
        Self {
            number,
            name,
            queue,
            audience: identity.audience(),
            workspace: identity.workspace(),
            came_as: (identity.side(), identity.id()),
            origin,
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
                self.queue.close(close);
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

    /// Notes a subscription. False if there are too many.
    pub(super) fn follow(&self, conversation: ConversationId, known_as: Uuid) -> bool {
        let mut subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        if subscriptions.len() >= MAX_SUBSCRIPTIONS && !subscriptions.contains_key(&conversation) {
            return false;
        }
        subscriptions.insert(conversation, known_as);
        true
    }

    pub(super) fn unfollow(&self, conversation: ConversationId) {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).remove(&conversation);
    }

    pub(super) fn unfollow_all(&self) -> Vec<ConversationId> {
        std::mem::take(&mut *self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner))
            .into_keys()
            .collect()
    }

    /// The conversation that it follows under this name.
    #[must_use]
    pub fn following(&self, known_as: Uuid) -> Option<ConversationId> {
        let subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        if self.audience == Audience::Staff {
            let id = ConversationId(known_as);
            return subscriptions.contains_key(&id).then_some(id);
        }
        subscriptions.iter().find(|(_, name)| **name == known_as).map(|(id, _)| *id)
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
