//! Which failures are repeated.

use crate::setup::{SHORT, Whole, model, question, read, server};
use parlor_domain::assistant::{FinishReason, LanguageModel, ModelFailure, ModelHealth};
use parlor_testkit::model_server::{FakeModelServer, Reply};
use std::time::Duration;

/// Asks a server that fails twice; says what came of it and after how many requests.
async fn after_two(failure: Reply) -> (Result<String, ModelFailure>, usize) {
    let fake = FakeModelServer::start().await;
    fake.then(failure.clone());
    fake.then(failure);
    let mut server = server(fake.base_url());
    server.patience.first = Duration::from_secs(1);
    let result = match model().ask(question(server)).await {
        Ok(answer) => Ok(read(answer).await.text),
        Err(failure) => Err(failure),
    };
    (result, fake.requests().len())
}

fn answered() -> (Result<String, ModelFailure>, usize) {
    (Ok("Hello from the model.".into()), 3)
}

#[tokio::test]
async fn what_may_pass_is_repeated_twice() {
    for status in [408, 409, 429, 500, 502, 503, 504] {
        assert_eq!(after_two(Reply::error(status)).await, answered(), "{status}");
    }
    assert_eq!(after_two(Reply::page(502)).await, answered());
}

#[tokio::test]
async fn a_lost_connection_is_repeated_before_the_first_text() {
    assert_eq!(after_two(Reply::nothing()).await, answered());
    assert_eq!(after_two(Reply::stream().bytes(": hb\n\n").cut()).await, answered());
    assert_eq!(
        after_two(Reply::stream().delta(&serde_json::json!({"role": "assistant", "content": ""})).cut()).await,
        answered()
    );
    assert_eq!(after_two(Reply::stream()).await, answered());
}

#[tokio::test]
async fn a_first_piece_that_does_not_come_is_repeated() {
    assert_eq!(after_two(Reply::stream().forever()).await, answered());
    assert_eq!(after_two(Reply::stream().bytes(": hb\n\n").forever()).await, answered());
}

#[tokio::test]
async fn a_third_failure_is_the_answer() {
    for (reply, failure) in [
        (Reply::error(503), ModelFailure::Overloaded(503)),
        (Reply::error(429), ModelFailure::Overloaded(429)),
        (Reply::nothing(), ModelFailure::Unreachable),
        (Reply::stream().cut(), ModelFailure::BrokeOff),
    ] {
        let fake = FakeModelServer::start().await;
        fake.always(reply);
        assert_eq!(model().ask(question(server(fake.base_url()))).await.err(), Some(failure));
        assert_eq!(fake.requests().len(), 3, "{failure:?}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_one_that_cannot_be_reached() {
    let failed = model().ask(question(server(FakeModelServer::nowhere()))).await;
    assert_eq!(failed.err(), Some(ModelFailure::Unreachable));
}

#[tokio::test]
async fn what_stays_is_never_repeated() {
    for status in [400, 401, 403, 404, 413, 422, 307] {
        let fake = FakeModelServer::start().await;
        fake.then(Reply::error(status).header("Retry-After", "0").header("Location", "/v1/elsewhere"));
        let failed = model().ask(question(server(fake.base_url()))).await.err();
        let expected = match status {
            401 | 403 | 404 => ModelFailure::NotAllowed(status),
            _ => ModelFailure::Refused(status),
        };
        assert_eq!(failed, Some(expected));
        assert_eq!(fake.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn an_error_inside_of_the_stream_is_not_repeated() {
    let (failed, requests) = after_two(Reply::stream().event(&serde_json::json!({"error": "No."}))).await;
    assert_eq!((failed, requests), (Err(ModelFailure::BrokeOff), 1));
}

#[tokio::test]
async fn after_the_first_text_nothing_is_repeated() {
    let fake = FakeModelServer::start().await;
    fake.then(Reply::stream().text("Three").cut());
    let whole = read(model().ask(question(server(fake.base_url()))).await.unwrap()).await;
    assert_eq!(whole, Whole::new("Three", Err(ModelFailure::BrokeOff)));

    fake.then(Reply::stream().text("Three").forever());
    let mut slow = server(fake.base_url());
    slow.patience.between = SHORT;
    let whole = read(model().ask(question(slow)).await.unwrap()).await;
    assert_eq!(whole, Whole::new("Three", Err(ModelFailure::TooSlow)));
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn an_answer_without_text_is_not_repeated() {
    let (answer, requests) = after_two(Reply::stream().finish("stop").done()).await;
    assert_eq!((answer, requests), (Ok(String::new()), 1));
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() {
    let fake = FakeModelServer::start().await;
    fake.then(Reply::error(429).header("Retry-After", "1"));
    let whole = read(model().ask(question(server(fake.base_url()))).await.unwrap()).await;
    assert_eq!(whole.end, Ok(FinishReason::Complete));
    let requests = fake.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_asks_for_too_much_patience_has_failed() {
    for value in ["11", "3600", "Fri, 31 Dec 2999 23:59:59 GMT"] {
        let fake = FakeModelServer::start().await;
        fake.always(Reply::error(503).header("Retry-After", value));
        assert_eq!(model().ask(question(server(fake.base_url()))).await.err(), Some(ModelFailure::Overloaded(503)));
        assert_eq!(fake.requests().len(), 1, "{value}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_let_us_in_is_unhealthy_until_it_does() {
    let fake = FakeModelServer::start().await;
    let (model, server) = (model(), server(fake.base_url()));
    assert_eq!(model.health(&server), ModelHealth::Unknown);
    for status in [401, 403, 404] {
        fake.then(Reply::error(status));
        assert!(model.ask(question(server.clone())).await.is_err());
        assert_eq!(model.health(&server), ModelHealth::Failing(ModelFailure::NotAllowed(status)));
    }
    read(model.ask(question(server.clone())).await.unwrap()).await;
    assert_eq!(model.health(&server), ModelHealth::Healthy);

    let mut other = server.clone();
    other.model = "large".into();
    assert_eq!(model.health(&other), ModelHealth::Unknown);
}
