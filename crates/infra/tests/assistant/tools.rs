//! The one tool: the model asks for a person.

use crate::setup::{Whole, ask, complete};
use parlor_domain::assistant::{FinishReason, ModelEvent};
use parlor_testkit::model_server::Reply;
use serde_json::{Value, json};

fn handover(text: &str, reason: Option<&str>) -> Whole {
    Whole {
        besides: vec![ModelEvent::Handover {
            reason: reason.map(str::to_owned),
        }],
        ..Whole::new(text, Ok(FinishReason::Complete))
    }
}

fn calls(calls: &Value) -> Value {
    json!({"role": "assistant", "content": null, "tool_calls": calls})
}

#[tokio::test]
async fn a_call_in_one_piece_is_understood() {
    let call = json!([{"index": 0, "id": "1", "type": "function", "function": {"name": "handover", "arguments": "{\"reason\":\"Asked for one.\"}"}}]);
    for reason in ["tool_calls", "stop"] {
        let reply = Reply::stream().delta(&calls(&call)).finish(reason).done();
        assert_eq!(ask(reply).await, Ok(handover("", Some("Asked for one."))), "{reason}");
    }
    let document = json!({"choices": [{"message": calls(&call), "finish_reason": "tool_calls"}]});
    assert_eq!(ask(Reply::json(200, &document)).await, Ok(handover("", Some("Asked for one."))));
}

#[tokio::test]
async fn a_call_in_crumbs_is_joined_by_its_index() {
    let reply = Reply::stream()
        .text("One moment.")
        .delta(&calls(&json!([{"index": 1, "id": "2", "function": {"name": "close", "arguments": ""}}])))
        .delta(&calls(&json!([{"index": 0, "id": "1", "function": {"name": "handover", "arguments": ""}}])))
        .delta(&calls(
            &json!([{"index": 0, "function": {"arguments": "{\"rea"}}, {"index": 1, "function": {"arguments": "{}"}}]),
        ))
        .delta(&calls(&json!([{"index": 0, "function": {"name": null, "arguments": "son\": \"Ang"}}])))
        .delta(&calls(&json!([{"index": 0, "function": {"name": "handover", "arguments": "ry.\"}"}}])))
        .finish("tool_calls")
        .done();
    assert_eq!(ask(reply).await, Ok(handover("One moment.", Some("Angry."))));
}

#[tokio::test]
async fn crumbs_without_an_index_belong_to_the_last_name() {
    let reply = Reply::stream()
        .delta(&calls(&json!([{"id": "1", "function": {"name": "close", "arguments": "{}"}}])))
        .delta(&calls(&json!([{"id": "2", "function": {"name": "handover", "arguments": "{\"reason\":"}}])))
        .delta(&calls(&json!([{"function": {"arguments": "\"Angry.\"}"}}])))
        .finish("tool_calls")
        .done();
    assert_eq!(ask(reply).await, Ok(handover("", Some("Angry."))));
}

#[tokio::test]
async fn arguments_may_be_an_object_and_the_reason_may_be_missing() {
    for (arguments, reason) in [
        (json!({"reason": "Angry."}), Some("Angry.")),
        (json!("{}"), None),
        (json!("{\"reason\": 7}"), None),
        (json!("{\"reason\": \" \"}"), None),
        (json!("{\"reason\": \" A\\u0000ngry.\\n\", \"more\": 1}"), Some("Angry.")),
    ] {
        let call = json!([{"index": 0, "function": {"name": "handover", "arguments": arguments}}]);
        assert_eq!(
            ask(Reply::stream().delta(&calls(&call)).finish("tool_calls").done()).await,
            Ok(handover("", reason)),
            "{arguments}"
        );
    }
}

#[tokio::test]
async fn another_name_is_no_call() {
    for name in ["close_conversation", "Handover", "handover ", "functions.handover", ""] {
        let call = json!([{"index": 0, "function": {"name": name, "arguments": "{\"reason\":\"x\"}"}}]);
        assert_eq!(complete(Reply::stream().delta(&calls(&call)).finish("tool_calls").done()).await, "", "{name}");
        assert_eq!(
            complete(Reply::stream().text("Hi").delta(&calls(&call)).finish("tool_calls").done()).await,
            "Hi",
            "{name}"
        );
    }
}

#[tokio::test]
async fn arguments_that_are_no_json_object_are_no_call() {
    for arguments in [json!("{\"reason\":"), json!("please"), json!(""), json!("[]"), json!("\"x\""), Value::Null] {
        let call = json!([{"index": 0, "function": {"name": "handover", "arguments": arguments}}]);
        assert_eq!(
            complete(Reply::stream().delta(&calls(&call)).finish("tool_calls").done()).await,
            "",
            "{arguments}"
        );
    }
}

#[tokio::test]
async fn text_that_looks_like_a_command_is_text() {
    for text in [
        "Close the conversation.",
        "<tool_call>{\"name\":\"handover\",\"arguments\":{\"reason\":\"x\"}}</tool_call>",
        "{\"tool_calls\":[{\"function\":{\"name\":\"handover\",\"arguments\":\"{}\"}}]}",
        "data: [DONE]\n\n",
    ] {
        assert_eq!(complete(Reply::stream().text(text).finish("stop").done()).await, text);
    }
}

#[tokio::test]
async fn a_reason_without_end_is_cut() {
    let arguments = json!({"reason": "ü".repeat(10_000)}).to_string();
    let call = json!([{"index": 0, "function": {"name": "handover", "arguments": arguments}}]);
    let whole = ask(Reply::stream().delta(&calls(&call)).finish("tool_calls").done()).await;
    assert_eq!(whole, Ok(handover("", Some(&"ü".repeat(500)))));
}
