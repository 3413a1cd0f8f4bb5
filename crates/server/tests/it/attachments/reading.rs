//! Whoever reads a message gets its files, with links that work; whoever does not, does not.

use super::sending::Party;
use super::*;
use crate::socket::{hello, resume};
use std::time::Duration;

/// The message with this id in a page.
fn found<'a>(page: &'a Value, message: &Value) -> &'a Value {
    let all = page["results"].as_array().unwrap_or_else(|| panic!("no page: {page}"));
    all.iter()
        .find(|one| one["id"] == message["id"])
        .unwrap_or_else(|| panic!("no {message} in {page}"))
}

on_both! {
    async fn every_way_to_read_a_room_has_the_file(app: TestApp) {
        let visitor = app.visitor().await;
        let session = app.post("/api/chats/sessions/").json(json!({"visitor_id": visitor})).send().await.expect(201)["data"].clone();
        let room = text(&session["conversation_id"]).to_owned();
        let agent = app.agent("ada@example.com", Role::Agent).await.0;
        app.say(&room, "Hello").await;
        let id = app.conversation_id(&room).await;
        let (mut nadia, _) = hello(&app, &visitor).await;
        nadia.done("conversation:subscribe", json!({"conversation_id": room})).await;
        let (mut ada, _) = hello(&app, &agent).await;
        ada.done("conversation:subscribe", json!({"conversation_id": id})).await;
        let mut by_room = crate::socket::open(&app, &format!("/ws/chat/{room}/")).await;
        by_room.event("session:welcome").await;

        for staff in [false, true] {
            let (token, named, bytes) = if staff { (&agent, &id, format!("waits in {id}")) } else { (&visitor, &room, format!("waits in {room}")) };
            let (file, bytes) = (waiting(&app, token, named).await, bytes.as_bytes());
            let rev = read(&app, &room, "").await["head_rev"].as_i64().unwrap();
            let staff_rev = app.get(&format!("/api/admin/chat-rooms/{id}/messages/")).bearer(&agent).send().await.expect(200)["head_rev"].as_i64().unwrap();
            let body = json!({"message": "Look", "attachment_ids": [file]});
            let message = if staff { answer(&app, token, &id, body).await.expect(201) } else { send(&app, &room, body).await.expect(201) };
            carries(&app, &message, &file, bytes).await;

            for query in ["", &format!("changed_after={rev}"), "after_seq=1", "limit=1"] {
                carries(&app, found(&read(&app, &room, query).await, &message), &file, bytes).await;
            }
            for query in ["", &format!("changed_after={staff_rev}"), "after_seq=1"] {
                let page = app.get(&format!("/api/admin/chat-rooms/{id}/messages/?{query}")).bearer(&agent).send().await.expect(200);
                carries(&app, found(&page, &message), &file, bytes).await;
            }
            let path = format!("/api/chats/messages/?session_id={}&visitor_id={visitor}", text(&session["id"]));
            let page = app.get(&path).send().await.expect(200)["data"].clone();
            carries(&app, found(&page, &message), &file, bytes).await;

            for socket in [&mut nadia, &mut ada, &mut by_room] {
                let told = socket.event("conversation:new-message").await["data"]["message"].clone();
                carries(&app, &told, &file, bytes).await;
            }
            for (token, named, rev) in [(&visitor, &room, rev), (&agent, &id, staff_rev)] {
                let (mut back, _) = resume(&app, token, json!([{"conversation_id": named, "after_rev": rev}])).await;
                let told = back.event("conversation:new-message").await["data"]["message"].clone();
                carries(&app, &told, &file, bytes).await;
            }
        }
    }

    async fn every_way_to_read_about_a_listing_has_the_file(app: TestApp) {
        let (nadia, mia) = (customer("nadia"), seller("mia"));
        let owner = app.agent("olga@example.com", Role::Owner).await.0;
        begin(&app, &nadia, "conv_1", "mia").await;
        put(&app, &nadia, "conv_1", json!({"id": 1, "text": "Hello"})).await.expect(201);
        let rows = app.get("/api/admin/chat-rooms/?kind=marketplace").bearer(&owner).send().await.expect(200);
        let id = text(&rows["results"][0]["id"]).to_owned();
        let (mut of_nadia, mut of_mia) = (Party::come(&app, &nadia).await, Party::come(&app, &mia).await);
        for (n, token) in [(2_usize, &nadia), (3, &mia)] {
            let (file, bytes) = (waiting(&app, token, "conv_1").await, &b"waits in conv_1"[..]);
            put(&app, token, "conv_1", json!({"id": n, "text": "Look", "attachmentIds": [file]})).await.expect(201);
            for party in [&mut of_nadia, &mut of_mia] {
                let told = party.event("conversation:new-message").await;
                carries(&app, &told["message"], &file, bytes).await;
                carries(&app, told["conversation"]["messages"].as_array().unwrap().last().unwrap(), &file, bytes).await;
            }
            for reader in [&nadia, &mia] {
                let listed = app.get("/api/conversations/").bearer(reader).send().await.expect(200);
                let messages = listed[0]["messages"].as_array().unwrap();
                assert!(messages[0].get("attachments").is_none(), "old frontends see nothing new: {}", messages[0]);
                carries(&app, &messages[n - 1], &file, bytes).await;
                let mut back = Party::come(&app, reader).await;
                let resumed = back.ask("conversation:subscribe", json!({"conversationId": "conv_1", "afterRev": n - 1})).await;
                assert_eq!(resumed["ok"], true, "{resumed}");
                carries(&app, &back.event("conversation:new-message").await["message"], &file, bytes).await;
            }
            let page = app.get(&format!("/api/admin/chat-rooms/{id}/messages/")).bearer(&owner).send().await.expect(200);
            carries(&app, &page["results"][n - 1], &file, bytes).await;
        }
    }

    async fn a_notes_file_is_for_agents_only(app: TestApp) {
        let (room, visitor) = app.room().await;
        app.say(&room, "Hello").await;
        let id = app.conversation_id(&room).await;
        let (ada, olga) = (app.agent("ada@example.com", Role::Agent).await.0, app.agent("olga@example.com", Role::Agent).await.0);
        let (mut nadia, _) = hello(&app, &visitor).await;
        nadia.done("conversation:subscribe", json!({"conversation_id": room})).await;
        let file = waiting(&app, &ada, &id).await;
        let note = answer(&app, &ada, &id, json!({"message": "Look", "private": true, "attachment_ids": [file]})).await.expect(201);
        let page = app.get(&format!("/api/admin/chat-rooms/{id}/messages/")).bearer(&olga).send().await.expect(200);
        carries(&app, found(&page, &note), &file, format!("waits in {id}").as_bytes()).await;

        let room_path = format!("/api/public/chat-rooms/{room}/");
        for path in [format!("{room_path}get_messages/"), format!("{room_path}get_messages/?changed_after=0"), room_path, format!("/api/public/chat-rooms/?visitor_id={visitor}")] {
            let seen = app.get(&path).send().await;
            assert!(seen.status == 200 && !seen.text.contains(&file) && !seen.text.contains("note.txt"), "{path}: {}", seen.text);
        }
        let told = nadia.so_far().await;
        assert!(told.iter().all(|frame| !frame.to_string().contains(&file)), "{told:?}");
        let (mut back, _) = resume(&app, &visitor, json!([{"conversation_id": room, "after_rev": 0}])).await;
        let told = back.so_far().await;
        assert!(!told.is_empty() && told.iter().all(|frame| !frame.to_string().contains(&file)), "{told:?}");
        assert_eq!(wrong_field(send(&app, &room, json!({"message": "Mine", "attachment_ids": [file]})).await), "attachment_ids");
        assert_eq!(wrong_field(send(&app, &room, json!({"attachment_ids": [file]})).await), "attachment_ids");
    }

    async fn an_upload_is_seen_by_nobody_until_it_is_sent(app: TestApp) {
        let (room, visitor) = app.room().await;
        app.say(&room, "Hello").await;
        let (mut nadia, _) = hello(&app, &visitor).await;
        nadia.done("conversation:subscribe", json!({"conversation_id": room})).await;
        let before = read(&app, &room, "").await;
        waiting(&app, &visitor, &room).await;
        assert_eq!((read(&app, &room, "").await, nadia.so_far().await), (before, Vec::new()));
    }

    async fn each_answer_has_a_link_of_its_time(app: TestApp) {
        let (room, _) = app.room().await;
        let (message, file) = sent(&app, &room).await;
        app.clock.advance(Duration::from_secs(3_601));
        assert_eq!(fetch(&app, &file["url"]).await.0, 404);
        let page = read(&app, &room, "").await;
        let seen = found(&page, &message);
        assert_ne!(seen["attachments"][0]["url"], file["url"]);
        carries(&app, seen, text(&file["id"]), format!("waits in {room}").as_bytes()).await;
    }
}
