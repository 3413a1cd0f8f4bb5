//! A table of wrong requests.

use crate::support::{code, get, graph, headers, post, text, to_nadia};
use parlor_testkit::whatsapp::{Customer, Endpoint, FakeWhatsapp, Number, Window, call};
use serde_json::{Value, json};
use std::time::Duration;

fn buttons(buttons: &[(&str, &str)]) -> Value {
    let buttons: Vec<Value> = buttons
        .iter()
        .map(|(id, title)| json!({"type": "reply", "reply": {"id": id, "title": title}}))
        .collect();
    to_nadia(
        "interactive",
        &json!({"type": "button", "body": {"text": "Shall we?"}, "action": {"buttons": buttons}}),
    )
}

fn list(rows: &[Value]) -> Value {
    let action = json!({"button": "Choose", "sections": [{"title": "Colours", "rows": rows}]});
    to_nadia("interactive", &json!({"type": "list", "body": {"text": "Which?"}, "action": action}))
}

fn row(id: &str, title: &str, description: &str) -> Value {
    json!({"id": id, "title": title, "description": description})
}

fn rows(count: usize) -> Vec<Value> {
    (0..count).map(|number| row(&format!("row{number}"), "Blue", "As the sea")).collect()
}

fn template(name: &str, parameters: &[&str]) -> Value {
    let parameters: Vec<Value> = parameters.iter().map(|text| json!({"type": "text", "text": text})).collect();
    let components = json!([{"type": "body", "parameters": parameters}]);
    to_nadia("template", &json!({"name": name, "language": {"code": "de"}, "components": components}))
}

fn changed(mut body: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut body);
    body
}

fn without(body: Value, key: &str) -> Value {
    changed(body, |body| drop(body.as_object_mut().unwrap().remove(key)))
}

async fn refused(graph: &FakeWhatsapp, what: &str, body: &Value, status: u16, expected: u64) {
    let answer = post(graph, body).await;
    assert_eq!((answer.status, code(&answer)), (status, expected), "{what}: {}", answer.text());
    assert_eq!(graph.calls().last().unwrap().error, u32::try_from(expected).ok(), "{what}");
}

#[tokio::test]
async fn wrong_messages_are_refused_with_the_codes_of_the_real_one() {
    let graph = graph().await;
    let sound = graph.media("audio/ogg; codecs=opus", *b"OggS").id;
    let picture = graph.media("image/png", *b"PNG").id;
    let table = [
        ("no product", without(text("Hi"), "messaging_product"), 100),
        (
            "another product",
            changed(text("Hi"), |body| body["messaging_product"] = json!("telegram")),
            100,
        ),
        ("no list is a message", json!([]), 100),
        ("nobody", without(text("Hi"), "to"), 131_008),
        ("two recipients", changed(text("Hi"), |body| body["recipient"] = json!("DE.88")), 131_009),
        ("no phone number", changed(text("Hi"), |body| body["to"] = json!("DE.88")), 131_009),
        (
            "no user id",
            changed(without(text("Hi"), "to"), |body| body["recipient"] = json!("491700000001")),
            131_009,
        ),
        ("a group", changed(text("Hi"), |body| body["recipient_type"] = json!("group")), 131_009),
        ("an unknown type", to_nadia("hologram", &json!({})), 131_051),
        ("no content", without(text("Hi"), "text"), 131_008),
        ("content of no kind", to_nadia("text", &json!("Hi")), 131_009),
        ("an empty text", text(""), 131_009),
        ("a text that is too long", text(&"é".repeat(4_097)), 100),
        ("an unknown key", to_nadia("text", &json!({"body": "Hi", "colour": "red"})), 100),
        (
            "too much for us",
            changed(text("Hi"), |body| body["biz_opaque_callback_data"] = json!("x".repeat(513))),
            131_009,
        ),
        ("a context of nothing", changed(text("Hi"), |body| body["context"] = json!({})), 131_008),
        ("no media", to_nadia("image", &json!({"caption": "Look"})), 131_008),
        (
            "two media",
            to_nadia("image", &json!({"id": picture, "link": "https://example.com/a.png"})),
            131_009,
        ),
        ("unknown media", to_nadia("image", &json!({"id": "770000000000009"})), 100),
        ("a sound as a picture", to_nadia("image", &json!({"id": sound})), 131_053),
        (
            "a caption that is too long",
            to_nadia("image", &json!({"id": picture, "caption": "x".repeat(1_025)})),
            100,
        ),
        ("a caption on a sound", to_nadia("audio", &json!({"id": sound, "caption": "Listen"})), 100),
        ("a caption on a sticker", to_nadia("sticker", &json!({"id": picture, "caption": "Look"})), 100),
        ("no buttons", buttons(&[]), 131_009),
        ("four buttons", buttons(&[("a", "A"), ("b", "B"), ("c", "C"), ("d", "D")]), 131_009),
        ("a long title", buttons(&[("a", &"A".repeat(21))]), 131_009),
        ("no title", buttons(&[("a", "")]), 131_009),
        ("a long id", buttons(&[(&"a".repeat(257), "A")]), 131_009),
        ("an id twice", buttons(&[("a", "A"), ("a", "B")]), 131_009),
        ("a list of nothing", list(&[]), 131_009),
        ("eleven rows", list(&rows(11)), 131_009),
        ("a long row", list(&[row("a", &"A".repeat(25), "B")]), 131_009),
        ("a long description", list(&[row("a", "A", &"B".repeat(73))]), 131_009),
        ("a long row id", list(&[row(&"a".repeat(201), "A", "B")]), 131_009),
        ("a row twice", list(&[row("a", "A", "B"), row("a", "C", "D")]), 131_009),
        ("an unknown template", template("nothing", &[]), 132_001),
        ("too little in a template", template("order_ready", &[]), 132_000),
        ("too much in a template", template("order_ready", &["A", "B"]), 132_000),
        (
            "a word for an emoji",
            to_nadia("reaction", &json!({"message_id": "wamid.EXAMPLE1", "emoji": "yes"})),
            131_009,
        ),
        ("an emoji for nothing", to_nadia("reaction", &json!({"emoji": "👍"})), 131_008),
        ("no place", to_nadia("location", &json!({"latitude": 91, "longitude": 0})), 131_009),
        ("nameless people", to_nadia("contacts", &json!([{"phones": []}])), 131_008),
        ("read what?", json!({"messaging_product": "whatsapp", "status": "read"}), 131_008),
        (
            "unread",
            json!({"messaging_product": "whatsapp", "status": "unread", "message_id": "wamid.EXAMPLE1"}),
            131_009,
        ),
    ];
    for (what, body, expected) in &table {
        refused(&graph, what, body, 400, *expected).await;
    }
    assert!(graph.sent().is_empty());
}

#[tokio::test]
async fn the_limits_themselves_are_allowed() {
    let graph = graph().await;
    let picture = graph.media("image/png", *b"PNG").id;
    let sound = graph.media("audio/ogg; codecs=opus", *b"OggS").id;
    let right = [
        text(&"é".repeat(4_096)),
        changed(text("Hi"), |body| body["biz_opaque_callback_data"] = json!("x".repeat(512))),
        changed(text("Hi"), |body| body["context"] = json!({"message_id": "wamid.EXAMPLE1"})),
        to_nadia("image", &json!({"id": picture, "caption": "x".repeat(1_024)})),
        to_nadia("document", &json!({"link": "https://example.com/a.pdf", "filename": "a.pdf"})),
        to_nadia("audio", &json!({"id": sound})),
        buttons(&[(&"a".repeat(256), &"A".repeat(20)), ("b", "B"), ("c", "C")]),
        list(&rows(10)),
        list(&[row(&"a".repeat(200), &"A".repeat(24), &"B".repeat(72))]),
        template("order_ready", &["A-17"]),
        to_nadia("reaction", &json!({"message_id": "wamid.EXAMPLE1", "emoji": ""})),
        to_nadia("location", &json!({"latitude": "52.52", "longitude": 13.4, "name": "Shop"})),
        to_nadia("contacts", &json!([{"name": {"formatted_name": "Nadia P.", "first_name": "Nadia"}}])),
    ];
    for body in &right {
        let answer = post(&graph, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(graph.sent().len(), right.len());
}

#[tokio::test]
async fn who_has_no_token_or_no_number_is_refused() {
    let graph = graph().await;
    let other = Number::new("830000000000002").access_token("another-token");
    graph.serves(&other);
    for (number, token, status, expected) in [
        (Number::EXAMPLE_ID, "wrong", 401, 190),
        (Number::EXAMPLE_ID, "", 401, 190),
        ("830000000000009", Number::EXAMPLE_TOKEN, 400, 100),
        ("830000000000002", Number::EXAMPLE_TOKEN, 400, 100),
    ] {
        let url = format!("{}/v26.0/{number}/messages", graph.base_url());
        let answer = call("POST", &url, &headers(token, "application/json"), text("Hi").to_string().as_bytes())
            .await
            .unwrap();
        assert_eq!((answer.status, code(&answer)), (status, expected));
        assert_eq!(answer.json()["error"]["error_subcode"] == 33, expected == 100);
        assert_eq!(answer.json()["error"]["type"], "OAuthException");
    }
    let bare = call("GET", &format!("{}/v26.0/{}", graph.base_url(), Number::EXAMPLE_ID), &[], b"")
        .await
        .unwrap();
    assert_eq!((bare.status, code(&bare)), (401, 190));
    let lost = get(&graph, "/somewhere").await;
    assert_eq!((lost.status, graph.calls().last().unwrap().endpoint), (400, Endpoint::Unknown));
}

#[tokio::test]
async fn free_form_messages_need_an_open_window() {
    let graph = graph().await;
    assert_eq!(post(&graph, &text("In time")).await.status, 200);
    graph.advance(Duration::from_secs(24 * 60 * 60));
    refused(&graph, "late", &text("Too late"), 400, 131_047).await;
    assert_eq!(post(&graph, &template("order_ready", &["A-17"])).await.status, 200);
    graph.last_wrote(&Number::default(), &Customer::new("491700000001"), Some(graph.now()));
    assert_eq!(post(&graph, &text("Again")).await.status, 200);
    let stranger = changed(text("Hi"), |body| body["to"] = json!("491700000002"));
    refused(&graph, "never wrote", &stranger, 400, 131_047).await;
    graph.window(Window::FailsLater);
    assert_eq!(post(&graph, &stranger).await.status, 200);
}

#[tokio::test]
async fn some_messages_need_a_phone_number() {
    let graph = graph().await;
    graph.not_to_user_ids(&["template"]);
    let hidden = |body: Value| changed(without(body, "to"), |body| body["recipient"] = json!("DE.8812345678901234"));
    refused(&graph, "hidden", &hidden(template("order_ready", &["A-17"])), 400, 131_062).await;
    let answer = post(&graph, &hidden(text("Hi"))).await.json();
    assert_eq!(answer["contacts"], json!([{"input": "DE.8812345678901234", "user_id": "DE.8812345678901234"}]));
}
