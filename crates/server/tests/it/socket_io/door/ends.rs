//! How connections end, and what is done before.

use super::{Client, begin, customer, seller};
use crate::app::{Database, TestApp, host_token};
use parlor_domain::agent::Role;
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

on_both! {
    async fn a_right_that_is_taken_away_ends_the_connection_for_good(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let (ada, _) = app.agent("ada@example.com", Role::Agent).await;
        let (sol, id) = app.agent("sol@example.com", Role::Seller).await;
        let (_, key) = app.room().await;
        let [mut ada_client, mut sol_client] = [Client::come(&app, &ada).await, Client::come(&app, &sol).await];
        let mut visitor = Client::come(&app, &key).await;
        Client::come(&app, &customer("nadia")).await;
        let start = Instant::now();
        let answer = app.call(Method::POST, "/api/admin/auth/logout/").bearer(&ada).json(json!({})).send().await;
        assert!(answer.status < 300, "{}", answer.text);
        let answer = app.delete(&format!("/api/admin/agents/{id}/")).bearer(&owner).send().await;
        assert!(answer.status < 300, "{}", answer.text);
        app.post(&format!("/api/chats/visitors/{key}/identify/")).json(json!({"token": customer("nadia")})).send().await.expect(200);
        for client in [&mut ada_client, &mut sol_client, &mut visitor] {
            assert_eq!(client.last_words().await.pop().as_deref(), Some("41"));
        }
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    async fn a_token_that_ran_out_ends_the_session_so_that_the_client_comes_back(app: TestApp) {
        let token = host_token(json!({"sub": "customer-nadia", "email": "nadia@example.com"}));
        let mut client = Client::come(&app, &token).await;
        app.clock.advance(Duration::from_secs(3_700));
        assert_eq!(client.last_words().await, Vec::<String>::new());
    }

    async fn what_was_said_before_leaving_is_stored(app: TestApp) {
        let token = customer("nadia");
        begin(&app, &token, "conv_1", "mia").await;
        let mut mia = Client::come(&app, &seller("mia")).await;
        let mut nadia = Client::come(&app, &token).await;
        for n in 1..=20 {
            nadia.emit("conversation:message", json!({"conversationId": "conv_1", "message": {"id": n, "text": "last words"}})).await;
        }
        nadia.frames.say("41").await;
        for n in 1..=20 {
            assert_eq!(mia.event("conversation:new-message").await["message"]["id"], n);
        }
    }

    async fn what_was_begun_is_finished_at_a_stop(app: TestApp) {
        let mut app = app;
        let token = customer("nadia");
        begin(&app, &token, "conv_1", "mia").await;
        let mut nadia = Client::come(&app, &token).await;
        let mut nobody = Client::open(&app).await;
        for n in 1..=20 {
            nadia.begin_asking("conversation:message", json!({"conversationId": "conv_1", "message": {"id": n, "text": "last words"}})).await;
        }
        // A ping is answered at once: by then all that stands before it was read.
        let mut before = Vec::new();
        nadia.frames.say("42100[\"ping\"]").await;
        loop {
            match nadia.packet().await {
                pong if pong.starts_with("43100[") => break,
                packet => before.push(packet),
            }
        }
        let start = Instant::now();
        app.stop().await;
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        before.extend(nadia.last_words().await);
        let done = |n: u64| before.iter().any(|packet| packet.starts_with(&format!("43{n}[{{\"ok\":true,")));
        assert!((1..=20).all(done), "{before:?}");
        nobody.last_words().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_of_too_many_gives_way_and_does_not_come_back() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-visitor-sockets=2"]).await;
    let token = customer("nadia");
    let mut oldest = Client::come(&app, &token).await;
    let mut others = [Client::come(&app, &token).await, Client::come(&app, &token).await];
    assert_eq!(oldest.last_words().await, ["41"]);
    for other in &mut others {
        other.done("ping", json!({})).await;
    }
}
