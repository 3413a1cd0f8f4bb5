//! Who comes in, and as whom.

use super::{Client, begin, customer, seller};
use crate::app::host_token;
use crate::socket;
use parlor_domain::agent::Role;
use serde_json::json;
use std::time::Duration;

const UNAUTHENTICATED: &str = r#"44{"data":{"code":"unauthenticated"},"message":"unauthorized"}"#;
const FORBIDDEN: &str = r#"44{"data":{"code":"forbidden"},"message":"forbidden"}"#;

/// The packet with its keys in one order.
fn sorted(packet: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(&packet[2..]).unwrap();
    format!("{}{}", &packet[..2], json!({"data": value["data"], "message": value["message"]}))
}

on_both! {
    async fn each_kind_of_token_logs_in_by_packet_or_by_address(app: TestApp) {
        let (room, key) = app.room().await;
        let (sells, _) = app.agent("sol@example.com", Role::Seller).await;
        let (answers, _) = app.agent("ada@example.com", Role::Agent).await;
        for token in [customer("nadia"), seller("mia"), seller("mia"), sells, answers, key, room] {
            Client::come(&app, &token).await.done("ping", json!({})).await;
            let mut by_address = Client::open_at(&app, &format!("&token={token}")).await;
            let answer = by_address.log_in(json!({})).await;
            assert!(answer.starts_with("40{\"sid\":"), "{answer}");
        }
    }

    async fn who_is_nobody_here_may_try_again(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let key = app.post("/api/admin/api-keys/").bearer(&owner).json(json!({"name": "Orders", "scope": "admin"})).send().await.expect(201);
        let ticket = app.post("/api/realtime/tickets").bearer(&owner).send().await.expect(200);
        let mut client = Client::open(&app).await;
        for auth in [
            json!({}),
            json!({"token": null}),
            json!({"token": 7}),
            json!({"token": ""}),
            json!({"token": "nonsense"}),
            json!({"token": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}),
            json!({"token": ticket["ticket"]}),
            json!({"token": host_token(json!({"sub": "a", "exp": 1_000_000_000}))}),
        ] {
            assert_eq!(sorted(&client.log_in(auth.clone()).await), UNAUTHENTICATED, "{auth}");
        }
        for auth in [
            json!({"token": key["secret"]}),
            json!({"token": host_token(json!({"sub": "b", "role": "seller"}))}),
            json!({"token": host_token(json!({"sub": "c", "role": "seller", "email": "olga@example.com"}))}),
        ] {
            assert_eq!(sorted(&client.log_in(auth.clone()).await), FORBIDDEN, "{auth}");
        }
        client.frames.say("40/x,").await;
        assert_eq!(client.packet().await, r#"44/x,{"message":"Invalid namespace"}"#);
        assert!(client.log_in(json!({"token": owner})).await.starts_with("40{"));
    }

    async fn a_client_may_leave_and_come_again_on_one_session(app: TestApp) {
        let token = customer("nadia");
        begin(&app, &token, "conv_1", "mia").await;
        let mut client = Client::come(&app, &token).await;
        client.say("conv_1", 1, "one").await;
        client.event("conversation:new-message").await;
        client.frames.say("41").await;
        let mut other = Client::come(&app, &seller("mia")).await;
        other.say("conv_1", 2, "two").await;
        let answer = client.log_in(json!({"token": token})).await;
        assert!(answer.starts_with("40{"), "{answer}");
        other.say("conv_1", 3, "three").await;
        assert_eq!(client.event("conversation:new-message").await["message"]["text"], "three");
    }

    async fn what_is_out_of_place_ends_the_session(app: TestApp) {
        let mut early = Client::open(&app).await;
        early.emit("conversation:read", json!({"conversationId": "conv_1"})).await;
        assert_eq!(early.last_words().await, Vec::<String>::new());
        for packet in ["40{}", "42/x,[\"ping\"]", "41/x", "4?", "42{}"] {
            let mut client = Client::come(&app, &customer("nadia")).await;
            client.frames.say(packet).await;
            client.last_words().await;
        }
        let mut client = Client::come(&app, &customer("nadia")).await;
        client.frames.say("40/x,").await;
        assert_eq!(client.packet().await, r#"44/x,{"message":"Invalid namespace"}"#);
        client.done("ping", json!({})).await;
    }

    async fn a_page_must_fit_the_channel_of_who_logs_in(app: TestApp) {
        let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
        let channels = app.get("/api/admin/channels/").bearer(&owner).send().await.expect(200);
        let channel = channels["results"][0]["id"].as_str().unwrap().to_owned();
        let (_, key) = app.room().await;
        let path = format!("/api/admin/channels/{channel}/");
        app.patch(&path).bearer(&owner).json(json!({"origins": ["https://shop.example.com"]})).send().await.expect(200);
        let other = json!({"name": "Other", "kind": "web", "origins": ["https://other.example.com"]});
        app.post("/api/admin/channels/").bearer(&owner).json(other).send().await.expect(201);
        tokio::time::sleep(Duration::from_millis(300)).await;

        let mut elsewhere = Client::open_from(&app, "https://other.example.com").await;
        assert_eq!(sorted(&elsewhere.log_in(json!({"token": key})).await), FORBIDDEN);
        assert!(elsewhere.log_in(json!({"token": owner})).await.starts_with("40{"), "staff may come from any page of theirs");
        let mut good = Client::open_from(&app, "https://shop.example.com").await;
        assert!(good.log_in(json!({"token": key})).await.starts_with("40{"));

        // An origin that is taken away ends the connections of its pages.
        app.patch(&path).bearer(&owner).json(json!({"origins": ["https://new.example.com"]})).send().await.expect(200);
        assert_eq!(good.last_words().await, ["41"]);
    }

    async fn sellers_have_no_other_door(app: TestApp) {
        let mut socket = socket::open(&app, &format!("/ws?token={}", seller("mia"))).await;
        assert_eq!(socket.closed().await, 4403);
        let (sells, _) = app.agent("sol@example.com", Role::Seller).await;
        let mut socket = socket::open(&app, &format!("/ws?token={sells}")).await;
        assert_eq!(socket.closed().await, 4403);
    }
}
