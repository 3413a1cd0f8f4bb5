//! What the real binary tells of customers on WhatsApp, and what it keeps to itself.

use super::*;
use parlor_testkit::whatsapp::{Rule, Status};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

const PASSWORD: &str = "correct horse battery";

struct Server {
    child: Child,
    said: Arc<Mutex<String>>,
    url: String,
}

/// `parlor` with the number in its environment, and no setting of whoever runs the tests.
fn command(data: &std::path::Path, url: &str, graph: &FakeWhatsapp, level: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARLOR_")) {
        command.env_remove(name);
    }
    command
        .env("PARLOR_DATA_DIR", data)
        .env("PARLOR_LISTEN", &url["http://".len()..])
        .env("PARLOR_LIMITS", "off")
        .env("PARLOR_LOG", level)
        .env("PARLOR_WHATSAPP_PHONE_NUMBER_ID", Number::EXAMPLE_ID)
        .env("PARLOR_WHATSAPP_ACCESS_TOKEN", Number::EXAMPLE_TOKEN)
        .env("PARLOR_WHATSAPP_APP_SECRET", Webhook::EXAMPLE_SECRET)
        .env("PARLOR_WHATSAPP_VERIFY_TOKEN", Webhook::EXAMPLE_VERIFY_TOKEN)
        .env("PARLOR_WHATSAPP_GRAPH_BASE_URL", graph.base_url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Server {
    async fn start(data: &std::path::Path, graph: &FakeWhatsapp, level: &str) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("http://{address}");
        let mut child = command(data, &url, graph, level).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn Read + Send>; 2] = [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let said = said.clone();
            std::thread::spawn(move || {
                for text in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                    let mut said = said.lock().unwrap();
                    said.push_str(&String::from_utf8_lossy(&text));
                    said.push('\n');
                }
            });
        }
        let server = Self { child, said, url };
        let begun = Instant::now();
        while !matches!(reqwest::get(format!("{}/health/ready", server.url)).await, Ok(answer) if answer.status() == 200) {
            assert!(begun.elapsed() < PATIENCE, "it does not start: {}", server.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn a_talk_is_logged(level: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (graph, data) = (FakeWhatsapp::start().await, tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &graph, level).await;
    let hook = Webhook::new(format!("{}{HOOK}", server.url));
    graph.reports(Reports::to(&hook).reading());
    let mut agent = command(data.path(), &server.url, &graph, "warn")
        .args(["agent", "create", "--email", "mia@example.com", "--role", "owner", "--password-stdin"])
        .spawn()
        .unwrap();
    agent.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(agent.wait_with_output().unwrap().status.success());
    let http = reqwest::Client::new();
    let post = async |path: &str, token: Option<&str>, body: Value| -> Value {
        let request = http.post(format!("{}{path}", server.url)).json(&body);
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        request.send().await.unwrap().json().await.unwrap()
    };
    let login = post("/api/admin/auth/login/", None, json!({"username": "mia@example.com", "password": PASSWORD})).await;
    let token = word(&login["access"]);

    let media = graph.media("image/png", parlor_testkit::whatsapp::sample::IMAGE);
    let hidden = Customer::hidden(USER).name("canary-name").username("canary.username");
    let first = Customer::new(PHONE).name("canary-name").text("canary-text-in");
    for message in [
        first.clone(),
        Customer::new(PHONE).image(&media).caption("canary-caption"),
        hidden.text("canary-hidden"),
    ] {
        assert_eq!(graph.delivers(&hook, message).await, 200);
    }
    assert_eq!(graph.delivers(&hook, Customer::new(PHONE).reaction(first.wamid(), "👍")).await, 200);
    assert_eq!(graph.delivers(&hook, Customer::new(PHONE).unknown_kind().set("note", "canary-raw")).await, 200);
    assert_eq!(graph.delivers(&hook, Customer::new(PHONE).changed_number("491700000088")).await, 200);
    assert_eq!(
        graph.delivers(&hook, Envelope::raw(json!({"object": "page", "text": "canary-other"}))).await,
        400
    );
    let forged = graph.delivery(&hook, Customer::new(PHONE).text("canary-forged")).tampered();
    assert_eq!(hook.post(&forged).await.unwrap().status, 401);
    assert_eq!(hook.handshake("canary-challenge").await.unwrap().status, 200);
    assert_eq!(
        hook.clone()
            .verify_token("canary-wrong-token")
            .handshake("canary-challenge")
            .await
            .unwrap()
            .status,
        403
    );
    for (rule, text) in [
        (Rule::fails(131_026), "canary-text-1"),
        (Rule::fails(100), "canary-text-2"),
        (Rule::closes(), "canary-text-3"),
        (Rule::page(502), "canary-text-4"),
        (Rule::waits(Duration::ZERO), "canary-text-5"),
    ] {
        graph.rule(rule);
        let sent = post("/api/live-chat/send-message", Some(&token), json!({"conversation_id": 1, "message": text})).await;
        assert_eq!(sent["success"], true, "{sent}");
    }
    graph.until_sent(1).await;
    assert_eq!(graph.delivers(&hook, Status::failed("wamid.NOBODYS", 131_026)).await, 200);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let log = server.said();

    for (told, times) in [
        ("Incoming Message", 4),
        ("Created new conversation ID: 1 for ", 1),
        ("Created new conversation ID: 2 for ", 1),
        ("Updated conversation ID: 1 for ", 2),
    ] {
        assert_eq!(log.matches(told).count(), times, "{told}: {log}");
    }
    assert_eq!(log.matches("Saved message to database: conversation_id=1, message_id=").count(), 3, "{log}");
    let secrets = [
        Number::EXAMPLE_TOKEN,
        Webhook::EXAMPLE_SECRET,
        Webhook::EXAMPLE_VERIFY_TOKEN,
        "491700000088",
        PHONE,
        USER,
        "canary",
    ];
    let told: Vec<&str> = log.lines().filter(|said| secrets.iter().any(|secret| said.contains(secret))).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn four_lines_tell_of_a_message_and_no_line_what_it_says() {
    a_talk_is_logged("info").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_do_the_lines_for_developers() {
    a_talk_is_logged("debug").await;
}
