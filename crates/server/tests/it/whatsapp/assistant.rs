//! The assistant answers on WhatsApp where the channel's is on.

use super::*;
use parlor_testkit::model_server::{FakeModelServer, Reply};

/// A line whose assistant is on, and its model.
async fn assisted(database: Database) -> (Line, FakeModelServer) {
    let model = FakeModelServer::start().await;
    let place = format!("--assistant-base-url={}", model.base_url());
    let line = Line::start_with(database, &[&place, "--assistant-model=small"]).await;
    line.edit_channel(json!({"assistant": {"enabled": true}})).await;
    line.reports();
    (line, model)
}

async fn handled_by(line: &Line) -> String {
    word(&line.conversation().await["handled_by"])
}

async fn it_answers_and_a_person_takes_over(database: Database) {
    let (line, model) = assisted(database).await;
    model.then(Reply::says("Refunds take three to five days."));
    line.hears("How do refunds work?").await;
    let sent = line.graph.until_sent(1).await;
    assert_eq!((sent.len(), sent[0].text()), (1, Some("Refunds take three to five days.")));
    let answer = line.last().await;
    assert_eq!(answer["sender"]["kind"], "assistant");
    line.until_status(answer["id"].as_str().unwrap(), "read").await;
    assert_eq!(handled_by(&line).await, "assistant");

    // The platform tells it once more: no second answer.
    let question = nadia().text("And exchanges?");
    model.then(Reply::says("They take a week."));
    line.receives([question.clone(), question.clone()]).await;
    line.receives(question).await;
    line.graph.until_sent(2).await;
    let path = format!("/api/admin/chat-rooms/{}/take_over/", line.id().await);
    line.app.post(&path).bearer(&line.owner).send().await.expect(200);
    line.hears("A person, please").await;
    let ours = line.says("Here I am.").await;
    line.until_status(&ours, "read").await;
    let said = line.messages().await;
    let words = [
        "How do refunds work?",
        "Refunds take three to five days.",
        "And exchanges?",
        "They take a week.",
        "A person, please",
        "Here I am.",
    ];
    assert_eq!(
        said.iter()
            .filter(|message| message["sender"]["kind"] != "system")
            .map(|message| message["text"].as_str().unwrap())
            .collect::<Vec<_>>(),
        words
    );
    assert_eq!((model.requests().len(), line.graph.sent().len()), (2, 3));
}

async fn it_gives_way_when_its_model_fails(database: Database) {
    let (line, model) = assisted(database).await;
    model.always(Reply::error(400));
    line.hears("What is it?").await;
    let sent = line.graph.until_sent(1).await;
    assert_eq!(sent[0].text(), Some(parlor_domain::assistant::WAITING_TEXT));
    assert_eq!(handled_by(&line).await, "queue");
    line.hears("Hello?").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(line.graph.sent().len(), 1, "it said so once");
}

async fn it_says_nothing_when_the_day_is_over(database: Database) {
    let (line, model) = assisted(database).await;
    let late = line.graph.now() - 24 * 60 * 60 - 60;
    line.receives(nadia().text("Very late").at(late)).await;
    let begun = Instant::now();
    while handled_by(&line).await != "queue" {
        assert!(begun.elapsed() < PATIENCE, "a person goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((line.graph.calls_at(Endpoint::Send).len(), model.requests().len()), (0, 0));
    assert_eq!(texts(&line.messages().await)[0], "Very late");
    assert!(line.messages().await.iter().all(|message| message["sender"]["kind"] != "assistant"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_and_a_person_takes_over_on_both() {
    for database in [Database::Sqlite, Database::Postgres] {
        it_answers_and_a_person_takes_over(database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gives_way_when_its_model_fails_on_both() {
    for database in [Database::Sqlite, Database::Postgres] {
        it_gives_way_when_its_model_fails(database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_nothing_when_the_day_is_over_on_both() {
    for database in [Database::Sqlite, Database::Postgres] {
        it_says_nothing_when_the_day_is_over(database).await;
    }
}
