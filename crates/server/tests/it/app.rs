//! A server of one's own for each test: a fresh database, port 0, and calls in the users' words.

use crate::schema::Published;
use clap::{Args, Command, FromArgMatches};
use parlor_domain::assistant::AssistantSettings;
use parlor_domain::channel::EditChannel;
use parlor_domain::clock::{Clock, Timestamp};
use parlor_infra::event_bus::LocalEventBus;
use parlor_infra::persistence::{SeaOrmStore, migrate, open_sqlite};
use parlor_infra::security::ServerSecret;
use parlor_infra::system::{SystemClock, SystemIds};
use parlor_infra::testing::TestPostgres;
use parlor_server::config::{Config, Settings};
use parlor_server::serve::Running;
use parlor_server::wiring::{World, wire};
use reqwest::Method;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Runs each test function once on SQLite and once on Postgres:
/// `on_both! { async fn a_sentence(app: TestApp) { … } }`
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($app:ident: TestApp) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "tests")]
            use super::*;

            $(#[$meta])*
            async fn run($app: $crate::app::TestApp) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                run($crate::app::TestApp::start($crate::app::Database::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                run($crate::app::TestApp::start($crate::app::Database::Postgres).await).await;
            }
        }
    )+};
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// The system's time, which a test may move.
#[derive(Default)]
pub struct MovableClock(AtomicI64);

impl MovableClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().millis() + self.0.load(Ordering::SeqCst))
    }
}

/// A running server and how to call it.
pub struct TestApp {
    pub running: Option<Running>,
    pub url: String,
    pub clock: Arc<MovableClock>,
    pub http: reqwest::Client,
    published: Arc<Published>,
    data: tempfile::TempDir,
    postgres: Option<TestPostgres>,
}

/// The secret of all servers in tests, so that one takes what another signed.
const SERVER_SECRET: &str = "c61f0b7a94d3e8521a6f9b0c7d4e3f28516273849a";

/// The secret with which tests sign tokens as host site.
pub const HOST_SECRET: &str = "7f3c1a9e5b2d8046f1e7c3a95d0b6284e9";

impl TestApp {
    /// Without limits.
    pub async fn start(database: Database) -> Self {
        Self::start_with(database, &["--limits=off"]).await
    }

    /// With flags as on the command line.
    pub async fn start_with(database: Database, flags: &[&str]) -> Self {
        let app = Self::start_with_assistant(database, flags).await;
        app.edit_assistant(|assistant| assistant.enabled = false).await;
        app
    }

    /// Other settings for the assistant of the first channel.
    pub async fn edit_assistant(&self, edit: impl FnOnce(&mut AssistantSettings)) {
        let channels = &self.state().channels;
        let first = channels.all().await.unwrap().first().cloned().unwrap();
        let mut assistant = first.assistant.clone();
        edit(&mut assistant);
        let changed = EditChannel {
            assistant: Some(assistant),
            ..EditChannel::default()
        };
        channels.edit(first.workspace_id, first.id, changed).await.unwrap();
    }

    /// With flags as on the command line, and an assistant that answers as it does on a new server.
    pub async fn start_with_assistant(database: Database, flags: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let settings = settings(&url, data.path(), flags);
        let (store, postgres) = open(database, data.path()).await;
        let clock = Arc::new(MovableClock::default());
        let secret = ServerSecret::parse(SERVER_SECRET).unwrap();
        let world = World {
            clock: clock.clone(),
            ids: Arc::new(SystemIds),
            bus: Arc::new(LocalEventBus::new()),
        };
        let wired = wire(&settings, Arc::new(store), &secret, world, None).unwrap();
        let running = Running::start(wired, listener, Some(2)).await.unwrap();
        // The test's own client takes the process's crypto library, like every other.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self {
            running: Some(running),
            url,
            clock,
            http,
            published: Published::get(),
            data,
            postgres,
        }
    }

    /// A second node over the same database, with a bus of its own: it hears of nothing that happens on the first.
    pub async fn second_node(&self) -> SecondNode {
        self.second_node_with(&[]).await
    }

    /// The same with more flags as on the command line.
    pub async fn second_node_with(&self, flags: &[&str]) -> SecondNode {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let store = self.running.as_ref().unwrap().wired.store.clone();
        let flags: Vec<&str> = ["--limits=off"].into_iter().chain(flags.iter().copied()).collect();
        let secret = ServerSecret::parse(SERVER_SECRET).unwrap();
        let world = World {
            clock: self.clock.clone(),
            ids: Arc::new(SystemIds),
            bus: Arc::new(LocalEventBus::new()),
        };
        let wired = wire(&settings(&url, self.data.path(), &flags), store, &secret, world, None).unwrap();
        SecondNode {
            _running: Running::start(wired, listener, Some(2)).await.unwrap(),
            url,
        }
    }

    pub fn state(&self) -> &parlor_api::state::AppState {
        &self.running.as_ref().unwrap().wired.state
    }

    /// Where it keeps its files.
    pub fn folder(&self) -> &std::path::Path {
        self.data.path()
    }

    /// A connection of its own to the database, to look at what is stored.
    pub async fn database(&self) -> sea_orm::DatabaseConnection {
        let url = match &self.postgres {
            Some(postgres) => postgres.url(),
            None => format!("sqlite://{}", self.data.path().join("parlor.db").display()),
        };
        sea_orm::Database::connect(url).await.unwrap()
    }

    /// `ws://…` for a path.
    pub fn socket_url(&self, path: &str) -> String {
        format!("{}{path}", self.url.replacen("http", "ws", 1))
    }

    /// A call; its answer is held against the published document.
    pub fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call {
            app: self,
            request: self.http.request(method.clone(), format!("{}{path}", self.url)),
            method,
            path: path.to_owned(),
        }
    }

    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    pub fn patch(&self, path: &str) -> Call<'_> {
        self.call(Method::PATCH, path)
    }

    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// A new visitor's key.
    pub async fn visitor(&self) -> String {
        let answer = self.post("/api/chats/visitors/").json(json!({"name": "Nadia"})).send().await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body["data"]["id"].as_str().unwrap().to_owned()
    }

    /// A new room of a new visitor: `(room key, visitor key)`.
    pub async fn room(&self) -> (String, String) {
        let answer = self
            .post("/api/public/chat-rooms/")
            .json(json!({"customer_name": "Nadia", "customer_email": "nadia@example.com"}))
            .send()
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let field = |name: &str| answer.body[name].as_str().unwrap().to_owned();
        (field("id"), field("visitor_id"))
    }

    /// An agent of the first workspace with the password `correct horse battery`: `(access token, agent id)`.
    pub async fn agent(&self, email: &str, role: parlor_domain::agent::Role) -> (String, String) {
        let workspace = self.state().workspaces.list().await.unwrap()[0].id;
        self.agent_in(workspace, email, role).await
    }

    /// The same in any workspace.
    pub async fn agent_in(&self, workspace: parlor_domain::id::WorkspaceId, email: &str, role: parlor_domain::agent::Role) -> (String, String) {
        use parlor_domain::agent::NewAgent;
        use parlor_domain::security::Password;
        use parlor_domain::text::{Email, Name};
        let name = email.split('@').next().unwrap();
        let new = NewAgent {
            email: Email::parse(email).unwrap(),
            name: Name::parse(name).unwrap(),
            role,
            username: None,
            external_id: None,
            password: Some(Password::parse("correct horse battery").unwrap()),
        };
        let agent = self.state().agents.create(workspace, None, new).await.unwrap();
        let id = agent.id.to_string();
        (self.state().auth.begin(agent).await.unwrap().access, id)
    }

    /// The internal id of a room.
    pub async fn conversation_id(&self, room: &str) -> String {
        self.state().reader.by_room_key(room.parse().unwrap()).await.unwrap().id.to_string()
    }

    /// Sends as customer.
    pub async fn say(&self, room: &str, text: &str) -> Value {
        let answer = self
            .post(&format!("/api/public/chat-rooms/{room}/send_message/"))
            .json(json!({"message": text}))
            .send()
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body
    }

    /// Stops the server as SIGTERM does.
    pub async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }
}

/// Another node; it ends with this value's test.
pub struct SecondNode {
    pub url: String,
    _running: Running,
}

fn settings(url: &str, data: &std::path::Path, flags: &[&str]) -> Settings {
    let host_secret = format!("--host-jwt-secret={HOST_SECRET}");
    let public = format!("--public-url={url}");
    let folder = format!("--data-dir={}", data.display());
    // A host site has a secret or a key set.
    let secret = (!flags.iter().any(|flag| flag.starts_with("--host-jwt-jwks="))).then_some(host_secret.as_str());
    let line = ["parlor", &public, &folder].into_iter().chain(secret).chain(flags.iter().copied());
    let matches = Config::augment_args(Command::new("parlor")).get_matches_from(line);
    Settings::try_from(Config::from_arg_matches(&matches).unwrap()).unwrap()
}

async fn open(database: Database, data: &std::path::Path) -> (SeaOrmStore, Option<TestPostgres>) {
    match database {
        Database::Sqlite => {
            let store = open_sqlite(&data.join("parlor.db")).await.unwrap();
            migrate(&store).await.unwrap();
            (store, None)
        }
        Database::Postgres => {
            let postgres = TestPostgres::new().await;
            (postgres.open().await, Some(postgres))
        }
    }
}

/// A call that is being made.
pub struct Call<'a> {
    app: &'a TestApp,
    request: reqwest::RequestBuilder,
    method: Method,
    path: String,
}

impl Call<'_> {
    pub fn json(mut self, body: Value) -> Self {
        self.request = self.request.json(&body);
        self
    }

    pub fn raw(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.header("content-type", content_type).body(body);
        self
    }

    /// A body that nobody says the type of.
    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.body(body);
        self
    }

    pub fn bearer(mut self, token: &str) -> Self {
        self.request = self.request.bearer_auth(token);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Sends it, and checks the answer against the OpenAPI document.
    pub async fn send(self) -> Answer {
        let response = self.request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let body = if content_type.contains("json") && !text.is_empty() {
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
        } else {
            Value::Null
        };
        // A preflight is the browser's own question; HEAD has no body to look at.
        if self.method != Method::OPTIONS && self.method != Method::HEAD {
            self.app.published.check(self.method.as_str(), &self.path, status, &content_type, &body);
        }
        Answer { status, headers, text, body }
    }
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    /// A header's text; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Asserts the status and gives the body.
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Asserts a problem of this status and code, and gives it.
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["success"], false);
        self.body
    }
}

/// A token as the host site signs it (HS256), `claims` beside a good `exp`.
pub fn host_token(claims: Value) -> String {
    host_token_with(HOST_SECRET, claims)
}

/// The same with another secret.
pub fn host_token_with(secret: &str, claims: Value) -> String {
    let mut all = json!({"exp": SystemClock.now().millis() / 1000 + 3600});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    sign(secret, r#"{"alg":"HS256","typ":"JWT"}"#, &all)
}

/// A token of the host site (HS256) with this header and nothing but these claims.
pub fn sign_host_token(header: &str, claims: &Value) -> String {
    sign(HOST_SECRET, header, claims)
}

fn sign(secret: &str, header: &str, claims: &Value) -> String {
    use base64::Engine;
    use hmac::{KeyInit, Mac};
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let text = format!("{}.{}", encode(header.as_bytes()), encode(claims.to_string().as_bytes()));
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let signature = encode(&mac.finalize().into_bytes());
    format!("{text}.{signature}")
}
