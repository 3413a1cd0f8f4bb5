//! Killed while messages go out over WhatsApp: each goes out once, or nobody knows whether it did; none twice.

use crate::process::{Installation, PASSWORD, PATIENCE};
use crate::{between, rounds};
use parlor_testkit::whatsapp::{Customer, Endpoint, FakeWhatsapp, Number, Rule, Webhook};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const CUSTOMERS: usize = 4;
const EACH: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_out_twice_on_sqlite() {
    crash(Installation::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_out_twice_on_postgres() {
    crash(Installation::on_postgres().await).await;
}

/// An agent's side of the server.
struct Agent<'a> {
    url: &'a str,
    token: String,
    http: reqwest::Client,
}

impl Agent<'_> {
    async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// The numbers of all conversations.
    async fn conversations(&self) -> Vec<i64> {
        let list = self.get("/api/live-chat/conversations").await;
        list["conversations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_i64().unwrap())
            .collect()
    }

    async fn say(&self, conversation: i64, text: &str) {
        let body = json!({"conversation_id": conversation, "message": text, "client_id": text});
        let request = self
            .http
            .post(format!("{}/api/live-chat/send-message", self.url))
            .bearer_auth(&self.token)
            .json(&body);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    /// Statuses of what agents said, by text.
    async fn statuses(&self) -> HashMap<String, String> {
        let mut statuses = HashMap::new();
        for row in self.get("/api/admin/chat-rooms/").await["results"].as_array().unwrap() {
            let page = self
                .get(&format!(
                    "/api/admin/chat-rooms/{}/messages/?after_seq=0&limit=100",
                    row["id"].as_str().unwrap()
                ))
                .await;
            let ours = page["results"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|message| message["sender"]["kind"] == "agent")
                .cloned();
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            statuses.extend(ours.map(|message| (word(&message["text"]), word(&message["status"]))));
        }
        statuses
    }
}

async fn crash(installation: Installation) {
    let graph = FakeWhatsapp::start().await;
    graph.rule(Rule::waits(Duration::from_millis(60)).always());
    let installation = installation
        .with("PARLOR_WHATSAPP_PHONE_NUMBER_ID", Number::EXAMPLE_ID)
        .with("PARLOR_WHATSAPP_ACCESS_TOKEN", Number::EXAMPLE_TOKEN)
        .with("PARLOR_WHATSAPP_APP_SECRET", Webhook::EXAMPLE_SECRET)
        .with("PARLOR_WHATSAPP_GRAPH_BASE_URL", graph.base_url());
    let mut server = installation.start().await;
    installation.agent("mia@example.com", "agent");
    let hook = Webhook::new(format!("{}/webhook", installation.url));
    for number in 0..CUSTOMERS {
        assert_eq!(graph.delivers(&hook, Customer::new(format!("49170000000{number}")).text("Hi")).await, 200);
    }
    let http = reqwest::Client::new();
    let login = json!({"username": "mia@example.com", "password": PASSWORD});
    let login = http
        .post(format!("{}/api/admin/auth/login/", installation.url))
        .json(&login)
        .send()
        .await
        .unwrap();
    let agent = Agent {
        url: &installation.url,
        token: login.json::<Value>().await.unwrap()["access"].as_str().unwrap().to_owned(),
        http,
    };
    let conversations = agent.conversations().await;
    assert_eq!(conversations.len(), CUSTOMERS);
    for round in 0..rounds() {
        for conversation in &conversations {
            for number in 0..EACH {
                agent.say(*conversation, &format!("{round}-{conversation}-{number}")).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(between(0, 600) as u64)).await;
        server.kill();
        server = installation.start().await;
    }
    let begun = Instant::now();
    let mut statuses = agent.statuses().await;
    // What was being sent is found when the claim on it has run out.
    while statuses.values().any(|status| status == "queued") {
        assert!(begun.elapsed() < PATIENCE * 3, "still waiting: {statuses:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        statuses = agent.statuses().await;
    }
    let mut requests: HashMap<String, usize> = HashMap::new();
    for call in graph.calls_at(Endpoint::Send) {
        *requests.entry(call.text().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(statuses.len(), rounds() * CUSTOMERS * EACH, "all that was acknowledged is there");
    for (text, status) in &statuses {
        match (status.as_str(), requests.get(text).copied().unwrap_or_default()) {
            ("sent", 1) | ("unknown", 0 | 1) => {}
            (status, times) => panic!("{text} is {status} and went out {times} times"),
        }
    }
    let unknown = statuses.values().filter(|status| *status == "unknown").count();
    assert!(
        unknown <= rounds() * CUSTOMERS,
        "at most one of each customer was on its way at each fall: {unknown}"
    );
    eprintln!(
        "killed {} times while {} messages went out, {unknown} of unknown outcome, none twice",
        rounds(),
        statuses.len()
    );
    server.kill();
}
