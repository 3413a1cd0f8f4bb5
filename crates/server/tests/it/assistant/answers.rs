//! Answers that go well, and what is stored of them.

use super::*;
use parlor_domain::article::ArticleBody;
use parlor_domain::article::NewArticle;
use parlor_domain::text::Line;
use parlor_testkit::model_server::{Gate, Reply};

with_model! {
    async fn an_answer_comes_in_pieces_and_is_what_is_stored(talk: Talk) {
        talk.model.then(Reply::stream().text("Refunds take three").text(" to five days.").finish("stop").done());
        let place = place(&talk.app).await;
        let events = place.ask(&talk.app, "How do refunds work?", "w-17").await.rest().await;
        let history = place.history(&talk.app).await;
        let (question, answer) = (&history[0], &history[1]);
        assert_eq!(
            events[0].chunk,
            json!({"type": "start", "messageId": answer["id"], "messageMetadata": {"user_message_id": question["id"], "user_seq": question["seq"]}})
        );
        assert_eq!(events[1].chunk, json!({"type": "text-start", "id": "t0"}));
        let deltas: Vec<_> = events.iter().filter(|event| event.kind() == "text-delta").collect();
        assert!(!deltas.is_empty() && deltas.iter().all(|event| event.chunk["id"] == "t0"));
        assert_eq!(text(&events), "Refunds take three to five days.");
        let [.., end, finish, done] = &events[..] else { panic!("{events:?}") };
        assert_eq!(end.chunk, json!({"type": "text-end", "id": "t0"}));
        assert_eq!(finish.chunk, json!({"type": "finish", "finishReason": "stop", "messageMetadata": {"seq": answer["seq"]}}));
        assert_eq!(done.chunk, json!("[DONE]"));
        numbered(&events, answer["id"].as_str().unwrap(), 0);
        assert_eq!((question["client_id"].as_str(), question["text"].as_str()), (Some("w-17"), Some("How do refunds work?")));
        assert_eq!((answer["sender"]["kind"].as_str(), answer["text"].as_str()), (Some("assistant"), Some("Refunds take three to five days.")));
        assert_eq!(answer["sender"]["reported"], false);
    }

    async fn pieces_never_split_a_character(talk: Talk) {
        let words = "Schöne Grüße 🙂👩‍👩‍👧 zurück 你好";
        let event = format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": words}}]})).into_bytes();
        let reply = event.chunks(3).fold(Reply::stream(), |reply, bytes| reply.bytes(bytes));
        talk.model.then(reply.finish("stop").done());
        let place = place(&talk.app).await;
        let events = place.ask(&talk.app, "Hallo?", "1").await.rest().await;
        assert_eq!(text(&events), words);
        assert_eq!(place.history(&talk.app).await[1]["text"], words);
    }

    async fn an_answer_that_was_cut_by_a_limit_says_so(talk: Talk) {
        talk.model.then(Reply::stream().text("It begins").finish("length").done());
        let place = place(&talk.app).await;
        let events = place.ask(&talk.app, "And?", "1").await.rest().await;
        let history = place.history(&talk.app).await;
        let finish = &events[events.len() - 2];
        assert_eq!(finish.chunk, json!({"type": "finish", "finishReason": "length", "messageMetadata": {"seq": history[1]["seq"], "truncated": true}}));
        assert_eq!(history[1]["metadata"]["truncated"], true);
    }

    async fn the_question_is_stored_before_the_first_byte(talk: Talk) {
        talk.model.then(Reply::stream().forever());
        let place = place(&talk.app).await;
        let mut events = place.ask(&talk.app, "Anybody there?", "1").await;
        assert_eq!(place.said(&talk.app).await, [("visitor".to_owned(), "Anybody there?".to_owned())]);
        let agent = agent(&talk.app).await;
        let listed = talk.app.get("/api/admin/chat-rooms/").bearer(&agent).send().await.expect(200);
        assert_eq!((listed["results"][0]["last_message"].as_str(), listed["results"][0]["handled_by"].as_str()), (Some("Anybody there?"), Some("assistant")));
        assert_eq!(events.next().await.unwrap().kind(), "start", "the answer has its id before it has words");
        assert!(events.is_silent().await);
    }

    async fn who_goes_away_finds_the_answer_in_the_history(talk: Talk) {
        let gate = Gate::new();
        talk.model.then(Reply::stream().text("First").gate(&gate).text(" and last.").finish("stop").done());
        let place = place(&talk.app).await;
        let mut events = place.ask(&talk.app, "Tell me", "1").await;
        events.up_to("text-delta").await;
        drop(events);
        gate.open();
        let (app, place) = (&talk.app, &place);
        until("the whole answer is stored", || async move { place.said(app).await.last().unwrap().1 == "First and last." }).await;
    }

    async fn a_second_question_is_answered_after_the_first(talk: Talk) {
        let gate = Gate::new();
        talk.model.then(Reply::stream().text("One").gate(&gate).text(".").finish("stop").done());
        talk.model.then(Reply::says("Two and three."));
        let place = place(&talk.app).await;
        let mut first = place.ask(&talk.app, "One?", "1").await;
        let mut before = first.up_to("text-delta").await;
        let mut second = place.ask(&talk.app, "Two?", "2").await;
        let third = place.ask(&talk.app, "Three?", "3").await;
        assert!(second.is_silent().await, "its answer has not begun");
        assert_eq!(place.said(&talk.app).await.len(), 3, "the questions are stored");
        gate.open();
        before.extend(first.rest().await);
        assert_eq!(text(&before), "One.");
        let (second, third) = (second.rest().await, third.rest().await);
        assert_eq!((text(&second).as_str(), text(&third).as_str()), ("Two and three.", "Two and three."));
        assert_ne!(second[0].chunk["messageId"], before[0].chunk["messageId"]);
        assert_eq!(second[0].chunk["messageId"], third[0].chunk["messageId"], "one answer for both");
        assert_ne!(second[0].chunk["messageMetadata"], third[0].chunk["messageMetadata"], "to each its own question");
        let texts: Vec<String> = place.said(&talk.app).await.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["One?", "Two?", "Three?", "One.", "Two and three."]);
        assert_eq!(talk.model.requests().len(), 2);
    }

    async fn the_visitor_stops_an_answer(talk: Talk) {
        talk.model.then(Reply::stream().text("One, two,").forever());
        let place = place(&talk.app).await;
        assert!(!place.stop(&talk.app).await, "there is nothing to stop");
        let mut events = place.ask(&talk.app, "Count", "1").await;
        events.up_to("text-delta").await;
        assert!(place.stop(&talk.app).await);
        let rest = events.rest().await;
        assert_eq!(kinds(&rest), ["text-end", "abort", "[DONE]"]);
        assert_eq!(rest[1].chunk, json!({"type": "abort", "reason": "stopped"}));
        let history = place.history(&talk.app).await;
        assert_eq!((history[1]["text"].as_str(), &history[1]["metadata"]["truncated"]), (Some("One, two,"), &json!(true)));
        assert!(!place.stop(&talk.app).await, "it is over");
        assert!(talk.model.was_given_up(1).await);
        let again = place.ask(&talk.app, "Count", "1").await.rest().await;
        assert_eq!(text(&again), "One, two,", "asked again it is what is stored");
        assert_eq!(talk.model.requests().len(), 1);
    }

    async fn when_the_server_stops_streams_end_without_an_end(talk: Talk) {
        talk.model.then(Reply::stream().text("One, two,").forever());
        let place = place(&talk.app).await;
        let (mut writing, app) = (place.ask(&talk.app, "Count", "1").await, &mut talk.app);
        writing.up_to("text-delta").await;
        let waiting = place.ask(app, "And then?", "2").await;
        let ((), writing, waiting) = tokio::join!(app.stop(), writing.rest(), waiting.rest());
        assert_eq!((kinds(&writing), kinds(&waiting)), (vec![], vec![]), "clients come back, and the answer is made anew");
    }
}

on_both! {
    async fn without_a_model_an_article_answers(app: TestApp) {
        app.edit_assistant(|assistant| assistant.enabled = true).await;
        let workspace = app.state().workspaces.list().await.unwrap()[0].id;
        let article = NewArticle {
            slug: None,
            title: Line::parse("Refunds").unwrap(),
            body: ArticleBody::parse("Refunds take three to five days after we have the parcel.").unwrap(),
            published: true,
        };
        let article = app.state().articles.create(workspace, article).await.unwrap();
        let place = place(&app).await;
        let first = place.ask(&app, "How long do refunds take?", "1").await.rest().await;
        assert!(text(&first).contains("three to five days"), "{first:?}");
        let source = first.iter().find(|event| event.kind() == "source-url").unwrap();
        assert_eq!(source.chunk, json!({"type": "source-url", "sourceId": article.id.to_string(), "url": "/help/refunds", "title": "Refunds"}));
        let again = place.ask(&app, "How long do refunds take?", "1").await.rest().await;
        assert_eq!(kinds(&again), ["start", "text-start", "text-delta", "text-end", "source-url", "finish", "[DONE]"]);
        assert_eq!(again, first);
        place.much_later(&app).await;
        let later = place.ask(&app, "How long do refunds take?", "1").await.rest().await;
        assert_eq!(later, first, "the stored one is told in the same way");
    }

    async fn with_nothing_to_answer_from_a_person_will(app: TestApp) {
        app.edit_assistant(|assistant| assistant.enabled = true).await;
        let place = place(&app).await;
        let events = place.ask(&app, "Is it blue?", "1").await.rest().await;
        let history = place.history(&app).await;
        assert_eq!(kinds(&events), ["start", "text-start", "text-delta", "text-end", "data-parlor-handover", "finish", "[DONE]"]);
        assert_eq!(text(&events), parlor_domain::assistant::WAITING_TEXT);
        assert_eq!(events[4].chunk, json!({"type": "data-parlor-handover", "data": {"handled_by": "human"}, "transient": true}));
        assert_eq!(events[5].chunk, json!({"type": "finish", "finishReason": "stop", "messageMetadata": {"seq": history[1]["seq"], "fallback": true}}));
        assert_eq!(history[1]["metadata"]["fallback"], true);
        let agent = agent(&app).await;
        assert_eq!(place.handled_by(&app, &agent).await, "queue");
    }
}

/// On one database, since it takes its time.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_is_kept_open_by_comments() {
    let talk = Talk::start(Database::Sqlite).await;
    let gate = Gate::new();
    talk.model.then(Reply::stream().gate(&gate).text("At last.").finish("stop").done());
    let place = place(&talk.app).await;
    let mut events = place.ask(&talk.app, "Slowly", "1").await;
    assert_eq!(events.next().await.unwrap().kind(), "start");
    let comment = tokio::time::timeout(PATIENCE, events.response.chunk()).await.unwrap().unwrap().unwrap();
    assert_eq!(&comment[..], b": hb\n\n");
    gate.open();
    let rest = events.rest().await;
    assert_eq!((text(&rest).as_str(), rest.last().unwrap().kind()), ("At last.", "[DONE]"));
}
