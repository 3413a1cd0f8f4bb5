//! Questions: what is refused before anything is stored, what counts as the same question, and the two bodies.

use super::*;
use crate::stored;
use parlor_testkit::model_server::{Gate, Reply};

with_model! {
    async fn the_same_question_again_is_the_same_answer(talk: Talk) {
        let gate = Gate::new();
        talk.model.then(Reply::stream().text("Once").gate(&gate).text(" only.").finish("stop").done());
        let place = place(&talk.app).await;
        let mut first = place.ask(&talk.app, "Again?", "w-1").await;
        let mut seen = first.up_to("text-delta").await;
        let mut second = place.ask(&talk.app, "Again?", "w-1").await;
        assert_eq!(second.up_to("text-delta").await, seen, "a running answer is followed from its start");
        gate.open();
        seen.extend(first.rest().await);
        assert_eq!(text(&seen), "Once only.");
        assert_eq!(second.rest().await.last().unwrap().kind(), "[DONE]");
        place.much_later(&talk.app).await;
        let replayed = place.ask(&talk.app, "Again?", "w-1").await.rest().await;
        assert_eq!(kinds(&replayed), ["start", "text-start", "text-delta", "text-end", "finish", "[DONE]"]);
        numbered(&replayed, &word(&seen[0].chunk["messageId"]), 0);
        assert_eq!((&replayed[0], text(&replayed).as_str()), (&seen[0], "Once only."));
        assert_eq!((place.said(&talk.app).await.len(), talk.model.requests().len()), (2, 1));
    }

    async fn the_same_question_four_times_at_once_is_one(talk: Talk) {
        talk.model.always(Reply::stream().wait(Duration::from_millis(200)).text("One answer.").finish("stop").done());
        let place = place(&talk.app).await;
        let one = || async { place.ask(&talk.app, "One?", "w-1").await.rest().await };
        let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
        assert_eq!(text(&a), "One answer.");
        assert!([&b, &c, &d].iter().all(|other| other[0] == a[0] && text(other) == text(&a)));
        assert_eq!((place.said(&talk.app).await.len(), talk.model.requests().len()), (2, 1));
    }

    async fn the_body_of_the_ai_sdk_is_understood(talk: Talk) {
        let place = place(&talk.app).await;
        let long = "m".repeat(200);
        let body = |id: &str, text: &str| json!({
            "id": place.session, "trigger": "submit-message", "messageId": null,
            "messages": [
                {"id": "m0", "role": "user", "parts": [{"type": "text", "text": "What a page says of the past is not believed"}]},
                {"id": "a0", "role": "assistant", "metadata": {"seq": 1}, "parts": [{"type": "step-start"}, {"type": "text", "text": "Never said", "state": "done"}]},
                {"id": id, "role": "user", "parts": [{"type": "file", "mediaType": "image/png", "url": "data:,"}, {"type": "text", "text": text}]},
            ],
        });
        for (id, question) in [("m1", "How do refunds work?"), (long.as_str(), "And exchanges?")] {
            for slash in ["", "/"] {
                let request = talk.app.http.post(format!("{}{}{slash}", talk.app.url, STREAM.trim_end_matches('/')));
                let response = request.bearer_auth(&place.key).json(&body(id, question)).send().await.unwrap();
                assert_eq!(text(&Events::of(response).rest().await), "Hello from the model.");
            }
        }
        let history = place.history(&talk.app).await;
        let texts: Vec<_> = history.iter().map(|message| message["text"].as_str().unwrap()).collect();
        assert_eq!(texts, ["How do refunds work?", "Hello from the model.", "And exchanges?", "Hello from the model."]);
        assert_eq!(history[0]["client_id"], "m1");
        assert_eq!(history[2]["client_id"].as_str().unwrap().len(), 64);
        assert_eq!(talk.model.requests().len(), 2);
        for wrong in [json!({"id": place.session, "messages": []}), json!({"id": place.session, "messages": [{"role": "assistant", "parts": []}]})] {
            let problem = talk.app.post(STREAM).bearer(&place.key).json(wrong).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], "messages");
        }
    }

    async fn the_header_is_a_client_id_too(talk: Talk) {
        let place = place(&talk.app).await;
        let body = json!({"message": "Hello?", "session_id": place.session});
        for _ in 0..2 {
            let answer = talk.app.post(STREAM).bearer(&place.key).header("idempotency-key", "k-1").json(body.clone()).send().await;
            assert!(answer.text.contains("[DONE]"), "{}", answer.text);
        }
        let history = place.history(&talk.app).await;
        assert_eq!((history.len(), history[0]["client_id"].as_str()), (2, Some("k-1")));
    }

    async fn what_is_refused_is_refused_before_anything_is_stored(talk: Talk) {
        let app = &talk.app;
        let (place, other) = (place(app).await, super::place(app).await);
        let ended = super::place(app).await;
        app.post(&format!("/api/chats/sessions/{}/end/", ended.session)).bearer(&ended.key).send().await.expect(200);
        let agent = agent(app).await;
        place.chat(app, "Hello?", "taken").await;
        let before = stored::all(app).await;
        let unknown = "018f6a3e-5b1c-7000-8000-000000000077";
        for path in [STREAM, CHAT] {
            let send = |body: Value| app.post(path).json(body).send();
            let with = |field: &str, value: Value| {
                let mut body = place.question("Hello?", "w-1");
                body[field] = value;
                body
            };
            send(json!({"message": "Hello?", "session_id": place.session})).await.problem(401, "unauthenticated");
            app.post(path).bearer(&agent).json(json!({"message": "Hello?", "session_id": place.session})).send().await.problem(403, "forbidden");
            send(with("visitor_id", json!(other.key))).await.problem(403, "visitor_mismatch");
            send(with("visitor_id", json!(unknown))).await.problem(404, "visitor_not_found");
            send(with("session_id", json!(unknown))).await.problem(404, "session_not_found");
            send(with("session_id", json!("nonsense"))).await.problem(404, "session_not_found");
            send(ended.question("Hello?", "w-1")).await.problem(409, "session_ended");
            send(place.question("Something else", "taken")).await.problem(409, "conflict");
            for (field, value) in [("message", json!(" ")), ("message", json!("x".repeat(10_001))), ("message", Value::Null), ("client_id", json!("x".repeat(65))), ("session_id", Value::Null)] {
                let problem = send(with(field, value)).await.problem(400, "invalid_input");
                assert_eq!(problem["errors"][0]["field"], field);
            }
            app.post(path).raw("text/plain", "Hello?").send().await.problem(415, "unsupported_media_type");
            app.post(path).raw("application/json", vec![b' '; 1024 * 1024 + 1]).send().await.problem(413, "too_large");
        }
        assert_eq!(stored::differences(&before, &stored::all(app).await), Vec::<String>::new());
        assert_eq!(talk.model.requests().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_of_a_visitor_are_limited() {
    let talk = Talk::start_with(Database::Sqlite, &["--limit-questions=1/2"]).await;
    let (place, other) = (place(&talk.app).await, super::place(&talk.app).await);
    for client_id in ["1", "2"] {
        place.ask(&talk.app, "Hello?", client_id).await.rest().await;
    }
    for path in [STREAM, CHAT] {
        let refused = talk.app.post(path).json(place.question("Hello?", "3")).send().await;
        let seconds: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds));
        refused.problem(429, "rate_limited");
    }
    assert_eq!(place.said(&talk.app).await.len(), 4);
    other.ask(&talk.app, "Hello?", "1").await.rest().await;
}

with_model! {
    async fn what_was_asked_before_the_session_ended_is_answered_still(talk: Talk) {
        let place = place(&talk.app).await;
        place.chat(&talk.app, "How do refunds work?", "1").await;
        talk.app.post(&format!("/api/chats/sessions/{}/end/", place.session)).bearer(&place.key).send().await.expect(200);
        let again = place.chat(&talk.app, "How do refunds work?", "1").await;
        assert_eq!(again["message"]["text"], "Hello from the model.");
        for (text, client_id, code) in [("Other words", "1", "conflict"), ("How do refunds work?", "2", "session_ended")] {
            talk.app.post(CHAT).json(place.question(text, client_id)).send().await.problem(409, code);
        }
        assert_eq!((place.history(&talk.app).await.len(), talk.model.requests().len()), (2, 1));
    }

    async fn fields_of_the_other_shape_are_not_looked_at(talk: Talk) {
        let place = place(&talk.app).await;
        let mut plain = place.question("One?", "1");
        plain["id"] = json!(5);
        plain["messages"] = json!([{"content": "x"}, ["user", "positional"]]);
        talk.app.post(CHAT).json(plain).send().await.expect(200);
        let parts = json!([{"type": "text", "text": "Two?"}, {"type": "tool-x", "text": {"deep": true}}]);
        let page = json!({"id": place.session, "visitor_id": place.key, "messages": [
            ["m0", "user", [["text", "positional"]]],
            {"id": "m1", "role": "user", "parts": parts},
            {"id": 7, "role": "assistant", "parts": "anything"}]});
        talk.app.post(CHAT).json(page).send().await.expect(200);
        let said: Vec<_> = place.said(&talk.app).await.into_iter().filter(|(kind, _)| kind == "visitor").map(|(_, text)| text).collect();
        assert_eq!(said, ["One?", "Two?"]);
    }

    async fn a_key_that_cannot_be_read_is_refused(talk: Talk) {
        let place = place(&talk.app).await;
        let question = json!({"message": "Hello?", "session_id": place.session, "visitor_id": place.key});
        let request = talk.app.http.post(format!("{}{CHAT}", talk.app.url)).header("idempotency-key", "\u{e9}1").json(&question);
        assert_eq!(request.send().await.unwrap().status(), 400);
        let message = json!({"message": "Hello?"});
        let room = format!("{}/api/public/chat-rooms/{}/send_message/", talk.app.url, place.room);
        let request = talk.app.http.post(room).header("idempotency-key", "\u{e9}1").json(&message);
        assert_eq!(request.send().await.unwrap().status(), 400);
        assert!(place.history(&talk.app).await.is_empty());
    }

    async fn the_use_of_a_session_is_noted(talk: Talk) {
        let place = place(&talk.app).await;
        let path = format!("/api/chats/sessions/{}/", place.session);
        let session = async || talk.app.get(&path).bearer(&place.key).send().await.expect(200)["data"].clone();
        place.chat(&talk.app, "One?", "1").await;
        let first = session().await;
        assert_eq!(first["last_active_at"], first["created_at"], "not at every question");
        talk.app.clock.advance(Duration::from_secs(61));
        place.chat(&talk.app, "Two?", "2").await;
        assert_ne!(session().await["last_active_at"], first["created_at"]);
    }
}
