//! Files, up and down.

use super::support::{Server, TOKEN, answer, api, graph, hasty, is_unknown, is_unreached, json, nowhere, number, refusal};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use parlor_domain::attachment::{FileError, FileName};
use parlor_domain::whatsapp::{FileToSend, IncomingMedia, MediaKind, SendFailure, WhatsappGateway};
use parlor_testkit::whatsapp::{Endpoint, Media, Rule, sample};
use serde_json::json as value;
use sha2::{Digest, Sha256};

fn file(name: &str, mime: &str, size: u64, chunks: Vec<Result<Bytes, FileError>>) -> FileToSend {
    FileToSend {
        name: FileName::label(name),
        mime: mime.to_owned(),
        kind: MediaKind::Image,
        size,
        chunks: stream::iter(chunks).boxed(),
    }
}

fn picture() -> FileToSend {
    let (one, other) = sample::IMAGE.split_at(sample::IMAGE.len() / 2);
    let chunks = vec![Ok(Bytes::from_static(one)), Ok(Bytes::from_static(other))];
    file("Maß & mehr.png", "image/png", sample::IMAGE.len() as u64, chunks)
}

async fn bytes(media: IncomingMedia) -> Result<Vec<u8>, FileError> {
    let chunks: Vec<Bytes> = media.chunks.try_collect().await?;
    Ok(chunks.concat())
}

async fn refused_at(base: &str, media_id: &str) -> SendFailure {
    match hasty().download(&number(base), media_id).await {
        Ok(_) => panic!("a file came down"),
        Err(failure) => failure,
    }
}

#[tokio::test]
async fn a_file_goes_up_with_its_name_type_and_length() {
    let graph = graph().await;
    let id = api().upload(&number(&graph.base_url()), picture()).await.unwrap();
    let call = graph.calls_at(Endpoint::Upload).pop().unwrap();
    assert_eq!(call.path, "/v26.0/830000000000001/media");
    assert!(call.header("content-length").is_some() && call.header("transfer-encoding").is_none());
    let upload = call.upload.unwrap();
    assert_eq!(upload.media_id.as_ref(), Some(&id));
    assert_eq!((upload.mime_type.as_str(), upload.file_name.as_str()), ("image/png", "Maß & mehr.png"));
    assert_eq!(upload.bytes, sample::IMAGE);
}

#[tokio::test]
async fn an_upload_that_fails_says_why() {
    let graph = graph().await;
    let (api, number) = (hasty(), number(&graph.base_url()));
    let program = file("x.exe", "application/x-msdownload", 2, vec![Ok(Bytes::from_static(b"MZ"))]);
    assert_eq!(refusal(api.upload(&number, program).await.unwrap_err()).code, 131_053);
    let untyped = file("x", "no type", 1, vec![Ok(Bytes::from_static(b"x"))]);
    assert_eq!(refusal(api.upload(&number, untyped).await.unwrap_err()).code, 131_053);
    for status in [200, 404, 500, 503] {
        graph.rule(Rule::page(status).at(Endpoint::Upload));
        assert!(refusal(api.upload(&number, picture()).await.unwrap_err()).foreign, "{status}");
    }
    graph.rule(Rule::closes().at(Endpoint::Upload));
    assert!(is_unknown(&api.upload(&number, picture()).await.unwrap_err()));
    let broken = file(
        "x.png",
        "image/png",
        10,
        vec![Ok(Bytes::from_static(b"half")), Err(FileError("gone".to_owned()))],
    );
    assert!(is_unknown(&api.upload(&number, broken).await.unwrap_err()));
    assert!(is_unreached(&api.upload(&super::support::number(&nowhere()), picture()).await.unwrap_err()));
}

#[tokio::test]
async fn a_file_comes_down_with_what_is_said_of_it() {
    let graph = graph().await;
    let media = graph.media("audio/ogg; codecs=opus", sample::VOICE);
    let incoming = api().download(&number(&graph.base_url()), &media.id).await.unwrap();
    assert_eq!(incoming.mime.as_deref(), Some("audio/ogg; codecs=opus"));
    assert_eq!(incoming.size, Some(sample::VOICE.len() as u64));
    assert_eq!(incoming.sha256, Some(Sha256::digest(sample::VOICE).into()));
    assert_eq!(bytes(incoming).await.unwrap(), sample::VOICE);
    for call in graph.calls() {
        assert_eq!(call.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()), "{:?}", call.endpoint);
    }
}

#[tokio::test]
async fn a_dead_link_is_asked_for_once_more_and_only_once() {
    let graph = graph().await;
    let media = graph.media("image/png", sample::IMAGE);
    graph.rule(Rule::page(404).at(Endpoint::Download));
    let incoming = api().download(&number(&graph.base_url()), &media.id).await.unwrap();
    assert_eq!(bytes(incoming).await.unwrap(), sample::IMAGE);
    assert_eq!(graph.calls_at(Endpoint::MediaInfo).len(), 2);
    graph.forgets_calls();
    graph.rule(Rule::page(404).at(Endpoint::Download).always());
    assert!(refusal(refused_at(&graph.base_url(), &media.id).await).foreign);
    assert_eq!((graph.calls_at(Endpoint::MediaInfo).len(), graph.calls_at(Endpoint::Download).len()), (2, 2));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let graph = graph().await;
    let media = graph.media("image/png", sample::IMAGE);
    let elsewhere = Server::saying([answer(200, "", "secret")]).await;
    for endpoint in [Endpoint::MediaInfo, Endpoint::Download] {
        graph.rule(Rule::redirects(&elsewhere.base).at(endpoint));
        assert!(refusal(refused_at(&graph.base_url(), &media.id).await).foreign);
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_file_is_not_fetched_from_anywhere_else() {
    let graph = graph().await;
    let media = graph.media("image/png", sample::IMAGE);
    let elsewhere = Server::saying([answer(200, "", "secret")]).await;
    for place in [
        format!("{}/file", elsewhere.base),
        elsewhere.base.replace("http:", "https:"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://example.com/file".to_owned(),
        "file:///etc/passwd".to_owned(),
        "no address".to_owned(),
        String::new(),
    ] {
        graph.changes(&Media {
            url: Some(place.clone()),
            ..media.clone()
        });
        // Asked again it would say the same.
        let error = refusal(refused_at(&graph.base_url(), &media.id).await);
        assert_eq!((error.code, error.foreign), (131_052, false), "{place}");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn an_id_is_only_an_id() {
    let elsewhere = Server::saying([json(404, &value!({"error": {"code": 100, "message": "Unknown"}}))]).await;
    for id in ["", ".", ".."] {
        assert_eq!(refusal(refused_at(&elsewhere.base, id).await).code, 131_052, "{id:?}");
    }
    assert!(elsewhere.requests().is_empty());
    assert_eq!(refusal(refused_at(&elsewhere.base, "../me?fields=id#x").await).code, 100);
    assert!(elsewhere.requests()[0].starts_with("GET /v26.0/..%2Fme%3Ffields=id%23x HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_download_that_fails_says_why() {
    let graph = graph().await;
    let media = graph.media("image/png", sample::IMAGE);
    assert_eq!(refusal(refused_at(&graph.base_url(), "990000000000000").await).code, 100);
    graph.rule(Rule::fails(190).at(Endpoint::Download));
    assert_eq!(refusal(refused_at(&graph.base_url(), &media.id).await).code, 190);
    for status in [403, 429, 500] {
        graph.rule(Rule::page(status).at(Endpoint::Download));
        assert!(refusal(refused_at(&graph.base_url(), &media.id).await).foreign, "{status}");
    }
    graph.rule(Rule::closes().at(Endpoint::Download));
    assert!(is_unknown(&refused_at(&graph.base_url(), &media.id).await));
    assert!(is_unreached(&refused_at(&nowhere(), &media.id).await));
}

#[tokio::test]
async fn a_file_that_breaks_off_ends_with_an_error() {
    let facts = json(
        200,
        &value!({"url": "{base}/file", "mime_type": "image/png", "file_size": "100", "sha256": "short"}),
    );
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned();
    // The placeholder is shorter than what it stands for, and the length is counted before.
    let facts = facts.replace("Content-Length", "X-Length");
    let server = Server::saying([facts, half]).await;
    let incoming = hasty().download(&number(&server.base), "990000000000001").await.unwrap();
    assert_eq!((incoming.size, incoming.sha256), (Some(100), None));
    assert!(bytes(incoming).await.is_err());
}
