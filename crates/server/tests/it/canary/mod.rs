//! Recognisable secrets are sent through every path, in the right and in all wrong places, to the real binary that logs as much as it can.
//! None is found in its log, its spans or its metrics, and no refusal repeats one.

mod good_calls;
mod on_whatsapp;
mod wrong_calls;

use crate::app::{Database, HOST_SECRET};
use futures_util::{SinkExt, StreamExt};
use good_calls::good_calls;
use on_whatsapp::{GRAPH_TOKEN, HOOK_SECRET, HOOK_WORD, on_whatsapp};
use parlor_infra::testing::TestPostgres;
use parlor_testkit::whatsapp::{FakeWhatsapp, Number};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use wrong_calls::wrong_calls;

const PATIENCE: Duration = Duration::from_secs(30);
const METRICS_TOKEN: &str = "canary-metrics-51b0c3";
const PASSWORD: &str = "canary-password-93af1e";

/// The binary, and all that it says.
struct Server {
    child: Child,
    said: Arc<Mutex<String>>,
    address: String,
    http: reqwest::Client,
    graph: FakeWhatsapp,
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
        let graph = FakeWhatsapp::start().await;
        graph.serves(&Number::default().access_token(GRAPH_TOKEN));
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
            .env("PARLOR_WHATSAPP_PHONE_NUMBER_ID", Number::EXAMPLE_ID)
            .env("PARLOR_WHATSAPP_ACCESS_TOKEN", GRAPH_TOKEN)
            .env("PARLOR_WHATSAPP_APP_SECRET", HOOK_SECRET)
            .env("PARLOR_WHATSAPP_VERIFY_TOKEN", HOOK_WORD)
            .env("PARLOR_WHATSAPP_GRAPH_BASE_URL", graph.base_url())
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
        let _ = rustls::crypto::ring::default_provider().install_default();
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
            graph,
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
    on_whatsapp(&server, &mut canaries, &owner).await;
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
        "verify token",
        "signature of a link",
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
    for (name, secret) in [("access token", GRAPH_TOKEN), ("app secret", HOOK_SECRET), ("word of the webhook", HOOK_WORD)] {
        canaries.secrets.push((name.to_owned(), secret.to_owned()));
    }
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
    assert_eq!(
        log.matches("Message saved to chat canary-c (role: user)").count(),
        2,
        "what is stored is told, of its chat the first eight characters: {log}"
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
