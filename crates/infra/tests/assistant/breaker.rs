//! A server that failed too often is left alone.

use crate::setup::{PACE, SHORT, model, question, read, server};
use metrics_exporter_prometheus::PrometheusBuilder;
use parlor_domain::assistant::{LanguageModel, ModelEvent, ModelFailure, ModelHealth, ModelServer};
use parlor_infra::assistant::OpenAiModel;
use parlor_testkit::model_server::{FakeModelServer, Gate, Reply};

/// Makes the breaker open: an error inside of the stream is one failure each, without repeats.
async fn fail_five_times(model: &OpenAiModel, fake: &FakeModelServer) -> ModelServer {
    let server = server(fake.base_url());
    for _ in 0..5 {
        fake.then(Reply::stream().event(&serde_json::json!({"error": "No."})));
        assert_eq!(model.ask(question(server.clone())).await.err(), Some(ModelFailure::BrokeOff));
    }
    server
}

async fn rest_over() {
    tokio::time::sleep(PACE.rest + PACE.rest / 4).await;
}

#[tokio::test]
async fn five_failures_in_a_row_open_it_and_nobody_asks_for_a_while() {
    let (model, fake) = (model(), FakeModelServer::start().await);
    let server = fail_five_times(&model, &fake).await;
    for _ in 0..3 {
        assert_eq!(model.ask(question(server.clone())).await.err(), Some(ModelFailure::Resting));
    }
    assert_eq!(fake.requests().len(), 5);
    assert_eq!(model.health(&server), ModelHealth::Failing(ModelFailure::BrokeOff));
}

#[tokio::test]
async fn repeats_count_and_end_when_it_opens() {
    let (model, fake) = (model(), FakeModelServer::start().await);
    fake.always(Reply::error(503));
    let server = server(fake.base_url());
    for failure in [ModelFailure::Overloaded(503), ModelFailure::Overloaded(503), ModelFailure::Resting] {
        assert_eq!(model.ask(question(server.clone())).await.err(), Some(failure));
    }
    assert_eq!(fake.requests().len(), 5);
}

#[tokio::test]
async fn a_good_answer_in_between_begins_the_count_anew() {
    let (model, fake) = (model(), FakeModelServer::start().await);
    let server = server(fake.base_url());
    for _ in 0..3 {
        for _ in 0..4 {
            fake.then(Reply::stream().event(&serde_json::json!({"error": "No."})));
            assert_eq!(model.ask(question(server.clone())).await.err(), Some(ModelFailure::BrokeOff));
        }
        read(model.ask(question(server.clone())).await.unwrap()).await;
    }
}

#[tokio::test]
async fn answers_that_break_off_after_some_text_count_too() {
    let (model, fake) = (model(), FakeModelServer::start().await);
    fake.always(Reply::stream().text("Three").cut());
    let server = server(fake.base_url());
    for _ in 0..5 {
        let whole = read(model.ask(question(server.clone())).await.unwrap()).await;
        assert_eq!(whole.end, Err(ModelFailure::BrokeOff));
    }
    assert_eq!(model.ask(question(server)).await.err(), Some(ModelFailure::Resting));
}

#[tokio::test]
async fn after_the_rest_one_tries_and_the_others_rest_until_it_is_answered() {
    let (model, fake) = (model(), FakeModelServer::start().await);
    let server = fail_five_times(&model, &fake).await;
    rest_over().await;
    let gate = Gate::new();
    fake.then(Reply::stream().gate(&gate).text("Back.").finish("stop").done());
    let trying = model.ask(question(server.clone()));
    let others = async {
        while fake.requests().len() < 6 {
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            assert_eq!(model.ask(question(server.clone())).await.err(), Some(ModelFailure::Resting));
        }
        gate.open();
    };
    let (answer, ()) = tokio::join!(trying, others);
    // The first piece is enough: the answer is not waited for.
    let mut answer = answer.unwrap();
    assert_eq!(read(model.ask(question(server.clone())).await.unwrap()).await.text, "Hello from the model.");
    assert_eq!(answer.next().await, Some(Ok(ModelEvent::Text("Back.".into()))));
    assert_eq!(model.health(&server), ModelHealth::Healthy);
}

#[tokio::test]
async fn a_try_that_fails_is_not_repeated_and_begins_the_rest_anew() {
    let (model, fake) = (model(), FakeModelServer::start().await);
    let server = fail_five_times(&model, &fake).await;
    rest_over().await;
    fake.then(Reply::error(503));
    assert_eq!(model.ask(question(server.clone())).await.err(), Some(ModelFailure::Overloaded(503)));
    assert_eq!(fake.requests().len(), 6);
    assert_eq!(model.ask(question(server.clone())).await.err(), Some(ModelFailure::Resting));
    rest_over().await;
    read(model.ask(question(server.clone())).await.unwrap()).await;
    read(model.ask(question(server)).await.unwrap()).await;
}

#[tokio::test]
async fn a_try_that_is_given_up_lets_the_next_one_try() {
    let (model, fake) = (model(), FakeModelServer::start().await);
    let server = fail_five_times(&model, &fake).await;
    rest_over().await;
    fake.then(Reply::stream().forever());
    tokio::select! {
        _ = model.ask(question(server.clone())) => panic!("an answer without text"),
        () = async { while fake.requests().len() < 6 { tokio::task::yield_now().await } } => {}
    }
    read(model.ask(question(server)).await.unwrap()).await;
}

#[tokio::test]
async fn what_one_question_did_wrong_does_not_silence_the_others() {
    let (model, fake) = (model(), FakeModelServer::start().await);
    let server = server(fake.base_url());
    for status in [400, 413, 422, 400, 413, 422] {
        fake.then(Reply::error(status));
        assert_eq!(model.ask(question(server.clone())).await.err(), Some(ModelFailure::Refused(status)));
    }
    read(model.ask(question(server)).await.unwrap()).await;
}

#[tokio::test]
async fn each_server_and_each_model_has_its_own() {
    let (model, fake) = (model(), FakeModelServer::start().await);
    let server = fail_five_times(&model, &fake).await;
    assert_eq!(model.ask(question(server.clone())).await.err(), Some(ModelFailure::Resting));
    let mut other = server.clone();
    other.model = "large".into();
    read(model.ask(question(other)).await.unwrap()).await;
    let mut elsewhere = server;
    elsewhere.base_url.push('/');
    read(model.ask(question(elsewhere)).await.unwrap()).await;
}

#[tokio::test]
async fn requests_repeats_and_open_breakers_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _counted = metrics::set_default_local_recorder(&recorder);
    let (model, fake) = (model(), FakeModelServer::start().await);
    fake.then(Reply::error(503));
    read(model.ask(question(server(fake.base_url()))).await.unwrap()).await;
    let mut slow = server(fake.base_url());
    slow.patience.whole = SHORT;
    fake.then(Reply::stream().forever());
    assert_eq!(model.ask(question(slow)).await.err(), Some(ModelFailure::TooSlow));
    assert_eq!(
        model.ask(question(server(FakeModelServer::nowhere()))).await.err(),
        Some(ModelFailure::Unreachable)
    );
    let failing = FakeModelServer::start().await;
    let resting = fail_five_times(&model, &failing).await;

    let page = handle.render();
    for line in [
        "parlor_assistant_model_requests_total{status=\"503\"} 1",
        "parlor_assistant_model_requests_total{status=\"200\"} 6",
        "parlor_assistant_model_requests_total{status=\"timeout\"} 1",
        "parlor_assistant_model_requests_total{status=\"unreachable\"} 3",
        "parlor_assistant_model_retries_total 3",
        "parlor_assistant_breaker_open 1",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    rest_over().await;
    read(model.ask(question(resting)).await.unwrap()).await;
    assert!(handle.render().contains("parlor_assistant_breaker_open 0"));
}
