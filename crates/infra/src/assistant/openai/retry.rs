//! When a failed request is repeated, and how soon.

use parlor_domain::assistant::ModelFailure;
use parlor_domain::clock::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use ring::rand::SystemRandom;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// The times of the adapter itself; those for a server are its own.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Before the first repeat and before the second; a little chance is added.
    pub repeats: [Duration; 2],
    /// A server that asks for more patience than this has failed.
    pub longest_wait: Duration,
    /// How long a server that failed too often is left alone.
    pub rest: Duration,
    /// For the count of tokens, after the server said that the answer is whole.
    pub after_finish: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            repeats: [Duration::from_millis(500), Duration::from_secs(2)],
            longest_wait: Duration::from_secs(10),
            rest: Duration::from_secs(30),
            after_finish: Duration::from_secs(2),
        }
    }
}

/// A request that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setback {
    pub(super) failure: ModelFailure,
    /// It may go better the next time.
    passing: bool,
    /// How long the server asks to wait.
    retry_after: Option<Duration>,
}

impl Setback {
    /// One that is likely to pass.
    pub(super) const fn passing(failure: ModelFailure) -> Self {
        Self {
            failure,
            passing: true,
            retry_after: None,
        }
    }

    /// One that stays.
    pub(super) const fn lasting(failure: ModelFailure) -> Self {
        Self {
            failure,
            passing: false,
            retry_after: None,
        }
    }

    /// What a status says, unless it is a good one.
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        let code = status.as_u16();
        match code {
            200..=299 => None,
            401 | 403 | 404 => Some(Self::lasting(ModelFailure::NotAllowed(code))),
            408 | 409 | 429 | 500..=599 => Some(Self {
                failure: ModelFailure::Overloaded(code),
                passing: true,
                retry_after: headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now)),
            }),
            _ => Some(Self::lasting(ModelFailure::Refused(code))),
        }
    }

    /// How long to wait before the request is repeated; `None` when it is not. `repeat` counts from 0.
    pub(super) fn wait(&self, repeat: usize, pace: &Pace) -> Option<Duration> {
        let own = *pace.repeats.get(repeat).filter(|_| self.passing)?;
        match self.retry_after {
            Some(asked) if asked > pace.longest_wait => None,
            Some(asked) if asked > own => Some(asked),
            _ => Some(own + chance(own / 4)),
        }
    }
}

/// Reads `Retry-After`: seconds, or a date.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(value, &Rfc2822).ok()?;
    let date = Timestamp(date.unix_timestamp().checked_mul(1_000)?);
    Some(date.since(now))
}

/// Between nothing and `most`, so that those who failed together do not come back together.
fn chance(most: Duration) -> Duration {
    let random = ring::rand::generate::<[u8; 1]>(&SystemRandom::new()).map_or(0, |random| random.expose()[0]);
    most * u32::from(random) / 255
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn setback(status: u16, retry_after: Option<&str>) -> Option<Setback> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().unwrap());
        }
        Setback::of_status(StatusCode::from_u16(status).unwrap(), &headers, NOW)
    }

    fn wait(status: u16, retry_after: Option<&str>, repeat: usize) -> Option<Duration> {
        setback(status, retry_after).unwrap().wait(repeat, &Pace::default())
    }

    #[test]
    fn repeats_come_after_half_a_second_and_two_and_no_third_one() {
        for _ in 0..100 {
            let (first, second) = (wait(503, None, 0).unwrap(), wait(503, None, 1).unwrap());
            assert!((500..=625).contains(&first.as_millis()), "{first:?}");
            assert!((2_000..=2_500).contains(&second.as_millis()), "{second:?}");
        }
        assert_eq!(wait(503, None, 2), None);
    }

    #[test]
    fn jitter_is_not_always_the_same() {
        let waits: std::collections::HashSet<_> = (0..100).map(|_| wait(503, None, 1)).collect();
        assert!(waits.len() > 10);
    }

    #[test]
    fn what_may_pass_is_repeated_and_what_stays_is_not() {
        for status in [408, 409, 429, 500, 501, 502, 503, 504, 529] {
            assert!(wait(status, None, 0).is_some(), "{status}");
            assert_eq!(setback(status, None).unwrap().failure, ModelFailure::Overloaded(status));
        }
        for status in [400, 402, 405, 413, 415, 422, 302, 307] {
            assert_eq!(wait(status, Some("1"), 0), None, "{status}");
            assert_eq!(setback(status, None).unwrap().failure, ModelFailure::Refused(status));
        }
        for status in [401, 403, 404] {
            assert_eq!(wait(status, Some("1"), 0), None, "{status}");
            assert_eq!(setback(status, None).unwrap().failure, ModelFailure::NotAllowed(status));
        }
        assert_eq!(setback(200, None), None);
    }

    #[test]
    fn retry_after_is_obeyed_up_to_ten_seconds_be_it_a_number_or_a_date() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (value, expected) in [
            ("3", seconds(3)),
            (" 10 ", seconds(10)),
            ("11", None),
            ("86400", None),
            ("99999999999999999", None),
            ("Tue, 14 Nov 2023 22:13:25 GMT", seconds(5)),
            ("Tue, 14 Nov 2023 22:13:30 GMT", seconds(10)),
            ("Tue, 14 Nov 2023 22:13:31 GMT", None),
            ("Wed, 15 Nov 2023 22:13:20 GMT", None),
        ] {
            assert_eq!(wait(429, Some(value), 0), expected, "{value}");
            assert_eq!(wait(503, Some(value), 0), expected, "{value}");
        }
    }

    #[test]
    fn a_retry_after_that_is_shorter_past_or_unreadable_leaves_our_own_wait() {
        for value in ["0", "1", "Tue, 14 Nov 2023 22:13:00 GMT", "soon", "-5", "1.5", ""] {
            let wait = wait(429, Some(value), 1).unwrap();
            assert!((2_000..=2_500).contains(&wait.as_millis()), "{value}: {wait:?}");
        }
    }
}
