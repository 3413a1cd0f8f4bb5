//! Agents talk with customers on WhatsApp through clients that know numbers as ids.

/// Runs each test function on both databases, with a number, the platform and a server with files beside.
macro_rules! in_shop {
    ($($(#[$meta:meta])* async fn $name:ident($shop:ident: Shop) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "tests")]
            use super::*;

            $(#[$meta])*
            async fn run($shop: $crate::live_chat::Shop) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                run($crate::live_chat::Shop::open($crate::app::Database::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                run($crate::live_chat::Shop::open($crate::app::Database::Postgres).await).await;
            }
        }
    )+};
}

mod callers;
mod files;
mod reading;
mod sending;

use crate::app::{Answer, Call, Database, TestApp};
use parlor_domain::agent::Role;
use parlor_testkit::model_server::FakeModelServer;
use parlor_testkit::whatsapp::{Customer, Envelope, FakeWhatsapp, Number, Webhook};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CONVERSATIONS: &str = "/api/live-chat/conversations";
const MESSAGES: &str = "/api/live-chat/messages";
const SEND: &str = "/api/live-chat/send-message";
/// Nothing that a test waits for takes so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a message's number has of its conversation's.
const MESSAGES_OF_ONE: i64 = 1 << 21;
const DAY: i64 = 24 * 60 * 60;

/// A server with a number on WhatsApp.
pub struct Shop {
    app: TestApp,
    graph: FakeWhatsapp,
    files: FakeModelServer,
    webhook: Webhook,
    owner: String,
}

impl Shop {
    pub async fn open(database: Database) -> Self {
        let (graph, files) = (FakeWhatsapp::start().await, FakeModelServer::start().await);
        let platform = format!("--whatsapp-graph-base-url={}", graph.base_url());
        let exception = format!("--outgoing-allow={}", host_of(&files));
        let app = TestApp::start_with(database, &["--limits=off", &platform, &exception]).await;
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let shop = Self {
            webhook: Webhook::new(format!("{}/api/channels/whatsapp/webhook", app.url)),
            app,
            graph,
            files,
            owner,
        };
        shop.add_number(&Number::default()).await;
        shop
    }

    /// One more number of ours.
    async fn add_number(&self, number: &Number) {
        self.graph.serves(number);
        self.add(
            &self.owner,
            json!({"phone_number_id": number.phone_number_id, "access_token": number.access_token}),
        )
        .await;
    }

    async fn add(&self, token: &str, mut number: Value) {
        number["app_secret"] = json!(Webhook::EXAMPLE_SECRET);
        number["templates"] = json!([{"name": "order_ready", "language": "de", "text": "Bestellung {{1}} ist fertig."}]);
        let channel = json!({"kind": "whatsapp", "name": "Phone", "whatsapp": number});
        self.app.post("/api/admin/channels/").bearer(token).json(channel).send().await.expect(201);
    }

    /// Customers write.
    async fn hears(&self, what: impl Into<Envelope>) {
        assert_eq!(self.graph.delivers(&self.webhook, what).await, 200);
    }

    /// Nadia writes; the number of her conversation.
    async fn hears_of_nadia(&self, text: &str) -> i64 {
        self.hears(nadia().text(text)).await;
        self.number_of(NADIA).await
    }

    async fn number_of(&self, phone: &str) -> i64 {
        let all = self.conversations("").await;
        let found = all.iter().find(|conversation| conversation["customer_phone"] == phone);
        found.unwrap_or_else(|| panic!("{phone} is not in {all:?}"))["id"].as_i64().unwrap()
    }

    fn call(&self, method: Method, path: &str) -> Call<'_> {
        self.app.call(method, path).bearer(&self.owner)
    }

    fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    async fn conversations(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("{CONVERSATIONS}?{query}")).send().await.expect(200);
        assert_eq!(keys(&answer), ["conversations"]);
        answer["conversations"].as_array().unwrap().clone()
    }

    async fn messages(&self, number: i64, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("{MESSAGES}?conversation_id={number}&{query}")).send().await.expect(200);
        assert_eq!(keys(&answer), ["messages"]);
        answer["messages"].as_array().unwrap().clone()
    }

    async fn send(&self, body: Value) -> Answer {
        self.call(Method::POST, SEND).json(body).send().await
    }

    /// The conversation as the inbox knows it.
    async fn internal_id(&self, number: i64) -> String {
        let workspace = self.app.state().workspaces.list().await.unwrap()[0].id;
        self.app.state().reader.by_number(workspace, number).await.unwrap().id.to_string()
    }

    /// Asks until it is so.
    async fn until(&self, number: i64, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let begin = Instant::now();
        loop {
            let messages = self.messages(number, "").await;
            if is_so(&messages) {
                return messages;
            }
            assert!(begin.elapsed() < PATIENCE, "it never comes: {messages:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

const NADIA: &str = "491700000001";

fn nadia() -> Customer {
    Customer::new(NADIA).name("Nadia P.").user_id("DE.8812345678901234")
}

fn host_of(server: &FakeModelServer) -> String {
    server.base_url().split('/').nth(2).unwrap().to_owned()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// A field of all of them.
fn each<'a>(all: &'a [Value], field: &str) -> Vec<&'a Value> {
    all.iter().map(|one| &one[field]).collect()
}
