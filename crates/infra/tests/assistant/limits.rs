//! How long is waited.

use crate::setup::{PACE, SHORT, Whole, model, question, read, server};
use parlor_domain::assistant::{FinishReason, LanguageModel, ModelFailure};
use parlor_testkit::model_server::{FakeModelServer, Reply};
use std::time::Duration;
use tokio::time::Instant;

async fn comes_too_late(reply: Reply) {
    let fake = FakeModelServer::start().await;
    fake.always(reply);
    let mut server = server(fake.base_url());
    server.patience.first = SHORT * 2;
    assert_eq!(model().ask(question(server)).await.err(), Some(ModelFailure::TooSlow));
    assert_eq!(fake.requests().len(), 3, "it is repeated");
    assert!(fake.was_given_up(3).await);
}

#[tokio::test]
async fn the_head_must_come_in_time() {
    comes_too_late(Reply::stream().forever()).await;
}

#[tokio::test]
async fn the_first_piece_must_come_in_time() {
    comes_too_late(Reply::stream().bytes("\n").forever()).await;
}

#[tokio::test]
async fn a_comment_is_no_first_piece() {
    comes_too_late(Reply::stream().bytes(": thinking\n\n").forever()).await;
}

#[tokio::test]
async fn pieces_must_follow_one_another_in_time_and_comments_are_none() {
    let fake = FakeModelServer::start().await;
    let comments = (0..50).fold(Reply::stream().text("Three"), |reply, _| reply.bytes(": hb\n\n").wait(SHORT / 4));
    fake.then(comments.text(" days").finish("stop").done());
    let mut server = server(fake.base_url());
    server.patience.between = SHORT;
    let whole = read(model().ask(question(server)).await.unwrap()).await;
    assert_eq!(whole, Whole::new("Three", Err(ModelFailure::TooSlow)));
    assert!(fake.was_given_up(1).await);
}

#[tokio::test]
async fn a_piece_in_time_gives_the_next_one_its_own_time_also_if_it_is_a_thought() {
    let fake = FakeModelServer::start().await;
    let thought = serde_json::json!({"reasoning": "Hm."});
    let slow = (0..16).fold(Reply::stream(), |reply, _| reply.delta(&thought).wait(SHORT / 4));
    fake.then(slow.text("Three").wait(SHORT / 4).text(" days").finish("stop").done());
    let mut server = server(fake.base_url());
    (server.patience.first, server.patience.between) = (SHORT * 3, SHORT * 3);
    let whole = read(model().ask(question(server)).await.unwrap()).await;
    assert_eq!(whole, Whole::new("Three days", Ok(FinishReason::Complete)));
}

#[tokio::test]
async fn the_whole_answer_must_come_in_time_however_busy_the_server_is() {
    let fake = FakeModelServer::start().await;
    fake.then((0..200).fold(Reply::stream(), |reply, _| reply.text("on and ").wait(SHORT / 4)));
    let mut server = server(fake.base_url());
    server.patience.whole = SHORT * 5;
    let whole = read(model().ask(question(server)).await.unwrap()).await;
    assert!(whole.text.starts_with("on and on"));
    assert_eq!(whole.end, Err(ModelFailure::TooSlow));
    assert!(fake.was_given_up(1).await);
}

#[tokio::test]
async fn the_time_for_the_whole_answer_holds_for_all_repeats_together() {
    let fake = FakeModelServer::start().await;
    fake.always(Reply::error(503).header("Retry-After", "9"));
    let mut server = server(fake.base_url());
    server.patience.whole = SHORT * 5;
    let began = Instant::now();
    assert_eq!(model().ask(question(server)).await.err(), Some(ModelFailure::Overloaded(503)));
    assert_eq!(fake.requests().len(), 1);
    assert!(began.elapsed() < Duration::from_secs(9), "it waited for nothing");
}

#[tokio::test]
async fn a_connection_must_come_in_time() {
    // A queue of connections that nobody takes, and that is full, answers to none.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(SHORT * 2, tokio::net::TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    let mut server = server(format!("http://{address}/v1"));
    server.patience.connect = SHORT;
    assert_eq!(model().ask(question(server)).await.err(), Some(ModelFailure::Unreachable));
    drop(waiting);
}

#[tokio::test]
async fn after_the_finish_reason_nobody_waits_long() {
    let fake = FakeModelServer::start().await;
    fake.then(Reply::stream().text("Three").finish("stop").forever());
    let mut server = server(fake.base_url());
    (server.patience.between, server.patience.whole) = (Duration::from_secs(600), Duration::from_secs(600));
    let waited = tokio::time::timeout(PACE.after_finish * 100, async { read(model().ask(question(server)).await.unwrap()).await });
    assert_eq!(waited.await.unwrap(), Whole::new("Three", Ok(FinishReason::Complete)));
    assert!(fake.was_given_up(1).await);
}
