//! What waits for one client. Whoever has something to tell puts shared bytes in and goes on; only the socket's own task takes them out.

use super::close::Close;
use super::wire;
use bytes::Bytes;
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

/// The most frames that wait.
pub const MAX_FRAMES: usize = 512;
/// The most bytes that wait.
pub const MAX_BYTES: usize = 1024 * 1024;
/// How long a socket may take nothing.
const MAX_STALL: Duration = Duration::from_secs(10);

/// Which signal it is. Of two with the same key the newer one says it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKey {
    /// The event.
    pub event: &'static str,
    /// The conversation or person it is about.
    pub about: Uuid,
}

struct Waiting {
    bytes: Bytes,
    signal: Option<SignalKey>,
}

#[derive(Default)]
struct Inner {
    frames: VecDeque<Waiting>,
    bytes: usize,
    /// Since when frames wait of which the socket took none.
    waits_since: Option<Instant>,
    closed: Option<Close>,
    waker: Option<Waker>,
}

impl Inner {
    /// At half, signals give way.
    fn is_pressed(&self) -> bool {
        self.frames.len() >= MAX_FRAMES / 2 || self.bytes >= MAX_BYTES / 2
    }

    fn put(&mut self, waiting: Waiting) {
        self.bytes += waiting.bytes.len();
        self.frames.push_back(waiting);
        self.waits_since.get_or_insert_with(Instant::now);
    }

    /// Keeps the newest of each signal, `newer` being newer than all.
    fn drop_old_signals(&mut self, newer: Option<SignalKey>) {
        let mut seen: HashSet<SignalKey> = newer.into_iter().collect();
        let before = self.frames.len();
        let mut kept = VecDeque::with_capacity(before);
        for waiting in std::mem::take(&mut self.frames).into_iter().rev() {
            match waiting.signal {
                Some(key) if !seen.insert(key) => self.bytes -= waiting.bytes.len(),
                _ => kept.push_front(waiting),
            }
        }
        self.frames = kept;
        metrics::counter!("parlor_signals_dropped_total").increment((before - self.frames.len()) as u64);
    }

    fn close(&mut self, close: Close, keep: bool) -> bool {
        if self.closed.is_some() {
            return false;
        }
        if !keep {
            self.frames.clear();
            self.bytes = 0;
        }
        self.put(Waiting {
            bytes: wire::close(close),
            signal: None,
        });
        self.closed = Some(close);
        true
    }
}

/// How much of a queue a catch-up may fill. The rest stays for what comes live, so that no resume ends its own connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headroom {
    frames: usize,
    bytes: usize,
}

impl Headroom {
    /// Takes room for all of these frames. What does not fit was read and written all the same: it uses up the room.
    pub fn take(&mut self, frames: impl IntoIterator<Item = usize>) -> bool {
        let (count, bytes) = frames.into_iter().fold((0, 0), |(count, bytes), length| (count + 1, bytes + length));
        let fits = count <= self.frames && bytes <= self.bytes;
        self.frames = self.frames.saturating_sub(count);
        self.bytes = self.bytes.saturating_sub(bytes);
        fits
    }

    /// Nothing more fits.
    pub const fn use_up(&mut self) {
        self.frames = 0;
    }

    /// Whether nothing more fits.
    #[must_use]
    pub const fn is_used_up(&self) -> bool {
        self.frames == 0 || self.bytes == 0
    }
}

/// The bounded outgoing queue of one connection.
#[derive(Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    ended: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what must arrive. If it is too much, the connection is closed: its client comes back and resumes.
    pub fn send(&self, bytes: Bytes) {
        self.put(Waiting { bytes, signal: None });
    }

    /// Puts in what may be dropped.
    pub fn signal(&self, bytes: Bytes, key: SignalKey) {
        self.put(Waiting { bytes, signal: Some(key) });
    }

    fn put(&self, waiting: Waiting) {
        let waker = {
            let mut inner = self.lock();
            if inner.closed.is_some() {
                return;
            }
            if inner.is_pressed() && (waiting.signal.is_some() || is_full(&inner, &waiting)) {
                inner.drop_old_signals(waiting.signal);
            }
            if !is_full(&inner, &waiting) {
                inner.put(waiting);
            } else if waiting.signal.is_none() {
                metrics::counter!("parlor_slow_readers_total").increment(1);
                inner.close(Close::TooSlow, false);
                self.ended.notify_one();
            }
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the connection after what waits. A second reason changes nothing.
    pub fn close(&self, close: Close) {
        self.end(close, true);
    }

    /// Ends the connection and forgets what waits.
    pub fn cut(&self, close: Close) {
        self.end(close, false);
    }

    /// The socket is gone: nothing is kept for it.
    pub fn abandon(&self) {
        self.cut(Close::Normal);
        let mut inner = self.lock();
        inner.frames.clear();
        inner.bytes = 0;
    }

    fn end(&self, close: Close, keep: bool) {
        let waker = {
            let mut inner = self.lock();
            if inner.close(close, keep) {
                self.ended.notify_one();
            }
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The room that a catch-up has now: half of what is free.
    #[must_use]
    pub fn headroom(&self) -> Headroom {
        let inner = self.lock();
        Headroom {
            frames: MAX_FRAMES.saturating_sub(inner.frames.len()) / 2,
            bytes: MAX_BYTES.saturating_sub(inner.bytes) / 2,
        }
    }

    /// Why it ends, if it does.
    #[must_use]
    pub fn closed(&self) -> Option<Close> {
        self.lock().closed
    }

    /// Whether it ends and the socket took all that waited.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let inner = self.lock();
        inner.closed.is_some() && inner.frames.is_empty()
    }

    /// Waits until the connection is to end. For its own task only.
    pub async fn ended(&self) {
        while self.closed().is_none() {
            self.ended.notified().await;
        }
    }

    /// Whether frames wait and the socket took none for too long.
    #[must_use]
    pub fn is_stalled(&self, now: Instant) -> bool {
        self.lock().waits_since.is_some_and(|since| now.saturating_duration_since(since) >= MAX_STALL)
    }

    /// The next frame for the socket; `None` after the last one.
    pub fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut inner = self.lock();
        match inner.frames.pop_front() {
            Some(waiting) => {
                inner.bytes -= waiting.bytes.len();
                inner.waits_since = (!inner.frames.is_empty()).then(Instant::now);
                Poll::Ready(Some(waiting.bytes))
            }
            None if inner.closed.is_some() => Poll::Ready(None),
            None => {
                inner.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn is_full(inner: &Inner, waiting: &Waiting) -> bool {
    inner.frames.len() >= MAX_FRAMES || inner.bytes + waiting.bytes.len() > MAX_BYTES
}

#[cfg(test)]
impl Queue {
    /// All that waits, for tests.
    pub fn take_all(&self) -> Vec<Bytes> {
        let context = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(Some(bytes)) = self.poll_next(&context) {
            all.push(bytes);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn typing(about: u128) -> SignalKey {
        SignalKey {
            event: "conversation:typing",
            about: Uuid::from_u128(about),
        }
    }

    #[test]
    fn frames_come_out_in_their_order_and_the_close_frame_last() {
        let queue = Queue::default();
        queue.send(frame("1"));
        queue.signal(frame("2"), typing(1));
        queue.close(Close::GoingAway);
        queue.send(frame("3"));
        queue.close(Close::Silent);
        assert_eq!(queue.take_all(), [frame("1"), frame("2"), wire::close(Close::GoingAway)]);
        assert_eq!(queue.closed(), Some(Close::GoingAway));
    }

    #[test]
    fn at_half_only_the_newest_signal_of_a_kind_and_conversation_stays() {
        let queue = Queue::default();
        let count = |frames: &[Bytes], text: &str| frames.iter().filter(|bytes| **bytes == frame(text)).count();
        (0..3).for_each(|_| queue.signal(frame("old"), typing(1)));
        (0..MAX_FRAMES / 2).for_each(|_| queue.send(frame("message")));
        queue.signal(frame("other"), typing(2));
        queue.signal(frame("new"), typing(1));
        let left = queue.take_all();
        assert_eq!((count(&left, "message"), count(&left, "old")), (MAX_FRAMES / 2, 0), "no message is dropped");
        assert_eq!(left[left.len() - 2..], [frame("other"), frame("new")]);
    }

    #[test]
    fn a_full_queue_closes_its_connection_and_holds_nothing_any_more() {
        let queue = Queue::default();
        for _ in 0..MAX_FRAMES {
            queue.send(frame("message"));
        }
        assert_eq!(queue.closed(), None);
        queue.send(frame("one too many"));
        assert_eq!(queue.closed(), Some(Close::TooSlow));
        assert_eq!(queue.take_all(), [wire::close(Close::TooSlow)]);

        let queue = Queue::default();
        let big = Bytes::from(vec![0; MAX_BYTES / 4 + 1]);
        (0..3).for_each(|_| queue.send(big.clone()));
        assert_eq!(queue.closed(), None);
        queue.send(big);
        assert_eq!(queue.closed(), Some(Close::TooSlow));
    }

    #[test]
    fn a_catch_up_has_half_of_what_is_free() {
        let queue = Queue::default();
        let mut headroom = queue.headroom();
        assert!(headroom.take([10; MAX_FRAMES / 2]) && headroom.is_used_up());
        assert!(headroom.take([]), "nothing always fits");
        assert!(!headroom.take([1]));
        let mut headroom = queue.headroom();
        assert!(
            !headroom.take([MAX_BYTES / 2, 1]) && headroom.is_used_up(),
            "what did not fit was read all the same"
        );

        (0..MAX_FRAMES / 2).for_each(|_| queue.send(frame("message")));
        assert!(queue.headroom().take([10; MAX_FRAMES / 4]));
        assert!(!queue.headroom().take([10; MAX_FRAMES / 4 + 1]));
    }

    #[test]
    fn signals_alone_never_close_a_connection() {
        let queue = Queue::default();
        (0..10_000).for_each(|n| queue.signal(frame("typing"), typing(n)));
        assert_eq!(queue.closed(), None);
    }

    #[test]
    fn a_socket_that_takes_nothing_for_ten_seconds_is_stalled() {
        let queue = Queue::default();
        let start = Instant::now();
        assert!(!queue.is_stalled(start + Duration::from_secs(60)), "nothing waits");
        queue.send(frame("message"));
        assert!(!queue.is_stalled(start + Duration::from_secs(9)));
        assert!(queue.is_stalled(start + Duration::from_secs(11)));
        let _ = queue.poll_next(&Context::from_waker(Waker::noop()));
        assert!(!queue.is_stalled(start + Duration::from_secs(11)), "it took it");
    }
}
