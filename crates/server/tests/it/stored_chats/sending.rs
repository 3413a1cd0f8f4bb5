//! One message after the other, as it is said.

use super::{CHAT, Desk, NOBODY, chat_of_visitor, data, message, send, sync, text};
use serde_json::{Value, json};

on_both! {
    async fn what_is_proven_is_the_visitors_and_all_else_reported(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        let desk = Desk::open(&app).await;
        let proven = send(&app, CHAT, json!({"role": "user", "message": "Mine", "visitor_id": key})).send().await.expect(201);
        assert_eq!((&proven["success"], &proven["data"]["chat_id"], &proven["data"]["seq"]), (&json!(true), &json!(CHAT), &json!(1)));
        assert!(proven["data"].get("visitor_id").is_none(), "a key is told once");
        send(&app, CHAT, json!({"role": "user", "content": "By Bearer"})).bearer(&key).send().await.expect(201);
        send(&app, CHAT, json!({"role": "user", "message": "Somebody's"})).send().await.expect(201);
        send(&app, CHAT, json!({"role": "assistant", "message": "The page's", "visitor_id": key})).send().await.expect(201);
        app.post(&format!("/api/chats/{CHAT}/send/")).json(json!({"role": "assistant", "message": "By the old path"})).send().await.expect(201);
        assert_eq!(desk.lines(CHAT).await, ["visitor Mine", "visitor By Bearer", "visitor! Somebody's", "assistant! The page's", "assistant! By the old path"]);
        let messages = desk.messages(CHAT).await;
        assert_eq!(text(&messages[0]["id"]), text(&proven["data"]["message_id"]));
        assert_eq!((&messages[2]["sender"]["name"], &messages[3]["sender"]["name"], &messages[3]["sender"]["id"]), (&json!("Nadia"), &Value::Null, &Value::Null));
    }

    async fn a_long_unknown_id_makes_a_chat(app: TestApp) {
        let desk = Desk::open(&app).await;
        let made = send(&app, CHAT, json!({"role": "user", "message": "Hello"})).send().await.expect(201);
        let key = text(&made["data"]["visitor_id"]);
        let again = send(&app, CHAT, json!({"role": "user", "message": "Me again", "visitor_id": key})).send().await.expect(201);
        assert_eq!(again["data"]["seq"], 2);
        let own = "chat-of-a-known-visitor";
        let sent = send(&app, own, json!({"role": "user", "message": "Hello", "visitor_id": key})).send().await.expect(201);
        assert!(sent["data"].get("visitor_id").is_none());
        send(&app, "tiny", json!({"role": "user", "message": "Hello", "visitor_id": key})).send().await.expect(201);
        assert_eq!(desk.lines(CHAT).await, ["visitor! Hello", "visitor Me again"]);
        assert_eq!(desk.lines("tiny").await, ["visitor Hello"]);
        let rooms = app.get(&format!("/api/public/chat-rooms/?visitor_id={key}")).send().await.expect(200);
        assert_eq!(rooms["results"].as_array().unwrap().len(), 3, "all are the same visitor's");
    }

    async fn a_short_unknown_id_needs_a_visitor(app: TestApp) {
        for chat in ["x", "123456789012345", "%C3%A9%C3%A9"] {
            let problem = send(&app, chat, json!({"role": "user", "message": "Hello"})).send().await.problem(400, "chat_unknown");
            assert!(text(&problem["detail"]).contains("/api/users/data"), "{problem}");
        }
        send(&app, "1234567890123456", json!({"role": "user", "message": "Hello"})).send().await.expect(201);
        data(&app, json!({"chat_id": "x"})).send().await.expect(201);
        send(&app, "x", json!({"role": "user", "message": "Hello"})).send().await.expect(201);
    }

    async fn chat_ids_are_free_texts(app: TestApp) {
        let desk = Desk::open(&app).await;
        for (path, chat) in [("a%2Fb%20c%25d%3Fe%23f%2Bg+h;i=j", "a/b c%d?e#f+g+h;i=j"), ("%E6%97%A5%E6%9C%AC%20chat%20number%2012", "日本 chat number 12"), ("'%20OR%20'1'='1'%20--%20", "' OR '1'='1' -- ")] {
            let sent = send(&app, path, json!({"role": "user", "message": "Hello"})).send().await.expect(201);
            assert_eq!(sent["data"]["chat_id"], chat);
            assert_eq!(desk.lines(chat).await, ["visitor! Hello"]);
            sync(&app, path, json!({"role": "user", "message": "Hello"})).send().await.expect(200);
        }
        for wrong in ["%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00", "aaaaaaaaaaaaaaaaaaaa%0A", "%20", "x".repeat(201).as_str()] {
            let problem = send(&app, wrong, json!({"role": "user", "message": "Hello"})).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], "chat_id");
        }
        send(&app, &"x".repeat(200), json!({"role": "user", "message": "Hello"})).send().await.expect(201);
    }

    async fn a_repeat_is_the_first_message(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        let desk = Desk::open(&app).await;
        let first = send(&app, CHAT, json!({"role": "user", "message": "Hello", "client_id": "1", "visitor_id": key})).send().await.expect(201);
        for repeat in [json!({"role": "user", "message": "Hello", "client_id": "1", "visitor_id": key}), json!({"role": "user", "content": "Hello", "client_id": "1"})] {
            assert_eq!(send(&app, CHAT, repeat).send().await.expect(200), first);
        }
        let by_header = send(&app, CHAT, json!({"role": "user", "message": "Hello"})).header("idempotency-key", "1").send().await.expect(200);
        assert_eq!(by_header, first);
        send(&app, CHAT, json!({"role": "user", "message": "Other", "client_id": "1"})).send().await.problem(409, "conflict");
        send(&app, CHAT, json!({"role": "assistant", "message": "Hello", "client_id": "1"})).send().await.problem(409, "conflict");
        for _ in 0..2 {
            send(&app, CHAT, json!({"role": "user", "message": "Hello"})).send().await.expect(201);
        }
        assert_eq!(desk.lines(CHAT).await.len(), 3, "without a client id what is said twice is two messages");
    }

    async fn an_idempotency_key_that_cannot_be_read_is_refused(app: TestApp) {
        for key in ["é", "x".repeat(65).as_str()] {
            let problem = send(&app, CHAT, json!({"role": "user", "message": "Hello"})).header("idempotency-key", key).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
        }
        let path = format!("/api/chats/{CHAT}/send/");
        app.post(&path).json(json!({"role": "user", "message": "Hello"})).header("idempotency-key", "é").send().await.problem(400, "invalid_input");
    }

    async fn twenty_first_messages_make_one_chat(app: TestApp) {
        let calls = (0..20).map(|number| send(&app, CHAT, message(&format!("u Hello {}/{}", number % 10, number % 10))).send());
        let answers = futures_util::future::join_all(calls).await;
        assert!(answers.iter().all(|answer| answer.status < 300), "{:?}", answers.iter().map(|answer| &answer.text).collect::<Vec<_>>());
        assert_eq!(answers.iter().filter(|answer| answer.body["data"].get("visitor_id").is_some()).count(), 1, "one visitor was made");
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 10);
        assert_eq!(Desk::open(&app).await.lines(CHAT).await.len(), 10);
    }

    async fn times_are_kept_as_they_were_told(app: TestApp) {
        chat_of_visitor(&app, CHAT).await;
        for timestamp in [json!("2025-11-20T10:00:03.120+01:00"), json!(1_763_629_203_120_i64)] {
            send(&app, CHAT, json!({"role": "user", "message": "Hello", "timestamp": timestamp})).send().await.expect(201);
        }
        for message in Desk::open(&app).await.messages(CHAT).await {
            assert_eq!(message["sent_at"], "2025-11-20T09:00:03.120Z");
            assert!(text(&message["created_at"]) > text(&message["sent_at"]));
        }
        for timestamp in [json!("yesterday"), json!(-1), json!(1.5), json!(true), json!("")] {
            let problem = send(&app, CHAT, json!({"role": "user", "message": "Hello", "timestamp": timestamp})).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], "timestamp");
        }
    }

    async fn wrong_messages_are_refused_and_make_no_chat(app: TestApp) {
        for (field, body) in [
            ("role", json!({"role": "agent", "message": "Hello"})),
            ("role", json!({"role": "system", "message": "Hello"})),
            ("role", json!({"message": "Hello"})),
            ("message", json!({"role": "user"})),
            ("message", json!({"role": "user", "message": " ", "content": ""})),
            ("message", json!({"role": "user", "message": "x".repeat(10_001)})),
            ("content", json!({"role": "user", "content": "a\u{0}b"})),
            ("client_id", json!({"role": "user", "message": "Hello", "client_id": "x".repeat(65)})),
        ] {
            let problem = send(&app, CHAT, body).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        }
        let problem = send(&app, CHAT, json!({"role": "agent", "message": "Hello"})).send().await.problem(400, "invalid_input");
        assert!(text(&problem["detail"]).contains("/api/admin/chat-rooms/"), "it says where agents write: {problem}");
        send(&app, CHAT, json!({"role": "user", "message": "Hello", "visitor_id": NOBODY})).send().await.problem(404, "visitor_not_found");
        let workspace = app.state().workspaces.list().await.unwrap()[0].id;
        let chat = parlor_domain::conversation::ChatRef::parse(CHAT).unwrap();
        assert!(app.state().conversations.find_stored_chat(workspace, &chat, None).await.unwrap().is_none());
    }
}
