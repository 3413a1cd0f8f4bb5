//! Whether the client is there: it is asked, and must answer.

use super::packet::{PING_INTERVAL, PING_TIMEOUT};
use tokio::time::Instant;

/// What to do about the client's life.
#[derive(Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing, until the time that is due.
    Wait,
    /// Ask.
    Ask,
    /// Give up.
    Dead,
}

/// When to ask, and when to give up.
#[derive(Debug)]
pub struct Heart {
    /// When to look again.
    pub due: Instant,
    asked: bool,
}

impl Heart {
    /// A client that is there.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            due: now + PING_INTERVAL,
            asked: false,
        }
    }

    /// Whatever comes is a sign of life.
    pub fn heard(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// What to do now. A client whose answer cannot be read yet (`is_heard` is false) is not given up.
    pub fn beat(&mut self, now: Instant, is_heard: bool) -> Beat {
        if now < self.due {
            return Beat::Wait;
        }
        if self.asked && is_heard {
            return Beat::Dead;
        }
        self.due = now + PING_TIMEOUT;
        if std::mem::replace(&mut self.asked, true) { Beat::Wait } else { Beat::Ask }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_client_is_asked_every_25_seconds_and_given_up_20_seconds_later() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut heart = Heart::new(start);
        assert_eq!(heart.beat(at(24), true), Beat::Wait);
        assert_eq!(heart.beat(at(25), true), Beat::Ask);
        assert_eq!(heart.beat(at(44), true), Beat::Wait);
        heart.heard(at(44));
        assert_eq!(heart.beat(at(68), true), Beat::Wait, "the next question is due 25 seconds after the answer");
        assert_eq!(heart.beat(at(69), true), Beat::Ask);
        assert_eq!(heart.beat(at(88), true), Beat::Wait);
        assert_eq!(heart.beat(at(89), true), Beat::Dead);
    }

    #[test]
    fn a_client_whose_answer_cannot_be_read_yet_is_not_given_up() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut heart = Heart::new(start);
        assert_eq!(heart.beat(at(25), false), Beat::Ask);
        assert_eq!(heart.beat(at(45), false), Beat::Wait);
        assert_eq!(heart.beat(at(64), true), Beat::Wait);
        assert_eq!(heart.beat(at(65), true), Beat::Dead);
    }
}
