//! STEP 1: a visitor and its profile.

use super::{NOBODY, VISITORS, far_owner, first_workspace, is_time, keys, stored, text};
use crate::app::host_token;
use parlor_domain::agent::Role;
use parlor_domain::channel::{IdentityRule, NewChannel, Origin};
use parlor_domain::text::Name;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

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

    async fn a_stranger_comes_in_by_the_channel_that_is_named_or_fits(app: TestApp) {
        let workspace = first_workspace(&app).await;
        let default = app.state().channels.list(workspace).await.unwrap()[0].id;
        let origin = "https://shop.example.com";
        let new = NewChannel {
            kind: parlor_domain::channel::ChannelKind::Web,
            name: Name::parse("Shop").unwrap(),
            origins: vec![Origin::parse(origin).unwrap()],
            identity: IdentityRule::Optional,
            assistant: parlor_domain::assistant::AssistantSettings::default(),
            assistant_key: None,
            whatsapp: None,
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
}
