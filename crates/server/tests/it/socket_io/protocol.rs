//! What the public specifications of Engine.IO 4 and Socket.IO 5 ask of a server. No database has a part in it, so one is enough.

use super::{Frames, POLLING, Polling, WEBSOCKET, refusal, terms};
use crate::app::{Database, TestApp};
use crate::socket;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

async fn start() -> TestApp {
    TestApp::start(Database::Sqlite).await
}

/// To whom nothing but a CONNECT is said, anything can be asked: each of these names is refused in the same words.
fn asked(name: &str) -> String {
    format!("40/{name},")
}

fn answered(name: &str) -> String {
    format!(r#"44/{name},{{"message":"Invalid namespace"}}"#)
}

fn expected_terms(upgrades: &[&str], sid: &Value) -> Value {
    json!({"sid": sid, "upgrades": upgrades, "pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": 1_000_000})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_over_http() {
    let app = start().await;
    for path in [POLLING, "/socket.io?EIO=4&transport=polling&t=abc&b64=1"] {
        let answer = app.get(path).send().await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/plain; charset=UTF-8"));
        assert_eq!(answer.header("cache-control"), "no-store");
        let terms = terms(&answer.text);
        assert_eq!(terms, expected_terms(&["websocket"], &terms["sid"]));
        assert!(terms["sid"].as_str().unwrap().len() >= 22);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_on_a_websocket() {
    let app = start().await;
    let mut frames = Frames::open(&app, WEBSOCKET).await;
    let terms = terms(&frames.hear().await);
    assert_eq!(terms, expected_terms(&[], &terms["sid"]));
    // A client may name subprotocols; the first is taken.
    let named = socket::open_with(&app, WEBSOCKET, &[("sec-websocket-protocol", "shop.v7, other")]).await;
    assert!(named.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_version_or_transport_is_refused() {
    let app = start().await;
    for (query, code) in [
        ("", 0),
        ("?EIO=4", 0),
        ("?EIO=4&transport=abc", 0),
        ("?EIO=4&transport=polling&transport=websocket", 3),
        ("?EIO=4&transport=polling&EIO=4", 3),
        ("?EIO=4&transport=polling&sid=a&sid=b", 3),
        ("?transport=polling", 5),
        ("?EIO=abc&transport=polling", 5),
        ("?EIO=3&transport=polling", 5),
        ("?EIO=4&transport=polling&sid=unknown", 1),
        ("?EIO=4&transport=websocket&sid=unknown", 1),
        ("?EIO=4&transport=websocket", 3),
    ] {
        assert_eq!(refusal(app.get(&format!("/socket.io/{query}")).send().await), (400, code), "{query}");
    }
    for (query, code) in [
        ("?EIO=4", 0),
        ("?EIO=4&transport=abc", 0),
        ("?transport=websocket", 5),
        ("?EIO=4&transport=websocket&sid=unknown", 1),
    ] {
        let (status, body) = socket::refused(&app, &format!("/socket.io/{query}"), &[]).await;
        assert_eq!((status, &body["code"]), (400, &json!(code)), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_refused() {
    let app = start().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(refusal(app.call(method, POLLING).send().await), (400, 2));
    }
    let session = Polling::open(&app).await;
    assert_eq!(refusal(app.call(Method::PUT, &session.path()).send().await), (400, 2));
    session.say(&asked("still-there")).await;
    assert_eq!(session.poll().await, answered("still-there"));
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_of_a_body_are_separated() {
    let app = start().await;
    let session = Polling::open(&app).await;
    session.say(&[asked("a"), "3".to_owned(), "6".to_owned(), asked("b")].join("\x1e")).await;
    let mut heard = session.poll().await;
    while !heard.contains("/b,") {
        heard = [heard, session.poll().await].join("\x1e");
    }
    assert_eq!(heard, [answered("a"), answered("b")].join("\x1e"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_waits_until_there_is_something() {
    let app = start().await;
    let session = Polling::open(&app).await;
    let (heard, ()) = tokio::join!(session.poll(), async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        session.say(&asked("a")).await;
    });
    assert_eq!(heard, answered("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_packet_closes_the_session() {
    let app = start().await;
    for bad in ["abc", "", "0{}", "2probe", "5", "4\x1e"] {
        let session = Polling::open(&app).await;
        assert_eq!(refusal(session.post(bad).await), (400, 3), "{bad:?}");
        session.is_gone().await;

        let mut frames = Frames::open(&app, WEBSOCKET).await;
        frames.hear().await;
        frames.say(bad).await;
        frames.closed().await;
    }
    let session = Polling::open(&app).await;
    assert_eq!(refusal(session.post(vec![b'4', 0xFF, 0xFE]).await), (400, 3));
    session.is_gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_poll_closes_the_session() {
    let app = start().await;
    let session = Polling::open(&app).await;
    let (first, second) = tokio::join!(session.get(), session.get());
    let (told, refused) = if first.status == 200 { (first, second) } else { (second, first) };
    assert_eq!((told.status, told.text.as_str()), (200, "1"));
    assert_eq!(refusal(refused), (400, 3));
    session.is_gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_post_closes_the_session() {
    let app = start().await;
    let session = Polling::open(&app).await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<&'static str, std::io::Error>>(1);
    let slow = reqwest::Body::wrap_stream(futures_util::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    }));
    sender.send(Ok("40/a,")).await.unwrap();
    let (_, refused) = tokio::join!(session.post(slow), async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let refused = session.post("3").await;
        drop(sender);
        refused
    });
    assert_eq!(refusal(refused), (400, 3));
    session.is_gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_or_frame_that_is_too_large_closes_the_session() {
    let app = start().await;
    let session = Polling::open(&app).await;
    let fits = format!("40/{},", "x".repeat(999_996));
    session.say(&fits).await;
    assert!(session.poll().await.starts_with("44/xxx"));
    assert_eq!(session.post("4".repeat(1_000_001)).await.status, 413);
    session.is_gone().await;

    let mut frames = Frames::open(&app, WEBSOCKET).await;
    frames.hear().await;
    frames.say(&fits).await;
    assert!(frames.hear().await.starts_with("44/xxx"));
    frames.say(&"4".repeat(1_000_001)).await;
    assert_eq!(frames.closed().await.1, 1009);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_closes() {
    let app = start().await;
    let session = Polling::open(&app).await;
    let (heard, ()) = tokio::join!(session.poll(), async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        session.say("1").await;
    });
    assert_eq!(heard, "6");
    session.is_gone().await;

    let mut frames = Frames::open(&app, WEBSOCKET).await;
    frames.hear().await;
    frames.say("1").await;
    assert_eq!(frames.closed().await, (vec![], 1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_moves_to_a_websocket() {
    let app = start().await;
    let session = Polling::open(&app).await;
    let mut frames = session.socket().await;
    // Until the client moves, all goes the old way, and a poll is ended at once.
    let (waiting, ()) = tokio::join!(session.poll(), async {
        frames.say("2probe").await;
        assert_eq!(frames.hear().await, "3probe");
    });
    assert_eq!(waiting, "6");
    assert_eq!(session.poll().await, "6");
    session.say(&[asked("a"), asked("b")].join("\x1e")).await;
    frames.say("5").await;
    frames.say(&asked("c")).await;
    for name in ["a", "b", "c"] {
        assert_eq!(frames.hear().await, answered(name), "what waited comes first");
    }
    assert_eq!(refusal(session.get().await), (400, 3));
    assert_eq!(refusal(session.post("3").await), (400, 3));
    frames.say(&asked("d")).await;
    assert_eq!(frames.hear().await, answered("d"), "the session goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_websocket_is_closed_and_changes_nothing() {
    let app = start().await;
    let session = Polling::open(&app).await;
    let mut first = session.socket().await;
    assert_eq!(session.socket().await.closed().await.0, [""; 0], "while the first one probes");
    first.say("2probe").await;
    assert_eq!(first.hear().await, "3probe");
    first.say("5").await;
    first.is_served().await;
    assert_eq!(session.socket().await.closed().await.0, [""; 0]);
    first.say(&asked("a")).await;
    assert_eq!(first.hear().await, answered("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_fails_changes_nothing() {
    let app = start().await;
    let session = Polling::open(&app).await;
    for wrong in ["2", "2other", "5", "4hello"] {
        let mut frames = session.socket().await;
        frames.say(wrong).await;
        assert_eq!(frames.closed().await.0, [""; 0], "{wrong}");
    }
    let mut frames = session.socket().await;
    frames.say("2probe").await;
    assert_eq!(frames.hear().await, "3probe");
    frames.send(Message::Close(None)).await;
    frames.closed().await;
    let (heard, ()) = tokio::join!(session.poll(), async { session.say(&asked("a")).await });
    assert_eq!(heard, answered("a"));
    session.moved().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_its_websocket() {
    let app = start().await;
    let session = Polling::open(&app).await;
    let mut frames = session.moved().await;
    frames.send(Message::Close(None)).await;
    frames.closed().await;
    while refusal(session.get().await).1 != 1 {}
    drop(frames);

    let session = Polling::open(&app).await;
    drop(session.moved().await);
    while refusal(session.get().await).1 != 1 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_main_namespace_takes_connections_and_only_with_a_login() {
    let app = start().await;
    let mut frames = Frames::open(&app, WEBSOCKET).await;
    frames.hear().await;
    frames.say("40/random").await;
    assert_eq!(frames.hear().await, answered("random"));
    frames.say("40").await;
    let refused = frames.hear().await;
    let refused: Value = serde_json::from_str(refused.strip_prefix("44").unwrap()).unwrap();
    assert_eq!(refused, json!({"message": "unauthorized", "data": {"code": "unauthenticated"}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_before_connect_closes() {
    let app = start().await;
    for bad in ["4abc", r#"42["conversation:message",{}]"#, "41", "4"] {
        let mut frames = Frames::open(&app, WEBSOCKET).await;
        frames.hear().await;
        frames.say(bad).await;
        frames.closed().await;

        let session = Polling::open(&app).await;
        session.say(bad).await;
        assert_eq!(session.poll().await, "1");
        session.is_gone().await;
    }
    let mut frames = Frames::open(&app, WEBSOCKET).await;
    frames.hear().await;
    frames.send(Message::binary(vec![1, 2, 3])).await;
    frames.closed().await;
    let session = Polling::open(&app).await;
    session.say("bAQIDBA==").await;
    assert_eq!(session.poll().await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_may_come_with_credentials() {
    let app = TestApp::start_with(Database::Sqlite, &["--limits=off", "--allowed-origins=https://shop.example.com"]).await;
    let good = ("origin", "https://shop.example.com");
    let bad = ("origin", "https://evil.example.com");
    let answer = app.get(POLLING).header(good.0, good.1).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("access-control-allow-origin"), good.1);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let sid = terms(&answer.text)["sid"].as_str().unwrap().to_owned();
    let path = format!("{POLLING}&sid={sid}");

    let preflight = app
        .call(Method::OPTIONS, &path)
        .header(good.0, good.1)
        .header("access-control-request-method", "POST");
    let preflight = preflight.header("access-control-request-headers", "content-type").send().await;
    assert_eq!(preflight.status, 200, "{}", preflight.text);
    assert_eq!(preflight.header("access-control-allow-origin"), good.1);
    assert_eq!(preflight.header("access-control-allow-credentials"), "true");
    let refused = app.get(&format!("{path}x")).header(good.0, good.1).send().await;
    assert_eq!(refused.header("access-control-allow-origin"), good.1, "a page may read why it is refused");

    for path in [POLLING, &path] {
        let answer = app.get(path).header(bad.0, bad.1).send().await;
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_eq!(refusal(answer), (403, 4));
    }
    let (status, body) = socket::refused(&app, WEBSOCKET, &[bad]).await;
    assert_eq!((status, body), (403, json!({"code": 4, "message": "Forbidden"})));
    assert!(socket::open_with(&app, WEBSOCKET, &[good]).await.is_ok());
    // No browser, no origin.
    assert_eq!(app.get(POLLING).send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_limited_and_what_is_said_in_them_is_not_counted_with_other_requests() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-connections=2", "--limit-requests=10"]).await;
    let session = Polling::open(&app).await;
    Polling::open(&app).await;
    app.get(POLLING).send().await.problem(429, "rate_limited");
    for _ in 0..8 {
        session.say("3").await;
    }
    assert_eq!(app.get("/api/asyncapi.json").send().await.status, 200, "they did not count");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_looks_like_a_request_of_a_session_is_counted() {
    let flags = ["--limit-requests=10", "--allowed-origins=https://shop.example.com"];
    let app = TestApp::start_with(Database::Sqlite, &flags).await;
    let session = Polling::open(&app).await;
    for _ in 0..3 {
        let version = session.path().replace("EIO=4", "EIO=3");
        assert_eq!(refusal(app.get(&version).send().await), (400, 5));
        assert_eq!(refusal(app.call(Method::PUT, &session.path()).send().await), (400, 2));
        let elsewhere = app.get(&session.path()).header("origin", "https://evil.example.com");
        assert_eq!(refusal(elsewhere.send().await), (403, 4));
    }
    app.call(Method::PUT, &session.path()).send().await.problem(429, "rate_limited");
    session.say(&asked("a")).await;
    assert_eq!(session.poll().await, answered("a"), "the session has its own");

    let app = TestApp::start_with(Database::Sqlite, &["--limit-requests=10"]).await;
    let session = Polling::open(&app).await;
    let _frames = session.moved().await;
    for _ in 0..8 {
        assert_eq!(refusal(session.get().await), (400, 3));
    }
    session.get().await.problem(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_session_up_is_not_free() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-bytes=1"]).await;
    let session = Polling::open(&app).await;
    session.say(&vec!["3"; 200].join("\x1e")).await;
    session.say(&[vec!["6"; 500].join("\x1e"), "no packet".to_owned()].join("\x1e")).await;
    assert_eq!(session.post("3").await.status, 400);

    let frames = [
        Message::text("3"),
        Message::text("6"),
        Message::Ping("".into()),
        Message::Pong("".into()),
        Message::Frame(fragment(true)),
    ];
    for frame in frames {
        let mut socket = Frames::open(&app, WEBSOCKET).await;
        socket.hear().await;
        // So many are free, and then so many refusals.
        for n in 0..65_536 / 256 + 100 {
            // Of a message in fragments the first names what it is.
            let next = match &frame {
                Message::Frame(_) => Message::Frame(fragment(n == 0)),
                other => other.clone(),
            };
            socket.send(next).await;
        }
        assert_eq!(socket.closed().await, (vec![], 4429), "{frame:?}");
    }
}

/// A part of a text, but not the last one.
fn fragment(first: bool) -> Frame {
    let kind = if first { Data::Text } else { Data::Continue };
    Frame::message("x", OpCode::Data(kind), false)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_is_refused_and_the_session_goes_on() {
    let app = start().await;
    let (_, key) = app.room().await;
    let mut frames = Frames::open(&app, WEBSOCKET).await;
    frames.hear().await;
    frames.say(&format!("40{}", json!({"token": key}))).await;
    assert!(frames.hear().await.starts_with("40{"));
    let bad = r#"["conversation:message",{"text":"half an emoji: \ud83d"}]"#;
    frames.say(&format!("427{bad}")).await;
    let refused = frames.hear().await;
    assert!(refused.starts_with("437[{") && refused.contains(r#""code":"invalid_input""#), "{refused}");
    frames.say(&format!("42{bad}")).await;
    let refused = frames.hear().await;
    assert!(
        refused.starts_with(r#"42["error",{"#) && refused.contains(r#""code":"invalid_input""#),
        "{refused}"
    );
    frames.say(r#"428["ping",{}]"#).await;
    assert!(frames.hear().await.starts_with(r#"438[{"ok":true"#));
    for _ in 0..8 {
        frames.say(&format!("42{bad}")).await;
    }
    let (before, code) = frames.closed().await;
    assert_eq!((before.len(), code), (8, 4400), "the tenth in a minute is one too many: {before:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_closes_its_sessions() {
    let mut app = start().await;
    let mut frames = Frames::open(&app, WEBSOCKET).await;
    frames.hear().await;
    let session = Polling::open(&app).await;
    let (http, path) = (app.http.clone(), format!("{}{}", app.url, session.path()));
    let poll = tokio::spawn(async move { http.get(path).send().await.unwrap().text().await.unwrap() });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    app.stop().await;
    assert_eq!(poll.await.unwrap(), "6", "some clients do not come back after a CLOSE");
    frames.closed().await;
}
