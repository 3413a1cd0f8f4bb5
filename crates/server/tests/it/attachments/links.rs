//! What a link gives, and when it gives nothing any more.

use super::*;
use parlor_testkit::whatsapp::sample;
use std::time::Duration;

on_both! {
    async fn only_safe_pictures_are_shown_in_place(app: TestApp) {
        let (room, _) = app.room().await;
        let gif = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
        let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9";
        let webp = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0";
        for (name, content, mime, shown) in [
            ("dent.png", sample::IMAGE, "image/png", "inline"),
            ("dent.html", &gif[..], "image/gif", "inline"),
            ("dent.jpg", jpeg, "image/jpeg", "inline"),
            ("dent", webp, "image/webp", "inline"),
            ("dent.png", b"II*\0\x08\0\0\0", "image/tiff", "attachment"),
            ("dent.png", b"%PDF-1.7\n%\xe2\xe3", "application/pdf", "attachment"),
            ("dent.png", b"just words", "text/plain", "attachment"),
            ("nadia.vcf", b"BEGIN:VCARD\r\nVERSION:4.0\r\n", "text/vcard", "attachment"),
            ("voice.ogg", sample::VOICE, "audio/ogg", "attachment"),
            ("all.zip", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "application/zip", "attachment"),
        ] {
            let file = upload(&app, &room, &room, name, content).await.expect(201);
            assert_eq!((&file["mime"], &file["size"]), (&json!(mime), &json!(content.len())), "{name}");
            let (status, headers, bytes) = fetch(&app, &file["url"]).await;
            assert_eq!((status, bytes.as_slice()), (200, content), "{mime}");
            let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
            assert_eq!(header("content-type"), mime);
            assert_eq!(header("content-length"), content.len().to_string());
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("content-security-policy"), "sandbox; default-src 'none'");
            assert_eq!(header("accept-ranges"), "bytes");
            assert!(header("content-disposition").starts_with(&format!("{shown}; filename=\"{name}")), "{mime}: {headers:?}");
            let kept: u32 = header("cache-control").strip_prefix("private, max-age=").unwrap().parse().unwrap();
            assert!((3_500..=3_600).contains(&kept), "as long as the link: {kept}");
        }
    }

    async fn a_range_is_a_part_of_the_whole(app: TestApp) {
        let (room, _) = app.room().await;
        let content: Vec<u8> = (0..200_000_u32).map(|n| b'a' + u8::try_from(n % 23).unwrap()).collect();
        let file = upload(&app, &room, &room, "long.txt", &content).await.expect(201);
        for (range, first, last) in [("0-", 0, 199_999), ("65535-65536", 65_535, 65_536), ("-70000", 130_000, 199_999), ("199999-", 199_999, 199_999), ("100000-999999", 100_000, 199_999)] {
            let part = app.http.get(text(&file["url"])).header("range", format!("bytes={range}")).send().await.unwrap();
            assert_eq!(part.status(), 206);
            let headers = part.headers().clone();
            assert_eq!(headers["content-range"].to_str().unwrap(), format!("bytes {first}-{last}/200000"));
            assert_eq!(headers["content-length"].to_str().unwrap(), (last - first + 1).to_string());
            assert_eq!((&headers["x-content-type-options"], &headers["content-security-policy"]), (&"nosniff".parse().unwrap(), &"sandbox; default-src 'none'".parse().unwrap()));
            assert!(part.bytes().await.unwrap() == content[first..=last], "{range}");
        }
        for whole in ["bytes=0-1,4-5", "bytes=9-3", "lines=0-1", "bytes=x-"] {
            let all = app.http.get(text(&file["url"])).header("range", whole).send().await.unwrap();
            assert_eq!(all.status(), 200, "{whole}");
            assert!(all.bytes().await.unwrap() == content, "{whole}");
        }
        for behind in ["bytes=200000-", "bytes=200000-200001", "bytes=-0"] {
            let path = text(&file["url"]).strip_prefix(&app.url).unwrap();
            let refused = app.get(path).header("range", behind).send().await;
            assert_eq!((refused.status, refused.header("content-range")), (416, "bytes */200000"), "{behind}");
        }
    }

    async fn a_link_needs_no_login_and_a_login_no_link_makes(app: TestApp) {
        let (room, visitor) = app.room().await;
        let owner = app.agent("olga@example.com", Role::Owner).await.0;
        let (_, file) = sent(&app, &room).await;
        assert_eq!(fetch(&app, &file["url"]).await.0, 200);
        let path = text(&file["url"]).strip_prefix(&app.url).unwrap();
        let bare = path.split('?').next().unwrap();
        for token in [&room, &visitor, &owner] {
            app.get(bare).bearer(token).send().await.problem(404, "not_found");
            assert_eq!(app.http.get(text(&file["url"])).bearer_auth(token).send().await.unwrap().status(), 200);
        }
        let (_, query) = path.split_once('?').unwrap();
        for wrong in [format!("{PATH}{NOBODY}/note.txt?{query}"), format!("{PATH}nonsense/note.txt?{query}"), bare.to_owned(), format!("{bare}?exp=x&sig=x")] {
            app.get(&wrong).send().await.problem(404, "not_found");
        }
        let (before, signature) = path.split_once("sig=").unwrap();
        let turned: String = signature.chars().rev().collect();
        for wrong in [turned, signature.to_lowercase(), format!("%20{signature}"), signature.repeat(2)] {
            app.get(&format!("{before}sig={wrong}")).send().await.problem(404, "not_found");
        }
        app.post(path).send().await.problem(405, "method_not_allowed");
    }

    async fn a_link_of_one_node_opens_on_another(app: TestApp) {
        let (room, _) = app.room().await;
        let (_, file) = sent(&app, &room).await;
        let other = app.second_node().await;
        let moved = text(&file["url"]).replace(&app.url, &other.url);
        let answer = app.http.get(moved).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (200, format!("waits in {room}")));
    }

    async fn a_deleted_messages_link_is_dead_at_once(app: TestApp) {
        let (room, visitor) = app.room().await;
        let id = app.conversation_id(&room).await;
        let agent = app.agent("ada@example.com", Role::Agent).await.0;
        let (message, file) = sent(&app, &room).await;
        let (_, other) = sent(&app, &room).await;
        let path = format!("/api/public/chat-rooms/{room}/messages/{}/", text(&message["id"]));
        app.delete(&path).bearer(&visitor).send().await.expect(204);
        assert_eq!(fetch(&app, &file["url"]).await.0, 404);
        assert_eq!(fetch(&app, &other["url"]).await.0, 200);
        let seen = read(&app, &room, "").await["results"][0].clone();
        assert_eq!((&seen["id"], &seen["text"], &seen["attachments"]), (&message["id"], &json!(""), &json!([])));
        assert!(!read(&app, &room, "changed_after=0").await.to_string().contains(text(&file["id"])));
        assert_eq!(wrong_field(send(&app, &room, json!({"message": "Again", "attachment_ids": [file["id"]]})).await), "attachment_ids");

        let own = waiting(&app, &agent, &id).await;
        let note = answer(&app, &agent, &id, json!({"message": "Look", "private": true, "attachment_ids": [own]})).await.expect(201);
        let path = format!("/api/admin/chat-rooms/{id}/messages/{}/", text(&note["id"]));
        app.delete(&path).bearer(&agent).send().await.expect(204);
        assert_eq!(fetch(&app, &note["attachments"][0]["url"]).await.0, 404);
    }

    async fn an_edit_keeps_the_files(app: TestApp) {
        let (room, _) = app.room().await;
        app.say(&room, "Hello").await;
        let id = app.conversation_id(&room).await;
        let agent = app.agent("ada@example.com", Role::Agent).await.0;
        let file = waiting(&app, &agent, &id).await;
        let message = answer(&app, &agent, &id, json!({"message": "Look", "attachment_ids": [file]})).await.expect(201);
        let path = format!("/api/admin/chat-rooms/{id}/messages/{}/", text(&message["id"]));
        let edited = app.patch(&path).bearer(&agent).json(json!({"message": "Look here"})).send().await.expect(200);
        assert_eq!(edited["text"], "Look here");
        carries(&app, &edited, &file, format!("waits in {id}").as_bytes()).await;
    }

    async fn a_deleted_conversations_links_are_dead_at_once(app: TestApp) {
        let (room, _) = app.room().await;
        let id = app.conversation_id(&room).await;
        let owner = app.agent("olga@example.com", Role::Owner).await.0;
        let (_, file) = sent(&app, &room).await;
        let waits = upload(&app, &room, &room, "note.txt", b"one").await.expect(201);
        app.delete(&format!("/api/admin/chat-rooms/{id}/")).bearer(&owner).send().await.expect(204);
        assert_eq!((fetch(&app, &file["url"]).await.0, fetch(&app, &waits["url"]).await.0), (404, 404));

        let (nadia, mia) = (customer("nadia"), seller("mia"));
        begin(&app, &nadia, "conv_1", "mia").await;
        let of_listing = waiting(&app, &nadia, "conv_1").await;
        let stored = put(&app, &nadia, "conv_1", json!({"id": 1, "attachmentIds": [of_listing]})).await.expect(201);
        let link = &stored["message"]["attachments"][0]["url"];
        assert_eq!(fetch(&app, link).await.0, 200);
        app.call(Method::DELETE, "/api/conversations?id=conv_1").bearer(&mia).send().await.expect(204);
        assert_eq!(fetch(&app, link).await.0, 404);
    }

    async fn a_waiting_files_link_ends_like_any_other(app: TestApp) {
        let (room, _) = app.room().await;
        let file = upload(&app, &room, &room, "note.txt", b"one").await.expect(201);
        let path = text(&file["url"]).strip_prefix(&app.url).unwrap();
        let expires = parlor_domain::clock::Timestamp(path.split("exp=").nth(1).unwrap().split('&').next().unwrap().parse::<i64>().unwrap() * 1_000);
        assert_eq!(file["expires_at"], expires.to_rfc3339());
        app.clock.advance(Duration::from_secs(3_590));
        assert_eq!(fetch(&app, &file["url"]).await.0, 200);
        app.clock.advance(Duration::from_secs(11));
        app.get(path).send().await.problem(404, "not_found");
        send(&app, &room, json!({"attachment_ids": [file["id"]]})).await.expect(201);
    }
}
