//! `/api/attachments`: who may upload, how files go with messages, who sees them, and when they go.

mod keeping;
mod links;
mod proofs;
mod reading;
mod sending;
mod uploading;

use crate::app::{Answer, TestApp, host_token};
use crate::multipart::{FORM, Form, upload};
use crate::stored;
use parlor_domain::agent::Role;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const PATH: &str = "/api/attachments/";
const NOBODY: &str = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34";
/// Until long after all that a test waits for.
const EXPIRES: i64 = 4_000_000_000;

/// A customer's token of the host site.
fn customer(name: &str) -> String {
    host_token(json!({"sub": format!("customer-{name}"), "role": "customer", "email": format!("{name}@example.com"), "name": name, "exp": EXPIRES}))
}

/// A seller's token of the host site.
fn seller(name: &str) -> String {
    host_token(json!({"sub": format!("seller-{name}"), "role": "seller", "email": format!("{name}@example.com"), "name": name, "exp": EXPIRES}))
}

/// Begins a conversation about a listing, as the customer of a token.
async fn begin(app: &TestApp, token: &str, conversation: &str, seller: &str) {
    let body = json!({"id": conversation, "sellerId": format!("{seller}@example.com"), "vehicleId": 4711, "vehicleName": "VW Golf 1.4 TSI"});
    app.post("/api/conversations/").bearer(token).json(body).send().await.expect(201);
}

/// Says something in a conversation about a listing.
async fn put(app: &TestApp, token: &str, conversation: &str, message: Value) -> Answer {
    let body = json!({"conversationId": conversation, "message": message});
    app.call(Method::PUT, "/api/conversations/").bearer(token).json(body).send().await
}

/// Says something as the customer of a room.
async fn send(app: &TestApp, room: &str, body: Value) -> Answer {
    app.post(&format!("/api/public/chat-rooms/{room}/send_message/")).json(body).send().await
}

/// Says something as an agent.
async fn answer(app: &TestApp, token: &str, id: &str, body: Value) -> Answer {
    app.post(&format!("/api/admin/chat-rooms/{id}/send_message/"))
        .bearer(token)
        .json(body)
        .send()
        .await
}

/// What the customer of a room reads.
async fn read(app: &TestApp, room: &str, query: &str) -> Value {
    app.get(&format!("/api/public/chat-rooms/{room}/get_messages/?{query}"))
        .send()
        .await
        .expect(200)
}

/// A secret of a machine.
async fn api_key(app: &TestApp, owner: &str, scope: &str) -> String {
    let new = json!({"name": "Orders", "scope": scope});
    let body = app.post("/api/admin/api-keys/").bearer(owner).json(new).send().await.expect(201);
    text(&body["secret"]).to_owned()
}

/// A file that waits for its message, with a content of its own: its id.
async fn waiting(app: &TestApp, token: &str, conversation: &str) -> String {
    let content = format!("waits in {conversation}");
    let file = upload(app, token, conversation, "note.txt", content.as_bytes()).await.expect(201);
    text(&file["id"]).to_owned()
}

/// A file that a message carries: `(message, file)`.
async fn sent(app: &TestApp, room: &str) -> (Value, Value) {
    let id = waiting(app, room, room).await;
    let message = send(app, room, json!({"message": "Look", "attachment_ids": [id]})).await.expect(201);
    let file = message["attachments"][0].clone();
    (message, file)
}

/// What is behind a link of ours.
async fn fetch(app: &TestApp, link: &Value) -> (u16, HeaderMap, Vec<u8>) {
    let link = text(link);
    assert!(link.starts_with(&format!("{}{PATH}", app.url)), "served from here: {link}");
    let response = app.http.get(link).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

/// Asserts that a message carries just this file, and that its link leads to these bytes.
async fn carries(app: &TestApp, message: &Value, id: &str, bytes: &[u8]) {
    let files = message["attachments"].as_array().unwrap_or_else(|| panic!("no files: {message}"));
    assert_eq!((files.len(), text(&files[0]["id"])), (1, id), "{message}");
    let (status, _, got) = fetch(app, &files[0]["url"]).await;
    assert_eq!((status, got.as_slice()), (200, bytes), "{message}");
}

/// What is known of the files.
async fn rows(app: &TestApp) -> Vec<String> {
    stored::all(app).await.remove("attachment").unwrap()
}

fn folder(app: &TestApp) -> PathBuf {
    app.folder().join("files")
}

/// The files in a folder, and in those below.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| if entry.path().is_dir() { files_in(&entry.path()) } else { vec![entry.path()] })
        .collect()
}

/// Asserts that nothing was kept, neither bytes nor rows.
async fn nothing_is_kept(app: &TestApp) {
    assert_eq!((rows(app).await, files_in(&folder(app))), (Vec::new(), Vec::new()));
}

/// The field that a refusal names.
fn wrong_field(answer: Answer) -> String {
    text(&answer.problem(400, "invalid_input")["errors"][0]["field"]).to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
