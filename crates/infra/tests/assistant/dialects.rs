//! What servers say in the wild: one test for each row of the contract's table.

use crate::setup::{Whole, ask, complete, model, question, server};
use parlor_domain::assistant::{FinishReason, LanguageModel, ModelEvent, ModelFailure};
use parlor_testkit::model_server::{FakeModelServer, Reply};
use serde_json::{Value, json};

fn chunk(choices: &Value) -> Value {
    json!({"id": "c1", "object": "chat.completion.chunk", "model": "small", "choices": choices})
}

#[tokio::test]
async fn a_missing_finish_reason_and_a_null_one_mean_that_it_goes_on() {
    let reply = Reply::stream()
        .event(&chunk(&json!([{"index": 0, "delta": {"content": "Three"}}])))
        .event(&chunk(&json!([{"index": 0, "delta": {"content": " to"}, "finish_reason": null}])))
        .event(&chunk(&json!([{"index": 0, "delta": {"content": " five."}, "finish_reason": "stop"}])))
        .done();
    assert_eq!(complete(reply).await, "Three to five.");
}

#[tokio::test]
async fn no_choices_are_no_text_and_their_usage_is_kept() {
    for choices in [json!([]), Value::Null] {
        let mut last = chunk(&choices);
        last["usage"] = json!({"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15});
        let mut early = last.clone();
        early["usage"] = Value::Null;
        let whole = ask(Reply::stream().event(&early).text("Hi").finish("stop").event(&last).done()).await.unwrap();
        assert_eq!(whole.text, "Hi");
        assert_eq!(whole.besides, [ModelEvent::Usage { input: 12, output: 3 }]);
        assert_eq!(whole.end, Ok(FinishReason::Complete));
    }
}

#[tokio::test]
async fn empty_deltas_and_repeated_roles_are_no_answer() {
    let beginning = || {
        Reply::stream()
            .delta(&json!({"role": "assistant", "content": null}))
            .delta(&json!({"role": "assistant", "content": ""}))
            .delta(&json!({}))
    };
    assert_eq!(
        complete(beginning().delta(&json!({"role": "assistant", "content": "Hi"})).finish("stop").done()).await,
        "Hi"
    );
    assert_eq!(complete(beginning().finish("stop").done()).await, "");
}

#[tokio::test]
async fn thoughts_are_never_shown() {
    for key in ["reasoning_content", "reasoning"] {
        let reply = Reply::stream()
            .delta(&json!({"role": "assistant", "content": null, key: "The customer wants"}))
            .delta(&json!({key: " a refund."}))
            .delta(&json!({key: "", "content": "Three days."}))
            .delta(&json!({key: "afterthought"}))
            .finish("stop")
            .done();
        assert_eq!(complete(reply).await, "Three days.", "{key}");
    }
}

#[tokio::test]
async fn unknown_keys_and_known_ones_of_another_type_are_ignored() {
    let mut odd = chunk(&json!([{
        "index": 0, "delta": {"content": "Hi", "refusal": null, "audio": {"x": [1]}}, "finish_reason": null, "logprobs": {}, "stop_reason": 2, "token_ids": [1],
    }]));
    odd["timings"] = json!({"prompt_ms": 1.5});
    odd["service_tier"] = json!("default");
    odd["usage"] = json!("none");
    odd["created"] = json!("now");
    let other = chunk(
        &json!([{"index": 0, "delta": {"content": 7, "tool_calls": "none"}, "finish_reason": 0}, {"index": 1, "delta": {"content": "another choice"}}, 3]),
    );
    assert_eq!(
        complete(Reply::stream().event(&odd).event(&other).event(&json!({})).finish("stop").done()).await,
        "Hi"
    );
}

#[tokio::test]
async fn an_error_under_status_200_is_one_in_whatever_shape() {
    for error in [
        json!({"error": {"message": "out of memory", "code": 500}}),
        json!({"error": {"message": "out of memory", "code": "500"}}),
        json!({"error": {"message": "out of memory", "code": null, "type": null}}),
        json!({"error": "out of memory"}),
        json!({"object": "error", "message": "out of memory", "code": 400}),
    ] {
        assert_eq!(ask(Reply::stream().event(&error)).await, Err(ModelFailure::BrokeOff), "{error}");
        assert_eq!(ask(Reply::stream().event(&error).done()).await, Err(ModelFailure::BrokeOff), "{error}");
        assert_eq!(ask(Reply::json(200, &error)).await, Err(ModelFailure::BrokeOff), "{error}");
        let after_text = Reply::stream().text("Three").event(&error).done();
        assert_eq!(ask(after_text).await, Ok(Whole::new("Three", Err(ModelFailure::BrokeOff))), "{error}");
    }
}

#[tokio::test]
async fn the_status_counts_and_not_the_code_inside_of_the_error() {
    for error in [
        json!({"error": {"message": "No.", "code": 200}}),
        json!({"error": {"message": "No.", "code": "model_not_found"}}),
        json!({"error": "No."}),
        json!("No."),
        Value::Null,
    ] {
        assert_eq!(ask(Reply::json(404, &error)).await, Err(ModelFailure::NotAllowed(404)));
        assert_eq!(ask(Reply::json(400, &error)).await, Err(ModelFailure::Refused(400)));
        assert_eq!(ask(Reply::json(500, &error)).await, Err(ModelFailure::Overloaded(500)));
    }
}

#[tokio::test]
async fn an_error_that_is_null_is_none() {
    let mut fine = chunk(&json!([{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]));
    fine["error"] = Value::Null;
    assert_eq!(complete(Reply::stream().event(&fine).done()).await, "Hi");
}

#[tokio::test]
async fn a_closed_connection_without_a_finish_reason_broke_off() {
    let broke_off = Ok(Whole::new("Three", Err(ModelFailure::BrokeOff)));
    assert_eq!(ask(Reply::stream().text("Three")).await, broke_off);
    assert_eq!(ask(Reply::stream().text("Three").cut()).await, broke_off);
    assert_eq!(ask(Reply::stream().text("Three").bytes("data: {\"choices\":[{\"del").cut()).await, broke_off);
}

#[tokio::test]
async fn without_done_an_answer_with_a_finish_reason_is_complete() {
    assert_eq!(complete(Reply::stream().text("Three").finish("stop")).await, "Three");
    assert_eq!(complete(Reply::stream().text("Three").finish("stop").cut()).await, "Three");
    assert_eq!(complete(Reply::stream().text("Three").finish("stop").bytes("data: [DO").cut()).await, "Three");
    assert_eq!(complete(Reply::stream().text("Three").finish("stop").forever()).await, "Three");
}

#[tokio::test]
async fn done_without_a_finish_reason_ends_the_answer() {
    assert_eq!(complete(Reply::stream().text("Three").done()).await, "Three");
    assert_eq!(complete(Reply::stream().text("Three").bytes("data:[DONE]\r\n").forever()).await, "Three");
}

#[tokio::test]
async fn one_document_in_place_of_a_stream_is_read() {
    let document = json!({
        "id": "c1", "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Three days.", "reasoning": "Hm."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3},
    });
    let expected = || Whole {
        besides: vec![ModelEvent::Usage { input: 12, output: 3 }],
        ..Whole::new("Three days.", Ok(FinishReason::Complete))
    };
    assert_eq!(ask(Reply::json(200, &document)).await, Ok(expected()));
    // Also when the content type is that of a stream, and in pieces.
    let pretty = format!("\u{feff}\r\n {document:#}\n");
    let (one, other) = pretty.as_bytes().split_at(40);
    assert_eq!(ask(Reply::stream().bytes(one).bytes(other)).await, Ok(expected()));
    assert_eq!(ask(Reply::stream().bytes(one).cut()).await, Err(ModelFailure::BrokeOff));
}

#[tokio::test]
async fn a_document_that_is_no_answer_broke_off() {
    for document in [json!({}), json!({"detail": "Not here."}), json!({"choices": []})] {
        assert_eq!(ask(Reply::json(200, &document)).await, Err(ModelFailure::BrokeOff), "{document}");
    }
}

#[tokio::test]
async fn a_stream_is_read_under_whatever_content_type() {
    let event = chunk(&json!([{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]));
    for content_type in ["application/json", "text/plain", "text/event-stream; charset=utf-8", ""] {
        assert_eq!(complete(Reply::new(200, content_type).event(&event).done()).await, "Hi", "{content_type}");
    }
    assert_eq!(ask(Reply::page(200)).await, Err(ModelFailure::BrokeOff));
    assert_eq!(ask(Reply::new(204, "text/plain")).await, Err(ModelFailure::BrokeOff));
}

#[tokio::test]
async fn a_page_of_a_proxy_is_a_failure_that_may_pass() {
    for status in [502, 503, 504] {
        assert_eq!(ask(Reply::page(status)).await, Err(ModelFailure::Overloaded(status)));
    }
}

#[tokio::test]
async fn a_line_that_is_no_json_breaks_the_answer_off() {
    for line in [
        "data: upstream timed out\n\n",
        "data: {\"choices\": [\n\n",
        "data: 7\n\n",
        "data: \"text\"\n\n",
        "data: {\"choices\":[]}x\n\n",
    ] {
        let reply = Reply::stream().text("Three").bytes(line).text(" days").finish("stop").done();
        assert_eq!(ask(reply).await, Ok(Whole::new("Three", Err(ModelFailure::BrokeOff))), "{line}");
    }
    let latin1 = b"data: {\"choices\":[{\"delta\":{\"content\":\"Z\xfcrich\"}}]}\n\n";
    assert_eq!(ask(Reply::stream().bytes(latin1)).await, Err(ModelFailure::BrokeOff));
}

#[tokio::test]
async fn line_ends_comments_fields_and_a_byte_order_mark_do_not_matter() {
    let text = |text: &str| chunk(&json!([{"delta": {"content": text}}])).to_string();
    for ending in ["\n", "\r\n", "\r"] {
        let stream = format!(
            "\u{feff}: hello||event: message|id: 1|retry: 5|data:{}||: hb||data: {}||data: [DONE]||",
            text("Zürich"),
            text(" 🏔")
        )
        .replace('|', ending);
        let whole = complete(Reply::stream().bytes(stream.clone())).await;
        assert_eq!(whole, "Zürich 🏔", "{ending:?}");
        let in_bytes = stream.bytes().fold(Reply::stream(), |reply, byte| reply.bytes([byte]));
        assert_eq!(complete(in_bytes).await, "Zürich 🏔", "{ending:?}");
    }
}

#[tokio::test]
async fn several_data_lines_are_one_event() {
    let reply = Reply::stream().bytes("data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"Hi\"},\ndata:\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    assert_eq!(complete(reply).await, "Hi");
}

#[tokio::test]
async fn events_of_one_read_become_one_piece() {
    let one = chunk(&json!([{"delta": {"content": "Three"}}]));
    let other = chunk(&json!([{"delta": {"content": " days"}}]));
    let reply = Reply::stream().bytes(format!("data: {one}\n\ndata: {other}\n\n")).finish("stop").done();
    let fake = FakeModelServer::start().await;
    fake.always(reply);
    let mut answer = model().ask(question(server(fake.base_url()))).await.unwrap();
    assert_eq!(answer.next().await, Some(Ok(ModelEvent::Text("Three days".into()))));
}

#[tokio::test]
async fn nul_characters_are_left_out_for_nothing_can_store_them() {
    assert_eq!(complete(Reply::stream().text("Th\0ree\0").text("\0").finish("stop").done()).await, "Three");
}
