//! STEP 3: questions to the assistant and the streams of its answers, with a model server that says what it is told to say.

/// Runs each test function on both databases, with a model server beside.
macro_rules! with_model {
    ($($(#[$meta:meta])* async fn $name:ident($talk:ident: Talk) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "tests")]
            use super::*;

            $(#[$meta])*
            async fn run(#[allow(unused_mut, reason = "tests")] mut $talk: $crate::assistant::Talk) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                run($crate::assistant::Talk::start($crate::app::Database::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                run($crate::assistant::Talk::start($crate::app::Database::Postgres).await).await;
            }
        }
    )+};
}

mod answers;
mod asking;
mod coming_back;
mod giving_way;
mod whole_answers;

use crate::app::{Database, TestApp};
use parlor_domain::agent::Role;
use parlor_testkit::model_server::FakeModelServer;
use reqwest::Response;
use serde_json::{Value, json};
use std::time::Duration;

const CHAT: &str = "/api/chats/messages/chat/";
const STREAM: &str = "/api/chats/messages/chat/stream/";
/// Nothing that a test waits for takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server whose assistant asks a model server.
pub struct Talk {
    pub app: TestApp,
    pub model: FakeModelServer,
}

impl Talk {
    async fn start(database: Database) -> Self {
        Self::start_with(database, &["--limits=off"]).await
    }

    async fn start_with(database: Database, flags: &[&str]) -> Self {
        let model = FakeModelServer::start().await;
        let base_url = format!("--assistant-base-url={}", model.base_url());
        let flags: Vec<&str> = flags.iter().copied().chain([base_url.as_str(), "--assistant-model=small"]).collect();
        Self {
            app: TestApp::start_with_assistant(database, &flags).await,
            model,
        }
    }
}

/// A session of a new visitor.
pub struct Place {
    pub session: String,
    pub key: String,
    pub room: String,
}

/// STEP 1 and STEP 2.
async fn place(app: &TestApp) -> Place {
    let key = app.visitor().await;
    let made = app.post("/api/chats/sessions/").json(json!({"visitor_id": key})).send().await.expect(201);
    let field = |name: &str| made["data"][name].as_str().unwrap().to_owned();
    Place {
        session: field("id"),
        room: field("conversation_id"),
        key,
    }
}

impl Place {
    fn question(&self, text: &str, client_id: &str) -> Value {
        json!({"message": text, "session_id": self.session, "visitor_id": self.key, "client_id": client_id})
    }

    /// Asks, and reads nothing yet.
    async fn ask(&self, app: &TestApp, text: &str, client_id: &str) -> Events {
        let request = app.http.post(format!("{}{STREAM}", app.url)).json(&self.question(text, client_id));
        Events::of(request.send().await.unwrap())
    }

    /// Asks, and waits for the end.
    async fn chat(&self, app: &TestApp, text: &str, client_id: &str) -> Value {
        app.post(CHAT).json(self.question(text, client_id)).send().await.expect(200)["data"].clone()
    }

    async fn come_back(&self, app: &TestApp, last: Option<&str>) -> Response {
        let path = format!("{}{CHAT}{}/stream/", app.url, self.session);
        let request = app.http.get(path).bearer_auth(&self.key);
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        request.send().await.unwrap()
    }

    async fn stop(&self, app: &TestApp) -> bool {
        let path = format!("{CHAT}{}/stop/", self.session);
        let answer = app.post(&path).bearer(&self.key).send().await.expect(200);
        answer["data"]["stopped"].as_bool().unwrap()
    }

    /// What is stored, as the visitor sees it.
    async fn history(&self, app: &TestApp) -> Vec<Value> {
        let path = format!("/api/chats/messages/?session_id={}", self.session);
        let answer = app.get(&path).bearer(&self.key).send().await.expect(200);
        answer["data"]["results"].as_array().unwrap().clone()
    }

    /// Kinds of authors and texts of what is stored.
    async fn said(&self, app: &TestApp) -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let history = self.history(app).await;
        history
            .iter()
            .map(|message| (word(&message["sender"]["kind"]), word(&message["text"])))
            .collect()
    }

    /// Who answers, as agents see it.
    async fn handled_by(&self, app: &TestApp, agent: &str) -> Value {
        let id = app.conversation_id(&self.room).await;
        app.get(&format!("/api/admin/chat-rooms/{id}/")).bearer(agent).send().await.expect(200)["handled_by"].clone()
    }

    /// When nobody can come back to the last answer any more. It ends a moment after its last chunk.
    async fn much_later(&self, app: &TestApp) {
        let id = app.state().reader.by_room_key(self.room.parse().unwrap()).await.unwrap().id;
        until("the answer is over", || async { app.state().assistant.live().running(id).is_none() }).await;
        app.clock.advance(Duration::from_secs(61));
    }

    async fn take_over(&self, app: &TestApp, agent: &str) {
        let id = app.conversation_id(&self.room).await;
        app.post(&format!("/api/admin/chat-rooms/{id}/take_over/"))
            .bearer(agent)
            .send()
            .await
            .expect(200);
    }
}

async fn agent(app: &TestApp) -> String {
    app.agent("omar@example.com", Role::Agent).await.0
}

/// Waits until something is so.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited in vain: {what}");
}

/// One event of a stream: its id, and its JSON or `[DONE]` as text.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: Option<String>,
    pub chunk: Value,
}

impl Event {
    fn kind(&self) -> &str {
        self.chunk["type"].as_str().or_else(|| self.chunk.as_str()).unwrap()
    }
}

/// The events of a response as they come. Whatever is no event or comment is a failure.
pub struct Events {
    response: Response,
    unread: Vec<u8>,
    pub comments: usize,
}

impl Events {
    fn of(response: Response) -> Self {
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(response.status(), 200);
        assert_eq!(header("content-type"), Some("text/event-stream; charset=utf-8"));
        assert_eq!(header("cache-control"), Some("no-cache, no-transform"));
        assert_eq!(header("x-accel-buffering"), Some("no"));
        assert_eq!(header("x-vercel-ai-ui-message-stream"), Some("v1"));
        assert_eq!(header("content-encoding"), None);
        Self {
            response,
            unread: Vec::new(),
            comments: 0,
        }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let block = String::from_utf8(self.unread.drain(..end + 2).collect()).unwrap();
                if block == ": hb\n\n" {
                    self.comments += 1;
                    continue;
                }
                let (id, data) = match block.trim_end().split_once('\n') {
                    Some((id, data)) => (Some(id.strip_prefix("id: ").unwrap().to_owned()), data),
                    None => (None, block.trim_end()),
                };
                let data = data.strip_prefix("data: ").unwrap();
                let chunk = if data == "[DONE]" { json!(data) } else { serde_json::from_str(data).unwrap() };
                return Some(Event { id, chunk });
            }
            let more = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("the stream goes on");
            // A stream without an end breaks, or it would look whole.
            match more.unwrap_or(None) {
                Some(bytes) => {
                    // Each piece can be read by itself: no character is cut in two.
                    std::str::from_utf8(&bytes).unwrap();
                    self.unread.extend_from_slice(&bytes);
                }
                None => {
                    assert!(self.unread.is_empty(), "the last event is whole");
                    return None;
                }
            }
        }
    }

    /// The events up to one of a type, this one included.
    async fn up_to(&mut self, kind: &str) -> Vec<Event> {
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &Event| event.kind() != kind) {
            events.push(self.next().await.unwrap_or_else(|| panic!("no {kind}: {events:?}")));
        }
        events
    }

    /// All that is left.
    async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// Whether nothing comes for a moment.
    async fn is_silent(&mut self) -> bool {
        assert!(self.unread.is_empty());
        tokio::time::timeout(Duration::from_millis(400), self.response.chunk()).await.is_err()
    }
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::kind).collect()
}

/// The text of all deltas.
fn text(events: &[Event]) -> String {
    events.iter().filter_map(|event| event.chunk["delta"].as_str()).collect()
}

/// The events in front of `[DONE]` have ids that count up.
fn numbered(events: &[Event], answer: &str, first: usize) {
    let (done, numbered) = events.split_last().unwrap();
    assert_eq!((done.kind(), &done.id), ("[DONE]", &None));
    for (number, event) in (first..).zip(numbered) {
        assert_eq!(event.id.as_deref(), Some(format!("{answer}:{number}").as_str()));
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
