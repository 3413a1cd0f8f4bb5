//! What ends a right is in force on this node with the next request, and on every other within five seconds, although it hears of nothing.

use crate::app::{SecondNode, TestApp, host_token};
use futures_util::{SinkExt, StreamExt};
use parlor_domain::agent::Role;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

const PASSWORD: &str = "correct horse battery";
const BELIEVED: Duration = Duration::from_secs(5);

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A credential on both nodes, asked for by a path that it opens.
struct Watched<'a> {
    app: &'a TestApp,
    other: SecondNode,
    path: String,
    token: String,
}

impl<'a> Watched<'a> {
    /// Both nodes have seen the credential, and believe in it.
    async fn new(app: &'a TestApp, path: &str, token: &str) -> Self {
        let watched = Self {
            app,
            other: app.second_node().await,
            path: path.to_owned(),
            token: token.to_owned(),
        };
        assert_eq!((watched.here().await, watched.there().await), (200, 200));
        watched
    }

    async fn ask(&self, url: &str) -> u16 {
        self.app
            .http
            .get(format!("{url}{}", self.path))
            .bearer_auth(&self.token)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    }

    async fn here(&self) -> u16 {
        self.ask(&self.app.url).await
    }

    async fn there(&self) -> u16 {
        self.ask(&self.other.url).await
    }

    async fn is_refused(&self, status: u16) {
        assert_eq!(self.here().await, status, "the next request on this node");
        self.app.clock.advance(BELIEVED);
        assert_eq!(self.there().await, status, "after five seconds on another node");
    }
}

async fn login(app: &TestApp, username: &str) -> (String, String) {
    let body = app
        .post("/api/admin/auth/login/")
        .json(json!({"username": username, "password": PASSWORD}))
        .send()
        .await
        .expect(200);
    (body["access"].as_str().unwrap().to_owned(), body["refresh"].as_str().unwrap().to_owned())
}

async fn done(app: &TestApp, method: Method, path: &str, token: &str, body: Value) {
    let call = app.call(method, path).bearer(token);
    let call = if body.is_null() { call } else { call.json(body) };
    let answer = call.send().await;
    assert!(answer.status < 300, "{path}: {}", answer.text);
}

const ME: &str = "/api/admin/auth/me/";

/// A socket, logged in by its first frame.
async fn socket(url: &str, token: &str) -> Socket {
    let url = url.replacen("http", "ws", 1);
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("{url}/ws")).await.unwrap();
    socket
        .send(Message::text(
            json!({"id": "1", "event": "session:hello", "data": {"token": token}}).to_string(),
        ))
        .await
        .unwrap();
    loop {
        let frame: Value = serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
        if frame["reply_to"] == "1" {
            assert_eq!(frame["ok"], true, "{frame}");
            return socket;
        }
    }
}

/// Waits for the close, and gives its code.
async fn close_code(socket: &mut Socket) -> u16 {
    let closed = async {
        while let Some(message) = socket.next().await {
            if let Ok(Message::Close(Some(frame))) = message {
                return frame.code.into();
            }
        }
        panic!("it was cut without a close frame");
    };
    tokio::time::timeout(Duration::from_secs(15), closed).await.expect("the socket is closed")
}

on_both! {
    async fn a_logout_ends_a_login(app: TestApp) {
        app.agent("omar@example.com", Role::Agent).await;
        let (access, _) = login(&app, "omar@example.com").await;
        let watched = Watched::new(&app, ME, &access).await;
        done(&app, Method::POST, "/api/admin/auth/logout/", &access, json!(null)).await;
        watched.is_refused(401).await;
    }

    async fn a_refresh_token_used_twice_ends_its_login(app: TestApp) {
        app.agent("omar@example.com", Role::Agent).await;
        let (access, refresh) = login(&app, "omar@example.com").await;
        let watched = Watched::new(&app, ME, &access).await;
        app.post("/api/admin/auth/refresh/").json(json!({"refresh": refresh})).send().await.expect(200);
        app.post("/api/admin/auth/refresh/").json(json!({"refresh": refresh})).send().await.problem(401, "unauthenticated");
        watched.is_refused(401).await;
    }

    async fn a_new_password_ends_the_other_logins(app: TestApp) {
        app.agent("omar@example.com", Role::Agent).await;
        let (access, _) = login(&app, "omar@example.com").await;
        let (stays, _) = login(&app, "omar@example.com").await;
        let watched = Watched::new(&app, ME, &access).await;
        done(&app, Method::POST, "/api/admin/auth/password/", &stays, json!({"old": PASSWORD, "new": "staple correct horse"})).await;
        watched.is_refused(401).await;
        let kept = Watched { token: stays, ..watched };
        assert_eq!((kept.here().await, kept.there().await), (200, 200), "the login that changed it goes on");
    }

    async fn a_deactivated_agent_is_out_with_all_its_logins(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let (access, id) = app.agent("omar@example.com", Role::Agent).await;
        let watched = Watched::new(&app, ME, &access).await;
        done(&app, Method::DELETE, &format!("/api/admin/agents/{id}/"), &owner, json!(null)).await;
        watched.is_refused(401).await;
    }

    async fn a_deactivated_agent_is_out_with_the_host_sites_token_too(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let (_, id) = app.agent("omar@example.com", Role::Agent).await;
        done(&app, Method::PATCH, &format!("/api/admin/agents/{id}/"), &owner, json!({"external_id": "staff-1"})).await;
        let watched = Watched::new(&app, ME, &host_token(json!({"sub": "staff-1"}))).await;
        done(&app, Method::DELETE, &format!("/api/admin/agents/{id}/"), &owner, json!(null)).await;
        watched.is_refused(401).await;
    }

    async fn a_deactivated_seller_is_out_of_the_marketplace(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let token = host_token(json!({"sub": "seller-1", "role": "seller", "email": "mia@example.com"}));
        let watched = Watched::new(&app, "/api/conversations/", &token).await;
        let id = app.get(ME).bearer(&token).send().await.expect(200)["id"].as_str().unwrap().to_owned();
        done(&app, Method::DELETE, &format!("/api/admin/agents/{id}/"), &owner, json!(null)).await;
        watched.is_refused(401).await;
    }

    async fn a_lower_role_is_in_force_for_tokens_that_were_given_before(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let (access, id) = app.agent("ada@example.com", Role::Admin).await;
        let watched = Watched::new(&app, &format!("/api/admin/agents/{id}/"), &access).await;
        done(&app, Method::PATCH, &format!("/api/admin/agents/{id}/"), &owner, json!({"role": "agent"})).await;
        watched.is_refused(403).await;
    }

    async fn a_revoked_api_key_opens_nothing(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let key = app.post("/api/admin/api-keys/").bearer(&owner).json(json!({"name": "Orders", "scope": "read"})).send().await.expect(201);
        let watched = Watched::new(&app, "/api/admin/chat-rooms/", key["secret"].as_str().unwrap()).await;
        let id = key["api_key"]["id"].as_str().unwrap().to_owned();
        done(&app, Method::DELETE, &format!("/api/admin/api-keys/{id}/"), &owner, json!(null)).await;
        watched.is_refused(401).await;
    }

    async fn the_key_of_a_visitor_that_became_another_opens_nothing(app: TestApp) {
        let token = host_token(json!({"sub": "user-17"}));
        let (first, second) = (app.visitor().await, app.visitor().await);
        app.post(&format!("/api/chats/visitors/{first}/identify/")).json(json!({"token": token})).send().await.expect(200);
        let watched = Watched::new(&app, "/api/chats/sessions/", &second).await;
        app.post(&format!("/api/chats/visitors/{second}/identify/")).json(json!({"token": token})).send().await.expect(200);
        watched.is_refused(401).await;
    }

    async fn a_deleted_room_is_gone_for_its_holder(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let (room, visitor) = app.room().await;
        app.say(&room, "Hello").await;
        let watched = Watched::new(&app, &format!("/api/public/chat-rooms/{room}/"), &visitor).await;
        done(&app, Method::DELETE, &format!("/api/admin/chat-rooms/{}/", app.conversation_id(&room).await), &owner, json!(null)).await;
        watched.is_refused(404).await;
    }

    async fn sockets_of_an_ended_login_are_closed_on_both_nodes(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let other = app.second_node().await;
        for end in ["logout", "password", "deactivation"] {
            let email = format!("{end}@example.com");
            let (_, id) = app.agent(&email, Role::Agent).await;
            let (access, _) = login(&app, &email).await;
            let (second, _) = login(&app, &email).await;
            let (mut here, mut there) = (socket(&app.url, &access).await, socket(&other.url, &access).await);
            match end {
                "logout" => done(&app, Method::POST, "/api/admin/auth/logout/", &access, json!(null)).await,
                "password" => done(&app, Method::POST, "/api/admin/auth/password/", &second, json!({"old": PASSWORD, "new": "staple correct horse"})).await,
                _ => done(&app, Method::DELETE, &format!("/api/admin/agents/{id}/"), &owner, json!(null)).await,
            }
            assert_eq!(close_code(&mut here).await, 4401, "{end}");
            app.clock.advance(BELIEVED);
            assert_eq!(close_code(&mut there).await, 4401, "{end}");
        }
    }

    async fn sockets_of_a_visitor_that_became_another_are_closed_on_both_nodes(app: TestApp) {
        let other = app.second_node().await;
        let token = host_token(json!({"sub": "user-17"}));
        let (first, second) = (app.visitor().await, app.visitor().await);
        app.post(&format!("/api/chats/visitors/{first}/identify/")).json(json!({"token": token})).send().await.expect(200);
        let (mut here, mut there) = (socket(&app.url, &second).await, socket(&other.url, &second).await);
        app.post(&format!("/api/chats/visitors/{second}/identify/")).json(json!({"token": token})).send().await.expect(200);
        assert_eq!(close_code(&mut here).await, 4401);
        app.clock.advance(BELIEVED);
        assert_eq!(close_code(&mut there).await, 4401);
    }
}
