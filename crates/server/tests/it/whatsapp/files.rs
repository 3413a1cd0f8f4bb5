//! Files, in and out (section 8).

use super::*;
use parlor_testkit::whatsapp::{Media, Rule, sample};
use reqwest::multipart::{Form, Part};

/// Waits until the last message has its file, and gives it.
async fn file_comes(line: &Line) -> Value {
    let begun = Instant::now();
    loop {
        let message = line.last().await;
        if message["attachments"][0].is_object() || message["metadata"]["media_error"].is_string() {
            return message;
        }
        assert!(begun.elapsed() < PATIENCE, "no file: {message}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The bytes behind a link of ours.
async fn behind(line: &Line, url: &str) -> (Vec<u8>, reqwest::header::HeaderMap) {
    assert!(url.starts_with(&line.app.url), "served from here: {url}");
    let response = line.app.http.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    (response.bytes().await.unwrap().to_vec(), headers)
}

with_whatsapp! {
    async fn a_file_of_each_kind_is_fetched_and_served_from_here(line: Line) {
        let (image, voice) = (line.graph.media("image/png", sample::IMAGE), line.graph.media("audio/ogg; codecs=opus", sample::VOICE));
        let (video, document) = (line.graph.media("video/mp4", &b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"[..]), line.graph.media("text/plain", sample::DOCUMENT));
        let sticker = line.graph.media("image/webp", &b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0"[..]);
        for (message, media, text, name, live) in [
            (nadia().image(&image).caption("the dent"), &image, "the dent", "image.png", "image"),
            (nadia().image(&image), &image, "[image]", "image.png", "image"),
            (nadia().video(&video).caption("it moves"), &video, "it moves", "video.mp4", "video"),
            (nadia().audio(&voice), &voice, "[audio]", "audio.ogg", "audio"),
            (nadia().voice(&voice), &voice, "[audio]", "voice-note.ogg", "audio"),
            (nadia().document(&document, "../../etc/offer.txt"), &document, "offer.txt", "offer.txt", "document"),
            (nadia().sticker(&sticker), &sticker, "[sticker]", "sticker.webp", "sticker"),
        ] {
            let kind = message.kind().to_owned();
            line.receives(message).await;
            let seen = file_comes(&line).await;
            let file = &seen["attachments"][0];
            assert_eq!((&seen["type"], seen["text"].as_str(), file["name"].as_str()), (&json!("file"), Some(text), Some(name)), "{seen}");
            assert_eq!((&seen["metadata"]["media"]["kind"], &seen["metadata"]["media"]["id"], &file["size"]), (&json!(kind), &json!(media.id), &json!(media.bytes.len())));
            assert_eq!(seen["metadata"]["media"]["voice"], if name == "voice-note.ogg" { json!(true) } else { Value::Null });
            let (bytes, headers) = behind(&line, file["url"].as_str().unwrap()).await;
            assert!(bytes == *media.bytes, "{name}");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            let shown = headers["content-disposition"].to_str().unwrap().to_owned();
            assert_eq!(shown.starts_with("inline"), kind == "image" || kind == "sticker", "{name}: {shown}");
            let of_live = line.live_messages().await.pop().unwrap();
            assert_eq!((of_live["message_type"].as_str(), of_live["message"].as_str()), (Some(live), Some(text)));
            assert!(behind(&line, of_live["media_url"].as_str().unwrap()).await.0 == *media.bytes);
        }
        let calls = line.graph.calls();
        assert!(calls.iter().all(|call| call.bearer() == Some(Number::EXAMPLE_TOKEN)), "the token goes along each time");
    }

    async fn a_file_is_told_to_sockets_when_it_is_here(line: Line) {
        line.hears("Hi").await;
        let mut agent = line.listener().await;
        let gate = parlor_testkit::whatsapp::Gate::new();
        line.graph.rule(Rule::waits_for(&gate).at(Endpoint::MediaInfo));
        let image = line.graph.media("image/png", sample::IMAGE);
        line.receives(nadia().image(&image)).await;
        let new = agent.event("conversation:new-message").await;
        assert_eq!(new["data"]["message"]["attachments"], json!([]), "a slow platform holds up no message");
        gate.open();
        let updated = agent.event("conversation:message-updated").await;
        assert_eq!((&updated["data"]["change"], &updated["data"]["message"]["attachments"][0]["mime"]), (&json!("attachment"), &json!("image/png")));
    }

    async fn a_link_that_died_is_asked_for_again_and_a_busy_platform_later(line: Line) {
        let image = line.graph.media("image/png", sample::IMAGE);
        line.graph.rule(Rule::page(404).at(Endpoint::Download));
        line.receives(nadia().image(&image)).await;
        assert_eq!(file_comes(&line).await["attachments"][0]["size"], sample::IMAGE.len());
        assert_eq!((line.graph.calls_at(Endpoint::MediaInfo).len(), line.graph.calls_at(Endpoint::Download).len()), (2, 2));
        line.graph.rule(Rule::fails(131_000).at(Endpoint::MediaInfo));
        line.receives(nadia().image(&image)).await;
        line.graph.until_calls(Endpoint::MediaInfo, 3).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        line.later(60);
        assert_eq!(file_comes(&line).await["attachments"][0]["size"], sample::IMAGE.len());
    }

    async fn what_is_not_the_announced_file_or_elsewhere_is_not_kept(line: Line) {
        let good = line.graph.media("image/png", sample::IMAGE);
        let gone = line.graph.media("image/png", sample::IMAGE);
        line.graph.forgets(&gone);
        line.receives(nadia().image(&gone)).await;
        let seen = file_comes(&line).await;
        assert_eq!((&seen["attachments"], seen["metadata"]["media_error"].is_string()), (&json!([]), true), "{seen}");
        let elsewhere = Media { url: Some("http://198.51.100.7/image.png".to_owned()), ..good.clone() };
        line.graph.changes(&elsewhere);
        line.receives(nadia().image(&elsewhere)).await;
        assert_eq!(file_comes(&line).await["attachments"], json!([]));
        // The token goes nowhere that a redirect says.
        let other = FakeWhatsapp::start().await;
        let redirected = line.graph.media("image/png", sample::IMAGE);
        line.graph.rule(Rule::redirects(other.base_url()).at(Endpoint::Download));
        line.receives(nadia().image(&redirected)).await;
        line.graph.until_calls(Endpoint::Download, 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!((&line.last().await["attachments"], other.calls().len()), (&json!([]), 0));
    }

    async fn bytes_that_are_not_the_announced_ones_are_fetched_again(line: Line) {
        let good = line.graph.media("image/png", sample::IMAGE);
        line.graph.changes(&Media { sha256: "0".repeat(64), ..good.clone() });
        line.receives(nadia().image(&good)).await;
        line.graph.until_calls(Endpoint::Download, 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(line.last().await["attachments"], json!([]));
        line.graph.changes(&good);
        line.later(60);
        assert!(behind(&line, file_comes(&line).await["attachments"][0]["url"].as_str().unwrap()).await.0 == sample::IMAGE);
    }

    async fn agents_files_go_out_with_their_words(line: Line) {
        line.hears("How large is it?").await;
        let id = line.id().await;
        let part = Part::bytes(sample::IMAGE).file_name("size chart.png").mime_str("image/png").unwrap();
        let form = Form::new().text("conversation_id", id.clone()).part("file", part);
        let upload = line.app.http.post(format!("{}/api/attachments/", line.app.url)).bearer_auth(&line.owner).multipart(form);
        let uploaded: Value = upload.send().await.unwrap().json().await.unwrap();
        line.reports();
        let said = line.tries(json!({"message": "size chart", "attachment_ids": [uploaded["id"]]})).await.expect(201);
        let read = line.until_status(&word(&said["id"]), "read").await;
        assert_eq!(read["attachments"][0]["name"], "size chart.png");
        let upload = line.graph.calls_at(Endpoint::Upload).pop().unwrap().upload.unwrap();
        assert_eq!((upload.mime_type.as_str(), upload.bytes.as_slice()), ("image/png", sample::IMAGE));
        let sent = line.graph.sent().pop().unwrap();
        assert_eq!((sent.kind(), sent.text(), sent.words("/image/id")), (Some("image"), Some("size chart"), upload.media_id.as_deref()));
        assert_eq!(line.graph.sent().len(), 1);
    }
}
