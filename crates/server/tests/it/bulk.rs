//! Many at once: 10,000 messages of 64 connections in one conversation, with notes and edits among them.

use crate::app::TestApp;
use futures_util::{SinkExt, StreamExt};
use parlor_domain::agent::Role;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

const MESSAGES: usize = 10_000;
const CONNECTIONS: usize = 64;
const NOTES: usize = 200;
const EDITS: usize = 200;
/// Nothing takes so long; what does has missed something.
const PATIENCE: Duration = Duration::from_secs(60);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A socket that was greeted: from here on it is told what happens.
async fn connect(app: &TestApp, path: &str) -> Stream {
    let (mut stream, _) = connect_async_with_config(app.socket_url(path), None, true).await.unwrap();
    let welcome: Value = serde_json::from_str(&next(&mut stream).await).unwrap();
    assert_eq!(welcome["event"], "session:welcome", "{welcome}");
    stream
}

/// The next text.
async fn next(stream: &mut Stream) -> String {
    loop {
        match tokio::time::timeout(PATIENCE, stream.next()).await.expect("a frame in time") {
            Some(Ok(Message::Text(text))) => return text.to_string(),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("the socket ended: {other:?}"),
        }
    }
}

/// The event's number, read without the whole frame: 64 connections get 10,000 and more each.
fn rev_of(frame: &str) -> Option<i64> {
    let data = frame.find("\"data\":").unwrap_or(frame.len());
    let (_, after) = frame[..data].split_once("\"rev\":")?;
    after.split([',', '}']).next()?.parse().ok()
}

/// What a connection has seen of the conversation: numbers that rise by one.
#[derive(Default)]
struct Seen(i64);

impl Seen {
    fn take(&mut self, frame: &str) {
        if let Some(rev) = rev_of(frame) {
            assert_eq!(rev, self.0 + 1, "a gap or a repeat");
            self.0 = rev;
        }
    }

    async fn until(&mut self, head: i64, stream: &mut Stream) {
        while self.0 < head {
            self.take(&next(stream).await);
        }
    }
}

/// One visitor's connection: writes one message after the other, and reads everything that anyone changes.
async fn write_and_read(mut stream: Stream, room: String, number: usize, stored: Arc<Mutex<Vec<(String, i64)>>>) {
    let mut seen = Seen::default();
    for message in (number..MESSAGES).step_by(CONNECTIONS) {
        let data = json!({"conversation_id": room, "message": {"client_id": format!("m-{message}"), "type": "text", "text": format!("message {message}")}});
        let command = json!({"id": message.to_string(), "event": "conversation:message", "data": data});
        stream.send(Message::text(command.to_string())).await.unwrap();
        let mark = format!("\"reply_to\":\"{message}\"");
        let reply = loop {
            let frame = next(&mut stream).await;
            if frame.len() < 1_000 && frame.contains(&mark) {
                break serde_json::from_str::<Value>(&frame).unwrap();
            }
            seen.take(&frame);
        };
        assert_eq!((&reply["ok"], &reply["data"]["duplicate"]), (&json!(true), &json!(false)), "{reply}");
        stored
            .lock()
            .unwrap()
            .push((reply["data"]["message_id"].as_str().unwrap().to_owned(), reply["data"]["seq"].as_i64().unwrap()));
    }
    seen.until((MESSAGES + EDITS) as i64, &mut stream).await;
}

/// Waits until so many messages are stored, so that the agents' work is spread among them.
async fn stored_so_far(stored: &Mutex<Vec<(String, i64)>>, count: usize) {
    let begun = Instant::now();
    while stored.lock().unwrap().len() < count {
        assert!(begun.elapsed() < PATIENCE, "the visitors stopped writing");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[derive(Deserialize)]
struct Page {
    results: Vec<Stored>,
    next: Option<String>,
    head_seq: i64,
    head_rev: i64,
}

#[derive(Deserialize)]
struct Stored {
    id: String,
    seq: i64,
}

on_both! {
    async fn ten_thousand_messages_of_64_connections_leave_no_gap(app: TestApp) {
        let (room, _) = app.room().await;
        let id = app.conversation_id(&room).await;
        let (token, _) = app.agent("mia@example.com", Role::Admin).await;
        let stored = Arc::new(Mutex::new(Vec::with_capacity(MESSAGES)));

        let mut agent = connect(&app, &format!("/ws/admin/chat/?token={token}")).await;
        let subscribe = json!({"id": "s", "event": "conversation:subscribe", "data": {"conversation_id": id}});
        agent.send(Message::text(subscribe.to_string())).await.unwrap();
        while !next(&mut agent).await.contains("\"reply_to\":\"s\"") {}
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { Seen::default().until((MESSAGES + NOTES + EDITS) as i64, &mut agent).await });
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            streams.push(connect(&app, &format!("/ws/chat/{room}/")).await);
        }
        for (number, stream) in streams.into_iter().enumerate() {
            tasks.spawn(write_and_read(stream, room.clone(), number, stored.clone()));
        }

        let notes = async {
            for number in 0..NOTES {
                stored_so_far(&stored, number * MESSAGES / NOTES).await;
                let note = json!({"message": format!("note {number}"), "private": true});
                app.post(&format!("/api/admin/chat-rooms/{id}/send_message/")).bearer(&token).json(note).send().await.expect(201);
            }
        };
        let edits = async {
            for number in 0..EDITS {
                stored_so_far(&stored, number * MESSAGES / EDITS + 1).await;
                let message = stored.lock().unwrap().last().unwrap().0.clone();
                let edit = json!({"message": format!("edited {number}")});
                app.patch(&format!("/api/admin/chat-rooms/{id}/messages/{message}/")).bearer(&token).json(edit).send().await.expect(200);
            }
        };
        futures_util::join!(notes, edits);
        tasks.join_all().await;

        let mut told = std::mem::take(&mut *stored.lock().unwrap());
        told.sort_by_key(|(_, seq)| *seq);
        assert!(told.iter().map(|(_, seq)| *seq).eq(1..=MESSAGES as i64));
        let path = format!("{}/api/public/chat-rooms/{room}/get_messages/", app.url);
        let mut query = "after_seq=0".to_owned();
        let mut history = Vec::with_capacity(MESSAGES);
        loop {
            let page: Page = app.http.get(format!("{path}?{query}&limit=100")).send().await.unwrap().json().await.unwrap();
            assert_eq!((page.head_seq, page.head_rev), (MESSAGES as i64, (MESSAGES + EDITS) as i64));
            history.extend(page.results.into_iter().map(|message| (message.id, message.seq)));
            let Some(next) = page.next else { break };
            query = format!("cursor={next}");
        }
        assert!(history == told, "the history is what was acknowledged, in its order");
    }
}
