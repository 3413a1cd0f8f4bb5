//! Files go when nobody needs them any more, and not before.

use super::*;
use parlor_server::worker::forget_old;
use std::fs;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The server does the same by itself once a minute.
async fn tidy(app: &TestApp) {
    app.state().attachments.remove_unused().await.unwrap();
}

/// Whether the rows name a file, and how many files are on the disk.
async fn kept(app: &TestApp, id: &str) -> (bool, usize) {
    let read = app.state().store.read().await.unwrap();
    let known = read.attachments().find_any(id.parse().unwrap()).await.unwrap().is_some();
    (known, files_in(&folder(app)).len())
}

on_both! {
    async fn an_upload_waits_a_day_for_its_message(app: TestApp) {
        let (room, _) = app.room().await;
        let (message, used) = sent(&app, &room).await;
        let unused = waiting(&app, &room, &room).await;
        app.clock.advance(DAY - HOUR / 60);
        tidy(&app).await;
        assert_eq!(kept(&app, &unused).await, (true, 2));
        app.clock.advance(HOUR / 30);
        tidy(&app).await;
        assert_eq!(kept(&app, &unused).await, (false, 1));
        app.clock.advance(30 * DAY);
        tidy(&app).await;
        assert_eq!(kept(&app, text(&used["id"])).await, (true, 1), "what was sent stays");
        let seen = read(&app, &room, "").await["results"][0].clone();
        assert_eq!(seen["id"], message["id"]);
        carries(&app, &seen, text(&used["id"]), format!("waits in {room}").as_bytes()).await;
        assert_eq!(wrong_field(send(&app, &room, json!({"message": "Late", "attachment_ids": [unused]})).await), "attachment_ids");
    }

    async fn the_last_hour_is_too_late_to_send(app: TestApp) {
        let (room, _) = app.room().await;
        let (early, late) = (waiting(&app, &room, &room).await, waiting(&app, &room, &room).await);
        app.clock.advance(22 * HOUR + HOUR / 2);
        send(&app, &room, json!({"attachment_ids": [early]})).await.expect(201);
        app.clock.advance(HOUR);
        assert_eq!(wrong_field(send(&app, &room, json!({"attachment_ids": [late]})).await), "attachment_ids", "it could be removed meanwhile");
    }

    async fn what_was_sent_at_the_last_moment_stays(app: TestApp) {
        let (room, _) = app.room().await;
        let file = waiting(&app, &room, &room).await;
        app.clock.advance(22 * HOUR);
        let message = send(&app, &room, json!({"attachment_ids": [file]})).await.expect(201);
        app.clock.advance(3 * HOUR);
        tidy(&app).await;
        assert_eq!(kept(&app, &file).await, (true, 1));
        let seen = read(&app, &room, "").await["results"][0].clone();
        assert_eq!(seen["id"], message["id"]);
        carries(&app, &seen, &file, format!("waits in {room}").as_bytes()).await;
    }

    async fn a_deleted_messages_bytes_go(app: TestApp) {
        let (room, visitor) = app.room().await;
        let (message, file) = sent(&app, &room).await;
        let (_, other) = sent(&app, &room).await;
        let path = format!("/api/public/chat-rooms/{room}/messages/{}/", text(&message["id"]));
        app.delete(&path).bearer(&visitor).send().await.expect(204);
        tidy(&app).await;
        assert_eq!((kept(&app, text(&file["id"])).await, kept(&app, text(&other["id"])).await), ((false, 1), (true, 1)));
        tidy(&app).await;
        assert_eq!(kept(&app, text(&other["id"])).await, (true, 1));
    }

    async fn an_erased_conversations_bytes_go(app: TestApp) {
        let (room, _) = app.room().await;
        let id = app.conversation_id(&room).await;
        let owner = app.agent("olga@example.com", Role::Owner).await.0;
        let (_, file) = sent(&app, &room).await;
        let unused = waiting(&app, &room, &room).await;
        let (other_room, _) = app.room().await;
        let (_, other) = sent(&app, &other_room).await;
        app.delete(&format!("/api/admin/chat-rooms/{id}/")).bearer(&owner).send().await.expect(204);
        app.clock.advance(HOUR);
        forget_old(app.state()).await.unwrap();
        tidy(&app).await;
        assert_eq!((kept(&app, text(&file["id"])).await, kept(&app, &unused).await), ((true, 3), (true, 3)), "admins could still want it back");
        app.clock.advance(30 * DAY);
        forget_old(app.state()).await.unwrap();
        tidy(&app).await;
        assert_eq!((kept(&app, text(&file["id"])).await, kept(&app, &unused).await), ((false, 1), (false, 1)));
        assert_eq!(kept(&app, text(&other["id"])).await, (true, 1));
    }

    async fn an_empty_conversations_uploads_go_with_it(app: TestApp) {
        let (room, _) = app.room().await;
        let unused = waiting(&app, &room, &room).await;
        app.clock.advance(8 * DAY);
        forget_old(app.state()).await.unwrap();
        tidy(&app).await;
        assert_eq!(kept(&app, &unused).await, (false, 0));
        app.get(&format!("/api/public/chat-rooms/{room}/")).send().await.problem(404, "not_found");
    }

    async fn bytes_that_are_gone_are_not_found_and_their_row_goes_all_the_same(app: TestApp) {
        let (room, _) = app.room().await;
        let file = upload(&app, &room, &room, "note.txt", b"one").await.expect(201);
        for path in files_in(&folder(&app)) {
            fs::remove_file(path).unwrap();
        }
        let path = text(&file["url"]).strip_prefix(&app.url).unwrap();
        app.get(path).send().await.problem(404, "not_found");
        app.clock.advance(DAY + HOUR);
        tidy(&app).await;
        assert_eq!(kept(&app, text(&file["id"])).await, (false, 0));
    }

    async fn a_start_removes_what_a_crash_left_and_nothing_else(app: TestApp) {
        let (room, _) = app.room().await;
        let (_, file) = sent(&app, &room).await;
        let drafts = folder(&app).join("drafts");
        fs::write(drafts.join("00000000000040008000000000000001"), b"half").unwrap();
        fs::write(drafts.join("00000000000040008000000000000002"), b"").unwrap();
        let _second = app.second_node().await;
        assert!(files_in(&drafts).is_empty());
        assert_eq!(fetch(&app, &file["url"]).await.0, 200);
    }
}
