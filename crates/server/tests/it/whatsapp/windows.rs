//! The 24 hours in which words may be sent freely (section 7).

use super::*;
use parlor_testkit::whatsapp::{Rule, Window};

const DAY: i64 = 24 * 60 * 60;

/// Nothing but a template may be said, over whatever door.
async fn is_closed(line: &Line) {
    let (id, number) = (line.id().await, line.conversation().await["whatsapp"]["number"].clone());
    line.tries(json!({"message": "Hello?"})).await.problem(409, "whatsapp_window_closed");
    let choices = json!({"message": "Well?", "type": "interactive", "payload": {"buttons": [{"id": "a", "title": "A"}]}});
    line.tries(choices).await.problem(409, "whatsapp_window_closed");
    for body in [
        json!({"conversation_id": number, "message": "Hello?"}),
        json!({"phone_number_id": Number::EXAMPLE_ID, "to": PHONE, "message": "Hello?"}),
    ] {
        line.app
            .post("/api/live-chat/send-message")
            .bearer(&line.owner)
            .json(body)
            .send()
            .await
            .problem(409, "whatsapp_window_closed");
    }
    let mut main = line.listener().await;
    let mut admin = crate::socket::open(&line.app, &format!("/ws/admin/chat/?token={}", line.owner)).await;
    admin.event("session:welcome").await;
    for socket in [&mut main, &mut admin] {
        let message = json!({"conversation_id": id, "message": {"client_id": "closed", "text": "Hello?"}});
        assert_eq!(socket.denied("conversation:message", message).await, "whatsapp_window_closed");
    }
    line.tries(json!({"message": "A note", "private": true})).await.expect(201);
}

with_whatsapp! {
    async fn a_day_after_the_customers_last_word_only_templates_go_out(line: Line) {
        let now = line.graph.now();
        line.receives(nadia().text("Long ago").at(now - DAY - 1)).await;
        let shown = word(&line.conversation().await["whatsapp"]["window_expires_at"]);
        is_closed(&line).await;
        assert_eq!(line.graph.calls_at(Endpoint::Send).len(), 0, "the platform is not even asked");

        let over = json!({"type": "template", "payload": {"name": "order_ready", "parameters": ["A-17"]}});
        let said = line.tries(over).await.expect(201);
        assert_eq!(said["text"], "Bestellung A-17 ist fertig.");
        line.until_status(&word(&said["id"]), "sent").await;
        let live = json!({"conversation_id": line.conversation().await["whatsapp"]["number"], "message_type": "template", "template": {"name": "order_ready", "language": "de", "parameters": ["A-18"]}});
        line.app.post("/api/live-chat/send-message").bearer(&line.owner).json(live).send().await.expect(200);
        let calls = line.graph.until_sent(2).await;
        for (call, word) in calls.iter().zip(["A-17", "A-18"]) {
            assert_eq!((call.kind(), call.words("/template/name"), call.words("/template/language/code")), (Some("template"), Some("order_ready"), Some("de")));
            assert_eq!(call.words("/template/components/0/parameters/0/text"), Some(word));
        }
        for (template, status) in [(json!({"name": "order_ready"}), 400), (json!({"name": "unknown", "parameters": []}), 400), (json!({"name": "order_ready", "language": "en", "parameters": ["1"]}), 400)] {
            line.tries(json!({"type": "template", "payload": template})).await.problem(status, "invalid_input");
        }
        line.receives(nadia().text("I am back")).await;
        assert!(word(&line.conversation().await["whatsapp"]["window_expires_at"]) > shown);
        let ours = line.says("Welcome").await;
        line.until_status(&ours, "sent").await;
    }

    async fn only_a_customers_words_hold_it_open(line: Line) {
        let now = line.graph.now();
        line.receives(nadia().text("Long ago").at(now - DAY - 10)).await;
        let wamid = word(&line.last().await["whatsapp_message_id"]);
        let template = json!({"type": "template", "payload": {"name": "order_ready", "parameters": ["A-17"]}});
        let said = line.tries(template).await.expect(201);
        let sent = word(&line.until_status(&word(&said["id"]), "sent").await["whatsapp_message_id"]);
        line.receives(parlor_testkit::whatsapp::Status::read(&sent)).await;
        line.receives(nadia().changed_number("491700000055")).await;
        line.receives(nadia().text("Also long ago").at(now - DAY - 5)).await;
        line.receives(nadia().edit(&wamid, "Very long ago")).await;
        line.tries(json!({"message": "Hello?"})).await.problem(409, "whatsapp_window_closed");
        // A clock that is ahead opens nothing for longer than a day.
        line.receives(nadia().text("From the future").at(now + 3 * DAY)).await;
        let expires = word(&line.conversation().await["whatsapp"]["window_expires_at"]);
        assert!(expires.as_str() <= parlor_domain::clock::Timestamp((line.graph.now() + DAY + 1) * 1_000).to_rfc3339().as_str(), "{expires}");
    }

    async fn the_platform_has_the_last_word(line: Line) {
        for later in [false, true] {
            line.hears("Hi").await;
            if later {
                line.graph.last_wrote(&Number::default(), &nadia(), None);
                line.graph.window(Window::FailsLater);
                line.reports();
            } else {
                line.graph.rule(Rule::fails(131_047));
            }
            let ours = line.says("Hello").await;
            let failed = line.until_status(&ours, "failed").await;
            assert_eq!(failed["metadata"]["error"]["code"], 131_047);
            is_closed(&line).await;
        }
        line.hears("I am back").await;
        line.graph.window(Window::Refuses);
        let ours = line.says("Welcome").await;
        line.until_status(&ours, "read").await;
    }

    async fn it_may_close_while_a_message_waits(line: Line) {
        let now = line.graph.now();
        line.graph.rule(Rule::fails(131_056));
        line.receives(nadia().text("Just in time").at(now - DAY + 30)).await;
        let ours = line.says("Hello").await;
        line.graph.until_calls(Endpoint::Send, 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        line.later(60);
        let failed = line.until_status(&ours, "failed").await;
        assert_eq!((failed["metadata"]["error"]["code"].as_i64(), line.graph.calls_at(Endpoint::Send).len()), (Some(131_047), 1));
    }
}
