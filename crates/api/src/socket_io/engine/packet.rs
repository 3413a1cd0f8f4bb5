//! Engine.IO packets, revision 4.

use super::super::packet::Message;
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;

/// How often the server asks whether the client is there.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);
/// How long the client may take to answer.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// The most bytes of one body or frame.
pub const MAX_PAYLOAD: usize = 1_000_000;
/// What stands between the packets of a body.
pub const SEPARATOR: u8 = 0x1E;

/// What a client sends within a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// It ends the session.
    Close,
    /// Something for the other side.
    Message(Message),
    /// It is there, and says so in so many bytes.
    Alive(usize),
}

/// What no client sends within a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl Incoming {
    /// Reads a packet that came as text. In a body, bytes come as text, too.
    ///
    /// # Errors
    /// It is none, or one that only the server sends, or one that belongs to the change of transports.
    pub fn read(text: &str, in_body: bool) -> Result<Self, Unreadable> {
        let mut rest = text.chars();
        match (rest.next(), rest.as_str()) {
            (Some('1'), "") => Ok(Self::Close),
            (Some('3' | '6'), rest) => Ok(Self::Alive(rest.len())),
            (Some('4'), message) => Ok(Self::Message(Message::Text(message.to_owned()))),
            // Nobody wants the bytes: how many they are is enough.
            (Some('b'), base64) if in_body => Ok(Self::Message(Message::Binary(base64.trim_end_matches('=').len() * 3 / 4))),
            _ => Err(Unreadable),
        }
    }
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its type, as the character on the wire.
    pub kind: u8,
    /// What follows.
    pub data: Bytes,
}

impl Outgoing {
    /// Begins a session.
    #[must_use]
    pub fn open(sid: &str, upgrades: &[&str]) -> Self {
        let data = json!({
            "sid": sid,
            "upgrades": upgrades,
            "pingInterval": PING_INTERVAL.as_millis() as u64,
            "pingTimeout": PING_TIMEOUT.as_millis() as u64,
            "maxPayload": MAX_PAYLOAD,
        });
        Self {
            kind: b'0',
            data: Bytes::from(data.to_string()),
        }
    }

    /// Ends a session over HTTP.
    pub const CLOSE: Self = Self::bare(b'1');
    /// Asks whether the client is there.
    pub const PING: Self = Self::bare(b'2');
    /// The answer to a probe.
    pub const PROBE: Self = Self {
        kind: b'3',
        data: Bytes::from_static(b"probe"),
    };
    /// Ends a poll.
    pub const NOOP: Self = Self::bare(b'6');

    const fn bare(kind: u8) -> Self {
        Self { kind, data: Bytes::new() }
    }

    /// A message.
    #[must_use]
    pub const fn message(data: Bytes) -> Self {
        Self { kind: b'4', data }
    }

    /// How long it is on the wire, with what separates it from others.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.data.len() + 2
    }

    /// Puts it behind the packets of a body.
    pub fn append_to(&self, body: &mut Vec<u8>) {
        if !body.is_empty() {
            body.push(SEPARATOR);
        }
        body.push(self.kind);
        body.extend_from_slice(&self.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Result<Incoming, Unreadable> {
        Ok(Incoming::Message(Message::Text(text.to_owned())))
    }

    #[test]
    fn packets_of_a_session_are_read() {
        assert_eq!(Incoming::read("1", true), Ok(Incoming::Close));
        assert_eq!(Incoming::read("3", true), Ok(Incoming::Alive(0)));
        assert_eq!(Incoming::read("6abc", true), Ok(Incoming::Alive(3)));
        assert_eq!(Incoming::read("4", true), text(""));
        assert_eq!(Incoming::read("42[\"a\u{e9}\"]", false), text("2[\"a\u{e9}\"]"));
        assert_eq!(Incoming::read("bAQIDBA==", true), Ok(Incoming::Message(Message::Binary(4))));
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in ["", "x", "abc", "0{}", "2", "2probe", "5", "7", "\u{e9}", "1x"] {
            assert_eq!(Incoming::read(bad, true), Err(Unreadable), "{bad}");
        }
        assert_eq!(Incoming::read("bAQIDBA==", false), Err(Unreadable), "frames carry bytes as they are");
    }

    #[test]
    fn packets_of_a_body_are_separated() {
        let mut body = Vec::new();
        Outgoing::message(Bytes::from_static(b"hello")).append_to(&mut body);
        Outgoing::PING.append_to(&mut body);
        Outgoing::PROBE.append_to(&mut body);
        assert_eq!(body, b"4hello\x1e2\x1e3probe");
    }

    #[test]
    fn a_session_begins_with_its_terms() {
        let open = Outgoing::open("abc", &["websocket"]);
        let terms: serde_json::Value = serde_json::from_slice(&open.data).unwrap();
        let expected = json!({"sid": "abc", "upgrades": ["websocket"], "pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": 1_000_000});
        assert_eq!((open.kind, terms), (b'0', expected));
    }
}
