//! A session as the door sees it.

use super::super::packet::{BadPacket, Decoder, Message, Packet};
use super::session::{MESSAGE_COST, Session};
use crate::ws::Close;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What the handshake request said.
#[derive(Debug, Default)]
pub struct Arrival {
    /// The page's origin, if it is a browser.
    pub origin: Option<String>,
    /// `?token=`, where sockets take it.
    pub token: Option<String>,
    /// `?channel=`.
    pub channel: Option<String>,
}

/// One session. When it is dropped the session ends.
pub struct Socket {
    arrival: Arrival,
    session: Arc<Session>,
    messages: mpsc::Receiver<Message>,
    decoder: Decoder,
    cost: usize,
}

impl Socket {
    pub(super) fn new(arrival: Arrival, session: Arc<Session>, messages: mpsc::Receiver<Message>) -> Self {
        Self {
            arrival,
            session,
            messages,
            decoder: Decoder::default(),
            cost: 0,
        }
    }

    /// What the handshake request said.
    #[must_use]
    pub fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// The client's next packet, over whatever transport it comes; `None` when the session ended. Nothing is lost if it is
    /// not waited for to the end. While nobody takes packets, no more are read.
    pub async fn recv(&mut self) -> Option<Result<Packet, BadPacket>> {
        loop {
            let message = tokio::select! {
                biased;
                // What came before the end is still taken.
                message = self.messages.recv() => message?,
                () = self.session.ended() => return None,
            };
            self.cost += MESSAGE_COST + message.len();
            if let Some(packet) = self.decoder.take(&message).transpose() {
                return Some(packet);
            }
        }
    }

    /// What the packets cost that were taken since this was asked last, of the bytes that a client may send.
    pub fn cost(&mut self) -> usize {
        std::mem::take(&mut self.cost)
    }

    /// A way to the client of its own, beside what comes from it.
    #[must_use]
    pub fn sender(&self) -> Sender {
        Sender(Arc::clone(&self.session))
    }

    /// Sends a packet. Too much of what the client does not take ends the session.
    pub fn send(&self, packet: Bytes) {
        self.session.send(packet.into());
    }

    /// Returns when little enough waits to be taken by the client, or when the session ended.
    pub async fn has_room(&self) {
        self.session.has_room().await;
    }

    /// Returns when the session ended.
    pub async fn ended(&self) {
        self.session.ended().await;
    }

    /// Ends the session after what waits.
    pub fn close(&self) {
        self.close_with(Close::Normal);
    }

    /// The same with a reason, which only WebSockets can tell.
    pub fn close_with(&self, close: Close) {
        self.session.close(close);
    }
}

/// The way to the client of a session.
#[derive(Clone)]
pub struct Sender(Arc<Session>);

impl Sender {
    /// Sends a packet, as [`Socket::send`] does.
    pub fn send(&self, packet: Bytes) {
        self.0.send(packet.into());
    }

    /// Returns when little enough waits to be taken by the client, or when the session ended.
    pub async fn has_room(&self) {
        self.0.has_room().await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.session.close(Close::Normal);
    }
}
