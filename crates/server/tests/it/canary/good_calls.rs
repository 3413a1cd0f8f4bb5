//! Secrets where they belong.

use super::{Canaries, PASSWORD, Server};
use crate::app::host_token;
use reqwest::Method;
use serde_json::{Value, json};

/// A whole life with all kinds of secrets. Returns them, the owner's token first.
pub async fn good_calls(server: &Server, canaries: &mut Canaries) -> String {
    let said = server.said();
    let setup = said.split("/setup?token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let email = canaries.add("e-mail", &json!("canary.olga.77ab@example.com"));
    let login = server
        .post(
            "/api/admin/auth/setup/",
            None,
            json!({"token": setup, "email": email, "name": "Olga", "password": PASSWORD}),
        )
        .await;
    canaries.add("setup access", &login["access"]);
    canaries.add("setup refresh", &login["refresh"]);
    canaries.add("password", &json!(PASSWORD));
    let login = server
        .post("/api/admin/auth/login/", None, json!({"username": email, "password": PASSWORD}))
        .await;
    let owner = canaries.add("access", &login["access"]);
    let refresh = canaries.add("refresh", &login["refresh"]);
    let next = server.post("/api/admin/auth/refresh/", None, json!({"refresh": refresh})).await;
    canaries.add("next refresh", &next["refresh"]);
    let customer_email = canaries.add("customer's e-mail", &json!("canary.nadia.31cd@example.com"));
    let phone = canaries.add("phone", &json!("+1202555010077553"));
    let metadata = canaries.make("metadata");
    let once = canaries.make("idempotency");
    let request = server.request(Method::POST, "/api/chats/visitors/").header("idempotency-key", &once);
    let visitor: Value = request
        .json(&json!({"name": "Nadia", "email": customer_email, "phone": phone, "metadata": {"a": metadata}}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let visitor = canaries.add("visitor key", &visitor["data"]["id"]);
    let session = server.post("/api/chats/sessions/", None, json!({"visitor_id": visitor})).await;
    let room = canaries.add("room key", &session["data"]["conversation_id"]);
    let said = canaries.make("text");
    let client_id = canaries.make("client-id");
    let message = server
        .post(
            &format!("/api/public/chat-rooms/{room}/send_message/"),
            None,
            json!({"message": said, "client_id": client_id}),
        )
        .await;
    let question = canaries.make("question");
    let asked = json!({"message": question, "session_id": session["data"]["id"], "visitor_id": visitor, "client_id": canaries.make("question-id")});
    let answered = server.post("/api/chats/messages/chat/", None, asked).await;
    assert_eq!(answered["data"]["user_message"]["text"], question);
    let parts = json!([{"type": "text", "text": canaries.make("sdk-question")}]);
    let asked = json!({"id": session["data"]["id"], "messages": [{"id": canaries.make("sdk-id"), "role": "user", "parts": parts}]});
    server.post("/api/chats/messages/chat/stream/", Some(&visitor), asked).await;
    let made = server
        .post(
            "/api/public/chat-rooms/",
            None,
            json!({"customer_name": "Nadia", "message": canaries.make("first-text")}),
        )
        .await;
    canaries.add("room key of a room", &made["id"]);
    canaries.add("visitor key of a room", &made["visitor_id"]);
    let listed: Value = server
        .request(Method::GET, "/api/admin/chat-rooms/")
        .query(&[("empty", "false")])
        .bearer_auth(&owner)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let rows = listed["results"].as_array().unwrap();
    let internal = rows.iter().find(|row| row["kind"] == "chat").unwrap()["id"].as_str().unwrap().to_owned();
    let admin = format!("/api/admin/chat-rooms/{internal}");
    server
        .post(
            &format!("{admin}/send_message/"),
            Some(&owner),
            json!({"message": canaries.make("answer"), "private": true}),
        )
        .await;
    server
        .post(
            &format!("{admin}/flag/"),
            Some(&owner),
            json!({"flagged": true, "reason": canaries.make("reason")}),
        )
        .await;
    server
        .post(&format!("{admin}/labels/"), Some(&owner), json!({"labels": [canaries.make("label")]}))
        .await;
    let edited = canaries.make("edited");
    let path = format!("{admin}/messages/{}/", message["id"].as_str().unwrap());
    server
        .request(Method::PATCH, &path)
        .bearer_auth(&owner)
        .json(&json!({"message": edited}))
        .send()
        .await
        .unwrap();
    let key = server
        .post("/api/admin/api-keys/", Some(&owner), json!({"name": "Orders", "scope": "write"}))
        .await;
    let key = canaries.add("API key", &key["secret"]);
    server
        .request(Method::GET, &format!("/api/admin/visitors/?q={}", canaries.make("query")))
        .bearer_auth(&key)
        .send()
        .await
        .unwrap();
    let channels: Value = server
        .request(Method::GET, "/api/admin/channels/")
        .bearer_auth(&owner)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let channel = format!("/api/admin/channels/{}/", channels["results"][0]["id"].as_str().unwrap());
    // Private, so nobody is really asked.
    let model = json!({"base_url": "http://127.0.0.1:9/v1", "model": "small-chat", "api_key": canaries.make("model-key")});
    let set = server
        .request(Method::PATCH, &channel)
        .bearer_auth(&owner)
        .json(&json!({"assistant": model}))
        .send()
        .await
        .unwrap();
    assert_eq!(set.status(), 200);
    server.post(&format!("{channel}check/"), Some(&owner), json!({})).await;
    let invited = canaries.add("invited e-mail", &json!("canary.omar.90ef@example.com"));
    let agent = server
        .post("/api/admin/agents/", Some(&owner), json!({"email": invited, "name": "Omar", "role": "agent"}))
        .await;
    let link = agent["invite_url"].as_str().unwrap();
    canaries.add("invitation", &json!(link.split("token=").nth(1).unwrap()));
    server
        .request(
            Method::GET,
            link.split_once("/setup").map(|(_, rest)| format!("/setup{rest}")).unwrap().as_str(),
        )
        .send()
        .await
        .unwrap();
    let identity = canaries.add(
        "host token",
        &json!(host_token(json!({"sub": "user-17", "email": "canary.verified.12ab@example.com"}))),
    );
    canaries.add("verified e-mail", &json!("canary.verified.12ab@example.com"));
    server
        .post(&format!("/api/chats/visitors/{visitor}/identify/"), None, json!({"token": identity}))
        .await;
    marketplace(server, canaries, &identity).await;
    server
        .request(Method::GET, "/api/public/chat-rooms/")
        .bearer_auth(&identity)
        .send()
        .await
        .unwrap();

    let chat = canaries.make("chat-id");
    let stored = server
        .post(
            "/api/users/data/",
            None,
            json!({"name": "Nadia", "chat_id": chat, "page_url": format!("https://shop.example.com/{}", canaries.make("cart"))}),
        )
        .await;
    let chatter = canaries.add("visitor key of a chat", &stored["data"]["visitor_id"]);
    let told = |text: &str, client_id: &str| json!({"role": "user", "message": text, "client_id": client_id, "visitor_id": chatter});
    let (text, client_id) = (canaries.make("told-text"), canaries.make("told-id"));
    server.post(&format!("/api/users/chats/{chat}/send/"), None, told(&text, &client_id)).await;
    server
        .post(
            &format!("/api/dashboard/chats/{chat}/send/"),
            None,
            json!({"messages": [told(&text, &client_id), told(&canaries.make("synced-text"), "2")]}),
        )
        .await;

    let hello = |token: &str| json!({"id": "1", "event": "session:hello", "data": {"token": token}}).to_string();
    for who in [&owner, &visitor] {
        let ticket = server.post("/api/realtime/tickets", Some(who), json!({})).await;
        let ticket = canaries.add("ticket", &ticket["ticket"]);
        server.socket(&format!("/ws?ticket={ticket}"), None, &[]).await;
        let ticket = server.post("/api/realtime/tickets", Some(who), json!({})).await;
        let ticket = canaries.add("ticket of a frame", &ticket["ticket"]);
        server.socket("/ws", None, &[hello(&ticket)]).await;
    }
    let say = |id: &str, text: &str, client_id: &str| {
        json!({"id": "2", "event": "conversation:message", "data": {"conversation_id": id, "message": {"client_id": client_id, "text": text}}}).to_string()
    };
    let heard = server
        .socket(
            &format!("/ws/chat/{room}/"),
            None,
            &[say(&room, &canaries.make("socket-text"), &canaries.make("socket-id"))],
        )
        .await;
    assert!(heard.contains("message_id"), "the socket took it: {heard}");
    server
        .socket(
            &format!("/ws/admin/chat/?token={owner}"),
            None,
            &[say(&internal, &canaries.make("agent-text"), "a1")],
        )
        .await;
    server.socket(&format!("/ws?token={owner}"), None, &[]).await;
    let page = json!({"id": "3", "event": "visitor:page", "data": {"url": format!("https://shop.example.com/{}", canaries.make("page")), "title": canaries.make("title")}});
    server.socket("/ws", None, &[hello(&visitor), page.to_string()]).await;
    owner
}

/// A customer and a seller, who is made by it, talk about a listing.
async fn marketplace(server: &Server, canaries: &mut Canaries, customer: &str) {
    let mia = canaries.add("seller's e-mail", &json!("canary.mia.56ef@example.com"));
    let seller = canaries.add("seller's token", &json!(host_token(json!({"sub": "seller-3", "role": "seller", "email": mia}))));
    let conversation = canaries.make("listing");
    let own = json!({"id": 1, "sender": "user", "text": canaries.make("saved")});
    let others = json!({"id": 2, "sender": "seller", "text": canaries.make("put-in-mouth")});
    let whole = json!({"id": conversation, "sellerId": mia, "vehicleName": canaries.make("vehicle"), "messages": [own, others], "isFlagged": true, "flagReason": canaries.make("flag")});
    server.post("/api/conversations", Some(customer), whole).await;
    let payload = json!({"offerPrice": 100, "note": canaries.make("offer-note")});
    let message = json!({"id": 3, "type": "offer", "text": canaries.make("offer"), "payload": payload});
    let offer = server.request(Method::PUT, "/api/conversations").bearer_auth(&seller);
    let offer = offer.json(&json!({"conversationId": conversation, "message": message})).send().await.unwrap();
    assert_eq!(offer.status(), 201);
    let named = json!({"conversationId": conversation});
    server.post("/api/conversations/read", Some(customer), named).await;
    let decided = json!({"conversationId": conversation, "messageId": 3, "action": "counter", "offerPrice": 90});
    server.post("/api/conversations/actions", Some(customer), decided).await;
    let query = [("customerId", "canary.verified.12ab@example.com")];
    let listed = server.request(Method::GET, "/api/conversations").query(&query).bearer_auth(customer);
    assert_eq!(listed.send().await.unwrap().status(), 200);
    let gone = server.request(Method::DELETE, "/api/conversations").query(&[("id", &conversation)]);
    assert_eq!(gone.bearer_auth(&seller).send().await.unwrap().status(), 204);
}
