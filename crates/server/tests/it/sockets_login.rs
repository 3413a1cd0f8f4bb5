//! Doors, logins and their ends (realtime contract, sections 1 and 3).

use crate::app::{Database, TestApp, host_token};
use crate::socket::{Got, hello, open, open_with, refused, resume};
use parlor_domain::agent::Role;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

on_both! {
    async fn each_door_lets_its_people_in_with_and_without_the_last_slash(app: TestApp) {
        let (room, key) = app.room().await;
        let (access, agent) = app.agent("ada@example.com", Role::Agent).await;
        for (before, slash) in ["", "/"].into_iter().enumerate() {
            let mut main = open(&app, &format!("/ws{slash}?token={access}")).await;
            let welcome = main.frame().await;
            assert_eq!((&welcome["event"], &welcome["data"]["identity"]), (&json!("session:welcome"), &json!({"kind": "agent", "id": agent})));
            assert_eq!(welcome["data"]["protocol"], 1);
            assert_eq!((&welcome["data"]["ping_every_ms"], &welcome["data"]["dead_after_ms"], &welcome["data"]["max_frame_bytes"]), (&json!(25_000), &json!(60_000), &json!(65_536)));

            let mut admin = open(&app, &format!("/ws/admin/chat{slash}?token={access}")).await;
            assert_eq!(admin.frame().await["event"], "session:welcome");

            let mut customer = open(&app, &format!("/ws/chat/{room}{slash}")).await;
            let welcome = customer.frame().await;
            assert_eq!(welcome["data"]["identity"]["kind"], "visitor");
            assert_eq!(welcome["data"]["resumed"], json!([{"conversation_id": room, "result": "ok", "head_seq": before, "head_rev": before}]));

            app.say(&room, "hello").await;
            let row = admin.event("inbox:conversation-updated").await;
            assert_eq!((&row["data"]["last_message"], row["data"].get("my_unread_count")), (&json!("hello"), None));
            assert_eq!(customer.event("conversation:new-message").await["conversation_id"], room.as_str());
        }
        let (_, session) = hello(&app, &key).await;
        assert_eq!(session["identity"]["kind"], "visitor");
    }

    async fn a_wrong_login_is_answered_by_close_code(app: TestApp) {
        let (access, _) = app.agent("sol@example.com", Role::Seller).await;
        let visitor = app.visitor().await;
        for (path, code) in [
            ("/ws?token=nonsense".to_owned(), 4401),
            ("/ws?token=7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned(), 4401),
            ("/ws?ticket=ticket_nonsense".to_owned(), 4401),
            ("/ws/admin/chat/?token=nonsense".to_owned(), 4401),
            (format!("/ws/admin/chat/?token={visitor}"), 4403),
            (format!("/ws?token={access}"), 4403),
            ("/ws/chat/7c9e6679-7425-40de-944b-e07fc1f90ae7/".to_owned(), 4404),
            ("/ws/chat/nonsense/".to_owned(), 4404),
        ] {
            assert_eq!(open(&app, &path).await.closed().await, code, "{path}");
        }
        let mut wrong = open(&app, "/ws").await;
        wrong.send(json!({"id": "1", "event": "session:hello", "data": {"token": "nonsense"}})).await;
        assert_eq!(wrong.reply("1").await["error"]["code"], "unauthenticated");
        assert_eq!(wrong.closed().await, 4401);
    }

    async fn a_channel_in_the_query_is_looked_at_apart_from_the_login(app: TestApp) {
        let token = host_token(json!({"sub": "customer-7"}));
        for (channel, code) in [("nonsense", 4403), ("018f6a3e-5b1c-7000-8000-0000000000c1", 4403)] {
            assert_eq!(open(&app, &format!("/ws?token={token}&channel={channel}")).await.closed().await, code, "{channel}");
        }
        let mut socket = open(&app, &format!("/ws?channel=&token={token}")).await;
        assert_eq!(socket.frame().await["event"], "session:welcome", "empty is none");
    }

    async fn a_seller_of_the_host_site_has_no_socket_here(app: TestApp) {
        let token = host_token(json!({"sub": "seller-7", "role": "seller"}));
        assert_eq!(open(&app, &format!("/ws?token={token}")).await.closed().await, 4403);
        let mut socket = open(&app, "/ws").await;
        assert_eq!(socket.ask("session:hello", json!({"token": token})).await["error"]["code"], "forbidden");
        assert_eq!(socket.closed().await, 4403);
        app.post("/api/realtime/tickets").bearer(&token).send().await.problem(403, "forbidden");
    }

    async fn nothing_comes_before_the_login(app: TestApp) {
        for event in ["ping", "conversation:subscribe", "conversation:burn"] {
            let mut early = open(&app, "/ws").await;
            early.send(json!({"id": "1", "event": event, "data": {}})).await;
            assert_eq!(early.closed().await, 4401, "{event}");
        }
        let mut silent = open(&app, "/ws").await;
        let start = std::time::Instant::now();
        assert_eq!(silent.closed().await, 4401);
        assert!(start.elapsed() >= Duration::from_secs(9) && start.elapsed() < Duration::from_secs(15));
    }

    async fn a_version_that_the_server_does_not_speak_is_refused(app: TestApp) {
        let key = app.visitor().await;
        let mut socket = open(&app, "/ws").await;
        socket.send(json!({"id": "1", "event": "session:hello", "data": {"protocol": 2, "token": key}})).await;
        let error = socket.reply("1").await["error"].clone();
        assert_eq!((&error["code"], &error["supported"]), (&json!("unsupported_protocol"), &json!([1])));
        assert_eq!(socket.closed().await, 4426);
    }

    async fn a_subprotocol_is_selected_or_the_upgrade_refused(app: TestApp) {
        let (room, _) = app.room().await;
        let path = format!("/ws/chat/{room}");
        let (status, problem) = refused(&app, &path, &[("sec-websocket-protocol", "parlor.v9, chat")]).await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_input")));
        open_with(&app, &path, &[("sec-websocket-protocol", "parlor.v9, parlor.v1")]).await.unwrap();
        let plain = app.http.get(format!("{}{path}", app.url)).send().await.unwrap();
        assert_eq!(plain.status(), 400);
    }

    async fn a_ticket_lets_in_once_from_where_it_was_asked_for(app: TestApp) {
        let (room, key) = app.room().await;
        let (access, agent) = app.agent("ada@example.com", Role::Agent).await;
        let ticket = async |bearer: &str| {
            let answer = app.post("/api/realtime/tickets").bearer(bearer).send().await.expect(200);
            assert_eq!(answer["expires_in"], 30);
            answer["ticket"].as_str().unwrap().to_owned()
        };
        let of_agent = ticket(&access).await;
        let mut socket = open(&app, &format!("/ws?ticket={of_agent}")).await;
        assert_eq!(socket.frame().await["data"]["identity"]["id"], agent.as_str());
        assert_eq!(open(&app, &format!("/ws?ticket={of_agent}")).await.closed().await, 4401, "it is good once");

        let of_visitor = ticket(&key).await;
        let (mut socket, _) = hello(&app, &of_visitor).await;
        socket.done("conversation:subscribe", json!({"conversation_id": room})).await;

        let of_room = ticket(&room).await;
        let mut socket = open(&app, &format!("/ws?ticket={of_room}")).await;
        assert_eq!(socket.frame().await["data"]["resumed"][0]["conversation_id"], room.as_str());

        let elsewhere = ticket(&key).await;
        let origin = app.url.clone();
        assert_eq!(open_with(&app, &format!("/ws?ticket={elsewhere}"), &[("origin", &origin)]).await.unwrap().closed().await, 4401);

        let late = ticket(&key).await;
        app.clock.advance(Duration::from_secs(31));
        assert_eq!(open(&app, &format!("/ws?ticket={late}")).await.closed().await, 4401);

        let (seller, _) = app.agent("sol@example.com", Role::Seller).await;
        app.post("/api/realtime/tickets").bearer(&seller).send().await.problem(403, "forbidden");
        app.post("/api/realtime/tickets").send().await.problem(401, "unauthenticated");
        app.post("/api/realtime/tickets").bearer("7c9e6679-7425-40de-944b-e07fc1f90ae7").send().await.problem(401, "unauthenticated");
    }

    async fn pages_must_be_allowed_and_fit_the_channel(app: TestApp) {
        let (room, key) = app.room().await;
        let (access, _) = app.agent("olga@example.com", Role::Owner).await;
        let channels = app.get("/api/admin/channels/").bearer(&access).send().await.expect(200);
        let channel = channels["results"][0]["id"].as_str().unwrap().to_owned();
        app.patch(&format!("/api/admin/channels/{channel}/")).bearer(&access).json(json!({"origins": ["https://shop.example.com"]})).send().await.expect(200);
        let other = json!({"name": "Other", "kind": "web", "origins": ["https://other.example.com"]});
        app.post("/api/admin/channels/").bearer(&access).json(other).send().await.expect(201);
        tokio::time::sleep(Duration::from_millis(300)).await;

        let path = format!("/ws/chat/{room}");
        let (status, problem) = refused(&app, &path, &[("origin", "https://evil.example.com")]).await;
        assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
        assert_eq!(open_with(&app, &path, &[("origin", "https://other.example.com")]).await.unwrap().closed().await, 4403);
        let mut good = open_with(&app, &path, &[("origin", "https://shop.example.com")]).await.unwrap();
        assert_eq!(good.frame().await["event"], "session:welcome");
        assert_eq!(open_with(&app, &format!("/ws?token={key}"), &[("origin", "https://other.example.com")]).await.unwrap().closed().await, 4403);

        // An origin that is taken away ends the sockets of its pages.
        app.patch(&format!("/api/admin/channels/{channel}/")).bearer(&access).json(json!({"origins": ["https://new.example.com"]})).send().await.expect(200);
        assert_eq!(good.closed().await, 4403);
    }

    async fn a_customer_of_the_host_site_needs_no_key(app: TestApp) {
        let token = host_token(json!({"sub": "customer-7", "name": "Nadia", "email": "nadia@example.com"}));
        let (mut socket, session) = hello(&app, &token).await;
        let again = host_token(json!({"sub": "customer-7", "more": 1}));
        let refreshed = socket.done("session:refresh", json!({"token": again})).await;
        assert!(refreshed["expires_at"].is_string());
        let (_, other) = hello(&app, &again).await;
        assert_eq!(other["identity"], session["identity"]);
        let other = host_token(json!({"sub": "customer-8"}));
        socket.send(json!({"event": "session:refresh", "data": {"token": other}})).await;
        assert_eq!(socket.closed().await, 4401, "somebody else's token");
    }

    async fn a_token_that_runs_out_is_announced_and_can_be_renewed(app: TestApp) {
        let (access, _) = app.agent("ada@example.com", Role::Agent).await;
        let mut refreshed = open(&app, &format!("/ws?token={access}")).await;
        let mut forgotten = open(&app, &format!("/ws?token={access}")).await;
        app.clock.advance(Duration::from_secs(14 * 60 + 5));
        for socket in [&mut refreshed, &mut forgotten] {
            assert!(socket.event("session:expiring").await["data"]["expires_at"].is_string());
        }
        let login = json!({"username": "ada@example.com", "password": "correct horse battery"});
        let new = app.post("/api/admin/auth/login/").json(login).send().await.expect(200);
        refreshed.done("session:refresh", json!({"token": new["access"]})).await;
        app.clock.advance(Duration::from_secs(60));
        assert_eq!(forgotten.closed().await, 4401);
        refreshed.done("presence:set", json!({"status": "busy"})).await;
    }

    async fn logout_and_deactivation_end_sockets_at_once(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let (access, _) = app.agent("ada@example.com", Role::Agent).await;
        let (other, id) = app.agent("bob@example.com", Role::Agent).await;
        let (mut ada, _) = hello(&app, &access).await;
        let (mut bob, _) = hello(&app, &other).await;
        let start = std::time::Instant::now();
        let answer = app.call(Method::POST, "/api/admin/auth/logout/").bearer(&access).json(json!({})).send().await;
        assert!(answer.status < 300, "{}", answer.text);
        assert_eq!(ada.closed().await, 4401);
        let answer = app.delete(&format!("/api/admin/agents/{id}/")).bearer(&owner).send().await;
        assert!(answer.status < 300, "{}", answer.text);
        assert_eq!(bob.closed().await, 4401);
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    async fn a_visitor_that_became_another_one_is_told_and_its_room_stays(app: TestApp) {
        let (room, key) = app.room().await;
        hello(&app, &host_token(json!({"sub": "customer-7"}))).await;
        let (mut by_key, _) = hello(&app, &key).await;
        let mut by_room = open(&app, &format!("/ws/chat/{room}")).await;
        by_room.event("session:welcome").await;
        let identify = json!({"token": host_token(json!({"sub": "customer-7"}))});
        app.post(&format!("/api/chats/visitors/{key}/identify/")).json(identify).send().await.expect(200);
        assert_eq!(by_key.closed().await, 4401);
        // The move is followed by a command of the server; what is sent right then may come too early.
        let mut sent = by_room.ask("conversation:message", json!({"conversation_id": room, "message": {"client_id": "1", "text": "still here"}})).await;
        for _ in 0..50 {
            if sent["ok"] == true {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            sent = by_room.ask("conversation:message", json!({"conversation_id": room, "message": {"client_id": "1", "text": "still here"}})).await;
        }
        assert_eq!(sent["ok"], true, "{sent}");
        by_room.event("conversation:new-message").await;
    }

    async fn the_server_says_goodbye_and_finishes_what_runs(app: TestApp) {
        let mut app = app;
        let (room, key) = app.room().await;
        let (mut one, _) = hello(&app, &key).await;
        let mut idle = open(&app, &format!("/ws/chat/{room}")).await;
        let mut nobody = open(&app, "/ws").await;
        idle.event("session:welcome").await;
        for n in 0..20 {
            one.send(json!({"id": format!("{n}"), "event": "conversation:message", "data": {"conversation_id": room, "message": {"client_id": format!("{n}"), "text": "last words"}}})).await;
        }
        one.reply("0").await;
        let start = std::time::Instant::now();
        app.stop().await;
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        let closing = idle.event("session:closing").await["data"].clone();
        assert_eq!(closing["reconnect"], true);
        assert!((0..=10_000).contains(&closing["after_ms"].as_u64().unwrap()));
        assert_eq!(idle.closed().await, 1001);
        assert_eq!(nobody.closed().await, 1001);
        let mut last = Got::Gone;
        for _ in 0..100 {
            last = one.receive().await;
            if !matches!(last, Got::Frame(_)) {
                break;
            }
        }
        assert_eq!(last, Got::Close(1001));
    }

    async fn resumes_of_the_first_frame_are_answered_one_by_one(app: TestApp) {
        let (room, key) = app.room().await;
        let (foreign, _) = app.room().await;
        app.say(&room, "one").await;
        app.say(&room, "two").await;
        let wish = json!([{"conversation_id": room, "after_rev": 1}, {"conversation_id": foreign, "after_rev": 0}, {"conversation_id": "nonsense", "after_rev": 0}]);
        let (mut socket, session) = resume(&app, &key, wish).await;
        let results: Vec<_> = session["resumed"].as_array().unwrap().iter().map(|one| one["result"].as_str().unwrap()).collect();
        assert_eq!(results, ["ok", "not_found", "not_found"]);
        assert_eq!((&session["resumed"][0]["head_seq"], &session["resumed"][0]["head_rev"]), (&json!(2), &json!(2)));
        let missed = socket.change().await;
        assert_eq!((&missed["rev"], &missed["data"]["message"]["text"]), (&json!(2), &json!("two")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_in_the_query_can_be_switched_off() {
    let app = TestApp::start_with(Database::Sqlite, &["--limits=off", "--query-tokens=off"]).await;
    let key = app.visitor().await;
    let mut socket = open(&app, &format!("/ws?token={key}")).await;
    // The token is not looked at: the first frame logs in.
    let reply = socket.ask("session:hello", json!({"token": key})).await;
    assert_eq!(reply["ok"], true, "{reply}");
}
