//! Who may read and write a stored chat, and what agents do with it.

use super::{CHAT, Desk, NOBODY, chat_of_visitor, conversation_of, data, send, sync, text, whole};
use parlor_domain::agent::Role;
use reqwest::Method;
use serde_json::json;

on_both! {
    async fn a_chat_id_lets_one_write_and_read_nothing(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        let secret = "What nobody else may read";
        send(&app, CHAT, json!({"role": "user", "message": secret, "visitor_id": key})).send().await.expect(201);
        let stranger = app.visitor().await;
        for token in [None, Some(CHAT), Some(stranger.as_str()), Some(NOBODY)] {
            for path in [
                format!("/api/public/chat-rooms/{CHAT}/"),
                format!("/api/public/chat-rooms/{CHAT}/get_messages/"),
                format!("/api/public/chat-rooms/?visitor_id={CHAT}"),
                format!("/api/chats/visitors/{CHAT}/"),
                format!("/api/chats/messages/?session_id={CHAT}"),
                format!("/api/admin/chat-rooms/{CHAT}/messages/"),
                "/api/debug/users-chats/".to_owned(),
            ] {
                let call = app.get(&path);
                let answer = match token {
                    Some(token) => call.bearer(token).send().await,
                    None => call.send().await,
                };
                assert!(answer.status >= 400, "{path} {token:?}: {}", answer.text);
                assert!(!answer.text.contains(secret));
            }
        }
        for answer in [
            send(&app, CHAT, json!({"role": "user", "message": "x"})).send().await,
            sync(&app, CHAT, whole(&["u y"])).send().await,
        ] {
            assert!(!answer.text.contains(secret) && !answer.text.contains(&key), "{}", answer.text);
        }
        let seen = app.http.get(format!("{}/api/users/chats/{CHAT}/send/", app.url)).send().await.unwrap();
        assert_eq!(seen.status(), 405);
    }

    async fn another_visitors_proof_opens_no_chat(app: TestApp) {
        chat_of_visitor(&app, CHAT).await;
        let other = app.visitor().await;
        send(&app, CHAT, json!({"role": "user", "message": "Hello", "visitor_id": other})).send().await.problem(404, "not_found");
        send(&app, CHAT, json!({"role": "assistant", "message": "Hello"})).bearer(&other).send().await.problem(404, "not_found");
        sync(&app, CHAT, whole(&["u Hello"])).bearer(&other).send().await.problem(404, "not_found");
        let (agent, _) = app.agent("ben@example.com", Role::Owner).await;
        send(&app, CHAT, json!({"role": "user", "message": "Hello"})).bearer(&agent).send().await.problem(403, "forbidden");
        let (room, visitor) = app.room().await;
        send(&app, &room, json!({"role": "user", "message": "Hello", "visitor_id": visitor})).send().await.problem(404, "not_found");
        assert!(Desk::open(&app).await.messages(CHAT).await.is_empty());
    }

    async fn a_room_key_cannot_be_caught_by_a_chat_of_that_name(app: TestApp) {
        let made = data(&app, json!({"name": "Nadia"})).send().await.expect(201);
        let chat = text(&made["data"]["chat_id"]);
        let mallory = app.visitor().await;
        data(&app, json!({"chat_id": chat, "visitor_id": mallory})).send().await.problem(404, "not_found");
        send(&app, &chat, json!({"role": "user", "message": "Hello", "visitor_id": mallory})).send().await.problem(404, "not_found");
        send(&app, &chat.to_uppercase(), json!({"role": "user", "message": "Hello"})).send().await.expect(201);
        assert_eq!(Desk::open(&app).await.lines(&chat).await, ["visitor! Hello"]);
    }

    async fn an_agent_answers_like_anywhere(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        let desk = Desk::open(&app).await;
        send(&app, CHAT, json!({"role": "user", "message": "Hello", "visitor_id": key})).send().await.expect(201);
        send(&app, CHAT, json!({"role": "assistant", "message": "Hi from the page"})).send().await.expect(201);
        let listed = app.get("/api/admin/chat-rooms/?kind=stored").bearer(&desk.token).send().await.expect(200);
        let row = &listed["results"][0];
        assert_eq!((&row["kind"], &row["handled_by"], &row["unread_count"], &row["customer_email"]), (&json!("stored"), &json!("queue"), &json!(1), &json!("nadia@example.com")));
        let id = conversation_of(&app, CHAT).await;
        let path = |tail: &str| format!("/api/admin/chat-rooms/{id}/{tail}");
        app.post(&path("send_message/")).bearer(&desk.token).json(json!({"message": "A person now"})).send().await.expect(201);
        app.post(&path("send_message/")).bearer(&desk.token).json(json!({"message": "A note", "private": true})).send().await.expect(201);
        app.post(&path("status/")).bearer(&desk.token).json(json!({"status": "resolved"})).send().await.expect(200);
        app.post(&path("hand_to_assistant/")).bearer(&desk.token).send().await.problem(409, "conflict");
        let rooms = app.get(&format!("/api/public/chat-rooms/?visitor_id={key}")).send().await.expect(200);
        let room = text(&rooms["results"][0]["id"]);
        let read = app.get(&format!("/api/public/chat-rooms/{room}/get_messages/")).send().await.expect(200);
        let said: Vec<String> = read["results"].as_array().unwrap().iter().map(|message| text(&message["text"])).collect();
        assert_eq!(said, ["Hello", "Hi from the page", "A person now"]);
        sync(&app, CHAT, whole(&["u Hello", "a Hi from the page", "u Thanks"])).send().await.expect(201);
        let after = app.get(&path("")).bearer(&desk.token).send().await.expect(200);
        assert_eq!((&after["status"], &after["handled_by"]), (&json!("open"), &json!("agent")), "a visitor who writes opens it again");
        app.call(Method::DELETE, &path("")).bearer(&desk.token).send().await.expect(204);
        send(&app, CHAT, json!({"role": "user", "message": "Still there?"})).send().await.problem(404, "not_found");
        data(&app, json!({"chat_id": CHAT, "visitor_id": key})).send().await.problem(404, "not_found");
    }

    async fn each_workspace_has_its_own_names(app: TestApp) {
        chat_of_visitor(&app, CHAT).await;
        let (away, channel) = app.state().workspaces.create(parlor_domain::text::Name::parse("away").unwrap()).await.unwrap();
        // Channels are known for five seconds.
        app.clock.advance(std::time::Duration::from_secs(6));
        let made = data(&app, json!({"name": "Omar", "chat_id": CHAT, "channel": channel.id.to_string()})).send().await.expect(201);
        let path = format!("/api/users/chats/{CHAT}/send/?channel={}", channel.id);
        app.post(&path).json(json!({"role": "user", "message": "Away"})).send().await.expect(201);
        send(&app, CHAT, json!({"role": "user", "message": "Away, too", "visitor_id": made["data"]["visitor_id"]})).send().await.expect(201);
        send(&app, CHAT, json!({"role": "user", "message": "Home"})).send().await.expect(201);
        let desk = Desk::open(&app).await;
        assert_eq!(desk.lines(CHAT).await, ["visitor! Home"]);
        let (token, _) = app.agent_in(away.id, "zoe@example.com", Role::Agent).await;
        let there = app.get("/api/debug/users-chats/").bearer(&token).send().await.expect(200);
        assert_eq!((&there["data"][0]["name"], &there["data"][0]["chats"][0]["message_count"]), (&json!("Omar"), &json!(2)));
        assert_eq!(there["data"].as_array().unwrap().len(), 1);
    }

    async fn the_channel_may_stand_in_the_body(app: TestApp) {
        let (away, channel) = app.state().workspaces.create(parlor_domain::text::Name::parse("away").unwrap()).await.unwrap();
        // Channels are known for five seconds.
        app.clock.advance(std::time::Duration::from_secs(6));
        let channel = channel.id.to_string();
        send(&app, CHAT, json!({"role": "user", "message": "Home", "channel": ""})).send().await.expect(201);
        let made = send(&app, CHAT, json!({"role": "user", "message": "Away", "channel": channel})).send().await.expect(201);
        assert!(made["data"]["visitor_id"].is_string(), "there the chat is a new one");
        sync(&app, CHAT, json!({"messages": [{"role": "user", "content": "Away"}, {"role": "user", "content": "By sync"}], "channel": channel})).send().await.expect(201);
        sync(&app, "chat-of-a-beacon-away", json!({"messages": [{"role": "user", "content": "Inside", "channel": channel}]})).send().await.expect(201);
        let two = json!({"messages": [{"role": "user", "content": "x", "channel": channel}, {"role": "user", "content": "y", "channel": NOBODY}]});
        let problem = sync(&app, CHAT, two).send().await.problem(400, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "messages[1].channel");
        for body in [json!({"role": "user", "message": "x", "channel": NOBODY}), json!({"role": "user", "message": "x", "channel": "shop"})] {
            send(&app, CHAT, body.clone()).send().await.problem(404, "not_found");
            sync(&app, CHAT, body).send().await.problem(404, "not_found");
        }
        assert_eq!(Desk::open(&app).await.lines(CHAT).await, ["visitor! Home"]);
        let (token, _) = app.agent_in(away.id, "zoe@example.com", Role::Agent).await;
        let there = app.get("/api/debug/users-chats/").bearer(&token).send().await.expect(200);
        let said: Vec<String> = there["data"].as_array().unwrap().iter().flat_map(|user| user["chats"][0]["messages"].as_array().unwrap()).map(|message| text(&message["content"])).collect();
        assert_eq!(said, ["Inside", "Away", "By sync"]);
    }
}
