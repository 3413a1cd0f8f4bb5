//! Creations: once for each key, limited, and refused with the place of what is wrong.

use super::{SESSIONS, VISITORS, new_session, text};
use crate::app::{Answer, Database, TestApp};
use crate::wrong_bodies;
use parlor_domain::agent::Role;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

on_both! {
    async fn creations_with_an_idempotency_key_happen_once(app: TestApp) {
        let make = |path: &str, key: &str, body: Value| app.post(path).header("idempotency-key", key).json(body).send();
        let id = |answer: Answer| text(&answer.expect(201)["data"]["id"]);
        let first = id(make(VISITORS, "k1", json!({"name": "Nadia"})).await);
        assert_eq!(id(make(VISITORS, "k1", json!({"name": "Nadia", "unknown": 1})).await), first);
        assert_ne!(id(make(VISITORS, "k2", json!({"name": "Nadia"})).await), first);
        make(VISITORS, "k1", json!({"name": "Other"})).await.problem(409, "conflict");
        let session = id(make(SESSIONS, "k1", json!({"visitor_id": first})).await);
        assert_eq!(id(make(SESSIONS, "k1", json!({"visitor_id": first})).await), session, "one key for two kinds of things");
        make(SESSIONS, "k1", json!({"visitor_id": first, "metadata": {"a": 1}})).await.problem(409, "conflict");
        let other = app.visitor().await;
        assert_ne!(id(make(SESSIONS, "k1", json!({"visitor_id": other})).await), session, "each visitor has its own keys");
        for wrong in ["", " ", &"k".repeat(65)] {
            let problem = make(VISITORS, wrong, json!({})).await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
        }
        app.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
        assert_ne!(id(make(VISITORS, "k1", json!({"name": "Nadia"})).await), first, "remembered for 24 hours");
        assert_ne!(id(make(SESSIONS, "k1", json!({"visitor_id": first})).await), session);
    }

    async fn the_same_creation_at_the_same_moment_happens_once(app: TestApp) {
        let many = |path: &'static str, body: Value| {
            let calls = (0..8).map(|_| app.post(path).header("idempotency-key", "same").json(body.clone()).send()).collect::<Vec<_>>();
            futures_util::future::join_all(calls)
        };
        let one = |answers: Vec<Answer>| {
            let mut ids: Vec<String> = answers.into_iter().map(|answer| text(&answer.expect(201)["data"]["id"])).collect();
            ids.dedup();
            assert_eq!(ids.len(), 1, "{ids:?}");
            ids.remove(0)
        };
        let visitor = one(many(VISITORS, json!({"name": "Nadia"})).await);
        one(many(SESSIONS, json!({"visitor_id": visitor})).await);
        let sessions = app.get(&format!("{SESSIONS}?visitor_id={visitor}")).send().await.expect(200);
        assert_eq!(sessions["data"]["results"].as_array().unwrap().len(), 1);
        let (agent, _) = app.agent("ada@example.com", Role::Agent).await;
        assert_eq!(app.get(VISITORS).bearer(&agent).send().await.expect(200)["data"]["results"].as_array().unwrap().len(), 1);
    }

    async fn wrong_bodies_are_refused_with_their_place(app: TestApp) {
        let visitor = app.visitor().await;
        let session = text(&new_session(&app, &visitor).await["id"]);
        let profile = format!("{VISITORS}{visitor}/");
        let good = json!({"visitor_id": visitor});
        wrong_bodies::are_refused(&app, Method::POST, VISITORS, "name", &json!({"name": "Nadia"})).await;
        wrong_bodies::are_refused(&app, Method::PATCH, &profile, "name", &json!({"name": "Nadia"})).await;
        wrong_bodies::are_refused(&app, Method::POST, &format!("{profile}identify/"), "token", &json!({"token": "x"})).await;
        wrong_bodies::are_refused(&app, Method::POST, SESSIONS, "conversation_id", &good).await;
        wrong_bodies::are_refused(&app, Method::POST, &format!("{SESSIONS}{session}/end/"), "visitor_id", &good).await;
        wrong_bodies::nul_is_refused(&app, Method::POST, VISITORS, &["name", "email", "phone", "locale", "user_id"], &json!({})).await;
        wrong_bodies::nul_is_refused(&app, Method::PATCH, &profile, &["name", "email", "phone", "locale"], &json!({})).await;
        for metadata in [json!({"a": "\u{0}"}), json!({"a": "x".repeat(9000)}), json!([1]), json!("text"), json!(7)] {
            for (path, body) in [(VISITORS, json!({"metadata": metadata})), (SESSIONS, json!({"visitor_id": visitor, "metadata": metadata}))] {
                let problem = app.post(path).json(body).send().await.problem(400, "invalid_input");
                assert_eq!(problem["errors"][0]["field"], "metadata", "{path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_visitors_and_sessions_of_one_address_are_limited() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-visitors=2", "--limit-conversations=1"]).await;
    let visitor = app.visitor().await;
    app.visitor().await;
    let refused = app.post(VISITORS).send().await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    refused.problem(429, "rate_limited");
    new_session(&app, &visitor).await;
    let refused = app.post(SESSIONS).json(json!({"visitor_id": visitor})).send().await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    refused.problem(429, "rate_limited");
    app.get(&format!("{VISITORS}{visitor}/validate/")).send().await.expect(200);
}
