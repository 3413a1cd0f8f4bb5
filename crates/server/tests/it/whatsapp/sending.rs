//! The whole way: a customer writes, an agent sees it and answers, the customer reads (sections 6, 7 and 9).

use super::*;
use crate::socket::open;

/// Follows a message of ours to its end; gives what became of it, in order.
async fn statuses_of(socket: &mut Socket, id: &str) -> Vec<String> {
    let mut statuses = Vec::new();
    while statuses.last().map(String::as_str) != Some("read") {
        let updated = socket.event("conversation:message-updated").await;
        if updated["data"]["message"]["id"] == id && updated["data"]["change"] == "status" {
            statuses.push(word(&updated["data"]["message"]["status"]));
        }
    }
    statuses
}

with_whatsapp! {
    async fn a_message_is_seen_answered_and_read(line: Line) {
        line.reports();
        let mut inbox = open(&line.app, &format!("/ws/admin/chat/?token={}", line.owner)).await;
        inbox.event("session:welcome").await;
        line.hears("Is the blue one in stock?").await;
        let row = inbox.event("inbox:conversation-updated").await["data"].clone();
        assert_eq!((&row["kind"], &row["last_message"], &row["unread_count"], &row["customer_name"]), (&json!("whatsapp"), &json!("Is the blue one in stock?"), &json!(1), &json!("Nadia P.")));
        assert_eq!((&row["whatsapp"]["phone_number_id"], &row["whatsapp"]["customer_phone"]), (&json!(Number::EXAMPLE_ID), &json!(PHONE)));
        let (id, number) = (line.id().await, row["whatsapp"]["number"].clone());
        let mut agent = line.listener().await;
        inbox.done("conversation:subscribe", json!({"conversation_id": id})).await;

        // Over each family once, and each a second time under the same client id.
        let (admin, live) = (format!("/api/admin/chat-rooms/{id}/send_message/"), "/api/live-chat/send-message");
        let mut expected = Vec::new();
        for (family, text) in ["Over admin", "Over live chat", "Over a socket"].into_iter().enumerate() {
            for _ in 0..2 {
                match family {
                    0 => drop(line.app.post(&admin).bearer(&line.owner).json(json!({"message": text, "client_id": "one"})).send().await),
                    1 => {
                        let body = json!({"conversation_id": number, "phone_number_id": Number::EXAMPLE_ID, "to": PHONE, "message": text, "client_id": "two"});
                        let sent = line.app.post(live).bearer(&line.owner).json(body).send().await.expect(200);
                        assert_eq!(sent["conversation_id"], number);
                    }
                    _ => drop(inbox.say(&id, "three", text).await),
                }
            }
            let told = agent.event("conversation:new-message").await["data"]["message"].clone();
            assert_eq!((&told["text"], &told["status"], &told["whatsapp_message_id"]), (&json!(text), &json!("queued"), &json!(null)));
            let statuses = statuses_of(&mut agent, told["id"].as_str().unwrap()).await;
            let all = ["sent", "delivered", "read"];
            let mut places = statuses.iter().map(|status| all.iter().position(|one| one == status).unwrap());
            assert!(places.clone().is_sorted_by(|one, other| one < other), "they only rise, and each is told once: {statuses:?}");
            assert!(places.next().is_some());
            expected.push(text);
            let calls = line.graph.sent();
            assert_eq!(calls.iter().map(|call| call.text().unwrap()).collect::<Vec<_>>(), expected, "each goes out exactly once");
            let call = calls.last().unwrap();
            assert_eq!((call.words("/to"), call.words("/recipient_type"), call.words("/messaging_product")), (Some(PHONE), Some("individual"), Some("whatsapp")));
            assert_eq!((call.path.as_str(), call.bearer(), &call.body["text"]["preview_url"]), ("/v26.0/830000000000001/messages", Some(Number::EXAMPLE_TOKEN), &json!(false)));
            let seen = line.message(told["id"].as_str().unwrap()).await;
            assert_eq!((&seen["status"], &seen["is_read"], seen["whatsapp_message_id"].as_str()), (&json!("read"), &json!(true), call.wamid.as_deref()));
        }
        assert_eq!(line.messages().await.len(), 4);
    }

    async fn messages_go_out_one_after_another_in_their_order(line: Line) {
        line.reports();
        line.hears("Tell me all").await;
        let mut said: Vec<String> = (0..20).map(|number| format!("Line {number}")).collect();
        let mut last = String::new();
        for text in &said {
            last = line.says(text).await;
        }
        let long = "Lorem ipsum dolor sit amet. ".repeat(300);
        let parts = line.says(&long).await;
        line.until_status(&last, "read").await;
        line.until_status(&parts, "read").await;
        let texts: Vec<String> = line.graph.sent().iter().map(|call| call.text().unwrap().to_owned()).collect();
        assert!(texts.iter().all(|text| text.chars().count() <= 4_096));
        let (first, rest) = texts.split_at(20);
        said.truncate(20);
        assert_eq!(first, said);
        assert_eq!(rest.len(), 3);
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(squeeze(&rest.concat()), squeeze(&long), "nothing is lost between the parts");
    }

    async fn choices_and_answers_go_out_as_such(line: Line) {
        let question = line.hears("Which ones?").await;
        let asked = line.last().await["id"].clone();
        let payload = json!({"buttons": [{"id": "hold", "title": "Yes please"}, {"id": "no", "title": "No"}]});
        let said = line.tries(json!({"message": "Shall we hold one?", "type": "interactive", "payload": payload, "reply_to": asked})).await.expect(201);
        line.until_status(&word(&said["id"]), "sent").await;
        let call = line.graph.sent().pop().unwrap();
        assert_eq!((call.kind(), call.text(), call.words("/context/message_id")), (Some("interactive"), Some("Shall we hold one?"), Some(question.as_str())));
        assert_eq!(call.words("/interactive/action/buttons/1/reply/title"), Some("No"));
        for wrong in [json!({"buttons": []}), json!({"buttons": [{"id": "a", "title": "x".repeat(21)}]}), json!({})] {
            line.tries(json!({"message": "No", "type": "interactive", "payload": wrong})).await.problem(400, "invalid_input");
        }
        line.tries(json!({"message": "An offer", "type": "offer", "payload": {"offerPrice": 1}})).await.problem(409, "conflict");
        assert_eq!(line.graph.sent().len(), 1);
    }

    async fn notes_and_lines_of_the_server_stay_here(line: Line) {
        line.hears("Hi").await;
        line.tries(json!({"message": "A difficult one", "private": true})).await.expect(201);
        let path = format!("/api/admin/chat-rooms/{}/take_over/", line.id().await);
        line.app.post(&path).bearer(&line.owner).send().await.expect(200);
        let ours = line.says("Hello").await;
        line.until_status(&ours, "sent").await;
        assert_eq!(line.graph.sent().len(), 1);
        assert_eq!(line.live_messages().await.len(), 2);
    }

    async fn without_a_token_messages_are_only_logged(line: Line) {
        line.edit_channel(json!({"whatsapp": {"access_token": null}})).await;
        line.hears("Hi").await;
        let said = line.tries(json!({"message": "Hello"})).await.expect(201);
        line.until_status(&word(&said["id"]), "logged").await;
        assert!(line.graph.calls().is_empty());
    }

    async fn what_customers_are_told_is_no_business_of_other_customers(line: Line) {
        line.hears("Hi").await;
        let (room, key) = line.app.room().await;
        let (mut visitor, _) = hello(&line.app, &key).await;
        visitor.done("conversation:subscribe", json!({"conversation_id": room})).await;
        visitor.denied("conversation:subscribe", json!({"conversation_id": line.id().await})).await;
        line.reports();
        let ours = line.says("Hello").await;
        line.until_status(&ours, "read").await;
        assert!(visitor.so_far().await.is_empty());
    }
}

/// Both nodes work off the same jobs, and statuses come in at both.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_send_each_message_once_and_in_order() {
    let line = Line::start(Database::Postgres).await;
    let place = format!("--whatsapp-graph-base-url={}", line.graph.base_url());
    let second = line.app.second_node_with(&[&place]).await;
    line.graph.reports(Reports::to(&Webhook::new(format!("{}{HOOK}", second.url))).reading());
    for number in 0..6 {
        line.receives(Customer::new(format!("49170000000{number}")).text("Hi")).await;
    }
    let rows = line.conversations().await;
    let mut sends = Vec::new();
    for number in 0..10 {
        for row in &rows {
            let url = if number % 2 == 0 { &line.app.url } else { &second.url };
            let path = format!("{url}/api/admin/chat-rooms/{}/send_message/", word(&row["id"]));
            let body = json!({"message": format!("Line {number}")});
            sends.push(line.app.http.post(path).bearer_auth(&line.owner).json(&body).send());
        }
        for sent in futures_util::future::join_all(sends.drain(..)).await {
            assert_eq!(sent.unwrap().status(), 201);
        }
    }
    line.graph.until_sent(60).await;
    assert!(line.graph.until_reported(60).await);
    let expected: Vec<String> = (0..10).map(|number| format!("Line {number}")).collect();
    for number in 0..6 {
        let phone = format!("49170000000{number}");
        let texts: Vec<String> = line
            .graph
            .sent()
            .iter()
            .filter(|call| call.to() == Some(&phone))
            .map(|call| call.text().unwrap().to_owned())
            .collect();
        assert_eq!(texts, expected, "to {phone}");
    }
    assert_eq!(line.graph.calls_at(Endpoint::Send).len(), 60);
    for row in &rows {
        let messages = line.messages_of(row["id"].as_str().unwrap()).await;
        assert!(messages[1..].iter().all(|message| message["status"] == "read"), "{messages:?}");
    }
}
