//! Recognisable secrets are sent through every path, in the right and in all wrong places, to the real binary that logs as much as it can.
//! None is found in its log, its spans or its metrics, and no refusal repeats one.

use crate::access::people::{document, operations};
use crate::app::{Database, HOST_SECRET, host_token};
use crate::malformed::resolve;
use futures_util::{SinkExt, StreamExt};
use parlor_infra::testing::TestPostgres;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const PATIENCE: Duration = Duration::from_secs(30);
const NOBODY: &str = "018f6a3e-5b1c-7000-8000-000000000077";
const METRICS_TOKEN: &str = "canary-metrics-51b0c3";
const PASSWORD: &str = "canary-password-93af1e";

/// The binary, and all that it says.
struct Server {
    child: Child,
    said: Arc<Mutex<String>>,
    address: String,
    http: reqwest::Client,
    _data: tempfile::TempDir,
    _postgres: Option<TestPostgres>,
}

impl Server {
    async fn start(database: Database, format: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARLOR_")) {
            command.env_remove(name);
        }
        let postgres = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(TestPostgres::new().await),
        };
        if let Some(postgres) = &postgres {
            command.env("PARLOR_DATABASE_URL", postgres.url());
        }
        command
            .env("PARLOR_DATA_DIR", data.path())
            .env("PARLOR_LISTEN", &address)
            .env("PARLOR_LIMITS", "off")
            .env("PARLOR_LOG", "trace")
            .env("PARLOR_LOG_FORMAT", format)
            .env("PARLOR_METRICS_TOKEN", METRICS_TOKEN)
            .env("PARLOR_HOST_JWT_SECRET", HOST_SECRET)
            .env("PARLOR_SECRET_KEY", "canary-secret-key-0c4b8e5f7a1d9263b8e1");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn Read + Send>; 2] = [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let said = said.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                    let mut said = said.lock().unwrap();
                    said.push_str(&String::from_utf8_lossy(&line));
                    said.push('\n');
                }
            });
        }
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let server = Self {
            child,
            said,
            address,
            http,
            _data: data,
            _postgres: postgres,
        };
        let begun = Instant::now();
        while !server.said().contains("/setup?token=") {
            assert!(begun.elapsed() < PATIENCE, "it does not start: {}", server.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Value {
        let request = self.request(Method::POST, path).json(&body);
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Opens a socket, sends frames, and waits a moment for what comes back.
    async fn socket(&self, path: &str, protocol: Option<&str>, frames: &[String]) -> String {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        let Ok((mut socket, _)) = tokio_tungstenite::connect_async(request).await else {
            return String::new();
        };
        for frame in frames {
            if socket.send(Message::text(frame.clone())).await.is_err() {
                break;
            }
        }
        let mut heard = String::new();
        while let Ok(Some(Ok(message))) = tokio::time::timeout(Duration::from_millis(150), socket.next()).await {
            heard.push_str(message.to_text().unwrap_or_default());
        }
        heard
    }

    /// Bytes as no client would send them.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Stops as an operator does, and gives the whole log.
    async fn stop(mut self) -> String {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.said()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Secrets by name, and what was found where it does not belong.
#[derive(Default)]
struct Canaries {
    secrets: Vec<(String, String)>,
    found: Vec<String>,
}

impl Canaries {
    fn add(&mut self, name: &str, value: &Value) -> String {
        let value = value.as_str().unwrap_or_else(|| panic!("{name}: {value}")).to_owned();
        self.secrets.push((name.to_owned(), value.clone()));
        value
    }

    /// A text that is a secret by what it is used for.
    fn make(&mut self, name: &str) -> String {
        let number = self.secrets.len();
        self.add(name, &json!(format!("canary-{name}-{number}-8d2f6b")))
    }

    /// Nothing of a secret may be in a text, in whatever way it is written there.
    fn look(&mut self, place: &str, text: &str) {
        let lower = text.to_lowercase();
        for (name, secret) in &self.secrets {
            let mut ways = vec![
                secret.to_lowercase(),
                secret.to_lowercase().replace('@', "%40").replace(' ', "%20"),
                secret.to_lowercase().replace('-', ""),
            ];
            // The parts of a token tell as much as the whole.
            ways.extend(secret.split('.').skip(1).filter(|part| part.len() > 20).map(str::to_lowercase));
            // Bytes as `Debug` shows them, of a buffer perhaps.
            ways.push(secret.bytes().take(12).map(|byte| byte.to_string()).collect::<Vec<_>>().join(", "));
            if let Some(way) = ways.iter().find(|way| lower.contains(*way)) {
                let at = lower.find(way.as_str()).unwrap();
                let line_begin = lower[..at].rfind('\n').map_or(0, |at| at + 1);
                let line: String = lower[line_begin..].chars().take(600).take_while(|c| *c != '\n').collect();
                self.found.push(format!("{name} in {place}: {line}"));
            }
        }
    }
}

/// A whole life with all kinds of secrets. Returns them, the owner's token first.
async fn good_calls(server: &Server, canaries: &mut Canaries) -> String {
    let said = server.said();
    let setup = said.split("/setup?token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let email = canaries.add("e-mail", &json!("canary.olga.77ab@example.com"));
    let login = server
        .post(
            "/api/admin/auth/setup/",
            None,
            json!({"token": setup, "email": email, "name": "Olga", "password": PASSWORD}),
        )
        .await;
    canaries.add("setup access", &login["access"]);
    canaries.add("setup refresh", &login["refresh"]);
    canaries.add("password", &json!(PASSWORD));
    let login = server
        .post("/api/admin/auth/login/", None, json!({"username": email, "password": PASSWORD}))
        .await;
    let owner = canaries.add("access", &login["access"]);
    let refresh = canaries.add("refresh", &login["refresh"]);
    let next = server.post("/api/admin/auth/refresh/", None, json!({"refresh": refresh})).await;
    canaries.add("next refresh", &next["refresh"]);
    let customer_email = canaries.add("customer's e-mail", &json!("canary.nadia.31cd@example.com"));
    let phone = canaries.add("phone", &json!("+1202555010077553"));
    let metadata = canaries.make("metadata");
    let once = canaries.make("idempotency");
    let request = server.request(Method::POST, "/api/chats/visitors/").header("idempotency-key", &once);
    let visitor: Value = request
        .json(&json!({"name": "Nadia", "email": customer_email, "phone": phone, "metadata": {"a": metadata}}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let visitor = canaries.add("visitor key", &visitor["data"]["id"]);
    let session = server.post("/api/chats/sessions/", None, json!({"visitor_id": visitor})).await;
    let room = canaries.add("room key", &session["data"]["conversation_id"]);
    let said = canaries.make("text");
    let client_id = canaries.make("client-id");
    let message = server
        .post(
            &format!("/api/public/chat-rooms/{room}/send_message/"),
            None,
            json!({"message": said, "client_id": client_id}),
        )
        .await;
    let made = server
        .post(
            "/api/public/chat-rooms/",
            None,
            json!({"customer_name": "Nadia", "message": canaries.make("first-text")}),
        )
        .await;
    canaries.add("room key of a room", &made["id"]);
    canaries.add("visitor key of a room", &made["visitor_id"]);
    let listed: Value = server
        .request(Method::GET, "/api/admin/chat-rooms/")
        .query(&[("empty", "false")])
        .bearer_auth(&owner)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let rows = listed["results"].as_array().unwrap();
    let internal = rows.iter().find(|row| row["last_message"] == said).unwrap()["id"].as_str().unwrap().to_owned();
    let admin = format!("/api/admin/chat-rooms/{internal}");
    server
        .post(
            &format!("{admin}/send_message/"),
            Some(&owner),
            json!({"message": canaries.make("answer"), "private": true}),
        )
        .await;
    server
        .post(
            &format!("{admin}/flag/"),
            Some(&owner),
            json!({"flagged": true, "reason": canaries.make("reason")}),
        )
        .await;
    server
        .post(&format!("{admin}/labels/"), Some(&owner), json!({"labels": [canaries.make("label")]}))
        .await;
    let edited = canaries.make("edited");
    let path = format!("{admin}/messages/{}/", message["id"].as_str().unwrap());
    server
        .request(Method::PATCH, &path)
        .bearer_auth(&owner)
        .json(&json!({"message": edited}))
        .send()
        .await
        .unwrap();
    let key = server
        .post("/api/admin/api-keys/", Some(&owner), json!({"name": "Orders", "scope": "write"}))
        .await;
    let key = canaries.add("API key", &key["secret"]);
    server
        .request(Method::GET, &format!("/api/admin/visitors/?q={}", canaries.make("query")))
        .bearer_auth(&key)
        .send()
        .await
        .unwrap();
    let invited = canaries.add("invited e-mail", &json!("canary.omar.90ef@example.com"));
    let agent = server
        .post("/api/admin/agents/", Some(&owner), json!({"email": invited, "name": "Omar", "role": "agent"}))
        .await;
    let link = agent["invite_url"].as_str().unwrap();
    canaries.add("invitation", &json!(link.split("token=").nth(1).unwrap()));
    server
        .request(
            Method::GET,
            link.split_once("/setup").map(|(_, rest)| format!("/setup{rest}")).unwrap().as_str(),
        )
        .send()
        .await
        .unwrap();
    let identity = canaries.add(
        "host token",
        &json!(host_token(json!({"sub": "user-17", "email": "canary.verified.12ab@example.com"}))),
    );
    canaries.add("verified e-mail", &json!("canary.verified.12ab@example.com"));
    server
        .post(&format!("/api/chats/visitors/{visitor}/identify/"), None, json!({"token": identity}))
        .await;
    server
        .request(Method::GET, "/api/public/chat-rooms/")
        .bearer_auth(&identity)
        .send()
        .await
        .unwrap();

    let hello = |token: &str| json!({"id": "1", "event": "session:hello", "data": {"token": token}}).to_string();
    for who in [&owner, &visitor] {
        let ticket = server.post("/api/realtime/tickets", Some(who), json!({})).await;
        let ticket = canaries.add("ticket", &ticket["ticket"]);
        server.socket(&format!("/ws?ticket={ticket}"), None, &[]).await;
        let ticket = server.post("/api/realtime/tickets", Some(who), json!({})).await;
        let ticket = canaries.add("ticket of a frame", &ticket["ticket"]);
        server.socket("/ws", None, &[hello(&ticket)]).await;
    }
    let say = |id: &str, text: &str, client_id: &str| {
        json!({"id": "2", "event": "conversation:message", "data": {"conversation_id": id, "message": {"client_id": client_id, "text": text}}}).to_string()
    };
    let heard = server
        .socket(
            &format!("/ws/chat/{room}/"),
            None,
            &[say(&room, &canaries.make("socket-text"), &canaries.make("socket-id"))],
        )
        .await;
    assert!(heard.contains("message_id"), "the socket took it: {heard}");
    server
        .socket(
            &format!("/ws/admin/chat/?token={owner}"),
            None,
            &[say(&internal, &canaries.make("agent-text"), "a1")],
        )
        .await;
    server.socket(&format!("/ws?token={owner}"), None, &[]).await;
    let page = json!({"id": "3", "event": "visitor:page", "data": {"url": format!("https://shop.example.com/{}", canaries.make("page")), "title": canaries.make("title")}});
    server.socket("/ws", None, &[hello(&visitor), page.to_string()]).await;
    owner
}

/// A secret in every place where it has no business.
async fn wrong_calls(server: &Server, canaries: &mut Canaries, secret: &str, owner: &str) {
    let document = document();
    let mut answers = Vec::new();
    let encoded = secret.replace('@', "%40").replace('+', "%2B");
    for operation in operations() {
        let path: String = operation
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { encoded.as_str() } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let plain: String = operation
            .path
            .split('/')
            .map(|part| {
                if part.starts_with('{') {
                    "018f6a3e-5b1c-7000-8000-000000000077"
                } else {
                    part
                }
            })
            .collect::<Vec<_>>()
            .join("/");
        let query = ["visitor_id", "session_id", "token", "q", "channel", "cursor", "status", "limit", "refresh"]
            .map(|name| format!("{name}={encoded}"))
            .join("&");
        let call = |path: &str| server.request(operation.method.clone(), path);
        let mut calls = vec![
            call(&path).bearer_auth(owner),
            call(&format!("{plain}?{query}")).bearer_auth(owner),
            call(&format!("{plain}?{query}")),
            call(&plain).header("authorization", secret),
            call(&format!("{path}?{query}")).bearer_auth(secret),
        ];
        if operation.item.get("requestBody").is_some() {
            let as_owner = || call(&plain).bearer_auth(owner).header("content-type", "application/json");
            calls.push(as_owner().body(format!("{{\"message\": \"{secret}")));
            calls.push(as_owner().body(format!("{{\"message\": \"{secret}\"}} {secret}")));
            calls.push(as_owner().body(format!("\"{secret}\"")));
            let schema = resolve(&document, &operation.item["requestBody"]["content"]["application/json"]["schema"]);
            for property in schema["properties"].as_object().unwrap().keys() {
                calls.push(as_owner().body(json!({property: secret}).to_string()));
                calls.push(as_owner().body(json!({property: [secret, {"a": secret}]}).to_string()));
                calls.push(as_owner().body(json!({property: {"a": secret}}).to_string()));
            }
            calls.push(call(&plain).header("content-type", secret).body(secret.to_owned()));
        }
        for name in [
            "idempotency-key",
            "x-parlor-channel",
            "x-request-id",
            "user-agent",
            "referer",
            "cookie",
            "if-none-match",
            "accept",
            "x-forwarded-for",
            "traceparent",
        ] {
            calls.push(call(&plain).header(
                name,
                if name == "cookie" {
                    format!("parlor_refresh={secret}")
                } else {
                    secret.to_owned()
                },
            ));
        }
        calls.push(call(&plain).header("origin", format!("https://{}", secret.replace('@', "."))));
        for call in calls {
            let response = call.send().await.unwrap();
            let status = response.status().as_u16();
            assert_ne!(status, 500, "{}", operation.id);
            if status >= 400 {
                answers.push((operation.id.clone(), response.text().await.unwrap()));
            }
        }
    }
    for path in [
        format!("/{encoded}"),
        format!("/{encoded}/{encoded}?{encoded}={encoded}"),
        format!("/api/{encoded}"),
        format!("/metrics?token={encoded}"),
        format!("/api/docs/{encoded}"),
        format!("/setup?token={encoded}"),
    ] {
        for method in [Method::GET, Method::POST, Method::TRACE] {
            server.request(method, &path).send().await.unwrap();
        }
    }
    let form = [("token", secret), ("email", secret), ("name", secret), ("password", secret)];
    let text = form
        .map(|(name, value)| format!("{name}={}", value.replace('@', "%40").replace('+', "%2B")))
        .join("&");
    server
        .request(Method::POST, "/setup")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(text)
        .send()
        .await
        .unwrap();
    for head in [
        format!("GET /{secret} HTTP/9.9\r\n\r\n"),
        format!("GET /{secret}\r\n\r\n"),
        format!("{secret} / HTTP/1.1\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{secret}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {secret}\r\ncontent-length: {secret}\r\n\r\n"),
        format!("POST /api/chats/visitors HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{secret}\r\n"),
        format!("POST /api/chats/visitors HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{{\"name\": \"{secret}"),
    ] {
        server.raw(head.as_bytes());
    }
    let visitor = server.post("/api/chats/visitors/", None, json!({})).await["data"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    canaries.add("another visitor key", &json!(visitor));
    let hello = json!({"id": "1", "event": "session:hello", "data": {"token": visitor}}).to_string();
    let wrong = [
        secret.to_owned(),
        format!("{{\"event\": \"{secret}"),
        json!({"id": "2", "event": secret, "data": {}}).to_string(),
        json!({"id": "3", "event": "conversation:subscribe", "data": {"conversation_id": secret, "after_rev": secret}}).to_string(),
        json!({"id": "4", "event": "conversation:subscribe", "data": {"conversation_id": secret}}).to_string(),
        json!({"id": "5", "event": "conversation:message", "data": {"conversation_id": secret, "message": secret}}).to_string(),
        json!({"id": "6", "event": "conversation:typing", "data": {"conversation_id": secret, "state": secret}}).to_string(),
        json!({"id": "7", "event": "session:refresh", "data": {"token": secret}}).to_string(),
    ];
    let frames: Vec<String> = std::iter::once(hello).chain(wrong).collect();
    answers.push(("frames".to_owned(), server.socket("/ws", None, &frames).await));
    let hello = json!({"id": "1", "event": "session:hello", "data": {"token": secret, "client": {"name": secret, "version": secret}, "resume": [{"conversation_id": NOBODY, "after_rev": 1, "token": secret}]}}).to_string();
    answers.push(("hello".to_owned(), server.socket("/ws", None, &[hello]).await));
    for path in [
        format!("/ws?token={encoded}"),
        format!("/ws?ticket={encoded}"),
        format!("/ws?channel={encoded}"),
        format!("/ws/admin/chat/?token={encoded}"),
        format!("/ws/chat/{encoded}/"),
    ] {
        server.socket(&path, None, &[]).await;
    }
    if !secret.contains('@') {
        server.socket("/ws", Some(secret), &[]).await;
    }
    for (place, text) in answers {
        canaries.look(&format!("the refusal of {place}"), &text);
    }
}

/// Text and JSON are both tried, each on one database.
async fn nothing_is_told(database: Database, format: &str) {
    let server = Server::start(database, format).await;
    let link = server
        .said()
        .split("/setup?token=")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    let mut canaries = Canaries::default();
    let owner = good_calls(&server, &mut canaries).await;
    let kinds = [
        "visitor key",
        "room key",
        "access",
        "refresh",
        "API key",
        "ticket",
        "password",
        "text",
        "e-mail",
        "idempotency",
        "host token",
        "invitation",
    ];
    let wrong: Vec<String> = kinds
        .iter()
        .map(|kind| canaries.secrets.iter().find(|(name, _)| name == kind).unwrap().1.clone())
        .collect();
    for secret in wrong {
        wrong_calls(&server, &mut canaries, &secret, &owner).await;
    }
    canaries.secrets.push(("metrics token".to_owned(), METRICS_TOKEN.to_owned()));
    canaries
        .secrets
        .push(("server's secret".to_owned(), "canary-secret-key-0c4b8e5f7a1d9263b8e1".to_owned()));
    canaries.secrets.push(("host site's secret".to_owned(), HOST_SECRET.to_owned()));
    assert_eq!(server.request(Method::GET, "/metrics").send().await.unwrap().status(), 401);
    let metrics = server
        .request(Method::GET, "/metrics")
        .bearer_auth(METRICS_TOKEN)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics.contains("parlor_http_request_seconds") && metrics.contains("/api/chats/visitors/{id}"),
        "metrics are counted by route: {metrics}"
    );
    let log = server.stop().await;
    assert!(
        log.lines().count() > 1_000 && log.contains("DEBUG") && log.contains("/api/chats/visitors/{id}"),
        "it logs as much as it can: {log}"
    );
    assert_eq!(log.matches(&link).count(), 1, "the first owner's link is told once, at the start");
    canaries.look("the metrics", &metrics);
    canaries.look("the log", &log);
    let mut found = std::mem::take(&mut canaries.found);
    found.dedup();
    assert!(
        found.is_empty(),
        "{} found:\n{}",
        found.len(),
        found.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_the_log_as_json_on_sqlite() {
    nothing_is_told(Database::Sqlite, "json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_the_log_as_text_on_postgres() {
    nothing_is_told(Database::Postgres, "text").await;
}
