//! Lists, and the shapes to the letter.

use super::{ELSEWHERE, customer, keys, lines, seller, text, wrong_field};
use crate::app::Answer;
use parlor_domain::agent::Role;
use serde_json::json;

on_both! {
    async fn a_conversation_has_the_fields_that_old_frontends_know(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        let begun = nadia.begin("conv_1", &mia.email).await;
        assert_eq!(keys(&begun), [
            "createdAt", "customerId", "customerName", "id", "isFlagged", "isReadByCustomer", "isReadBySeller", "lastMessageAt", "messages", "sellerId",
            "updatedAt", "vehicleId", "vehicleName", "vehiclePrice",
        ]);
        assert_eq!((&begun["id"], &begun["customerId"], &begun["customerName"]), (&json!("conv_1"), &json!("nadia@example.com"), &json!("nadia")));
        assert_eq!((&begun["sellerId"], &begun["vehicleId"]), (&json!("mia@example.com"), &json!(4711)));
        assert_eq!((&begun["vehicleName"], &begun["vehiclePrice"]), (&json!("VW Golf 1.4 TSI"), &json!(18_900)));
        assert_eq!((&begun["messages"], &begun["isFlagged"]), (&json!([]), &json!(false)));
        let sent = nadia.send("conv_1", json!({"id": 1_763_629_200_123_i64, "sender": "user", "text": "Hello!", "timestamp": "2026-11-20T09:00:00.000Z", "isRead": true, "type": "text"})).await.expect(201);
        assert_eq!(keys(&sent), ["conversation", "conversationId", "message", "rev"]);
        assert_eq!((&sent["conversationId"], &sent["rev"]), (&json!("conv_1"), &json!(1)));
        let message = &sent["message"];
        assert_eq!(keys(message), ["id", "isRead", "messageId", "sender", "sentAt", "seq", "text", "timestamp", "type"]);
        assert_eq!((&message["id"], &message["sender"], &message["text"]), (&json!(1_763_629_200_123_i64), &json!("user"), &json!("Hello!")));
        assert_eq!((&message["isRead"], &message["type"], &message["seq"]), (&json!(false), &json!("text"), &json!(1)));
        assert_eq!(message["sentAt"], "2026-11-20T09:00:00.000Z");
        assert_eq!(sent["conversation"]["messages"], json!([message]));
        assert_eq!(sent["conversation"]["lastMessageAt"], message["timestamp"]);
        assert_eq!((&sent["conversation"]["isReadByCustomer"], &sent["conversation"]["isReadBySeller"]), (&json!(true), &json!(false)));
        assert_eq!(mia.see("conv_1").await, nadia.see("conv_1").await, "the same to both");
    }

    async fn each_sees_only_its_own(app: TestApp) {
        let (nadia, eve, mia) = (customer(&app, "nadia"), customer(&app, "eve"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        eve.begin("conv_2", &mia.email).await;
        eve.say("conv_2", 1, "Hello!").await;
        nadia.say("conv_1", 1, "Hello!").await;
        let ids = async |answer: Answer| answer.expect(200).as_array().unwrap().iter().map(|one| text(&one["id"]).to_owned()).collect::<Vec<_>>();
        assert_eq!(ids(nadia.list("").await).await, ["conv_1"]);
        assert_eq!(ids(nadia.list("?customerId=Nadia@Example.com").await).await, ["conv_1"], "upper and lower case are one");
        assert_eq!(ids(mia.list("?sellerId=mia@example.com").await).await, ["conv_1", "conv_2"], "newest activity first");
        for query in ["?customerId=eve@example.com", "?sellerId=mia@example.com", "?sellerId=nadia@example.com", "?customerId=17"] {
            nadia.list(query).await.problem(403, "forbidden");
        }
        for query in ["?sellerId=max@example.com", "?customerId=nadia@example.com", "?customerId=mia@example.com"] {
            mia.list(query).await.problem(403, "forbidden");
        }
        assert_eq!(wrong_field(nadia.list("?customerId=nadia@example.com&sellerId=mia@example.com").await), "sellerId");
    }

    async fn a_long_list_tells_where_it_goes_on(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        for number in 0..5 {
            let message = json!({"id": 1, "sender": "user", "text": "Hello!"});
            nadia.save(json!({"id": format!("conv_{number}"), "sellerId": mia.email, "messages": [message]})).await.expect(201);
        }
        nadia.begin("conv_empty", &mia.email).await;
        let mut seen = Vec::new();
        let mut next = "?limit=2".to_owned();
        loop {
            let page = mia.list(&next).await;
            let link = page.header("link").to_owned();
            let rows = page.expect(200);
            seen.extend(rows.as_array().unwrap().iter().map(|one| text(&one["id"]).to_owned()));
            let Some(path) = link.strip_suffix(">; rel=\"next\"").and_then(|link| link.strip_prefix("</api/conversations")) else {
                assert_eq!(link, "");
                break;
            };
            next = path.to_owned();
        }
        assert_eq!(seen, ["conv_4", "conv_3", "conv_2", "conv_1", "conv_0"]);
        for query in ["?limit=0", "?limit=101"] {
            assert_eq!(wrong_field(mia.list(query).await), "limit");
        }
        assert_eq!(wrong_field(mia.list("?cursor=x").await), "cursor");
    }

    async fn the_newest_hundred_of_many_messages_are_embedded(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        let messages: Vec<_> = (1..=130).map(|number| json!({"id": number, "sender": "user", "text": format!("Line {number}")})).collect();
        let saved = nadia.save(json!({"id": "conv_1", "sellerId": mia.email, "messages": messages})).await.expect(201);
        for conversation in [saved, mia.see("conv_1").await] {
            let all = lines(&conversation);
            assert_eq!((all.len(), all[0].as_str(), all[99].as_str()), (100, "user: Line 31", "user: Line 130"));
        }
        let again = nadia.save(json!({"id": "conv_1", "messages": messages})).await.expect(200);
        assert_eq!(again["messages"][99]["seq"], 130, "the older ones are known, too");
    }

    async fn all_messages_are_read_page_by_page(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        let messages: Vec<_> = (1..=130).map(|number| json!({"id": number, "sender": "user", "text": format!("Line {number}")})).collect();
        nadia.save(json!({"id": "conv/1 ü", "sellerId": mia.email, "messages": messages})).await.expect(201);
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let rows = app.get("/api/admin/chat-rooms/?q=conv%2F1%20%C3%BC").bearer(&agent).send().await.expect(200);
        let id = text(&rows["results"][0]["id"]).to_owned();
        let note = json!({"message": "between us", "private": true});
        app.post(&format!("/api/admin/chat-rooms/{id}/send_message/")).bearer(&agent).json(note).send().await.expect(201);
        let (mut seen, mut query) = (Vec::new(), "messages/?conversationId=conv%2F1%20%C3%BC&limit=60".to_owned());
        loop {
            let answer = mia.list(&query).await;
            let next = answer.header("link").to_owned();
            let page = answer.expect(200);
            let page = page.as_array().unwrap().clone();
            seen.splice(0..0, page.iter().map(|message| message["seq"].as_i64().unwrap()));
            let Some(path) = next.strip_prefix("</api/conversations/").and_then(|next| next.strip_suffix(">; rel=\"next\"")) else { break };
            query = path.to_owned();
        }
        assert_eq!(seen, (1..=130).collect::<Vec<_>>(), "and no notes");
        assert_eq!(wrong_field(nadia.list("messages/").await), "conversationId");
        assert_eq!(wrong_field(nadia.list("messages/?conversationId=x&beforeSeq=-1").await), "beforeSeq");
        customer(&app, "other").list("messages/?conversationId=conv%2F1%20%C3%BC").await.problem(404, "not_found");
    }

    async fn a_conversation_may_go_by_our_id(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        let begun = nadia.save(json!({"sellerId": mia.email})).await.expect(201);
        let id = text(&begun["id"]).to_owned();
        for missing in ["vehicleId", "vehicleName", "vehiclePrice"] {
            assert!(begun[missing].is_null(), "{missing}");
        }
        mia.say(&id, 1, "Good day").await;
        assert_eq!(lines(&nadia.see(&id).await), ["seller: Good day"]);
        assert_eq!(nadia.save(json!({"id": id, "messages": []})).await.status, 200);
        nadia.remove(&id).await.expect(204);
    }

    async fn messages_from_elsewhere_get_numbers_behind_all_of_the_clients(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        let sent = nadia.send("conv_1", json!({"text": "Without a number"})).await.expect(201);
        assert_eq!(sent["message"]["id"], json!(ELSEWHERE + 1));
        nadia.say("conv_1", 7, "With one").await;
        let offer = nadia.send("conv_1", json!({"type": "offer", "payload": {"offerPrice": 100}})).await.expect(201);
        assert_eq!(offer["message"]["id"], json!(ELSEWHERE + 3));
        let moved = mia.act("conv_1", &offer["message"]["id"], "accept", json!({})).await.expect(200);
        assert_eq!((&moved["message"]["id"], &moved["message"]["payload"]["status"]), (&json!(ELSEWHERE + 3), &json!("accepted")));
    }
}
