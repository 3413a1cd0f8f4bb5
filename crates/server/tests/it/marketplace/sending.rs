//! One message at a time, from devices that were away.

use super::{CONVERSATIONS, customer, lines, seller, text, wrong_field};
use reqwest::Method;
use serde_json::{Value, json};

on_both! {
    async fn a_message_is_stored_once_under_its_number(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        let first = nadia.say("conv_1", 1, "Hello!").await;
        let again = nadia.send("conv_1", json!({"id": 1, "sender": "user", "text": "Hello!"})).await.expect(200);
        assert_eq!((&again["message"]["messageId"], &again["message"]["seq"]), (&first["message"]["messageId"], &json!(1)));
        nadia.send("conv_1", json!({"id": 1, "text": "Another"})).await.problem(409, "conflict");
        let other = mia.say("conv_1", 1, "Good day").await;
        assert_eq!(other["message"]["seq"], 2, "each side counts for itself");
        assert_eq!(lines(&nadia.see("conv_1").await), ["user: Hello!", "seller: Good day"]);
    }

    async fn numbers_come_back_as_they_were_sent(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        // One that has more digits than a number of JavaScript is the same number there.
        for (number, same) in [
            ("1763629200123", "1763629200123"),
            ("1763629200123.4567", "1763629200123.4568"),
            ("1763629200123.5", "1763629200123.5"),
            ("0.25", "0.25"),
            ("7999999999999999", "7999999999999999"),
        ] {
            let body = format!(r#"{{"conversationId":"conv_1","message":{{"id":{number},"text":"No. {number}"}}}}"#);
            let answer = app.call(Method::PUT, CONVERSATIONS).bearer(&nadia.token).raw("application/json", body).send().await;
            assert_eq!((answer.status, number.parse::<f64>().unwrap()), (201, same.parse::<f64>().unwrap()), "{}", answer.text);
            assert!(answer.text.contains(&format!("\"id\":{same},")), "{}", answer.text);
            let listed = mia.list("").await;
            assert!(listed.text.contains(&format!("\"id\":{same},")), "{}", listed.text);
        }
    }

    async fn what_a_client_wrote_while_away_is_stored_in_order_of_arrival(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        let queued = [(3, "2026-11-20T09:02:00.000Z"), (1, "2026-11-20T09:00:00.000Z"), (2, "2026-11-20T09:01:00.000Z")];
        for _ in 0..2 {
            for (id, timestamp) in queued {
                let answer = nadia.send("conv_1", json!({"id": id, "text": format!("No. {id}"), "timestamp": timestamp})).await;
                assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
            }
        }
        let seen = mia.see("conv_1").await;
        let got: Vec<_> = seen["messages"].as_array().unwrap().iter().map(|message| (message["id"].as_i64().unwrap(), text(&message["sentAt"]))).collect();
        assert_eq!(got, queued);
        let by_milliseconds = nadia.send("conv_1", json!({"id": 4, "text": "Later", "timestamp": 1_795_165_200_000_i64})).await.expect(201);
        assert_eq!(by_milliseconds["message"]["sentAt"], "2026-11-20T09:00:00.000Z");
    }

    async fn devices_of_one_person_see_one_anothers_messages_and_marks(app: TestApp) {
        let (phone, laptop, mia) = (customer(&app, "nadia"), customer(&app, "nadia"), seller(&app, "mia"));
        phone.begin("conv_1", &mia.email).await;
        phone.say("conv_1", 1, "From the phone").await;
        laptop.say("conv_1", 2, "From the laptop").await;
        mia.say("conv_1", 3, "Good day").await;
        assert_eq!(phone.see("conv_1").await, laptop.see("conv_1").await);
        assert_eq!(laptop.see("conv_1").await["isReadByCustomer"], false);
        let read = phone.read("conv_1").await.expect(200);
        assert_eq!(read, json!({"conversationId": "conv_1", "isReadBySeller": true, "isReadByCustomer": true}));
        let seen = laptop.see("conv_1").await;
        assert_eq!((&seen["isReadByCustomer"], &seen["messages"][2]["isRead"]), (&json!(true), &json!(true)));
        phone.say("conv_1", 4, "One more").await;
        let seen = mia.see("conv_1").await;
        assert_eq!((&seen["isReadBySeller"], &seen["messages"][1]["isRead"], &seen["messages"][3]["isRead"]), (&json!(false), &json!(true), &json!(false)));
    }

    async fn nobody_speaks_for_the_other_side(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        for (person, mine, others) in [(&nadia, "user", ["seller", "system"]), (&mia, "seller", ["user", "system"])] {
            for other in others {
                person.send("conv_1", json!({"text": "Hello!", "sender": other})).await.problem(403, "forbidden");
            }
            person.send("conv_1", json!({"text": "Hello!", "sender": mine})).await.expect(201);
            person.send("conv_1", json!({"text": "Hello!"})).await.expect(201);
        }
        assert_eq!(nadia.see("conv_1").await["messages"].as_array().unwrap().len(), 4);
    }

    async fn what_is_no_message_is_named_by_its_field(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        for (message, field) in [
            (json!([]), "message"),
            (json!({}), "message.text"),
            (json!({"text": " "}), "message.text"),
            (json!({"text": "x".repeat(10_001)}), "message.text"),
            (json!({"text": "x", "id": "7"}), "message.id"),
            (json!({"text": "x", "id": 0}), "message.id"),
            (json!({"text": "x", "id": 8_000_000_000_000_001_i64}), "message.id"),
            (json!({"text": "x", "timestamp": "yesterday"}), "message.timestamp"),
            (json!({"text": "x", "type": "picture"}), "message.type"),
            (json!({"text": "x", "sender": "me"}), "message.sender"),
            (json!({"type": "offer", "payload": []}), "message.payload"),
            (json!({"type": "offer", "payload": {"a": "x".repeat(9_000)}}), "message.payload"),
            (json!({"type": "offer", "payload": {"offerPrice": "much"}}), "message.payload.offerPrice"),
            (json!({"type": "test_drive_request", "appointment": {"startsAt": "noon"}}), "message.appointment.startsAt"),
        ] {
            assert_eq!(wrong_field(nadia.send("conv_1", message.clone()).await), field, "{message}");
        }
        assert_eq!(wrong_field(nadia.send(" ", json!({"text": "x"})).await), "conversationId");
        nadia.send("conv_2", json!({"text": "x"})).await.problem(404, "not_found");
        assert!(nadia.own().await.is_empty(), "nothing was stored");
    }

    async fn the_idempotency_key_stands_for_a_missing_number(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        let send = async || {
            let body = json!({"conversationId": "conv_1", "message": {"text": "Hello!"}});
            app.call(Method::PUT, CONVERSATIONS).bearer(&nadia.token).header("idempotency-key", "k-1").json(body).send().await
        };
        let first = send().await.expect(201);
        assert_eq!(send().await.expect(200)["message"]["messageId"], first["message"]["messageId"]);
    }

    async fn a_deleted_message_keeps_its_place_without_its_words(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        let offer = nadia.offer("conv_1", 1, 100).await;
        let (admin, _) = app.agent("ada@example.com", parlor_domain::agent::Role::Admin).await;
        let id = app.get("/api/admin/chat-rooms/?kind=marketplace").bearer(&admin).send().await.expect(200)["results"][0]["id"].clone();
        let path = format!("/api/admin/chat-rooms/{}/messages/{}/", text(&id), text(&offer["message"]["messageId"]));
        app.delete(&path).bearer(&admin).send().await.expect(204);
        let seen = mia.see("conv_1").await["messages"][0].clone();
        assert_eq!((&seen["text"], seen.get("payload"), &seen["type"]), (&json!(""), None::<&Value>, &json!("offer")));
        mia.act("conv_1", &json!(1), "accept", json!({})).await.problem(409, "conflict");
        nadia.save(json!({"id": "conv_1", "messages": [seen]})).await.expect(200);
    }
}
