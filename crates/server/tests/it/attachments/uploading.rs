//! The way of the bytes to the disk.

use super::*;
use crate::app::Database;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// A request that is written by hand, so that it can stop anywhere.
fn request(app: &TestApp, token: &str, length: &str) -> TcpStream {
    let mut stream = TcpStream::connect(app.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head =
        format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: {FORM}\r\n{length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// One piece of a body of unknown length.
fn piece(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).unwrap();
    stream.write_all(bytes).unwrap();
    stream.write_all(b"\r\n").unwrap();
}

/// Waits until so many files are in the folder, drafts and whole ones.
async fn until_files(app: &TestApp, count: usize) {
    for _ in 0..1_000 {
        if files_in(&folder(app)).len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} instead of {count}", files_in(&folder(app)));
}

on_both! {
    async fn a_body_that_breaks_off_leaves_neither_row_nor_bytes(app: TestApp) {
        let (room, _) = app.room().await;
        let half = Form::new().field("conversation_id", &room).file("a.txt", &vec![b'a'; 2 * MIB]).unfinished();
        let mut stream = request(&app, &room, &format!("Content-Length: {}", half.len() + MIB));
        stream.write_all(&half).unwrap();
        until_files(&app, 1).await;
        assert!(rows(&app).await.is_empty(), "nothing is known before it is whole");
        drop(stream);
        until_files(&app, 0).await;

        let mut stream = request(&app, &room, "Transfer-Encoding: chunked");
        piece(&mut stream, &half);
        until_files(&app, 1).await;
        drop(stream);
        until_files(&app, 0).await;

        // Ended as a body, but not as a form.
        let mut stream = request(&app, &room, "Transfer-Encoding: chunked");
        piece(&mut stream, &half);
        stream.write_all(b"0\r\n\r\n").unwrap();
        let mut refused = String::new();
        stream.read_to_string(&mut refused).unwrap();
        assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
        until_files(&app, 0).await;
        nothing_is_kept(&app).await;
    }

    async fn a_body_of_unknown_length_is_taken_and_limited(app: TestApp) {
        let (room, _) = app.room().await;
        for (size, status) in [(20 * MIB, "201"), (20 * MIB + 1, "413")] {
            let form = Form::new().field("conversation_id", &room).file("a.txt", &vec![b'a'; size]).end();
            let mut stream = request(&app, &room, "Transfer-Encoding: chunked");
            for bytes in form.chunks(MIB) {
                piece(&mut stream, bytes);
            }
            stream.write_all(b"0\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{size}: {answer}");
        }
        assert_eq!((rows(&app).await.len(), files_in(&folder(&app)).len()), (1, 1));
    }

    async fn names_are_only_labels(app: TestApp) {
        let (room, _) = app.room().await;
        let long = "n".repeat(300);
        for (given, kept) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\\\temp\\\\offer.txt", "offer.txt"),
            ("..", "file"),
            ("", "file"),
            ("Größe 世界.txt", "Größe 世界.txt"),
            ("photo\u{202e}gnp.exe", "photognp.exe.txt"),
            ("<b onclick=x>.txt", "_b onclick=x_.txt"),
            (&format!("{long}.txt"), &format!("{}.txt", "n".repeat(251))),
        ] {
            let file = upload(&app, &room, &room, given, b"words").await.expect(201);
            assert_eq!((file["name"].as_str(), &file["mime"]), (Some(kept), &json!("text/plain")), "{given:?}");
            let (status, headers, bytes) = fetch(&app, &file["url"]).await;
            assert_eq!((status, bytes.as_slice()), (200, &b"words"[..]), "{given:?}");
            assert!(headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\""), "{given:?}");
        }
        let on_disk = files_in(&folder(&app));
        let random = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().len() == 32 && path.extension().is_none();
        assert!(on_disk.len() == 8 && on_disk.iter().all(random), "no name of a caller is a name on disk: {on_disk:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_have_a_limit_of_their_own() {
    let app = TestApp::start(Database::Sqlite).await;
    let (room, _) = app.room().await;
    let large = "x".repeat(2 * MIB);
    send(&app, &room, json!({"message": large})).await.problem(413, "too_large");
    upload(&app, &room, &room, "a.txt", large.as_bytes()).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_uploads_are_refused_with_the_time_to_wait() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-conversations=2"]).await;
    let (room, _) = app.room().await;
    for _ in 0..2 {
        upload(&app, &room, &room, "a.txt", b"one").await.expect(201);
    }
    let refused = upload(&app, &room, &room, "a.txt", b"one").await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    refused.problem(429, "rate_limited");
    assert_eq!(rows(&app).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_may_upload_and_show() {
    let app = TestApp::start(Database::Sqlite).await;
    let (room, _) = app.room().await;
    let preflight = async |origin: &str| {
        let call = app.call(Method::OPTIONS, PATH).header("origin", origin);
        call.header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
            .await
    };
    let allowed = preflight("http://localhost:3000").await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, "http://localhost:3000"));
    let headers = allowed.header("access-control-allow-headers").to_lowercase();
    assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
    assert!(allowed.header("access-control-allow-methods").contains("POST"));
    assert_eq!(preflight("https://elsewhere.example.com").await.header("access-control-allow-origin"), "");
    let form = Form::new().field("conversation_id", &room).file("a.txt", b"one").end();
    let call = app.post(PATH).bearer(&room).header("origin", "http://localhost:3000");
    let taken = call.raw(FORM, form).send().await;
    assert_eq!(taken.header("access-control-allow-origin"), "http://localhost:3000");
    let file = taken.expect(201);
    let shown = app.http.get(text(&file["url"])).header("origin", "http://localhost:3000").send().await.unwrap();
    assert_eq!(shown.headers()["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(shown.headers()["cross-origin-resource-policy"], "cross-origin");
    // A page without the origin's leave still reads why it was refused, if it may read anything.
    let refused = app
        .post(PATH)
        .header("origin", "http://localhost:3000")
        .raw(FORM, Form::new().end())
        .send()
        .await;
    assert_eq!(refused.header("access-control-allow-origin"), "http://localhost:3000");
    refused.problem(400, "invalid_input");
}
