//! Readers that come back to an answer.

use super::*;
use parlor_testkit::model_server::{Gate, Reply};

with_model! {
    async fn a_running_answer_is_followed_from_its_start_or_from_where_the_reader_was(talk: Talk) {
        let gate = Gate::new();
        talk.model.then(Reply::stream().text("One,").gate(&gate).text(" two.").finish("stop").done());
        let place = place(&talk.app).await;
        let mut first = place.ask(&talk.app, "Count", "1").await;
        let seen = first.up_to("text-delta").await;
        let last = seen.last().unwrap().id.clone().unwrap();
        let (answer, _) = last.split_once(':').unwrap();
        let path = format!("{STREAM}{}/stream", place.session);
        let request = talk.app.http.get(format!("{}{path}?visitor_id={}", talk.app.url, place.key));
        let of_sdk = Events::of(request.send().await.unwrap());
        let whole = Events::of(place.come_back(&talk.app, None).await);
        let rest = Events::of(place.come_back(&talk.app, Some(&last)).await);
        let strange = [format!("{answer}:99"), format!("{}:1", place.session), "nonsense".to_owned(), format!("{answer}:-1")];
        let mut others = Vec::new();
        for last in &strange {
            others.push(Events::of(place.come_back(&talk.app, Some(last)).await));
        }
        gate.open();
        let first = first.rest().await;
        let rest = rest.rest().await;
        assert_eq!(rest, first, "only what follows");
        numbered(&rest, answer, seen.len());
        let everything = [seen, first].concat();
        assert_eq!(whole.rest().await, everything);
        assert_eq!(of_sdk.rest().await, everything);
        for other in others {
            assert_eq!(other.rest().await, everything, "a number that is none of its own means from the start");
        }
        assert_eq!(talk.model.requests().len(), 1);

        let end = everything[everything.len() - 2].id.clone().unwrap();
        let after = Events::of(place.come_back(&talk.app, Some(&end)).await).rest().await;
        assert_eq!(kinds(&after), ["[DONE]"], "also just after the end");
        assert_eq!(Events::of(place.come_back(&talk.app, None).await).rest().await, everything);
        place.much_later(&talk.app).await;
        assert_eq!(place.come_back(&talk.app, None).await.status(), 204, "a minute later it is in the history");
    }

    async fn where_nothing_is_written_there_is_nothing_to_come_back_to(talk: Talk) {
        let (place, other) = (place(&talk.app).await, super::place(&talk.app).await);
        for path in [format!("{CHAT}{}/stream/", place.session), format!("{STREAM}{}/stream/", place.session)] {
            let nothing = talk.app.get(&path).bearer(&place.key).send().await;
            assert_eq!((nothing.status, nothing.text.as_str()), (204, ""));
            talk.app.get(&path).send().await.problem(401, "unauthenticated");
            talk.app.get(&path).bearer(&other.key).send().await.problem(403, "visitor_mismatch");
            talk.app.get(&path.replace(&place.session, "nonsense")).bearer(&place.key).send().await.problem(404, "session_not_found");
        }
        let stop = format!("{CHAT}{}/stop/", place.session);
        talk.app.post(&stop).send().await.problem(401, "unauthenticated");
        talk.app.post(&stop).json(json!({"visitor_id": other.key})).send().await.problem(403, "visitor_mismatch");
        talk.app.post(&stop).json(json!({"visitor_id": place.key})).send().await.expect(200);
    }

    async fn on_another_node_the_answer_comes_when_it_is_stored(talk: Talk) {
        let gate = Gate::new();
        talk.model.then(Reply::stream().text("One,").gate(&gate).text(" two.").finish("stop").done());
        let place = place(&talk.app).await;
        let mut here = place.ask(&talk.app, "Count", "1").await;
        here.up_to("text-delta").await;
        let node = talk.app.second_node().await;
        let request = talk.app.http.get(format!("{}{CHAT}{}/stream/", node.url, place.session)).bearer_auth(&place.key);
        let mut there = Events::of(request.send().await.unwrap());
        assert!(there.is_silent().await);
        gate.open();
        let (here, there) = (here.rest().await, there.rest().await);
        assert_eq!(kinds(&there), ["start", "text-start", "text-delta", "text-end", "finish", "[DONE]"]);
        assert_eq!(text(&there), "One, two.");
        assert_eq!(here[here.len() - 2].chunk, there[there.len() - 2].chunk);
        assert_eq!(talk.model.requests().len(), 1);
    }

    async fn pages_of_other_sites_may_come_back(talk: Talk) {
        let preflight = talk.app.call(reqwest::Method::OPTIONS, &format!("{CHAT}x/stream/"))
            .header("origin", "http://localhost:3000")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "last-event-id,authorization")
            .send()
            .await;
        assert_eq!(preflight.status, 200, "{}", preflight.text);
        assert!(preflight.header("access-control-allow-headers").to_lowercase().contains("last-event-id"));
    }
}
