//! Repeats of messages whose content cannot be made again: the template is another one by now, the file is gone.

use crate::app::{Database, TestApp};
use crate::multipart::upload;
use parlor_domain::agent::Role;
use parlor_testkit::whatsapp::{Customer, Envelope, FakeWhatsapp, Number, Webhook};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_was_sent_is_known_again_whatever_became_of_it() {
    let graph = FakeWhatsapp::start().await;
    let number = Number::default();
    graph.serves(&number);
    let platform = format!("--whatsapp-graph-base-url={}", graph.base_url());
    let app = TestApp::start_with(Database::Sqlite, &["--limits=off", &platform]).await;
    let (owner, _) = app.agent("olga@example.com", Role::Owner).await;
    let webhook = Webhook::new(format!("{}/api/channels/whatsapp/webhook", app.url));
    let template = |text: &str| json!([{"name": "order_ready", "language": "de", "text": text}]);
    let settings = json!({"phone_number_id": number.phone_number_id, "access_token": number.access_token, "app_secret": Webhook::EXAMPLE_SECRET,
        "templates": template("Bestellung {{1}} ist fertig.")});
    let channel = json!({"kind": "whatsapp", "name": "Phone", "whatsapp": settings});
    let made = app.post("/api/admin/channels/").bearer(&owner).json(channel).send().await.expect(201);
    let said: Envelope = Customer::new("491700000001").text("Is it ready?").into();
    assert_eq!(graph.delivers(&webhook, said).await, 200);

    let call = async |path: &str, body: Value| app.post(path).bearer(&owner).json(body).send().await;
    let wish = |parameter: &str| json!({"name": "order_ready", "language": "de", "parameters": [parameter]});
    let all = app.get("/api/live-chat/conversations").bearer(&owner).send().await.expect(200);
    let live =
        |parameter: &str| json!({"conversation_id": all["conversations"][0]["id"], "message_type": "template", "template": wish(parameter), "client_id": "t1"});
    let rooms = app.get("/api/admin/chat-rooms/").bearer(&owner).send().await.expect(200);
    let room = rooms["results"][0]["id"].as_str().unwrap_or_else(|| panic!("{rooms}"));
    let inbox = format!("/api/admin/chat-rooms/{room}/send_message/");
    let from_inbox = |parameter: &str| json!({"type": "template", "payload": wish(parameter), "client_id": "t2"});

    const LIVE: &str = "/api/live-chat/send-message";
    let first_live = call(LIVE, live("A-17")).await.expect(200);
    let first = call(&inbox, from_inbox("A-17")).await.expect(201);
    for templates in [template("Ihre Bestellung {{1}} wartet."), json!([])] {
        let edit = json!({"whatsapp": {"templates": templates}});
        let path = format!("/api/admin/channels/{}/", made["id"].as_str().unwrap());
        app.call(Method::PATCH, &path).bearer(&owner).json(edit).send().await.expect(200);
        assert_eq!(call(LIVE, live("A-17")).await.expect(200), first_live);
        assert_eq!(call(&inbox, from_inbox("A-17")).await.expect(200)["id"], first["id"]);
        call(LIVE, live("A-18")).await.problem(409, "conflict");
        call(&inbox, from_inbox("A-18")).await.problem(409, "conflict");
    }
    let mut answer = from_inbox("A-17");
    answer["reply_to"] = first["id"].clone();
    call(&inbox, answer).await.problem(409, "conflict");
    let mut new = from_inbox("A-17");
    new["client_id"] = json!("t3");
    call(&inbox, new).await.problem(400, "invalid_input");
}

on_both! {
    async fn a_file_without_words_is_known_again_when_it_is_gone(app: TestApp) {
        let (room, visitor) = app.room().await;
        let file = upload(&app, &room, &room, "note.txt", b"words").await.expect(201);
        let send = async |body: Value| app.post(&format!("/api/public/chat-rooms/{room}/send_message/")).json(body).send().await;
        let body = json!({"attachment_ids": [file["id"]], "client_id": "f1"});
        let first = send(body.clone()).await.expect(201);
        assert_eq!(send(body.clone()).await.expect(200)["id"], first["id"]);
        let path = format!("/api/public/chat-rooms/{room}/messages/{}/", first["id"].as_str().unwrap());
        app.delete(&path).bearer(&visitor).send().await;
        app.state().attachments.remove_unused().await.unwrap();
        let repeated = send(body).await.expect(200);
        assert_eq!((&repeated["id"], repeated["deleted_at"].is_string()), (&first["id"], true));
        send(json!({"attachment_ids": [file["id"]], "client_id": "f2"})).await.problem(400, "invalid_input");
        send(json!({"message": "words", "client_id": "f3"})).await.expect(201);
        send(json!({"attachment_ids": [file["id"]], "client_id": "f3"})).await.problem(409, "conflict");
    }
}
