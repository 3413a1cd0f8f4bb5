//! Conversations as agents see and handle them.

use crate::app::{Answer, TestApp, host_token};
use parlor_domain::agent::Role;
use parlor_domain::text::Name;
use serde_json::{Value, json};
use std::time::Duration;

const NOBODY: &str = "018f6a3e-5b1c-7000-8000-000000000077";

/// A room in which the customer has said something: `(room key, visitor key, internal id)`.
async fn talk(app: &TestApp) -> (String, String, String) {
    let (room, visitor) = app.room().await;
    app.say(&room, "Is it still available?").await;
    let id = app.conversation_id(&room).await;
    (room, visitor, id)
}

async fn act(app: &TestApp, token: &str, id: &str, action: &str, body: Value) -> Answer {
    app.post(&format!("/api/admin/chat-rooms/{id}/{action}/")).bearer(token).json(body).send().await
}

async fn detail(app: &TestApp, token: &str, id: &str) -> Value {
    app.get(&format!("/api/admin/chat-rooms/{id}/")).bearer(token).send().await.expect(200)
}

async fn listed(app: &TestApp, token: &str, query: &str) -> Vec<String> {
    let body = app.get(&format!("/api/admin/chat-rooms/?{query}")).bearer(token).send().await.expect(200);
    body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn history(app: &TestApp, token: &str, id: &str) -> Vec<Value> {
    app.get(&format!("/api/admin/chat-rooms/{id}/messages/")).bearer(token).send().await.expect(200)["results"]
        .as_array()
        .unwrap()
        .clone()
}

async fn api_key(app: &TestApp, owner: &str, scope: &str) -> String {
    let body = app
        .post("/api/admin/api-keys/")
        .bearer(owner)
        .json(json!({"name": "Orders", "scope": scope}))
        .send()
        .await
        .expect(201);
    body["secret"].as_str().unwrap().to_owned()
}

async fn other_workspace(app: &TestApp) -> parlor_domain::id::WorkspaceId {
    app.state().workspaces.create(Name::parse("other").unwrap()).await.unwrap().0.id
}

fn wrong_field(answer: Answer, field: &str) {
    let problem = answer.problem(400, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], field, "{problem}");
}

on_both! {
    async fn the_list_has_the_newest_activity_first_and_no_empty_conversations(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (first, _, first_id) = talk(&app).await;
        app.clock.advance(Duration::from_secs(1));
        let (_, _, second_id) = talk(&app).await;
        let (empty, _) = app.room().await;
        let empty_id = app.conversation_id(&empty).await;
        assert_eq!(listed(&app, &agent, "").await, [second_id.clone(), first_id.clone()]);
        app.clock.advance(Duration::from_secs(1));
        app.say(&first, "Hello?").await;
        assert_eq!(listed(&app, &agent, "").await, [first_id.clone(), second_id]);
        assert_eq!(listed(&app, &agent, "empty=true").await, [empty_id]);
        let body = app.get("/api/admin/chat-rooms/?limit=1").bearer(&agent).send().await.expect(200);
        let row = &body["results"][0];
        let fields = [
            ("id", json!(first_id)), ("kind", json!("room")), ("status", json!("open")), ("handled_by", json!("queue")), ("assignee_id", json!(null)),
            ("customer_name", json!("Nadia")), ("customer_email", json!("nadia@example.com")), ("subject", json!(null)), ("labels", json!([])), ("flag", json!(null)),
            ("last_message", json!("Hello?")), ("unread_count", json!(2)), ("my_unread_count", json!(2)), ("inbound_count", json!(2)), ("head_seq", json!(2)), ("head_rev", json!(2)),
        ];
        for (field, value) in fields {
            assert_eq!(row[field], value, "{field}");
        }
    }

    async fn the_list_is_paged_without_gaps_or_repeats(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let mut all = Vec::new();
        for _ in 0..5 {
            all.insert(0, talk(&app).await.2);
        }
        let mut seen = Vec::new();
        let mut query = "limit=2".to_owned();
        loop {
            let body = app.get(&format!("/api/admin/chat-rooms/?{query}")).bearer(&agent).send().await.expect(200);
            seen.extend(body["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            let Some(next) = body["next"].as_str() else { break };
            query = format!("limit=2&cursor={next}");
        }
        assert_eq!(seen, all);
    }

    async fn filters_are_checked_and_all_hold_together(app: TestApp) {
        let (agent, agent_id) = app.agent("omar@example.com", Role::Agent).await;
        let (_, other_id) = app.agent("olga@example.com", Role::Agent).await;
        let (_, _, mine) = talk(&app).await;
        let (_, _, waiting) = talk(&app).await;
        act(&app, &agent, &mine, "take_over", json!({})).await.expect(200);
        act(&app, &agent, &mine, "mark_as_read", json!({})).await.expect(200);
        act(&app, &agent, &mine, "labels", json!({"labels": ["billing"]})).await.expect(200);
        act(&app, &agent, &waiting, "flag", json!({"flagged": true})).await.expect(200);
        act(&app, &agent, &waiting, "status", json!({"status": "pending"})).await.expect(200);
        let channel = detail(&app, &agent, &mine).await["channel_id"].as_str().unwrap().to_owned();
        for (query, expected) in [
            ("assignee=me".to_owned(), vec![&mine]),
            (format!("assignee={agent_id}"), vec![&mine]),
            (format!("assignee={other_id}"), vec![]),
            (format!("assignee={NOBODY}"), vec![]),
            ("assignee=none".to_owned(), vec![&waiting]),
            ("status=pending".to_owned(), vec![&waiting]),
            ("status=resolved".to_owned(), vec![]),
            ("handled_by=agent".to_owned(), vec![&mine]),
            ("handled_by=queue".to_owned(), vec![&waiting]),
            ("handled_by=human".to_owned(), vec![&waiting, &mine]),
            ("handled_by=assistant".to_owned(), vec![]),
            ("unread=true".to_owned(), vec![&waiting]),
            ("unread=false".to_owned(), vec![&mine]),
            ("flagged=true".to_owned(), vec![&waiting]),
            ("flagged=false".to_owned(), vec![&mine]),
            ("label=billing".to_owned(), vec![&mine]),
            ("label=bill".to_owned(), vec![]),
            ("kind=room".to_owned(), vec![&waiting, &mine]),
            ("kind=chat".to_owned(), vec![]),
            (format!("channel={channel}"), vec![&waiting, &mine]),
            (format!("channel={NOBODY}"), vec![]),
            ("q=nadi".to_owned(), vec![&waiting, &mine]),
            ("q=nadia%40example.com".to_owned(), vec![&waiting, &mine]),
            ("q=nadia%40example".to_owned(), vec![]),
            ("q=%25".to_owned(), vec![]),
            ("q=".to_owned(), vec![&waiting, &mine]),
            ("assignee=me&status=pending".to_owned(), vec![]),
            ("assignee=none&flagged=true&unread=true&kind=room&q=nadia".to_owned(), vec![&waiting]),
        ] {
            assert_eq!(listed(&app, &agent, &query).await.iter().collect::<Vec<_>>(), expected, "{query}");
        }
        let long = "x".repeat(51);
        for (query, field) in [
            ("status=closed", "query"), ("kind=mail", "query"), ("unread=yes", "query"), ("channel=x", "query"), ("assignee=somebody", "assignee"), ("limit=0", "limit"),
            ("limit=101", "limit"), ("limit=x", "query"), ("cursor=x", "cursor"), ("q=%00", "q"), ("label=%00", "label"), (&format!("label={long}"), "label"),
        ] {
            wrong_field(app.get(&format!("/api/admin/chat-rooms/?{query}")).bearer(&agent).send().await, field);
        }
    }

    async fn a_conversation_shows_what_hangs_on_it_and_no_key(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let visitor = app.visitor().await;
        let session = app.post("/api/chats/sessions/").json(json!({"visitor_id": visitor, "metadata": {"page": "cart"}})).send().await.expect(201)["data"].clone();
        let room = session["conversation_id"].as_str().unwrap().to_owned();
        app.say(&room, "Hello").await;
        let id = app.conversation_id(&room).await;
        act(&app, &agent, &id, "send_message", json!({"message": "Hi"})).await.expect(201);
        let answer = app.get(&format!("/api/admin/chat-rooms/{id}/")).bearer(&agent).send().await;
        assert!(!answer.text.contains(&visitor) && !answer.text.contains(&room), "keys are the customer's own: {}", answer.text);
        let body = answer.expect(200);
        assert_eq!((&body["id"], &body["kind"], &body["handled_by"]), (&json!(id), &json!("chat"), &json!("agent")));
        assert_eq!((&body["visitor"]["name"], &body["visitor"]["email"]), (&json!("Nadia"), &json!(null)));
        assert_eq!((&body["session"]["id"], &body["session"]["status"], &body["session"]["metadata"]), (&session["id"], &json!("active"), &json!({"page": "cart"})));
        assert_eq!((&body["channel"]["name"], &body["channel"]["kind"]), (&json!("Website"), &json!("web")));
        assert_eq!(body["read"], json!({"visitor": 1, "team": 2, "me": 2}));
        app.get(&format!("/api/admin/visitors/{}/", body["visitor"]["id"].as_str().unwrap())).bearer(&agent).send().await.expect(200);
        let claimed = talk(&app).await.2;
        assert_eq!(detail(&app, &agent, &claimed).await["visitor"]["email"], json!({"value": "nadia@example.com", "verified": false}));
    }

    async fn foreign_and_unknown_conversations_look_the_same(app: TestApp) {
        let (_, _, id) = talk(&app).await;
        let (foreigner, _) = app.agent_in(other_workspace(&app).await, "eve@example.com", Role::Owner).await;
        assert!(listed(&app, &foreigner, "").await.is_empty());
        let message = {
            let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
            history(&app, &agent, &id).await[0]["id"].as_str().unwrap().to_owned()
        };
        for id in [id.as_str(), NOBODY, "x"] {
            let base = format!("/api/admin/chat-rooms/{id}");
            for path in [format!("{base}/"), format!("{base}/?deleted=true"), format!("{base}/messages/")] {
                app.get(&path).bearer(&foreigner).send().await.problem(404, "not_found");
            }
            for (action, body) in [
                ("send_message", json!({"message": "Hi"})), ("mark_as_read", json!({})), ("assign", json!({"assignee_id": null})), ("status", json!({"status": "open"})),
                ("flag", json!({"flagged": true})), ("labels", json!({"labels": []})), ("hand_to_assistant", json!({})), ("take_over", json!({})),
            ] {
                act(&app, &foreigner, id, action, body).await.problem(404, "not_found");
            }
            for message in [message.as_str(), NOBODY, "x"] {
                let path = format!("{base}/messages/{message}/");
                app.patch(&path).bearer(&foreigner).json(json!({"message": "Hi"})).send().await.problem(404, "not_found");
                app.delete(&path).bearer(&foreigner).send().await.problem(404, "not_found");
                app.post(&format!("{path}reaction/")).bearer(&foreigner).json(json!({"emoji": "👍"})).send().await.problem(404, "not_found");
            }
            app.delete(&format!("{base}/")).bearer(&foreigner).send().await.problem(404, "not_found");
        }
    }

    async fn only_staff_comes_in(app: TestApp) {
        let (_, visitor, id) = talk(&app).await;
        let (seller, _) = app.agent("sami@example.com", Role::Seller).await;
        let customer = host_token(json!({"sub": "customer-1"}));
        for path in ["/api/admin/chat-rooms/".to_owned(), format!("/api/admin/chat-rooms/{id}/"), format!("/api/admin/chat-rooms/{id}/messages/")] {
            app.get(&path).send().await.problem(401, "unauthenticated");
            app.get(&path).bearer(&visitor).send().await.problem(401, "unauthenticated");
            app.get(&path).bearer(&seller).send().await.problem(403, "forbidden");
            app.get(&path).bearer(&customer).send().await.problem(403, "forbidden");
        }
        app.post(&format!("/api/admin/chat-rooms/{id}/send_message/")).json(json!({"message": "Hi"})).send().await.problem(401, "unauthenticated");
        act(&app, &seller, &id, "send_message", json!({"message": "Hi"})).await.problem(403, "forbidden");
    }

    async fn an_agents_message_is_stored_once_and_takes_over(app: TestApp) {
        let (agent, agent_id) = app.agent("omar@example.com", Role::Agent).await;
        let (other, _) = app.agent("olga@example.com", Role::Agent).await;
        let (room, _, id) = talk(&app).await;
        let body = json!({"message": "It is.", "client_id": "a-1", "sender": "system", "timestamp": "2020-01-01T00:00:00Z"});
        let first = act(&app, &agent, &id, "send_message", body.clone()).await.expect(201);
        assert_eq!((&first["seq"], &first["rev"], &first["conversation_id"], &first["private"]), (&json!(2), &json!(2), &json!(id), &json!(false)));
        assert_eq!(first["sender"], json!({"kind": "agent", "id": agent_id, "name": "omar", "reported": false}));
        assert_eq!(act(&app, &agent, &id, "send_message", body).await.expect(200)["id"], first["id"]);
        act(&app, &agent, &id, "send_message", json!({"message": "Another", "client_id": "a-1"})).await.problem(409, "conflict");
        let by_header = || app.post(&format!("/api/admin/chat-rooms/{id}/send_message/")).bearer(&agent).header("idempotency-key", "a-2").json(json!({"message": "Shall I reserve it?", "reply_to": first["id"]})).send();
        let second = by_header().await.expect(201);
        assert_eq!((&second["client_id"], &second["reply_to"]), (&json!("a-2"), &first["id"]));
        by_header().await.expect(200);
        let same_id_of_another_author = act(&app, &other, &id, "send_message", json!({"message": "I am here, too", "client_id": "a-1"})).await.expect(201);
        assert_eq!(same_id_of_another_author["seq"], 4);
        let row = detail(&app, &agent, &id).await;
        assert_eq!((&row["handled_by"], &row["assignee_id"], &row["head_seq"]), (&json!("agent"), &json!(agent_id), &json!(4)));
        let customer = app.get(&format!("/api/public/chat-rooms/{room}/get_messages/")).send().await.expect(200);
        assert_eq!((&customer["results"][1]["text"], &customer["results"][1]["conversation_id"]), (&json!("It is."), &json!(room)));
        for (body, field) in [
            (json!({"message": " "}), "message"), (json!({"message": "a\u{0}"}), "message"), (json!({"message": "x".repeat(10_001)}), "message"), (json!({}), "message"),
            (json!({"message": "a", "client_id": ""}), "client_id"), (json!({"message": "a", "type": "picture"}), "type"), (json!({"message": "a", "private": "yes"}), "private"),
            (json!({"message": "a", "reply_to": NOBODY}), "reply_to"), (json!({"message": "a", "payload": {}}), "payload"), (json!({"message": "a", "attachment_ids": [NOBODY]}), "attachment_ids"),
        ] {
            wrong_field(act(&app, &agent, &id, "send_message", body).await, field);
        }
        assert_eq!(history(&app, &agent, &id).await.len(), 4);
    }

    async fn notes_are_for_agents_only(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (room, _, id) = talk(&app).await;
        let before = detail(&app, &agent, &id).await;
        let note = act(&app, &agent, &id, "send_message", json!({"message": "Looks like a reseller", "private": true})).await.expect(201);
        assert_eq!((&note["private"], &note["seq"], &note["rev"]), (&json!(true), &json!(1), &json!(2)));
        let after = detail(&app, &agent, &id).await;
        for field in ["last_message", "last_message_at", "unread_count", "head_seq", "handled_by"] {
            assert_eq!(before[field], after[field], "{field}");
        }
        assert_eq!(after["head_rev"], 2);
        let customer = app.get(&format!("/api/public/chat-rooms/{room}/get_messages/")).send().await;
        assert!(!customer.text.contains("reseller"), "{}", customer.text);
        assert_eq!(customer.expect(200)["head_rev"], 1);
        let texts: Vec<_> = history(&app, &agent, &id).await.iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect();
        assert_eq!(texts, ["Is it still available?", "Looks like a reseller"]);
        wrong_field(act(&app, &agent, &id, "send_message", json!({"message": "Hi", "reply_to": note["id"]})).await, "reply_to");
    }

    async fn machines_write_under_their_name_within_their_scope(app: TestApp) {
        let (owner, _) = app.agent("omar@example.com", Role::Owner).await;
        let (_, _, id) = talk(&app).await;
        let (read, write, admin) = (api_key(&app, &owner, "read").await, api_key(&app, &owner, "write").await, api_key(&app, &owner, "admin").await);
        assert_eq!(listed(&app, &read, "").await, std::slice::from_ref(&id));
        act(&app, &read, &id, "send_message", json!({"message": "Hi"})).await.problem(403, "forbidden");
        act(&app, &read, &id, "mark_as_read", json!({})).await.problem(403, "forbidden");
        let sent = act(&app, &write, &id, "send_message", json!({"message": "Your order is on its way"})).await.expect(201);
        assert_eq!((&sent["sender"]["kind"], &sent["sender"]["name"]), (&json!("agent"), &json!("Orders")));
        let row = detail(&app, &write, &id).await;
        assert_eq!((&row["handled_by"], &row["unread_count"]), (&json!("queue"), &json!(0)), "a machine takes nothing over");
        act(&app, &write, &id, "take_over", json!({})).await.problem(403, "forbidden");
        app.delete(&format!("/api/admin/chat-rooms/{id}/")).bearer(&write).send().await.problem(403, "forbidden");
        assert_eq!(app.delete(&format!("/api/admin/chat-rooms/{id}/")).bearer(&admin).send().await.status, 204);
    }

    async fn reading_moves_the_teams_mark_and_the_agents_own(app: TestApp) {
        let (omar, _) = app.agent("omar@example.com", Role::Agent).await;
        let (olga, _) = app.agent("olga@example.com", Role::Agent).await;
        let (room, _, id) = talk(&app).await;
        app.say(&room, "Hello?").await;
        app.say(&room, "Anybody there?").await;
        assert_eq!(act(&app, &omar, &id, "mark_as_read", json!({"up_to_seq": 2})).await.expect(200), json!({"unread_count": 1, "my_unread_count": 1}));
        assert_eq!(act(&app, &olga, &id, "mark_as_read", json!({"up_to_seq": 1})).await.expect(200), json!({"unread_count": 1, "my_unread_count": 2}));
        assert_eq!(act(&app, &omar, &id, "mark_as_read", json!({"up_to_seq": 0})).await.expect(200), json!({"unread_count": 1, "my_unread_count": 1}), "marks never go back");
        let without_body = app.post(&format!("/api/admin/chat-rooms/{id}/mark_as_read/")).bearer(&omar).send().await;
        assert_eq!(without_body.expect(200), json!({"unread_count": 0, "my_unread_count": 0}));
        let row = detail(&app, &olga, &id).await;
        assert_eq!((&row["unread_count"], &row["my_unread_count"], &row["read"]), (&json!(0), &json!(2), &json!({"visitor": 3, "team": 3, "me": 1})));
        assert!(history(&app, &olga, &id).await.iter().all(|message| message["is_read"] == true));
        assert_eq!(act(&app, &omar, &id, "mark_as_read", json!({"up_to_seq": 99, "isRead": true})).await.expect(200), json!({"unread_count": 0, "my_unread_count": 0}));
        wrong_field(act(&app, &omar, &id, "mark_as_read", json!({"up_to_seq": -1})).await, "up_to_seq");
        wrong_field(act(&app, &omar, &id, "mark_as_read", json!({"up_to_seq": "2"})).await, "up_to_seq");
    }

    async fn conversations_are_assigned_and_taken_over(app: TestApp) {
        let (omar, omar_id) = app.agent("omar@example.com", Role::Agent).await;
        let (_, olga_id) = app.agent("olga@example.com", Role::Agent).await;
        let (_, seller_id) = app.agent("sami@example.com", Role::Seller).await;
        let (_, foreign_id) = app.agent_in(other_workspace(&app).await, "eve@example.com", Role::Agent).await;
        let (_, _, id) = talk(&app).await;
        let row = act(&app, &omar, &id, "assign", json!({"assignee_id": olga_id})).await.expect(200);
        assert_eq!((&row["handled_by"], &row["assignee_id"], &row["head_rev"]), (&json!("agent"), &json!(olga_id), &json!(2)));
        let row = act(&app, &omar, &id, "take_over", json!({})).await.expect(200);
        assert_eq!((&row["assignee_id"], &row["my_unread_count"]), (&json!(omar_id), &json!(1)));
        let row = act(&app, &omar, &id, "assign", json!({"assignee_id": null})).await.expect(200);
        assert_eq!((&row["handled_by"], &row["assignee_id"]), (&json!("queue"), &json!(null)));
        for wrong in [json!({"assignee_id": seller_id}), json!({"assignee_id": foreign_id}), json!({"assignee_id": NOBODY}), json!({"assignee_id": "omar"}), json!({})] {
            wrong_field(act(&app, &omar, &id, "assign", wrong).await, "assignee_id");
        }
        act(&app, &omar, &id, "assign", json!({"assignee_id": null, "note": "x"})).await.problem(400, "invalid_input");
        let problem = act(&app, &omar, &id, "hand_to_assistant", json!({})).await.problem(409, "conflict");
        assert!(problem["detail"].as_str().unwrap().contains("assistant"), "{problem}");
    }

    async fn status_flag_and_labels_are_set(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (room, _, id) = talk(&app).await;
        let row = act(&app, &agent, &id, "status", json!({"status": "snoozed", "until": "2099-11-20T10:00:00+01:00"})).await.expect(200);
        assert_eq!((&row["status"], &row["snoozed_until"]), (&json!("snoozed"), &json!("2099-11-20T09:00:00.000Z")));
        for (wrong, field) in [
            (json!({"status": "snoozed", "until": "2020-01-01T00:00:00Z"}), "until"), (json!({"status": "snoozed", "until": "tomorrow"}), "until"),
            (json!({"status": "resolved", "until": "2099-01-01T00:00:00Z"}), "until"), (json!({"status": "closed"}), "status"), (json!({}), "status"),
        ] {
            wrong_field(act(&app, &agent, &id, "status", wrong).await, field);
        }
        let room_status = || async { app.get(&format!("/api/public/chat-rooms/{room}/")).send().await.expect(200)["status"].clone() };
        assert_eq!(room_status().await, "open", "visitors see no snooze");
        let row = act(&app, &agent, &id, "status", json!({"status": "resolved", "until": null})).await.expect(200);
        assert_eq!((&row["status"], &row["snoozed_until"]), (&json!("resolved"), &json!(null)));
        assert_eq!(room_status().await, "resolved");
        app.say(&room, "One more thing").await;
        assert_eq!(detail(&app, &agent, &id).await["status"], "open", "a visitor's message reopens");

        let row = act(&app, &agent, &id, "flag", json!({"flagged": true, "reason": "Asks for a refund"})).await.expect(200);
        assert_eq!(row["flag"]["reason"], "Asks for a refund");
        let again = act(&app, &agent, &id, "flag", json!({"flagged": true, "reason": "Asks for a refund"})).await.expect(200);
        assert_eq!((&again["flag"], &again["head_rev"]), (&row["flag"], &row["head_rev"]), "the same again changes nothing");
        assert_eq!(act(&app, &agent, &id, "flag", json!({"flagged": false})).await.expect(200)["flag"], json!(null));
        wrong_field(act(&app, &agent, &id, "flag", json!({"flagged": false, "reason": "why"})).await, "reason");
        wrong_field(act(&app, &agent, &id, "flag", json!({"flagged": true, "reason": "x".repeat(501)})).await, "reason");
        wrong_field(act(&app, &agent, &id, "flag", json!({"flagged": "yes"})).await, "flagged");

        let row = act(&app, &agent, &id, "labels", json!({"labels": ["vip", "billing", " vip "]})).await.expect(200);
        assert_eq!(row["labels"], json!(["billing", "vip"]));
        let many: Vec<String> = (0..21).map(|number| format!("label {number}")).collect();
        wrong_field(act(&app, &agent, &id, "labels", json!({"labels": many})).await, "labels");
        wrong_field(act(&app, &agent, &id, "labels", json!({"labels": ["ok", ""]})).await, "labels[1]");
        assert_eq!(act(&app, &agent, &id, "labels", json!({"labels": []})).await.expect(200)["labels"], json!([]));
        let customer = app.get(&format!("/api/public/chat-rooms/{room}/")).send().await;
        assert!(!customer.text.contains("labels") && !customer.text.contains("flag"), "{}", customer.text);
    }

    async fn messages_are_edited_and_deleted_by_their_author_or_an_admin(app: TestApp) {
        let (omar, _) = app.agent("omar@example.com", Role::Agent).await;
        let (olga, _) = app.agent("olga@example.com", Role::Agent).await;
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (room, _, id) = talk(&app).await;
        let sent = act(&app, &omar, &id, "send_message", json!({"message": "It iss.", "client_id": "a-1"})).await.expect(201);
        let path = format!("/api/admin/chat-rooms/{id}/messages/{}/", sent["id"].as_str().unwrap());
        let edit = |token: &str, text: &str| app.patch(&path).bearer(token).json(json!({"message": text})).send();
        edit(&olga, "It is not.").await.problem(403, "forbidden");
        let edited = edit(&omar, "It is.").await.expect(200);
        assert_eq!((&edited["text"], &edited["seq"], &edited["rev"], edited["edited_at"].is_string()), (&json!("It is."), &json!(2), &json!(3), true));
        assert_eq!(edit(&admin, "It is, indeed.").await.expect(200)["text"], "It is, indeed.");
        assert_eq!(act(&app, &omar, &id, "send_message", json!({"message": "It iss.", "client_id": "a-1"})).await.expect(200)["id"], sent["id"], "an edit changes nothing about repeats");
        wrong_field(edit(&omar, " ").await, "message");
        app.patch(&path).bearer(&omar).json(json!({"message": "a", "private": true})).send().await.problem(400, "invalid_input");

        app.delete(&path).bearer(&olga).send().await.problem(403, "forbidden");
        assert_eq!(app.delete(&path).bearer(&omar).send().await.status, 204);
        assert_eq!(app.delete(&path).bearer(&omar).send().await.status, 204, "once more changes nothing");
        edit(&omar, "Again").await.problem(409, "conflict");
        let gone = &history(&app, &omar, &id).await[1];
        assert_eq!((&gone["text"], &gone["seq"], gone["deleted_at"].is_string()), (&json!(""), &json!(2), true));

        let customers = history(&app, &omar, &id).await[0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/admin/chat-rooms/{id}/messages/{customers}/");
        app.delete(&path).bearer(&omar).send().await.problem(403, "forbidden");
        assert_eq!(app.delete(&path).bearer(&admin).send().await.status, 204);
        let customer = app.get(&format!("/api/public/chat-rooms/{room}/get_messages/")).send().await.expect(200);
        assert!(customer["results"].as_array().unwrap().iter().all(|message| message["text"] == ""));
    }

    async fn our_side_has_one_sign_on_each_message(app: TestApp) {
        let (omar, _) = app.agent("omar@example.com", Role::Agent).await;
        let (olga, _) = app.agent("olga@example.com", Role::Agent).await;
        let (_, _, id) = talk(&app).await;
        let message = history(&app, &omar, &id).await[0]["id"].as_str().unwrap().to_owned();
        let react = |token: &str, emoji: &str| app.post(&format!("/api/admin/chat-rooms/{id}/messages/{message}/reaction/")).bearer(token).json(json!({"emoji": emoji})).send();
        assert_eq!(react(&omar, "👍").await.expect(200)["reactions"], json!([{"emoji": "👍", "by": "agent"}]));
        let family = "👨‍👩‍👧‍👦";
        assert_eq!(react(&olga, family).await.expect(200)["reactions"], json!([{"emoji": family, "by": "agent"}]));
        let away = react(&omar, "").await.expect(200);
        assert_eq!((&away["reactions"], &away["rev"]), (&json!([]), &json!(4)));
        assert_eq!(react(&omar, "").await.expect(200)["rev"], 4);
        for wrong in [" ", "\u{0}", &"x".repeat(33)] {
            wrong_field(react(&omar, wrong).await, "emoji");
        }
    }

    async fn a_deleted_conversation_is_gone_for_both_parties(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (room, visitor, id) = talk(&app).await;
        let path = format!("/api/admin/chat-rooms/{id}/");
        app.delete(&path).bearer(&agent).send().await.problem(403, "forbidden");
        assert_eq!(app.delete(&path).bearer(&admin).send().await.status, 204);
        app.delete(&path).bearer(&admin).send().await.problem(404, "not_found");
        for token in [&agent, &admin] {
            app.get(&path).bearer(token).send().await.problem(404, "not_found");
            app.get(&format!("{path}messages/")).bearer(token).send().await.problem(404, "not_found");
            act(&app, token, &id, "send_message", json!({"message": "Hi"})).await.problem(404, "not_found");
            assert!(listed(&app, token, "").await.is_empty());
        }
        app.get(&format!("/api/public/chat-rooms/{room}/")).send().await.problem(404, "not_found");
        app.post(&format!("/api/public/chat-rooms/{room}/send_message/")).json(json!({"message": "Hi"})).send().await.problem(404, "not_found");
        let rooms = app.get(&format!("/api/public/chat-rooms/?visitor_id={visitor}")).send().await.expect(200);
        assert_eq!(rooms["results"], json!([]));
        app.get(&format!("{path}?deleted=true")).bearer(&agent).send().await.problem(403, "forbidden");
        app.get("/api/admin/chat-rooms/?deleted=true").bearer(&agent).send().await.problem(403, "forbidden");
        assert_eq!(listed(&app, &admin, "deleted=true").await, std::slice::from_ref(&id));
        let seen = app.get(&format!("{path}?deleted=true")).bearer(&admin).send().await.expect(200);
        assert!(seen["deleted_at"].is_string(), "{seen}");
    }

    async fn history_is_read_by_place_and_by_change(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (room, _, id) = talk(&app).await;
        act(&app, &agent, &id, "send_message", json!({"message": "note", "private": true})).await.expect(201);
        for text in ["two", "three"] {
            app.say(&room, text).await;
        }
        let read = |query: &str| app.get(&format!("/api/admin/chat-rooms/{id}/messages/?{query}")).bearer(&agent).send();
        let texts = |body: &Value| body["results"].as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let whole = read("").await.expect(200);
        assert_eq!(texts(&whole), ["Is it still available?", "note", "two", "three"]);
        assert_eq!((&whole["head_seq"], &whole["head_rev"], &whole["next"]), (&json!(3), &json!(4), &json!(null)));
        assert_eq!(texts(&read("after_seq=1").await.expect(200)), ["note", "two", "three"], "a note stands after its message");
        assert_eq!(texts(&read("before_seq=2").await.expect(200)), ["Is it still available?", "note"]);
        let last = read("limit=1").await.expect(200);
        assert_eq!(texts(&last), ["three"]);
        assert_eq!(texts(&read(&format!("limit=2&cursor={}", last["next"].as_str().unwrap())).await.expect(200)), ["note", "two"]);
        assert_eq!(texts(&read("changed_after=2").await.expect(200)), ["two", "three"]);
        act(&app, &agent, &id, "take_over", json!({})).await.expect(200);
        let changed = read("changed_after=4").await.expect(200);
        assert_eq!((&changed["results"], &changed["conversation"]["handled_by"], &changed["head_rev"]), (&json!([]), &json!("agent"), &json!(5)));
        for (query, field) in [("after_seq=-1", "after_seq"), ("limit=0", "limit"), ("cursor=x", "cursor"), ("after_seq=1&before_seq=2", "cursor"), ("changed_after=99", "changed_after"), ("after_seq=x", "query")] {
            wrong_field(read(query).await, field);
        }
    }
}
