//! The assistant gives way to a person, or fails.

use super::*;
use parlor_testkit::model_server::Reply;

with_model! {
    async fn where_a_person_answers_the_model_stays_silent(talk: Talk) {
        let place = place(&talk.app).await;
        let agent = agent(&talk.app).await;
        place.take_over(&talk.app, &agent).await;
        let events = place.ask(&talk.app, "Hello?", "1").await.rest().await;
        let chunks: Vec<&Value> = events.iter().map(|event| &event.chunk).collect();
        // Without an id or facts of a message: a page would show an empty one.
        assert_eq!(
            chunks,
            [
                &json!({"type": "start"}),
                &json!({"type": "data-parlor-status", "data": {"handled_by": "human"}, "transient": true}),
                &json!({"type": "finish", "finishReason": "stop"}),
                &json!("[DONE]"),
            ]
        );
        assert!(events.iter().all(|event| event.id.is_none()), "there is nothing to come back to");
        assert_eq!(place.ask(&talk.app, "Hello?", "1").await.rest().await, events, "nor if it is asked again");
        assert_eq!(place.said(&talk.app).await, [("visitor".to_owned(), "Hello?".to_owned())]);
        assert_eq!(place.come_back(&talk.app, None).await.status(), 204);
        assert_eq!(talk.model.requests().len(), 0);
    }

    async fn a_person_who_takes_over_in_the_middle_has_the_last_word(talk: Talk) {
        talk.model.then(Reply::stream().text("The answer is").forever());
        let place = place(&talk.app).await;
        let agent = agent(&talk.app).await;
        let mut events = place.ask(&talk.app, "What is it?", "1").await;
        events.up_to("text-delta").await;
        place.take_over(&talk.app, &agent).await;
        let rest = events.rest().await;
        assert_eq!(kinds(&rest), ["text-end", "data-parlor-handover", "abort", "[DONE]"]);
        assert_eq!(rest[1].chunk, json!({"type": "data-parlor-handover", "data": {"handled_by": "human"}, "transient": true}));
        assert_eq!(rest[2].chunk, json!({"type": "abort", "reason": "human_took_over"}));
        assert_eq!(place.said(&talk.app).await, [("visitor".to_owned(), "What is it?".to_owned())], "nothing of it is stored");
        assert!(talk.model.was_given_up(1).await);
        place.much_later(&talk.app).await;
        let again = place.ask(&talk.app, "What is it?", "1").await.rest().await;
        assert_eq!(kinds(&again), ["start", "data-parlor-status", "finish", "[DONE]"]);
    }

    async fn an_answer_that_breaks_off_is_kept_and_a_person_takes_over(talk: Talk) {
        talk.model.then(Reply::stream().text("The answer is").cut());
        let place = place(&talk.app).await;
        let agent = agent(&talk.app).await;
        let events = place.ask(&talk.app, "What is it?", "1").await.rest().await;
        let [.., end, error, done] = &events[..] else { panic!("{events:?}") };
        assert_eq!((end.kind(), done.kind()), ("text-end", "[DONE]"));
        assert_eq!(error.chunk, json!({"type": "error", "errorText": "The answer broke off. A person will take over."}));
        let history = place.history(&talk.app).await;
        assert_eq!((history[1]["text"].as_str(), &history[1]["metadata"]["truncated"]), (Some("The answer is"), &json!(true)));
        assert_eq!(place.handled_by(&talk.app, &agent).await, "queue");
        place.much_later(&talk.app).await;
        let again = place.ask(&talk.app, "What is it?", "1").await.rest().await;
        assert_eq!(kinds(&again), ["start", "text-start", "text-delta", "text-end", "finish", "[DONE]"]);
        assert_eq!(again[4].chunk["messageMetadata"], json!({"seq": history[1]["seq"], "truncated": true}));
    }

    async fn a_model_that_fails_at_once_is_stood_in_for(talk: Talk) {
        talk.model.always(Reply::error(400));
        let place = place(&talk.app).await;
        let agent = agent(&talk.app).await;
        let events = place.ask(&talk.app, "What is it?", "1").await.rest().await;
        assert_eq!(kinds(&events), ["start", "text-start", "text-delta", "text-end", "data-parlor-handover", "finish", "[DONE]"]);
        let history = place.history(&talk.app).await;
        assert_eq!(text(&events), parlor_domain::assistant::WAITING_TEXT);
        assert_eq!(events[5].chunk["messageMetadata"], json!({"seq": history[1]["seq"], "fallback": true}));
        assert_eq!(history[1]["metadata"]["fallback"], true);
        assert_eq!(place.handled_by(&talk.app, &agent).await, "queue");
    }
}
