//! Bodies that come slowly or stop, from people who prove nothing.

use crate::app::{Answer, Database, TestApp};
use crate::multipart::{FORM, Form};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const WEBHOOK: &str = "/webhook";
const VISITORS: &str = "/api/chats/visitors/";

/// Sends a part of a body and then nothing more, and reads the answer.
fn stands_still(app: &TestApp, path: &str, length: usize, sent: usize) -> (String, Duration) {
    let mut stream = TcpStream::connect(app.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
    let forged = format!("X-Hub-Signature-256: sha256={}", "a".repeat(64));
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{forged}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b' '; sent]).unwrap();
    let begin = Instant::now();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer, begin.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stands_still_is_not_waited_for() {
    let app = TestApp::start(Database::Sqlite).await;
    std::thread::scope(|scope| {
        let calls = [
            (WEBHOOK, 4_194_304, 4_194_000),
            (WEBHOOK, 4_194_304, 1_000),
            (VISITORS, 1_000_000, 900_000),
            (VISITORS, 100, 0),
        ];
        let all = calls.map(|(path, length, sent)| {
            (
                path,
                sent,
                scope.spawn({
                    let app = &app;
                    move || stands_still(app, path, length, sent)
                }),
            )
        });
        for (path, sent, call) in all {
            let (answer, waited) = call.join().unwrap();
            assert!(
                answer.starts_with("HTTP/1.1 400 ") && answer.contains("took too long"),
                "{path} {sent}: {answer}"
            );
            assert!(waited < Duration::from_secs(20), "{path} {sent}: {waited:?}");
        }
    });
}

async fn upload(app: &TestApp, bearer: Option<&str>, form: Form) -> Answer {
    let call = app.post("/api/attachments/");
    let call = match bearer {
        Some(key) => call.bearer(key),
        None => call,
    };
    call.raw(FORM, form.end()).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn little_is_held_for_strangers_and_more_for_whoever_proves_something() {
    let app = TestApp::start(Database::Sqlite).await;
    let (room, visitor) = app.room().await;
    let file = |size: usize| vec![b'a'; size];
    let behind = |size: usize| {
        Form::new()
            .file("a.txt", &file(size))
            .field("visitor_id", &visitor)
            .field("conversation_id", &room)
    };
    upload(&app, None, behind(64 * 1024)).await.expect(201);
    let refused = upload(&app, None, behind(64 * 1024 + 1)).await.problem(400, "invalid_input");
    assert_eq!(refused["errors"][0]["field"], "conversation_id");
    let proven = |size: usize| {
        Form::new()
            .field("visitor_id", &visitor)
            .file("a.txt", &file(size))
            .field("conversation_id", &room)
    };
    upload(&app, None, proven(1024 * 1024)).await.expect(201);
    upload(&app, None, proven(1024 * 1024 + 1)).await.problem(400, "invalid_input");
    let bearer = |size: usize| Form::new().file("a.txt", &file(size)).field("conversation_id", &room);
    upload(&app, Some(&room), bearer(1024 * 1024)).await.expect(201);
    let nobody = Form::new().field("visitor_id", "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34").file("a.txt", b"one");
    upload(&app, None, nobody.field("conversation_id", &room))
        .await
        .problem(404, "visitor_not_found");
}
