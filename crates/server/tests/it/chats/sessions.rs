//! STEP 2: sessions.

use super::{NOBODY, SESSIONS, far_owner, is_time, keys, new_session, stored, text};
use crate::app::host_token;
use parlor_domain::agent::Role;
use serde_json::{Value, json};
use std::time::Duration;

on_both! {
    async fn step_2_needs_step_1(app: TestApp) {
        for body in [json!({}), json!({"visitor_id": null}), json!({"visitor_id": ""}), json!({"metadata": {}})] {
            let problem = app.post(SESSIONS).json(body).send().await.problem(400, "visitor_required");
            let detail = text(&problem["detail"]);
            assert!(detail.contains("STEP 1") && detail.contains("/api/chats/visitors/"), "{detail}");
        }
        app.post("/api/chats/sessions").send().await.problem(400, "visitor_required");
        for unknown in [NOBODY, "nonsense", "1"] {
            app.post(SESSIONS).json(json!({"visitor_id": unknown})).send().await.problem(404, "visitor_not_found");
        }
        app.post(SESSIONS).bearer(NOBODY).json(json!({})).send().await.problem(401, "unauthenticated");
        let (agent, _) = app.agent("ada@example.com", Role::Agent).await;
        app.post(SESSIONS).bearer(&agent).json(json!({})).send().await.problem(403, "forbidden");
    }

    async fn step_2_makes_a_session_and_its_conversation(app: TestApp) {
        let visitor = app.visitor().await;
        let answer = app.post(SESSIONS).json(json!({"visitor_id": visitor, "metadata": {"page": "/"}, "title": "ignored"})).send().await.expect(201);
        assert_eq!(answer["success"], true);
        let session = &answer["data"];
        assert_eq!(keys(session), ["conversation_id", "created_at", "ended_at", "id", "last_active_at", "status", "visitor_id"]);
        assert_eq!((&session["visitor_id"], &session["status"], &session["ended_at"]), (&json!(visitor), &json!("active"), &Value::Null));
        assert!(is_time(&session["created_at"]) && is_time(&session["last_active_at"]));
        let room = text(&session["conversation_id"]);
        assert_ne!(app.conversation_id(&room).await, room, "the customer's side knows the room key");
        app.get(&format!("/api/public/chat-rooms/{room}/")).send().await.expect(200);
        let by_bearer = app.post("/api/chats/sessions").bearer(&visitor).json(json!({})).send().await.expect(201);
        assert_eq!(by_bearer["data"]["visitor_id"], json!(visitor));
        assert_ne!(by_bearer["data"]["conversation_id"], json!(room), "without conversation_id a new one begins");
        let customer = app.post(SESSIONS).bearer(&host_token(json!({"sub": "user-17"}))).json(json!({})).send().await.expect(201);
        assert_eq!(customer["data"]["visitor_id"], Value::Null, "a customer without a key has no key to be told");
    }

    async fn a_conversation_goes_on_in_a_new_session(app: TestApp) {
        let visitor = app.visitor().await;
        let first = new_session(&app, &visitor).await;
        let room = text(&first["conversation_id"]);
        app.say(&room, "Hello").await;
        let second = app.post(SESSIONS).json(json!({"visitor_id": visitor, "conversation_id": room})).send().await.expect(201)["data"].clone();
        assert_eq!(second["conversation_id"], json!(room));
        assert_ne!(second["id"], first["id"]);
        let history = app.get(&format!("/api/chats/messages/?session_id={}&visitor_id={visitor}", text(&second["id"]))).send().await.expect(200);
        assert_eq!(history["data"]["results"][0]["text"], "Hello");
        let other = app.visitor().await;
        for conversation in [&room, NOBODY, "nonsense", &app.conversation_id(&room).await] {
            let body = json!({"visitor_id": other, "conversation_id": conversation});
            app.post(SESSIONS).json(body).send().await.problem(404, "not_found");
        }
        let from_room = app.room().await;
        let body = json!({"visitor_id": from_room.1, "conversation_id": from_room.0});
        assert_eq!(app.post(SESSIONS).json(body).send().await.expect(201)["data"]["conversation_id"], json!(from_room.0), "whichever door it began by");
    }

    async fn sessions_are_seen_by_their_visitor_and_by_agents(app: TestApp) {
        let visitor = app.visitor().await;
        let session = new_session(&app, &visitor).await;
        let path = format!("{SESSIONS}{}/", text(&session["id"]));
        for call in [app.get(&format!("{path}?visitor_id={visitor}")), app.get(&path).bearer(&visitor), app.get(path.trim_end_matches('/')).bearer(&visitor)] {
            assert_eq!(call.send().await.expect(200)["data"], session);
        }
        app.get(&path).send().await.problem(401, "unauthenticated");
        app.get(&path).bearer(NOBODY).send().await.problem(401, "unauthenticated");
        app.get(&format!("{path}?visitor_id={NOBODY}")).send().await.problem(404, "visitor_not_found");
        let other = app.visitor().await;
        app.get(&format!("{path}?visitor_id={other}")).send().await.problem(403, "visitor_mismatch");
        for unknown in [NOBODY, "nonsense"] {
            app.get(&format!("{SESSIONS}{unknown}/?visitor_id={visitor}")).send().await.problem(404, "session_not_found");
        }
        let (agent, _) = app.agent("ada@example.com", Role::Agent).await;
        let seen = app.get(&path).bearer(&agent).send().await.expect(200)["data"].clone();
        assert_eq!(seen["visitor_id"], json!(stored(&app, &visitor).await.id.to_string()));
        assert_eq!(seen["conversation_id"], json!(app.conversation_id(&text(&session["conversation_id"])).await));
        let far = far_owner(&app).await;
        app.get(&path).bearer(&far).send().await.problem(404, "session_not_found");
        app.post(&format!("{path}end/")).bearer(&far).send().await.problem(404, "session_not_found");
    }

    async fn sessions_are_listed_newest_first(app: TestApp) {
        let visitor = app.visitor().await;
        let mut made = Vec::new();
        for _ in 0..5 {
            app.clock.advance(Duration::from_millis(5));
            made.push(text(&new_session(&app, &visitor).await["id"]));
        }
        made.reverse();
        new_session(&app, &app.visitor().await).await;
        let ids = |page: &Value| page["data"]["results"].as_array().unwrap().iter().map(|row| text(&row["id"])).collect::<Vec<_>>();
        let mut paged = Vec::new();
        let mut query = format!("?visitor_id={visitor}&limit=2");
        loop {
            let page = app.get(&format!("{SESSIONS}{query}")).send().await.expect(200);
            assert!(page["data"]["results"].as_array().unwrap().iter().all(|row| row["visitor_id"] == json!(visitor) && row["conversation_id"].is_string()));
            paged.extend(ids(&page));
            let Some(next) = page["data"]["next"].as_str() else { break };
            query = format!("?visitor_id={visitor}&limit=2&cursor={next}");
        }
        assert_eq!(paged, made);
        assert_eq!(ids(&app.get("/api/chats/sessions").bearer(&visitor).send().await.expect(200)), made);
        let (agent, _) = app.agent("ada@example.com", Role::Agent).await;
        let internal = stored(&app, &visitor).await.id;
        let seen = app.get(&format!("{SESSIONS}?visitor_id={internal}")).bearer(&agent).send().await.expect(200);
        assert_eq!(ids(&seen), made);
        assert_eq!(seen["data"]["results"][0]["visitor_id"], json!(internal.to_string()));
        let problem = app.get(SESSIONS).bearer(&agent).send().await.problem(400, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "visitor_id");
        app.get(&format!("{SESSIONS}?visitor_id={visitor}")).bearer(&agent).send().await.problem(404, "visitor_not_found");
        app.get(&format!("{SESSIONS}?visitor_id={internal}")).bearer(&far_owner(&app).await).send().await.problem(404, "visitor_not_found");
        app.get(SESSIONS).send().await.problem(401, "unauthenticated");
        app.get(&format!("{SESSIONS}?visitor_id={internal}")).send().await.problem(404, "visitor_not_found");
        app.get(&format!("{SESSIONS}?visitor_id={visitor}&limit=0")).send().await.problem(400, "invalid_input");
    }

    async fn an_ended_session_leaves_the_conversation_alone(app: TestApp) {
        let visitor = app.visitor().await;
        let (agent, _) = app.agent("ada@example.com", Role::Agent).await;
        let end = |session: &Value, tail: &str| format!("{SESSIONS}{}/end{tail}", text(&session["id"]));
        let first = new_session(&app, &visitor).await;
        let ended = app.post(&end(&first, "/")).json(json!({"visitor_id": visitor})).send().await.expect(200)["data"].clone();
        assert_eq!((&ended["status"], &ended["visitor_id"]), (&json!("ended"), &json!(visitor)));
        assert!(is_time(&ended["ended_at"]));
        app.clock.advance(Duration::from_secs(5));
        let again = app.post(&end(&first, &format!("/?visitor_id={visitor}"))).send().await.expect(200);
        assert_eq!(again["data"], ended, "a second time changes nothing");
        let other = new_session(&app, &visitor).await;
        assert_eq!(app.post(&end(&other, "")).bearer(&visitor).send().await.expect(200)["data"]["status"], "ended");
        let third = new_session(&app, &visitor).await;
        assert_eq!(app.post(&end(&third, "/")).bearer(&agent).json(json!({})).send().await.expect(200)["data"]["status"], "ended");
        app.say(&text(&first["conversation_id"]), "Still here").await;
        let room = app.get(&format!("/api/public/chat-rooms/{}/", text(&first["conversation_id"]))).send().await.expect(200);
        assert_eq!(room["status"], "open");
        let fourth = new_session(&app, &visitor).await;
        app.post(&end(&fourth, "/")).send().await.problem(401, "unauthenticated");
        app.post(&end(&fourth, "/")).json(json!({"visitor_id": app.visitor().await})).send().await.problem(403, "visitor_mismatch");
        app.post(&end(&fourth, "/")).json(json!({"visitor_id": NOBODY})).send().await.problem(404, "visitor_not_found");
        app.post(&format!("{SESSIONS}{NOBODY}/end/")).json(json!({"visitor_id": visitor})).send().await.problem(404, "session_not_found");
    }
}
