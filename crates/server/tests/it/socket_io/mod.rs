//! `/socket.io`: the protocols below, and clients in their own words.

mod door;
mod protocol;

use crate::app::{Answer, TestApp};
use crate::socket::{self, Got};
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// Where sessions begin that poll.
pub const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
/// Where sessions begin on a WebSocket.
pub const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// The terms of a session, as the first packet says them.
pub fn terms(packet: &str) -> Value {
    serde_json::from_str(packet.strip_prefix('0').unwrap()).unwrap()
}

/// A session over HTTP.
pub struct Polling<'a> {
    app: &'a TestApp,
    pub sid: String,
}

impl<'a> Polling<'a> {
    pub async fn open(app: &'a TestApp) -> Self {
        let answer = app.get(POLLING).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let sid = terms(&answer.text)["sid"].as_str().unwrap().to_owned();
        Self { app, sid }
    }

    pub fn path(&self) -> String {
        format!("{POLLING}&sid={}", self.sid)
    }

    pub async fn get(&self) -> Answer {
        self.app.get(&self.path()).send().await
    }

    /// What a poll brings.
    pub async fn poll(&self) -> String {
        let answer = self.get().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text
    }

    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.app.post(&self.path()).raw("text/plain;charset=UTF-8", body).send().await
    }

    /// Says something that is taken.
    pub async fn say(&self, body: &str) {
        let answer = self.post(body.to_owned()).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "ok"));
    }

    /// Asserts that there is no such session any more.
    pub async fn is_gone(&self) {
        assert_eq!(refusal(self.get().await), (400, 1));
    }

    /// A WebSocket that asks for this session.
    pub async fn socket(&self) -> Frames {
        Frames::open(self.app, &format!("{WEBSOCKET}&sid={}", self.sid)).await
    }

    /// Moves to a WebSocket.
    pub async fn moved(&self) -> Frames {
        let mut socket = self.socket().await;
        socket.say("2probe").await;
        assert_eq!(socket.hear().await, "3probe");
        socket.say("5").await;
        socket.is_served().await;
        socket
    }
}

/// Status and code of a refusal.
pub fn refusal(answer: Answer) -> (u16, u64) {
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.text);
    assert!(answer.body["message"].is_string(), "{}", answer.text);
    (answer.status, answer.body["code"].as_u64().unwrap())
}

/// A WebSocket that carries packets.
pub struct Frames(socket::Socket);

impl Frames {
    pub async fn open(app: &TestApp, path: &str) -> Self {
        Self::open_with(app, path, &[]).await
    }

    /// With some headers.
    pub async fn open_with(app: &TestApp, path: &str, headers: &[(&'static str, &str)]) -> Self {
        Self(socket::open_with(app, path, headers).await.unwrap())
    }

    pub async fn say(&mut self, packet: &str) {
        self.0.send_raw(Message::text(packet.to_owned())).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.0.send_raw(message).await;
    }

    async fn next(&mut self) -> Result<Message, Got> {
        let next = tokio::time::timeout(Duration::from_secs(20), self.0.stream.next());
        match next.await.expect("something comes in time") {
            Some(Ok(Message::Close(Some(frame)))) => Err(Got::Close(frame.code.into())),
            Some(Ok(message)) => Ok(message),
            Some(Err(_)) | None => Err(Got::Gone),
        }
    }

    /// The next packet.
    pub async fn hear(&mut self) -> String {
        loop {
            match self.next().await.expect("a packet was expected") {
                Message::Text(text) => return text.to_string(),
                _ => continue,
            }
        }
    }

    /// Returns when all that was said before was taken: the answer to a ping tells it.
    pub async fn is_served(&mut self) {
        self.send(Message::Ping("so far".into())).await;
        while !matches!(self.next().await.expect("a pong was expected"), Message::Pong(_)) {}
    }

    /// The close code, and what came before.
    pub async fn closed(&mut self) -> (Vec<String>, u16) {
        let mut before = Vec::new();
        loop {
            match self.next().await {
                Ok(Message::Text(text)) => before.push(text.to_string()),
                Ok(_) => {}
                Err(Got::Close(code)) => return (before, code),
                Err(other) => panic!("a close frame was expected, not {other:?}"),
            }
        }
    }
}
