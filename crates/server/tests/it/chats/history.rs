//! STEP 3: the history.

use super::{NOBODY, far_owner, new_session, text};
use parlor_domain::agent::Role;
use serde_json::{Value, json};

on_both! {
    async fn the_history_is_that_of_the_whole_conversation(app: TestApp) {
        let visitor = app.visitor().await;
        let session = new_session(&app, &visitor).await;
        let room = text(&session["conversation_id"]);
        let path = format!("/api/chats/messages/?session_id={}&visitor_id={visitor}", text(&session["id"]));
        let empty = app.get(&path).send().await.expect(200);
        assert_eq!(empty, json!({"success": true, "data": {"results": [], "next": null, "head_seq": 0, "head_rev": 0}}));
        let (agent, _) = app.agent("ada@example.com", Role::Agent).await;
        let internal = app.conversation_id(&room).await;
        app.say(&room, "one").await;
        app.post(&format!("/api/admin/chat-rooms/{internal}/send_message/")).bearer(&agent).json(json!({"message": "a note", "private": true})).send().await.expect(201);
        for n in ["two", "three", "four", "five"] {
            app.say(&room, n).await;
        }
        let page = app.get(&path).send().await.expect(200)["data"].clone();
        let texts = |page: &Value| page["results"].as_array().unwrap().iter().map(|message| text(&message["text"])).collect::<Vec<_>>();
        assert_eq!(texts(&page), ["one", "two", "three", "four", "five"], "notes are for agents only");
        assert_eq!((&page["head_seq"], &page["head_rev"], &page["next"]), (&json!(5), &json!(5), &Value::Null));
        assert!(page["results"].as_array().unwrap().iter().all(|message| message["conversation_id"] == json!(room)));
        let read = async |query: &str| app.get(&format!("{path}&{query}")).send().await.expect(200)["data"].clone();
        assert_eq!(texts(&read("after_seq=3").await), ["four", "five"]);
        assert_eq!(texts(&read("before_seq=3").await), ["one", "two"]);
        assert_eq!(texts(&read("changed_after=4").await), ["five"]);
        let newest = read("limit=2").await;
        assert_eq!(texts(&newest), ["four", "five"]);
        let older = read(&format!("limit=2&cursor={}", text(&newest["next"]))).await;
        assert_eq!(texts(&older), ["two", "three"]);
        let seen = app.get(&format!("/api/chats/messages?session_id={}", text(&session["id"]))).bearer(&agent).send().await.expect(200)["data"].clone();
        assert_eq!(texts(&seen), ["one", "a note", "two", "three", "four", "five"]);
        assert!(seen["results"].as_array().unwrap().iter().all(|message| message["conversation_id"] == json!(internal)));
        for wrong in ["limit=0", "limit=101", "after_seq=-1", "after_seq=x", "after_seq=1&before_seq=3", "cursor=nonsense", "changed_after=99"] {
            app.get(&format!("{path}&{wrong}")).send().await.problem(400, "invalid_input");
        }
    }

    async fn a_history_is_shown_to_its_visitor_only(app: TestApp) {
        let visitor = app.visitor().await;
        let session = text(&new_session(&app, &visitor).await["id"]);
        let read = |query: String| app.get(&format!("/api/chats/messages/?{query}"));
        read(format!("session_id={session}&visitor_id={}", app.visitor().await)).send().await.problem(403, "visitor_mismatch");
        read(format!("session_id={session}")).send().await.problem(401, "unauthenticated");
        read(format!("session_id={session}&visitor_id={NOBODY}")).send().await.problem(404, "visitor_not_found");
        read(format!("session_id={NOBODY}&visitor_id={visitor}")).send().await.problem(404, "session_not_found");
        read(format!("session_id=x&visitor_id={visitor}")).send().await.problem(404, "session_not_found");
        let problem = read(format!("visitor_id={visitor}")).send().await.problem(400, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "session_id");
        read(format!("session_id={session}")).bearer(&far_owner(&app).await).send().await.problem(404, "session_not_found");
    }
}
