//! Who may, and whose conversations they are.

use super::*;
use crate::app::{host_token, sign_host_token};
use parlor_domain::agent::ApiScope;
use parlor_domain::clock::Clock;
use parlor_domain::text::Name;
use parlor_infra::system::SystemClock;

impl Shop {
    /// What each path answers.
    async fn asked_by(&self, token: Option<&str>) -> [u16; 3] {
        let bearer = async |call: Call<'_>| {
            let call = token.into_iter().fold(call, Call::bearer);
            call.send().await.status
        };
        let body = json!({"conversation_id": 1, "message": "Good day"});
        [
            bearer(self.app.get(CONVERSATIONS)).await,
            bearer(self.app.get(&format!("{MESSAGES}?conversation_id=1"))).await,
            bearer(self.app.post(SEND).json(body)).await,
        ]
    }

    async fn key(&self, scope: ApiScope) -> String {
        let workspace = self.app.state().workspaces.list().await.unwrap()[0].id;
        let name = Name::parse("Orders").unwrap();
        self.app.state().agents.create_api_key(workspace, name, scope).await.unwrap().1
    }
}

in_shop! {
    async fn staff_may_by_every_kind_of_login(shop: Shop) {
        shop.hears_of_nadia("Hello?").await;
        for role in [Role::Agent, Role::Admin] {
            let (token, _) = shop.app.agent(&format!("{}@example.com", role.as_str()), role).await;
            assert_eq!(shop.asked_by(Some(&token)).await, [200; 3]);
        }
        assert_eq!(shop.asked_by(Some(&shop.key(ApiScope::Write).await)).await, [200; 3]);
        assert_eq!(shop.asked_by(Some(&shop.key(ApiScope::Admin).await)).await, [200; 3]);
        let (_, id) = shop.app.agent("omar@example.com", Role::Agent).await;
        let subject = "3f0a7c52-9d1e-4b86-a2c4-51d7e8f60b93";
        shop.call(Method::PATCH, &format!("/api/admin/agents/{id}/")).json(json!({"external_id": subject})).send().await.expect(200);
        let now = SystemClock.now().millis() / 1_000;
        let claims = json!({
            "iss": "https://example.supabase.co/auth/v1", "sub": subject, "aud": "authenticated", "exp": now + 3_600, "iat": now,
            "email": "omar@example.com", "phone": "", "role": "authenticated", "app_metadata": {"provider": "email"}, "user_metadata": {}, "is_anonymous": false,
        });
        assert_eq!(shop.asked_by(Some(&sign_host_token(r#"{"alg":"HS256","typ":"JWT"}"#, &claims))).await, [200; 3]);
        let said = shop.messages(1, "").await;
        assert_eq!(said.len(), 6, "each was sent");
    }

    async fn others_may_not(shop: Shop) {
        shop.hears_of_nadia("Hello?").await;
        let (seller, _) = shop.app.agent("mia@example.com", Role::Seller).await;
        let (room, visitor) = shop.app.room().await;
        for (who, token, status) in [
            ("nobody", None, 401),
            ("a seller", Some(seller), 403),
            ("a seller of the host site", Some(host_token(json!({"sub": "s-1", "role": "seller", "email": "mo@example.com"}))), 403),
            ("a customer of the host site", Some(host_token(json!({"sub": "c-1"}))), 403),
            ("a visitor", Some(visitor), 401),
            ("the holder of a room key", Some(room), 401),
            ("nonsense", Some("nonsense".to_owned()), 401),
        ] {
            assert_eq!(shop.asked_by(token.as_deref()).await, [status; 3], "{who}");
        }
        assert_eq!(shop.conversations("").await[0]["unread_count"], 1, "nobody has read it");
    }

    async fn a_key_that_may_only_read_marks_nothing(shop: Shop) {
        shop.hears_of_nadia("Hello?").await;
        assert_eq!(shop.asked_by(Some(&shop.key(ApiScope::Read).await)).await, [200, 200, 403]);
        assert_eq!(shop.conversations("").await[0]["unread_count"], 1);
    }

    async fn workspaces_have_numbers_of_their_own_and_see_nothing_of_each_other(shop: Shop) {
        let away = shop.app.state().workspaces.create(Name::parse("away").unwrap()).await.unwrap().0.id;
        let (token, _) = shop.app.agent_in(away, "olaf@example.com", Role::Owner).await;
        let theirs = Number::new("830000000000002");
        shop.graph.serves(&theirs);
        shop.hears([nadia().text("Hello"), Customer::new("491700000002").text("Hello")]).await;
        assert_eq!(shop.asked_by(Some(&token)).await, [200, 404, 404], "there is no such number yet");
        shop.add(&token, json!({"phone_number_id": theirs.phone_number_id, "access_token": theirs.access_token})).await;
        shop.hears(nadia().text("Is it yours?").number(&theirs)).await;
        let get = async |path: String| shop.app.get(&path).bearer(&token).send().await.expect(200);
        let all = get(CONVERSATIONS.to_owned()).await;
        assert_eq!(each(all["conversations"].as_array().unwrap(), "id"), [1], "it counts by itself");
        assert_eq!(get(format!("{CONVERSATIONS}?phone_number_id={}", Number::EXAMPLE_ID)).await["conversations"], json!([]));
        assert_eq!(get(format!("{MESSAGES}?conversation_id=1")).await["messages"][0]["message"], "Is it yours?");
        let (own, foreign) = (format!("{MESSAGES}?conversation_id=2"), format!("{MESSAGES}?conversation_id=999"));
        let refused = [shop.app.get(&own).bearer(&token).send().await.problem(404, "not_found"), shop.app.get(&foreign).bearer(&token).send().await.problem(404, "not_found")];
        assert_eq!(refused[0]["detail"], refused[1]["detail"]);
        for body in [json!({"phone_number_id": Number::EXAMPLE_ID, "to": NADIA, "message": "Hi"}), json!({"conversation_id": 2, "message": "Hi"})] {
            shop.app.post(SEND).bearer(&token).json(body).send().await.problem(404, "not_found");
        }
        assert_eq!(each(&shop.conversations("").await, "unread_count"), [1, 1], "nobody here was read");
        shop.hears(Customer::new("491700000003").text("Hello")).await;
        assert_eq!(shop.number_of("491700000003").await, 3);
    }

    async fn each_path_answers_with_and_without_its_last_slash(shop: Shop) {
        shop.hears_of_nadia("Hello?").await;
        for slash in ["", "/"] {
            shop.get(&format!("{CONVERSATIONS}{slash}?limit=1")).send().await.expect(200);
            shop.get(&format!("{MESSAGES}{slash}?conversation_id=1")).send().await.expect(200);
            shop.call(Method::POST, &format!("{SEND}{slash}")).json(json!({"conversation_id": 1, "message": "Hi"})).send().await.expect(200);
            for (method, path, allow) in [(Method::POST, CONVERSATIONS, "GET"), (Method::PUT, MESSAGES, "GET"), (Method::GET, SEND, "POST")] {
                let answer = shop.call(method, &format!("{path}{slash}")).send().await;
                assert_eq!((answer.status, answer.header("allow")), (405, allow), "{path}{slash}");
            }
        }
    }
}
