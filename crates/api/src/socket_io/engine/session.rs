//! One session: what waits to be sent, over which transport it goes, and whether it goes on. Its parts run in several tasks on
//! several threads (polls land anywhere), so all that they share is behind one lock, which nobody holds while waiting.

mod request;

use super::super::packet::Message;
use super::heart::{Beat, Heart};
use super::packet::{Incoming, MAX_PAYLOAD, Outgoing, Unreadable};
use crate::limits_config::{Limits, Rate};
use crate::ws::Close;
use crate::ws::limit::{Allowance, Bucket};
use bytes::Bytes;
use request::Kind;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// The most that waits. One packet more ends the session: its client comes back and resumes.
const MAX_PACKETS: usize = 1024;
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// As many packets go in one body: python-engineio gives a session up that brings more at once.
const MAX_IN_BODY: usize = 16;
/// As much may wait before those who have a choice wait, too.
const ROOM_PACKETS: usize = 64;
const ROOM_BYTES: usize = 256 * 1024;
/// How many messages of a client wait for the door. Each may be as long as a body, so they are few.
const MAX_UNREAD: usize = 2;

/// What each message costs besides its bytes: an empty one is work, too.
pub const MESSAGE_COST: usize = 256;

/// Over what a session goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP requests.
    Polling,
    /// HTTP requests, and a WebSocket that has not said yet that it works.
    Probing,
    /// HTTP requests, and a WebSocket that works: polls end at once, so that the client can move.
    Moving,
    /// A WebSocket.
    WebSocket,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By its client, who knows.
    ByClient,
    /// By the server, and why.
    ByServer(Close),
}

impl End {
    /// What a poll is told. To some clients CLOSE means not to come back, so those that should find out by their next poll.
    const fn last_packet(self) -> Outgoing {
        match self {
            Self::ByClient | Self::ByServer(Close::GoingAway | Close::Silent | Close::TooSlow) => Outgoing::NOOP,
            Self::ByServer(_) => Outgoing::CLOSE,
        }
    }
}

struct Inner {
    transport: Transport,
    waiting: VecDeque<Outgoing>,
    bytes: usize,
    /// Of whoever takes what waits: a poll or the WebSocket.
    taker: Option<Waker>,
    polled: bool,
    posting: bool,
    heart: Heart,
    requests: Option<Bucket>,
    upkeep: Allowance,
    end: Option<End>,
    /// Whether the client got all that it was to get.
    told: bool,
}

/// The shared half of a session.
pub struct Session {
    sid: String,
    inner: Mutex<Inner>,
    /// Somebody took something, or a request ended.
    changed: Notify,
    ended: Notify,
    unread: mpsc::Sender<Message>,
}

impl Session {
    /// A new session, and what its client says.
    #[must_use]
    pub fn new(sid: String, transport: Transport, limits: &Limits) -> (Self, mpsc::Receiver<Message>) {
        let (unread, messages) = mpsc::channel(MAX_UNREAD);
        let now = Instant::now();
        // A client that polls makes a request for each thing it says and hears. As many as an address has in a minute are its own.
        let requests = Rate {
            per_second: limits.requests_per_minute.div_ceil(60),
            burst: limits.requests_per_minute,
        };
        let inner = Inner {
            transport,
            waiting: VecDeque::new(),
            bytes: 0,
            taker: None,
            polled: false,
            posting: false,
            heart: Heart::new(now),
            requests: Bucket::new(requests, now),
            upkeep: Allowance::new(limits, now),
            end: None,
            told: false,
        };
        let session = Self {
            sid,
            inner: Mutex::new(inner),
            changed: Notify::new(),
            ended: Notify::new(),
            unread,
        };
        (session, messages)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something is so, of which this tells when it may be.
    async fn until(&self, tells: &Notify, is_so: impl Fn(&Inner) -> bool) {
        loop {
            let mut changed = std::pin::pin!(tells.notified());
            // What changes after this look is not missed.
            changed.as_mut().enable();
            if is_so(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Its name, by which whoever knows it speaks for it: never for logs.
    #[must_use]
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Whether it ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    /// Waits until it ended.
    pub async fn ended(&self) {
        self.until(&self.ended, |inner| inner.end.is_some()).await;
    }

    /// Waits until its client got all that it was to get.
    pub async fn told(&self) {
        self.until(&self.changed, |inner| inner.told).await;
    }

    /// Waits until little enough waits, or until it ended.
    pub async fn has_room(&self) {
        self.until(&self.changed, |inner| {
            inner.end.is_some() || (inner.waiting.len() < ROOM_PACKETS && inner.bytes < ROOM_BYTES)
        })
        .await;
    }

    /// Sends a packet.
    pub fn send(&self, packet: Outgoing) {
        let mut inner = self.lock();
        if inner.end.is_some() {
            return;
        }
        if inner.waiting.len() >= MAX_PACKETS || inner.bytes + packet.cost() > MAX_BYTES {
            metrics::counter!("parlor_slow_readers_total").increment(1);
            drop(inner);
            return self.cut(Close::TooSlow);
        }
        inner.put(packet);
        wake(inner);
    }

    /// Ends it after what waits.
    pub fn close(&self, close: Close) {
        self.finish(End::ByServer(close), true);
    }

    /// Ends it and forgets what waits.
    pub fn cut(&self, close: Close) {
        self.finish(End::ByServer(close), false);
    }

    /// Its client ended it.
    pub fn left(&self) {
        self.finish(End::ByClient, false);
    }

    fn finish(&self, end: End, keep: bool) {
        let mut inner = self.lock();
        if inner.end.is_none() {
            inner.end = Some(end);
        }
        if !keep {
            inner.waiting.clear();
            inner.bytes = 0;
            // A poll that waits is answered, but nobody waits for another one.
            inner.told = true;
        }
        wake(inner);
        self.changed.notify_waiters();
        self.ended.notify_waiters();
    }

    /// Takes a packet of the client and hands it on. While the door is busy this waits, and nothing more is read.
    ///
    /// # Errors
    /// It is none: the session ended.
    pub async fn receive(&self, packet: Result<Incoming, Unreadable>) -> Result<(), Unreadable> {
        self.lock().heart.heard(Instant::now());
        match packet {
            Ok(Incoming::Message(message)) => tokio::select! {
                biased;
                // The door is gone only when the session ends.
                _ = self.unread.send(message) => {}
                () = self.ended() => {}
            },
            Ok(Incoming::Close) => self.left(),
            Ok(Incoming::Alive(length)) => {
                self.pay(MESSAGE_COST + length);
            }
            Err(Unreadable) => {
                self.cut(Close::BrokenProtocol);
                return Err(Unreadable);
            }
        }
        Ok(())
    }

    /// Pays for what keeps a connection up and never comes to the door, which counts all else. False: it is too much to be
    /// answered; too often that ends the session.
    pub fn pay(&self, cost: usize) -> bool {
        let now = Instant::now();
        let mut inner = self.lock();
        if inner.upkeep.receive(cost, now).is_ok() {
            return true;
        }
        let refused = inner.upkeep.refuse(now);
        drop(inner);
        if let Err(close) = refused {
            self.cut(close);
        }
        false
    }

    /// Asks again and again whether the client is there. Returns when it is not.
    pub async fn beat(&self) {
        loop {
            let (beat, due) = {
                let mut inner = self.lock();
                // What the door has not taken stands before the answer: it could not be read.
                let is_heard = self.unread.capacity() > 0;
                (inner.heart.beat(Instant::now(), is_heard), inner.heart.due)
            };
            match beat {
                Beat::Wait => tokio::time::sleep_until(due).await,
                Beat::Ask => self.send(Outgoing::PING),
                Beat::Dead => return,
            }
        }
    }

    /// What a poll brings, once there is something.
    pub async fn poll(&self) -> Vec<u8> {
        std::future::poll_fn(|context| {
            let mut inner = self.lock();
            let Some(body) = inner.take_body() else {
                inner.taker = Some(context.waker().clone());
                return Poll::Pending;
            };
            drop(inner);
            self.changed.notify_waiters();
            Poll::Ready(body)
        })
        .await
    }

    /// The next packet for the WebSocket, or the reason why there is none any more.
    pub fn poll_packet(&self, context: &Context<'_>) -> Poll<Result<Outgoing, Close>> {
        let mut inner = self.lock();
        let next = match (inner.take(), inner.end) {
            (Some(packet), _) => Ok(packet),
            (None, Some(end)) => {
                inner.told = true;
                Err(match end {
                    End::ByClient => Close::Normal,
                    End::ByServer(close) => close,
                })
            }
            (None, None) => {
                inner.taker = Some(context.waker().clone());
                return Poll::Pending;
            }
        };
        drop(inner);
        self.changed.notify_waiters();
        Poll::Ready(next)
    }

    /// Steps from one transport to the next; false if it is not at `from`.
    pub fn step(&self, from: Transport, to: Transport) -> bool {
        let mut inner = self.lock();
        if inner.transport != from || inner.end.is_some() {
            return false;
        }
        inner.transport = to;
        wake(inner);
        true
    }

    /// Waits until the POST that runs, if any, handed on all that it has.
    pub async fn posted(&self) {
        self.until(&self.changed, |inner| !inner.posting || inner.end.is_some()).await;
    }
}

impl Inner {
    fn put(&mut self, packet: Outgoing) {
        self.bytes += packet.cost();
        self.waiting.push_back(packet);
    }

    fn take(&mut self) -> Option<Outgoing> {
        let packet = self.waiting.pop_front()?;
        self.bytes -= packet.cost();
        Some(packet)
    }

    fn runs(&mut self, kind: Kind) -> &mut bool {
        match kind {
            Kind::Poll => &mut self.polled,
            Kind::Post => &mut self.posting,
        }
    }

    /// What a poll is answered with; `None`: it waits.
    fn take_body(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        let mut count = 0;
        // A WebSocket that took over has all that waits.
        while self.transport != Transport::WebSocket
            && let Some(next) = self.waiting.front()
            && count < MAX_IN_BODY
            && (body.is_empty() || body.len() + next.cost() <= MAX_PAYLOAD)
            && let Some(packet) = self.take()
        {
            packet.append_to(&mut body);
            count += 1;
        }
        match (self.end, self.transport) {
            (Some(_), Transport::WebSocket) => Outgoing::NOOP.append_to(&mut body),
            (Some(_), _) if !self.waiting.is_empty() || count == MAX_IN_BODY => {}
            (Some(end), _) => {
                end.last_packet().append_to(&mut body);
                self.told = true;
            }
            (None, Transport::Moving | Transport::WebSocket) if body.is_empty() => Outgoing::NOOP.append_to(&mut body),
            (None, _) => {}
        }
        (!body.is_empty()).then_some(body)
    }
}

fn wake(mut inner: MutexGuard<'_, Inner>) {
    let taker = inner.taker.take();
    drop(inner);
    if let Some(taker) = taker {
        taker.wake();
    }
}

/// A message as the door sends it.
impl From<Bytes> for Outgoing {
    fn from(message: Bytes) -> Self {
        Self::message(message)
    }
}

#[cfg(test)]
mod tests;
