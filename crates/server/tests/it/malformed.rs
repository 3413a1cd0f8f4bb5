//! Requests that are wrong in every way that the documented operations leave room for. Each gets a problem document that says what to
//! do, none a 500, and nothing is stored by any of them.

use crate::access::people::{Operation, Targets, World, callers, document, operations};
use crate::access::{ROWS, Row};
use crate::app::{Answer, Call, TestApp};
use crate::stored;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// What is wrong with the answers; collected, so that one run shows all of it.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    /// Notes an answer that is no problem of this status, or that does not name the field or `body`.
    fn unless(&mut self, place: &str, answer: &Answer, status: u16, field: Option<&str>) {
        let body = &answer.body;
        let is_problem = answer.header("content-type") == "application/problem+json" && body["status"] == answer.status && body["success"] == false;
        let says = body["detail"].as_str().is_some_and(|detail| detail.len() > 10) && body["request_id"].is_string();
        let names = field.is_none_or(|field| {
            body["errors"][0]["field"]
                .as_str()
                .is_some_and(|named| named == field || named.starts_with(&format!("{field}[")) || named.starts_with(&format!("{field}.")))
        });
        if answer.status != status || !is_problem || !says || !names {
            self.0
                .push(format!("{place}: {status} with {field:?} expected: {} {}", answer.status, answer.text));
        }
    }

    fn end(self) {
        assert!(self.0.is_empty(), "{} wrong:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// An operation, and somebody who may call it on something.
struct Tried<'a> {
    app: &'a TestApp,
    operation: Operation,
    row: &'static Row,
    caller: char,
    credential: Option<String>,
    path: String,
    query: String,
    body: String,
}

impl Tried<'_> {
    fn call(&self) -> Call<'_> {
        let path = if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        };
        self.call_at(&path)
    }

    fn call_at(&self, path: &str) -> Call<'_> {
        let call = self.app.call(self.operation.method.clone(), path);
        match &self.credential {
            Some(token) => call.bearer(token),
            None => call,
        }
    }

    async fn raw(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.call().raw("application/json", body).send().await
    }

    /// The good body with another value in a field.
    fn with(&self, field: &str, value: Value) -> Value {
        let mut body: Value = serde_json::from_str(&self.body).unwrap();
        body[field] = value;
        body
    }

    /// The same, the value as it shall stand in the text.
    fn with_raw(&self, field: &str, value: &[u8]) -> Vec<u8> {
        let text = self.with(field, json!("@here@")).to_string();
        let (before, after) = text.split_once("\"@here@\"").unwrap();
        [before.as_bytes(), value, after.as_bytes()].concat()
    }
}

/// Every operation with somebody who may call it, preferably by a credential.
async fn everything<'a>(world: &World<'a>, targets: &Targets) -> Vec<Tried<'a>> {
    let mut all = Vec::new();
    for operation in operations() {
        let row = ROWS.iter().find(|row| row.operation == operation.id).unwrap();
        let cells: Vec<char> = row.cells.chars().filter(|cell| *cell != ' ').collect();
        let may = |caller: &char| callers().zip(&cells).any(|(known, cell)| known == *caller && "2c-".contains(*cell));
        let order = if operation.path.starts_with("/api/admin/") {
            ['O', 'v', 'n']
        } else if operation.path.starts_with("/api/conversations") {
            ['M', 'P', 'n']
        } else {
            ['v', 'O', 'n']
        };
        let caller = order.into_iter().find(may).unwrap_or('O');
        let public = cells.first() == cells.last() && cells.iter().all(|cell| Some(cell) == cells.first());
        // Only who has a password can change it.
        world.passwords.store(operation.id == "change_password", Ordering::Relaxed);
        let credential = if public { None } else { world.credential(caller, targets).await };
        let [path, query, body] = [&operation.path, row.query, row.body].map(|text| targets.fill(text, caller));
        all.push(Tried {
            app: world.app,
            operation,
            row,
            caller,
            credential,
            path,
            query,
            body,
        });
    }
    all
}

/// A schema behind its references and without its null; with the types it may have.
pub fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return resolve(document, &document["components"]["schemas"][name]);
    }
    match schema["oneOf"].as_array() {
        Some(choices) => choices
            .iter()
            .find(|choice| choice["type"] != "null")
            .map_or(schema, |choice| resolve(document, choice)),
        None => schema,
    }
}

fn type_of(schema: &Value) -> &str {
    let first = schema["type"].as_array().and_then(|all| all.iter().find(|kind| *kind != "null"));
    first.unwrap_or(&schema["type"]).as_str().unwrap_or("object")
}

/// Fields that name or prove something: a wrong value is answered like an unknown one.
const PROOFS: &[(&str, &str, u16)] = &[
    ("create_visitor", "channel", 404),
    ("create_room", "channel", 404),
    ("create_room", "visitor_id", 404),
    ("create_session", "visitor_id", 404),
    ("create_session", "conversation_id", 404),
    ("end_session", "visitor_id", 404),
    ("save_user_data", "channel", 404),
    ("save_user_data", "visitor_id", 404),
    ("send_stored_message", "channel", 404),
    ("send_stored_message", "visitor_id", 404),
    ("send_stored_message_by_old_path", "channel", 404),
    ("send_stored_message_by_old_path", "visitor_id", 404),
    ("sync_stored_chat", "channel", 404),
    ("sync_stored_chat", "visitor_id", 404),
    // It must be the caller.
    ("save_marketplace_conversation", "customerId", 403),
    ("ask_assistant", "session_id", 404),
    ("ask_assistant", "visitor_id", 404),
    ("stream_answer", "session_id", 404),
    ("stream_answer", "visitor_id", 404),
    ("stop_answer", "visitor_id", 404),
    ("identify_visitor", "token", 401),
    ("log_in", "password", 401),
    ("refresh_login", "refresh", 401),
    ("log_out", "refresh", 401),
];

/// Operations whose bodies are no JSON of ours: forms are tried in `uploads`, signed deliveries in `whatsapp`.
const OTHER_BODIES: [&str; 3] = ["upload_attachment", "receive_whatsapp_delivery", "receive_whatsapp_delivery_by_short_path"];

/// Operations of old frontends, which send more than is read.
fn is_tolerant(operation: &Operation) -> bool {
    [
        "/api/chats/",
        "/api/public/",
        "/api/users/",
        "/api/dashboard/",
        "/api/conversations",
        "/api/live-chat/",
    ]
    .iter()
    .any(|family| operation.path.starts_with(family))
        || ["send_agent_message", "mark_conversation_read", "log_in", "refresh_login", "log_out"].contains(&operation.id.as_str())
}

async fn whole_bodies(tried: &Tried<'_>, first: &str, wrong: &mut Wrong) {
    let place = |what: &str| format!("{} {what}", tried.operation.id);
    let cut = tried.raw("{\n  \"a\": 1,").await;
    wrong.unless(&place("cut"), &cut, 400, Some("body"));
    if !cut.text.contains("line 2") {
        wrong.0.push(format!("{}: the position is not told: {}", place("cut"), cut.text));
    }
    let twice = format!("{} {{}}", tried.body).into_bytes();
    for broken in [
        &b"{"[..],
        b"nul",
        &twice,
        b"{'a': 1}",
        b"\xef\xbb\xbf{}",
        b"{\"a\": 1,}",
        b"{\"a\": NaN}",
        b"\x00",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\n\"}",
    ] {
        let answer = tried.raw(broken.to_vec()).await;
        wrong.unless(&place(&String::from_utf8_lossy(broken)), &answer, 400, Some("body"));
    }
    // A body that may be missing may be null, too.
    let required = tried.operation.item["requestBody"]["required"] == true;
    for other in ["[]", "[null]", "[{}]", "\"text\"", "17", "1e400", "null", "true"]
        .into_iter()
        .filter(|other| required || *other != "null")
    {
        wrong.unless(&place(other), &tried.raw(other).await, 400, Some("body"));
    }
    // What nobody reads may be as deep as it likes.
    for field in [first, "unknown"].into_iter().filter(|field| *field == first || !is_tolerant(&tried.operation)) {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{{\"{field}\":{}1{}}}", open.repeat(100_000), close.repeat(100_000));
            wrong.unless(&place("deep"), &tried.raw(deep).await, 400, None);
        }
    }
    // What a browser sends while its page closes has no good name.
    let is_beacon = tried.operation.id == "sync_stored_chat";
    let mebibyte = 1024 * 1024;
    wrong.unless(&place("spaces"), &tried.raw(vec![b' '; mebibyte + 1]).await, 413, None);
    wrong.unless(
        &place("long"),
        &tried.raw(format!("{{\"{first}\":\"{}\"}}", "x".repeat(3 * mebibyte))).await,
        413,
        None,
    );
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "json",
        "application/jsonp",
        "*/*",
        "",
    ]
    .into_iter()
    .filter(|kind| !is_beacon || !["text/plain", ""].contains(kind))
    {
        wrong.unless(&place(kind), &tried.call().raw(kind, tried.body.clone()).send().await, 415, None);
    }
    if !is_beacon {
        wrong.unless(&place("no type"), &tried.call().body(tried.body.clone()).send().await, 415, None);
    }
    if required {
        wrong.unless(&place("empty"), &tried.raw("").await, 400, Some("body"));
    }
}

async fn fields(tried: &Tried<'_>, document: &Value, wrong: &mut Wrong) {
    let schema = resolve(document, &tried.operation.item["requestBody"]["content"]["application/json"]["schema"]);
    for (field, schema) in schema["properties"].as_object().unwrap() {
        let schema = resolve(document, schema);
        let proof = PROOFS
            .iter()
            .find(|(operation, name, _)| *operation == tried.operation.id && name == field)
            .map(|(_, _, status)| *status);
        let kind = type_of(schema);
        let place = |what: &str| format!("{}.{field} {what}", tried.operation.id);
        let values = [
            json!("text"),
            json!(17),
            json!(1.5),
            json!(true),
            json!([]),
            json!([17]),
            json!({"a": 1}),
            json!(-1),
        ];
        let fits = |value: &Value| match kind {
            "string" => value.is_string(),
            "integer" => value.as_i64().is_some_and(|number| number >= 0),
            "number" => value.as_f64().is_some_and(|number| number >= 0.0),
            "boolean" => value.is_boolean(),
            "array" => *value == json!([]),
            // Facts and settings; a text is none, an empty list no object.
            _ => value.is_object(),
        };
        for value in values.iter().filter(|value| !fits(value)) {
            wrong.unless(
                &place(&value.to_string()),
                &tried.call().json(tried.with(field, value.clone())).send().await,
                400,
                Some(field),
            );
        }
        // Where any number is one, the others are fine.
        let numbers = [&b"1e400"[..], b"99999999999999999999", b"-9223372036854775809", b"0.1"];
        let most = if kind == "number" { 1 } else { numbers.len() };
        for value in numbers.into_iter().take(most) {
            let answer = tried.raw(tried.with_raw(field, value)).await;
            let named = if value == b"1e400" { None } else { Some(field.as_str()) };
            wrong.unless(&place(&String::from_utf8_lossy(value)), &answer, 400, named);
        }
        for value in [&br#""\ud800""#[..], br#""a\udc00b""#, b"\"\xff\xfe\"", b"\"\xed\xa0\x80\"", br#""\x""#] {
            wrong.unless(
                &place(&String::from_utf8_lossy(value)),
                &tried.raw(tried.with_raw(field, value)).await,
                400,
                None,
            );
        }
        match kind {
            "string" => {
                let refused = |value: String| async move { tried.call().json(tried.with(field, json!(value))).send().await };
                let (status, named) = proof.map_or((400, Some(field.as_str())), |status| (status, None));
                wrong.unless(&place("NUL"), &refused("a\u{0}b".to_owned()).await, status, named);
                if let Some(most) = schema["maxLength"].as_u64() {
                    let long = "x".repeat(usize::try_from(most).unwrap() + 1);
                    wrong.unless(&place("too long"), &refused(long).await, status, named);
                }
                if schema["minLength"].as_u64().is_some_and(|least| least > 0) {
                    wrong.unless(&place("empty"), &refused(String::new()).await, status, named);
                    wrong.unless(&place("blank"), &refused(" \t\n ".to_owned()).await, status, named);
                }
            }
            "array" => {
                let item = resolve(document, &schema["items"]);
                if type_of(item) == "string" {
                    wrong.unless(
                        &place("NUL"),
                        &tried.call().json(tried.with(field, json!(["a\u{0}b"]))).send().await,
                        400,
                        Some(field),
                    );
                }
                if let Some(most) = schema["maxItems"].as_u64() {
                    let many: Vec<String> = (0..=most).map(|number| format!("https://n{number}.example.com")).collect();
                    wrong.unless(
                        &place("too many"),
                        &tried.call().json(tried.with(field, json!(many))).send().await,
                        400,
                        Some(field),
                    );
                }
            }
            "object" if field == "metadata" => {
                wrong.unless(
                    &place("too large"),
                    &tried.call().json(tried.with(field, json!({"a": "x".repeat(9_000)}))).send().await,
                    400,
                    Some(field),
                );
            }
            _ => {}
        }
        if schema["type"].is_string() && tried.operation.item["requestBody"]["required"] == true && tried.body.contains(&format!("\"{field}\"")) {
            let mut body: Value = serde_json::from_str(&tried.body).unwrap();
            body.as_object_mut().unwrap().remove(field);
            let required = resolve(document, &tried.operation.item["requestBody"]["content"]["application/json"]["schema"])["required"]
                .as_array()
                .is_some_and(|all| all.contains(&json!(field)));
            if required {
                wrong.unless(&place("missing"), &tried.call().json(body).send().await, 400, Some(field));
            }
        }
    }
}

async fn unknown_fields(tried: &Tried<'_>, wrong: &mut Wrong) {
    if !is_tolerant(&tried.operation) {
        let answer = tried.call().json(tried.with("unknown", json!(1))).send().await;
        wrong.unless(&format!("{} unknown field", tried.operation.id), &answer, 400, None);
        if !answer.text.contains("unknown") {
            wrong.0.push(format!("{}: the field is not named: {}", tried.operation.id, answer.text));
        }
    }
}

/// Fields that nobody reads, among them what old frontends claim about themselves.
async fn extra_fields(tried: &Tried<'_>, wrong: &mut Wrong) {
    let mut body: Value = serde_json::from_str(&tried.body).unwrap();
    for (field, value) in [
        ("role", json!("agent")),
        ("sender", json!({"kind": "agent"})),
        ("is_read", json!(true)),
        ("unknown", json!([1, {"a": null}])),
    ] {
        // In stored chats a browser does say who said it.
        if body.get(field).is_none() {
            body[field] = value;
        }
    }
    let answer = tried.call().json(body).send().await;
    if answer.status >= 300 {
        wrong.0.push(format!(
            "{} as {}: unknown fields are ignored here: {}",
            tried.operation.id, tried.caller, answer.text
        ));
    }
}

/// Without the helpers that hold answers against the document, which knows no such methods.
async fn bare(app: &TestApp, method: &str, path: &str) -> Answer {
    let response = app
        .http
        .request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", app.url))
        .send()
        .await
        .unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer {
        status,
        headers,
        body: serde_json::from_str(&text).unwrap_or_default(),
        text,
    }
}

on_both! {
    async fn wrong_bodies_are_refused_everywhere_and_store_nothing(app: TestApp) {
        let world = World::new(&app).await;
        let targets = world.targets().await;
        let everything = everything(&world, &targets).await;
        let document = document();
        let mut wrong = Wrong::default();
        let before = stored::all(&app).await;
        for tried in everything.iter().filter(|tried| tried.operation.item.get("requestBody").is_some() && !OTHER_BODIES.contains(&tried.operation.id.as_str())) {
            let schema = resolve(&document, &tried.operation.item["requestBody"]["content"]["application/json"]["schema"]);
            let first = schema["properties"].as_object().unwrap().keys().next().unwrap();
            let tried = Tried { body: if tried.body.is_empty() { "{}".to_owned() } else { tried.body.clone() }, operation: tried.operation.clone(), credential: tried.credential.clone(), path: tried.path.clone(), query: tried.query.clone(), ..*tried };
            whole_bodies(&tried, first, &mut wrong).await;
            fields(&tried, &document, &mut wrong).await;
            unknown_fields(&tried, &mut wrong).await;
        }
        wrong.0.extend(stored::differences(&before, &stored::all(&app).await));
        wrong.end();
    }

    async fn old_frontends_may_send_more_than_is_read(app: TestApp) {
        let world = World::new(&app).await;
        let targets = world.targets().await;
        let mut wrong = Wrong::default();
        let mut everything = everything(&world, &targets).await;
        // What is deleted first can be asked for nothing else.
        everything.sort_by_key(|tried| tried.operation.method == Method::DELETE);
        for tried in everything.iter().filter(|tried| !tried.body.is_empty() && is_tolerant(&tried.operation)) {
            extra_fields(tried, &mut wrong).await;
        }
        wrong.end();
    }

    async fn what_is_no_id_is_not_found_and_stores_nothing(app: TestApp) {
        let world = World::new(&app).await;
        let targets = world.targets().await;
        let everything = everything(&world, &targets).await;
        let mut wrong = Wrong::default();
        let before = stored::all(&app).await;
        let long = "a".repeat(4_000);
        let ids = [
            "x", "0", "-1", "null", "undefined", "%00", "%FF%FE", "%ff", "%C0%AF", "..%2f..%2fetc", "a%2Fb", "%20", "a%20b", "%25", "%zz", "%", "%F0%9F%99%82", "%ED%A0%80", "'%20OR%20'1'='1", "{id}", "*",
            "018f6a3e-5b1c-7000-8000-00000000007", "018f6a3e-5b1c-7000-8000-000000000077%00", "99999999999999999999", long.as_str(),
        ];
        for tried in &everything {
            let parameters: Vec<_> = tried.operation.path.split('/').filter(|part| part.starts_with('{')).collect();
            // What widgets call their chats is free, and the name in a link is for people.
            for parameter in parameters.into_iter().filter(|parameter| !["{chat_id}", "{name}"].contains(parameter)) {
                for id in ids {
                    let path = targets.fill(&tried.operation.path.replace(parameter, "@here@"), tried.caller).replace("@here@", id);
                    let path = if tried.query.is_empty() { path } else { format!("{path}?{}", tried.query) };
                    let mut call = tried.call_at(&path);
                    if !tried.body.is_empty() {
                        call = call.raw("application/json", tried.body.clone());
                    }
                    wrong.unless(&format!("{} {id}", tried.row.operation), &call.send().await, 404, None);
                }
            }
        }
        for path in ["/%00", "/%ff", "//", "/api//chats/visitors", "/api/chats/visitors/../../../etc/passwd", "/api/chats/visitors%2f", "/API/CHATS/VISITORS"] {
            wrong.unless(path, &app.get(path).send().await, 404, None);
        }
        let answer = bare(&app, "GET", &format!("/api/{}", "a".repeat(60_000))).await;
        wrong.unless("60,000 characters", &answer, 404, None);
        wrong.0.extend(stored::differences(&before, &stored::all(&app).await));
        wrong.end();
    }

    async fn wrong_queries_are_refused_and_store_nothing(app: TestApp) {
        let world = World::new(&app).await;
        let targets = world.targets().await;
        let everything = everything(&world, &targets).await;
        let mut wrong = Wrong::default();
        let mut tried_names = std::collections::BTreeSet::new();
        let before = stored::all(&app).await;
        for tried in &everything {
            let parameters = tried.operation.item["parameters"].as_array().cloned().unwrap_or_default();
            for name in parameters.iter().filter(|parameter| parameter["in"] == "query").map(|parameter| parameter["name"].as_str().unwrap()) {
                tried_names.insert(name.to_owned());
                let values: &[&str] = match name {
                    "cursor" => &["", "x", "-1", "%00", "%ff", "AAAA", "1.5", "eyJhIjoxfQ", "'", "99999999999999999999"],
                    // Old frontends send empty ones, too.
                    "limit" if tried.operation.path.starts_with("/api/live-chat/") => &["0", "-1", "501", "99999999999999999999", "x", "1.5", "1e2", "%00", "%ff"],
                    "offset" => &["-1", "10001", "99999999999999999999", "x", "1.5", "1e2", "%00", "%ff"],
                    "conversation_id" if tried.operation.id == "list_live_messages" => &["", "-1", "99999999999999999999", "x", "1.5", "1e2", "%00", "%ff"],
                    "limit" => &["", "0", "-1", "101", "99999999999999999999", "x", "1.5", "1e2", "%00", "%ff"],
                    "after_seq" | "before_seq" | "changed_after" => &["", "-1", "99999999999999999999", "x", "1.5", "1e2", "%00"],
                    "empty" | "deleted" | "unread" | "flagged" => &["", "yes", "1", "%00"],
                    "q" | "label" => &["%00", "a%00b"],
                    "assignee" | "status" | "kind" | "handled_by" => &["nonsense", "%00"],
                    _ => &[],
                };
                for value in values {
                    let path = format!("{}?{name}={value}", tried.path);
                    let path = if tried.query.is_empty() || tried.query.contains(&format!("{name}=")) { path } else { format!("{path}&{}", tried.query) };
                    let mut call = tried.call_at(&path);
                    if !tried.body.is_empty() {
                        call = call.raw("application/json", tried.body.clone());
                    }
                    wrong.unless(&format!("{} {name}={value}", tried.operation.id), &call.send().await, 400, None);
                }
                if name == "changed_after" {
                    wrong.unless(&format!("{} expired", tried.operation.id), &tried.call_at(&format!("{}?{}&changed_after=9999", tried.path, tried.query)).send().await, 400, Some(name));
                }
            }
        }
        for name in ["cursor", "limit", "offset", "after_seq", "before_seq", "changed_after", "q", "visitor_id", "session_id", "channel"] {
            assert!(tried_names.contains(name), "{name} is not documented anywhere");
        }
        wrong.0.extend(stored::differences(&before, &stored::all(&app).await));
        wrong.end();
    }

    async fn unknown_methods_are_405_with_what_is_allowed(app: TestApp) {
        let document = document();
        let mut wrong = Wrong::default();
        let before = stored::all(&app).await;
        for (path, item) in document["paths"].as_object().unwrap() {
            let mut known: Vec<String> = item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
            known.sort();
            let path = path.split('/').map(|part| if part.starts_with('{') { "018f6a3e-5b1c-7000-8000-000000000077" } else { part }).collect::<Vec<_>>().join("/");
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "get", "post", "Patch", "X"].into_iter().filter(|method| !known.contains(&(*method).to_owned())) {
                let answer = bare(&app, method, &path).await;
                wrong.unless(&format!("{method} {path}"), &answer, 405, None);
                if answer.header("allow") != known.join(", ") || answer.body["code"] != "method_not_allowed" {
                    wrong.0.push(format!("{method} {path}: Allow: {}: {}", answer.header("allow"), answer.text));
                }
            }
            if !known.contains(&"HEAD".to_owned()) {
                let answer = bare(&app, "HEAD", &path).await;
                assert_eq!((answer.status, answer.header("allow")), (405, known.join(", ").as_str()), "HEAD {path}");
            }
        }
        wrong.0.extend(stored::differences(&before, &stored::all(&app).await));
        wrong.end();
    }
}
