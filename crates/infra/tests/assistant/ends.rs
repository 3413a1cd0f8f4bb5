//! How an answer ends.

use crate::setup::{Whole, ask, model, question, read, server};
use parlor_domain::assistant::{FinishReason, LanguageModel, ModelEvent, ModelFailure};
use parlor_testkit::model_server::{FakeModelServer, Reply};

#[tokio::test]
async fn the_finish_reason_says_whether_the_answer_is_whole() {
    for (reason, end) in [
        ("stop", FinishReason::Complete),
        ("length", FinishReason::Length),
        ("content_filter", FinishReason::Filtered),
        ("tool_calls", FinishReason::Complete),
        ("eos_token", FinishReason::Complete),
        ("", FinishReason::Complete),
    ] {
        let expected = Ok(Whole::new("Three", Ok(end)));
        assert_eq!(ask(Reply::stream().text("Three").finish(reason).done()).await, expected, "{reason}");
        assert_eq!(ask(Reply::stream().text("Three").finish(reason).cut()).await, expected, "{reason}");
    }
    assert_eq!(
        ask(Reply::stream().finish("content_filter").done()).await,
        Ok(Whole::new("", Ok(FinishReason::Filtered)))
    );
}

#[tokio::test]
async fn an_answer_has_at_most_32_000_characters_and_says_that_it_was_cut() {
    let fake = FakeModelServer::start().await;
    fake.then(Reply::stream().text(&"ü".repeat(31_999)).text("äöx").forever());
    let whole = read(model().ask(question(server(fake.base_url()))).await.unwrap()).await;
    assert_eq!(whole.text.chars().count(), 32_000);
    assert!(whole.text.ends_with("üä"));
    assert_eq!(whole.end, Ok(FinishReason::Length));
    assert!(fake.was_given_up(1).await, "the server goes on");

    let just_fits = ask(Reply::stream().text(&"ü".repeat(32_000)).finish("stop").done()).await.unwrap();
    assert_eq!((just_fits.text.chars().count(), just_fits.end), (32_000, Ok(FinishReason::Complete)));
}

#[tokio::test]
async fn an_answer_has_at_most_8_mebibytes_whatever_is_in_them() {
    let fake = FakeModelServer::start().await;
    let thoughts = serde_json::json!({"reasoning": "x".repeat(1_000_000)});
    let thinking = (0..9).fold(Reply::stream().text("Three"), |reply, _| reply.delta(&thoughts));
    fake.then(thinking.forever());
    let whole = read(model().ask(question(server(fake.base_url()))).await.unwrap()).await;
    assert_eq!(whole, Whole::new("Three", Ok(FinishReason::Length)));
    assert!(fake.was_given_up(1).await, "the server goes on");
}

#[tokio::test]
async fn a_line_has_at_most_a_mebibyte() {
    let fake = FakeModelServer::start().await;
    fake.then(Reply::stream().text("Three").bytes("data: ").bytes(vec![b'x'; 1_100_000]).forever());
    let whole = read(model().ask(question(server(fake.base_url()))).await.unwrap()).await;
    assert_eq!(whole, Whole::new("Three", Err(ModelFailure::BrokeOff)));
    assert!(fake.was_given_up(1).await, "the server goes on");
}

#[tokio::test]
async fn dropping_the_answer_closes_the_connection() {
    let fake = FakeModelServer::start().await;
    fake.always(Reply::stream().text("Three").forever());
    let mut answer = model().ask(question(server(fake.base_url()))).await.unwrap();
    assert_eq!(answer.next().await, Some(Ok(ModelEvent::Text("Three".into()))));
    assert_eq!(fake.given_up(), 0);
    drop(answer);
    assert!(fake.was_given_up(1).await);
}

#[tokio::test]
async fn dropping_the_question_closes_the_connection() {
    let fake = FakeModelServer::start().await;
    fake.always(Reply::stream().bytes(": thinking\n\n").forever());
    let model = model();
    let asking = model.ask(question(server(fake.base_url())));
    tokio::select! {
        _ = asking => panic!("an answer without text"),
        () = async { while fake.requests().is_empty() { tokio::task::yield_now().await } } => {}
    }
    assert!(fake.was_given_up(1).await);
}

#[tokio::test]
async fn a_failed_answer_closes_the_connection() {
    let fake = FakeModelServer::start().await;
    fake.always(Reply::stream().text("Three").bytes("data: oops\n\n").forever());
    let mut answer = model().ask(question(server(fake.base_url()))).await.unwrap();
    while answer.next().await.is_some() {}
    // Also while somebody still holds it.
    assert!(fake.was_given_up(1).await);
    drop(answer);
}
