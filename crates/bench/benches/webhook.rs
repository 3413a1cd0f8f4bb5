//! How soon a delivery of WhatsApp is answered, which is when it is stored, while 200 come in each second; and how soon the same
//! server answers a request that does nothing, at the same rate, side by side. Times count from the moment in which a request was
//! due, so a server that falls behind cannot hide it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use clap::{Args, Command, FromArgMatches};
use parlor_bench::figures::Times;
use parlor_domain::clock::Clock;
use parlor_infra::persistence::{SeaOrmStore, migrate, open_sqlite};
use parlor_infra::security::ServerSecret;
use parlor_infra::system::SystemClock;
use parlor_infra::testing::TestPostgres;
use parlor_server::config::{Config, Settings};
use parlor_server::serve::Running;
use parlor_server::wiring::{World, wire};
use parlor_testkit::whatsapp::signature;
use serde_json::json;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const ROUNDS: usize = 3;
const PER_SECOND: u32 = 200;
const SECONDS: u32 = 10;
/// So many customers write in turns: the first message of each begins a conversation.
const CUSTOMERS: u32 = 500;
const NUMBER: &str = "830000000000001";
const APP_SECRET: &str = "an-app-secret-for-the-benchmark";

struct Server {
    http: reqwest::Client,
    url: String,
    running: Running,
    _data: tempfile::TempDir,
}

impl Server {
    async fn start(store: SeaOrmStore, data: tempfile::TempDir) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let folder = data.path().display().to_string();
        let number = format!("--whatsapp-phone-number-id={NUMBER}");
        let secret = format!("--whatsapp-app-secret={APP_SECRET}");
        let flags = ["parlor", "--limits=off", "--public-url", &url, "--data-dir", &folder, &number, &secret];
        let matches = Config::augment_args(Command::new("parlor")).get_matches_from(flags);
        let settings = Settings::try_from(Config::from_arg_matches(&matches).unwrap()).unwrap();
        migrate(&store).await.unwrap();
        let secret = ServerSecret::parse("c61f0b7a94d3e8521a6f9b0c7d4e3f28516273849a").unwrap();
        let wired = wire(&settings, Arc::new(store), &secret, World::real(), None).unwrap();
        Self {
            http: reqwest::Client::new(),
            url,
            running: Running::start(wired, listener, None).await.unwrap(),
            _data: data,
        }
    }

    fn delivery(&self, round: usize, place: u32) -> reqwest::RequestBuilder {
        let customer = format!("4917{:08}", place % CUSTOMERS);
        let now = SystemClock.now().millis() / 1_000;
        let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "811000000000001", "changes": [{"field": "messages", "value": {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550001111", "phone_number_id": NUMBER},
            "contacts": [{"profile": {"name": format!("Customer {customer}")}, "wa_id": customer}],
            "messages": [{"from": customer, "id": format!("wamid.BENCH{round}-{place}"), "timestamp": now.to_string(), "type": "text",
                "text": {"body": "Is the blue one still in stock?"}}],
        }}]}]})
        .to_string();
        self.http
            .post(format!("{}/api/channels/whatsapp/webhook", self.url))
            .header("X-Hub-Signature-256", signature(APP_SECRET, body.as_bytes()))
            .header("Content-Type", "application/json")
            .body(body)
    }

    fn nothing(&self) -> reqwest::RequestBuilder {
        self.http.get(format!("{}/health/live", self.url))
    }

    /// Sends at a fixed rate, whatever comes back.
    async fn load(&self, request: impl Fn(u32) -> reqwest::RequestBuilder) -> Vec<Duration> {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for place in 0..PER_SECOND * SECONDS {
            let due = begun + Duration::from_secs(1) * place / PER_SECOND;
            tokio::time::sleep_until(due.into()).await;
            let request = request(place);
            running.spawn(async move {
                let status = request.send().await.unwrap().status();
                assert!(status.is_success(), "{status}");
                due.elapsed()
            });
        }
        running.join_all().await
    }
}

#[tokio::main]
async fn main() {
    println!("answers at {PER_SECOND} requests a second, {ROUNDS} rounds of {SECONDS} s (goal for deliveries: p50 below 250 ms, at most 1 % above 1 s)");
    let data = tempfile::tempdir().unwrap();
    let store = open_sqlite(&data.path().join("parlor.db")).await.unwrap();
    measure("SQLite", Server::start(store, data).await).await;
    if std::env::var_os("PARLOR_TEST_POSTGRES_URL").is_none() {
        println!("Postgres: not measured, since PARLOR_TEST_POSTGRES_URL names no server");
        return;
    }
    let postgres = TestPostgres::new().await;
    measure("Postgres", Server::start(postgres.open().await, tempfile::tempdir().unwrap()).await).await;
}

async fn measure(database: &str, server: Server) {
    let (mut stored, mut idle) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        idle.extend(server.load(|_| server.nothing()).await);
        stored.extend(server.load(|place| server.delivery(round, place)).await);
    }
    let slow = stored.iter().filter(|time| **time > Duration::from_secs(1)).count();
    println!("{database}: {} deliveries, {slow} took more than 1 s", stored.len());
    for (name, times) in [("a request that does nothing", Times::new(idle)), ("a delivery, stored", Times::new(stored))] {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| times.percentile(share).as_secs_f64() * 1_000.0);
        println!("  {name:<28} p50 {p50:.2} ms   p99 {p99:.2} ms   longest {most:.2} ms");
    }
    server.running.stop().await;
}
