//! What is said over the protocols: logins, commands, events.

mod ends;
mod live;
mod login;
mod messages;
mod resume;

use super::{Frames, WEBSOCKET};
use crate::app::{TestApp, host_token};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;

/// A customer's token of the host site.
fn customer(name: &str) -> String {
    host_token(json!({"sub": format!("customer-{name}"), "role": "customer", "email": format!("{name}@example.com"), "name": name}))
}

/// A seller's token of the host site.
fn seller(name: &str) -> String {
    host_token(json!({"sub": format!("seller-{name}"), "role": "seller", "email": format!("{name}@example.com"), "name": name}))
}

/// Begins a conversation over HTTP, as the customer of a token.
async fn begin(app: &TestApp, token: &str, conversation: &str, seller: &str) {
    let body =
        json!({"id": conversation, "sellerId": format!("{seller}@example.com"), "vehicleId": 4711, "vehicleName": "VW Golf 1.4 TSI", "vehiclePrice": 18_900});
    app.post("/api/conversations/").bearer(token).json(body).send().await.expect(201);
}

/// Says something over HTTP.
async fn put(app: &TestApp, token: &str, conversation: &str, message: Value) -> Value {
    let body = json!({"conversationId": conversation, "message": message});
    let answer = app.call(Method::PUT, "/api/conversations/").bearer(token).json(body).send().await;
    assert!(answer.status < 300, "{}", answer.text);
    answer.body
}

/// A client of Socket.IO on a WebSocket.
struct Client {
    frames: Frames,
    /// Events that came while something else was waited for.
    kept: VecDeque<(String, Value)>,
    next_id: u64,
}

impl Client {
    /// A session that nobody has logged in to.
    async fn open(app: &TestApp) -> Self {
        Self::open_at(app, "").await
    }

    /// The same with more in the address.
    async fn open_at(app: &TestApp, more: &str) -> Self {
        Self::begin(Frames::open(app, &format!("{WEBSOCKET}{more}")).await).await
    }

    /// The same from a page.
    async fn open_from(app: &TestApp, origin: &str) -> Self {
        Self::begin(Frames::open_with(app, WEBSOCKET, &[("origin", origin)]).await).await
    }

    async fn begin(mut frames: Frames) -> Self {
        assert!(frames.hear().await.starts_with("0{"), "the terms come first");
        Self {
            frames,
            kept: VecDeque::new(),
            next_id: 0,
        }
    }

    /// Somebody who is logged in.
    async fn come(app: &TestApp, token: &str) -> Self {
        let mut client = Self::open(app).await;
        let answer = client.log_in(json!({"token": token})).await;
        assert!(answer.starts_with("40{\"sid\":"), "{answer}");
        client
    }

    /// Sends CONNECT and gives what comes of it.
    async fn log_in(&mut self, auth: Value) -> String {
        self.frames.say(&format!("40{auth}")).await;
        self.packet().await
    }

    /// The next packet that is no question whether somebody is there.
    async fn packet(&mut self) -> String {
        loop {
            match self.frames.hear().await {
                ping if ping == "2" => self.frames.say("3").await,
                packet => return packet,
            }
        }
    }

    /// Says something without waiting for an answer.
    async fn emit(&mut self, event: &str, data: Value) {
        self.frames.say(&format!("42{}", json!([event, data]))).await;
    }

    /// Says something and waits for the acknowledgement.
    async fn ask(&mut self, event: &str, data: Value) -> Value {
        let id = self.begin_asking(event, data).await;
        self.answer(id).await
    }

    async fn begin_asking(&mut self, event: &str, data: Value) -> u64 {
        self.next_id += 1;
        self.frames.say(&format!("42{}{}", self.next_id, json!([event, data]))).await;
        self.next_id
    }

    async fn answer(&mut self, id: u64) -> Value {
        let wanted = format!("43{id}[");
        loop {
            let packet = self.packet().await;
            if packet.starts_with(&wanted) {
                let answer: Value = serde_json::from_str(&packet[wanted.len() - 1..]).unwrap();
                return answer[0].clone();
            }
            self.keep(&packet);
        }
    }

    fn keep(&mut self, packet: &str) {
        let event: Value = serde_json::from_str(packet.strip_prefix("42").unwrap_or_else(|| panic!("no event: {packet}"))).unwrap();
        assert_eq!(event.as_array().unwrap().len(), 2, "an event has one argument");
        self.kept.push_back((event[0].as_str().unwrap().to_owned(), event[1].clone()));
    }

    /// Asks for what must be done, and gives what comes of it.
    async fn done(&mut self, event: &str, data: Value) -> Value {
        let answer = self.ask(event, data).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer["data"].clone()
    }

    /// Asks for what must be refused, and gives the refusal.
    async fn denied(&mut self, event: &str, data: Value) -> Value {
        let answer = self.ask(event, data).await;
        assert_eq!((&answer["ok"], answer.get("data")), (&json!(false), None), "{answer}");
        answer["error"].clone()
    }

    async fn say(&mut self, conversation: &str, id: u64, text: &str) -> Value {
        self.done(
            "conversation:message",
            json!({"conversationId": conversation, "message": {"id": id, "text": text}}),
        )
        .await
    }

    /// The next event.
    async fn next(&mut self) -> (String, Value) {
        while self.kept.is_empty() {
            let packet = self.packet().await;
            self.keep(&packet);
        }
        self.kept.pop_front().unwrap()
    }

    /// The next event, which has this name.
    async fn event(&mut self, name: &str) -> Value {
        let (found, data) = self.next().await;
        assert_eq!(found, name, "{data}");
        data
    }

    /// Asserts that nothing comes, long after it would have come.
    async fn hears_nothing(&mut self) {
        tokio::time::sleep(Duration::from_millis(150)).await;
        self.done("ping", json!({})).await;
        assert_eq!(self.kept, []);
    }

    /// What comes until the session ends.
    async fn last_words(&mut self) -> Vec<String> {
        self.frames.closed().await.0
    }
}
