//! Who a visitor proves to be.

use super::{NOBODY, SESSIONS, VISITORS, first_workspace, new_session, stored, text};
use crate::app::{host_token, host_token_with};
use parlor_domain::agent::Role;
use parlor_domain::channel::{EditChannel, IdentityRule};
use serde_json::json;

on_both! {
    async fn key_and_token_together_prove_a_person(app: TestApp) {
        let key = app.visitor().await;
        let path = format!("{VISITORS}{key}/identify/");
        let token = host_token(json!({"sub": "user-17", "email": "Nadia@example.com", "name": "Nadia"}));
        let proven = app.post(&path).json(json!({"token": token})).send().await.expect(200)["data"].clone();
        assert_eq!((&proven["id"], &proven["verified"], &proven["email"]), (&json!(key), &json!(true), &json!("nadia@example.com")));
        let again = app.post(path.trim_end_matches('/')).json(json!({"token": token})).send().await.expect(200);
        assert_eq!(again["data"]["id"], json!(key), "a second time changes nothing");
        let edited = app.patch(&format!("{VISITORS}{key}/")).json(json!({"email": "other@example.com"})).send().await.expect(200);
        assert_eq!(edited["data"]["email"], "nadia@example.com", "a claim replaces no proof");
        let other = host_token(json!({"sub": "user-18"}));
        app.post(&path).json(json!({"token": other})).send().await.problem(409, "identity_conflict");
    }

    async fn a_second_device_joins_the_person_with_its_conversations(app: TestApp) {
        let token = host_token(json!({"sub": "user-17", "email": "nadia@example.com"}));
        let first = app.visitor().await;
        app.post(&format!("{VISITORS}{first}/identify/")).json(json!({"token": token})).send().await.expect(200);
        let (room, second) = app.room().await;
        let send = async || app.post(&format!("/api/public/chat-rooms/{room}/send_message/")).json(json!({"message": "Hello", "client_id": "m1"})).send().await;
        let sent = send().await.expect(201);
        let joined = app.post(&format!("{VISITORS}{second}/identify/")).json(json!({"token": token})).send().await.expect(200);
        let new = text(&joined["data"]["id"]);
        assert!(new != second && new != first);
        assert_eq!(stored(&app, &new).await.id, stored(&app, &first).await.id);
        app.get(&format!("{VISITORS}{second}/validate/")).send().await.problem(404, "visitor_not_found");
        for key in [&first, &new] {
            let rooms = app.get(&format!("/api/public/chat-rooms/?visitor_id={key}")).send().await.expect(200);
            assert_eq!(rooms["results"][0]["id"], json!(room));
        }
        let repeated = send().await.expect(200);
        assert_eq!(repeated["id"], sent["id"], "the author moved with the message, so a repeat still matches");
    }

    async fn what_proves_nothing_identifies_nobody(app: TestApp) {
        let key = app.visitor().await;
        let path = format!("{VISITORS}{key}/identify/");
        let claims = json!({"sub": "user-17"});
        let expired = host_token(json!({"sub": "user-17", "exp": 1_700_000_000}));
        let forged = host_token_with("another-secret-of-the-right-length-0000", claims.clone());
        let none = format!("eyJhbGciOiJub25lIn0.{}.", host_token(claims.clone()).split('.').nth(1).unwrap());
        let (staff, _) = app.agent("ada@example.com", Role::Owner).await;
        for token in [&expired, &forged, &none, &host_token(json!({"email": "nadia@example.com"})), &key, &"x".to_owned()] {
            app.post(&path).json(json!({"token": token})).send().await.problem(401, "unauthenticated");
        }
        // Who is known as somebody else does not become a customer.
        for token in [&staff, &host_token(json!({"sub": "seller-1", "role": "seller"}))] {
            app.post(&path).json(json!({"token": token})).send().await.problem(403, "forbidden");
        }
        assert_eq!(app.post(&path).json(json!({})).send().await.problem(400, "invalid_input")["errors"][0]["field"], "token");
        app.post(&format!("{VISITORS}{NOBODY}/identify/")).json(json!({"token": host_token(claims)})).send().await.problem(404, "visitor_not_found");
        assert!(!stored(&app, &key).await.is_verified());
    }

    async fn a_channel_may_demand_a_proven_identity(app: TestApp) {
        let visitor = app.visitor().await;
        let workspace = first_workspace(&app).await;
        let channel = app.state().channels.list(workspace).await.unwrap()[0].id;
        let edit = EditChannel { identity: Some(IdentityRule::Required), ..EditChannel::default() };
        app.state().channels.edit(workspace, channel, edit).await.unwrap();
        app.post(SESSIONS).json(json!({"visitor_id": visitor})).send().await.problem(403, "forbidden");
        app.post("/api/public/chat-rooms/").json(json!({})).send().await.problem(403, "forbidden");
        let token = host_token(json!({"sub": "user-17"}));
        app.post(&format!("{VISITORS}{visitor}/identify/")).json(json!({"token": token})).send().await.expect(200);
        new_session(&app, &visitor).await;
        app.post("/api/public/chat-rooms/").json(json!({"visitor_id": visitor})).send().await.expect(201);
    }
}
