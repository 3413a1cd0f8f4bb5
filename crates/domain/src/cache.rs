//! What a node remembers of rights for a few seconds, so that not every request asks the database.

use crate::clock::{Clock, Timestamp};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a node believes what it read: what ends rights is in force everywhere after this time.
pub const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// A bounded map whose entries are believed for [`BELIEVED_FOR`].
pub struct Cache<K, V> {
    entries: Mutex<Entries<K, V>>,
    clock: Arc<dyn Clock>,
    room: usize,
}

struct Entries<K, V> {
    known: HashMap<K, (V, Timestamp)>,
    /// Raised by [`Cache::clear`], so that what was read before is not put in after.
    generation: u64,
}

/// A look that found nothing; the answer of the database is put in with it.
#[derive(Debug, Clone, Copy)]
pub struct Miss {
    generation: u64,
    at: Timestamp,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// Remembers at most `room` things.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, room: usize) -> Self {
        Self {
            entries: Mutex::new(Entries {
                known: HashMap::new(),
                generation: 0,
            }),
            clock,
            room,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, or the right to tell what the database says.
    ///
    /// # Errors
    /// [`Miss`] if nothing is known, or it is too old.
    pub fn get(&self, key: &K) -> Result<V, Miss> {
        let now = self.clock.now();
        let entries = self.lock();
        match entries.known.get(key) {
            // A clock that went back makes an entry old as well.
            Some((value, read_at)) if now >= *read_at && now.since(*read_at) < BELIEVED_FOR => Ok(value.clone()),
            _ => Err(Miss {
                generation: entries.generation,
                at: now,
            }),
        }
    }

    /// Remembers what the database said after `miss`. The age counts from the miss: a slow answer is old when it comes.
    pub fn put(&self, miss: Miss, key: K, value: V) {
        let now = self.clock.now();
        let mut entries = self.lock();
        if entries.generation != miss.generation {
            return;
        }
        if entries.known.len() >= self.room {
            entries.known.retain(|_, (_, read_at)| now.since(*read_at) < BELIEVED_FOR);
            if entries.known.len() >= self.room {
                entries.known.clear();
            }
        }
        entries.known.insert(key, (value, miss.at));
    }

    /// Forgets some things, and what is being read at this moment.
    pub fn forget(&self, which: impl Fn(&V) -> bool) {
        let mut entries = self.lock();
        entries.known.retain(|_, (value, _)| !which(value));
        entries.generation += 1;
    }

    /// Forgets everything: somebody's rights changed.
    pub fn clear(&self) {
        let mut entries = self.lock();
        entries.known.clear();
        entries.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Hand(AtomicI64);
    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn what_is_known_is_believed_for_five_seconds_and_not_after_a_change() {
        let clock = Arc::new(Hand(AtomicI64::new(1_000)));
        let cache: Cache<&str, i32> = Cache::new(clock.clone(), 2);
        let miss = cache.get(&"a").unwrap_err();
        cache.put(miss, "a", 1);
        assert_eq!(cache.get(&"a").ok(), Some(1));
        clock.0.store(5_999, Ordering::SeqCst);
        assert_eq!(cache.get(&"a").ok(), Some(1));
        clock.0.store(6_000, Ordering::SeqCst);
        let before = cache.get(&"a").unwrap_err();
        cache.clear();
        cache.put(before, "a", 1);
        assert!(cache.get(&"a").is_err(), "what was read before a change is not remembered after it");
    }

    #[test]
    fn it_keeps_its_bound() {
        let cache: Cache<i32, i32> = Cache::new(Arc::new(Hand(AtomicI64::new(0))), 10);
        for key in 0..100 {
            let miss = cache.get(&key).unwrap_err();
            cache.put(miss, key, key);
        }
        assert!(cache.lock().known.len() <= 10);
    }
}
