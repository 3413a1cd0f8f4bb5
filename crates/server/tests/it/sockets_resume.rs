//! Order, resume and what the bus loses.

use crate::app::TestApp;
use crate::socket::{Socket, hello, open, resume};
use parlor_domain::agent::Role;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A client that keeps what it was told: messages by id, and its number.
#[derive(Default)]
struct Kept {
    rev: i64,
    messages: BTreeMap<String, Value>,
}

impl Kept {
    /// Takes a change. What it has already is dropped.
    fn take(&mut self, frame: &Value) {
        let rev = frame["rev"].as_i64().unwrap();
        if rev <= self.rev {
            return;
        }
        self.rev = rev;
        if let Some(id) = frame["data"]["message"]["id"].as_str() {
            self.messages.insert(id.to_owned(), frame["data"]["message"].clone());
        }
    }

    /// Seq, text and rev in order.
    fn seen(&self) -> Vec<(i64, String, i64)> {
        seen(self.messages.values())
    }
}

fn seen<'a>(messages: impl Iterator<Item = &'a Value>) -> Vec<(i64, String, i64)> {
    let mut all: Vec<_> = messages
        .map(|one| {
            (
                one["seq"].as_i64().unwrap(),
                one["text"].as_str().unwrap().to_owned(),
                one["rev"].as_i64().unwrap(),
            )
        })
        .collect();
    all.sort();
    all
}

async fn history(app: &TestApp, room: &str) -> (Vec<(i64, String, i64)>, i64) {
    let mut all = Vec::new();
    let mut path = format!("/api/public/chat-rooms/{room}/get_messages/?limit=100&after_seq=0");
    let mut head = None;
    loop {
        let page = app.get(&path).send().await.expect(200);
        head.get_or_insert(page["head_rev"].as_i64().unwrap());
        all.extend(page["results"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => path = format!("/api/public/chat-rooms/{room}/get_messages/?limit=100&cursor={next}"),
            None => return (seen(all.iter()), head.unwrap()),
        }
    }
}

async fn until(socket: &mut Socket, kept: &mut Kept, rev: i64) {
    while kept.rev < rev {
        let change = socket.change().await;
        kept.take(&change);
    }
}

on_both! {
    async fn a_resume_gives_the_net_effect_in_order(app: TestApp) {
        let (room, key) = app.room().await;
        let id = app.conversation_id(&room).await;
        let (access, _) = app.agent("ada@example.com", Role::Agent).await;
        let (mut ada, _) = hello(&app, &access).await;
        app.say(&room, "one").await;
        app.say(&room, "two").await;
        let three = ada.say(&id, "a-1", "three").await;
        ada.done("conversation:message", json!({"conversation_id": id, "message": {"client_id": "a-2", "text": "secret", "private": true}})).await;
        let path = format!("/api/admin/chat-rooms/{id}/messages/{}/", three["message_id"].as_str().unwrap());
        app.patch(&path).bearer(&access).json(json!({"message": "three, better"})).send().await.expect(200);
        app.post(&format!("/api/admin/chat-rooms/{id}/status/")).bearer(&access).json(json!({"status": "resolved"})).send().await.expect(200);

        let (mut customer, session) = resume(&app, &key, json!([{"conversation_id": room, "after_rev": 1}])).await;
        assert_eq!(session["resumed"], json!([{"conversation_id": room, "result": "ok", "head_seq": 3, "head_rev": 5}]));
        let told: Vec<Value> = customer.so_far().await.into_iter().filter(|frame| frame.get("rev").is_some()).collect();
        let short: Vec<_> = told.iter().map(|frame| (frame["event"].as_str().unwrap(), frame["rev"].as_i64().unwrap())).collect();
        assert_eq!(short, [("conversation:new-message", 2), ("conversation:new-message", 4), ("conversation:updated", 5)], "3 is folded into 4");
        assert_eq!(told[1]["data"]["message"]["text"], "three, better");
        assert_eq!(told[2]["data"], json!({"status": "resolved", "handled_by": "human", "subject": null}));

        let head = ada.done("conversation:subscribe", json!({"conversation_id": id, "after_rev": 3})).await;
        assert_eq!((&head["head_rev"], &head["head_seq"], &head["status"], &head["handled_by"]), (&json!(6), &json!(3), &json!("resolved"), &json!("agent")));
        let told: Vec<Value> = ada.so_far().await.into_iter().filter(|frame| frame.get("rev").is_some()).collect();
        let short: Vec<_> = told.iter().map(|frame| (frame["event"].as_str().unwrap(), frame["rev"].as_i64().unwrap())).collect();
        assert_eq!(short, [("conversation:new-message", 4), ("conversation:new-message", 5), ("conversation:updated", 6)]);
        assert_eq!((&told[0]["data"]["message"]["text"], &told[0]["data"]["message"]["private"]), (&json!("secret"), &json!(true)));

        app.say(&room, "again").await;
        let live = customer.change().await;
        assert_eq!((&live["event"], &live["rev"], &live["data"]["conversation"]["status"]), (&json!("conversation:new-message"), &json!(6), &json!("open")), "one command, one event");
    }

    async fn a_number_that_is_none_of_ours_is_a_reset(app: TestApp) {
        let (room, key) = app.room().await;
        app.say(&room, "one").await;
        let (mut socket, _) = hello(&app, &key).await;
        for after in [-1, 2, 1_000_000] {
            let reply = socket.done("conversation:subscribe", json!({"conversation_id": room, "after_rev": after})).await;
            assert_eq!((&reply["result"], &reply["head_rev"]), (&json!("reset"), &json!(1)));
        }
        assert!(socket.so_far().await.is_empty());
        app.say(&room, "live").await;
        assert_eq!(socket.change().await["rev"], 2);
    }

    async fn too_many_changes_are_a_reset(app: TestApp) {
        let (room, key) = app.room().await;
        let (mut writer, _) = hello(&app, &key).await;
        for n in 0..501 {
            writer.send(json!({"id": format!("{n}"), "event": "conversation:message", "data": {"conversation_id": room, "message": {"client_id": format!("{n}"), "text": "hi"}}})).await;
        }
        writer.reply("500").await;
        writer.so_far().await;
        let reply = writer.done("conversation:subscribe", json!({"conversation_id": room, "after_rev": 0})).await;
        assert_eq!((&reply["result"], &reply["head_rev"]), (&json!("reset"), &json!(501)));
        let reply = writer.done("conversation:subscribe", json!({"conversation_id": room, "after_rev": 201})).await;
        assert_eq!((&reply["result"], &reply["head_rev"]), (&json!("reset"), &json!(501)), "the queue keeps half of its room for what is live");
        assert!(writer.so_far().await.is_empty());
        let reply = writer.done("conversation:subscribe", json!({"conversation_id": room, "after_rev": 251})).await;
        assert_eq!(reply["result"], "ok");
        let mut kept = Kept { rev: 251, ..Kept::default() };
        until(&mut writer, &mut kept, 501).await;
        assert_eq!(kept.messages.len(), 250);
    }

    async fn what_the_queue_has_no_room_for_is_a_reset_and_the_live_changes_go_on(app: TestApp) {
        let (long, key) = app.room().await;
        let (mut writer, _) = hello(&app, &key).await;
        let text = "x".repeat(9_000);
        for n in 0..60 {
            writer.say(&long, &format!("{n}"), &text).await;
        }
        for after in [20, 40] {
            let reply = writer.done("conversation:subscribe", json!({"conversation_id": long, "after_rev": after})).await;
            assert_eq!(reply["result"], "ok");
            let mut kept = Kept { rev: after, ..Kept::default() };
            until(&mut writer, &mut kept, 60).await;
        }
        let reply = writer.done("conversation:subscribe", json!({"conversation_id": long, "after_rev": 0})).await;
        assert_eq!((&reply["result"], &reply["head_rev"]), (&json!("reset"), &json!(60)), "600 KB are more than half of the queue");
        assert!(writer.so_far().await.is_empty());
        app.say(&long, "live").await;
        assert_eq!(writer.change().await["rev"], 61);
    }

    async fn a_hello_names_each_conversation_once_and_shares_one_budget(app: TestApp) {
        let (access, _) = app.agent("ada@example.com", Role::Agent).await;
        let text = "x".repeat(9_000);
        let (mut rooms, mut ids) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (room, key) = app.room().await;
            ids.push(app.conversation_id(&room).await);
            let (mut writer, _) = hello(&app, &key).await;
            for n in 0..30 {
                writer.say(&room, &format!("{n}"), &text).await;
            }
            rooms.push(room);
        }
        let wish = |id: &str, after: i64| json!({"conversation_id": id, "after_rev": after});
        let simple = ids[0].replace('-', "");
        let (mut ada, session) = resume(&app, &access, json!([wish(&ids[0], 0), wish(&simple, 0), wish(&ids[0].to_uppercase(), 0), wish(&ids[1], 0), wish(&ids[2], 30), wish("none", 0)])).await;
        let told: Vec<_> = session["resumed"].as_array().unwrap().iter().map(|one| (one["conversation_id"].as_str().unwrap(), one["result"].as_str().unwrap())).collect();
        assert_eq!(told, [(&*ids[0], "ok"), (&*ids[1], "reset"), (&*ids[2], "ok"), ("none", "not_found")], "two of 300 KB are too much, what did not change is not");
        for rev in 1..=30 {
            assert_eq!(ada.change().await["rev"], rev);
        }
        for (room, id) in rooms.iter().zip(&ids) {
            app.say(room, "live").await;
            let change = ada.change().await;
            assert_eq!((&change["conversation_id"], &change["rev"]), (&json!(id), &json!(31)));
        }
    }

    async fn a_hello_names_at_most_two_hundred_conversations(app: TestApp) {
        let (room, key) = app.room().await;
        let mut socket = open(&app, "/ws").await;
        let wishes = |count: usize| vec![json!({"conversation_id": room, "after_rev": 0}); count];
        let reply = socket.ask("session:hello", json!({"token": key, "resume": wishes(201)})).await;
        assert_eq!((&reply["error"]["code"], &reply["error"]["details"][0]["field"]), (&json!("invalid_input"), &json!("data.resume")));
        let session = socket.done("session:hello", json!({"resume": wishes(200)})).await;
        assert_eq!(session["resumed"].as_array().unwrap().len(), 1);
    }

    async fn a_gap_can_be_asked_for_on_the_same_connection(app: TestApp) {
        let (room, key) = app.room().await;
        let (mut socket, _) = hello(&app, &key).await;
        socket.done("conversation:subscribe", json!({"conversation_id": room})).await;
        for n in 0..5 {
            app.say(&room, &format!("{n}")).await;
        }
        for rev in 1..=5 {
            assert_eq!(socket.change().await["rev"], rev);
        }
        socket.done("conversation:subscribe", json!({"conversation_id": room, "after_rev": 2})).await;
        for rev in 3..=5 {
            assert_eq!(socket.change().await["rev"], rev);
        }
        app.say(&room, "live").await;
        assert_eq!(socket.change().await["rev"], 6);
        socket.done("conversation:unsubscribe", json!({"conversation_id": room})).await;
        app.say(&room, "unheard").await;
        assert!(socket.so_far().await.is_empty());
    }

    async fn a_client_that_comes_and_goes_ends_with_the_history(app: TestApp) {
        let (room, key) = app.room().await;
        let id = app.conversation_id(&room).await;
        let (access, _) = app.agent("ada@example.com", Role::Agent).await;
        let (mut customer, _) = hello(&app, &key).await;
        let (mut ada, _) = hello(&app, &access).await;
        let (writes, room_of_writers) = (60, room.clone());
        let agents_side = async {
            for n in 0..writes {
                let sent = ada.say(&id, &format!("a{n}"), &format!("answer {n}")).await;
                if n % 3 == 0 {
                    let path = format!("/api/admin/chat-rooms/{id}/messages/{}/", sent["message_id"].as_str().unwrap());
                    app.patch(&path).bearer(&access).json(json!({"message": format!("answer {n}, better")})).send().await.expect(200);
                }
                if n % 7 == 0 {
                    app.post(&format!("/api/admin/chat-rooms/{id}/labels/")).bearer(&access).json(json!({"labels": [format!("l{n}")]})).send().await.expect(200);
                }
                if n % 5 == 0 {
                    app.post(&format!("/api/admin/chat-rooms/{id}/status/")).bearer(&access).json(json!({"status": "resolved"})).send().await.expect(200);
                }
            }
        };
        let customers_side = async {
            for n in 0..writes {
                customer.say(&room_of_writers, &format!("c{n}"), &format!("question {n}")).await;
            }
        };
        // Takes some changes, goes away without a word, comes back with its number: again and again.
        let wanderer = async {
            let mut kept = Kept::default();
            for round in 0..25_usize {
                let (mut socket, session) = resume(&app, &key, json!([{"conversation_id": room, "after_rev": kept.rev}])).await;
                assert_eq!(session["resumed"][0]["result"], "ok");
                let head = session["resumed"][0]["head_rev"].as_i64().unwrap();
                let mut last = kept.rev;
                for _ in 0..(round * 7) % 11 {
                    let Ok(frame) = tokio::time::timeout(Duration::from_millis(200), socket.change()).await else { break };
                    let rev = frame["rev"].as_i64().unwrap();
                    assert!(rev > last, "numbers rise");
                    assert!(last < head || rev == last + 1, "above the head of the resume nothing skips: {last} {rev}");
                    last = rev;
                    kept.take(&frame);
                }
            }
            kept
        };
        let ((), (), mut kept) = tokio::join!(agents_side, customers_side, wanderer);
        let (truth, head) = history(&app, &room).await;
        let (mut socket, _) = resume(&app, &key, json!([{"conversation_id": room, "after_rev": kept.rev}])).await;
        until(&mut socket, &mut kept, head).await;
        assert_eq!(kept.seen(), truth);
        assert_eq!(truth.len(), 2 * writes);
    }

    async fn a_lonely_follower_sees_dense_numbers_while_many_write(app: TestApp) {
        let (room, key) = app.room().await;
        let mut follower = open(&app, &format!("/ws/chat/{room}")).await;
        follower.event("session:welcome").await;
        let writers = (0..8).map(|writer| {
            let (app, room, key) = (&app, &room, &key);
            async move {
                let (mut socket, _) = hello(app, key).await;
                for n in 0..25 {
                    socket.say(room, &format!("{writer}-{n}"), "hi").await;
                }
            }
        });
        let follow = async {
            for rev in 1..=200 {
                let change = follower.change().await;
                assert_eq!((&change["rev"], &change["data"]["message"]["seq"]), (&json!(rev), &json!(rev)));
            }
        };
        tokio::join!(futures_util::future::join_all(writers), follow);
    }

    async fn a_connection_follows_two_hundred_conversations_and_no_more(app: TestApp) {
        let (access, _) = app.agent("ada@example.com", Role::Agent).await;
        let (mut ada, _) = hello(&app, &access).await;
        let mut rooms = Vec::new();
        for _ in 0..201 {
            rooms.push(app.room().await.0);
        }
        let mut ids = Vec::new();
        for room in &rooms {
            ids.push(app.conversation_id(room).await);
        }
        for id in &ids[..200] {
            ada.done("conversation:subscribe", json!({"conversation_id": id})).await;
        }
        assert_eq!(ada.denied("conversation:subscribe", json!({"conversation_id": ids[200]})).await, "conflict");
        ada.done("conversation:subscribe", json!({"conversation_id": ids[0], "after_rev": 0})).await;
        app.say(&rooms[199], "hello").await;
        assert_eq!(ada.change().await["conversation_id"], ids[199].as_str());
        ada.done("conversation:unsubscribe", json!({"conversation_id": ids[0]})).await;
        ada.done("conversation:subscribe", json!({"conversation_id": ids[200]})).await;
    }

    async fn a_deleted_conversation_says_so_and_is_gone(app: TestApp) {
        let (room, key) = app.room().await;
        let id = app.conversation_id(&room).await;
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let (mut customer, _) = hello(&app, &key).await;
        let (mut olga, _) = hello(&app, &owner).await;
        customer.done("conversation:subscribe", json!({"conversation_id": room})).await;
        olga.done("conversation:subscribe", json!({"conversation_id": id})).await;
        app.say(&room, "hello").await;
        let answer = app.delete(&format!("/api/admin/chat-rooms/{id}/")).bearer(&owner).send().await;
        assert!(answer.status < 300, "{}", answer.text);
        let (gone, gone_too) = (customer.event("conversation:deleted").await, olga.event("conversation:deleted").await);
        assert_eq!((&gone["conversation_id"], &gone["rev"]), (&json!(room), &json!(2)));
        assert_eq!((&gone_too["conversation_id"], &gone_too["rev"]), (&json!(id), &json!(2)));
        assert_eq!(customer.denied("conversation:subscribe", json!({"conversation_id": room, "after_rev": 1})).await, "not_found");
    }
}
