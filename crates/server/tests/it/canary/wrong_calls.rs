//! Secrets where they have no business.

use super::{Canaries, Server};
use crate::access::people::{document, operations};
use crate::malformed::resolve;
use crate::multipart::{FORM, Form};
use reqwest::Method;
use serde_json::json;

const NOBODY: &str = "018f6a3e-5b1c-7000-8000-000000000077";

/// A secret in every place where it has no business.
pub async fn wrong_calls(server: &Server, canaries: &mut Canaries, secret: &str, owner: &str) {
    let document = document();
    let mut answers = Vec::new();
    let encoded = secret.replace('@', "%40").replace('+', "%2B");
    for operation in operations() {
        let path: String = operation
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { encoded.as_str() } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let plain: String = operation
            .path
            .split('/')
            .map(|part| {
                if part.starts_with('{') {
                    "018f6a3e-5b1c-7000-8000-000000000077"
                } else {
                    part
                }
            })
            .collect::<Vec<_>>()
            .join("/");
        let query = [
            "visitor_id",
            "session_id",
            "token",
            "q",
            "channel",
            "cursor",
            "status",
            "limit",
            "refresh",
            "customerId",
            "sellerId",
            "id",
            "conversation_id",
            "phone_number_id",
            "offset",
            "exp",
            "sig",
            "hub.mode",
            "hub.challenge",
            "hub.verify_token",
        ]
        .map(|name| format!("{name}={encoded}"))
        .join("&");
        let call = |path: &str| server.request(operation.method.clone(), path);
        let mut calls = vec![
            call(&path).bearer_auth(owner),
            call(&format!("{plain}?{query}")).bearer_auth(owner),
            call(&format!("{plain}?{query}")),
            call(&plain).header("authorization", secret),
            call(&format!("{path}?{query}")).bearer_auth(secret),
        ];
        if operation.item.get("requestBody").is_some() {
            let as_owner = || call(&plain).bearer_auth(owner).header("content-type", "application/json");
            calls.push(as_owner().body(format!("{{\"message\": \"{secret}")));
            calls.push(as_owner().body(format!("{{\"message\": \"{secret}\"}} {secret}")));
            calls.push(as_owner().body(format!("\"{secret}\"")));
            let schema = resolve(&document, &operation.item["requestBody"]["content"]["application/json"]["schema"]);
            for property in schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
                calls.push(as_owner().body(json!({property: secret}).to_string()));
                calls.push(as_owner().body(json!({property: [secret, {"a": secret}]}).to_string()));
                calls.push(as_owner().body(json!({property: {"a": secret}}).to_string()));
            }
            calls.push(call(&plain).header("content-type", secret).body(secret.to_owned()));
        }
        if operation.takes_form() {
            let as_owner = || call(&plain).bearer_auth(owner).header("content-type", FORM);
            calls.push(as_owner().body(Form::new().field("conversation_id", secret).file(secret, secret.as_bytes()).end()));
            calls.push(as_owner().body(Form::new().field("visitor_id", secret).unfinished()));
            calls.push(as_owner().body(Form::new().field(secret, secret).end()));
            calls.push(
                call(&plain)
                    .header("content-type", FORM)
                    .body(Form::new().file(secret, secret.as_bytes()).end()),
            );
        }
        for name in [
            "idempotency-key",
            "x-parlor-channel",
            "x-request-id",
            "user-agent",
            "referer",
            "cookie",
            "if-none-match",
            "accept",
            "x-forwarded-for",
            "traceparent",
            "range",
            "x-hub-signature-256",
        ] {
            calls.push(call(&plain).header(
                name,
                if name == "cookie" {
                    format!("parlor_refresh={secret}")
                } else {
                    secret.to_owned()
                },
            ));
        }
        calls.push(call(&plain).header("origin", format!("https://{}", secret.replace('@', "."))));
        for call in calls {
            let response = call.send().await.unwrap();
            let status = response.status().as_u16();
            assert_ne!(status, 500, "{}", operation.id);
            if status >= 400 {
                answers.push((operation.id.clone(), response.text().await.unwrap()));
            }
        }
    }
    for path in [
        format!("/{encoded}"),
        format!("/{encoded}/{encoded}?{encoded}={encoded}"),
        format!("/api/{encoded}"),
        format!("/metrics?token={encoded}"),
        format!("/api/docs/{encoded}"),
        format!("/setup?token={encoded}"),
    ] {
        for method in [Method::GET, Method::POST, Method::TRACE] {
            server.request(method, &path).send().await.unwrap();
        }
    }
    let form = [("token", secret), ("email", secret), ("name", secret), ("password", secret)];
    let text = form
        .map(|(name, value)| format!("{name}={}", value.replace('@', "%40").replace('+', "%2B")))
        .join("&");
    server
        .request(Method::POST, "/setup")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(text)
        .send()
        .await
        .unwrap();
    for head in [
        format!("GET /{secret} HTTP/9.9\r\n\r\n"),
        format!("GET /{secret}\r\n\r\n"),
        format!("{secret} / HTTP/1.1\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{secret}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {secret}\r\ncontent-length: {secret}\r\n\r\n"),
        format!("POST /api/chats/visitors HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{secret}\r\n"),
        format!("POST /api/chats/visitors HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{{\"name\": \"{secret}"),
    ] {
        server.raw(head.as_bytes());
    }
    let visitor = server.post("/api/chats/visitors/", None, json!({})).await["data"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    canaries.add("another visitor key", &json!(visitor));
    let hello = json!({"id": "1", "event": "session:hello", "data": {"token": visitor}}).to_string();
    let wrong = [
        secret.to_owned(),
        format!("{{\"event\": \"{secret}"),
        json!({"id": "2", "event": secret, "data": {}}).to_string(),
        json!({"id": "3", "event": "conversation:subscribe", "data": {"conversation_id": secret, "after_rev": secret}}).to_string(),
        json!({"id": "4", "event": "conversation:subscribe", "data": {"conversation_id": secret}}).to_string(),
        json!({"id": "5", "event": "conversation:message", "data": {"conversation_id": secret, "message": secret}}).to_string(),
        json!({"id": "6", "event": "conversation:typing", "data": {"conversation_id": secret, "state": secret}}).to_string(),
        json!({"id": "7", "event": "session:refresh", "data": {"token": secret}}).to_string(),
    ];
    let frames: Vec<String> = std::iter::once(hello).chain(wrong).collect();
    answers.push(("frames".to_owned(), server.socket("/ws", None, &frames).await));
    let hello = json!({"id": "1", "event": "session:hello", "data": {"token": secret, "client": {"name": secret, "version": secret}, "resume": [{"conversation_id": NOBODY, "after_rev": 1, "token": secret}]}}).to_string();
    answers.push(("hello".to_owned(), server.socket("/ws", None, &[hello]).await));
    for path in [
        format!("/ws?token={encoded}"),
        format!("/ws?ticket={encoded}"),
        format!("/ws?channel={encoded}"),
        format!("/ws/admin/chat/?token={encoded}"),
        format!("/ws/chat/{encoded}/"),
    ] {
        server.socket(&path, None, &[]).await;
    }
    if !secret.contains('@') {
        server.socket("/ws", Some(secret), &[]).await;
    }
    for (place, text) in answers {
        canaries.look(&format!("the refusal of {place}"), &text);
    }
}
