//! A room is made, once.

use super::{Desk, NOBODY, ROOMS, keys, read, room_of, send, text, texts};
use crate::app::{Database, TestApp, host_token};
use crate::chats::stored;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

const ROOM_FIELDS: [&str; 13] = [
    "created_at",
    "customer_email",
    "customer_name",
    "handled_by",
    "head_rev",
    "head_seq",
    "id",
    "last_message",
    "last_message_at",
    "status",
    "subject",
    "unread_count",
    "updated_at",
];

on_both! {
    async fn a_stranger_makes_a_room_and_gets_both_keys(app: TestApp) {
        let body = json!({"customer_name": "Nadia", "customer_email": "Nadia@example.com", "subject": "Order 1042", "metadata": {"page": "/"}, "sender": "agent"});
        let made = app.post(ROOMS).json(body).send().await.expect(201);
        let mut fields = ROOM_FIELDS.to_vec();
        fields.push("visitor_id");
        assert_eq!(keys(&made), fields);
        assert_eq!((&made["customer_name"], &made["customer_email"], &made["subject"]), (&json!("Nadia"), &json!("nadia@example.com"), &json!("Order 1042")));
        assert_eq!((&made["status"], &made["handled_by"], &made["unread_count"]), (&json!("open"), &json!("human"), &json!(0)));
        assert_eq!((&made["last_message"], &made["head_seq"], &made["head_rev"]), (&Value::Null, &json!(0), &json!(0)));
        assert_eq!(made["last_message_at"], made["created_at"], "until a message comes");
        let (room, visitor) = (text(&made["id"]), text(&made["visitor_id"]));
        assert_eq!((Uuid::parse_str(&room).unwrap().get_version_num(), Uuid::parse_str(&visitor).unwrap().get_version_num()), (4, 4));
        assert!(!stored(&app, &visitor).await.is_verified() && !stored(&app, &visitor).await.email.unwrap().verified, "what is typed is a claim");
        let mut read = room_of(&app, &room).await;
        assert_eq!(keys(&read), ROOM_FIELDS);
        read["visitor_id"] = json!(visitor);
        assert_eq!(read, made);
        app.get(&format!("/api/chats/visitors/{visitor}/validate/")).send().await.expect(200);
        app.post("/api/public/chat-rooms").send().await.expect(201);
        app.post("/api/public/chat-rooms").json(json!({})).send().await.expect(201);
    }

    async fn a_room_may_begin_with_a_message(app: TestApp) {
        let made = app.post(ROOMS).json(json!({"message": "Is it  still\navailable?", "client_id": "m1"})).send().await.expect(201);
        assert_eq!((&made["head_seq"], &made["head_rev"], &made["last_message"]), (&json!(1), &json!(1), &json!("Is it still available?")));
        let room = text(&made["id"]);
        let page = read(&app, &room, "").await;
        assert_eq!(texts(&page), ["Is it  still\navailable?"], "the text is kept as received");
        let again = send(&app, &room, json!({"message": "Is it  still\navailable?", "client_id": "m1"})).await.expect(200);
        assert_eq!(again["id"], page["results"][0]["id"], "the first message has its client id");
        send(&app, &room, json!({"message": "Other", "client_id": "m1"})).await.problem(409, "conflict");
        app.post(ROOMS).json(json!({"message": "x".repeat(10_001)})).send().await.problem(400, "invalid_input");
        app.post(ROOMS).json(json!({"message": "a", "client_id": "k".repeat(65)})).send().await.problem(400, "invalid_input");
    }

    async fn a_known_visitor_makes_further_rooms(app: TestApp) {
        let visitor = app.visitor().await;
        let made = app.post(ROOMS).json(json!({"visitor_id": visitor, "customer_email": "nadia@example.com", "message": "Hello"})).send().await.expect(201);
        assert_eq!((&made["visitor_id"], &made["customer_name"], &made["customer_email"]), (&json!(visitor), &json!("Nadia"), &json!("nadia@example.com")));
        let profile = app.get(&format!("/api/chats/visitors/{visitor}/")).send().await.expect(200);
        assert_eq!(profile["data"]["email"], "nadia@example.com", "what is typed now is taken over");
        let by_bearer = app.post(ROOMS).bearer(&visitor).json(json!({"message": "Again"})).send().await.expect(201);
        assert_eq!(by_bearer["visitor_id"], json!(visitor));
        assert_eq!(app.get(&format!("{ROOMS}?visitor_id={visitor}")).send().await.expect(200)["results"].as_array().unwrap().len(), 2);
        for unknown in [NOBODY, "nonsense"] {
            app.post(ROOMS).json(json!({"visitor_id": unknown})).send().await.problem(404, "visitor_not_found");
        }
        app.post(ROOMS).bearer(NOBODY).json(json!({})).send().await.problem(401, "unauthenticated");
        app.post(ROOMS).json(json!({"channel": NOBODY})).send().await.problem(404, "not_found");
        app.post(ROOMS).json(json!({"channel": NOBODY, "visitor_id": visitor})).send().await.problem(404, "not_found");
        let customer = app.post(ROOMS).bearer(&host_token(json!({"sub": "user-17"}))).json(json!({"message": "Hello"})).send().await.expect(201);
        assert_eq!(customer["visitor_id"], Value::Null, "a customer without a key has no key to be told");
        let desk = Desk::open(&app).await;
        app.post(ROOMS).bearer(&desk.token).json(json!({})).send().await.problem(403, "forbidden");
    }

    async fn a_room_with_an_idempotency_key_is_made_once(app: TestApp) {
        let make = async |key: &str, body: Value| app.post(ROOMS).header("idempotency-key", key).json(body).send().await;
        let body = json!({"customer_name": "Nadia", "message": "Hello", "client_id": "m1"});
        let first = make("k1", body.clone()).await.expect(201);
        let again = make("k1", body.clone()).await.expect(200);
        assert_eq!((&again["id"], &again["visitor_id"]), (&first["id"], &first["visitor_id"]), "the new visitor's key is told again");
        assert_eq!(again["head_seq"], 1, "the message is stored once");
        make("k1", json!({"message": "Other"})).await.problem(409, "conflict");
        assert_ne!(make("k2", body.clone()).await.expect(201)["id"], first["id"]);
        let visitor = app.visitor().await;
        let own = json!({"visitor_id": visitor, "message": "Hello", "client_id": "m1"});
        let first_own = make("k1", own.clone()).await.expect(201);
        assert_ne!(first_own["id"], first["id"], "each caller has its own keys");
        let again = make("k1", own.clone()).await.expect(200);
        assert_eq!((&again["id"], &again["visitor_id"]), (&first_own["id"], &json!(visitor)));
        assert_eq!(texts(&read(&app, &text(&again["id"]), "").await), ["Hello"]);
        app.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
        assert_ne!(make("k1", own).await.expect(201)["id"], first_own["id"], "remembered for 24 hours");
        assert_eq!(make("", json!({})).await.problem(400, "invalid_input")["errors"][0]["field"], "Idempotency-Key");
    }

    async fn the_same_room_at_the_same_moment_is_made_once(app: TestApp) {
        let visitor = app.visitor().await;
        for body in [json!({"visitor_id": visitor, "message": "Hello", "client_id": "m1"}), json!({"message": "Hello", "customer_name": "Nadia"})] {
            let answers = join_all((0..8).map(|_| app.post(ROOMS).header("idempotency-key", "same").json(body.clone()).send())).await;
            let created = answers.iter().filter(|answer| answer.status == 201).count();
            let mut made: Vec<_> = answers.iter().map(|answer| (text(&answer.body["id"]), text(&answer.body["visitor_id"]), answer.body["head_seq"].clone())).collect();
            made.dedup();
            assert_eq!((created, made.len()), (1, 1), "{made:?}");
            assert_eq!(texts(&read(&app, &made[0].0, "").await), ["Hello"]);
        }
        assert_eq!(app.get(&format!("{ROOMS}?visitor_id={visitor}")).send().await.expect(200)["results"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rooms_of_one_address_are_limited_and_their_new_visitors_too() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-visitors=2", "--limit-conversations=3"]).await;
    let (room, visitor) = app.room().await;
    app.room().await;
    app.post(ROOMS).json(json!({})).send().await.problem(429, "rate_limited");
    let refused = app.post(ROOMS).json(json!({"visitor_id": visitor})).send().await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    refused.problem(429, "rate_limited");
    app.say(&room, "What exists goes on").await;
}
