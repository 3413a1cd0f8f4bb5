//! `/api/users`, `/api/dashboard`, `/api/debug`: what widgets with an assistant of their own store.

mod data;
mod keeping;
mod sending;
mod syncing;
mod users;

use crate::app::{Answer, Call, TestApp};
use parlor_domain::agent::Role;
use parlor_domain::conversation::ChatRef;
use serde_json::{Value, json};

const NOBODY: &str = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34";
const CHAT: &str = "chat-5f0c2a9e71b84d36";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn data(app: &TestApp, body: Value) -> Call<'_> {
    app.post("/api/users/data/").json(body)
}

fn send<'a>(app: &'a TestApp, chat: &str, body: Value) -> Call<'a> {
    app.post(&format!("/api/users/chats/{chat}/send/")).json(body)
}

fn sync<'a>(app: &'a TestApp, chat: &str, body: Value) -> Call<'a> {
    app.post(&format!("/api/dashboard/chats/{chat}/send/")).json(body)
}

/// A whole chat as body: `u` and `a` before the text for the two roles, after a slash the client id.
fn whole(lines: &[&str]) -> Value {
    json!({"messages": lines.iter().map(|line| message(line)).collect::<Vec<_>>()})
}

/// One message, written as in [`whole`].
fn message(line: &str) -> Value {
    let (role, rest) = line.split_once(' ').unwrap();
    let (text, id) = rest.split_once('/').map_or((rest, None), |(text, id)| (text, Some(id)));
    json!({"role": if role == "u" { "user" } else { "assistant" }, "content": text, "client_id": id})
}

/// What a sync did: `(stored, known)`.
fn done(answer: Answer) -> (u64, u64) {
    let stored = answer.body["data"]["stored"].as_u64();
    assert_eq!(answer.status, if stored > Some(0) { 201 } else { 200 }, "{}", answer.text);
    (stored.unwrap(), answer.body["data"]["known"].as_u64().unwrap())
}

/// A visitor with a chat: the visitor key.
async fn chat_of_visitor(app: &TestApp, chat: &str) -> String {
    let made = data(app, json!({"name": "Nadia", "email": "nadia@example.com", "chat_id": chat}))
        .send()
        .await
        .expect(201);
    text(&made["data"]["visitor_id"])
}

/// The internal id of a chat.
async fn conversation_of(app: &TestApp, chat: &str) -> String {
    let workspace = app.state().workspaces.list().await.unwrap()[0].id;
    let found = app
        .state()
        .conversations
        .find_stored_chat(workspace, &ChatRef::parse(chat).unwrap(), None)
        .await;
    found.unwrap().expect("the chat is there").id.to_string()
}

/// An agent's view of the tests' chats.
struct Desk<'a> {
    app: &'a TestApp,
    token: String,
}

impl<'a> Desk<'a> {
    async fn open(app: &'a TestApp) -> Self {
        let token = app.agent("ada@example.com", Role::Admin).await.0;
        Self { app, token }
    }

    /// The messages as agents see them.
    async fn messages(&self, chat: &str) -> Vec<Value> {
        let id = conversation_of(self.app, chat).await;
        let path = format!("/api/admin/chat-rooms/{id}/messages/?limit=100");
        let page = self.app.get(&path).bearer(&self.token).send().await.expect(200);
        page["results"].as_array().unwrap().clone()
    }

    /// The messages in short: who, `!` if it is reported, and what.
    async fn lines(&self, chat: &str) -> Vec<String> {
        let line = |message: &Value| {
            let sender = &message["sender"];
            let reported = if sender["reported"] == true { "!" } else { "" };
            format!("{}{reported} {}", text(&sender["kind"]), text(&message["text"]))
        };
        self.messages(chat).await.iter().map(line).collect()
    }

    async fn users_chats(&self, query: &str) -> Value {
        let path = format!("/api/debug/users-chats/?{query}");
        self.app.get(&path).bearer(&self.token).send().await.expect(200)
    }
}
