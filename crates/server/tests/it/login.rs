//! Agents log in and out, take up invitations, and what ends a token ends it at once.

use crate::app::{Answer, Database, TestApp, host_token, host_token_with};
use parlor_domain::agent::Role;
use serde_json::{Value, json};
use std::time::Duration;

const PASSWORD: &str = "correct horse battery";
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn try_login(app: &TestApp, username: &str, password: &str) -> Answer {
    app.post("/api/admin/auth/login/")
        .json(json!({"username": username, "password": password}))
        .send()
        .await
}

async fn login(app: &TestApp, username: &str) -> (String, String) {
    let body = try_login(app, username, PASSWORD).await.expect(200);
    (text(&body["access"]), text(&body["refresh"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn works(app: &TestApp, access: &str) -> bool {
    match app.get("/api/admin/auth/me/").bearer(access).send().await.status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

async fn refresh(app: &TestApp, token: &str) -> Answer {
    app.post("/api/admin/auth/refresh/").json(json!({"refresh": token})).send().await
}

fn wrong_field(answer: Answer, field: &str) {
    let problem = answer.problem(400, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], field, "{problem}");
}

fn cookie_of(answer: &Answer) -> (String, String) {
    let cookie = answer.header("set-cookie").to_owned();
    (cookie.split(';').next().unwrap().to_owned(), cookie)
}

on_both! {
    async fn an_agent_logs_in_by_address_or_user_name(app: TestApp) {
        let (owner, id) = app.agent("omar@example.com", Role::Owner).await;
        app.patch(&format!("/api/admin/agents/{id}/")).bearer(&owner).json(json!({"username": "Omar", "external_id": "staff-1"})).send().await.expect(200);
        for name in ["omar@example.com", " OMAR@Example.com ", "omar", "OMAR"] {
            let answer = app.post("/api/admin/auth/login/").json(json!({"username": name, "password": PASSWORD, "remember": true})).send().await;
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.header("set-cookie"), "", "no cookie unless asked for");
            let body = answer.expect(200);
            assert_eq!(body["expires_in"], 900);
            let agent = &body["agent"];
            assert_eq!((&agent["id"], &agent["email"], &agent["name"], &agent["role"]), (&json!(id), &json!("omar@example.com"), &json!("omar"), &json!("owner")));
            assert_eq!((&agent["username"], &agent["external_id"], &agent["settings"]), (&json!("Omar"), &json!("staff-1"), &json!({"notices": true, "sound": true})));
            assert!(agent.get("password").is_none());
            assert!(works(&app, body["access"].as_str().unwrap()).await);
        }
    }

    async fn unknown_users_and_wrong_passwords_are_answered_alike(app: TestApp) {
        app.agent("omar@example.com", Role::Agent).await;
        let wrong = try_login(&app, "omar@example.com", "correct horse").await.problem(401, "unauthenticated");
        let unknown = try_login(&app, "nobody@example.com", PASSWORD).await.problem(401, "unauthenticated");
        assert_eq!(wrong["detail"], unknown["detail"]);
        try_login(&app, "omar@example.com", "").await.problem(401, "unauthenticated");
        try_login(&app, "omar@example.com", &"x".repeat(5_000)).await.problem(401, "unauthenticated");
        wrong_field(try_login(&app, "", PASSWORD).await, "username");
        wrong_field(try_login(&app, "a\0b", PASSWORD).await, "username");
        wrong_field(app.post("/api/admin/auth/login/").json(json!({"username": "omar@example.com"})).send().await, "password");
        app.post("/api/admin/auth/login/").raw("text/plain", "{}").send().await.problem(415, "unsupported_media_type");
        app.post("/api/admin/auth/login/").raw("application/json", "{").send().await.problem(400, "invalid_input");
    }

    async fn a_refresh_token_used_twice_ends_its_whole_login(app: TestApp) {
        app.agent("omar@example.com", Role::Agent).await;
        let (other, _) = login(&app, "omar@example.com").await;
        let (first, used) = login(&app, "omar@example.com").await;
        let next = refresh(&app, &used).await.expect(200);
        assert!(works(&app, &first).await, "a refresh ends no access token");
        assert!(works(&app, next["access"].as_str().unwrap()).await);
        refresh(&app, &used).await.problem(401, "unauthenticated");
        assert!(!works(&app, &first).await);
        assert!(!works(&app, next["access"].as_str().unwrap()).await);
        refresh(&app, next["refresh"].as_str().unwrap()).await.problem(401, "unauthenticated");
        assert!(works(&app, &other).await, "another login of the same agent goes on");
    }

    async fn tokens_run_out(app: TestApp) {
        app.agent("omar@example.com", Role::Agent).await;
        let (access, token) = login(&app, "omar@example.com").await;
        app.clock.advance(17 * MINUTE);
        let problem = app.get("/api/admin/auth/me/").bearer(&access).send().await.problem(401, "unauthenticated");
        assert!(problem["detail"].as_str().unwrap().contains("expired"), "{problem}");
        let next = refresh(&app, &token).await.expect(200);
        assert!(works(&app, next["access"].as_str().unwrap()).await);
        app.clock.advance(31 * DAY);
        refresh(&app, next["refresh"].as_str().unwrap()).await.problem(401, "unauthenticated");
    }

    async fn the_inbox_page_has_its_refresh_token_in_a_cookie_that_only_its_own_origin_uses(app: TestApp) {
        app.agent("omar@example.com", Role::Agent).await;
        let answer = app.post("/api/admin/auth/login/").json(json!({"username": "omar@example.com", "password": PASSWORD, "cookie": true})).send().await;
        let (cookie, whole) = cookie_of(&answer);
        for part in ["parlor_refresh=", "; HttpOnly", "; SameSite=Strict", "; Path=/api/admin/auth/", "; Max-Age=2592000"] {
            assert!(whole.contains(part), "{part} in {whole}");
        }
        assert!(!whole.contains("Secure"), "this server is reached by http");
        let body = answer.expect(200);
        assert!(body.get("refresh").is_none());
        let plain = cookie.strip_prefix("parlor_refresh=").unwrap().to_owned();
        let with_cookie = |path: &str, origin: Option<&str>| {
            let call = app.post(path).header("cookie", &cookie);
            match origin {
                Some(origin) => call.header("origin", origin),
                None => call,
            }
        };
        for origin in [None, Some("http://localhost:3000"), Some("https://elsewhere.example.com"), Some("null")] {
            with_cookie("/api/admin/auth/refresh/", origin).send().await.problem(401, "unauthenticated");
            with_cookie("/api/admin/auth/logout/", origin).send().await.problem(401, "unauthenticated");
        }
        assert!(works(&app, body["access"].as_str().unwrap()).await, "other origins neither used nor ended it");
        let answer = with_cookie("/api/admin/auth/refresh/", Some(&app.url)).send().await;
        let (next, _) = cookie_of(&answer);
        assert_ne!(next, cookie);
        assert!(answer.expect(200).get("refresh").is_none());
        let answer = app.post("/api/admin/auth/logout/").header("cookie", &next).header("origin", &app.url).send().await;
        assert_eq!((answer.status, cookie_of(&answer).0.as_str()), (204, "parlor_refresh="));
        assert!(answer.header("set-cookie").contains("Max-Age=0"));
        assert!(!works(&app, body["access"].as_str().unwrap()).await);
        let answer = app.post("/api/admin/auth/refresh/").header("cookie", &next).header("origin", &app.url).send().await;
        assert_eq!(cookie_of(&answer).0, "parlor_refresh=", "a cookie that is good for nothing is taken back");
        answer.problem(401, "unauthenticated");
        refresh(&app, &plain).await.problem(401, "unauthenticated");
    }

    async fn no_other_path_listens_to_the_cookie(app: TestApp) {
        app.agent("omar@example.com", Role::Owner).await;
        let answer = app.post("/api/admin/auth/login/").json(json!({"username": "omar@example.com", "password": PASSWORD, "cookie": true})).send().await;
        let (cookie, _) = cookie_of(&answer);
        for path in ["/api/admin/auth/me/", "/api/admin/chat-rooms/", "/api/admin/agents/"] {
            app.get(path).header("cookie", &cookie).header("origin", &app.url).send().await.problem(401, "unauthenticated");
        }
    }

    async fn logging_out_ends_a_login_at_once(app: TestApp) {
        app.agent("omar@example.com", Role::Agent).await;
        let (stays, _) = login(&app, "omar@example.com").await;
        let (access, token) = login(&app, "omar@example.com").await;
        assert!(works(&app, &access).await);
        assert_eq!(app.post("/api/admin/auth/logout/").json(json!({"refresh": token})).send().await.status, 204);
        assert!(!works(&app, &access).await);
        refresh(&app, &token).await.problem(401, "unauthenticated");
        let (access, token) = login(&app, "omar@example.com").await;
        assert_eq!(app.post("/api/admin/auth/logout").bearer(&access).send().await.status, 204);
        assert!(!works(&app, &access).await);
        refresh(&app, &token).await.problem(401, "unauthenticated");
        app.post("/api/admin/auth/logout/").bearer(&access).send().await.problem(401, "unauthenticated");
        app.post("/api/admin/auth/logout/").send().await.problem(401, "unauthenticated");
        app.post("/api/admin/auth/logout/").json(json!({"refresh": "nonsense"})).send().await.problem(401, "unauthenticated");
        assert!(works(&app, &stays).await);
    }

    async fn an_agent_changes_its_own_name_and_settings(app: TestApp) {
        let (access, id) = app.agent("omar@example.com", Role::Agent).await;
        let me = "/api/admin/auth/me/";
        assert_eq!(app.get(me).bearer(&access).send().await.expect(200)["id"], id);
        let changed = app.patch(me).bearer(&access).json(json!({"name": " Omar ", "settings": {"sound": false}})).send().await.expect(200);
        assert_eq!((&changed["name"], &changed["settings"]), (&json!("Omar"), &json!({"notices": true, "sound": false})));
        let kept = app.patch(me).bearer(&access).json(json!({"name": null, "settings": {"notices": false}})).send().await.expect(200);
        assert_eq!((&kept["name"], &kept["settings"]), (&json!("Omar"), &json!({"notices": false, "sound": false})));
        assert_eq!(app.get(me).bearer(&access).send().await.expect(200), kept);
        wrong_field(app.patch(me).bearer(&access).json(json!({"name": " "})).send().await, "name");
        app.patch(me).bearer(&access).json(json!({"role": "owner"})).send().await.problem(400, "invalid_input");
        app.get(me).send().await.problem(401, "unauthenticated");
    }

    async fn a_new_password_ends_all_other_logins(app: TestApp) {
        app.agent("omar@example.com", Role::Agent).await;
        let (other, other_refresh) = login(&app, "omar@example.com").await;
        let (access, token) = login(&app, "omar@example.com").await;
        let change = |old: &str, new: &str| app.post("/api/admin/auth/password/").bearer(&access).json(json!({"old": old, "new": new})).send();
        wrong_field(change("wrong horse battery", "staple correct horse").await, "old");
        wrong_field(change(PASSWORD, "short").await, "new");
        assert!(works(&app, &other).await);
        assert_eq!(change(PASSWORD, "staple correct horse").await.status, 204);
        assert!(!works(&app, &other).await);
        refresh(&app, &other_refresh).await.problem(401, "unauthenticated");
        assert!(works(&app, &access).await, "the calling login goes on");
        let next = refresh(&app, &token).await.expect(200);
        assert!(works(&app, next["access"].as_str().unwrap()).await);
        try_login(&app, "omar@example.com", PASSWORD).await.problem(401, "unauthenticated");
        try_login(&app, "omar@example.com", "staple correct horse").await.expect(200);
    }

    async fn sellers_have_a_login_and_nothing_else_here(app: TestApp) {
        app.agent("sami@example.com", Role::Seller).await;
        let (access, _) = login(&app, "sami@example.com").await;
        assert!(works(&app, &access).await);
        for path in ["/api/admin/chat-rooms/", "/api/admin/agents/", "/api/admin/channels/", "/api/admin/visitors/", "/api/admin/workspace/", "/api/admin/api-keys/"] {
            app.get(path).bearer(&access).send().await.problem(403, "forbidden");
        }
    }

    async fn machines_have_neither_profile_nor_password(app: TestApp) {
        let (owner, _) = app.agent("omar@example.com", Role::Owner).await;
        let made = app.post("/api/admin/api-keys/").bearer(&owner).json(json!({"name": "Orders", "scope": "admin"})).send().await.expect(201);
        let secret = made["secret"].as_str().unwrap();
        let problem = app.get("/api/admin/auth/me/").bearer(secret).send().await.problem(403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains("API key"), "{problem}");
        app.patch("/api/admin/auth/me/").bearer(secret).json(json!({"name": "x"})).send().await.problem(403, "forbidden");
        app.post("/api/admin/auth/password/").bearer(secret).json(json!({"old": PASSWORD, "new": PASSWORD})).send().await.problem(403, "forbidden");
        app.post("/api/admin/auth/logout/").bearer(secret).send().await.problem(403, "forbidden");
    }

    async fn no_credential_stands_in_for_another(app: TestApp) {
        let (owner, id) = app.agent("omar@example.com", Role::Owner).await;
        app.patch(&format!("/api/admin/agents/{id}/")).bearer(&owner).json(json!({"external_id": "staff-1"})).send().await.expect(200);
        let (access, token) = login(&app, "omar@example.com").await;
        let (room, visitor) = app.room().await;
        let agent = app.state().agents.find_by_login("omar@example.com").await.unwrap();
        let invitation = app.state().auth.invite(&agent).await.unwrap();
        for wrong in [token.as_str(), visitor.as_str(), room.as_str(), invitation.as_str(), "", "x.y.z", "parlor_0000"] {
            app.get("/api/admin/chat-rooms/").bearer(wrong).send().await.problem(401, "unauthenticated");
        }
        for wrong in [access.as_str(), visitor.as_str(), invitation.as_str()] {
            refresh(&app, wrong).await.problem(401, "unauthenticated");
        }
        let setup = json!({"token": access, "email": "omar@example.com", "name": "Omar", "password": PASSWORD});
        wrong_field(app.post("/api/admin/auth/setup/").json(setup).send().await, "token");
        assert!(works(&app, &access).await);
        app.get("/api/admin/chat-rooms/").bearer(&host_token(json!({"sub": "staff-1", "role": "customer"}))).send().await.expect(200);
        for role in ["owner", "agent", "admin", "customer"] {
            app.get("/api/admin/chat-rooms/").bearer(&host_token(json!({"sub": "somebody", "role": role}))).send().await.problem(403, "forbidden");
        }
        let forged = host_token_with("another secret that nobody configured", json!({"sub": "staff-1"}));
        app.get("/api/admin/chat-rooms/").bearer(&forged).send().await.problem(401, "unauthenticated");
        app.get("/api/admin/chat-rooms/").header("authorization", "Basic b21hcjp4").send().await.problem(401, "unauthenticated");
    }

    async fn the_first_owner_link_makes_one_owner(app: TestApp) {
        let workspace = app.state().workspaces.list().await.unwrap()[0].id;
        let earlier = app.state().auth.first_owner_link(workspace).await.unwrap().unwrap();
        let token = app.state().auth.first_owner_link(workspace).await.unwrap().unwrap();
        let setup = |token: &str, password: &str| {
            let body = json!({"token": token, "email": "Olga@Example.com", "name": "Olga", "password": password});
            app.post("/api/admin/auth/setup/").json(body).send()
        };
        wrong_field(setup(&earlier, PASSWORD).await, "token");
        wrong_field(setup("setup_nonsense", PASSWORD).await, "token");
        wrong_field(setup(&token, "short").await, "password");
        let body = setup(&token, PASSWORD).await.expect(200);
        assert_eq!((&body["agent"]["email"], &body["agent"]["role"]), (&json!("olga@example.com"), &json!("owner")));
        assert!(works(&app, body["access"].as_str().unwrap()).await);
        refresh(&app, body["refresh"].as_str().unwrap()).await.expect(200);
        wrong_field(setup(&token, PASSWORD).await, "token");
        assert!(app.state().auth.first_owner_link(workspace).await.unwrap().is_none(), "there is an owner now");
        try_login(&app, "olga@example.com", PASSWORD).await.expect(200);
    }

    async fn an_invitation_sets_a_password_once(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let made = app.post("/api/admin/agents/").bearer(&admin).json(json!({"email": "Omar@example.com", "name": "Omar", "role": "agent"})).send().await.expect(201);
        let id = text(&made["agent"]["id"]);
        let token_of = |body: &Value| {
            let url = text(&body["invite_url"]);
            url.strip_prefix(&format!("{}/setup?token=", app.url)).unwrap_or_else(|| panic!("{url}")).to_owned()
        };
        let earlier = token_of(&made);
        try_login(&app, "omar@example.com", PASSWORD).await.problem(401, "unauthenticated");
        let token = token_of(&app.post(&format!("/api/admin/agents/{id}/invite/")).bearer(&admin).send().await.expect(200));
        let setup = |token: &str, email: &str| {
            let body = json!({"token": token, "email": email, "name": "Omar A.", "password": PASSWORD});
            app.post("/api/admin/auth/setup/").json(body).send()
        };
        wrong_field(setup(&earlier, "omar@example.com").await, "token");
        wrong_field(setup(&token, "other@example.com").await, "email");
        let body = setup(&token, "OMAR@example.com").await.expect(200);
        assert_eq!((&body["agent"]["id"], &body["agent"]["name"], &body["agent"]["role"]), (&json!(id), &json!("Omar A."), &json!("agent")));
        assert!(works(&app, body["access"].as_str().unwrap()).await);
        wrong_field(setup(&token, "omar@example.com").await, "token");
        // A forgotten password: the next invitation ends what was logged in.
        let again = token_of(&app.post(&format!("/api/admin/agents/{id}/invite/")).bearer(&admin).send().await.expect(200));
        assert!(works(&app, body["access"].as_str().unwrap()).await);
        setup(&again, "omar@example.com").await.expect(200);
        assert!(!works(&app, body["access"].as_str().unwrap()).await);
    }

    async fn an_invitation_runs_out_after_a_week(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let made = app.post("/api/admin/agents/").bearer(&admin).json(json!({"email": "omar@example.com", "name": "Omar", "role": "agent"})).send().await.expect(201);
        let token = made["invite_url"].as_str().unwrap().rsplit_once('=').unwrap().1.to_owned();
        app.clock.advance(8 * DAY);
        let body = json!({"token": token, "email": "omar@example.com", "name": "Omar", "password": PASSWORD});
        wrong_field(app.post("/api/admin/auth/setup/").json(body).send().await, "token");
    }

    async fn the_page_behind_a_link_sets_a_password_without_script(app: TestApp) {
        let workspace = app.state().workspaces.list().await.unwrap()[0].id;
        let token = app.state().auth.first_owner_link(workspace).await.unwrap().unwrap();
        let page = app.get(&format!("/setup?token={token}")).send().await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains(&token) && page.text.contains("<form method=\"post\"") && !page.text.contains("<script"), "{}", page.text);
        let submit = |fields: String| app.post("/setup").header("origin", "null").raw("application/x-www-form-urlencoded", fields).send();
        let wrong = submit(format!("token={token}&email=olga%40example.com&name=%22%3E%3Cb%3EOlga&password=short")).await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains("&quot;&gt;&lt;b&gt;Olga") && !wrong.text.contains("<b>"), "{}", wrong.text);
        assert!(!wrong.text.contains("short"), "a password is never shown again");
        let done = submit(format!("token={token}&email=olga%40example.com&name=Olga&password=correct+horse+battery")).await;
        assert_eq!(done.status, 200, "{}", done.text);
        assert!(done.text.contains(&format!("{}/api/docs/", app.url)), "{}", done.text);
        try_login(&app, "olga@example.com", PASSWORD).await.expect(200);
        let again = submit(format!("token={token}&email=olga%40example.com&name=Olga&password=correct+horse+battery")).await;
        assert!(again.status == 400 && again.text.contains("not valid any more"), "{}", again.text);
        let broken = submit("token".to_owned()).await;
        let empty = app.get("/setup/").send().await;
        assert_eq!((broken.status, empty.status), (400, 400));
        let hostile = app.get("/setup?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").send().await;
        assert!(!hostile.text.contains("<script"), "{}", hostile.text);
        for answer in [&page, &wrong, &done, &again, &broken, &empty, &hostile] {
            let policy = answer.header("content-security-policy");
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(
                (answer.header("referrer-policy"), answer.header("x-content-type-options"), answer.header("cache-control"), answer.header("content-type")),
                ("no-referrer", "nosniff", "no-store", "text/html; charset=utf-8")
            );
        }
        assert_eq!(app.get("/assets/shared/pages.css").send().await.header("content-type"), "text/css");
        assert!(!serde_json::to_string(&parlor_api::app::openapi_document()).unwrap().contains("\"/setup"), "pages are no part of the API");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tried_logins_are_limited_by_account_and_by_address() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-logins-account=2", "--limit-logins-address=5"]).await;
    let (access, _) = app.agent("omar@example.com", Role::Agent).await;
    app.agent("olga@example.com", Role::Agent).await;
    let too_many = |answer: Answer| {
        assert!((1..=60).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
        answer.problem(429, "rate_limited");
    };
    for name in ["omar@example.com", "OMAR@example.com"] {
        try_login(&app, name, "wrong horse battery").await.problem(401, "unauthenticated");
    }
    too_many(try_login(&app, "omar@example.com", PASSWORD).await);
    try_login(&app, "olga@example.com", PASSWORD).await.expect(200);
    // The fifth of this address.
    let setup = json!({"token": "setup_x", "email": "olga@example.com", "name": "Olga", "password": PASSWORD});
    wrong_field(app.post("/api/admin/auth/setup/").json(setup.clone()).send().await, "token");
    too_many(app.post("/api/admin/auth/setup/").json(setup).send().await);
    too_many(try_login(&app, "olga@example.com", PASSWORD).await);
    too_many(
        app.post("/api/admin/auth/password/")
            .bearer(&access)
            .json(json!({"old": "wrong horse battery", "new": PASSWORD}))
            .send()
            .await,
    );
    let page = app
        .post("/setup")
        .raw(
            "application/x-www-form-urlencoded",
            "token=setup_x&email=olga%40example.com&name=Olga&password=correct+horse+battery",
        )
        .send()
        .await;
    assert_eq!(page.status, 429);
    assert!(
        page.header("retry-after").parse::<u64>().unwrap() >= 1 && page.text.contains("try again"),
        "{}",
        page.text
    );
    assert!(works(&app, &access).await, "who is logged in goes on");
}
