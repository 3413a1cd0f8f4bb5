//! Typing, marks, presence, viewing, pages (realtime contract, sections 6 and 7).

use crate::socket::{hello, open};
use parlor_domain::agent::Role;
use serde_json::{Value, json};
use std::time::Duration;

fn named<'a>(frames: &'a [Value], name: &str) -> Vec<&'a Value> {
    frames.iter().filter(|frame| frame["event"] == name).collect()
}

on_both! {
    async fn typing_reaches_the_others_only(app: TestApp) {
        let (room, key) = app.room().await;
        let id = app.conversation_id(&room).await;
        let (access, agent) = app.agent("ada@example.com", Role::Agent).await;
        let (other, _) = app.agent("bob@example.com", Role::Agent).await;
        let (mut visitor, session) = hello(&app, &key).await;
        let (mut tab, _) = hello(&app, &key).await;
        let (mut ada, _) = hello(&app, &access).await;
        let (mut bob, _) = hello(&app, &other).await;
        visitor.done("conversation:subscribe", json!({"conversation_id": room})).await;
        tab.done("conversation:subscribe", json!({"conversation_id": room})).await;
        ada.done("conversation:subscribe", json!({"conversation_id": id})).await;
        bob.done("conversation:subscribe", json!({"conversation_id": id})).await;

        visitor.done("conversation:typing", json!({"conversation_id": room, "state": "start"})).await;
        let typing = ada.event("conversation:typing").await;
        assert_eq!((&typing["conversation_id"], &typing["data"]["state"], typing.get("rev")), (&json!(id), &json!("start"), None));
        assert_eq!(typing["data"]["sender"]["id"], session["identity"]["id"]);
        ada.done("conversation:typing", json!({"conversation_id": id, "state": "stop"})).await;
        let typing = visitor.event("conversation:typing").await;
        assert_eq!((&typing["conversation_id"], &typing["data"]["sender"]["id"], &typing["data"]["state"]), (&json!(room), &json!(agent), &json!("stop")));
        ada.done("conversation:typing", json!({"conversation_id": id, "state": "start", "private": true})).await;
        assert_eq!(named(&bob.so_far().await, "conversation:typing").len(), 3);
        for (socket, expected) in [(&mut visitor, 0), (&mut tab, 1), (&mut ada, 0)] {
            assert_eq!(named(&socket.so_far().await, "conversation:typing").len(), expected);
        }
        assert_eq!(visitor.denied("conversation:typing", json!({"conversation_id": room, "state": "start", "private": true})).await, "forbidden");
    }

    async fn marks_go_forward_are_capped_and_told_to_both_sides(app: TestApp) {
        let (room, key) = app.room().await;
        let id = app.conversation_id(&room).await;
        let (access, agent) = app.agent("ada@example.com", Role::Agent).await;
        for n in 0..3 {
            app.say(&room, &format!("{n}")).await;
        }
        let (mut visitor, _) = hello(&app, &key).await;
        let (mut ada, _) = hello(&app, &access).await;
        visitor.done("conversation:subscribe", json!({"conversation_id": room})).await;
        let start = ada.done("conversation:subscribe", json!({"conversation_id": id})).await;
        assert_eq!((&start["read"], &start["online"]["visitor"]), (&json!({"visitor": 3, "team": 0, "me": 0}), &json!(true)));

        let reply = ada.done("conversation:read", json!({"conversation_id": id, "up_to_seq": 2})).await;
        assert_eq!(reply, json!({"unread_count": 1, "my_unread_count": 1}));
        let read = visitor.event("conversation:read").await;
        assert_eq!((&read["data"]["up_to_seq"], &read["data"]["by"], read["data"].get("agent_id"), read.get("rev")), (&json!(2), &json!("agent"), None, None));
        assert_eq!(ada.event("conversation:read").await["data"]["agent_id"], agent.as_str(), "one event for all tabs");
        let reply = ada.done("conversation:read", json!({"conversation_id": id, "up_to_seq": 1})).await;
        assert_eq!(reply["unread_count"], 1, "never back");
        let reply = ada.done("conversation:read", json!({"conversation_id": id, "up_to_seq": 99})).await;
        assert_eq!(reply, json!({"unread_count": 0, "my_unread_count": 0}));
        assert_eq!(visitor.event("conversation:read").await["data"]["up_to_seq"], 3, "capped at the head");

        ada.say(&id, "a-1", "answer").await;
        let reply = visitor.done("conversation:delivered", json!({"conversation_id": room, "up_to_seq": 4})).await;
        assert_eq!(reply, json!({"up_to_seq": 4}));
        assert_eq!(ada.event("conversation:delivered").await["data"], json!({"up_to_seq": 4, "by": "visitor"}));
        let reply = visitor.done("conversation:read", json!({"conversation_id": room, "up_to_seq": 4})).await;
        assert_eq!(reply, json!({"unread_count": 0}));
        assert_eq!(ada.event("conversation:read").await["data"]["by"], "visitor");
        let stored = ada.done("conversation:subscribe", json!({"conversation_id": id})).await;
        assert_eq!((&stored["read"], &stored["delivered"]["visitor"]), (&json!({"visitor": 4, "team": 4, "me": 4}), &json!(4)));
        assert_eq!(ada.denied("conversation:read", json!({"conversation_id": id, "up_to_seq": -1})).await, "invalid_input");
    }

    async fn agents_see_who_is_there_and_visitors_whether_anybody_is(app: TestApp) {
        let (room, key) = app.room().await;
        let (access, agent) = app.agent("ada@example.com", Role::Agent).await;
        let (other, _) = app.agent("bob@example.com", Role::Agent).await;
        let (mut visitor, session) = hello(&app, &key).await;
        let alone = visitor.done("conversation:subscribe", json!({"conversation_id": room})).await;
        assert_eq!(alone["online"], json!({"visitor": true, "agents": 0}));
        let (mut ada, _) = hello(&app, &access).await;
        let told = visitor.event("presence:changed").await;
        assert_eq!((&told["data"]["kind"], &told["data"]["id"], &told["data"]["online"]), (&json!("agent"), &Value::Null, &json!(true)));
        let (mut bob, _) = hello(&app, &other).await;
        ada.done("presence:set", json!({"status": "away"})).await;
        let told = bob.event("presence:changed").await;
        let told = if told["data"]["id"] == agent.as_str() { told } else { bob.event("presence:changed").await };
        assert_eq!((&told["data"]["id"], &told["data"]["status"]), (&json!(agent), &json!("away")));
        assert!(named(&visitor.so_far().await, "presence:changed").is_empty(), "visitors are not told who");

        // A page change does not flicker.
        visitor.stream.close(None).await.unwrap();
        let (visitor, _) = hello(&app, &key).await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert!(named(&ada.so_far().await, "presence:changed").iter().all(|frame| frame["data"]["id"] != session["identity"]["id"]));
        drop(visitor);
        loop {
            let told = ada.event("presence:changed").await;
            if told["data"]["id"] == session["identity"]["id"] {
                assert_eq!((&told["data"]["kind"], &told["data"]["online"]), (&json!("visitor"), &json!(false)));
                break;
            }
        }
    }

    async fn agents_see_who_else_looks_and_which_page_the_visitor_is_on(app: TestApp) {
        let (room, key) = app.room().await;
        let id = app.conversation_id(&room).await;
        let (access, agent) = app.agent("ada@example.com", Role::Agent).await;
        let (other, _) = app.agent("bob@example.com", Role::Agent).await;
        let (mut visitor, session) = hello(&app, &key).await;
        let (mut ada, _) = hello(&app, &access).await;
        let (mut bob, _) = hello(&app, &other).await;
        visitor.done("conversation:subscribe", json!({"conversation_id": room})).await;
        bob.done("conversation:subscribe", json!({"conversation_id": id})).await;
        ada.done("conversation:viewing", json!({"conversation_id": id, "state": "start"})).await;
        let seen = bob.event("conversation:viewing").await;
        assert_eq!((&seen["data"]["state"], &seen["data"]["agent"]["id"]), (&json!("start"), &json!(agent)));
        drop(ada);
        assert_eq!(bob.event("conversation:viewing").await["data"]["state"], "stop", "who goes has nothing open");

        visitor.done("visitor:page", json!({"url": "https://shop.example.com/bikes/42", "title": "City bike"})).await;
        let page = bob.event("visitor:page").await;
        assert_eq!(page["data"], json!({"visitor_id": session["identity"]["id"], "url": "https://shop.example.com/bikes/42", "title": "City bike"}));
        assert_eq!(visitor.denied("visitor:page", json!({"url": "https://shop.example.com/"})).await, "rate_limited");
        assert_eq!(visitor.denied("visitor:page", json!({"url": "javascript:alert(1)"})).await, "invalid_input");
        assert!(named(&visitor.so_far().await, "conversation:viewing").is_empty());
    }

    async fn the_list_follows_a_channel_or_all(app: TestApp) {
        let (access, _) = app.agent("ada@example.com", Role::Agent).await;
        let (room, _) = app.room().await;
        let channel = app.state().channels.all().await.unwrap()[0].id.to_string();
        let (mut all, _) = hello(&app, &access).await;
        let (mut one, _) = hello(&app, &access).await;
        let (mut none, _) = hello(&app, &access).await;
        all.done("inbox:subscribe", json!({})).await;
        one.done("inbox:subscribe", json!({"channel_id": channel})).await;
        none.done("inbox:subscribe", json!({})).await;
        none.done("inbox:unsubscribe", json!({})).await;
        app.say(&room, "hello").await;
        for socket in [&mut all, &mut one] {
            let row = socket.event("inbox:conversation-updated").await;
            assert_eq!((&row["data"]["channel_id"], &row["data"]["unread_count"], row.get("rev")), (&json!(channel), &json!(1), None));
        }
        assert!(named(&none.so_far().await, "inbox:conversation-updated").is_empty());
    }

    async fn a_ping_is_answered_at_once(app: TestApp) {
        let (room, _) = app.room().await;
        let mut socket = open(&app, &format!("/ws/chat/{room}")).await;
        socket.event("session:welcome").await;
        socket.send(json!({"event": "ping"})).await;
        assert_eq!(socket.frame().await, json!({"event": "pong"}));
        // The server pings by itself when it hears nothing.
        let start = std::time::Instant::now();
        loop {
            match tokio::time::timeout(Duration::from_secs(30), futures_util::StreamExt::next(&mut socket.stream)).await.unwrap() {
                Some(Ok(tokio_tungstenite::tungstenite::Message::Ping(_))) => break,
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(start.elapsed() >= Duration::from_secs(15));
    }
}
