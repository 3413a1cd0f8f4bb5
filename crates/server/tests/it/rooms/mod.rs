//! `/api/public/chat-rooms`: the customer's side of conversations.

mod access;
mod history;
mod making;
mod marks;
mod messages;

use crate::app::{Answer, TestApp};
use parlor_domain::agent::Role;
use reqwest::Method;
use serde_json::{Value, json};

const ROOMS: &str = "/api/public/chat-rooms/";
const NOBODY: &str = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34";

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn texts(page: &Value) -> Vec<String> {
    page["results"].as_array().unwrap().iter().map(|message| text(&message["text"])).collect()
}

fn ids(page: &Value) -> Vec<String> {
    page["results"].as_array().unwrap().iter().map(|row| text(&row["id"])).collect()
}

/// Our side of the tests' rooms.
struct Desk<'a> {
    app: &'a TestApp,
    token: String,
}

impl<'a> Desk<'a> {
    async fn open(app: &'a TestApp) -> Self {
        Self {
            app,
            token: app.agent("ada@example.com", Role::Admin).await.0,
        }
    }

    async fn call(&self, method: Method, room: &str, tail: &str, body: Value) -> Answer {
        let id = self.app.conversation_id(room).await;
        self.app
            .call(method, &format!("/api/admin/chat-rooms/{id}/{tail}"))
            .bearer(&self.token)
            .json(body)
            .send()
            .await
    }

    async fn say(&self, room: &str, text: &str) -> Value {
        self.call(Method::POST, room, "send_message/", json!({"message": text})).await.expect(201)
    }

    async fn set_status(&self, room: &str, status: &str) {
        self.call(Method::POST, room, "status/", json!({"status": status})).await.expect(200);
    }
}

async fn room_of(app: &TestApp, room: &str) -> Value {
    app.get(&format!("{ROOMS}{room}/")).send().await.expect(200)
}

async fn read(app: &TestApp, room: &str, query: &str) -> Value {
    app.get(&format!("{ROOMS}{room}/get_messages/?{query}")).send().await.expect(200)
}

async fn send(app: &TestApp, room: &str, body: Value) -> Answer {
    app.post(&format!("{ROOMS}{room}/send_message/")).json(body).send().await
}
