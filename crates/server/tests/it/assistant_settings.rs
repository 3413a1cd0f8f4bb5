//! What admins set for the assistant of a channel, and how they try it.

use crate::app::{Answer, Database, TestApp};
use parlor_domain::agent::Role;
use parlor_domain::text::Name;
use parlor_testkit::model_server::{FakeModelServer, Reply};
use serde_json::{Value, json};

const CHANNELS: &str = "/api/admin/channels/";
const KEY: &str = "sk-canary-5d1f0b";

fn wrong_field(answer: Answer, field: &str) {
    let problem = answer.problem(400, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    assert!(!problem.to_string().contains(KEY), "what was sent is not repeated: {problem}");
}

/// A new channel with these settings: `(its path, the answer)`.
async fn channel(app: &TestApp, admin: &str, assistant: Value) -> (String, Value) {
    let answer = app
        .post(CHANNELS)
        .bearer(admin)
        .json(json!({"kind": "web", "name": "Shop", "assistant": assistant}))
        .send()
        .await;
    assert!(!answer.text.contains(KEY), "a key is never shown: {}", answer.text);
    let made = answer.expect(201);
    (format!("{CHANNELS}{}/", made["id"].as_str().unwrap()), made)
}

/// Changes the assistant, and gives what it is then.
async fn set(app: &TestApp, admin: &str, path: &str, assistant: Value) -> Value {
    let answer = app.patch(path).bearer(admin).json(json!({"assistant": assistant})).send().await;
    assert!(!answer.text.contains(KEY), "a key is never shown: {}", answer.text);
    answer.expect(200)["assistant"].clone()
}

async fn check(app: &TestApp, admin: &str, path: &str) -> (Value, Value) {
    let answer = app.post(&format!("{path}check/")).bearer(admin).send().await;
    assert!(!answer.text.contains(KEY), "a key is never shown: {}", answer.text);
    let checks = answer.expect(200)["checks"].clone();
    assert_eq!((&checks[0]["name"], &checks[1]["name"]), (&json!("assistant_model"), &json!("articles")));
    (checks[0].clone(), checks[1].clone())
}

async fn ask(app: &TestApp, admin: &str, path: &str, question: &str) -> Value {
    let id = path.trim_end_matches('/').rsplit('/').next().unwrap();
    let body = json!({"channel_id": id, "question": question});
    let answer = app.post("/api/admin/assistant/try/").bearer(admin).json(body).send().await;
    assert!(!answer.text.contains(KEY), "a key is never shown: {}", answer.text);
    answer.expect(200)
}

fn all_settings() -> Value {
    json!({
        "enabled": false, "in_rooms": true, "name": "Robin", "base_url": "https://models.example.com/v1", "model": "small-chat",
        "system_prompt": "Be kind.", "temperature": 0.3, "max_tokens": 800, "max_completion_tokens": true, "include_usage": false, "handover_tool": false,
        "extra_body": {"top_p": 0.9}, "first_seconds": 10, "whole_seconds": 60, "history_characters": 500, "waiting_text": "We are back at nine.",
        "score_limit": 0, "answers_per_conversation": 3, "answers_at_a_time": 1000
    })
}

on_both! {
    async fn settings_are_merged_and_the_key_is_never_shown(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (path, plain) = channel(&app, &admin, json!({})).await;
        let plain = plain["assistant"].clone();
        assert_eq!((&plain["enabled"], &plain["first_seconds"], &plain["temperature"], &plain["has_api_key"]), (&json!(true), &json!(30), &json!(null), &json!(false)));
        assert_eq!(plain["health"]["state"], "unknown");

        let all = all_settings();
        let mut with_key = all.clone();
        with_key["api_key"] = json!(KEY);
        let set_all = set(&app, &admin, &path, with_key).await;
        for (field, value) in all.as_object().unwrap() {
            assert_eq!(&set_all[field], value, "{field}");
        }
        assert_eq!((&set_all["has_api_key"], set_all.get("api_key")), (&json!(true), None));
        assert_eq!(set(&app, &admin, &path, json!({})).await, set_all, "what is missing stays");
        let one = set(&app, &admin, &path, json!({"name": null, "score_limit": 20, "temperature": 1})).await;
        assert_eq!((&one["name"], &one["score_limit"], &one["temperature"], &one["model"], &one["has_api_key"]), (&json!(null), &json!(20), &json!(1.0), &json!("small-chat"), &json!(true)));
        let renamed = app.patch(&path).bearer(&admin).json(json!({"name": "Store", "assistant": null})).send().await.expect(200);
        assert_eq!((&renamed["name"], &renamed["assistant"]), (&json!("Store"), &one));
        assert_eq!(app.get(&path).bearer(&admin).send().await.expect(200), renamed);

        let listed = app.get(CHANNELS).bearer(&agent).send().await;
        assert!(!listed.text.contains("assistant") && !listed.text.contains("models.example.com"), "settings are for admins: {}", listed.text);
        let nulls: serde_json::Map<_, _> = all.as_object().unwrap().keys().chain([&"api_key".to_owned()]).map(|name| (name.clone(), Value::Null)).collect();
        assert_eq!(set(&app, &admin, &path, nulls.into()).await, plain, "null is the default");
    }

    async fn a_key_does_not_follow_to_another_server(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (path, made) = channel(&app, &admin, json!({"base_url": "https://models.example.com/v1", "model": "small-chat", "api_key": KEY})).await;
        assert_eq!(made["assistant"]["has_api_key"], true);
        assert_eq!(set(&app, &admin, &path, json!({"model": "large-chat", "base_url": "https://models.example.com/v1"})).await["has_api_key"], true);
        assert_eq!(set(&app, &admin, &path, json!({"base_url": "https://other.example.com/v1"})).await["has_api_key"], false);
        assert_eq!(set(&app, &admin, &path, json!({"base_url": "https://models.example.com/v1"})).await["has_api_key"], false, "it does not come back");
        assert_eq!(set(&app, &admin, &path, json!({"base_url": "https://other.example.com/v1", "api_key": KEY})).await["has_api_key"], true);
        assert_eq!(set(&app, &admin, &path, json!({"base_url": null})).await["has_api_key"], false, "the operator's server is another one, too");
        assert_eq!(set(&app, &admin, &path, json!({"api_key": KEY})).await["has_api_key"], true);
        assert_eq!(set(&app, &admin, &path, json!({"api_key": null})).await["has_api_key"], false);
        let database = crate::stored::all(&app).await;
        assert!(!format!("{database:?}").contains(KEY), "it is stored encrypted");
    }

    async fn wrong_settings_are_refused_by_field(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (path, made) = channel(&app, &admin, json!({})).await;
        for (field, value) in [
            ("enabled", json!("yes")), ("name", json!("x".repeat(201))), ("base_url", json!("ftp://models.example.com")), ("base_url", json!("models.example.com/v1")),
            ("base_url", json!(format!("https://user:{KEY}@models.example.com/v1"))), ("model", json!("a\u{0}")), ("api_key", json!(format!("{KEY} {KEY}"))), ("api_key", json!([KEY])),
            ("system_prompt", json!("x".repeat(8_001))), ("temperature", json!(2.5)), ("temperature", json!("hot")), ("max_tokens", json!(0)), ("first_seconds", json!(121)), ("whole_seconds", json!(0)),
            ("history_characters", json!(499)), ("score_limit", json!(101)), ("answers_per_conversation", json!(-1)), ("answers_at_a_time", json!(1_001)), ("extra_body", json!([1])), ("extra_body", json!({"a": "x".repeat(9_000)})),
        ] {
            let body = json!({"assistant": {field: value}});
            wrong_field(app.patch(&path).bearer(&admin).json(body.clone()).send().await, &format!("assistant.{field}"));
            let mut new = body;
            (new["kind"], new["name"]) = (json!("web"), json!("Shop"));
            wrong_field(app.post(CHANNELS).bearer(&admin).json(new).send().await, &format!("assistant.{field}"));
        }
        app.patch(&path).bearer(&admin).json(json!({"assistant": {"health": null}})).send().await.problem(400, "invalid_input");
        assert_eq!(app.get(&path).bearer(&admin).send().await.expect(200), made);
    }

    async fn without_a_model_the_articles_are_tried(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (path, _) = channel(&app, &admin, json!({"waiting_text": "We are back at nine."})).await;
        let nobody = ask(&app, &admin, &path, "How long do refunds take?").await;
        assert_eq!(nobody, json!({"answer": "We are back at nine.", "sources": [], "answered_by": "nobody", "score": null, "handover": true, "failure": null}));
        let (model, articles) = check(&app, &admin, &path).await;
        assert_eq!((&model["ok"], &articles["ok"]), (&json!(true), &json!(false)));

        let article = json!({"title": "Refunds", "body": "Refunds take three days."});
        let article = app.post("/api/admin/articles/").bearer(&admin).json(article).send().await.expect(201);
        app.post("/api/admin/articles/").bearer(&admin).json(json!({"title": "Draft", "body": "x", "published": false})).send().await.expect(201);
        let answered = ask(&app, &admin, &path, "How long do refunds take?").await;
        assert_eq!((&answered["answered_by"], &answered["answer"], &answered["failure"]), (&json!("articles"), &json!("Refunds take three days."), &json!(null)));
        assert_eq!(answered["sources"], json!([{"id": article["id"], "url": "/help/refunds", "title": "Refunds"}]));
        let (_, articles) = check(&app, &admin, &path).await;
        assert_eq!((&articles["ok"], &articles["detail"]), (&json!(true), &json!("1 article is published")));
        assert!(app.get("/api/admin/chat-rooms/?empty=true").bearer(&admin).send().await.expect(200)["results"].as_array().unwrap().is_empty(), "nothing is stored");
    }

    async fn only_admins_of_the_workspace_try_and_check(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let far = app.state().workspaces.create(Name::parse("other").unwrap()).await.unwrap().0.id;
        let (foreigner, _) = app.agent_in(far, "eve@example.com", Role::Owner).await;
        let (path, made) = channel(&app, &admin, json!({})).await;
        let question = json!({"channel_id": made["id"], "question": "Hello?"});
        for (token, status, code) in [(&agent, 403, "forbidden"), (&foreigner, 404, "not_found")] {
            app.post(&format!("{path}check/")).bearer(token).send().await.problem(status, code);
            app.post("/api/admin/assistant/try/").bearer(token).json(question.clone()).send().await.problem(status, code);
        }
        for (field, value) in [("channel_id", json!("x")), ("question", json!(" ")), ("question", json!("x".repeat(10_001)))] {
            let mut body = question.clone();
            body[field] = value;
            wrong_field(app.post("/api/admin/assistant/try/").bearer(&admin).json(body).send().await, field);
        }
    }

    async fn a_conversation_is_handed_to_an_assistant_that_is_on(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (room, _) = app.room().await;
        app.say(&room, "Hello").await;
        let id = app.conversation_id(&room).await;
        let hand = || app.post(&format!("/api/admin/chat-rooms/{id}/hand_to_assistant/")).bearer(&agent).send();
        let off = hand().await.problem(409, "conflict");
        assert!(off["detail"].as_str().unwrap().contains("assistant"), "{off}");
        app.edit_assistant(|assistant| assistant.enabled = true).await;
        assert_eq!(hand().await.expect(200)["handled_by"], "assistant");
        assert_eq!(hand().await.expect(200)["handled_by"], "assistant", "it may be said twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_tried_and_its_health_shown() {
    let app = TestApp::start_with(Database::Sqlite, &["--limits=off", "--outgoing-allow=127.0.0.1"]).await;
    let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
    let model = FakeModelServer::start().await;
    let (path, _) = channel(
        &app,
        &admin,
        json!({"base_url": model.base_url(), "model": "small-chat", "api_key": KEY, "system_prompt": "Be kind."}),
    )
    .await;
    let (checked, _) = check(&app, &admin, &path).await;
    assert_eq!(checked, json!({"name": "assistant_model", "ok": true, "detail": "the model answers"}));
    assert_eq!(model.requests()[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(set(&app, &admin, &path, json!({})).await["health"], json!({"state": "healthy", "detail": null}));
    let answered = ask(&app, &admin, &path, "Are you there?").await;
    assert_eq!(
        answered,
        json!({"answer": "Hello from the model.", "sources": [], "answered_by": "model", "score": null, "handover": false, "failure": null})
    );

    model.always(Reply::error(401));
    let (checked, _) = check(&app, &admin, &path).await;
    assert_eq!(checked["ok"], false);
    assert!(checked["detail"].as_str().unwrap().contains("401"), "{checked}");
    assert_eq!(set(&app, &admin, &path, json!({})).await["health"]["state"], "failing");
    let failed = ask(&app, &admin, &path, "Are you there?").await;
    assert_eq!(failed["answered_by"], "nobody");
    assert!(failed["failure"].as_str().unwrap().contains("401"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_not_called() {
    let app = TestApp::start(Database::Sqlite).await;
    let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
    let model = FakeModelServer::start().await;
    let (path, _) = channel(&app, &admin, json!({"base_url": model.base_url(), "model": "small-chat", "api_key": KEY})).await;
    let (checked, _) = check(&app, &admin, &path).await;
    assert!(
        checked["ok"] == false && checked["detail"].as_str().unwrap().contains("not allowed"),
        "{checked}"
    );
    assert!(model.requests().is_empty());
}
