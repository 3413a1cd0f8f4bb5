//! What operators do: start, stop, command, and mistakes.

use crate::process::{Installation, PASSWORD, PATIENCE, SECRET, finish};
use crate::senders::text_of;
use crate::socket::Socket;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn new_room(url: &str) -> String {
    let answer = reqwest::Client::new()
        .post(format!("{url}/api/public/chat-rooms/"))
        .json(&json!({"customer_name": "Nadia"}))
        .send()
        .await
        .unwrap();
    text_of(&answer.json::<Value>().await.unwrap()["id"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_folder_is_refused() {
    let first = Installation::on_sqlite();
    let _first = first.start().await;
    let mut second = Installation::on_sqlite().command(&["serve"]);
    second.env("PARLOR_DATA_DIR", first.data.path());
    let reason = finish(second, "").expect_refusal();
    assert!(
        reason.contains("another parlor runs on the data folder") && reason.contains("PARLOR_DATA_DIR"),
        "{reason}"
    );
    assert!(first.run(&["healthcheck"], "").status.success(), "the first one is not disturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_refused_with_advice() {
    let first = Installation::on_sqlite();
    let _first = first.start().await;
    let second = Installation::on_sqlite();
    let mut command = second.command(&["serve"]);
    command.env("PARLOR_LISTEN", first.address());
    let reason = finish(command, "").expect_refusal();
    assert!(reason.contains("cannot listen on") && reason.contains("PARLOR_LISTEN"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn short_commands_work_beside_a_running_server_on_sqlite() {
    short_commands(Installation::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn short_commands_work_beside_a_running_server_on_postgres() {
    short_commands(Installation::on_postgres().await).await;
}

async fn short_commands(installation: Installation) {
    let url = &installation.url;
    let _server = installation.start().await;
    let agent = installation.agent("mia@example.com", "admin");
    assert_eq!((agent["email"].as_str(), agent["role"].as_str()), (Some("mia@example.com"), Some("admin")));

    let http = reqwest::Client::new();
    let login = json!({"username": "mia@example.com", "password": PASSWORD});
    let login = http.post(format!("{url}/api/admin/auth/login/")).json(&login).send().await.unwrap();
    assert_eq!(login.status(), 200, "the server knows the new agent and its password");
    let token = installation.run(&["token", "mia@example.com"], "").expect_success();
    let me = http.get(format!("{url}/api/admin/auth/me/")).bearer_auth(token.trim()).send().await.unwrap();
    assert_eq!(me.status(), 200);

    let made: Value = serde_json::from_str(&installation.run(&["workspace", "create", "Second shop"], "").expect_success()).unwrap();
    let list: Value = serde_json::from_str(&installation.run(&["workspace", "list"], "").expect_success()).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2);
    // A server remembers the channels for some seconds.
    let begun = Instant::now();
    let room = json!({"channel": made["channel_id"]});
    while http.post(format!("{url}/api/public/chat-rooms/")).json(&room).send().await.unwrap().status() != 201 {
        assert!(begun.elapsed() < PATIENCE, "the server does not learn of the new workspace");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let config = installation.run(&["config"], "").expect_success();
    assert!(config.contains("PARLOR_LISTEN") && config.contains(installation.address()), "{config}");
    assert!(!config.contains(SECRET), "{config}");
    assert!(installation.run(&["healthcheck"], "").status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_a_newer_version_is_refused() {
    let installation = Installation::on_sqlite();
    installation.run(&["migrate"], "").expect_success();
    let db = Database::connect(format!("sqlite://{}/parlor.db", installation.data.path().display()))
        .await
        .unwrap();
    db.execute_unprepared("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_from_the_future', 0)")
        .await
        .unwrap();
    db.close().await.unwrap();
    for command in [&["serve"][..], &["migrate"], &["token", "mia@example.com"]] {
        let reason = installation.run(command, "").expect_refusal();
        assert!(reason.contains("newer version"), "{command:?}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_tells_the_sockets_and_finishes_what_runs() {
    let installation = Installation::on_sqlite();
    let mut server = installation.start().await;
    let room = new_room(&installation.url).await;
    let path = format!("/ws/chat/{room}/");
    let mut socket = Socket::connect(&installation.url, &path).await.unwrap();
    let said = json!({"conversation_id": room, "message": {"client_id": "one", "type": "text", "text": "Hello"}});
    assert_eq!(socket.ask("conversation:message", said).await.unwrap()["ok"], true);

    // A request that has begun and whose body is on its way.
    let body = json!({"message": "on its way", "client_id": "two"}).to_string();
    let (begin, rest) = body.split_at(10);
    let mut running = TcpStream::connect(installation.address()).await.unwrap();
    let head = format!(
        "POST /api/public/chat-rooms/{room}/send_message/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{begin}",
        body.len()
    );
    running.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let asked = Instant::now();
    server.terminate();
    let (frames, close) = socket.until_closed().await;
    let closing = frames
        .iter()
        .find(|frame| frame["event"] == "session:closing")
        .unwrap_or_else(|| panic!("{frames:?}"));
    assert_eq!(closing["data"]["reconnect"], true);
    assert!((0..=10_000).contains(&closing["data"]["after_ms"].as_i64().unwrap()), "{closing}");
    assert_eq!(close.map(|frame| u16::from(frame.code)), Some(1001));

    running.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    running.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(server.ended().await.success(), "{}", server.said());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());

    let _again = installation.start().await;
    let history = reqwest::get(format!("{}/api/public/chat-rooms/{room}/get_messages/", installation.url))
        .await
        .unwrap();
    let history: Value = history.json().await.unwrap();
    let client_ids: Vec<_> = history["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["client_id"].as_str().unwrap())
        .collect();
    assert_eq!(client_ids, ["one", "two"]);
}

#[test]
fn postgres_without_a_secret_says_how_to_make_one() {
    let mut command = Installation::on_sqlite().command(&["serve"]);
    command.env("PARLOR_DATABASE_URL", "postgres://parlor@localhost/parlor");
    let reason = finish(command, "").expect_refusal();
    assert!(reason.contains("PARLOR_SECRET_KEY") && reason.contains("openssl rand -hex 32"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_owners_link_is_told_until_there_is_an_agent() {
    let installation = Installation::on_sqlite();
    let server = installation.start().await;
    let report = server.says("/setup?token=").await;
    let link = report.split_whitespace().find(|word| word.contains("/setup?token=")).unwrap().to_owned();
    assert!(link.starts_with(&installation.url), "{link}");
    let form = reqwest::get(&link).await.unwrap();
    assert_eq!(form.status(), 200);
    assert!(form.text().await.unwrap().contains("<form"));
    server.kill();

    installation.agent("olga@example.com", "owner");
    let server = installation.start().await;
    let report = server.says("is ready").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!server.said().contains("/setup?token="), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_may_read_the_secret() {
    let installation = Installation::on_sqlite();
    let folder = installation.data.path().join("new");
    let mut command = installation.command(&["migrate"]);
    command.env("PARLOR_DATA_DIR", &folder);
    finish(command, "").expect_success();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("secret")), 0o600);

    std::fs::set_permissions(folder.join("secret"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = installation.command(&["serve"]);
    command.env("PARLOR_DATA_DIR", &folder);
    let reason = finish(command, "").expect_refusal();
    assert!(reason.contains("chmod 600"), "{reason}");
}
