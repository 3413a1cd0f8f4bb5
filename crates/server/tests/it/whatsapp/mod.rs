//! Customers on WhatsApp, with a stand-in for its platform: what is delivered, what agents see of it, and what goes out.

/// Runs each test function on both databases, with a number and the platform beside.
macro_rules! with_whatsapp {
    ($($(#[$meta:meta])* async fn $name:ident($line:ident: Line) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "tests")]
            use super::*;

            $(#[$meta])*
            async fn run(#[allow(unused_mut, reason = "tests")] mut $line: $crate::whatsapp::Line) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                run($crate::whatsapp::Line::start($crate::app::Database::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                run($crate::whatsapp::Line::start($crate::app::Database::Postgres).await).await;
            }
        }
    )+};
}

mod assistant;
mod envelopes;
mod files;
mod handshake;
mod kinds;
mod log;
mod objections;
mod outcomes;
mod people;
mod repeats;
mod sending;
mod signatures;
mod signs;
mod texts;
mod windows;

use crate::app::{Answer, Database, TestApp};
use crate::socket::{Socket, hello};
use parlor_domain::agent::Role;
use parlor_testkit::whatsapp::{Customer, Endpoint, Envelope, FakeWhatsapp, Number, Reports, Webhook};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const HOOK: &str = "/api/channels/whatsapp/webhook";
const PHONE: &str = "491700000001";
const USER: &str = "DE.8812345678901234";
/// Nothing that a test waits for takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server with a number of its own, and the platform.
pub struct Line {
    app: TestApp,
    graph: FakeWhatsapp,
    hook: Webhook,
    /// An owner's token.
    owner: String,
    /// The channel of the number.
    channel: String,
}

impl Line {
    pub async fn start(database: Database) -> Self {
        Self::start_with(database, &[]).await
    }

    /// With more flags as on the command line.
    async fn start_with(database: Database, flags: &[&str]) -> Self {
        let graph = FakeWhatsapp::start().await;
        let place = format!("--whatsapp-graph-base-url={}", graph.base_url());
        let flags: Vec<&str> = ["--limits=off", &place].into_iter().chain(flags.iter().copied()).collect();
        let app = TestApp::start_with(database, &flags).await;
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let mut line = Self {
            hook: Webhook::new(format!("{}{HOOK}", app.url)),
            app,
            graph,
            owner,
            channel: String::new(),
        };
        line.channel = line.add_number(Number::EXAMPLE_ID, Webhook::EXAMPLE_SECRET).await;
        line
    }

    /// A channel for one more number, signed for with this secret.
    async fn add_number(&self, number: &str, secret: &str) -> String {
        let settings = json!({
            "phone_number_id": number, "access_token": Number::EXAMPLE_TOKEN, "app_secret": secret, "verify_token": Webhook::EXAMPLE_VERIFY_TOKEN,
            "templates": [{"name": "order_ready", "language": "de", "text": "Bestellung {{1}} ist fertig."}],
        });
        let new = json!({"kind": "whatsapp", "name": "WhatsApp", "whatsapp": settings});
        let made = self.app.post("/api/admin/channels/").bearer(&self.owner).json(new).send().await.expect(201);
        word(&made["id"])
    }

    async fn edit_channel(&self, edit: Value) -> Value {
        let path = format!("/api/admin/channels/{}/", self.channel);
        self.app.patch(&path).bearer(&self.owner).json(edit).send().await.expect(200)
    }

    /// Why the number cannot be used, as an admin sees it.
    async fn health(&self) -> Value {
        let path = format!("/api/admin/channels/{}/", self.channel);
        self.app.get(&path).bearer(&self.owner).send().await.expect(200)["whatsapp"]["health"].clone()
    }

    /// Delivers what must be taken.
    async fn receives(&self, what: impl Into<Envelope>) {
        assert_eq!(self.graph.delivers(&self.hook, what).await, 200);
    }

    /// The customer of most tests writes; answers what the platform calls the message.
    async fn hears(&self, text: &str) -> String {
        let message = nadia().text(text);
        let wamid = message.wamid().to_owned();
        self.receives(message).await;
        wamid
    }

    /// All conversations, as the agents' list has them.
    async fn conversations(&self) -> Vec<Value> {
        let list = self.app.get("/api/admin/chat-rooms/?limit=100").bearer(&self.owner).send().await.expect(200);
        list["results"].as_array().unwrap().clone()
    }

    /// The only conversation.
    async fn conversation(&self) -> Value {
        let mut all = self.conversations().await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    async fn id(&self) -> String {
        word(&self.conversation().await["id"])
    }

    /// The messages of the only conversation, oldest first.
    async fn messages(&self) -> Vec<Value> {
        self.messages_of(&self.id().await).await
    }

    async fn messages_of(&self, conversation: &str) -> Vec<Value> {
        let path = format!("/api/admin/chat-rooms/{conversation}/messages/?after_seq=0&limit=100");
        let page = self.app.get(&path).bearer(&self.owner).send().await.expect(200);
        page["results"].as_array().unwrap().clone()
    }

    async fn last(&self) -> Value {
        self.messages().await.pop().unwrap()
    }

    /// The same messages, as the clients with numbers for ids see them.
    async fn live_messages(&self) -> Vec<Value> {
        let number = &self.conversation().await["whatsapp"]["number"];
        let path = format!("/api/live-chat/messages?conversation_id={number}");
        let page = self.app.get(&path).bearer(&self.owner).send().await.expect(200);
        page["messages"].as_array().unwrap().clone()
    }

    /// An agent tries to say something in the only conversation.
    async fn tries(&self, body: Value) -> Answer {
        let path = format!("/api/admin/chat-rooms/{}/send_message/", self.id().await);
        self.app.post(&path).bearer(&self.owner).json(body).send().await
    }

    /// An agent says something; answers its id.
    async fn says(&self, text: &str) -> String {
        let said = self.tries(json!({"message": text})).await.expect(201);
        assert_eq!(said["status"], "queued");
        word(&said["id"])
    }

    async fn message(&self, id: &str) -> Value {
        self.messages().await.into_iter().find(|message| message["id"] == id).unwrap()
    }

    /// Waits until a message got that far, and gives it.
    async fn until_status(&self, id: &str, status: &str) -> Value {
        let begun = Instant::now();
        loop {
            let message = self.message(id).await;
            if message["status"] == status {
                return message;
            }
            assert!(begun.elapsed() < PATIENCE, "not {status}: {message}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Time passes, here and there.
    fn later(&self, seconds: u64) {
        self.app.clock.advance(Duration::from_secs(seconds));
        self.graph.advance(Duration::from_secs(seconds));
    }

    /// How often the platform was asked to send a text.
    fn requests(&self, text: &str) -> usize {
        self.graph.calls_at(Endpoint::Send).iter().filter(|call| call.text() == Some(text)).count()
    }

    /// The platform tells all statuses of what it takes, up to that it was read.
    fn reports(&self) {
        self.graph.reports(Reports::to(&self.hook).reading());
    }

    /// A socket of an agent that follows the only conversation.
    async fn listener(&self) -> Socket {
        let (mut socket, _) = hello(&self.app, &self.owner).await;
        socket.done("conversation:subscribe", json!({"conversation_id": self.id().await})).await;
        socket
    }
}

fn nadia() -> Customer {
    Customer::new(PHONE).name("Nadia P.").user_id(USER)
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The texts of messages.
fn texts(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["text"].as_str().unwrap()).collect()
}
