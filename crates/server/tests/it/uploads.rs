//! Files come as forms, for one conversation, and leave by signed links.

use crate::app::{Answer, TestApp};
use crate::multipart::{FORM, Form, upload};
use crate::stored;
use parlor_domain::agent::Role;
use parlor_testkit::whatsapp::sample;
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/api/attachments/";
const MIB: usize = 1024 * 1024;

async fn post(app: &TestApp, token: &str, form: Vec<u8>) -> Answer {
    app.post(PATH).bearer(token).raw(FORM, form).send().await
}

/// The link's path on this server.
fn path_of<'a>(app: &TestApp, file: &'a Value) -> &'a str {
    file["url"].as_str().unwrap().strip_prefix(&app.url).unwrap()
}

on_both! {
    async fn an_upload_is_answered_in_full_and_can_be_fetched(app: TestApp) {
        let (room, _) = app.room().await;
        let file = upload(&app, &room, &room, "../the dent?.png", sample::IMAGE).await.expect(201);
        let keys: Vec<&String> = file.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["expires_at", "height", "id", "mime", "name", "size", "url", "width"]);
        assert_eq!((&file["name"], &file["mime"], &file["size"]), (&json!("the dent_.png"), &json!("image/png"), &json!(sample::IMAGE.len())));
        assert!(file["width"].is_u64() && file["height"].is_u64(), "{file}");
        let path = path_of(&app, &file);
        let link = app.http.get(format!("{}{path}", app.url)).send().await.unwrap();
        assert_eq!(link.headers()["x-content-type-options"], "nosniff");
        assert!(link.headers()["content-disposition"].to_str().unwrap().starts_with("inline; filename=\"the dent_.png\""));
        assert_eq!(link.headers()["content-type"], "image/png");
        assert_eq!(link.bytes().await.unwrap().as_ref(), sample::IMAGE);
        let text = upload(&app, &room, &room, "offer.html", sample::DOCUMENT).await.expect(201);
        assert_eq!(text["mime"], "text/plain", "told by its content");
        let link = app.http.get(format!("{}{}", app.url, path_of(&app, &text))).send().await.unwrap();
        assert!(link.headers()["content-disposition"].to_str().unwrap().starts_with("attachment; "));
        for name in ["other", "%FF", "..%2f..%2fetc%2fpasswd", "a%00b"] {
            let (before, query) = path.split_once('?').unwrap();
            let renamed = format!("{}/{name}?{query}", before.rsplit_once('/').unwrap().0);
            let status = app.http.get(format!("{}{renamed}", app.url)).send().await.unwrap().status();
            assert_eq!(status, 200, "{name}: the name is for people");
        }
        let slashed = path.replacen('?', "/?", 1);
        assert_eq!(app.http.get(format!("{}{slashed}", app.url)).send().await.unwrap().status(), 200);
    }

    async fn a_link_ends_and_cannot_be_made_up(app: TestApp) {
        let (room, _) = app.room().await;
        let file = upload(&app, &room, &room, "note.txt", sample::DOCUMENT).await.expect(201);
        let other = upload(&app, &room, &room, "note.txt", sample::DOCUMENT).await.expect(201);
        let path = path_of(&app, &file);
        let (start, sig) = path.split_once("&sig=").unwrap();
        let of_other = path.replace(file["id"].as_str().unwrap(), other["id"].as_str().unwrap());
        let later = path.replace("exp=", "exp=1");
        for wrong in [start.to_owned(), format!("{start}&sig="), format!("{start}&sig={}", &sig[1..]), format!("{path}A"), format!("{path}&exp=1"), of_other, later, path.split('?').next().unwrap().to_owned()] {
            app.get(&wrong).send().await.problem(404, "not_found");
        }
        app.clock.advance(Duration::from_secs(3601));
        app.get(path).send().await.problem(404, "not_found");
    }

    async fn one_range_may_be_asked_for(app: TestApp) {
        let (room, _) = app.room().await;
        let file = upload(&app, &room, &room, "note.txt", b"0123456789").await.expect(201);
        let path = path_of(&app, &file);
        let range = async |range: &str| app.http.get(format!("{}{path}", app.url)).header("range", range).send().await.unwrap();
        let part = range("bytes=2-5").await;
        assert_eq!((part.status().as_u16(), part.headers()["content-range"].to_str().unwrap()), (206, "bytes 2-5/10"));
        assert_eq!(part.text().await.unwrap(), "2345");
        let behind = app.get(path).header("range", "bytes=10-").send().await;
        assert_eq!((behind.status, behind.header("content-range")), (416, "bytes */10"));
        assert_eq!((&behind.body["status"], &behind.body["errors"][0]["field"]), (&json!(416), &json!("Range")));
        assert!(behind.body["request_id"].is_string());
        let conditional = app.get(path).header("range", "bytes=10-").header("if-range", "\"v1\"").send().await;
        assert_eq!((conditional.status, conditional.text.as_str()), (200, "0123456789"));
    }

    async fn wrong_forms_are_refused_and_store_nothing(app: TestApp) {
        let (room, _) = app.room().await;
        let before = stored::all(&app).await;
        let form = || Form::new().field("conversation_id", &room);
        let two = form().file("a.txt", b"one").file("b.txt", b"other").end();
        let many = (0..9).fold(form(), |form, _| form.field("conversation_id", &room)).file("a.txt", b"one").end();
        let mut cut = form().file("a.txt", b"one").unfinished();
        cut.truncate(cut.len() - 3);
        for (what, form, field) in [
            ("no file", form().end(), "file"),
            ("an empty file", form().file("a.txt", b"").end(), "file"),
            ("no conversation", Form::new().file("a.txt", b"one").end(), "conversation_id"),
            ("a blank conversation", Form::new().field("conversation_id", " ").file("a.txt", b"one").end(), "conversation_id"),
            ("a long conversation", Form::new().field("conversation_id", &"x".repeat(2_000)).file("a.txt", b"one").end(), "conversation_id"),
            ("two files", two, "file"),
            ("an unknown field", form().field("role", "agent").file("a.txt", b"one").end(), "body"),
            ("too many fields", many, "body"),
            ("broken off", cut, "body"),
            ("nothing", Vec::new(), "body"),
            ("no form", b"{\"conversation_id\":1}".to_vec(), "body"),
        ] {
            let refused = post(&app, &room, form).await.problem(400, "invalid_input");
            assert_eq!(refused["errors"][0]["field"], field, "{what}: {refused}");
        }
        for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed; boundary=between-the-parts", ""] {
            let answer = app.post(PATH).bearer(&room).raw(kind, form().file("a.txt", b"one").end()).send().await;
            answer.problem(415, "unsupported_media_type");
        }
        app.post(PATH).bearer(&room).raw("multipart/form-data", form().end()).send().await.problem(400, "invalid_input");
        for (name, content) in [("a.html", &b"<!doctype html><script>alert(1)</script>"[..]), ("a.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), ("a.exe", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0")] {
            post(&app, &room, form().file(name, content).end()).await.problem(415, "unsupported_media_type");
        }
        let large = vec![b'a'; 20 * MIB + 1];
        post(&app, &room, form().file("a.txt", &large).end()).await.problem(413, "too_large");
        let held = post(&app, &room, Form::new().file("a.txt", &large[..2 * MIB]).field("conversation_id", &room).end()).await;
        assert_eq!(held.problem(400, "invalid_input")["errors"][0]["field"], "conversation_id");
        assert!(stored::differences(&before, &stored::all(&app).await).is_empty(), "nothing is stored");
        let kept = walk(&app.folder().join("files"));
        assert!(kept.is_empty(), "nothing is left on disk: {kept:?}");
    }

    async fn twenty_mebibytes_fit_and_a_small_file_may_come_first(app: TestApp) {
        let (room, _) = app.room().await;
        let file = upload(&app, &room, &room, "a.txt", &vec![b'a'; 20 * MIB]).await.expect(201);
        assert_eq!(file["size"], 20 * MIB);
        post(&app, &room, Form::new().file("a.txt", b"one").field("conversation_id", &room).end()).await.expect(201);
        let named = format!("{PATH}?conversation_id={room}");
        app.post(&named).bearer(&room).raw(FORM, Form::new().file("a.txt", b"one").end()).send().await.expect(201);
    }

    async fn an_upload_goes_with_one_message_of_its_uploader(app: TestApp) {
        let (room, _) = app.room().await;
        let file = upload(&app, &room, &room, "note.txt", sample::DOCUMENT).await.expect(201);
        let send = async |room: &str, ids: Value| app.post(&format!("/api/public/chat-rooms/{room}/send_message/")).json(json!({"message": "Look", "attachment_ids": ids})).send().await;
        let (other, _) = app.room().await;
        assert_eq!(send(&other, json!([file["id"]])).await.problem(400, "invalid_input")["errors"][0]["field"], "attachment_ids", "of another conversation");
        let (token, _) = app.agent("olga@example.com", Role::Agent).await;
        let admin = format!("/api/admin/chat-rooms/{}/send_message/", app.conversation_id(&room).await);
        app.post(&admin).bearer(&token).json(json!({"message": "Look", "attachment_ids": [file["id"]]})).send().await.problem(400, "invalid_input");
        for wrong in [json!(["x"]), json!([file["id"], file["id"]]), json!(["018f6a3e-5b1c-7000-8000-000000000077"])] {
            assert_eq!(send(&room, wrong).await.problem(400, "invalid_input")["errors"][0]["field"], "attachment_ids");
        }
        let sent = send(&room, json!([file["id"]])).await.expect(201);
        assert_eq!((&sent["type"], &sent["attachments"][0]["id"]), (&json!("file"), &file["id"]));
        send(&room, json!([file["id"]])).await.problem(400, "invalid_input");
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { vec![entry.path()] })
        .collect()
}
