//! Files go up and come down.

use crate::support::{code, get, get_at, graph, headers, post, to_nadia};
use parlor_testkit::whatsapp::{Endpoint, FakeWhatsapp, HttpAnswer, Number, Rule, call, sample};
use serde_json::json;
use std::time::Duration;

async fn upload(graph: &FakeWhatsapp, mime_type: &str, bytes: &[u8]) -> HttpAnswer {
    let mut form = Vec::new();
    for (name, value) in [("messaging_product", "whatsapp"), ("type", mime_type)] {
        form.extend_from_slice(format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes());
    }
    let head = format!("--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\nContent-Type: {mime_type}\r\n\r\n");
    form.extend_from_slice(head.as_bytes());
    form.extend_from_slice(bytes);
    form.extend_from_slice(b"\r\n--edge--\r\n");
    let url = format!("{}/v26.0/{}/media", graph.base_url(), Number::EXAMPLE_ID);
    call("POST", &url, &headers(Number::EXAMPLE_TOKEN, "multipart/form-data; boundary=edge"), &form)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_uploaded_can_be_sent() {
    let graph = graph().await;
    let id = upload(&graph, "image/png", sample::IMAGE).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(&*graph.file(&id).unwrap().bytes, sample::IMAGE);
    let upload = graph.calls()[0].upload.clone().unwrap();
    assert_eq!(
        (upload.mime_type.as_str(), upload.file_name.as_str(), upload.media_id),
        ("image/png", "a.bin", Some(id.clone()))
    );
    assert_eq!(post(&graph, &to_nadia("image", &json!({"id": id, "caption": "size chart"}))).await.status, 200);
    assert_eq!(graph.sent()[0].text(), Some("size chart"));
}

#[tokio::test]
async fn what_is_too_large_or_of_no_kind_is_not_taken() {
    let graph = graph().await;
    for (mime_type, size, expected) in [
        ("image/png", 5_000_000, 0),
        ("image/png", 5_000_001, 131_053),
        ("image/webp", 500_001, 131_053),
        ("audio/ogg; codecs=opus", 16_000_001, 131_053),
        ("application/x-sh", 10, 131_053),
        ("text/plain", 0, 131_053),
    ] {
        let answer = upload(&graph, mime_type, &vec![b'x'; size]).await;
        assert_eq!(code(&answer), expected, "{mime_type} of {size} bytes");
    }
}

#[tokio::test]
async fn a_form_without_its_parts_is_refused() {
    let graph = graph().await;
    let url = format!("{}/v26.0/{}/media", graph.base_url(), Number::EXAMPLE_ID);
    let answer = call("POST", &url, &headers(Number::EXAMPLE_TOKEN, "application/json"), b"{}").await.unwrap();
    assert_eq!((answer.status, code(&answer)), (400, 100));
}

#[tokio::test]
async fn a_customers_file_is_fetched_by_a_link_that_dies() {
    let graph = graph().await;
    let media = graph.media("audio/ogg; codecs=opus", sample::VOICE);
    let information = get(&graph, &format!("/v26.0/{}", media.id)).await.json();
    assert_eq!(
        (&information["sha256"], &information["file_size"]),
        (&json!(media.sha256), &json!(sample::VOICE.len()))
    );
    let url = information["url"].as_str().unwrap();
    assert_eq!(call("GET", url, &[], b"").await.unwrap().status, 401);
    let file = get_at(url).await;
    assert_eq!((file.status, file.header("content-type")), (200, Some("audio/ogg; codecs=opus")));
    assert_eq!(file.body, sample::VOICE);
    graph.advance(Duration::from_secs(300));
    assert_eq!(get_at(url).await.status, 404);
    let again = get(&graph, &format!("/v26.0/{}", media.id)).await.json();
    assert_eq!(get_at(again["url"].as_str().unwrap()).await.status, 200);
    assert_eq!(graph.calls_at(Endpoint::Download).len(), 4);
}

#[tokio::test]
async fn downloads_go_wrong_on_demand() {
    let graph = graph().await;
    let mut media = graph.media("image/png", sample::IMAGE);
    graph.rule(Rule::fails(131_052).at(Endpoint::MediaInfo));
    let path = format!("/v26.0/{}", media.id);
    assert_eq!(code(&get(&graph, &path).await), 131_052);
    media.sha256 = "0".repeat(64);
    media.url = Some("http://files.example.com/a".to_owned());
    graph.changes(&media);
    let information = get(&graph, &path).await.json();
    assert_eq!(
        (&information["sha256"], &information["url"]),
        (&json!("0".repeat(64)), &json!("http://files.example.com/a"))
    );
    graph.forgets(&media);
    let unknown = get(&graph, &path).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["error_subcode"]), (400, &json!(33)));
}
