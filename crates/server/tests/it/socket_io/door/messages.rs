//! Commands and what comes of them.

use super::{Client, begin, customer, put, seller};
use crate::app::{Database, TestApp};
use crate::socket_io::Polling;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// The example of the contract.
const EXAMPLE: &str = r#"["conversation:message",{"conversationId":"conv_123","message":{"id":1763629200123,"sender":"user","text":"Hello!","timestamp":"2026-11-20T09:00:00.000Z","isRead":false,"type":"text"}}]"#;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

on_both! {
    async fn a_message_has_the_shape_that_old_frontends_know(app: TestApp) {
        let token = customer("nadia");
        begin(&app, &token, "conv_123", "mia").await;
        let (mut nadia, mut mia) = (Client::come(&app, &token).await, Client::come(&app, &seller("mia")).await);
        nadia.frames.say(&format!("427{EXAMPLE}")).await;
        let reply = nadia.answer(7).await;
        assert_eq!((&reply["ok"], keys(&reply)), (&json!(true), vec!["data", "ok"]));
        let data = &reply["data"];
        assert_eq!((&data["id"], &data["seq"], &data["duplicate"]), (&json!(1_763_629_200_123_i64), &json!(1), &json!(false)));

        let told = nadia.event("conversation:new-message").await;
        assert_eq!(told, mia.event("conversation:new-message").await, "one frame serves both");
        assert_eq!(keys(&told), ["conversation", "conversationId", "message", "rev"]);
        assert_eq!((&told["conversationId"], &told["rev"]), (&json!("conv_123"), &data["rev"]));
        let message = &told["message"];
        assert_eq!(keys(message), ["id", "isRead", "messageId", "sender", "sentAt", "seq", "text", "timestamp", "type"]);
        let expected = json!({
            "id": 1_763_629_200_123_i64, "messageId": data["messageId"], "seq": 1, "sender": "user", "text": "Hello!", "timestamp": data["createdAt"],
            "sentAt": "2026-11-20T09:00:00.000Z", "isRead": false, "type": "text",
        });
        assert_eq!(message, &expected);
        let conversation = &told["conversation"];
        for (field, value) in [
            ("id", json!("conv_123")),
            ("customerId", json!("nadia@example.com")),
            ("sellerId", json!("mia@example.com")),
            ("messages", json!([message])),
            ("lastMessageAt", data["createdAt"].clone()),
            ("isReadBySeller", json!(false)),
            ("isReadByCustomer", json!(true)),
        ] {
            assert_eq!(conversation[field], value, "{field}");
        }
    }

    async fn both_sides_talk_and_the_same_again_is_stored_once(app: TestApp) {
        let token = customer("nadia");
        begin(&app, &token, "conv_1", "mia").await;
        let (mut nadia, mut mia) = (Client::come(&app, &token).await, Client::come(&app, &seller("mia")).await);
        let first = nadia.say("conv_1", 1, "Is it still there?").await;
        let again = nadia.say("conv_1", 1, "Is it still there?").await;
        assert_eq!((&again["duplicate"], &again["messageId"], &again["seq"]), (&json!(true), &first["messageId"], &first["seq"]));
        let reused = nadia.denied("conversation:message", json!({"conversationId": "conv_1", "message": {"id": 1, "text": "Other words"}})).await;
        assert_eq!((&reused["code"], &reused["retryable"]), (&json!("conflict"), &json!(false)));
        let over_http = put(&app, &token, "conv_1", json!({"id": 1, "text": "Is it still there?"})).await;
        assert_eq!(over_http["message"]["messageId"], first["messageId"]);

        // The other side chooses numbers of its own.
        let answer = mia.say("conv_1", 1, "It is").await;
        assert_eq!((&answer["seq"], &answer["duplicate"]), (&json!(2), &json!(false)));
        for client in [&mut nadia, &mut mia] {
            let texts = [client.event("conversation:new-message").await, client.event("conversation:new-message").await];
            assert_eq!(texts.each_ref().map(|one| one["message"]["text"].clone()), [json!("Is it still there?"), json!("It is")]);
            assert_eq!(texts.each_ref().map(|one| one["message"]["sender"].clone()), [json!("user"), json!("seller")]);
            assert_eq!(texts[1]["conversation"]["messages"].as_array().unwrap().len(), 2);
            client.hears_nothing().await;
        }
    }

    async fn what_is_wrong_is_said(app: TestApp) {
        let token = customer("nadia");
        begin(&app, &token, "conv_1", "mia").await;
        let mut nadia = Client::come(&app, &token).await;
        let message = |message: Value| json!({"conversationId": "conv_1", "message": message});
        for (event, data, code, field) in [
            ("conversation:message", message(json!({"text": "Hello!", "sender": "seller"})), "forbidden", None),
            ("conversation:message", message(json!({"text": "Hello!", "sender": "system"})), "forbidden", None),
            ("conversation:message", message(json!({"text": ""})), "invalid_input", Some("message.text")),
            ("conversation:message", message(json!({"text": "Hello!", "id": "x"})), "invalid_input", Some("message.id")),
            ("conversation:message", message(json!("Hello!")), "invalid_input", Some("message")),
            ("conversation:message", json!({"message": {"text": "Hello!"}}), "invalid_input", Some("conversationId")),
            ("conversation:message", json!(["conv_1", {"text": "Hello!"}]), "invalid_input", None),
            ("conversation:message", json!(null), "invalid_input", None),
            ("conversation:message", json!({"conversationId": "conv_2", "message": {"text": "Hello!"}}), "not_found", None),
            ("conversation:read", json!({"conversationId": "conv_1", "upToSeq": -1}), "invalid_input", Some("upToSeq")),
            ("conversation:read", json!({"conversationId": "conv_1", "upToSeq": "all"}), "invalid_input", Some("upToSeq")),
            ("conversation:read", json!({"conversationId": "\u{0}"}), "not_found", None),
            ("conversation:subscribe", json!({"conversationId": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}), "not_found", None),
            ("conversation:action", json!({"conversationId": "conv_1", "messageId": 1, "action": "accept"}), "not_found", None),
            ("conversation:action", json!({"conversationId": "conv_1", "messageId": 1, "action": "counter"}), "invalid_input", Some("offerPrice")),
            ("conversation:action", json!({"conversationId": "conv_1", "messageId": true, "action": "accept"}), "invalid_input", Some("messageId")),
            ("conversation:typing", json!({"conversationId": "conv_1"}), "unknown_event", None),
            ("session:hello", json!({"token": token}), "unknown_event", None),
        ] {
            let refused = nadia.denied(event, data.clone()).await;
            assert_eq!(refused["code"], code, "{event} {data}: {refused}");
            let named = refused["details"].as_array().unwrap().first().map(|error| error["field"].as_str().unwrap());
            assert_eq!(named, field, "{event} {data}: {refused}");
        }
        nadia.emit("conversation:read", json!({"conversationId": "conv_2"})).await;
        let refused = nadia.event("error").await;
        assert_eq!((&refused["ok"], &refused["error"]["code"]), (&json!(false), &json!("not_found")));
        nadia.emit("ping", json!({})).await;
        nadia.hears_nothing().await;
    }

    async fn bytes_are_understood_and_refused(app: TestApp) {
        let token = customer("nadia");
        begin(&app, &token, "conv_1", "mia").await;
        let mut nadia = Client::come(&app, &token).await;
        nadia.frames.say(r#"451-9["conversation:message",{"_placeholder":true,"num":0}]"#).await;
        nadia.frames.send(Message::binary(vec![1, 2, 3])).await;
        let refused = nadia.answer(9).await;
        assert_eq!((&refused["ok"], &refused["error"]["code"]), (&json!(false), &json!("invalid_input")));
        nadia.say("conv_1", 1, "still here").await;
    }

    async fn commands_are_done_in_their_order(app: TestApp) {
        let token = customer("nadia");
        begin(&app, &token, "conv_1", "mia").await;
        let mut nadia = Client::come(&app, &token).await;
        for n in 1..=100 {
            nadia.begin_asking("conversation:message", json!({"conversationId": "conv_1", "message": {"id": n, "text": format!("message {n}")}})).await;
        }
        for n in 1..=100 {
            assert_eq!(nadia.answer(n).await["data"]["seq"], n);
        }
        for n in 1..=100 {
            let told = nadia.event("conversation:new-message").await;
            assert_eq!((&told["rev"], &told["message"]["seq"]), (&json!(n), &json!(n)));
        }
    }

    async fn a_client_that_polls_has_the_same(app: TestApp) {
        let token = customer("nadia");
        begin(&app, &token, "conv_1", "mia").await;
        let polling = Polling::open(&app).await;
        polling.say(&format!("40{}", json!({"token": token}))).await;
        assert!(polling.poll().await.starts_with("40{"));
        polling.say(&format!("421{}", json!(["conversation:message", {"conversationId": "conv_1", "message": {"id": 1, "text": "polled"}}]))).await;
        let mut packets = Vec::new();
        while packets.len() < 2 {
            packets.extend(polling.poll().await.split('\u{1e}').map(str::to_owned).collect::<Vec<_>>());
        }
        packets.sort();
        assert!(packets[0].starts_with("42[\"conversation:new-message\",{\"conversationId\":\"conv_1\","), "{packets:?}");
        assert!(packets[1].starts_with("431[{\"ok\":true,"), "{packets:?}");
        // After the move to a WebSocket it goes on.
        let mut socket = polling.moved().await;
        put(&app, &seller("mia"), "conv_1", json!({"id": 1, "text": "live"})).await;
        let told = socket.hear().await;
        assert!(told.contains("\"live\""), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_refused_and_far_too_much_ends_the_session() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-visitor-messages=1/3", "--limit-commands=1/5"]).await;
    let token = customer("nadia");
    begin(&app, &token, "conv_1", "mia").await;
    let mut nadia = Client::come(&app, &token).await;
    for n in 1..=3 {
        nadia.say("conv_1", n, "Hello!").await;
    }
    let refused = nadia
        .denied(
            "conversation:message",
            json!({"conversationId": "conv_1", "message": {"id": 4, "text": "Hello!"}}),
        )
        .await;
    assert_eq!((&refused["code"], &refused["retryable"]), (&json!("rate_limited"), &json!(true)));
    assert!((1..=1_001).contains(&refused["retry_after_ms"].as_u64().unwrap()), "{refused}");
    for _ in 0..120 {
        nadia.emit("conversation:read", json!({"conversationId": "conv_1"})).await;
    }
    let last = nadia.last_words().await.pop();
    assert_eq!(last.as_deref(), Some("41"), "it is not to come back by itself");
}
