//! An answer whose server ends in the middle is made anew by the next one, under the same id.

use crate::process::{Installation, PATIENCE, Process};
use crate::senders::text_of;
use futures_util::StreamExt;
use parlor_testkit::model_server::{FakeModelServer, Gate, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_made_anew_after_a_kill_on_sqlite() {
    made_anew(Installation::on_sqlite(), Process::kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_made_anew_after_a_kill_on_postgres() {
    made_anew(Installation::on_postgres().await, Process::kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_made_anew_after_a_stop_on_sqlite() {
    made_anew(Installation::on_sqlite(), |server| server.terminate_and_wait()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_made_anew_after_a_stop_on_postgres() {
    made_anew(Installation::on_postgres().await, |server| server.terminate_and_wait()).await;
}

async fn made_anew(installation: Installation, end: impl FnOnce(Process) + Send + 'static) {
    let model = FakeModelServer::start().await;
    let installation = installation
        .with("PARLOR_ASSISTANT_BASE_URL", model.base_url())
        .with("PARLOR_ASSISTANT_MODEL", "small")
        .with("PARLOR_METRICS_TOKEN", "metrics-token-of-a-test");
    let server = installation.start().await;
    let (url, http) = (installation.url.clone(), reqwest::Client::new());
    let post = async |path: &str, body: Value| -> Value {
        let answer = http.post(format!("{url}{path}")).json(&body).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    };
    let visitor = text_of(&post("/api/chats/visitors/", json!({})).await["data"]["id"]);
    let session = text_of(&post("/api/chats/sessions/", json!({"visitor_id": visitor})).await["data"]["id"]);

    model.then(Reply::stream().text("Refunds take").forever());
    let question = json!({"message": "How do refunds work?", "visitor_id": visitor, "session_id": session, "client_id": "w-1"});
    let stream = http
        .post(format!("{url}/api/chats/messages/chat/stream/"))
        .json(&question)
        .send()
        .await
        .unwrap();
    let mut chunks = stream.error_for_status().unwrap().bytes_stream();
    let mut read = String::new();
    while !read.contains("Refunds take") {
        read.push_str(&String::from_utf8_lossy(&chunks.next().await.unwrap().unwrap()));
    }
    let gate = Gate::new();
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}});
    model.always(
        Reply::stream()
            .text("Three to ")
            .gate(&gate)
            .text("five days.")
            .finish("stop")
            .event(&usage)
            .done(),
    );
    let ended = tokio::task::spawn_blocking(move || end(server));
    while let Some(Ok(more)) = chunks.next().await {
        read.push_str(&String::from_utf8_lossy(&more));
    }
    ended.await.unwrap();
    assert!(!read.contains("finish") && !read.contains("[DONE]"), "the stream ended without an end: {read}");
    let start: Value = serde_json::from_str(read.lines().find_map(|line| line.strip_prefix("data: ")).unwrap()).unwrap();

    let _server = installation.start().await;
    let since = Instant::now();
    // Who comes back has parts of another draft: the numbers of this one mean nothing to it.
    let come_back = format!("{url}/api/chats/messages/chat/{session}/stream/?visitor_id={visitor}");
    let last = format!("{}:2", text_of(&start["messageId"]));
    let mut back = http.get(&come_back).header("last-event-id", &last).send().await.unwrap();
    let mut again = String::new();
    while !again.contains("Three to ") {
        again.push_str(&String::from_utf8_lossy(&back.chunk().await.unwrap().unwrap()));
        assert!(since.elapsed() < PATIENCE, "the answer is not made anew: {again}");
    }
    assert!(again.contains(r#""type":"start""#), "{again}");
    gate.open();
    let history = format!("{url}/api/chats/messages/?session_id={session}&visitor_id={visitor}");
    let messages = loop {
        let page: Value = http.get(&history).send().await.unwrap().json().await.unwrap();
        let messages = page["data"]["results"].as_array().unwrap().clone();
        if messages.len() > 1 {
            break messages;
        }
        assert!(since.elapsed() < PATIENCE, "the answer does not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&messages[1]["id"], &messages[1]["text"]), (&start["messageId"], &json!("Three to five days.")));
    // Who asks again gets what is stored, and the model hears nothing of it.
    let asked = model.requests().len();
    let again = http
        .post(format!("{url}/api/chats/messages/chat/stream/"))
        .json(&question)
        .send()
        .await
        .unwrap();
    let again = again.error_for_status().unwrap().text().await.unwrap();
    assert!(again.contains("five days.") && again.contains("[DONE]"), "{again}");
    let page: Value = http.get(&history).send().await.unwrap().json().await.unwrap();
    assert_eq!((page["data"]["results"].as_array().unwrap().len(), model.requests().len()), (2, asked));
    let metrics = http.get(format!("{url}/metrics")).bearer_auth("metrics-token-of-a-test").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in [
        r#"parlor_assistant_answers_total{result="ok"} 1"#,
        r#"parlor_assistant_model_requests_total{status="200"} 1"#,
        r#"parlor_assistant_tokens_total{direction="in"} 9"#,
        r#"parlor_assistant_tokens_total{direction="out"} 5"#,
        "parlor_assistant_first_delta_seconds_count 1",
        "parlor_assistant_answer_seconds_count 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}
