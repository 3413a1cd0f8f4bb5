//! Secrets of WhatsApp and of files where they belong.

use super::{Canaries, PATIENCE, Server};
use crate::access::people::FileLink;
use crate::multipart::{FORM, Form};
use parlor_testkit::whatsapp::{Customer, Number, Webhook, sample};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The access token of the environment.
pub const GRAPH_TOKEN: &str = "canary-graph-token-6e1f70";
/// The app secret of the environment.
pub const HOOK_SECRET: &str = "canary-app-secret-c2b7a9";
/// The verify token of the environment.
pub const HOOK_WORD: &str = "canary-verify-word-40d5e8";

/// Customers write to a number of the environment and to one that an admin made, and are answered with words and files.
pub async fn on_whatsapp(server: &Server, canaries: &mut Canaries, owner: &str) {
    let made = Number::new("830000000000002").access_token(canaries.make("graph-token"));
    server.graph.serves(&made);
    let secret = canaries.make("app-secret");
    let word = canaries.make("verify-token");
    canaries.add("verify token", &json!(word));
    let number = json!({"phone_number_id": made.phone_number_id, "access_token": made.access_token, "app_secret": secret, "verify_token": word});
    let channel = json!({"kind": "whatsapp", "name": "Phone", "whatsapp": number});
    let channel = server.post("/api/admin/channels/", Some(owner), channel).await;
    let check = format!("/api/admin/channels/{}/check/", channel["id"].as_str().unwrap());
    server.post(&check, Some(owner), json!({})).await;
    let address = format!("http://{}/api/channels/whatsapp/webhook", server.address);
    let environments = Webhook::new(&address).app_secret(HOOK_SECRET).verify_token(HOOK_WORD);
    let admins = Webhook::new(&address).app_secret(secret).verify_token(word);
    for (webhook, ours, theirs) in [
        (environments, Number::default().access_token(GRAPH_TOKEN), "4917055501077553"),
        (admins, made, "4917055501088664"),
    ] {
        let challenge = canaries.make("challenge");
        assert_eq!(webhook.handshake(&challenge).await.unwrap().status, 200);
        let phone = canaries.add("customer's phone number", &json!(theirs));
        let name = canaries.make("profile-name");
        let customer = Customer::new(phone).name(&name).user_id(format!("DE.canary{theirs}"));
        canaries.add("customer's user id", &json!(format!("DE.canary{theirs}")));
        let picture = server.graph.media("image/png", sample::IMAGE);
        let told = [
            customer.text(canaries.make("whatsapp-text")).number(&ours),
            customer.image(&picture).caption(&canaries.make("caption")).number(&ours),
            customer.document(&picture, canaries.make("file-name")).number(&ours),
        ];
        for message in &told {
            canaries.add("id of a message", &json!(message.wamid()));
        }
        assert_eq!(server.graph.delivers(&webhook, told).await, 200);
        answered(server, canaries, owner, &ours).await;
    }
}

async fn answered(server: &Server, canaries: &mut Canaries, owner: &str, ours: &Number) {
    let get = async |path: String| {
        let answer = server.request(Method::GET, &path).bearer_auth(owner).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let listed = get(format!("/api/live-chat/conversations?phone_number_id={}", ours.phone_number_id)).await;
    let number = listed["conversations"][0]["id"].clone();
    let begun = Instant::now();
    let link = loop {
        let said = get(format!("/api/live-chat/messages?conversation_id={number}")).await;
        if let Some(link) = said["messages"][1]["media_url"].as_str() {
            break link.to_owned();
        }
        assert!(begun.elapsed() < PATIENCE, "the picture never comes: {said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    follow(server, canaries, &link).await;
    let before = server.graph.sent().len();
    let reply = json!({"conversation_id": number, "message": canaries.make("reply"), "client_id": canaries.make("reply-id")});
    server.post("/api/live-chat/send-message", Some(owner), reply).await;
    let rooms = get("/api/admin/chat-rooms/?kind=whatsapp".to_owned()).await;
    let room = rooms["results"][0]["id"].as_str().unwrap().to_owned();
    let (name, content) = (canaries.make("upload-name"), canaries.make("upload-content"));
    let form = Form::new().field("conversation_id", &room).file(&format!("{name}.txt"), content.as_bytes());
    let upload = server
        .request(Method::POST, "/api/attachments/")
        .bearer_auth(owner)
        .header("content-type", FORM);
    let upload: Value = upload.body(form.end()).send().await.unwrap().json().await.unwrap();
    follow(server, canaries, upload["url"].as_str().unwrap()).await;
    let message = json!({"message": canaries.make("with-a-file"), "attachment_ids": [upload["id"]]});
    server.post(&format!("/api/admin/chat-rooms/{room}/send_message/"), Some(owner), message).await;
    let sent = server.graph.until_sent(before + 2).await;
    assert!(sent.len() >= before + 2, "both go out: {sent:?}");
}

/// A link is good, and its signature is a secret.
async fn follow(server: &Server, canaries: &mut Canaries, link: &str) {
    let FileLink { id, exp, sig } = FileLink::of(link);
    canaries.add("signature of a link", &json!(sig));
    for sig in [sig.clone(), format!("{sig}x")] {
        let path = format!("/api/attachments/{id}/note?exp={exp}&sig={sig}");
        server.request(Method::GET, &path).send().await.unwrap();
    }
}
