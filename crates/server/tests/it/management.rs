//! Managing the workspace: people, entry points, visitors, keys.

use crate::app::{Answer, Database, TestApp, host_token};
use parlor_domain::agent::Role;
use parlor_domain::text::Name;
use reqwest::Method;
use serde_json::{Value, json};

const NOBODY: &str = "018f6a3e-5b1c-7000-8000-000000000077";

fn wrong_field(answer: Answer, field: &str) {
    let problem = answer.problem(400, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], field, "{problem}");
}

async fn other_workspace(app: &TestApp) -> parlor_domain::id::WorkspaceId {
    app.state().workspaces.create(Name::parse("other").unwrap()).await.unwrap().0.id
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

on_both! {
    async fn agents_read_names_and_admins_manage(app: TestApp) {
        let (agent, agent_id) = app.agent("omar@example.com", Role::Agent).await;
        let (admin, admin_id) = app.agent("ada@example.com", Role::Admin).await;
        app.agent_in(other_workspace(&app).await, "eve@example.com", Role::Owner).await;
        let seen = app.get("/api/admin/agents/").bearer(&agent).send().await;
        assert!(!seen.text.contains('@'), "addresses are for admins: {}", seen.text);
        let seen = seen.expect(200);
        assert_eq!(seen["results"], json!([{"id": agent_id, "name": "omar", "role": "agent", "active": true}, {"id": admin_id, "name": "ada", "role": "admin", "active": true}]));
        let whole = app.get("/api/admin/agents/?limit=1").bearer(&admin).send().await.expect(200);
        assert_eq!(whole["results"][0]["email"], "omar@example.com");
        let rest = app.get(&format!("/api/admin/agents/?cursor={}", whole["next"].as_str().unwrap())).bearer(&admin).send().await.expect(200);
        assert_eq!((&rest["results"][0]["id"], &rest["next"]), (&json!(admin_id), &json!(null)));
        let path = format!("/api/admin/agents/{agent_id}/");
        assert_eq!(app.get(&path).bearer(&admin).send().await.expect(200)["email"], "omar@example.com");
        let edit = json!({"name": "Omar", "username": "omar", "external_id": "staff-1", "role": "admin"});
        let changed = app.patch(&path).bearer(&admin).json(edit).send().await.expect(200);
        assert_eq!((&changed["name"], &changed["username"], &changed["external_id"], &changed["role"]), (&json!("Omar"), &json!("omar"), &json!("staff-1"), &json!("admin")));
        app.get(&path).bearer(&agent).send().await.expect(200);
        let changed = app.patch(&path).bearer(&admin).json(json!({"username": null, "role": "agent", "name": null})).send().await.expect(200);
        assert_eq!((&changed["name"], &changed["username"], &changed["external_id"], &changed["role"]), (&json!("Omar"), &json!(null), &json!("staff-1"), &json!("agent")));
        app.get(&path).bearer(&agent).send().await.problem(403, "forbidden");
        app.patch(&path).bearer(&agent).json(json!({"role": "admin"})).send().await.problem(403, "forbidden");
        app.delete(&path).bearer(&agent).send().await.problem(403, "forbidden");
        app.post("/api/admin/agents/").bearer(&agent).json(json!({"email": "x@example.com", "name": "X", "role": "agent"})).send().await.problem(403, "forbidden");
        app.post(&format!("{path}invite/")).bearer(&agent).send().await.problem(403, "forbidden");
    }

    async fn an_agents_names_are_unique_on_the_server(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (foreigner, _) = app.agent_in(other_workspace(&app).await, "eve@example.com", Role::Owner).await;
        let create = |token: &str, email: &str, username: Option<&str>, external_id: Option<&str>| {
            let body = json!({"email": email, "name": "Omar", "role": "agent", "username": username, "external_id": external_id});
            app.post("/api/admin/agents/").bearer(token).json(body).send()
        };
        let made = create(&admin, "omar@example.com", Some("omar"), Some("staff-1")).await.expect(201);
        assert_eq!((&made["agent"]["active"], &made["agent"]["username"]), (&json!(true), &json!("omar")));
        for (email, username, external_id) in [("OMAR@example.com", None, None), ("x@example.com", Some("OMAR"), None), ("x@example.com", None, Some("staff-1"))] {
            create(&foreigner, email, username, external_id).await.problem(409, "conflict");
        }
        let other = create(&foreigner, "x@example.com", Some("x"), None).await.expect(201)["agent"]["id"].as_str().unwrap().to_owned();
        app.patch(&format!("/api/admin/agents/{other}/")).bearer(&foreigner).json(json!({"email": "omar@example.com"})).send().await.problem(409, "conflict");
        for (field, value) in [("email", json!("nobody")), ("name", json!(" ")), ("username", json!("victim@example.com")), ("role", json!("boss")), ("external_id", json!("a\u{0}"))] {
            let mut body = json!({"email": "y@example.com", "name": "Y", "role": "agent"});
            body[field] = value.clone();
            wrong_field(app.post("/api/admin/agents/").bearer(&admin).json(body).send().await, field);
            wrong_field(app.patch(&format!("/api/admin/agents/{}/", made["agent"]["id"].as_str().unwrap())).bearer(&admin).json(json!({field: value})).send().await, field);
        }
        app.post("/api/admin/agents/").bearer(&admin).json(json!({"email": "y@example.com", "name": "Y", "role": "agent", "password": "correct horse battery"})).send().await.problem(400, "invalid_input");
    }

    async fn owners_are_touched_by_owners_only_and_one_stays(app: TestApp) {
        let (owner, owner_id) = app.agent("olga@example.com", Role::Owner).await;
        let (admin, admin_id) = app.agent("ada@example.com", Role::Admin).await;
        let path = format!("/api/admin/agents/{owner_id}/");
        let made_owner = |token: &str, email: &str| app.post("/api/admin/agents/").bearer(token).json(json!({"email": email, "name": "O", "role": "owner"})).send();
        made_owner(&admin, "o@example.com").await.problem(403, "forbidden");
        app.patch(&path).bearer(&admin).json(json!({"name": "Nobody"})).send().await.problem(403, "forbidden");
        app.patch(&format!("/api/admin/agents/{admin_id}/")).bearer(&admin).json(json!({"role": "owner"})).send().await.problem(403, "forbidden");
        app.delete(&path).bearer(&admin).send().await.problem(403, "forbidden");
        // The link sets a password, so it would make the admin an owner.
        app.post(&format!("{path}invite/")).bearer(&admin).send().await.problem(403, "forbidden");
        app.delete(&path).bearer(&owner).send().await.problem(409, "conflict");
        app.patch(&path).bearer(&owner).json(json!({"role": "admin"})).send().await.problem(409, "conflict");
        made_owner(&owner, "o@example.com").await.expect(201);
        app.post(&format!("{path}invite/")).bearer(&owner).send().await.expect(200);
        app.patch(&path).bearer(&owner).json(json!({"role": "admin"})).send().await.expect(200);
        app.get("/api/admin/workspace/").bearer(&owner).send().await.problem(403, "forbidden");
    }

    async fn a_deactivated_agent_is_out_at_once_and_its_conversations_wait(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (agent, id) = app.agent("omar@example.com", Role::Agent).await;
        app.patch(&format!("/api/admin/agents/{id}/")).bearer(&admin).json(json!({"external_id": "staff-1"})).send().await.expect(200);
        let host = host_token(json!({"sub": "staff-1"}));
        let login = json!({"username": "omar@example.com", "password": "correct horse battery"});
        let body = app.post("/api/admin/auth/login/").json(login.clone()).send().await.expect(200);
        let (room, _) = app.room().await;
        app.say(&room, "Hello").await;
        let conversation = app.conversation_id(&room).await;
        app.post(&format!("/api/admin/chat-rooms/{conversation}/take_over/")).bearer(&agent).send().await.expect(200);
        app.get("/api/admin/chat-rooms/").bearer(&host).send().await.expect(200);
        assert_eq!(app.delete(&format!("/api/admin/agents/{id}/")).bearer(&admin).send().await.status, 204);
        for token in [agent.as_str(), body["access"].as_str().unwrap(), host.as_str()] {
            app.get("/api/admin/chat-rooms/").bearer(token).send().await.problem(401, "unauthenticated");
        }
        app.post("/api/admin/auth/refresh/").json(json!({"refresh": body["refresh"]})).send().await.problem(401, "unauthenticated");
        app.post("/api/admin/auth/login/").json(login).send().await.problem(401, "unauthenticated");
        app.post(&format!("/api/admin/agents/{id}/invite/")).bearer(&admin).send().await.problem(409, "conflict");
        let row = app.get(&format!("/api/admin/chat-rooms/{conversation}/")).bearer(&admin).send().await.expect(200);
        assert_eq!((&row["handled_by"], &row["assignee_id"]), (&json!("queue"), &json!(null)));
        assert_eq!(app.get(&format!("/api/admin/agents/{id}/")).bearer(&admin).send().await.expect(200)["active"], false);
        assert_eq!(app.delete(&format!("/api/admin/agents/{id}/")).bearer(&admin).send().await.status, 204, "may be repeated");
    }

    async fn channels_are_managed_by_admins(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let seen = app.get("/api/admin/channels/").bearer(&agent).send().await.expect(200);
        assert_eq!(keys(&seen["results"][0]), ["id", "kind", "name"]);
        assert_eq!((&seen["results"][0]["name"], &seen["next"]), (&json!("Website"), &json!(null)));
        let website = format!("/api/admin/channels/{}/", seen["results"][0]["id"].as_str().unwrap());
        app.get(&website).bearer(&agent).send().await.problem(403, "forbidden");
        app.post("/api/admin/channels/").bearer(&agent).json(json!({"kind": "web", "name": "Shop"})).send().await.problem(403, "forbidden");
        app.delete(&website).bearer(&admin).send().await.problem(409, "conflict");
        let shop = json!({"kind": "web", "name": "Shop", "origins": ["https://Shop.example.com/", "https://shop.example.com"], "identity": "required"});
        let made = app.post("/api/admin/channels/").bearer(&admin).json(shop).send().await.expect(201);
        assert_eq!((&made["origins"], &made["identity"], &made["kind"]), (&json!(["https://shop.example.com"]), &json!("required"), &json!("web")));
        let path = format!("/api/admin/channels/{}/", made["id"].as_str().unwrap());
        let changed = app.patch(&path).bearer(&admin).json(json!({"name": "Store", "identity": "optional", "origins": null})).send().await.expect(200);
        assert_eq!((&changed["name"], &changed["identity"], &changed["origins"]), (&json!("Store"), &json!("optional"), &made["origins"]));
        assert_eq!(app.get(&path).bearer(&admin).send().await.expect(200), changed);
        for (body, field) in [
            (json!({"name": ""}), "name"), (json!({"origins": ["https://a.example.com", "shop"]}), "origins[1]"), (json!({"origins": vec!["https://a.example.com"; 51]}), "origins"),
            (json!({"identity": "maybe"}), "identity"), (json!({"kind": "api"}), "kind"), (json!({"secret": "x"}), "secret"),
        ] {
            wrong_field(app.patch(&path).bearer(&admin).json(body).send().await, field);
        }
        app.post("/api/admin/channels/").bearer(&admin).json(json!({"kind": "whatsapp", "name": "W"})).send().await.problem(400, "invalid_input");
        assert_eq!(app.delete(&path).bearer(&admin).send().await.status, 204);
        app.get(&path).bearer(&admin).send().await.problem(404, "not_found");
        app.delete(&path).bearer(&admin).send().await.problem(404, "not_found");
        let (foreigner, _) = app.agent_in(other_workspace(&app).await, "eve@example.com", Role::Owner).await;
        for method in [Method::GET, Method::PATCH, Method::DELETE] {
            app.call(method, &website).bearer(&foreigner).json(json!({})).send().await.problem(404, "not_found");
        }
    }

    async fn agents_read_and_edit_visitors(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (room, key) = app.room().await;
        app.say(&room, "Hello").await;
        app.visitor().await;
        let all = app.get("/api/admin/visitors/").bearer(&agent).send().await;
        assert!(!all.text.contains(&key), "keys are the visitor's own");
        assert_eq!(all.expect(200)["results"].as_array().unwrap().len(), 2);
        let found = app.get("/api/admin/visitors/?q=nadia%40").bearer(&agent).send().await.expect(200);
        assert_eq!(found["results"].as_array().unwrap().len(), 1, "{found}");
        let id = found["results"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/admin/visitors/{id}/");
        let first = app.get("/api/admin/visitors/?limit=1").bearer(&agent).send().await.expect(200);
        let rest = app.get(&format!("/api/admin/visitors/?limit=1&cursor={}", first["next"].as_str().unwrap())).bearer(&agent).send().await.expect(200);
        assert_eq!((rest["results"][0]["id"].as_str().unwrap(), &rest["next"]), (id.as_str(), &json!(null)));
        let edit = json!({"name": "Nadia B.", "email": "nadia.b@example.com", "phone": "+1 (202) 555-0100", "locale": "de-AT", "metadata": {"plan": "pro"}});
        let changed = app.patch(&path).bearer(&agent).json(edit).send().await.expect(200);
        assert_eq!((&changed["name"], &changed["locale"], &changed["metadata"]), (&json!("Nadia B."), &json!("de-AT"), &json!({"plan": "pro"})));
        assert_eq!((&changed["email"], &changed["phone"]), (&json!({"value": "nadia.b@example.com", "verified": false}), &json!({"value": "+12025550100", "verified": false})));
        let conversation = app.conversation_id(&room).await;
        let row = app.get(&format!("/api/admin/chat-rooms/{conversation}/")).bearer(&agent).send().await.expect(200);
        assert_eq!((&row["customer_name"], &row["customer_email"]), (&json!("Nadia B."), &json!("nadia.b@example.com")), "conversations follow");
        let changed = app.patch(&path).bearer(&agent).json(json!({"phone": null, "locale": "", "metadata": null})).send().await.expect(200);
        assert_eq!((&changed["name"], &changed["phone"], &changed["locale"], &changed["metadata"]), (&json!("Nadia B."), &json!(null), &json!(null), &json!(null)));
        assert_eq!(app.get(&path).bearer(&agent).send().await.expect(200), changed);
        for (body, field) in [
            (json!({"email": "nobody"}), "email"), (json!({"phone": "call me"}), "phone"), (json!({"name": "x".repeat(201)}), "name"), (json!({"metadata": [1]}), "metadata"),
            (json!({"metadata": {"a": "x".repeat(9000)}}), "metadata"), (json!({"external_id": "x"}), "external_id"), (json!({"verified": true}), "verified"),
        ] {
            wrong_field(app.patch(&path).bearer(&agent).json(body).send().await, field);
        }
        wrong_field(app.get("/api/admin/visitors/?q=%00").bearer(&agent).send().await, "q");
        let (foreigner, _) = app.agent_in(other_workspace(&app).await, "eve@example.com", Role::Owner).await;
        for path in [path.as_str(), &format!("/api/admin/visitors/{NOBODY}/"), "/api/admin/visitors/x/"] {
            app.get(path).bearer(&foreigner).send().await.problem(404, "visitor_not_found");
            app.patch(path).bearer(&foreigner).json(json!({"name": "x"})).send().await.problem(404, "visitor_not_found");
        }
        // A key names nobody to agents.
        app.get(&format!("/api/admin/visitors/{key}/")).bearer(&agent).send().await.problem(404, "visitor_not_found");
    }

    async fn a_proven_address_outlives_an_edit(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let key = app.visitor().await;
        let token = host_token(json!({"sub": "customer-1", "email": "nadia@example.com"}));
        app.post(&format!("/api/chats/visitors/{key}/identify/")).json(json!({"token": token})).send().await.expect(200);
        let all = app.get("/api/admin/visitors/").bearer(&agent).send().await.expect(200);
        let visitor = &all["results"][0];
        assert_eq!((&visitor["email"]["verified"], &visitor["external_id"]), (&json!(true), &json!({"value": "customer-1", "verified": true})));
        let path = format!("/api/admin/visitors/{}/", visitor["id"].as_str().unwrap());
        for email in [json!("other@example.com"), json!(null)] {
            let changed = app.patch(&path).bearer(&agent).json(json!({"email": email})).send().await.expect(200);
            assert_eq!(changed["email"], json!({"value": "nadia@example.com", "verified": true}));
        }
    }

    async fn the_workspace_is_its_owners_business(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        other_workspace(&app).await;
        let path = "/api/admin/workspace/";
        assert_eq!(app.get(path).bearer(&owner).send().await.expect(200)["name"], "default");
        let changed = app.patch(path).bearer(&owner).json(json!({"name": " shop "})).send().await.expect(200);
        assert_eq!(changed["name"], "shop");
        assert_eq!(app.patch(path).bearer(&owner).json(json!({})).send().await.expect(200), changed);
        app.patch(path).bearer(&owner).json(json!({"name": "other"})).send().await.problem(409, "conflict");
        wrong_field(app.patch(path).bearer(&owner).json(json!({"name": ""})).send().await, "name");
        wrong_field(app.patch(path).bearer(&owner).json(json!({"id": NOBODY})).send().await, "id");
        app.get(path).bearer(&admin).send().await.problem(403, "forbidden");
        app.patch(path).bearer(&admin).json(json!({"name": "mine"})).send().await.problem(403, "forbidden");
    }

    async fn api_keys_open_within_their_scope_until_they_are_revoked(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let create = |token: &str, scope: &str| app.post("/api/admin/api-keys/").bearer(token).json(json!({"name": "Orders", "scope": scope})).send();
        create(&admin, "read").await.problem(403, "forbidden");
        app.get("/api/admin/api-keys/").bearer(&admin).send().await.problem(403, "forbidden");
        wrong_field(create(&owner, "owner").await, "scope");
        let made = create(&owner, "admin").await;
        assert_eq!(made.header("cache-control"), "no-store");
        let made = made.expect(201);
        let secret = made["secret"].as_str().unwrap();
        assert!(secret.starts_with("parlor_"));
        let list = app.get("/api/admin/api-keys/").bearer(&owner).send().await;
        assert!(!list.text.contains(secret), "a secret is shown once");
        assert_eq!(list.expect(200)["results"], json!([made["api_key"]]));
        assert!(app.get("/api/admin/agents/").bearer(secret).send().await.expect(200)["results"][0]["email"].is_string());
        let id = made["api_key"]["id"].as_str().unwrap();
        for path in ["/api/admin/api-keys/", "/api/admin/workspace/"] {
            app.get(path).bearer(secret).send().await.problem(403, "forbidden");
        }
        app.post("/api/admin/agents/").bearer(secret).json(json!({"email": "o@example.com", "name": "O", "role": "owner"})).send().await.problem(403, "forbidden");
        let write = create(&owner, "write").await.expect(201)["secret"].as_str().unwrap().to_owned();
        app.post("/api/admin/channels/").bearer(&write).json(json!({"kind": "api", "name": "A"})).send().await.problem(403, "forbidden");
        let (foreigner, _) = app.agent_in(other_workspace(&app).await, "eve@example.com", Role::Owner).await;
        app.delete(&format!("/api/admin/api-keys/{id}/")).bearer(&foreigner).send().await.problem(404, "not_found");
        assert_eq!(app.delete(&format!("/api/admin/api-keys/{id}/")).bearer(&owner).send().await.status, 204);
        app.get("/api/admin/agents/").bearer(secret).send().await.problem(401, "unauthenticated");
        app.delete(&format!("/api/admin/api-keys/{id}/")).bearer(&owner).send().await.problem(404, "not_found");
        app.get("/api/admin/chat-rooms/").bearer(&write).send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channels_origins_may_call_at_once() {
    let app = TestApp::start(Database::Sqlite).await;
    let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
    let allowed = |origin: &'static str| {
        let call = app.get("/health/live").header("origin", origin).send();
        async move { call.await.header("access-control-allow-origin") == origin }
    };
    assert!(!allowed("https://shop.example.com").await);
    assert!(allowed("http://localhost:3000").await);
    let made = app
        .post("/api/admin/channels/")
        .bearer(&admin)
        .json(json!({"kind": "web", "name": "Shop", "origins": ["https://shop.example.com"]}))
        .send()
        .await
        .expect(201);
    assert!(allowed("https://shop.example.com").await);
    assert!(
        !allowed("http://localhost:3000").await,
        "as soon as a channel names a site, this machine's own are foreign"
    );
    let path = format!("/api/admin/channels/{}/", made["id"].as_str().unwrap());
    app.patch(&path).bearer(&admin).json(json!({"origins": []})).send().await.expect(200);
    assert!(!allowed("https://shop.example.com").await);
}
