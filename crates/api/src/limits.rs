//! How much one address or account may do, counted by this node.

use crate::extract::ClientAddress;
use crate::limits_config::{Limits, MinuteRate};
use crate::problem::Problem;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use parlor_domain::id::VisitorId;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

type Keyed<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// So many a minute for each key; without a limit it always lets through.
pub struct PerMinute<K: Hash + Eq + Clone> {
    limiter: Option<(Keyed<K>, u32)>,
}

/// What a caller may still do, for the RateLimit header fields.
#[derive(Debug, Clone, Copy)]
pub struct Left {
    /// The limit for a minute.
    pub limit: u32,
    /// What is left of it.
    pub remaining: u32,
}

impl<K: Hash + Eq + Clone> PerMinute<K> {
    fn new(number: u32) -> Self {
        Self::with_burst(MinuteRate {
            per_minute: number,
            burst: number,
        })
    }

    fn with_burst(rate: MinuteRate) -> Self {
        let limiter = NonZeroU32::new(rate.per_minute).map(|number| {
            let quota = Quota::per_minute(number).allow_burst(NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN));
            let limiter: Keyed<K> = RateLimiter::new(quota, DefaultKeyedStateStore::default(), DefaultClock::default());
            (limiter, number.get())
        });
        Self { limiter }
    }

    /// Counts one. `None` without a limit.
    ///
    /// # Errors
    /// 429 with the time after which it makes sense to try again.
    pub fn check(&self, key: &K) -> Result<Option<Left>, Problem> {
        let Some((limiter, limit)) = &self.limiter else { return Ok(None) };
        match limiter.check_key(key) {
            Ok(state) => Ok(Some(Left {
                limit: *limit,
                remaining: state.remaining_burst_capacity(),
            })),
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Err(Problem::rate_limited(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)))
            }
        }
    }

    /// Forgets keys that are at rest.
    fn tidy(&self) {
        if let Some((limiter, _)) = &self.limiter {
            limiter.retain_recent();
        }
    }
}

/// All limits of this node.
pub struct Limiters {
    /// What was configured.
    pub config: Limits,
    /// New visitors, by address.
    pub visitors: PerMinute<IpAddr>,
    /// New conversations and sessions, by address.
    pub conversations: PerMinute<IpAddr>,
    /// All requests, by address.
    pub requests: PerMinute<IpAddr>,
    /// Tried logins, by account.
    pub logins_account: PerMinute<String>,
    /// Tried logins, by address.
    pub logins_address: PerMinute<IpAddr>,
    /// New sockets, by address.
    pub connections: PerMinute<IpAddr>,
    /// Questions to the assistant, by visitor.
    pub questions: PerMinute<VisitorId>,
    /// Uploaded files, by address: as many as new conversations.
    pub uploads: PerMinute<IpAddr>,
}

impl Limiters {
    /// Makes the counters.
    #[must_use]
    pub fn new(config: Limits) -> Self {
        Self {
            visitors: PerMinute::new(config.visitors_per_minute),
            conversations: PerMinute::new(config.conversations_per_minute),
            requests: PerMinute::new(config.requests_per_minute),
            logins_account: PerMinute::new(config.logins_account_per_minute),
            logins_address: PerMinute::new(config.logins_address_per_minute),
            connections: PerMinute::new(config.connections_per_minute),
            questions: PerMinute::with_burst(config.questions),
            uploads: PerMinute::new(config.conversations_per_minute),
            config,
        }
    }

    /// Counts a new visitor.
    ///
    /// # Errors
    /// 429.
    pub fn new_visitor(&self, address: ClientAddress) -> Result<(), Problem> {
        self.visitors.check(&address.network()).map(drop)
    }

    /// Counts a new conversation or session.
    ///
    /// # Errors
    /// 429.
    pub fn new_conversation(&self, address: ClientAddress) -> Result<(), Problem> {
        self.conversations.check(&address.network()).map(drop)
    }

    /// Counts an uploaded file.
    ///
    /// # Errors
    /// 429.
    pub fn upload(&self, address: ClientAddress) -> Result<(), Problem> {
        self.uploads.check(&address.network()).map(drop)
    }

    /// Counts a question to the assistant.
    ///
    /// # Errors
    /// 429.
    pub fn question(&self, visitor: VisitorId) -> Result<(), Problem> {
        self.questions.check(&visitor).map(drop)
    }

    /// Counts a tried login by account and by address.
    ///
    /// # Errors
    /// 429.
    pub fn login(&self, account: &str, address: ClientAddress) -> Result<(), Problem> {
        self.logins_address.check(&address.network())?;
        self.logins_account.check(&account.trim().to_lowercase()).map(drop)
    }

    /// Forgets keys that are at rest; called on a timer.
    pub fn tidy(&self) {
        self.visitors.tidy();
        self.conversations.tidy();
        self.requests.tidy();
        self.logins_account.tidy();
        self.logins_address.tidy();
        self.connections.tidy();
        self.questions.tidy();
        self.uploads.tidy();
    }
}
