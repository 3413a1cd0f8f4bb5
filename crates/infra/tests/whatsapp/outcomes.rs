//! What each end of a request means.

use super::support::{Server, TOKEN, answer, api, graph, hasty, is_unknown, is_unreached, json, nowhere, number, refusal, text};
use parlor_domain::whatsapp::{Number, SendFailure, WhatsappGateway};
use parlor_infra::channel::whatsapp::CloudApi;
use parlor_infra::outgoing::GuardedClient;
use parlor_testkit::whatsapp::{Endpoint, Gate, Rule};
use serde_json::json as value;
use std::sync::Arc;

async fn failure_at(base: &str) -> SendFailure {
    hasty().send(&number(base), &text()).await.unwrap_err()
}

async fn failure_of(answer: String) -> SendFailure {
    failure_at(&Server::saying([answer]).await.base).await
}

#[tokio::test]
async fn without_a_connection_nothing_was_written() {
    assert!(is_unreached(&failure_at(&nowhere()).await));
    assert!(is_unreached(&failure_at("http://nobody.invalid").await));
    assert!(is_unreached(&failure_at("no address").await));
    // A server that speaks no TLS.
    let plain = Server::saying([answer(200, "", "")]).await;
    assert!(is_unreached(&failure_at(&plain.base.replace("http:", "https:")).await));
}

#[tokio::test]
async fn an_address_that_must_not_be_called_is_not() {
    let graph = graph().await;
    let by_settings = Number {
        by_operator: false,
        ..number(&graph.base_url())
    };
    assert!(is_unreached(&api().send(&by_settings, &text()).await.unwrap_err()));
    assert!(is_unreached(&api().check(&by_settings).await.unwrap_err()));
    assert!(graph.calls().is_empty());
    let named = Number {
        base_url: graph.base_url().replace("127.0.0.1", "localhost"),
        ..by_settings.clone()
    };
    assert!(is_unreached(&api().send(&named, &text()).await.unwrap_err()));
    assert!(graph.calls().is_empty());
    let excepted = CloudApi::new(Arc::new(GuardedClient::new(&["127.0.0.1".to_owned()]).unwrap()));
    assert!(excepted.send(&by_settings, &text()).await.is_ok());
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_it_unknown() {
    let graph = graph().await;
    for rule in [Rule::closes_unread(), Rule::closes(), Rule::accepts_and_closes()] {
        graph.rule(rule.clone());
        let failure = failure_at(&graph.base_url()).await;
        assert!(is_unknown(&failure), "{rule:?}: {failure:?}");
    }
    let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", r#"{"messages":[{"id":"wamid"#);
    assert!(is_unknown(&failure_of(cut).await));
    assert!(is_unknown(&failure_of("HTTP/1.1 20".to_owned()).await));
}

#[tokio::test]
async fn a_time_that_runs_out_leaves_it_unknown() {
    let graph = graph().await;
    let gate = Gate::new();
    graph.rule(Rule::waits_for(&gate));
    assert!(is_unknown(&failure_at(&graph.base_url()).await));
    gate.open();
    assert_eq!(graph.calls().len(), 1);
}

#[tokio::test]
async fn the_platforms_objections_are_refusals_whatever_the_status() {
    let graph = graph().await;
    for code in [131_056, 131_000, 131_016, 2, 190, 0, 131_047, 131_062] {
        graph.rule(Rule::fails(code));
        let error = refusal(failure_at(&graph.base_url()).await);
        assert_eq!((error.code, error.foreign), (i64::from(code), false));
        assert!(error.message.contains("As the test wants it."), "{}", error.message);
    }
    for status in [200, 302, 400, 500, 504] {
        let error = value!({"error": {"message": "(#131026) Message undeliverable", "code": 131_026}});
        let error = refusal(failure_of(json(status, &error)).await);
        assert_eq!((error.code, error.foreign), (131_026, false), "{status}");
    }
    let worded = value!({"error": {"message": "Wrong", "code": "100", "error_data": {"details": "The parameter to is required."}}});
    let error = refusal(failure_of(json(400, &worded)).await);
    assert_eq!((error.code, error.message.as_str()), (100, "Wrong: The parameter to is required."));
    let error = refusal(failure_of(json(500, &value!({"error": {"message": "Later"}}))).await);
    assert_eq!((error.code, error.foreign, error.message.as_str()), (0, true, "Later"));
}

#[tokio::test]
async fn an_answer_of_somebody_else_is_a_refusal_where_the_request_went_no_further() {
    for status in [301, 302, 307, 400, 403, 404, 408, 413, 429, 502, 503] {
        let page = answer(status, "Location: http://127.0.0.1:9/\r\n", "<html><body>No</body></html>");
        let error = refusal(failure_of(page).await);
        assert_eq!((error.code, error.foreign), (0, true), "{status}");
        assert!(error.message.contains(&status.to_string()), "{}", error.message);
    }
    for status in [500, 504, 507, 520] {
        for body in ["<html></html>", "", "{}", r#"{"error":"no"}"#] {
            assert!(is_unknown(&failure_of(answer(status, "", body)).await), "{status} {body}");
        }
    }
}

#[tokio::test]
async fn a_success_without_an_id_leaves_it_unknown() {
    let long = format!(r#"{{"messages":[{{"id":"wamid.X"}}],"more":"{}"}}"#, "x".repeat(300 * 1024));
    for body in [
        "",
        "ok",
        "{}",
        r#"{"messages":[]}"#,
        r#"{"messages":[{"id":""}]}"#,
        r#"{"messages":[{"id":7}]}"#,
        &long,
    ] {
        let failure = failure_of(answer(200, "", body)).await;
        assert!(is_unknown(&failure), "{failure:?}");
    }
}

#[tokio::test]
async fn what_may_be_repeated_is_refused_by_anything_but_a_success() {
    let graph = graph().await;
    let (api, number) = (hasty(), number(&graph.base_url()));
    for status in [200, 404, 500, 502, 504] {
        graph.rule(Rule::page(status).at(Endpoint::MarkRead));
        graph.rule(Rule::page(status).at(Endpoint::Profile));
        let read = refusal(api.mark_read(&number, "wamid.EXAMPLE1", false).await.unwrap_err());
        let checked = refusal(api.check(&number).await.unwrap_err());
        assert!(read.foreign && checked.foreign, "{status}");
    }
    graph.rule(Rule::fails(190).at(Endpoint::Profile));
    assert_eq!(refusal(api.check(&number).await.unwrap_err()).code, 190);
    let unmarked = Server::saying([json(200, &value!({"success": false}))]).await;
    let unmarked = Number {
        base_url: unmarked.base,
        ..number
    };
    assert!(refusal(api.mark_read(&unmarked, "wamid.EXAMPLE1", false).await.unwrap_err()).foreign);
}

#[tokio::test]
async fn a_number_without_a_token_asks_nothing() {
    let graph = graph().await;
    let mute = Number {
        access_token: None,
        ..number(&graph.base_url())
    };
    let error = refusal(api().send(&mute, &text()).await.unwrap_err());
    assert_eq!((error.code, error.foreign), (0, false));
    assert!(graph.calls().is_empty());
}

#[tokio::test]
async fn nobody_sees_the_token() {
    let telling = value!({"error": {"message": format!("Invalid token {TOKEN}"), "code": 190,
                                    "error_data": {"details": format!("Bearer {TOKEN} has expired")}}});
    let failure = failure_of(json(401, &telling)).await;
    assert_eq!(failure.words(), "(190) Invalid token …: Bearer … has expired");
    let graph = graph().await;
    graph.rule(Rule::closes());
    let failures = [failure, failure_at(&graph.base_url()).await, failure_at(&nowhere()).await];
    for failure in failures {
        assert!(!format!("{failure:?} {}", failure.words()).contains(TOKEN));
    }
    assert!(!format!("{:?}", number(&graph.base_url())).contains(TOKEN));
}
