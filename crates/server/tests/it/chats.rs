//! `/api/chats`: STEP 1 to STEP 3.

use crate::app::{Answer, Database, TestApp, host_token, host_token_with};
use crate::wrong_bodies;
use parlor_domain::agent::Role;
use parlor_domain::channel::{EditChannel, IdentityRule, NewChannel, Origin};
use parlor_domain::id::{VisitorKey, WorkspaceId};
use parlor_domain::text::Name;
use parlor_domain::visitor::Visitor;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

const VISITORS: &str = "/api/chats/visitors/";
const SESSIONS: &str = "/api/chats/sessions/";
const NOBODY: &str = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34";

/// A new session of a visitor, as its visitor sees it.
pub async fn new_session(app: &TestApp, visitor: &str) -> Value {
    let body = app.post(SESSIONS).json(json!({"visitor_id": visitor})).send().await.expect(201);
    body["data"].clone()
}

/// What the server keeps of the visitor with a key.
pub async fn stored(app: &TestApp, key: &str) -> Visitor {
    Visitor::clone(&*app.state().visitors.authenticate(key.parse::<VisitorKey>().unwrap()).await.unwrap())
}

/// An owner of another tenant: the access token.
pub async fn far_owner(app: &TestApp) -> String {
    let (workspace, _) = app.state().workspaces.create(Name::parse("Elsewhere").unwrap()).await.unwrap();
    app.agent_in(workspace.id, "far@example.com", Role::Owner).await.0
}

async fn first_workspace(app: &TestApp) -> WorkspaceId {
    app.state().workspaces.list().await.unwrap()[0].id
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// RFC 3339, UTC, three places of a second.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.' && text.as_bytes()[10] == b'T'
}

on_both! {
    async fn step_1_makes_a_visitor_with_or_without_a_body(app: TestApp) {
        let nothing = app.post(VISITORS).send().await.expect(201);
        assert_eq!(nothing["success"], true);
        let visitor = &nothing["data"];
        assert_eq!(keys(visitor), ["created_at", "email", "id", "last_seen_at", "locale", "metadata", "name", "phone", "verified"]);
        assert_eq!((&visitor["name"], &visitor["email"], &visitor["metadata"]), (&Value::Null, &Value::Null, &Value::Null));
        assert!(is_time(&visitor["created_at"]) && visitor["created_at"] == visitor["last_seen_at"], "{visitor}");
        app.post("/api/chats/visitors").json(json!({})).send().await.expect(201);
        for missing in ["", " \n", "null"] {
            app.post("/api/chats/visitors").raw("application/json", missing).send().await.expect(201);
        }
        let full = json!({
            "name": " Nadia ", "email": "Nadia@Example.com", "phone": "+1 (202) 555-0100", "locale": "de-AT", "user_id": "user-17",
            "metadata": {"plan": "pro", "cart": [1, 2]}, "role": "owner", "something": {"new": true},
        });
        let full = app.post(VISITORS).json(full).send().await.expect(201)["data"].clone();
        assert_eq!((&full["name"], &full["email"], &full["phone"]), (&json!("Nadia"), &json!("nadia@example.com"), &json!("+12025550100")));
        assert_eq!((&full["metadata"], &full["locale"], &full["verified"]), (&json!({"plan": "pro", "cart": [1, 2]}), &json!("de-AT"), &json!(false)));
        let kept = stored(&app, &text(&full["id"])).await;
        assert!(!kept.external_id.unwrap().verified && !kept.email.unwrap().verified, "what a visitor types is a claim");
    }

    async fn the_key_is_random_and_is_not_the_internal_id(app: TestApp) {
        let key = app.visitor().await;
        assert_eq!(Uuid::parse_str(&key).unwrap().get_version_num(), 4);
        let internal = stored(&app, &key).await.id.0;
        assert_eq!(internal.get_version_num(), 7);
        app.get(&format!("{VISITORS}{internal}/")).send().await.problem(404, "visitor_not_found");
    }

    async fn the_server_keeps_what_it_saw_of_the_request(app: TestApp) {
        let agent = "Browser/1.0 ".repeat(50);
        let call = app.post(VISITORS).header("user-agent", &agent).header("referer", "https://shop.example.com/cart");
        let key = text(&call.send().await.expect(201)["data"]["id"]);
        let context = stored(&app, &key).await.context;
        assert_eq!(context.ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(context.user_agent.unwrap().chars().count(), 400);
        assert_eq!(context.page_url.as_deref(), Some("https://shop.example.com/cart"));
    }

    async fn a_kept_key_is_validated_and_the_visitor_is_seen(app: TestApp) {
        let key = app.visitor().await;
        let first = app.get(&format!("{VISITORS}{key}/validate/")).send().await.expect(200)["data"].clone();
        assert_eq!((&first["valid"], &first["visitor"]["id"], &first["visitor"]["name"]), (&json!(true), &json!(key), &json!("Nadia")));
        app.clock.advance(Duration::from_secs(60));
        let later = app.get(&format!("{VISITORS}{key}/validate")).send().await.expect(200)["data"]["visitor"].clone();
        assert!(text(&later["last_seen_at"]) > text(&first["visitor"]["last_seen_at"]), "{later}");
        assert_eq!(later["created_at"], first["visitor"]["created_at"]);
        app.clock.advance(Duration::from_secs(6));
        let kept = app.get(&format!("{VISITORS}{key}/")).send().await.expect(200);
        assert_eq!(kept["data"]["last_seen_at"], later["last_seen_at"], "it is stored");
    }

    async fn a_key_of_nobody_is_not_valid_whatever_it_looks_like(app: TestApp) {
        let long = "x".repeat(3000);
        for id in [NOBODY, "0", "undefined", "null", "%00", "%ff%fe", "a%2Fb", "%F0%9F%92%A5", "..%2f", "'%20or%201=1", "00000000-0000-0000-0000-000000000000", &long] {
            for slash in ["", "/"] {
                let problem = app.get(&format!("{VISITORS}{id}/validate{slash}")).send().await.problem(404, "visitor_not_found");
                assert_eq!(problem["data"], json!({"valid": false}), "{id}");
            }
        }
    }

    async fn a_visitor_reads_and_changes_its_own_profile(app: TestApp) {
        let key = app.visitor().await;
        let path = format!("{VISITORS}{key}/");
        let read = app.get(&path).send().await.expect(200)["data"].clone();
        assert_eq!((&read["id"], &read["name"]), (&json!(key), &json!("Nadia")));
        let edit = json!({"email": "Nadia@example.com", "phone": "+1 202 555 0101", "metadata": {"a": 1}, "locale": "fr", "id": NOBODY, "verified": true});
        let changed = app.patch(&path).json(edit).send().await.expect(200)["data"].clone();
        assert_eq!((&changed["name"], &changed["email"], &changed["locale"]), (&json!("Nadia"), &json!("nadia@example.com"), &json!("fr")), "a missing field stays");
        assert_eq!((&changed["id"], &changed["verified"]), (&json!(key), &json!(false)));
        let cleared = app.patch(path.trim_end_matches('/')).json(json!({"name": null, "email": "", "phone": null, "metadata": null})).send().await.expect(200);
        let cleared = &cleared["data"];
        for field in ["name", "email", "phone", "metadata"] {
            assert_eq!(cleared[field], Value::Null, "{field}");
        }
        assert_eq!(cleared["locale"], "fr");
        assert_eq!(&app.get(&path).send().await.expect(200)["data"], cleared);
        let wrong = json!({"name": "x".repeat(201), "email": "nadia", "phone": "call me", "metadata": [1]});
        let problem = app.patch(&path).json(wrong).send().await.problem(400, "invalid_input");
        let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| text(&error["field"])).collect();
        assert_eq!(fields, ["name", "email", "phone", "metadata"], "all wrong fields are named at once");
        app.patch(&format!("{VISITORS}{NOBODY}/")).json(json!({})).send().await.problem(404, "visitor_not_found");
        app.get(&format!("{VISITORS}nonsense/")).send().await.problem(404, "visitor_not_found");
        app.get(&path).bearer(&key).send().await.expect(200);
    }

    async fn agents_know_visitors_by_their_internal_id_only(app: TestApp) {
        let key = app.visitor().await;
        let internal = stored(&app, &key).await.id.to_string();
        let (agent, _) = app.agent("ada@example.com", Role::Agent).await;
        let path = format!("{VISITORS}{internal}/");
        assert_eq!(app.get(&path).bearer(&agent).send().await.expect(200)["data"]["id"], json!(internal));
        let changed = app.patch(&path).bearer(&agent).json(json!({"name": "Nadia N."})).send().await.expect(200);
        assert_eq!((&changed["data"]["name"], &changed["data"]["id"]), (&json!("Nadia N."), &json!(internal)));
        assert_eq!(app.get(&format!("{VISITORS}{key}/")).send().await.expect(200)["data"]["name"], "Nadia N.");
        app.get(&format!("{VISITORS}{key}/")).bearer(&agent).send().await.problem(404, "visitor_not_found");
        let far = far_owner(&app).await;
        app.get(&path).bearer(&far).send().await.problem(404, "visitor_not_found");
        app.patch(&path).bearer(&far).json(json!({"name": "x"})).send().await.problem(404, "visitor_not_found");
        app.get(&path).bearer("not.a.token").send().await.problem(401, "unauthenticated");
        let (seller, _) = app.agent("sam@example.com", Role::Seller).await;
        app.get(&path).bearer(&seller).send().await.problem(403, "forbidden");
    }

    async fn agents_list_and_search_visitors(app: TestApp) {
        let make = async |name: &str, email: &str, phone: &str| {
            app.clock.advance(Duration::from_millis(5));
            let body = json!({"name": name, "email": email, "phone": phone});
            let key = text(&app.post(VISITORS).json(body).send().await.expect(201)["data"]["id"]);
            stored(&app, &key).await.id.to_string()
        };
        let mut made = Vec::new();
        for n in 0..5 {
            made.push(make(&format!("Person {n}"), &format!("p{n}@example.com"), "+1 202 555 0100").await);
        }
        made.push(make("Zoë Ångström", "zoe@example.org", "+44 20 7946 0000").await);
        made.reverse();
        let (agent, _) = app.agent("ada@example.com", Role::Agent).await;
        let list = async |query: &str| app.get(&format!("{VISITORS}{query}")).bearer(&agent).send().await.expect(200)["data"].clone();
        let ids = |page: &Value| page["results"].as_array().unwrap().iter().map(|row| text(&row["id"])).collect::<Vec<_>>();
        let all = list("").await;
        assert_eq!((ids(&all), &all["next"]), (made.clone(), &Value::Null), "newest first, by internal id");
        let mut paged = Vec::new();
        let mut query = "?limit=4".to_owned();
        loop {
            let page = list(&query).await;
            paged.extend(ids(&page));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("?limit=4&cursor={next}");
        }
        assert_eq!(paged, made);
        for (query, found) in [("zo", 1), ("Person", 5), ("person 3", 1), ("p4@exa", 1), ("ZOE@example", 1), ("%2B1202555", 5), ("nobody", 0)] {
            assert_eq!(ids(&list(&format!("?q={query}")).await).len(), found, "{query}");
        }
        for wrong in ["?limit=0", "?limit=101", "?limit=x", "?cursor=nonsense", "?q=a%00b"] {
            app.get(&format!("{VISITORS}{wrong}")).bearer(&agent).send().await.problem(400, "invalid_input");
        }
        app.get(VISITORS).send().await.problem(401, "unauthenticated");
        app.get(VISITORS).bearer(&app.visitor().await).send().await.problem(401, "unauthenticated");
        app.get(VISITORS).bearer(&host_token(json!({"sub": "customer-1"}))).send().await.problem(403, "forbidden");
        let far = far_owner(&app).await;
        let foreign = app.get(VISITORS).bearer(&far).send().await.expect(200);
        assert_eq!(foreign["data"], json!({"results": [], "next": null}), "another tenant sees nothing of it");
    }

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
        for token in [&expired, &forged, &none, &host_token(json!({"email": "nadia@example.com"})), &staff, &key, &"x".to_owned()] {
            app.post(&path).json(json!({"token": token})).send().await.problem(401, "unauthenticated");
        }
        assert_eq!(app.post(&path).json(json!({})).send().await.problem(400, "invalid_input")["errors"][0]["field"], "token");
        app.post(&format!("{VISITORS}{NOBODY}/identify/")).json(json!({"token": host_token(claims)})).send().await.problem(404, "visitor_not_found");
        assert!(!stored(&app, &key).await.is_verified());
    }

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

    async fn creations_with_an_idempotency_key_happen_once(app: TestApp) {
        let make = |path: &str, key: &str, body: Value| app.post(path).header("idempotency-key", key).json(body).send();
        let id = |answer: Answer| text(&answer.expect(201)["data"]["id"]);
        let first = id(make(VISITORS, "k1", json!({"name": "Nadia"})).await);
        assert_eq!(id(make(VISITORS, "k1", json!({"name": "Nadia", "unknown": 1})).await), first);
        assert_ne!(id(make(VISITORS, "k2", json!({"name": "Nadia"})).await), first);
        make(VISITORS, "k1", json!({"name": "Other"})).await.problem(409, "conflict");
        let session = id(make(SESSIONS, "k1", json!({"visitor_id": first})).await);
        assert_eq!(id(make(SESSIONS, "k1", json!({"visitor_id": first})).await), session, "one key for two kinds of things");
        make(SESSIONS, "k1", json!({"visitor_id": first, "metadata": {"a": 1}})).await.problem(409, "conflict");
        let other = app.visitor().await;
        assert_ne!(id(make(SESSIONS, "k1", json!({"visitor_id": other})).await), session, "each visitor has its own keys");
        for wrong in ["", " ", &"k".repeat(65)] {
            let problem = make(VISITORS, wrong, json!({})).await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
        }
        app.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
        assert_ne!(id(make(VISITORS, "k1", json!({"name": "Nadia"})).await), first, "remembered for 24 hours");
        assert_ne!(id(make(SESSIONS, "k1", json!({"visitor_id": first})).await), session);
    }

    async fn the_same_creation_at_the_same_moment_happens_once(app: TestApp) {
        let many = |path: &'static str, body: Value| {
            let calls = (0..8).map(|_| app.post(path).header("idempotency-key", "same").json(body.clone()).send()).collect::<Vec<_>>();
            futures_util::future::join_all(calls)
        };
        let one = |answers: Vec<Answer>| {
            let mut ids: Vec<String> = answers.into_iter().map(|answer| text(&answer.expect(201)["data"]["id"])).collect();
            ids.dedup();
            assert_eq!(ids.len(), 1, "{ids:?}");
            ids.remove(0)
        };
        let visitor = one(many(VISITORS, json!({"name": "Nadia"})).await);
        one(many(SESSIONS, json!({"visitor_id": visitor})).await);
        let sessions = app.get(&format!("{SESSIONS}?visitor_id={visitor}")).send().await.expect(200);
        assert_eq!(sessions["data"]["results"].as_array().unwrap().len(), 1);
        let (agent, _) = app.agent("ada@example.com", Role::Agent).await;
        assert_eq!(app.get(VISITORS).bearer(&agent).send().await.expect(200)["data"]["results"].as_array().unwrap().len(), 1);
    }

    async fn wrong_bodies_are_refused_with_their_place(app: TestApp) {
        let visitor = app.visitor().await;
        let session = text(&new_session(&app, &visitor).await["id"]);
        let profile = format!("{VISITORS}{visitor}/");
        let good = json!({"visitor_id": visitor});
        wrong_bodies::are_refused(&app, Method::POST, VISITORS, "name", &json!({"name": "Nadia"})).await;
        wrong_bodies::are_refused(&app, Method::PATCH, &profile, "name", &json!({"name": "Nadia"})).await;
        wrong_bodies::are_refused(&app, Method::POST, &format!("{profile}identify/"), "token", &json!({"token": "x"})).await;
        wrong_bodies::are_refused(&app, Method::POST, SESSIONS, "conversation_id", &good).await;
        wrong_bodies::are_refused(&app, Method::POST, &format!("{SESSIONS}{session}/end/"), "visitor_id", &good).await;
        wrong_bodies::nul_is_refused(&app, Method::POST, VISITORS, &["name", "email", "phone", "locale", "user_id"], &json!({})).await;
        wrong_bodies::nul_is_refused(&app, Method::PATCH, &profile, &["name", "email", "phone", "locale"], &json!({})).await;
        for metadata in [json!({"a": "\u{0}"}), json!({"a": "x".repeat(9000)}), json!([1]), json!("text"), json!(7)] {
            for (path, body) in [(VISITORS, json!({"metadata": metadata})), (SESSIONS, json!({"visitor_id": visitor, "metadata": metadata}))] {
                let problem = app.post(path).json(body).send().await.problem(400, "invalid_input");
                assert_eq!(problem["errors"][0]["field"], "metadata", "{path}");
            }
        }
    }

    async fn a_stranger_comes_in_by_the_channel_that_is_named_or_fits(app: TestApp) {
        let workspace = first_workspace(&app).await;
        let default = app.state().channels.list(workspace).await.unwrap()[0].id;
        let origin = "https://shop.example.com";
        let new = NewChannel {
            kind: parlor_domain::channel::ChannelKind::Web,
            name: Name::parse("Shop").unwrap(),
            origins: vec![Origin::parse(origin).unwrap()],
            identity: IdentityRule::Optional,
        };
        let shop = app.state().channels.create(workspace, new).await.unwrap().id;
        let came = async |call: crate::app::Call<'_>| {
            let key = text(&call.send().await.expect(201)["data"]["id"]);
            stored(&app, &key).await.channel_id
        };
        assert_eq!(came(app.post(VISITORS)).await, default);
        assert_eq!(came(app.post(VISITORS).header("origin", origin)).await, shop);
        assert_eq!(came(app.post(VISITORS).header("origin", "https://other.example.com")).await, default);
        assert_eq!(came(app.post(&format!("{VISITORS}?channel={shop}"))).await, shop);
        assert_eq!(came(app.post(VISITORS).json(json!({"channel": shop.to_string()}))).await, shop);
        assert_eq!(came(app.post(VISITORS).header("x-parlor-channel", &shop.to_string())).await, shop);
        assert_eq!(came(app.post(VISITORS).header("origin", origin).json(json!({"channel": default.to_string()}))).await, default);
        app.post(VISITORS).json(json!({"channel": NOBODY})).send().await.problem(404, "not_found");
        app.post(&format!("{VISITORS}?channel=nonsense")).send().await.problem(404, "not_found");
        app.post(VISITORS).header("x-parlor-channel", NOBODY).send().await.problem(404, "not_found");
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

#[tokio::test(flavor = "multi_thread")]
async fn new_visitors_and_sessions_of_one_address_are_limited() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-visitors=2", "--limit-conversations=1"]).await;
    let visitor = app.visitor().await;
    app.visitor().await;
    let refused = app.post(VISITORS).send().await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    refused.problem(429, "rate_limited");
    new_session(&app, &visitor).await;
    let refused = app.post(SESSIONS).json(json!({"visitor_id": visitor})).send().await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    refused.problem(429, "rate_limited");
    app.get(&format!("{VISITORS}{visitor}/validate/")).send().await.expect(200);
}
