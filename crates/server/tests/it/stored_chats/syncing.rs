//! The whole chat, told again while the page closes.

use super::{CHAT, Desk, chat_of_visitor, done, message, send, sync, text, whole};
use serde_json::json;

on_both! {
    async fn a_beacon_needs_no_header(app: TestApp) {
        let path = format!("/api/dashboard/chats/{CHAT}/send/");
        let made = app.post(&path).raw("text/plain;charset=UTF-8", whole(&["u One"]).to_string()).send().await.expect(201);
        assert_eq!((&made["success"], &made["data"]["chat_id"], &made["data"]["stored"], &made["data"]["known"]), (&json!(true), &json!(CHAT), &json!(1), &json!(0)));
        assert!(made["data"]["visitor_id"].is_string(), "the new visitor's key");
        let bare = app.post(&path).body(whole(&["u One", "a Two"]).to_string()).send().await;
        assert_eq!(done(bare), (1, 1));
        let named = app.post(&path).raw("application/json", json!({"role": "user", "message": "Three"}).to_string()).send().await;
        assert_eq!(done(named), (1, 0), "a single message, too");
        app.post(&path).raw("application/x-www-form-urlencoded", whole(&["u One"]).to_string()).send().await.problem(415, "unsupported_media_type");
        app.post(&path).raw("text/plain", "Hello").send().await.problem(400, "invalid_input");
        let cross = app.post(&path).header("origin", "http://localhost:3000").raw("text/plain", whole(&["u One"]).to_string()).send().await;
        assert_eq!(cross.header("access-control-allow-origin"), "http://localhost:3000");
        assert_eq!(Desk::open(&app).await.lines(CHAT).await, ["visitor! One", "assistant! Two", "visitor! Three"]);
    }

    async fn what_was_sent_with_ids_is_known_by_them(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        let mut first = message("u Hello/1");
        first["visitor_id"] = json!(key);
        send(&app, CHAT, first).send().await.expect(201);
        send(&app, CHAT, message("a Hi/2")).send().await.expect(201);
        send(&app, CHAT, message("u Hello/3")).send().await.expect(201);
        let body = whole(&["u Hello/1", "a Hi/2", "u Hello/3", "u Hello/4", "a Hi/5"]);
        assert_eq!(done(sync(&app, CHAT, body.clone()).send().await), (2, 3));
        assert_eq!(done(sync(&app, CHAT, body).send().await), (0, 5), "as often as one likes");
        let lines = Desk::open(&app).await.lines(CHAT).await;
        assert_eq!(lines, ["visitor Hello", "assistant! Hi", "visitor! Hello", "visitor! Hello", "assistant! Hi"]);
    }

    async fn what_was_sent_without_ids_is_known_by_its_place_among_equal_ones(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        for (line, proven) in [("u ok", true), ("a ok", false), ("u ok", false)] {
            let mut body = message(line);
            if proven {
                body["visitor_id"] = json!(key);
            }
            send(&app, CHAT, body).send().await.expect(201);
        }
        let body = whole(&["u ok", "a ok", "u ok", "u ok", "a ok", "u bye"]);
        assert_eq!(done(sync(&app, CHAT, body.clone()).send().await), (3, 3));
        assert_eq!(done(sync(&app, CHAT, body).send().await), (0, 6));
        assert_eq!(done(sync(&app, CHAT, whole(&["u ok", "u bye"])).send().await), (0, 2), "a part of it brings nothing new");
        let lines = Desk::open(&app).await.lines(CHAT).await;
        assert_eq!(lines, ["visitor ok", "assistant! ok", "visitor! ok", "visitor! ok", "assistant! ok", "visitor! bye"]);
    }

    async fn ids_on_one_side_only_are_no_difference(app: TestApp) {
        chat_of_visitor(&app, CHAT).await;
        send(&app, CHAT, message("u Hello/1")).send().await.expect(201);
        send(&app, CHAT, message("a Hi")).send().await.expect(201);
        assert_eq!(done(sync(&app, CHAT, whole(&["u Hello", "a Hi/2"])).send().await), (0, 2));
        assert_eq!(done(sync(&app, CHAT, whole(&["u Hello/1", "a Hi/2", "u Hello/3", "a Hi/4"])).send().await), (2, 2));
        assert_eq!(done(sync(&app, CHAT, whole(&["u Hello", "a Hi", "u Hello", "a Hi"])).send().await), (0, 4));
        assert_eq!(Desk::open(&app).await.messages(CHAT).await.len(), 4);
    }

    async fn a_delayed_send_finds_what_the_sync_stored(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        assert_eq!(done(sync(&app, CHAT, whole(&["u Hello/1", "a Hi/2"])).send().await), (2, 0));
        let mut late = message("u Hello/1");
        late["visitor_id"] = json!(key);
        let answer = send(&app, CHAT, late).send().await.expect(200);
        assert_eq!(answer["data"]["seq"], 1);
        send(&app, CHAT, message("a Hi/2")).send().await.expect(200);
        let mut body = whole(&["u Hello/1", "a Hi/2"]);
        body["visitor_id"] = json!(key);
        assert_eq!(done(sync(&app, CHAT, body).send().await), (0, 2), "with proof or without");
        assert_eq!(Desk::open(&app).await.messages(CHAT).await.len(), 2);
    }

    async fn a_sync_proves_the_visitor_by_the_body(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        let mut body = whole(&["u One", "a Two"]);
        body["visitor_id"] = json!(key);
        assert_eq!(done(sync(&app, CHAT, body).send().await), (2, 0));
        let mut inner = whole(&["u Three", "u Four"]);
        inner["messages"][1]["visitor_id"] = json!(key);
        assert_eq!(done(sync(&app, CHAT, inner.clone()).send().await), (2, 0));
        inner["messages"][0]["visitor_id"] = json!(app.visitor().await);
        let problem = sync(&app, CHAT, inner).send().await.problem(400, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "messages[1].visitor_id");
        let mut foreign = whole(&["u Five"]);
        foreign["visitor_id"] = json!(app.visitor().await);
        sync(&app, CHAT, foreign).send().await.problem(404, "not_found");
        assert_eq!(Desk::open(&app).await.lines(CHAT).await, ["visitor One", "assistant! Two", "visitor Three", "visitor Four"]);
    }

    async fn twenty_equal_syncs_store_each_message_once(app: TestApp) {
        let body = whole(&["u ok", "a ok", "u ok", "a fine/1", "u ok/2", "a ok", "u bye"]);
        let answers = futures_util::future::join_all((0..20).map(|_| sync(&app, CHAT, body.clone()).send())).await;
        let mut stored = 0;
        for answer in answers {
            let (new, known) = done(answer);
            assert_eq!(new + known, 7);
            stored += new;
        }
        assert_eq!(stored, 7);
        let messages = Desk::open(&app).await.messages(CHAT).await;
        let said: Vec<String> = messages.iter().map(|message| text(&message["text"])).collect();
        assert_eq!(said.len(), 7, "{said:?}");
        assert_eq!(said.iter().filter(|text| *text == "ok").count(), 5);
    }

    async fn two_nodes_store_each_message_once(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        let other = app.second_node().await;
        let body = whole(&["u ok/1", "a ok", "u ok/2", "a ok", "u bye/3"]);
        let mut calls = Vec::new();
        for number in 0..30 {
            let url = if number % 2 == 0 { &app.url } else { &other.url };
            let mut one = message(["u ok/1", "u ok/2", "u bye/3"][number % 3]);
            if number % 4 < 2 {
                one["visitor_id"] = json!(key);
            }
            for (path, body) in [("dashboard", &body), ("users", &one)] {
                calls.push(app.http.post(format!("{url}/api/{path}/chats/{CHAT}/send/")).json(body).send());
            }
        }
        for answer in futures_util::future::join_all(calls).await {
            let answer = answer.unwrap();
            assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        }
        let messages = Desk::open(&app).await.messages(CHAT).await;
        let mut said: Vec<String> = messages.iter().map(|message| format!("{} {} {}", text(&message["sender"]["kind"]), text(&message["text"]), message["client_id"])).collect();
        said.sort_unstable();
        assert_eq!(said, ["assistant ok null", "assistant ok null", "visitor bye \"3\"", "visitor ok \"1\"", "visitor ok \"2\""]);
        let places: Vec<i64> = messages.iter().map(|message| message["seq"].as_i64().unwrap()).collect();
        assert_eq!(places, [1, 2, 3, 4, 5]);
    }

    async fn ten_thousand_come_in_their_order(app: TestApp) {
        let lines: Vec<String> = (0..10_000).map(|number| format!("{} message {}", if number % 2 == 0 { "u" } else { "a" }, number / 5)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let body = whole(&lines);
        assert_eq!(done(sync(&app, CHAT, body.clone()).send().await), (10_000, 0));
        assert_eq!(done(sync(&app, CHAT, body).send().await), (0, 10_000));
        let desk = Desk::open(&app).await;
        let said: Vec<String> = desk.messages(CHAT).await.iter().map(|message| text(&message["text"])).collect();
        let expected: Vec<String> = lines[9_900..].iter().map(|line| line[2..].to_owned()).collect();
        assert_eq!(said, expected);
        let more = sync(&app, CHAT, whole(&["u One too many"])).send().await.problem(409, "conflict");
        assert!(text(&more["detail"]).contains("10,000"), "{more}");
    }

    async fn equal_words_are_counted_over_the_whole_body(app: TestApp) {
        let equal = whole(&vec!["u same"; 1_000]);
        assert_eq!(done(sync(&app, CHAT, equal.clone()).send().await), (1_000, 0));
        assert_eq!(done(sync(&app, CHAT, equal).send().await), (0, 1_000));
        assert_eq!(done(sync(&app, CHAT, whole(&vec!["u same"; 1_001])).send().await), (1, 1_000));
    }

    async fn a_message_that_stands_twice_in_a_body_is_one(app: TestApp) {
        let body = whole(&["u ok/1", "u ok/1", "u ok"]);
        assert_eq!(done(sync(&app, CHAT, body.clone()).send().await), (2, 1));
        assert_eq!(done(sync(&app, CHAT, body).send().await), (0, 3));
    }

    async fn a_page_that_does_not_wait_is_stored_all_the_same(app: TestApp) {
        let lines: Vec<String> = (0..3_000).map(|number| format!("u message {number}")).collect();
        let body = whole(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        chat_of_visitor(&app, CHAT).await;
        let call = tokio::spawn(app.http.post(format!("{}/api/dashboard/chats/{CHAT}/send/", app.url)).json(&body).send());
        let desk = Desk::open(&app).await;
        while desk.messages(CHAT).await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        call.abort();
        for _ in 0..2_000 {
            if desk.messages(CHAT).await.last().is_some_and(|last| last["text"] == "message 2999") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the rest was not stored");
    }

    async fn a_message_whose_id_is_anothers_is_left_out(app: TestApp) {
        chat_of_visitor(&app, CHAT).await;
        send(&app, CHAT, message("u Hello/1")).send().await.expect(201);
        let body = whole(&["u Other/1", "a Hi/2", "u Bye"]);
        let first = sync(&app, CHAT, body.clone()).send().await.expect(201);
        assert_eq!(first["data"], json!({"chat_id": CHAT, "stored": 2, "known": 0, "refused": 1}));
        let again = sync(&app, CHAT, body).send().await.expect(200);
        assert_eq!(again["data"], json!({"chat_id": CHAT, "stored": 0, "known": 2, "refused": 1}));
        sync(&app, CHAT, whole(&["a Hello/1"])).send().await.expect(200);
        assert_eq!(Desk::open(&app).await.lines(CHAT).await, ["visitor! Hello", "assistant! Hi", "visitor! Bye"]);
    }

    async fn a_single_message_beside_the_others_is_the_last(app: TestApp) {
        let mut body = whole(&["u One", "a Two"]);
        body["role"] = json!("user");
        body["message"] = json!("lost?");
        assert_eq!(done(sync(&app, CHAT, body.clone()).send().await), (3, 0));
        assert_eq!(done(sync(&app, CHAT, body.clone()).send().await), (0, 3));
        for role in [json!(17), json!(null), json!({"name": "user"}), json!("agent")] {
            body["role"] = role;
            body["message"] = json!("with a wrong role");
            let problem = sync(&app, CHAT, body.clone()).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], "role");
            body["message"] = json!(" ");
            assert_eq!(done(sync(&app, CHAT, body.clone()).send().await), (0, 2), "a role alone is no message");
        }
        assert_eq!(done(sync(&app, CHAT, json!({"messages": [], "role": "assistant", "content": "Three"})).send().await), (1, 0));
        assert_eq!(Desk::open(&app).await.lines(CHAT).await, ["visitor! One", "assistant! Two", "visitor! lost?", "assistant! Three"]);
    }

    async fn nothing_is_stored_of_a_body_with_a_mistake(app: TestApp) {
        chat_of_visitor(&app, CHAT).await;
        let mut long: Vec<&str> = vec!["u Hello"; 10_001];
        let too_many = whole(&long);
        long.truncate(0);
        for (field, body) in [
            ("messages[1].role", json!({"messages": [{"role": "user", "content": "One"}, {"role": "system", "content": "Two"}]})),
            ("messages[1].message", json!({"messages": [{"role": "user", "content": "One"}, {"role": "user", "content": ""}]})),
            ("messages[1].client_id", whole(&["u One/1", "u Two/1"])),
            ("messages[0].timestamp", json!({"messages": [{"role": "user", "content": "One", "timestamp": "soon"}]})),
            ("messages", too_many),
            ("messages", whole(&long)),
            ("messages", json!({"visitor_id": ""})),
            ("message", json!({"role": "user"})),
            ("role", json!({"role": "agent", "message": "One"})),
            ("messages[0]", json!({"messages": ["One"]})),
            ("messages[0]", json!({"messages": [["user", "positional"]]})),
            ("messages[1]", json!({"messages": [{"role": "user", "content": "One"}, null]})),
            ("role", json!({"role": ["user"], "message": "One"})),
        ] {
            let problem = sync(&app, CHAT, body).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        }
        assert!(Desk::open(&app).await.messages(CHAT).await.is_empty());
        let wrong = sync(&app, CHAT, json!({"messages": vec![json!({"role": "system"}); 5_000]})).send().await.problem(400, "invalid_input");
        assert_eq!(wrong["errors"].as_array().unwrap().len(), 200, "who is wrong so often learns enough");
        sync(&app, "short", whole(&["u One"])).send().await.problem(400, "chat_unknown");
    }
}
