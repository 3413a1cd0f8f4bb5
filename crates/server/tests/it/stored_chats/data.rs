//! Who is in front of the widget.

use super::{CHAT, Desk, NOBODY, chat_of_visitor, conversation_of, data, send, text};
use crate::app::{Database, TestApp, host_token};
use parlor_infra::testing::a_geo_database;
use reqwest::Method;
use serde_json::json;

const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";

on_both! {
    async fn a_stranger_becomes_a_visitor_with_a_chat(app: TestApp) {
        let made = data(&app, json!({"name": "Nadia", "email": "Nadia@Example.com", "user_id": "user-17", "chat_id": CHAT, "locale": "de-AT",
            "page_url": "https://shop.example.com/cart", "referrer": "https://search.example.com/", "timezone": "Europe/Vienna", "screen": "1920x1080",
            "metadata": {"plan": "pro"}, "something": ["else"]})).header("user-agent", FIREFOX).send().await.expect(201);
        assert_eq!((&made["success"], &made["data"]["chat_id"]), (&json!(true), &json!(CHAT)));
        let key = text(&made["data"]["visitor_id"]);
        let profile = app.get(&format!("/api/chats/visitors/{key}/")).send().await.expect(200)["data"].clone();
        assert_eq!((&profile["name"], &profile["email"], &profile["locale"], &profile["metadata"]), (&json!("Nadia"), &json!("nadia@example.com"), &json!("de-AT"), &json!({"plan": "pro"})));
        assert_eq!(profile["verified"], false, "what is typed is a claim");
        let desk = Desk::open(&app).await;
        send(&app, CHAT, json!({"role": "user", "message": "Hello"})).send().await.expect(201);
        let id = conversation_of(&app, CHAT).await;
        let seen = app.get(&format!("/api/admin/chat-rooms/{id}/")).bearer(&desk.token).send().await.expect(200);
        assert_eq!((&seen["kind"], &seen["handled_by"], &seen["customer_name"]), (&json!("stored"), &json!("queue"), &json!("Nadia")));
        let visitor = &seen["visitor"];
        assert_eq!(visitor["external_id"], json!({"value": "user-17", "verified": false}));
        let context = &visitor["context"];
        let told = ["ip", "page_url", "referrer", "timezone", "screen", "browser", "os", "device", "country"].map(|name| &context[name]);
        let expected = [json!("127.0.0.1"), json!("https://shop.example.com/cart"), json!("https://search.example.com/"), json!("Europe/Vienna"), json!("1920x1080"),
            json!("Firefox"), json!("Windows 10"), json!("desktop"), json!(null)];
        assert_eq!(told, expected.each_ref());
        assert!(!seen.to_string().contains(CHAT), "agents do not see by what one writes: {seen}");
    }

    async fn without_a_chat_id_the_room_key_is_the_chat(app: TestApp) {
        let made = data(&app, json!({})).send().await.expect(201);
        let (key, chat) = (text(&made["data"]["visitor_id"]), text(&made["data"]["chat_id"]));
        let sent = send(&app, &chat, json!({"role": "user", "message": "Hello", "visitor_id": key})).send().await.expect(201);
        assert_eq!(sent["data"]["seq"], 1);
        let room = app.get(&format!("/api/public/chat-rooms/{chat}/")).send().await.expect(200);
        assert_eq!(room["last_message"], "Hello");
        let again = data(&app, json!({"chat_id": chat, "visitor_id": key})).send().await.expect(200);
        assert_eq!((&again["data"]["chat_id"], &again["data"]["visitor_id"]), (&json!(chat), &json!(key)), "the room key names it, too");
        let other = data(&app, json!({"visitor_id": key})).send().await.expect(201);
        assert_ne!(text(&other["data"]["chat_id"]), chat, "each call without a chat makes one");
    }

    async fn a_known_visitor_is_changed_and_keeps_its_chat(app: TestApp) {
        let made = data(&app, json!({"name": "Nadia", "chat_id": "short", "timezone": "Europe/Vienna", "page_url": "https://shop.example.com/a"})).send().await.expect(201);
        let key = text(&made["data"]["visitor_id"]);
        let by_body = data(&app, json!({"name": "Nadia K.", "email": "nadia@example.com", "chat_id": "short", "visitor_id": key})).send().await.expect(200);
        let by_bearer = data(&app, json!({"chat_id": "short", "page_url": "https://shop.example.com/b"})).bearer(&key).send().await.expect(200);
        assert_eq!(by_body["data"], made["data"]);
        assert_eq!(by_bearer["data"], made["data"]);
        let visitor = app.state().visitors.authenticate(key.parse().unwrap()).await.unwrap();
        assert_eq!(visitor.name.as_ref().map(|name| name.as_str()), Some("Nadia K."), "what is left out stays");
        assert_eq!(visitor.context.timezone.as_deref(), Some("Europe/Vienna"));
        assert_eq!(visitor.context.page_url.as_deref(), Some("https://shop.example.com/b"));
        let second = data(&app, json!({"chat_id": "another", "visitor_id": key})).send().await.expect(201);
        assert_eq!(second["data"], json!({"visitor_id": key, "chat_id": "another"}));
    }

    async fn a_chat_of_another_visitor_is_not_found(app: TestApp) {
        chat_of_visitor(&app, CHAT).await;
        let other = app.visitor().await;
        data(&app, json!({"name": "Mallory", "chat_id": CHAT, "visitor_id": other})).send().await.problem(404, "not_found");
        let visitor = app.state().visitors.authenticate(other.parse().unwrap()).await.unwrap();
        assert_ne!(visitor.name.as_ref().map(|name| name.as_str()), Some("Mallory"), "nothing is half done");
        data(&app, json!({"visitor_id": NOBODY})).send().await.problem(404, "visitor_not_found");
        data(&app, json!({})).bearer(NOBODY).send().await.problem(401, "unauthenticated");
        let (room, _) = app.room().await;
        data(&app, json!({"chat_id": room, "visitor_id": other})).send().await.problem(404, "not_found");
    }

    async fn a_known_chat_is_answered_without_proof_and_not_changed(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        for body in [json!({"chat_id": CHAT}), json!({"name": "Mallory", "email": "mallory@example.com", "chat_id": CHAT, "visitor_id": ""})] {
            let answer = data(&app, body).header("idempotency-key", "of mallory").send().await.expect(200);
            assert_eq!(answer, json!({"success": true, "data": {"visitor_id": null, "chat_id": CHAT}}));
        }
        let visitor = app.state().visitors.authenticate(key.parse().unwrap()).await.unwrap();
        assert_eq!(visitor.name.as_ref().map(|name| name.as_str()), Some("Nadia"));
        send(&app, CHAT, json!({"role": "user", "message": "Hello", "visitor_id": key})).send().await.expect(201);
        let users = Desk::open(&app).await.users_chats("").await;
        assert_eq!((&users["data"][0]["name"], users["data"].as_array().unwrap().len()), (&json!("Nadia"), 1));
    }

    async fn a_channel_of_another_workspace_changes_nothing(app: TestApp) {
        let key = chat_of_visitor(&app, CHAT).await;
        let (_, away) = app.state().workspaces.create(parlor_domain::text::Name::parse("away").unwrap()).await.unwrap();
        // Channels are known for five seconds.
        app.clock.advance(std::time::Duration::from_secs(6));
        data(&app, json!({"name": "Half", "visitor_id": key, "channel": away.id.to_string()})).send().await.problem(404, "not_found");
        let visitor = app.state().visitors.authenticate(key.parse().unwrap()).await.unwrap();
        assert_eq!(visitor.name.as_ref().map(|name| name.as_str()), Some("Nadia"));
    }

    async fn the_same_request_makes_one_visitor_and_one_chat(app: TestApp) {
        for body in [json!({"name": "Nadia", "chat_id": CHAT}), json!({"name": "Omar"})] {
            let call = || data(&app, body.clone()).header("idempotency-key", &format!("key of {body}"));
            let (first, second) = tokio::join!(call().send(), call().send());
            assert!(matches!((first.status, second.status), (200, 201) | (201, 200)), "{} {}", first.text, second.text);
            assert_eq!(first.body, second.body);
            assert_eq!(call().send().await.expect(200), first.body);
        }
        let other = data(&app, json!({"name": "Mallory"})).header("idempotency-key", "key of {\"name\":\"Omar\"}");
        other.send().await.problem(409, "conflict");
    }

    async fn of_many_at_once_one_gets_the_chat(app: TestApp) {
        let calls = (0..12).map(|number| data(&app, json!({"name": format!("Nadia {number}"), "chat_id": CHAT})).send());
        let answers = futures_util::future::join_all(calls).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        let others = answers.iter().filter(|answer| answer.status == 200 && answer.body["data"] == json!({"visitor_id": null, "chat_id": CHAT}));
        assert_eq!(others.count(), 11);
        let made = answers.iter().find(|answer| answer.status == 201).unwrap();
        let key = text(&made.body["data"]["visitor_id"]);
        data(&app, json!({"chat_id": CHAT, "visitor_id": key})).send().await.expect(200);
    }

    async fn customers_of_the_host_site_have_no_key(app: TestApp) {
        let token = host_token(json!({"sub": "customer-9", "name": "Nadia"}));
        let made = data(&app, json!({"chat_id": "cart"})).bearer(&token).send().await.expect(201);
        assert_eq!(made["data"], json!({"visitor_id": null, "chat_id": "cart"}));
        data(&app, json!({"chat_id": "cart"})).bearer(&token).send().await.expect(200);
        let sent = send(&app, "cart", json!({"role": "user", "message": "Hello"})).bearer(&token).send().await.expect(201);
        assert!(sent["data"].get("visitor_id").is_none());
    }

    async fn wrong_fields_are_named(app: TestApp) {
        for (field, value) in [("chat_id", json!("x".repeat(201))), ("chat_id", json!("a\u{7}b")), ("email", json!("nadia")), ("name", json!("x".repeat(201))), ("page_url", json!("a\u{0}")), ("metadata", json!({"a": "x".repeat(9000)}))] {
            let problem = data(&app, json!({field: value})).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], field);
        }
        let long = format!("https://shop.example.com/?q={}", "x".repeat(5_000));
        data(&app, json!({"referrer": long, "page_url": long})).send().await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_a_place_if_the_operator_gave_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.mmdb");
    std::fs::write(&path, a_geo_database("GeoLite2-City")).unwrap();
    let flag = format!("--geo-database={}", path.display());
    let app = TestApp::start_with(Database::Sqlite, &["--limits=off", "--trusted-proxies=127.0.0.1", &flag]).await;
    data(&app, json!({"chat_id": CHAT}))
        .header("x-forwarded-for", "203.0.113.9")
        .header("user-agent", FIREFOX)
        .send()
        .await
        .expect(201);
    send(&app, CHAT, json!({"role": "user", "message": "Hello"})).send().await.expect(201);
    let user = Desk::open(&app).await.users_chats("").await["data"][0].clone();
    assert_eq!(
        (&user["ip"], &user["location"], &user["device"]),
        (&json!("203.0.113.9"), &json!("Melk, Austria"), &json!("Firefox on Windows 10 (desktop)"))
    );
    let room = app
        .post("/api/public/chat-rooms/")
        .header("x-forwarded-for", "203.0.113.9")
        .json(json!({"message": "Hello"}))
        .send()
        .await
        .expect(201);
    let visitor = app.state().visitors.authenticate(text(&room["visitor_id"]).parse().unwrap()).await.unwrap();
    assert_eq!(visitor.context.region.as_deref(), Some("Lower Austria"), "over every door");
}

#[test]
fn a_missing_or_broken_location_database_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.mmdb");
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let start = || {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_parlor"))
            .env("PARLOR_GEO_DATABASE", &path)
            .env("PARLOR_DATA_DIR", folder.path().join("data"))
            .env("PARLOR_LISTEN", &address)
            .output()
            .unwrap();
        assert!(!run.status.success());
        String::from_utf8_lossy(&run.stderr).into_owned()
    };
    let said = start();
    assert!(said.contains("PARLOR_GEO_DATABASE names") && said.contains("cannot be read"), "{said}");
    std::fs::write(&path, "<html>").unwrap();
    let said = start();
    assert!(said.contains("is no MaxMind database") && said.contains("GeoLite2-City.mmdb"), "{said}");
}

on_both! {
    async fn new_visitors_and_chats_are_counted(app: TestApp) {
        let limited = TestApp::start_with(Database::Sqlite, &["--limit-visitors=3", "--limit-conversations=100", "--limit-requests=0"]).await;
        for number in 0..3 {
            data(&limited, json!({"chat_id": number.to_string()})).send().await.expect(201);
            data(&limited, json!({"chat_id": "0"})).send().await.expect(200);
        }
        data(&limited, json!({})).send().await.problem(429, "rate_limited");
        let path = format!("/api/users/chats/{CHAT}/send/");
        limited.post(&path).json(json!({"role": "user", "message": "Hello"})).send().await.problem(429, "rate_limited");
        assert_eq!(app.call(Method::GET, "/api/users/data/").send().await.status, 405);
    }
}
