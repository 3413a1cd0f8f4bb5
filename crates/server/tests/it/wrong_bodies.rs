//! Bodies that nobody may send, tried on any path.

use crate::app::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

/// Every wrong body is refused on this path with the right status, and says where it is wrong. `field` is one that takes a text;
/// `good` is a body that would be taken.
pub async fn are_refused(app: &TestApp, method: Method, path: &str, field: &str, good: &Value) {
    let call = || app.call(method.clone(), path);
    let with = |value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let json = |body: &[u8]| call().raw("application/json", body.to_vec()).send();

    let cut = json(format!("{{\n  \"{field}\": \"a\",").as_bytes()).await.problem(400, "invalid_input");
    assert!(cut["detail"].as_str().unwrap().contains("line 2"), "{path}: the position is told: {cut}");
    let twice = format!("{good} {{}}").into_bytes();
    for broken in [&b"{"[..], b"nul", &twice, b"{'a': 1}", b"\xef\xbb\xbf{}"] {
        let problem = json(broken).await.problem(400, "invalid_input");
        assert!(problem["detail"].as_str().unwrap().contains("line 1"), "{path}: {problem}");
    }
    for other in [&b"[]"[..], b"[null]", b"\"text\"", b"17", b"true"] {
        let problem = json(other).await.problem(400, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "body", "{path}: {problem}");
    }

    let wrong = call().json(with(json!({"not": "a text"}))).send().await.problem(400, "invalid_input");
    assert_eq!(wrong["errors"][0]["field"], field, "{path}: the field is named: {wrong}");
    let number = call().json(with(json!(47_114_711))).send().await.problem(400, "invalid_input");
    assert_eq!(number["errors"][0]["field"], field, "{path}");
    assert!(!number.to_string().contains("47114711"), "{path}: what was sent is not repeated: {number}");

    json(format!("{{\"{field}\": \"\\ud800\"}}").as_bytes()).await.problem(400, "invalid_input");
    json(&[b"{\"", field.as_bytes(), b"\": \"\xff\xfe\"}"].concat())
        .await
        .problem(400, "invalid_input");
    let deep = format!("{{\"{field}\": {}{}}}", "[".repeat(5000), "]".repeat(5000));
    json(deep.as_bytes()).await.problem(400, "invalid_input");

    let mebibyte = 1024 * 1024;
    json(format!("{{\"{field}\": \"{}\"}}", "x".repeat(mebibyte)).as_bytes())
        .await
        .problem(413, "too_large");
    json(format!("{{\"{field}\": \"{}\"}}", "x".repeat(5 * mebibyte)).as_bytes())
        .await
        .problem(413, "too_large");

    let text = good.to_string();
    call().raw("text/plain", text.clone()).send().await.problem(415, "unsupported_media_type");
    call()
        .raw("application/x-www-form-urlencoded", text)
        .send()
        .await
        .problem(415, "unsupported_media_type");
}

/// U+0000 is refused in these fields, and the field is named.
pub async fn nul_is_refused(app: &TestApp, method: Method, path: &str, fields: &[&str], good: &Value) {
    for field in fields {
        let mut body = good.clone();
        body[*field] = json!("a\u{0}b@example.com");
        let problem = app.call(method.clone(), path).json(body).send().await.problem(400, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], *field, "{path}");
    }
}
