//! Files that are named by their address.

use super::*;
use parlor_testkit::model_server::Reply;
use parlor_testkit::whatsapp::{Endpoint, sample};

impl Shop {
    /// Something that the server with files has.
    fn file(&self, content_type: &str, bytes: &[u8], name: &str) -> String {
        self.files.always(Reply::new(200, content_type).bytes(bytes));
        format!("http://{}/{name}", host_of(&self.files))
    }
}

in_shop! {
    async fn a_file_is_fetched_once_kept_and_sent(shop: Shop) {
        let number = shop.hears_of_nadia("How large is it?").await;
        let url = shop.file("text/plain", sample::IMAGE, "a/size%20chart.png?v=1");
        let body = json!({"conversation_id": number, "message": "our size chart", "message_type": "image", "media_url": url, "client_id": "m1"});
        let sent = shop.send(body.clone()).await.expect(200);
        let out = shop.graph.until_sent(1).await;
        assert_eq!((out[0].kind(), out[0].text()), (Some("image"), Some("our size chart")));
        let uploads = shop.graph.calls_at(Endpoint::Upload);
        assert_eq!(uploads[0].upload.as_ref().map(|upload| (upload.mime_type.as_str(), upload.bytes.as_slice())), Some(("image/png", sample::IMAGE)), "what it is is seen by its content");
        let all = shop.messages(number, "").await;
        assert_eq!((&all[1]["id"], &all[1]["message"], &all[1]["message_type"]), (&sent["message_id"], &json!("our size chart"), &json!("image")));
        let link = all[1]["media_url"].as_str().unwrap();
        assert!(link.starts_with(&shop.app.url) && link.contains("/size%20chart.png?exp="), "a copy of our own: {link}");
        assert_eq!(shop.app.http.get(link).send().await.unwrap().bytes().await.unwrap().as_ref(), sample::IMAGE);
        assert_eq!(shop.send(body.clone()).await.expect(200), sent, "the same again");
        let mut other = body;
        other["message"] = json!("another chart");
        shop.send(other).await.problem(409, "conflict");
        shop.send(json!({"conversation_id": number, "message": "our size chart", "client_id": "m1"})).await.problem(409, "conflict");
        assert_eq!((shop.files.requests().len(), shop.graph.sent().len()), (1, 1));
        assert!(shop.files.requests()[0].header("authorization").is_none());
    }

    async fn words_below_a_file_may_be_missing(shop: Shop) {
        let number = shop.hears_of_nadia("Send me the offer").await;
        let url = shop.file("text/plain", sample::DOCUMENT, "offer.txt");
        for (kind, message) in [("document", json!("")), ("audio", json!(null))] {
            shop.send(json!({"conversation_id": number, "message": message, "message_type": kind, "media_url": url})).await.expect(200);
        }
        let all = shop.until(number, |all| all.len() == 3).await;
        assert_eq!((&all[1]["message"], &all[2]["message"]), (&json!("offer.txt"), &json!("offer.txt")));
        assert_eq!((&all[1]["message_type"], &all[2]["message_type"]), (&json!("document"), &json!("document")));
    }

    async fn an_address_must_be_public_and_lead_to_a_good_file(shop: Shop) {
        let number = shop.hears_of_nadia("Hello?").await;
        let hidden = FakeModelServer::start().await;
        hidden.always(Reply::new(200, "image/png").bytes(sample::IMAGE));
        let send = async |url: &str| shop.send(json!({"conversation_id": number, "message_type": "document", "media_url": url})).await.problem(400, "invalid_input");
        let mut told = Vec::new();
        for url in [
            format!("http://{}/a.png", host_of(&hidden)),
            format!("http://localhost:{}/a.png", host_of(&hidden).split(':').nth(1).unwrap()),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "http://10.0.0.1/a.png".to_owned(),
            "http://[::1]:9/a.png".to_owned(),
        ] {
            let refused = send(&url).await;
            assert_eq!(refused["errors"][0]["field"], "media_url", "{url}");
            told.push(refused["detail"].clone());
        }
        told.dedup();
        assert_eq!(told.len(), 1, "a private address is told like a silent server: {told:?}");
        assert!(hidden.requests().is_empty(), "nobody behind us is asked");
        for url in ["ftp://shop.example.com/a.png", "file:///etc/passwd", "nonsense", "", "http://user:word@shop.example.com/a.png", "/a.png"] {
            assert_eq!(send(url).await["errors"][0]["field"], "media_url", "{url}");
        }
        assert_eq!(send(&format!("https://shop.example.com/{}", "a".repeat(2_000))).await["errors"][0]["field"], "media_url");
        for (bytes, why) in [(&b""[..], "empty"), (b"<!doctype html><html><script>alert(1)</script></html>", "of a kind that is not taken"), (&vec![b'a'; 20 * 1024 * 1024 + 1], "more than")] {
            let refused = send(&shop.file("image/png", bytes, "a.png")).await;
            assert!(refused["detail"].as_str().unwrap().contains(why), "{refused}");
        }
        let url = shop.file("image/png", sample::IMAGE, "a.png");
        for reply in [Reply::page(404), Reply::page(500), Reply::new(302, "text/plain").header("Location", &url), Reply::nothing(), Reply::new(200, "image/png").bytes(sample::IMAGE).cut()] {
            shop.files.then(reply);
            assert_eq!(send(&url).await["errors"][0]["field"], "media_url");
        }
        assert_eq!(shop.messages(number, "").await.len(), 1, "nothing was stored");
    }
}
