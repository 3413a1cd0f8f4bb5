//! What is done again and again: hearts that beat, tokens that run out, rights that ended elsewhere, and the end of it all.

use super::client::{Dialect, Parcel};
use super::{Client, Hub, TURNS, frames, lock};
use crate::ws::close::Close;
use crate::ws::protocol::{Event, SessionClosing, SessionExpiring};
use crate::ws::wire;
use parlor_domain::message::Side;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// How often a client that says nothing is pinged.
pub const PING_EVERY: Duration = Duration::from_secs(25);
/// After how long without anything a socket is dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(60);
/// How long before its end a token is said to run out.
const WARN_BEFORE: Duration = Duration::from_secs(60);
/// How long the stop waits for sockets.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// The clients' longest wait before they come back after a stop.
const COME_BACK_WITHIN_MS: u64 = 10_000;
/// How many visitors and sellers are looked up each second. What ended them is told by the bus; this finds what the bus lost, and
/// must cost next to nothing with ten thousand idle sockets.
const OTHERS_A_SECOND: usize = 20;

fn every_second() -> tokio::time::Interval {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    seconds
}

impl Hub {
    pub(super) async fn look_after_clients(self: Arc<Self>) {
        let mut seconds = every_second();
        for turn in (0..TURNS).cycle() {
            seconds.tick().await;
            self.look_after(turn, Instant::now());
        }
    }

    /// Looks after one part of the clients, and after who is there.
    pub(super) fn look_after(&self, turn: usize, now: Instant) {
        for client in self.clients_of(turn) {
            self.look_at(&client, now);
        }
        let told = lock(&self.people).tick(now, self.with.alone);
        told.into_iter().for_each(|tell| self.tell_presence(tell));
    }

    fn clients_of(&self, turn: usize) -> Vec<Arc<Client>> {
        self.clients
            .get(turn)
            .map(|clients| lock(clients).values().cloned().collect())
            .unwrap_or_default()
    }

    fn look_at(&self, client: &Client, moment: Instant) {
        if client.is_stalled(moment) {
            metrics::counter!("parlor_slow_readers_total").increment(1);
            return client.cut(Close::TooSlow);
        }
        client.keep_small();
        // Engine.IO has a heartbeat of its own.
        if client.dialect != Dialect::Door {
            if client.silent_for(moment) >= DEAD_AFTER {
                return client.close(Close::Silent);
            }
            // It is looked at every few seconds: a ping now is better than one too late.
            if client.wants_ping(PING_EVERY - Duration::from_secs(TURNS as u64), moment) {
                client.send(Parcel::Frame(wire::ping()));
            }
        }
        let Some(expires_at) = client.with_identity(crate::ws::identity::Identity::expires_at) else {
            return;
        };
        let now = self.with.clock.now();
        if now >= expires_at {
            client.close(Close::Unauthenticated);
        } else if now.plus(WARN_BEFORE) >= expires_at && !client.warned.swap(true, Ordering::Relaxed) {
            let event = Event::Expiring(SessionExpiring {
                expires_at: expires_at.to_rfc3339(),
            });
            client.send(Parcel::Frame(frames::encode(event, None, None, Some(now))));
        }
    }

    /// Rights that ended on another node end here within seconds, even if the bus lost the news.
    pub(super) async fn renew_rights(self: Arc<Self>) {
        let mut seconds = every_second();
        let mut round = 0;
        loop {
            seconds.tick().await;
            self.renew_some(round).await;
            round += 1;
        }
    }

    /// Looks whether rights still stand: all agents', who are few and known for some seconds, and some of visitors and sellers, in turns.
    pub(super) async fn renew_some(&self, round: usize) {
        let is_staff = |client: &Arc<Client>| client.came_as.0 == Side::Agent && client.dialect != Dialect::Door;
        let (agents, mut others): (Vec<_>, Vec<_>) = self.all_clients().into_iter().partition(is_staff);
        others.sort_by_key(|client| client.number);
        let turns = others.len().div_ceil(OTHERS_A_SECOND).max(1);
        let due = others.iter().skip(round % turns * OTHERS_A_SECOND).take(OTHERS_A_SECOND);
        for client in agents.iter().chain(due) {
            self.renew(client).await;
        }
    }

    /// Tells all clients that the server stops, lets running commands finish, and waits (at most ten seconds) until all
    /// sockets are closed.
    pub async fn close_all(&self) {
        let now = self.with.clock.now();
        for client in self.all_clients() {
            let after_ms = self.with.ids.random().as_u64_pair().1 % (COME_BACK_WITHIN_MS + 1);
            let event = Event::Closing(SessionClosing { reconnect: true, after_ms });
            client.send(Parcel::Frame(frames::encode(event, None, None, Some(now))));
        }
        // Each socket's task finishes what it does and closes.
        self.stopping.send_replace(true);
        let end = Instant::now() + STOP_WITHIN;
        while self.open.load(Ordering::Relaxed) > 0 && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
