//! Who finds which room, and what of it is shown.

use super::{Desk, NOBODY, ROOMS, ids, keys, room_of, send, text};
use crate::chats::{far_owner, new_session, stored};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

on_both! {
    async fn a_visitor_lists_its_own_conversations_newest_activity_first(app: TestApp) {
        let visitor = app.visitor().await;
        let mut rooms = Vec::new();
        for n in 0..5 {
            app.clock.advance(Duration::from_millis(5));
            let made = app.post(ROOMS).json(json!({"visitor_id": visitor, "message": format!("Room {n}")})).send().await.expect(201);
            rooms.push(text(&made["id"]));
        }
        app.clock.advance(Duration::from_millis(5));
        let session = new_session(&app, &visitor).await;
        let chat = text(&session["conversation_id"]);
        let silent = app.post(ROOMS).json(json!({"visitor_id": visitor})).send().await.expect(201);
        app.room().await;
        app.clock.advance(Duration::from_millis(5));
        app.say(&rooms[1], "Once more").await;
        let expected = [&rooms[1], &rooms[4], &rooms[3], &rooms[2], &rooms[0]].map(Clone::clone);
        let list = async |query: &str| app.get(&format!("{ROOMS}?visitor_id={visitor}{query}")).send().await.expect(200);
        let all = list("").await;
        assert_eq!((keys(&all), ids(&all).as_slice(), &all["next"]), (vec!["next", "results"], &expected[..], &Value::Null));
        assert_eq!(all["results"][0], room_of(&app, &rooms[1]).await);
        assert_eq!(ids(&app.get("/api/public/chat-rooms").bearer(&visitor).send().await.expect(200)), expected);
        let mut paged = Vec::new();
        let mut query = "&limit=2".to_owned();
        loop {
            let page = list(&query).await;
            paged.extend(ids(&page));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("&limit=2&cursor={next}");
        }
        assert_eq!(paged, expected);
        let mut empty = ids(&list("&empty=true").await);
        empty.sort();
        let mut silent = vec![text(&silent["id"]), chat.clone()];
        silent.sort();
        assert_eq!(empty, silent, "a conversation without a message is only told when asked for");
        app.say(&chat, "From the chat").await;
        assert!(ids(&list("").await).contains(&chat), "a conversation begun by another door is seen here");
        for wrong in ["&limit=0", "&limit=101", "&cursor=nonsense", "&empty=perhaps"] {
            app.get(&format!("{ROOMS}?visitor_id={visitor}{wrong}")).send().await.problem(400, "invalid_input");
        }
    }

    async fn nobody_lists_what_others_said(app: TestApp) {
        let (room, _) = app.room().await;
        app.say(&room, "Hello").await;
        for path in [ROOMS, "/api/public/chat-rooms", "/api/public/chat-rooms/?visitor_id=", "/api/public/chat-rooms/?customer_email=nadia@example.com"] {
            assert_eq!(app.get(path).send().await.expect(200), json!({"results": [], "next": null}), "{path}");
        }
        let other = app.post(ROOMS).json(json!({"customer_email": "nadia@example.com"})).send().await.expect(201);
        let list = app.get(&format!("{ROOMS}?visitor_id={}", text(&other["visitor_id"]))).send().await.expect(200);
        assert_eq!(list["results"], json!([]), "a typed address gives no access to anything");
        let internal = stored(&app, &text(&other["visitor_id"])).await.id;
        app.get(&format!("{ROOMS}?visitor_id={internal}")).send().await.problem(404, "visitor_not_found");
        app.get(&format!("{ROOMS}?visitor_id={NOBODY}")).send().await.problem(404, "visitor_not_found");
        app.get(ROOMS).bearer(NOBODY).send().await.problem(401, "unauthenticated");
        app.get(ROOMS).bearer(&room).send().await.problem(401, "unauthenticated");
        app.get(ROOMS).bearer(&Desk::open(&app).await.token).send().await.problem(403, "forbidden");
    }

    async fn an_unknown_room_is_404_and_never_a_new_room(app: TestApp) {
        let (room, _) = app.room().await;
        let internal = app.conversation_id(&room).await;
        let long = "x".repeat(3000);
        for id in [NOBODY, &internal, "room-1", "%00", "%ff", &long] {
            for slash in ["", "/"] {
                app.get(&format!("{ROOMS}{id}{slash}")).send().await.problem(404, "not_found");
                app.get(&format!("{ROOMS}{id}/get_messages{slash}")).send().await.problem(404, "not_found");
                app.post(&format!("{ROOMS}{id}/send_message{slash}")).json(json!({"message": "Hello"})).send().await.problem(404, "not_found");
                app.post(&format!("{ROOMS}{id}/mark_as_read{slash}")).json(json!({})).send().await.problem(404, "not_found");
                app.delete(&format!("{ROOMS}{id}/messages/{NOBODY}{slash}")).send().await.problem(404, "not_found");
            }
        }
    }

    async fn customers_see_open_or_resolved_and_a_human(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        app.say(&room, "Hello").await;
        for (status, seen) in [("pending", "open"), ("resolved", "resolved"), ("open", "open")] {
            desk.set_status(&room, status).await;
            assert_eq!(room_of(&app, &room).await["status"], seen);
        }
        desk.say(&room, "Good day").await;
        assert_eq!(room_of(&app, &room).await["handled_by"], "human");
    }

    async fn a_deleted_room_is_gone_for_the_customer(app: TestApp) {
        let (room, visitor) = app.room().await;
        let message = text(&app.say(&room, "Hello").await["id"]);
        let desk = Desk::open(&app).await;
        let key = app.post(ROOMS).header("idempotency-key", "k1").json(json!({"message": "Other"})).send().await.expect(201);
        for id in [&room, &text(&key["id"])] {
            assert_eq!(desk.call(Method::DELETE, id, "", json!(null)).await.status, 204);
        }
        app.get(&format!("{ROOMS}{room}/")).send().await.problem(404, "not_found");
        app.get(&format!("{ROOMS}{room}/get_messages/")).send().await.problem(404, "not_found");
        send(&app, &room, json!({"message": "Hello"})).await.problem(404, "not_found");
        app.post(&format!("{ROOMS}{room}/mark_as_read/")).send().await.problem(404, "not_found");
        app.delete(&format!("{ROOMS}{room}/messages/{message}/")).send().await.problem(404, "not_found");
        assert_eq!(app.get(&format!("{ROOMS}?visitor_id={visitor}")).send().await.expect(200)["results"], json!([]));
        app.post(ROOMS).header("idempotency-key", "k1").json(json!({"message": "Other"})).send().await.problem(404, "not_found");
    }

    async fn a_conversation_is_the_same_from_every_door(app: TestApp) {
        let visitor = app.visitor().await;
        let session = new_session(&app, &visitor).await;
        let room = text(&session["conversation_id"]);
        let sent = send(&app, &room, json!({"message": "From the room", "client_id": "m1"})).await.expect(201);
        let path = format!("/api/chats/messages/?session_id={}&visitor_id={visitor}", text(&session["id"]));
        assert_eq!(app.get(&path).send().await.expect(200)["data"]["results"], json!([sent]));
        let desk = Desk::open(&app).await;
        let row = desk.call(Method::GET, &room, "", json!(null)).await.expect(200);
        assert_eq!((&row["kind"], &row["customer_name"], &row["last_message"]), (&json!("chat"), &json!("Nadia"), &json!("From the room")));
        let far = far_owner(&app).await;
        let internal = app.conversation_id(&room).await;
        app.get(&format!("/api/admin/chat-rooms/{internal}/")).bearer(&far).send().await.problem(404, "not_found");
        app.patch(&format!("/api/chats/visitors/{visitor}/")).json(json!({"name": "Nadia N."})).send().await.expect(200);
        assert_eq!(room_of(&app, &room).await["customer_name"], "Nadia N.");
        assert_eq!(app.say(&room, "Now").await["sender"]["name"], "Nadia N.");
    }

    async fn no_key_is_told_to_agents_and_no_internal_id_opens_anything(app: TestApp) {
        let (room, visitor) = app.room().await;
        app.say(&room, "Hello").await;
        let desk = Desk::open(&app).await;
        let internal = app.conversation_id(&room).await;
        let visitor_id = stored(&app, &visitor).await.id;
        let views = [
            "/api/admin/chat-rooms/".to_owned(),
            format!("/api/admin/chat-rooms/{internal}/"),
            format!("/api/admin/chat-rooms/{internal}/messages/"),
            "/api/chats/visitors/".to_owned(),
            format!("/api/chats/visitors/{visitor_id}/"),
            format!("/api/chats/sessions/?visitor_id={visitor_id}"),
        ];
        for view in &views {
            let answer = app.get(view).bearer(&desk.token).send().await;
            assert_eq!(answer.status, 200, "{view}: {}", answer.text);
            for key in [&room, &visitor] {
                assert!(!answer.text.contains(key.as_str()) && !answer.text.contains(&key.replace('-', "")), "{view}");
            }
        }
        app.get(ROOMS).bearer(&visitor_id.to_string()).send().await.problem(401, "unauthenticated");
        app.get(&format!("{ROOMS}{internal}/")).send().await.problem(404, "not_found");
    }
}
