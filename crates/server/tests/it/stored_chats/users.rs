//! The agents' list of visitors with stored chats.

use super::{Desk, conversation_of, data, send, sync, text, whole};
use serde_json::{Value, json};

on_both! {
    async fn visitors_are_listed_with_their_chats(app: TestApp) {
        let desk = Desk::open(&app).await;
        assert_eq!(desk.users_chats("").await, json!({"success": true, "data": [], "next": null}));
        let nadia = data(&app, json!({"name": "Nadia", "email": "nadia@example.com", "chat_id": "first-chat-of-nadia"})).send().await.expect(201);
        let key = text(&nadia["data"]["visitor_id"]);
        data(&app, json!({"name": "Empty", "chat_id": "chat-without-a-word"})).send().await.expect(201);
        let (room, _) = app.room().await;
        app.say(&room, "Of another family").await;
        send(&app, "first-chat-of-nadia", json!({"role": "user", "message": "Hello", "timestamp": "2025-11-20T09:00:03Z", "visitor_id": key})).send().await.expect(201);
        sync(&app, "chat-of-a-stranger", whole(&["u Anybody?"])).send().await.expect(201);
        send(&app, "second-chat", json!({"role": "assistant", "message": "How can I help?", "visitor_id": key})).send().await.expect(201);
        let first = conversation_of(&app, "first-chat-of-nadia").await;
        app.clock.advance(std::time::Duration::from_secs(1));
        app.post(&format!("/api/admin/chat-rooms/{first}/send_message/")).bearer(&desk.token).json(json!({"message": "A person"})).send().await.expect(201);
        app.post(&format!("/api/admin/chat-rooms/{first}/send_message/")).bearer(&desk.token).json(json!({"message": "A note", "private": true})).send().await.expect(201);

        let users = desk.users_chats("").await["data"].clone();
        let names: Vec<&Value> = users.as_array().unwrap().iter().map(|user| &user["name"]).collect();
        assert_eq!(names, [&json!("Nadia"), &Value::Null]);
        let user = &users[0];
        assert_eq!((&user["email"], &user["ip"], &user["location"]), (&json!("nadia@example.com"), &json!("127.0.0.1"), &Value::Null));
        let visitor = app.state().visitors.authenticate(key.parse().unwrap()).await.unwrap();
        assert_eq!(text(&user["user_id"]), visitor.id.to_string());
        assert_eq!(text(&user["created_at"]), visitor.created_at.to_rfc3339());
        let chat = &user["chats"][0];
        assert_eq!((&chat["chat_id"], &chat["message_count"], &chat["last_message"]), (&json!(first), &json!(2), &json!("A person")));
        assert_eq!(chat["messages"][0], json!({"role": "user", "content": "Hello", "timestamp": "2025-11-20T09:00:03.000Z", "reported": false}));
        assert_eq!((&chat["messages"][1]["role"], &chat["messages"][1]["content"], chat["messages"].as_array().unwrap().len()), (&json!("agent"), &json!("A person"), 2));
        assert_eq!(user["chats"][1]["messages"][0]["role"], "assistant");
        assert_eq!(user["chats"][1]["messages"][0]["reported"], true);
        let all = users.to_string();
        assert!(!all.contains(&key) && !all.contains("first-chat-of-nadia"), "no key is in it: {all}");
    }

    async fn a_page_has_the_newest_hundred_messages_of_each_chat(app: TestApp) {
        let desk = Desk::open(&app).await;
        for chat in ["a-chat-of-many-words-1", "a-chat-of-many-words-2"] {
            let lines: Vec<String> = (1..=130).map(|number| format!("u {chat} {number}")).collect();
            sync(&app, chat, whole(&lines.iter().map(String::as_str).collect::<Vec<_>>())).send().await.expect(201);
            app.clock.advance(std::time::Duration::from_secs(1));
        }
        let page = desk.users_chats("limit=1").await;
        let chat = &page["data"][0]["chats"][0];
        let messages = chat["messages"].as_array().unwrap();
        assert_eq!((&chat["message_count"], messages.len()), (&json!(130), 100));
        assert_eq!((&messages[0]["content"], &messages[99]["content"]), (&json!("a-chat-of-many-words-2 31"), &json!("a-chat-of-many-words-2 130")));
        let next = desk.users_chats(&format!("limit=1&cursor={}", text(&page["next"]))).await;
        assert_eq!(next["data"][0]["chats"][0]["last_message"], "a-chat-of-many-words-1 130");
        assert_eq!(next["next"], Value::Null);
        app.get("/api/debug/users-chats/?limit=0").bearer(&desk.token).send().await.problem(400, "invalid_input");
    }

    async fn a_page_ends_when_it_has_said_enough(app: TestApp) {
        let desk = Desk::open(&app).await;
        let long = |letter: &str, times: usize| whole(&vec![format!("u {}", letter.repeat(10_000)).as_str(); times]);
        for number in 0..5 {
            sync(&app, &format!("a-chat-of-long-words-{number}"), long("x", 100)).send().await.expect(201);
            app.clock.advance(std::time::Duration::from_secs(1));
        }
        let lengths = |page: &Value| -> Vec<usize> {
            let users = page["data"].as_array().unwrap().iter();
            users.flat_map(|user| user["chats"].as_array().unwrap()).map(|chat| chat["messages"].as_array().unwrap().len()).collect()
        };
        let page = desk.users_chats("").await;
        assert_eq!(lengths(&page), [100; 4], "four MiB are enough for four of them");
        let rest = desk.users_chats(&format!("cursor={}", text(&page["next"]))).await;
        assert_eq!((lengths(&rest), &rest["next"]), (vec![100], &Value::Null));

        // Each letter has four bytes, so 26 messages are a megabyte.
        sync(&app, "a-chat-of-heavy-words", long("🦀", 26)).send().await.expect(201);
        send(&app, "a-chat-of-heavy-words", json!({"role": "user", "message": "🦀".repeat(10_000)})).send().await.expect(201);
        let heavy = desk.users_chats("limit=1").await;
        let chat = &heavy["data"][0]["chats"][0];
        assert_eq!((lengths(&heavy), &chat["message_count"]), (vec![26], &json!(27)));
    }
}
