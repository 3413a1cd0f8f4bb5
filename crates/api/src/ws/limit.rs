//! How much one connection may do: token buckets and counters of a minute.

use super::close::Close;
use super::wire::MAX_MESSAGE;
use crate::limits_config::{Limits, Rate};
use parlor_domain::message::Side;
use std::time::Duration;
use tokio::time::Instant;

/// A token bucket.
#[derive(Debug)]
pub struct Bucket {
    per_second: f64,
    room: f64,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket; `None` for a rate that is off.
    #[must_use]
    pub fn new(rate: Rate, now: Instant) -> Option<Self> {
        let room = f64::from(rate.burst.max(1));
        (rate.per_second > 0).then(|| Self {
            per_second: f64::from(rate.per_second),
            room,
            tokens: room,
            filled_at: now,
        })
    }

    /// Takes `cost` tokens.
    ///
    /// # Errors
    /// How long until there are enough. Nothing is taken then.
    pub fn take(&mut self, cost: f64, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = passed.mul_add(self.per_second, self.tokens).min(self.room);
        self.filled_at = now;
        let missing = cost.min(self.room) - self.tokens;
        if missing > 0.0 {
            return Err(Duration::from_secs_f64(missing / self.per_second));
        }
        self.tokens -= cost;
        Ok(())
    }
}

/// Counts what must not happen too often within a minute.
#[derive(Debug)]
pub struct MinuteCount {
    most: u32,
    count: u32,
    began: Instant,
}

impl MinuteCount {
    /// Nothing happened yet; the `most`-th within a minute is too many.
    #[must_use]
    pub const fn new(most: u32, now: Instant) -> Self {
        Self { most, count: 0, began: now }
    }

    /// It happened. True if that is too often.
    pub fn one_more(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.began) >= Duration::from_secs(60) {
            self.began = now;
            self.count = 0;
        }
        self.count += 1;
        self.count >= self.most
    }
}

/// The tenth frame in a minute that nobody understands closes.
const MAX_UNREADABLE: u32 = 10;
/// As many refusals for too much in a minute close.
const MAX_REFUSALS: u32 = 100;

/// How much a connection may do.
#[derive(Debug)]
pub struct Allowance {
    messages: Option<Bucket>,
    commands: Option<Bucket>,
    bytes: Option<Bucket>,
    refusals: MinuteCount,
    /// Counts frames that nobody understands.
    pub unreadable: MinuteCount,
}

impl Allowance {
    /// Before the login there are no messages to be counted.
    #[must_use]
    pub fn new(limits: &Limits, now: Instant) -> Self {
        let bytes = Rate {
            per_second: limits.bytes_per_second,
            burst: limits.bytes_per_second.max(u32::try_from(MAX_MESSAGE).unwrap_or(u32::MAX)),
        };
        Self {
            messages: None,
            commands: Bucket::new(limits.commands, now),
            bytes: Bucket::new(bytes, now),
            refusals: MinuteCount::new(MAX_REFUSALS, now),
            unreadable: MinuteCount::new(MAX_UNREADABLE, now),
        }
    }

    /// Somebody logged in.
    pub fn logged_in(&mut self, limits: &Limits, side: Side, now: Instant) {
        let messages = match side {
            Side::Visitor => limits.visitor_messages,
            Side::Agent => limits.agent_messages,
        };
        self.messages = Bucket::new(messages, now);
    }

    /// Pays for what came, whatever it is.
    ///
    /// # Errors
    /// How long until there is enough.
    pub fn receive(&mut self, cost: usize, now: Instant) -> Result<(), Duration> {
        let cost = f64::from(u32::try_from(cost).unwrap_or(u32::MAX));
        self.bytes.as_mut().map_or(Ok(()), |bucket| bucket.take(cost, now))
    }

    /// Pays for a command.
    ///
    /// # Errors
    /// How long until it may be done.
    pub fn command(&mut self, is_message: bool, now: Instant) -> Result<(), Duration> {
        let bucket = if is_message { &mut self.messages } else { &mut self.commands };
        bucket.as_mut().map_or(Ok(()), |bucket| bucket.take(1.0, now))
    }

    /// Something was not paid for.
    ///
    /// # Errors
    /// How to close, if it was one too many.
    pub fn refuse(&mut self, now: Instant) -> Result<(), Close> {
        if self.refusals.one_more(now) { Err(Close::TooManyRequests) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate { per_second: 2, burst: 3 }, start).unwrap();
        for _ in 0..3 {
            assert_eq!(bucket.take(1.0, start), Ok(()));
        }
        assert_eq!(bucket.take(1.0, start), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(1.0, start + Duration::from_millis(500)), Ok(()));
        let later = start + Duration::from_secs(100);
        assert!((0..3).all(|_| bucket.take(1.0, later).is_ok()), "a rest fills it");
        assert!(bucket.take(1.0, later).is_err(), "and no further than its burst");
    }

    #[test]
    fn more_than_a_bucket_holds_waits_for_a_full_one() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate { per_second: 10, burst: 10 }, start).unwrap();
        assert_eq!(bucket.take(50.0, start), Ok(()));
        assert!(bucket.take(1.0, start).is_err(), "it owes what it gave too much");
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        assert!(Bucket::new(Rate::OFF, Instant::now()).is_none());
    }

    #[test]
    fn the_tenth_in_a_minute_is_too_many_and_a_new_minute_begins_anew() {
        let start = Instant::now();
        let mut count = MinuteCount::new(10, start);
        assert!((0..9).all(|_| !count.one_more(start)));
        assert!(!count.one_more(start + Duration::from_secs(60)));
        assert!((0..8).all(|_| !count.one_more(start + Duration::from_secs(61))));
        assert!(count.one_more(start + Duration::from_secs(62)));
    }
}
