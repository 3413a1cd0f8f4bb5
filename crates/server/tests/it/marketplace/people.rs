//! Who is on which side, and what each may touch.

use super::{CONVERSATIONS, ELSEWHERE, Person, customer, lines, seller, wrong_field};
use crate::app::host_token;
use parlor_domain::agent::Role;
use reqwest::Method;
use serde_json::{Value, json};

const ME: &str = "/api/admin/auth/me/";

/// All calls about one conversation, with the status of each.
async fn statuses(person: &Person<'_>, conversation: &str) -> Vec<u16> {
    let offer = json!(1001);
    vec![
        person.save(json!({"id": conversation, "vehicleName": "Mine"})).await.status,
        person.send(conversation, json!({"text": "Hello!"})).await.status,
        person.read(conversation).await.status,
        person.flag(conversation, "spam").await.status,
        person.act(conversation, &offer, "accept", json!({})).await.status,
        person.remove(conversation).await.status,
    ]
}

on_both! {
    async fn a_seller_is_made_at_first_sight(app: TestApp) {
        let mia = seller(&app, "mia");
        assert!(mia.own().await.is_empty());
        let me = app.get(ME).bearer(&mia.token).send().await.expect(200);
        assert_eq!((&me["email"], &me["name"], &me["role"]), (&json!("mia@example.com"), &json!("mia"), &json!("seller")));
        app.get("/api/admin/chat-rooms/").bearer(&mia.token).send().await.problem(403, "forbidden");
        let (first, second) = (seller(&app, "una"), seller(&app, "una"));
        let both = futures_util::future::join(first.list(""), second.list("")).await;
        assert_eq!((both.0.status, both.1.status), (200, 200), "two at the same moment are one");
    }

    async fn a_seller_whom_nobody_claimed_is_claimed_by_its_address(app: TestApp) {
        let nadia = customer(&app, "nadia");
        let begun = nadia.begin("conv_1", "Mia@Example.com").await;
        assert_eq!(begun["sellerId"], "mia@example.com");
        nadia.say("conv_1", 1, "Hello!").await;
        let token = host_token(json!({"sub": "seller-1", "role": "seller", "email": "MIA@example.com", "name": "Mia"}));
        let mia = Person { app: &app, token, email: "mia@example.com".to_owned() };
        assert_eq!(mia.see("conv_1").await["customerId"], "nadia@example.com");
        assert_eq!(app.get(ME).bearer(&mia.token).send().await.expect(200)["name"], "Mia", "it was called by its address until now");
        let other = host_token(json!({"sub": "seller-2", "role": "seller", "email": "mia@example.com"}));
        app.get(CONVERSATIONS).bearer(&other).send().await.problem(403, "forbidden");
    }

    async fn who_has_no_verified_address_is_told_what_to_do(app: TestApp) {
        for claims in [
            json!({"sub": "a", "role": "seller"}),
            json!({"sub": "b", "role": "seller", "email": "mia@example.com", "email_verified": false}),
            json!({"sub": "c"}),
            json!({"sub": "d", "email": "nadia@example.com", "email_verified": false}),
        ] {
            let refused = app.get(CONVERSATIONS).bearer(&host_token(claims.clone())).send().await.problem(403, "forbidden");
            assert!(refused["detail"].as_str().unwrap().contains("e-mail"), "{claims}: {refused}");
        }
        let key = app.visitor().await;
        app.get(CONVERSATIONS).bearer(&key).send().await.problem(403, "forbidden");
        app.get(CONVERSATIONS).send().await.problem(401, "unauthenticated");
        app.get(&format!("{CONVERSATIONS}?visitor_id={key}")).send().await.problem(401, "unauthenticated");
    }

    async fn the_key_of_a_verified_visitor_is_a_proof_as_well(app: TestApp) {
        let nadia = customer(&app, "nadia");
        nadia.begin("conv_1", "mia@example.com").await;
        nadia.say("conv_1", 1, "Hello!").await;
        let key = app.visitor().await;
        let joined = app.post(&format!("/api/chats/visitors/{key}/identify/")).json(json!({"token": nadia.token})).send().await.expect(200);
        let by_key = Person { token: joined["data"]["id"].as_str().unwrap().to_owned(), ..nadia };
        assert_eq!(by_key.see("conv_1").await["customerId"], "nadia@example.com");
        by_key.say("conv_1", 2, "Hello again!").await;
    }

    async fn a_sellers_token_makes_nobody_staff(app: TestApp) {
        app.agent("omar@example.com", Role::Agent).await;
        let token = host_token(json!({"sub": "seller-9", "role": "seller", "email": "Omar@example.com"}));
        app.get(CONVERSATIONS).bearer(&token).send().await.problem(403, "forbidden");
        app.get(ME).bearer(&token).send().await.problem(403, "forbidden");
    }

    async fn a_deactivated_seller_is_out(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let (mia, nadia) = (seller(&app, "mia"), customer(&app, "nadia"));
        nadia.begin("conv_1", &mia.email).await;
        nadia.say("conv_1", 7, "Hello!").await;
        assert_eq!(mia.own().await.len(), 1);
        let id = app.get(ME).bearer(&mia.token).send().await.expect(200)["id"].as_str().unwrap().to_owned();
        app.delete(&format!("/api/admin/agents/{id}/")).bearer(&owner).send().await.expect(204);
        mia.list("").await.problem(401, "unauthenticated");
        nadia.say("conv_1", 1, "Are you still there?").await;
        let begin = json!({"id": "conv_2", "sellerId": mia.email});
        assert_eq!(wrong_field(nadia.save(begin).await), "sellerId", "nobody can begin with it");
    }

    async fn nobody_but_the_two_touches_a_conversation(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        nadia.offer("conv_1", 1001, 18_000).await;
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let omar = Person { app: &app, token: agent, email: "omar@example.com".to_owned() };
        for stranger in [customer(&app, "eve"), seller(&app, "max"), omar] {
            assert_eq!(statuses(&stranger, "conv_1").await, [409, 404, 404, 404, 404, 404], "{}", stranger.email);
            assert_eq!(stranger.save(json!({"id": "conv_1"})).await.body["code"], "id_taken");
            assert!(stranger.own().await.is_empty());
        }
        assert_eq!(lines(&mia.see("conv_1").await), ["user: Offer: 18000"]);
    }

    async fn an_api_key_has_other_paths(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let key = app.post("/api/admin/api-keys/").bearer(&owner).json(json!({"name": "Orders", "scope": "admin"})).send().await.expect(201);
        let machine = Person { app: &app, token: key["secret"].as_str().unwrap().to_owned(), email: String::new() };
        machine.list("").await.problem(403, "forbidden");
        assert_eq!(statuses(&machine, "conv_1").await, [403; 6]);
    }

    async fn an_agent_sells_as_well_and_helps_out_by_its_own_door(app: TestApp) {
        let nadia = customer(&app, "nadia");
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let omar = Person { app: &app, token: agent, email: "omar@example.com".to_owned() };
        nadia.begin("conv_1", &omar.email).await;
        omar.say("conv_1", 5, "Good day").await;
        let id = app.get("/api/admin/chat-rooms/?kind=marketplace").bearer(&admin).send().await.expect(200)["results"][0]["id"].as_str().unwrap().to_owned();
        let room = format!("/api/admin/chat-rooms/{id}/");
        app.post(&format!("{room}send_message/")).bearer(&admin).json(json!({"message": "A colleague here"})).send().await.expect(201);
        app.post(&format!("{room}send_message/")).bearer(&admin).json(json!({"message": "Careful", "private": true})).send().await.expect(201);
        let seen = nadia.see("conv_1").await;
        assert_eq!(lines(&seen), ["seller: Good day", "seller: A colleague here"], "notes do not exist here");
        assert_eq!((&seen["messages"][0]["id"], &seen["messages"][1]["id"]), (&json!(5), &json!(ELSEWHERE + 2)));
        let detail = app.get(&room).bearer(&admin).send().await.expect(200);
        assert_eq!((&detail["kind"], &detail["seller"]["email"]), (&json!("marketplace"), &json!("omar@example.com")));
        assert_eq!(detail["subject"], json!({"kind": "vehicle", "external_id": "4711", "title": "VW Golf 1.4 TSI", "price": 18_900}));
    }

    async fn both_sides_and_admins_delete_a_conversation(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let ada = Person { app: &app, token: admin, email: "ada@example.com".to_owned() };
        for (number, who) in [&nadia, &mia, &ada].into_iter().enumerate() {
            let id = format!("conv_{number}");
            nadia.begin(&id, &mia.email).await;
            nadia.say(&id, 1, "Hello!").await;
            assert_eq!(who.remove(&id).await.status, 204);
            assert!(nadia.own().await.is_empty() && mia.own().await.is_empty());
            for person in [&nadia, &mia] {
                assert_eq!(statuses(person, &id).await, [404; 6], "{}", person.email);
            }
        }
        nadia.begin("conv_9", &mia.email).await;
        nadia.call(Method::DELETE, "", json!({"id": "conv_9"})).await.expect(204);
        assert_eq!(wrong_field(nadia.call(Method::DELETE, "", Value::Null).await), "id");
        let gone = app.get("/api/admin/chat-rooms/?deleted=true&kind=marketplace").bearer(&ada.token).send().await.expect(200);
        assert_eq!(gone["results"].as_array().unwrap().len(), 3, "admins still see those with messages");
    }
}
