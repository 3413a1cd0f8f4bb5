//! How long the first words of an answer take from the model to the reader: straight, and through Parlor, side by side.
//! Both ends of the time are in this process: the moment the model is let speak, and the moment the reader has the words.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a benchmark")]

use clap::{Args, Command, FromArgMatches};
use futures_util::StreamExt;
use parlor_bench::figures::Times;
use parlor_infra::persistence::{migrate, open_sqlite};
use parlor_infra::security::ServerSecret;
use parlor_server::config::{Config, Settings};
use parlor_server::serve::Running;
use parlor_server::wiring::{World, wire};
use parlor_testkit::model_server::{FakeModelServer, Gate, Reply};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 3;
const QUESTIONS: usize = 100;
const WORDS: &str = "Refunds take three to five days.";

struct Bench {
    http: reqwest::Client,
    model: FakeModelServer,
    url: String,
}

impl Bench {
    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}{path}", self.url)).json(&body).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }

    /// From the model's first word until the reader has it.
    async fn first_words(&self, request: reqwest::RequestBuilder) -> Duration {
        let gate = Gate::new();
        self.model.then(Reply::stream().gate(&gate).text(WORDS).finish("stop").done());
        let asked = self.model.requests().len();
        let reading = tokio::spawn(async move {
            let mut bytes = request.send().await.unwrap().error_for_status().unwrap().bytes_stream();
            let (mut read, mut first) = (Vec::new(), None);
            while let Some(chunk) = bytes.next().await {
                read.extend_from_slice(&chunk.unwrap());
                if first.is_none() && String::from_utf8_lossy(&read).contains(WORDS) {
                    first = Some(Instant::now());
                }
            }
            first.unwrap()
        });
        while self.model.requests().len() == asked {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let spoken = Instant::now();
        gate.open();
        reading.await.unwrap().duration_since(spoken)
    }

    async fn straight(&self) -> Duration {
        let request = self
            .http
            .post(format!("{}/chat/completions", self.model.base_url()))
            .json(&json!({"messages": []}));
        self.first_words(request).await
    }

    async fn through_parlor(&self, visitor: &str, session: &str) -> Duration {
        let body = json!({"message": "How long do refunds take?", "visitor_id": visitor, "session_id": session});
        self.first_words(self.http.post(format!("{}/api/chats/messages/chat/stream/", self.url)).json(&body))
            .await
    }
}

#[tokio::main]
async fn main() {
    let model = FakeModelServer::start().await;
    let data = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = data.path().display().to_string();
    let flags = [
        "parlor",
        "--limits=off",
        "--public-url",
        &url,
        "--data-dir",
        &folder,
        "--assistant-model=small",
        "--assistant-base-url",
    ];
    let base_url = model.base_url();
    let matches = Config::augment_args(Command::new("parlor")).get_matches_from(flags.into_iter().chain([base_url.as_str()]));
    let settings = Settings::try_from(Config::from_arg_matches(&matches).unwrap()).unwrap();
    let store = open_sqlite(&data.path().join("parlor.db")).await.unwrap();
    migrate(&store).await.unwrap();
    let secret = ServerSecret::parse("c61f0b7a94d3e8521a6f9b0c7d4e3f28516273849a").unwrap();
    let wired = wire(&settings, Arc::new(store), &secret, World::real(), None).unwrap();
    let running = Running::start(wired, listener, None).await.unwrap();
    let bench = Bench {
        http: reqwest::Client::new(),
        model,
        url,
    };
    let (mut straight, mut through) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let visitor = bench.post("/api/chats/visitors/", json!({})).await["data"]["id"].as_str().unwrap().to_owned();
        for _ in 0..QUESTIONS {
            straight.push(bench.straight().await);
        }
        // A conversation of its own for every few questions: a model is told all that was said before.
        let mut session = String::new();
        for number in 0..QUESTIONS {
            if number % 10 == 0 {
                let made = bench.post("/api/chats/sessions/", json!({"visitor_id": visitor})).await;
                session = made["data"]["id"].as_str().unwrap().to_owned();
            }
            through.push(bench.through_parlor(&visitor, &session).await);
        }
    }
    let (straight, through) = (Times::new(straight), Times::new(through));
    println!("first words of {} answers, from the model to the reader (goal: within 50 ms)", through.count());
    for (name, times) in [("straight", &straight), ("through Parlor", &through)] {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| times.percentile(share).as_secs_f64() * 1_000.0);
        println!("  {name:<15} p50 {p50:.2} ms   p99 {p99:.2} ms   longest {most:.2} ms");
    }
    running.stop().await;
}
