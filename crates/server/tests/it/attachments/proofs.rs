//! Who may upload where (section 3 of the contract).

use super::*;
use parlor_domain::text::Name;
use std::time::Duration;

async fn post(app: &TestApp, token: Option<&str>, query: &str, form: Form) -> Answer {
    let call = app.post(&format!("{PATH}{query}")).raw(FORM, form.end());
    match token {
        Some(token) => call.bearer(token).send().await,
        None => call.send().await,
    }
}

on_both! {
    async fn whoever_may_write_may_upload(app: TestApp) {
        let (room, visitor) = app.room().await;
        let id = app.conversation_id(&room).await;
        let owner = app.agent("olga@example.com", Role::Owner).await.0;
        let agent = app.agent("ada@example.com", Role::Agent).await.0;
        let (writing, managing) = (api_key(&app, &owner, "write").await, api_key(&app, &owner, "admin").await);
        let (nadia, mia) = (customer("nadia"), seller("mia"));
        begin(&app, &nadia, "conv_1", "mia").await;
        for (who, token, named) in [
            ("the room's key", &room, &*room),
            ("the visitor's key", &visitor, &room),
            ("an agent", &agent, &id),
            ("an owner", &owner, &id),
            ("a key that may write", &writing, &id),
            ("a key that may all", &managing, &id),
            ("a verified customer", &nadia, "conv_1"),
            ("the seller", &mia, "conv_1"),
        ] {
            let taken = upload(&app, token, named, "note.txt", who.as_bytes()).await;
            assert_eq!(taken.status, 201, "{who}: {}", taken.text);
            let (status, _, bytes) = fetch(&app, &taken.body["url"]).await;
            assert_eq!((status, bytes.as_slice()), (200, who.as_bytes()));
        }
        assert_eq!(rows(&app).await.len(), 8);
    }

    async fn a_visitors_key_may_stand_in_the_form_or_the_query(app: TestApp) {
        let (room, visitor) = app.room().await;
        let (_, other) = app.room().await;
        let form = || Form::new().field("conversation_id", &room);
        post(&app, None, "", form().field("visitor_id", &visitor).file("a.txt", b"one")).await.expect(201);
        post(&app, None, "", Form::new().file("a.txt", b"one").field("visitor_id", &visitor).field("conversation_id", &room)).await.expect(201);
        post(&app, None, &format!("?visitor_id={visitor}"), form().file("a.txt", b"one")).await.expect(201);
        let both = format!("?visitor_id={visitor}&conversation_id={room}");
        post(&app, None, &both, Form::new().file("a.txt", b"one")).await.expect(201);
        assert_eq!(rows(&app).await.len(), 4);
        for wrong in [NOBODY, "nonsense"] {
            post(&app, None, "", form().field("visitor_id", wrong).file("a.txt", b"one")).await.problem(404, "visitor_not_found");
            post(&app, None, &format!("?visitor_id={wrong}"), form().file("a.txt", b"one")).await.problem(404, "visitor_not_found");
        }
        post(&app, None, "", form().field("visitor_id", &other).file("a.txt", b"one")).await.problem(404, "not_found");
        post(&app, None, "", form().field("visitor_id", " ").file("a.txt", b"one")).await.problem(401, "unauthenticated");
        let after = form().file("a.txt", b"one").field("visitor_id", &visitor);
        assert_eq!(post(&app, None, "", after).await.status, 401, "what belongs to nobody is not written to disk");
        assert_eq!((rows(&app).await.len(), files_in(&folder(&app)).len()), (4, 4));
    }

    async fn who_may_not_write_there_leaves_nothing(app: TestApp) {
        let (room, visitor) = app.room().await;
        let (other_room, other_visitor) = app.room().await;
        let id = app.conversation_id(&room).await;
        let owner = app.agent("olga@example.com", Role::Owner).await.0;
        let agent = app.agent("ada@example.com", Role::Agent).await.0;
        let elsewhere = app.state().workspaces.create(Name::parse("Elsewhere").unwrap()).await.unwrap().0.id;
        let foreigner = app.agent_in(elsewhere, "far@example.com", Role::Owner).await.0;
        let (reading, foreign_key) = (api_key(&app, &owner, "read").await, api_key(&app, &foreigner, "write").await);
        let (nadia, mia) = (customer("nadia"), seller("mia"));
        begin(&app, &nadia, "conv_1", "mia").await;
        let (not_found, unauthenticated) = ((404, "not_found"), (401, "unauthenticated"));
        for (who, token, named, (status, code)) in [
            ("nonsense", "nonsense", &*room, unauthenticated),
            ("a key of nobody", NOBODY, &room, unauthenticated),
            ("an API key of nobody", "parlor_0123456789", &id, unauthenticated),
            ("a key that may read", &reading, &id, (403, "forbidden")),
            ("another visitor", &other_visitor, &room, not_found),
            ("another room's key", &other_room, &room, not_found),
            ("a room that is not there", &visitor, NOBODY, not_found),
            ("no id at all", &visitor, "nonsense", not_found),
            ("an agent with a room's key", &agent, &room, not_found),
            ("another workspace's agent", &foreigner, &id, not_found),
            ("another workspace's machine", &foreign_key, &id, not_found),
            ("a seller in a room", &mia, &id, not_found),
            ("another seller", &seller("sol"), "conv_1", not_found),
            ("another customer", &customer("bob"), "conv_1", not_found),
            ("another workspace's owner", &foreigner, "conv_1", not_found),
            ("a visitor in a conversation of others", &visitor, "conv_1", not_found),
            ("a customer in another's room", &nadia, &room, not_found),
        ] {
            let refused = upload(&app, token, named, "note.txt", b"one").await;
            assert_eq!((refused.status, refused.body["code"].as_str()), (status, Some(code)), "{who}: {}", refused.text);
            let queried = post(&app, Some(token), &format!("?conversation_id={named}"), Form::new().file("note.txt", b"one")).await;
            assert_eq!(queried.status, status, "{who}");
            let late = post(&app, Some(token), "", Form::new().file("note.txt", b"one").field("conversation_id", named)).await;
            assert_eq!(late.status, status, "{who}");
        }
        let nothing = post(&app, None, "", Form::new().field("conversation_id", &room).file("note.txt", b"one")).await;
        nothing.problem(401, "unauthenticated");
        let form = Form::new().field("conversation_id", &room).file("note.txt", b"one").end();
        let basic = app.post(PATH).header("authorization", "Basic bmFkaWE6eA==").raw(FORM, form).send().await;
        assert_eq!(basic.status, 401);
        nothing_is_kept(&app).await;
    }

    async fn a_login_that_ended_uploads_nothing(app: TestApp) {
        let (room, _) = app.room().await;
        let id = app.conversation_id(&room).await;
        let agent = app.agent("ada@example.com", Role::Agent).await.0;
        upload(&app, &agent, &id, "note.txt", b"one").await.expect(201);
        app.clock.advance(Duration::from_secs(16 * 60));
        upload(&app, &agent, &id, "note.txt", b"one").await.problem(401, "unauthenticated");
        assert_eq!(rows(&app).await.len(), 1);
    }

    async fn a_deleted_conversation_takes_no_files(app: TestApp) {
        let (room, visitor) = app.room().await;
        app.say(&room, "Hello").await;
        let id = app.conversation_id(&room).await;
        let owner = app.agent("olga@example.com", Role::Owner).await.0;
        app.delete(&format!("/api/admin/chat-rooms/{id}/")).bearer(&owner).send().await.expect(204);
        upload(&app, &visitor, &room, "note.txt", b"one").await.problem(404, "not_found");
        upload(&app, &owner, &id, "note.txt", b"one").await.problem(404, "not_found");
        upload(&app, &room, &room, "note.txt", b"one").await.problem(401, "unauthenticated");
        nothing_is_kept(&app).await;
    }
}
