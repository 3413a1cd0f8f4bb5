//! How the servers do, and who is left alone.

use parlor_domain::assistant::{ModelFailure, ModelHealth, ModelKey, ModelServer};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// So many failures in a row open the breaker.
const MOST_FAILURES: u32 = 5;

/// The most servers that are remembered.
const MOST_SERVERS: usize = 1_000;

/// Whose key does badly must not silence others at the same address.
type Key = (String, String, bool, Option<ModelKey>);
type Shared = Arc<Mutex<State>>;

/// What is known of each server, model and key.
#[derive(Default)]
pub(super) struct Breakers(Mutex<HashMap<Key, Shared>>);

#[derive(Default)]
struct State {
    health: ModelHealth,
    failures: u32,
    /// Open: nobody asks before that, and then one does.
    rest_until: Option<Instant>,
    trying: bool,
}

impl Breakers {
    /// Lets somebody ask, or not: the server is resting, or somebody else tries whether it is back.
    pub(super) fn enter(&self, server: &ModelServer, rest: Duration) -> Option<Permit> {
        let shared = {
            let mut known = lock(&self.0);
            if known.len() >= MOST_SERVERS {
                known.clear();
            }
            Arc::clone(known.entry(key(server)).or_default())
        };
        let mut state = lock(&shared);
        let tries = match state.rest_until {
            Some(until) if state.trying || Instant::now() < until => return None,
            open => open.is_some(),
        };
        state.trying = tries;
        drop(state);
        Some(Permit { shared, rest, tries })
    }

    /// How a server did last.
    pub(super) fn health(&self, server: &ModelServer) -> ModelHealth {
        let shared = lock(&self.0).get(&key(server)).cloned();
        shared.map_or(ModelHealth::Unknown, |shared| lock(&shared).health)
    }
}

/// Allows to ask, and hears how it went. Dropping it without a word says nothing about the server.
pub(super) struct Permit {
    shared: Shared,
    rest: Duration,
    /// The one that tries whether the server is back.
    tries: bool,
}

impl Permit {
    /// A request failed. Says whether another one may follow.
    pub(super) fn failed(&mut self, failure: ModelFailure) -> bool {
        let mut state = lock(&self.shared);
        state.health = ModelHealth::Failing(failure);
        // What one conversation or one address did wrong must not silence the others.
        if matches!(failure, ModelFailure::Refused(_) | ModelFailure::Forbidden) {
            return state.rest_until.is_none();
        }
        state.failures = state.failures.saturating_add(1);
        if self.tries || (state.rest_until.is_none() && state.failures >= MOST_FAILURES) {
            if state.rest_until.is_none() {
                metrics::gauge!("parlor_assistant_breaker_open").increment(1.0);
            }
            state.rest_until = Some(Instant::now() + self.rest);
        }
        if std::mem::take(&mut self.tries) {
            state.trying = false;
        }
        state.rest_until.is_none()
    }

    /// An answer has begun: the server is back, others may ask.
    pub(super) fn answers(&mut self) {
        let mut state = lock(&self.shared);
        state.health = ModelHealth::Healthy;
        if state.rest_until.take().is_some() {
            metrics::gauge!("parlor_assistant_breaker_open").decrement(1.0);
        }
        if std::mem::take(&mut self.tries) {
            state.trying = false;
        }
    }

    /// The answer came to its end: no failure before it counts any more.
    pub(super) fn succeeded(&mut self) {
        lock(&self.shared).failures = 0;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.tries {
            lock(&self.shared).trying = false;
        }
    }
}

fn key(server: &ModelServer) -> Key {
    (server.base_url.clone(), server.model.clone(), server.by_operator, server.api_key.clone())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
