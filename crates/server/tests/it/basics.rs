//! What holds for every path.

use crate::app::{Database, TestApp};
use reqwest::Method;
use serde_json::json;

on_both! {
    async fn the_server_is_healthy(app: TestApp) {
        assert_eq!(app.get("/health/live").send().await.text, "ok");
        let ready = app.get("/health/ready/").send().await.expect(200);
        assert_eq!(ready, json!({"status": "ok", "database": "ok", "bus": "ok"}));
    }

    async fn every_documented_path_answers_with_and_without_its_last_slash(app: TestApp) {
        let document = serde_json::to_value(parlor_api::app::openapi_document()).unwrap();
        for (template, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().filter(|key| ["get", "post", "patch", "delete", "put"].contains(&key.as_str())) {
                let bare = template.trim_end_matches('/');
                let path: String = bare.split('/').map(|part| if part.starts_with('{') { "018f6a3e-5b1c-7000-8000-000000000077" } else { part }).collect::<Vec<_>>().join("/");
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                for path in [path.clone(), format!("{path}/")] {
                    let answer = app.call(method.clone(), &path).send().await;
                    assert!(![405, 500, 503].contains(&answer.status), "{method} {path}: {}", answer.text);
                    assert_ne!(answer.body["detail"], "There is nothing at this address; see /api/docs/ for all addresses.", "{method} {path}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_405_with_allow() {
    let app = TestApp::start(Database::Sqlite).await;
    for (path, method, allow) in [
        ("/api/chats/visitors/", Method::PUT, "GET, POST"),
        ("/api/chats/visitors", Method::DELETE, "GET, POST"),
        ("/health/live", Method::POST, "GET"),
        ("/ws", Method::POST, "GET"),
        ("/api/openapi.json", Method::HEAD, "GET"),
    ] {
        let answer = app.call(method.clone(), path).send().await;
        assert_eq!((answer.status, answer.header("allow")), (405, allow), "{method} {path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_is_a_problem_with_the_requests_id() {
    let app = TestApp::start(Database::Sqlite).await;
    let answer = app.get("/nothing/here").send().await;
    let id = answer.header("x-request-id").to_owned();
    let problem = answer.problem(404, "not_found");
    assert_eq!(problem["request_id"], id);
    assert!(!id.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_served_with_an_etag_and_the_page_works_offline() {
    let app = TestApp::start(Database::Sqlite).await;
    let first = app.get("/api/openapi.json").send().await;
    let etag = first.header("etag").to_owned();
    let tags: Vec<_> = first.body["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(tags[..3], ["Visitors", "Sessions", "Messages"]);
    assert_eq!(app.get("/api/openapi.json").header("if-none-match", &etag).send().await.status, 304);
    for part in ["widget", "agents", "operations"] {
        let document = app.get(&format!("/api/openapi/{part}.json")).send().await.expect(200);
        assert!(!document["paths"].as_object().unwrap().is_empty(), "{part}");
    }
    app.get("/api/openapi/nobody.json").send().await.problem(404, "not_found");
    assert_eq!(app.get("/api/docs").send().await.header("location"), "/api/docs/");
    let page = app.get("/api/docs/").send().await;
    assert_eq!(
        (page.status, page.header("content-type"), page.header("content-encoding")),
        (200, "text/html", "gzip")
    );
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        assert_eq!(app.get(&format!("/api/docs/{file}")).send().await.status, 200, "{file}");
    }
    // The menu of documents is part of this layout only; without it the page shows nothing at all.
    let started = app.get("/api/docs/swagger-initializer.js").send().await.text;
    for part in ["StandaloneLayout", "/api/openapi.json", "/api/openapi/widget.json", "/api/openapi/agents.json"] {
        assert!(started.contains(part), "{part}: {started}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn allowed_origins_are_echoed_and_others_are_not() {
    let app = TestApp::start(Database::Sqlite).await;
    let preflight = |origin: &'static str| {
        let call = app.call(Method::OPTIONS, "/api/chats/visitors/").header("origin", origin);
        call.header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type, idempotency-key, last-event-id, user-agent")
            .send()
    };
    let local = preflight("http://localhost:3000").await;
    assert_eq!(
        (
            local.status,
            local.header("access-control-allow-origin"),
            local.header("access-control-allow-credentials")
        ),
        (200, "http://localhost:3000", "true")
    );
    let foreign = preflight("https://elsewhere.example.com").await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
    let plain = app.get("/health/live").header("origin", "http://127.0.0.1:5173").send().await;
    assert_eq!(plain.header("access-control-allow-origin"), "http://127.0.0.1:5173");
    assert!(plain.header("access-control-expose-headers").to_lowercase().contains("retry-after"));
    let any = TestApp::start_with(Database::Sqlite, &["--limits=off", "--allowed-origins=*"]).await;
    let answer = any.get("/health/live").header("origin", "https://elsewhere.example.com").send().await;
    assert_eq!(
        (answer.header("access-control-allow-origin"), answer.header("access-control-allow-credentials")),
        ("*", "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_refused_with_the_time_to_wait() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-requests=3"]).await;
    for left in [2, 1, 0] {
        let answer = app.get("/api/openapi/operations.json").send().await;
        assert_eq!((answer.status, answer.header("ratelimit-remaining")), (200, left.to_string().as_str()));
    }
    let answer = app.get("/api/openapi/operations.json").send().await;
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    answer.problem(429, "rate_limited");
    assert_eq!(app.get("/health/live").send().await.status, 200, "probes always get through");
}
