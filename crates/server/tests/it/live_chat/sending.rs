//! What agents send, and to whom.

use super::*;
use futures_util::future::join_all;

fn template() -> Value {
    json!({"name": "order_ready", "language": "de", "parameters": ["A-17"]})
}

in_shop! {
    async fn a_text_goes_out_and_is_answered_to_the_letter(shop: Shop) {
        let number = shop.hears_of_nadia("Is the blue one in stock?").await;
        let sent = shop.send(json!({"conversation_id": number, "phone_number_id": Number::EXAMPLE_ID, "to": NADIA, "message": "Yes, three are left."})).await.expect(200);
        assert_eq!(sent, json!({"success": true, "message": "Message sent successfully", "conversation_id": number, "message_id": number * MESSAGES_OF_ONE + 2}));
        let out = shop.graph.until_sent(1).await;
        assert_eq!((out[0].to(), out[0].text(), out[0].phone_number_id()), (Some(NADIA), Some("Yes, three are left."), Some(Number::EXAMPLE_ID)));
        let room = shop.get(&format!("/api/admin/chat-rooms/{}/", shop.internal_id(number).await)).send().await.expect(200);
        assert_eq!(room["handled_by"], "agent", "the first human reply takes the conversation over");
    }

    async fn old_frontends_write_numbers_as_they_like_and_more_than_is_read(shop: Shop) {
        let number = shop.hears_of_nadia("Hello?").await;
        let bodies = [
            json!({"conversation_id": number.to_string(), "message": "1"}),
            json!({"conversation_id": number, "phone_number_id": 830_000_000_000_001_i64, "to": 491_700_000_001_i64, "message": "2"}),
            json!({"conversation_id": null, "phone_number_id": Number::EXAMPLE_ID, "to": "+49 (170) 000-0001", "message": "3", "message_type": "text"}),
            json!({"conversation_id": number, "phone_number_id": "", "to": "", "media_url": null, "template": null, "client_id": null, "message_type": null, "message": "4"}),
            json!({"conversation_id": number, "message": "5", "sender": "agent", "created_at": "2026-11-20T09:00:00Z", "is_read": true, "more": {"a": [1]}}),
        ];
        for body in bodies {
            assert_eq!(shop.send(body.clone()).await.expect(200)["conversation_id"], number, "{body}");
        }
        let out = shop.graph.until_sent(5).await;
        let texts: Vec<_> = out.iter().filter_map(|call| call.text()).collect();
        assert_eq!(texts, ["1", "2", "3", "4", "5"], "in their order");
    }

    async fn without_a_conversation_the_one_between_both_numbers_is_meant(shop: Shop) {
        let number = shop.hears_of_nadia("Hello?").await;
        for (count, mut body) in [json!({"conversation_id": 0}), json!({}), json!({"conversation_id": "0"})].into_iter().enumerate() {
            body["phone_number_id"] = json!(Number::EXAMPLE_ID);
            body["to"] = json!(NADIA);
            body["message"] = json!("Good day");
            let sent = shop.send(body).await.expect(200);
            assert_eq!((sent["conversation_id"].as_i64(), sent["message_id"].as_i64()), (Some(number), Some(number * MESSAGES_OF_ONE + 2 + i64::try_from(count).unwrap())));
        }
        assert_eq!(shop.conversations("").await.len(), 1);
        for (missing, body) in [("to", json!({"phone_number_id": Number::EXAMPLE_ID, "message": "Hi"})), ("phone_number_id", json!({"conversation_id": 0, "to": NADIA, "message": "Hi"}))] {
            let refused = shop.send(body).await.problem(400, "invalid_input");
            assert_eq!(refused["errors"][0]["field"], missing);
        }
        shop.send(json!({"phone_number_id": "830000000000009", "to": NADIA, "message": "Hi"})).await.problem(404, "not_found");
        for wrong in ["12", "1234567890123456", "nadia"] {
            let refused = shop.send(json!({"phone_number_id": Number::EXAMPLE_ID, "to": wrong, "message": "Hi"})).await.problem(400, "invalid_input");
            assert_eq!(refused["errors"][0]["field"], "to", "{wrong}");
        }
    }

    async fn who_never_wrote_gets_a_template_only(shop: Shop) {
        let to = |more: Value| {
            let mut body = json!({"phone_number_id": Number::EXAMPLE_ID, "to": "491700000005"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        shop.send(to(json!({"message": "Hello"}))).await.problem(409, "whatsapp_window_closed");
        shop.send(to(json!({"message": "", "message_type": "image", "media_url": "http://127.0.0.1:9/a.png"}))).await.problem(409, "whatsapp_window_closed");
        assert_eq!(shop.conversations("").await, Vec::<Value>::new(), "nothing begins");
        let sent = shop.send(to(json!({"message_type": "template", "template": template()}))).await.expect(200);
        assert_eq!(sent["conversation_id"], 1);
        let out = shop.graph.until_sent(1).await;
        assert_eq!((out[0].to(), out[0].words("/template/name")), (Some("491700000005"), Some("order_ready")));
        let all = shop.messages(1, "").await;
        assert_eq!((&all[0]["message"], &all[0]["message_type"], &all[0]["sender"]), (&json!("Bestellung A-17 ist fertig."), &json!("template"), &json!("agent")));
        assert_eq!(each(&shop.conversations("").await, "customer_name"), ["491700000005"]);
        shop.send(to(json!({"message": "Hello"}))).await.problem(409, "whatsapp_window_closed");
        shop.hears(Customer::new("491700000005").text("Thanks")).await;
        assert_eq!(shop.send(to(json!({"message": "Hello"}))).await.expect(200)["conversation_id"], 1, "the customer answered in the same one");
    }

    async fn a_day_after_the_last_word_only_a_template_goes(shop: Shop) {
        shop.hears(nadia().text("Hello?").at(shop.graph.now() - DAY - 60)).await;
        for body in [json!({"conversation_id": 1, "message": "Hello"}), json!({"conversation_id": 1, "message_type": "image", "media_url": "http://127.0.0.1:9/a.png"})] {
            shop.send(body).await.problem(409, "whatsapp_window_closed");
        }
        shop.send(json!({"conversation_id": 1, "message": "is not looked at", "message_type": "template", "template": template()})).await.expect(200);
        assert_eq!(shop.graph.until_sent(1).await.len(), 1);
        shop.hears(nadia().text("Hello again")).await;
        shop.send(json!({"conversation_id": 1, "message": "Hello"})).await.expect(200);
    }

    async fn a_template_must_be_one_of_the_number_and_filled(shop: Shop) {
        shop.hears_of_nadia("Hello?").await;
        for (field, more) in [
            ("template", json!({})),
            ("template", json!({"template": null})),
            ("template", json!({"template": {"name": "unknown"}})),
            ("template", json!({"template": {"name": "order_ready", "language": "en_US", "parameters": ["A-17"]}})),
            ("template", json!({"template": {"name": "order_ready"}})),
            ("template", json!({"template": {"name": "order_ready", "parameters": ["a", "b"]}})),
            ("media_url", json!({"template": template(), "media_url": "https://shop.example.com/a.png"})),
        ] {
            let mut body = json!({"conversation_id": 1, "message_type": "template"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let refused = shop.send(body).await.problem(400, "invalid_input");
            assert_eq!(refused["errors"][0]["field"], field, "{more}");
        }
        let refused = shop.send(json!({"conversation_id": 1, "message": "Hi", "template": template()})).await.problem(400, "invalid_input");
        assert_eq!(refused["errors"][0]["field"], "template");
        assert!(shop.graph.sent().is_empty());
    }

    async fn what_does_not_fit_the_conversation_is_refused(shop: Shop) {
        let number = shop.hears_of_nadia("Hello?").await;
        let other = Number::new("830000000000002");
        shop.add_number(&other).await;
        for (field, more) in [
            ("to", json!({"to": "491700000002"})),
            ("phone_number_id", json!({"phone_number_id": "830000000000002"})),
            ("message_type", json!({"message_type": "sticker"})),
            ("media_url", json!({"media_url": "https://shop.example.com/a.png"})),
            ("message", json!({"message": ""})),
            ("message", json!({"message": " \n"})),
            ("message", json!({"message": null})),
            ("message", json!({"message": "x".repeat(10_001)})),
            ("conversation_id", json!({"conversation_id": "first"})),
            ("client_id", json!({"client_id": "x".repeat(65)})),
        ] {
            let mut body = json!({"conversation_id": number, "message": "Good day"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let refused = shop.send(body).await.problem(400, "invalid_input");
            assert_eq!(refused["errors"][0]["field"], field, "{more}");
        }
        for unknown in [number + 1, i64::MAX] {
            shop.send(json!({"conversation_id": unknown, "message": "Hi"})).await.problem(404, "not_found");
        }
        assert_eq!(shop.messages(number, "").await.len(), 1, "nothing was stored");
    }

    async fn the_same_again_is_stored_and_sent_once(shop: Shop) {
        let number = shop.hears_of_nadia("Hello?").await;
        let body = json!({"conversation_id": number, "message": "Good day", "client_id": "m1"});
        let all = join_all((0..5).map(|_| shop.send(body.clone()))).await;
        let first = all.into_iter().map(|answer| answer.expect(200)).reduce(|first, next| {
            assert_eq!(first, next);
            first
        });
        let first = first.unwrap();
        let by_header = shop.call(Method::POST, SEND).header("idempotency-key", "m1");
        assert_eq!(by_header.json(json!({"to": NADIA, "phone_number_id": Number::EXAMPLE_ID, "message": "Good day"})).send().await.expect(200), first);
        shop.send(json!({"conversation_id": number, "message": "Good night", "client_id": "m1"})).await.problem(409, "conflict");
        shop.send(json!({"conversation_id": number, "message_type": "template", "template": template(), "client_id": "m1"})).await.problem(409, "conflict");
        let inbox = format!("/api/admin/chat-rooms/{}/send_message/", shop.internal_id(number).await);
        let seen = shop.call(Method::POST, &inbox).json(json!({"message": "Good day", "client_id": "m1"})).send().await.expect(200);
        assert_eq!(number * MESSAGES_OF_ONE + seen["seq"].as_i64().unwrap(), first["message_id"].as_i64().unwrap(), "between families, too");
        shop.send(json!({"conversation_id": number, "message": "Bye", "client_id": "m2"})).await.expect(200);
        let out = shop.graph.until_sent(2).await;
        let texts: Vec<_> = out.iter().filter_map(|call| call.text()).collect();
        assert_eq!(texts, ["Good day", "Bye"]);
        shop.hears(nadia().text("Thanks").at(shop.graph.now() - DAY - 60)).await;
        assert_eq!(shop.send(body).await.expect(200), first, "for ever");
    }

    async fn without_an_access_token_everything_is_logged_and_nothing_sent(shop: Shop) {
        shop.add(&shop.owner, json!({"phone_number_id": "830000000000002"})).await;
        shop.hears(nadia().text("Hello?").number(&Number::new("830000000000002"))).await;
        let sent = shop.send(json!({"conversation_id": 1, "message": "Good day"})).await.expect(200);
        assert_eq!((&sent["success"], &sent["message"]), (&json!(true), &json!("Message sent successfully")));
        let all = shop.messages(1, "").await;
        assert_eq!((&all[1]["message"], &all[1]["whatsapp_message_id"], &all[1]["is_read"]), (&json!("Good day"), &json!(null), &json!(false)));
        let history = format!("/api/admin/chat-rooms/{}/messages/", shop.internal_id(1).await);
        let begin = Instant::now();
        loop {
            let seen = shop.get(&history).send().await.expect(200);
            if seen["results"][1]["status"] == "logged" {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "{seen}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(shop.graph.calls().is_empty(), "the platform is never called: {:?}", shop.graph.calls());
    }
}
