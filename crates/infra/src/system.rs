//! Time and randomness of the machine.
#![expect(clippy::disallowed_methods, reason = "the adapters of Clock and Ids")]

use async_trait::async_trait;
use parlor_domain::clock::{Clock, Timer, Timestamp};
use parlor_domain::id::Ids;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// The machine's clock, cut to milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Waits by tokio's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTimer;

#[async_trait]
impl Timer for SystemTimer {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Ids from the machine's random numbers. Those that sort share one counter in the process, so they rise also within a millisecond.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn ordered(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn random(&self) -> Uuid {
        Uuid::new_v4()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn ordered_ids_rise_within_a_millisecond_and_on_every_thread() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| SystemIds.ordered()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));

        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..1_000).map(|_| SystemIds.ordered()).collect::<Vec<_>>()))
            .collect();
        let mut all: Vec<Uuid> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 4_000);
    }

    #[test]
    fn random_ids_are_of_version_4_and_ordered_ones_of_version_7() {
        assert_eq!(SystemIds.random().get_version_num(), 4);
        assert_eq!(SystemIds.ordered().get_version_num(), 7);
        assert_ne!(SystemIds.random(), SystemIds.random());
    }

    #[test]
    fn the_clock_tells_a_time_of_this_century() {
        assert!(SystemClock.now() > Timestamp(1_700_000_000_000));
    }
}
