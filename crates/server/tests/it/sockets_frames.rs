//! Frames, replies and refusals (realtime contract, sections 2, 5 and 8).

use crate::app::{Database, TestApp};
use crate::socket::{Got, hello, open, refused};
use parlor_domain::agent::Role;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

on_both! {
    async fn what_is_no_command_is_refused_and_the_tenth_in_a_minute_closes(app: TestApp) {
        let key = app.visitor().await;
        let (mut socket, _) = hello(&app, &key).await;
        let wrong = ["nonsense", "[]", "7", "null", r#"{"data":{}}"#, r#"{"event":7}"#, r#"{"event":"ping","id":7}"#, r#"{"event":"ping"} x"#];
        for text in wrong {
            socket.send_raw(Message::text(text)).await;
            let error = socket.frame().await;
            assert_eq!((error.get("reply_to"), &error["ok"], &error["error"]["code"]), (None, &json!(false), &json!("invalid_input")), "{text}");
        }
        socket.send_raw(Message::binary(vec![1, 2, 3])).await;
        assert_eq!(socket.frame().await["error"]["code"], "invalid_input");
        assert!(socket.so_far().await.is_empty(), "nine are forgiven");
        socket.send_raw(Message::text("the tenth")).await;
        assert_eq!(socket.closed().await, 4400);
    }

    async fn an_unknown_event_is_refused_and_the_connection_stays(app: TestApp) {
        let key = app.visitor().await;
        let (mut socket, _) = hello(&app, &key).await;
        assert_eq!(socket.denied("conversation:burn", json!({})).await, "unknown_event");
        socket.send(json!({"event": "conversation:burn"})).await;
        assert!(socket.so_far().await.is_empty(), "without an id there is no reply");
        let reply = socket.ask("conversation:read", json!({"conversation_id": "x"})).await;
        assert_eq!((&reply["error"]["code"], &reply["error"]["retryable"]), (&json!("invalid_input"), &json!(false)));
        assert_eq!(reply["error"]["details"][0]["field"], "data.up_to_seq", "{reply}");
        assert_eq!(socket.ask("ping", json!({"more": 1})).await["ok"], true);
    }

    async fn broken_frames_close_with_the_proper_code(app: TestApp) {
        let key = app.visitor().await;
        let (mut large, _) = hello(&app, &key).await;
        large.send(json!({"event": "ping", "data": {"x": "x".repeat(70_000)}})).await;
        assert_eq!(large.closed().await, 1009);
        let (mut at_the_limit, _) = hello(&app, &key).await;
        let frame = format!(r#"{{"event":"ping","id":"1","pad":"{}"}}"#, "x".repeat(65_536 - 35));
        assert!(frame.len() <= 65_536);
        at_the_limit.send_raw(Message::text(frame)).await;
        assert_eq!(at_the_limit.reply("1").await["ok"], true);
        let (mut normal, _) = hello(&app, &key).await;
        normal.stream.close(None).await.unwrap();
        assert!(matches!(normal.receive().await, Got::Close(1000) | Got::Gone));
    }

    async fn a_message_is_stored_once_and_told_to_all(app: TestApp) {
        let (room, key) = app.room().await;
        let (access, agent) = app.agent("ada@example.com", Role::Agent).await;
        let id = app.conversation_id(&room).await;
        let (mut visitor, session) = hello(&app, &key).await;
        let (mut tab, _) = hello(&app, &key).await;
        let (mut ada, _) = hello(&app, &access).await;
        for customer in [&mut visitor, &mut tab] {
            customer.done("conversation:subscribe", json!({"conversation_id": room})).await;
        }
        ada.done("conversation:subscribe", json!({"conversation_id": id})).await;

        let message = json!({"client_id": "w-1", "type": "text", "text": "Is it still available?", "reply_to": null, "attachment_ids": [], "payload": null, "sender": {"kind": "agent"}});
        let sent = visitor.done("conversation:message", json!({"conversation_id": room, "message": message})).await;
        assert_eq!((&sent["seq"], &sent["rev"], &sent["duplicate"]), (&json!(1), &json!(1), &json!(false)));
        for customer in [&mut visitor, &mut tab] {
            let event = customer.event("conversation:new-message").await;
            assert_eq!((&event["conversation_id"], &event["rev"]), (&json!(room), &json!(1)));
            let message = &event["data"]["message"];
            assert_eq!((&message["id"], &message["conversation_id"], &message["seq"]), (&sent["message_id"], &json!(room), &json!(1)));
            assert_eq!((&message["sender"]["kind"], &message["sender"]["id"]), (&json!("visitor"), &session["identity"]["id"]), "the sender follows from the login");
            let conversation = &event["data"]["conversation"];
            assert_eq!((&conversation["id"], &conversation["handled_by"], &conversation["unread"]), (&json!(room), &json!("human"), &json!({"team": 1, "visitor": 0})));
        }
        let event = ada.event("conversation:new-message").await;
        assert_eq!((&event["conversation_id"], &event["data"]["message"]["conversation_id"], &event["data"]["conversation"]["handled_by"]), (&json!(id), &json!(id), &json!("queue")));
        assert!(!event.to_string().contains(&room) && !event.to_string().contains(&key), "no key in an agent's frame");

        let again = tab.say(&room, "w-1", "Is it still available?").await;
        assert_eq!((&again["message_id"], &again["seq"], &again["duplicate"]), (&sent["message_id"], &json!(1), &json!(true)));
        let http = app.post(&format!("/api/public/chat-rooms/{room}/send_message/")).json(json!({"message": "Is it still available?", "client_id": "w-1"})).send().await.expect(200);
        assert_eq!(http["id"], sent["message_id"]);
        let other = json!({"conversation_id": room, "message": {"client_id": "w-1", "text": "something else"}});
        assert_eq!(visitor.denied("conversation:message", other).await, "conflict");
        assert!(ada.so_far().await.iter().all(|frame| frame.get("rev").is_none()), "no second event");

        let answer = ada.done("conversation:message", json!({"conversation_id": id, "message": {"client_id": "a-1", "text": "Yes", "reply_to": sent["message_id"]}})).await;
        assert_eq!(answer["seq"], 2);
        let event = visitor.event("conversation:new-message").await;
        assert_eq!((&event["data"]["message"]["sender"]["id"], &event["data"]["message"]["reply_to"]), (&json!(agent), &sent["message_id"]));
        ada.done("conversation:message", json!({"conversation_id": id, "message": {"client_id": "a-2", "text": "secret", "private": true}})).await;
        assert!(visitor.so_far().await.iter().all(|frame| !frame.to_string().contains("secret")));
    }

    async fn what_a_message_may_not_be_is_named(app: TestApp) {
        let (room, key) = app.room().await;
        let (mut socket, _) = hello(&app, &key).await;
        for (message, field) in [
            (json!({"client_id": "1", "text": " "}), "data.message.text"),
            (json!({"client_id": "1", "text": "x".repeat(10_001)}), "data.message.text"),
            (json!({"client_id": "", "text": "x"}), "data.message.client_id"),
            (json!({"client_id": "x".repeat(65), "text": "x"}), "data.message.client_id"),
            (json!({"client_id": "1", "text": "x", "type": "picture"}), "data.message.type"),
            (json!({"client_id": "1", "text": "x", "type": "offer", "payload": {"offerPrice": -1}}), "data.message.payload.offerPrice"),
            (json!({"client_id": "1", "text": "x", "payload": {}}), "data.message.payload"),
            (json!({"client_id": "1", "text": "x", "attachment_ids": ["a"]}), "data.message.attachment_ids"),
        ] {
            let reply = socket.ask("conversation:message", json!({"conversation_id": room, "message": message})).await;
            let fields: Vec<&str> = reply["error"]["details"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect();
            assert_eq!((&reply["error"]["code"], fields), (&json!("invalid_input"), vec![field]));
        }
        assert_eq!(socket.denied("conversation:message", json!({"conversation_id": room, "message": {"text": "no client id"}})).await, "invalid_input");
        assert_eq!(socket.denied("conversation:message", json!({"conversation_id": room, "message": {"client_id": "1", "text": "x", "private": true}})).await, "forbidden");
        let nowhere = json!({"conversation_id": room, "message": {"client_id": "1", "text": "x", "reply_to": "018f6a3e-5b1c-7000-8000-0000000000c9"}});
        assert_eq!(socket.denied("conversation:message", nowhere).await, "invalid_input");
    }

    async fn what_belongs_to_others_does_not_exist(app: TestApp) {
        let (_, key) = app.room().await;
        let (foreign, _) = app.room().await;
        let foreign_id = app.conversation_id(&foreign).await;
        let (elsewhere, _) = app.state().workspaces.create(parlor_domain::text::Name::parse("Other").unwrap()).await.unwrap();
        let (stranger, _) = app.agent_in(elsewhere.id, "eve@example.com", Role::Owner).await;
        let (mut visitor, _) = hello(&app, &key).await;
        let (mut eve, _) = hello(&app, &stranger).await;
        for (is_visitor, named) in [(true, foreign.as_str()), (true, &foreign_id), (true, "nonsense"), (false, &foreign_id)] {
            let socket = if is_visitor { &mut visitor } else { &mut eve };
            for (event, data) in [
                ("conversation:subscribe", json!({"conversation_id": named})),
                ("conversation:message", json!({"conversation_id": named, "message": {"client_id": "1", "text": "x"}})),
                ("conversation:read", json!({"conversation_id": named, "up_to_seq": 1})),
                ("conversation:delivered", json!({"conversation_id": named, "up_to_seq": 1})),
                ("conversation:typing", json!({"conversation_id": named, "state": "start"})),
            ] {
                assert_eq!(socket.denied(event, data).await, "not_found", "{event} {named}");
            }
        }
        let channel = app.state().channels.all().await.unwrap()[0].id.to_string();
        assert_eq!(eve.denied("inbox:subscribe", json!({"channel_id": channel})).await, "not_found");
        for (event, data) in [
            ("presence:set", json!({"status": "away"})),
            ("inbox:subscribe", json!({})),
            ("conversation:viewing", json!({"conversation_id": foreign, "state": "start"})),
        ] {
            assert_eq!(visitor.denied(event, data).await, "forbidden", "{event}");
        }
        assert_eq!(eve.denied("visitor:page", json!({"url": "https://example.com"})).await, "forbidden");
    }

    async fn commands_keep_their_order(app: TestApp) {
        let (room, key) = app.room().await;
        let (mut socket, _) = hello(&app, &key).await;
        socket.done("conversation:subscribe", json!({"conversation_id": room})).await;
        for n in 0..200 {
            let message = json!({"client_id": format!("m{n}"), "text": format!("message {n}")});
            socket.send(json!({"id": format!("r{n}"), "event": "conversation:message", "data": {"conversation_id": room, "message": message}})).await;
        }
        let (mut replies, mut events) = (Vec::new(), Vec::new());
        while replies.len() < 200 || events.len() < 200 {
            let frame = socket.frame().await;
            if let Some(seq) = frame["data"]["message"]["seq"].as_i64() {
                events.push((seq, frame["rev"].as_i64().unwrap(), frame["data"]["message"]["text"].as_str().unwrap().to_owned()));
            } else if frame.get("reply_to").is_some() {
                replies.push(frame["data"]["seq"].as_i64().unwrap());
            }
        }
        assert_eq!(replies, (1..=200).collect::<Vec<_>>());
        assert_eq!(events, (0..200).map(|n| (n + 1, n + 1, format!("message {n}"))).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_much_is_told_to_slow_down_and_then_closed() {
    let flags = [
        "--limit-visitor-messages=1/3",
        "--limit-commands=5/10",
        "--limit-bytes=65536",
        "--limit-connections=0",
    ];
    let app = TestApp::start_with(Database::Sqlite, &flags).await;
    let (room, key) = app.room().await;
    let (mut socket, _) = hello(&app, &key).await;
    let message = |n: i32| json!({"conversation_id": room, "message": {"client_id": format!("{n}"), "text": "hi"}});
    for n in 0..3 {
        socket.done("conversation:message", message(n)).await;
    }
    let reply = socket.ask("conversation:message", message(3)).await;
    assert_eq!((&reply["error"]["code"], &reply["error"]["retryable"]), (&json!("rate_limited"), &json!(true)));
    let wait = reply["error"]["retry_after_ms"].as_u64().unwrap();
    assert!((1..=1_001).contains(&wait), "{wait}");
    tokio::time::sleep(Duration::from_millis(wait)).await;
    socket.done("conversation:message", message(3)).await;
    for _ in 0..150 {
        socket.send(json!({"event": "ping"})).await;
    }
    assert_eq!(socket.closed().await, 4429);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_bytes_a_second_are_refused() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-commands=0/0", "--limit-bytes=1000", "--limit-connections=0"]).await;
    let (_, key) = app.room().await;
    let (mut socket, _) = hello(&app, &key).await;
    let big = json!({"x": "x".repeat(60_000)});
    assert_eq!(socket.ask("ping", big.clone()).await["ok"], true, "a whole frame fits after a rest");
    assert_eq!(socket.ask("ping", big).await["error"]["code"], "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_pongs_and_fragments_are_not_free() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-commands=0/0", "--limit-bytes=1000", "--limit-connections=0"]).await;
    let (_, key) = app.room().await;
    let part = || Message::Frame(Frame::message(Vec::new(), OpCode::Data(Data::Continue), false));
    let ping = || Message::Ping(Vec::new().into());
    let pong = || Message::Pong(Vec::new().into());
    let frames: [&dyn Fn() -> Message; 3] = [&part, &ping, &pong];
    for frame in frames {
        for logs_in in [true, false] {
            let mut socket = if logs_in { hello(&app, &key).await.0 } else { open(&app, "/ws").await };
            if frame() == part() {
                socket
                    .send_raw(Message::Frame(Frame::message(Vec::new(), OpCode::Data(Data::Text), false)))
                    .await;
            }
            for _ in 0..380 {
                socket.send_raw(frame()).await;
            }
            assert_eq!(socket.closed().await, 4429, "logged in: {logs_in}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_hello_counts_as_a_command() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-commands=1/2", "--limit-connections=0"]).await;
    let (_, key) = app.room().await;
    let (mut socket, _) = hello(&app, &key).await;
    assert_eq!(socket.ask("ping", json!({})).await["ok"], true);
    assert_eq!(socket.ask("ping", json!({})).await["error"]["code"], "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_sockets_of_an_identity_stay() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-visitor-sockets=2", "--limit-connections=0"]).await;
    let (_, key) = app.room().await;
    let (mut oldest, _) = hello(&app, &key).await;
    let (mut second, _) = hello(&app, &key).await;
    let (mut newest, _) = hello(&app, &key).await;
    assert_eq!(oldest.closed().await, 4409);
    assert!(second.so_far().await.is_empty() && newest.so_far().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_opens_so_many_sockets_a_minute() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-connections=3"]).await;
    let (room, _) = app.room().await;
    for _ in 0..3 {
        open(&app, &format!("/ws/chat/{room}")).await;
    }
    let (status, problem) = refused(&app, &format!("/ws/chat/{room}"), &[]).await;
    assert_eq!((status, &problem["code"]), (429, &json!("rate_limited")));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_does_not_read_does_not_delay_the_others() {
    let app = TestApp::start(Database::Sqlite).await;
    let (room, key) = app.room().await;
    let (mut good, _) = hello(&app, &key).await;
    let (mut slow, _) = hello(&app, &key).await;
    let (mut writer, _) = hello(&app, &key).await;
    for socket in [&mut good, &mut slow] {
        socket.done("conversation:subscribe", json!({"conversation_id": room})).await;
    }
    let text = "x".repeat(9_000);
    let reader = tokio::spawn(async move {
        let mut numbers = Vec::new();
        while numbers.len() < 1_500 {
            numbers.push(good.change().await["rev"].as_i64().unwrap());
        }
        numbers
    });
    for n in 0..1_500 {
        writer.say(&room, &format!("m{n}"), &text).await;
    }
    assert_eq!(reader.await.unwrap(), (1..=1_500).collect::<Vec<_>>());
    // The slow one is cut, with the code or without; it missed nothing that it cannot resume.
    let mut last = 0;
    loop {
        match slow.receive().await {
            Got::Frame(frame) => {
                if let Some(rev) = frame["rev"].as_i64() {
                    assert_eq!(rev, last + 1);
                    last = rev;
                }
            }
            Got::Ping => {}
            Got::Close(code) => {
                assert_eq!(code, 4503);
                break;
            }
            Got::Gone => break,
        }
    }
    assert!(last < 1_500);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_its_page_are_served() {
    let app = TestApp::start(Database::Sqlite).await;
    let answer = app.http.get(format!("{}/api/asyncapi.json", app.url)).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["asyncapi"], "3.0.0");
    let page = app.http.get(format!("{}/api/docs/asyncapi", app.url)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let text = page.text().await.unwrap();
    let names: HashSet<&str> = ["conversation:new-message", "session:hello", "4503"].into();
    assert!(names.iter().all(|name| text.contains(name)));
}
