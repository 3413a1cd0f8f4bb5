//! What is answered, remembered and done otherwise.

use crate::support::{NADIA, code, get, graph, nadia, post, reported, text, try_post, webhook};
use parlor_testkit::whatsapp::{Endpoint, Gate, Number, Reports, Rule, Webhook};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_message_is_taken_and_remembered() {
    let graph = graph().await;
    let answer = post(&graph, &text("Yes, three are left.")).await.json();
    let sent = graph.until_sent(1).await;
    assert_eq!(answer["messages"][0]["id"].as_str(), sent[0].wamid.as_deref());
    assert_eq!(answer["contacts"], json!([{"input": NADIA, "wa_id": NADIA}]));
    assert_eq!(sent[0].text(), Some("Yes, three are left."));
    assert_eq!((sent[0].to(), sent[0].kind()), (Some(NADIA), Some("text")));
    assert_eq!(sent[0].phone_number_id(), Some(Number::EXAMPLE_ID));
    assert_eq!(sent[0].bearer(), Some(Number::EXAMPLE_TOKEN));
}

#[tokio::test]
async fn marking_read_is_no_message() {
    let graph = graph().await;
    let body = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.EXAMPLE1", "typing_indicator": {"type": "text"}});
    assert_eq!(post(&graph, &body).await.json(), json!({"success": true}));
    assert_eq!(graph.until_calls(Endpoint::MarkRead, 1).await.len(), 1);
    assert!(graph.sent().is_empty());
}

#[tokio::test]
async fn a_number_tells_about_itself() {
    let graph = graph().await;
    let whole = get(&graph, "/v26.0/830000000000001").await.json();
    assert_eq!(whole["verified_name"], "Example Shop");
    assert_eq!(whole["quality_rating"], "GREEN");
    let part = get(&graph, "/v26.0/830000000000001?fields=display_phone_number").await.json();
    assert_eq!(part, json!({"display_phone_number": "15550001111", "id": "830000000000001"}));
}

#[tokio::test]
async fn rules_end_calls_otherwise() {
    let graph = graph().await;
    graph.rule(Rule::fails(131_056).to("491700000002"));
    graph.rule(Rule::fails(130_429).times(2));
    graph.rule(Rule::page(502));
    graph.rule(Rule::redirects("http://127.0.0.1:9/"));
    graph.rule(Rule::fails(131_016).at(Endpoint::MarkRead));
    let mut seen = Vec::new();
    for _ in 0..5 {
        let answer = post(&graph, &text("Hi")).await;
        seen.push((answer.status, code(&answer)));
    }
    assert_eq!(seen, [(429, 130_429), (429, 130_429), (502, 0), (302, 0), (200, 0)]);
    assert_eq!(graph.sent().len(), 1);
    let read = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.EXAMPLE1"});
    assert_eq!(post(&graph, &read).await.status, 503);
}

#[tokio::test]
async fn connections_break_before_and_after_a_message_was_taken() {
    let graph = graph().await;
    graph.rule(Rule::closes_unread());
    assert!(try_post(&graph, &text("Unread")).await.is_err());
    graph.rule(Rule::closes());
    assert!(try_post(&graph, &text("Read")).await.is_err());
    assert!(graph.sent().is_empty());
    graph.rule(Rule::accepts_and_closes());
    assert!(try_post(&graph, &text("Taken")).await.is_err());
    assert_eq!(graph.sent()[0].text(), Some("Taken"));
    assert_eq!(graph.calls().len(), 3);
}

#[tokio::test]
async fn an_answer_waits() {
    let graph = graph().await;
    let gate = Gate::new();
    graph.rule(Rule::waits_for(&gate));
    let body = text("Hi");
    let mut answer = Box::pin(post(&graph, &body));
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut answer).await.is_err());
    assert_eq!(graph.sent().len(), 1);
    gate.open();
    assert_eq!(answer.await.status, 200);
}

#[tokio::test]
async fn accepted_messages_are_followed_by_statuses() {
    let graph = graph().await;
    // The first one is told again after a 500.
    let (url, received) = webhook(&[500]).await;
    graph.reports(Reports::to(&Webhook::new(url)).reading());
    let mut body = text("Hi");
    body["biz_opaque_callback_data"] = json!("message 7");
    let wamid = post(&graph, &body).await.json()["messages"][0]["id"].clone();
    assert!(graph.until_reported(1).await);
    let statuses = reported(&received, 4).await;
    let words: Vec<_> = statuses.iter().map(|status| status["status"].as_str().unwrap()).collect();
    assert_eq!(words, ["sent", "sent", "delivered", "read"]);
    for status in &statuses {
        assert_eq!((&status["id"], &status["recipient_id"]), (&wamid, &json!(NADIA)));
        assert_eq!(status["biz_opaque_callback_data"], "message 7");
        assert!(status["timestamp"].as_str().unwrap().parse::<i64>().is_ok());
    }
    assert_eq!(statuses[1]["recipient_user_id"], json!("DE.8812345678901234"));
}

#[tokio::test]
async fn a_status_can_come_before_the_answer() {
    let graph = graph().await;
    let (url, received) = webhook(&[]).await;
    graph.reports(Reports::to(&Webhook::new(url)).only(&["sent"]).before_answering());
    assert_eq!(post(&graph, &text("Hi")).await.status, 200);
    assert_eq!(received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_fails_later() {
    let graph = graph().await;
    let (url, received) = webhook(&[]).await;
    graph.reports(Reports::to(&Webhook::new(url)));
    graph.rule(Rule::accepts_then_fails(131_026).to("DE.8812345678901234"));
    graph.last_wrote(&Number::default(), &nadia(), Some(graph.now()));
    assert_eq!(post(&graph, &text("Hi")).await.status, 200);
    let status = &reported(&received, 1).await[0];
    assert_eq!((&status["status"], &status["errors"][0]["code"]), (&json!("failed"), &json!(131_026)));
}
