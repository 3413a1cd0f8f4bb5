//! The same without streaming.

use super::*;
use parlor_testkit::model_server::{Gate, Reply};

with_model! {
    async fn a_whole_answer_comes_with_its_question(talk: Talk) {
        talk.model.then(Reply::says("Three to five days."));
        let place = place(&talk.app).await;
        let answer = place.chat(&talk.app, "How long?", "w-1").await;
        let history = place.history(&talk.app).await;
        assert_eq!(answer["message"], history[1]);
        assert_eq!((&answer["user_message"]["id"], &answer["user_message"]["text"]), (&history[0]["id"], &history[0]["text"]));
        assert_eq!((&answer["handled_by"], &answer["truncated"]), (&json!("assistant"), &json!(false)));
        assert_eq!(place.chat(&talk.app, "How long?", "w-1").await["message"], answer["message"], "asked again it is the same");
        place.much_later(&talk.app).await;
        assert_eq!(place.chat(&talk.app, "How long?", "w-1").await["message"], answer["message"]);
        assert_eq!((place.said(&talk.app).await.len(), talk.model.requests().len()), (2, 1));
    }

    async fn where_a_person_answers_there_is_no_message(talk: Talk) {
        let place = place(&talk.app).await;
        let agent = agent(&talk.app).await;
        place.take_over(&talk.app, &agent).await;
        let answer = place.chat(&talk.app, "Hello?", "1").await;
        assert_eq!((&answer["message"], &answer["handled_by"], &answer["truncated"]), (&Value::Null, &json!("human"), &json!(false)));
        assert_eq!(answer["user_message"]["text"], "Hello?");
    }

    async fn an_answer_that_broke_off_is_marked(talk: Talk) {
        talk.model.then(Reply::stream().text("It begins").cut());
        let place = place(&talk.app).await;
        let answer = place.chat(&talk.app, "And?", "1").await;
        assert_eq!((&answer["message"]["text"], &answer["handled_by"], &answer["truncated"]), (&json!("It begins"), &json!("human"), &json!(true)));
    }

    async fn a_taken_over_answer_is_none(talk: Talk) {
        let gate = Gate::new();
        talk.model.then(Reply::stream().text("It begins").gate(&gate));
        let place = place(&talk.app).await;
        let agent = agent(&talk.app).await;
        let take_over = async {
            until("the model is asked", || async { talk.model.requests().len() == 1 }).await;
            place.take_over(&talk.app, &agent).await;
        };
        let (answer, ()) = tokio::join!(place.chat(&talk.app, "And?", "1"), take_over);
        assert_eq!((&answer["message"], &answer["handled_by"]), (&Value::Null, &json!("human")));
    }

    async fn when_the_server_stops_the_question_is_answered_without_an_answer(talk: Talk) {
        talk.model.then(Reply::stream().forever());
        let place = place(&talk.app).await;
        let call = talk.app.http.post(format!("{}{CHAT}", talk.app.url)).json(&place.question("Hello?", "1")).send();
        let (model, app) = (&talk.model, &mut talk.app);
        let stop = async {
            until("the model is asked", || async { model.requests().len() == 1 }).await;
            app.stop().await;
        };
        let (answer, ()) = tokio::join!(call, stop);
        let answer: Value = answer.unwrap().json().await.unwrap();
        assert_eq!((&answer["data"]["message"], &answer["data"]["user_message"]["text"]), (&Value::Null, &json!("Hello?")));
    }
}
