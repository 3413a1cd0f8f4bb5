//! `/api/conversations`: a customer and a seller talk about a listing.

mod lists;
mod offers;
mod people;
mod rooms;
mod saving;
mod sending;

use crate::app::{Answer, TestApp, host_token};
use reqwest::Method;
use serde_json::{Value, json};

const CONVERSATIONS: &str = "/api/conversations/";

/// Where messages that were made elsewhere are counted from.
const ELSEWHERE: u64 = 8_000_000_000_000_000;

/// Somebody with a credential.
struct Person<'a> {
    app: &'a TestApp,
    token: String,
    email: String,
}

/// Until long after all that a test waits for.
const EXPIRES: i64 = 4_000_000_000;

/// A customer of the host site.
fn customer<'a>(app: &'a TestApp, name: &str) -> Person<'a> {
    let email = format!("{name}@example.com");
    let token = host_token(json!({"sub": format!("customer-{name}"), "role": "customer", "email": email, "name": name, "exp": EXPIRES}));
    Person { app, token, email }
}

/// A seller of the host site.
fn seller<'a>(app: &'a TestApp, name: &str) -> Person<'a> {
    let email = format!("{name}@example.com");
    let token = host_token(json!({"sub": format!("seller-{name}"), "role": "seller", "email": email, "name": name, "exp": EXPIRES}));
    Person { app, token, email }
}

impl Person<'_> {
    async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        let call = self.app.call(method, &format!("{CONVERSATIONS}{path}")).bearer(&self.token);
        if body.is_null() { call.send().await } else { call.json(body).send().await }
    }

    async fn list(&self, query: &str) -> Answer {
        self.call(Method::GET, query, Value::Null).await
    }

    /// The own conversations.
    async fn own(&self) -> Vec<Value> {
        self.list("").await.expect(200).as_array().unwrap().clone()
    }

    /// One of the own conversations.
    async fn see(&self, conversation: &str) -> Value {
        self.own().await.into_iter().find(|one| one["id"] == conversation).expect("it is listed")
    }

    async fn save(&self, body: Value) -> Answer {
        self.call(Method::POST, "", body).await
    }

    /// Begins a conversation with a seller.
    async fn begin(&self, conversation: &str, seller: &str) -> Value {
        let body = json!({"id": conversation, "sellerId": seller, "vehicleId": 4711, "vehicleName": "VW Golf 1.4 TSI", "vehiclePrice": 18_900});
        self.save(body).await.expect(201)
    }

    async fn send(&self, conversation: &str, message: Value) -> Answer {
        self.call(Method::PUT, "", json!({"conversationId": conversation, "message": message})).await
    }

    async fn say(&self, conversation: &str, id: u64, text: &str) -> Value {
        self.send(conversation, json!({"id": id, "text": text})).await.expect(201)
    }

    async fn offer(&self, conversation: &str, id: u64, price: u64) -> Value {
        let offer = json!({"id": id, "type": "offer", "payload": {"offerPrice": price}});
        self.send(conversation, offer).await.expect(201)
    }

    /// `more` beside the action.
    async fn act(&self, conversation: &str, message: &Value, action: &str, more: Value) -> Answer {
        let mut body = json!({"conversationId": conversation, "messageId": message, "action": action});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call(Method::POST, "actions/", body).await
    }

    async fn read(&self, conversation: &str) -> Answer {
        self.call(Method::POST, "read/", json!({"conversationId": conversation})).await
    }

    async fn flag(&self, conversation: &str, reason: &str) -> Answer {
        self.call(Method::POST, "flag/", json!({"conversationId": conversation, "reason": reason}))
            .await
    }

    async fn remove(&self, conversation: &str) -> Answer {
        self.call(Method::DELETE, &format!("?id={conversation}"), Value::Null).await
    }
}

/// What the messages of a conversation say, with who says it.
fn lines(conversation: &Value) -> Vec<String> {
    let messages = conversation["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| format!("{}: {}", text(&message["sender"]), text(&message["text"])))
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The field that a refusal names.
fn wrong_field(answer: Answer) -> String {
    text(&answer.problem(400, "invalid_input")["errors"][0]["field"]).to_owned()
}
