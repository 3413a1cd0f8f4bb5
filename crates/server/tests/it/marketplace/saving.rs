//! Whole conversations, as old frontends save them.

use super::{customer, lines, seller, text, wrong_field};
use crate::app::{Database, TestApp};
use parlor_domain::agent::Role;
use serde_json::{Value, json};

fn user(id: u64, text: &str) -> Value {
    json!({"id": id, "sender": "user", "text": text, "timestamp": "2026-11-20T09:00:00.000Z", "isRead": false, "type": "text"})
}

on_both! {
    async fn a_conversation_is_saved_any_number_of_times(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        let whole = json!({"id": "conv_1", "customerId": "Nadia@example.com", "customerName": "Somebody", "sellerId": mia.email, "vehicleId": 17, "vehicleName": "Golf",
            "vehiclePrice": 18_900.5, "messages": [user(1, "Hello!"), user(2, "Is it still available?")], "isReadByCustomer": true, "isReadBySeller": true, "isFlagged": false,
            "createdAt": "2020-01-01T00:00:00Z", "updatedAt": null, "extra": {"a": [1]}});
        let first = nadia.save(whole.clone()).await;
        assert_eq!(first.header("parlor-ignored"), "");
        let first = first.expect(201);
        assert_eq!(lines(&first), ["user: Hello!", "user: Is it still available?"]);
        assert_eq!((&first["isReadBySeller"], &first["isReadByCustomer"]), (&json!(false), &json!(true)), "nobody reads for the other side");
        assert_eq!((&first["customerName"], &first["vehiclePrice"], &first["messages"][0]["sentAt"]), (&json!("nadia"), &json!(18_900.5), &json!("2026-11-20T09:00:00.000Z")));
        let again = nadia.save(whole).await.expect(200);
        assert_eq!(again["messages"], first["messages"]);
        let echoed = nadia.save(first.clone()).await;
        assert_eq!((echoed.status, echoed.header("parlor-ignored")), (200, ""), "what the server says can be saved");
        assert_eq!(mia.save(first).await.status, 200, "by both");
    }

    async fn two_devices_save_what_each_holds_in_any_order(app: TestApp) {
        let (phone, laptop, mia) = (customer(&app, "nadia"), customer(&app, "nadia"), seller(&app, "mia"));
        phone.save(json!({"id": "conv_1", "sellerId": mia.email, "messages": [user(2, "Second")]})).await.expect(201);
        laptop.save(json!({"id": "conv_1", "messages": [user(3, "Third"), user(1, "First")]})).await.expect(200);
        let both = phone.save(json!({"id": "conv_1", "messages": [user(1, "First"), user(2, "Second"), user(3, "Third"), user(4, "Fourth"), user(2, "Second")]})).await.expect(200);
        assert_eq!(lines(&both), ["user: Second", "user: Third", "user: First", "user: Fourth"], "once each, in order of arrival");
        let told_otherwise = laptop.save(json!({"id": "conv_1", "messages": [user(1, "In other words")]})).await.expect(200);
        assert_eq!(lines(&told_otherwise), lines(&both), "what was first counts");
    }

    async fn two_devices_begin_one_conversation_at_the_same_moment(app: TestApp) {
        let mia = seller(&app, "mia");
        let devices: Vec<_> = (0..8).map(|_| customer(&app, "nadia")).collect();
        let saves = devices.iter().enumerate().map(|(number, device)| {
            let number = u64::try_from(number).unwrap();
            device.save(json!({"id": "conv_1", "sellerId": mia.email, "messages": [user(1, "Hello!"), user(10 + number, "Mine")]}))
        });
        let answers = futures_util::future::join_all(saves).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        let known = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((made, known), (1, 7), "{:?}", answers.iter().map(|answer| &answer.text).collect::<Vec<_>>());
        assert_eq!(mia.see("conv_1").await["messages"].as_array().unwrap().len(), 9);
    }

    async fn messages_of_the_other_side_are_never_stored(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        mia.say("conv_1", 7, "Good day").await;
        let messages = json!([
            {"id": 7, "sender": "seller", "text": "I give it away"}, {"id": 8, "sender": "seller", "text": "For nothing"}, {"id": 9, "sender": "system", "text": "Sold."},
            {"sender": "seller"}, {"id": 10, "sender": "seller", "type": "picture"}, user(1, "Hello!")
        ]);
        let saved = nadia.save(json!({"id": "conv_1", "messages": messages})).await;
        assert_eq!(saved.header("parlor-ignored"), "4");
        assert_eq!(lines(&saved.expect(200)), ["seller: Good day", "user: Hello!"]);
        let begun = nadia.save(json!({"id": "conv_2", "sellerId": mia.email, "messages": [{"id": 1, "sender": "seller", "text": "x"}]})).await;
        assert_eq!((begun.status, begun.header("parlor-ignored"), lines(&begun.body).len()), (201, "1", 0));
    }

    async fn own_messages_that_are_none_are_named_and_nothing_is_stored(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        for (message, field) in [
            (json!({"id": 2, "sender": "user", "text": ""}), "messages[2].text"),
            (json!({"id": 2, "sender": "user", "text": 7}), "messages[2].text"),
            (json!({"sender": "user", "text": "x"}), "messages[2].id"),
            (json!({"id": "x", "sender": "user", "text": "x"}), "messages[2].id"),
            (json!({"id": 2, "sender": "nobody", "text": "x"}), "messages[2].sender"),
            (json!({"id": 2, "sender": "user", "type": "picture"}), "messages[2].type"),
            (json!({"id": 2, "sender": "user", "type": "offer", "payload": {"offerPrice": -1}}), "messages[2].payload.offerPrice"),
            (json!(17), "messages[2]"),
        ] {
            let unreadable = json!({"sender": "seller"});
            let body = json!({"id": "conv_1", "sellerId": mia.email, "messages": [user(1, "Hello!"), unreadable, message]});
            assert_eq!(wrong_field(nadia.save(body).await), field, "{message}");
        }
        let many: Vec<_> = (1..=1_001).map(|id| user(id, "x")).collect();
        assert_eq!(wrong_field(nadia.save(json!({"id": "conv_1", "sellerId": mia.email, "messages": many})).await), "messages");
        assert!(nadia.own().await.is_empty());
    }

    async fn a_conversation_begins_with_two_people(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        assert_eq!(wrong_field(nadia.save(json!({"id": "conv_1"})).await), "sellerId");
        assert_eq!(wrong_field(nadia.save(json!({"id": "conv_1", "sellerId": "Mia"})).await), "sellerId");
        assert_eq!(wrong_field(nadia.save(json!({"id": "conv_1", "sellerId": "NADIA@example.com"})).await), "sellerId");
        nadia.save(json!({"id": "conv_1", "sellerId": mia.email, "customerId": "eve@example.com"})).await.problem(403, "forbidden");
        mia.save(json!({"id": "conv_1", "customerId": nadia.email})).await.problem(403, "forbidden");
        mia.save(json!({"id": "conv_1", "sellerId": "max@example.com"})).await.problem(403, "forbidden");
        nadia.begin("conv_1", &mia.email).await;
        mia.save(json!({"id": "conv_1", "customerId": nadia.email, "sellerId": mia.email})).await.expect(200);
    }

    async fn names_and_price_may_change_and_owners_never(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        let edited = mia.save(json!({"id": "conv_1", "vehicleId": 5, "vehicleName": "Golf, new tyres", "vehiclePrice": 17_500})).await.expect(200);
        assert_eq!((&edited["vehicleId"], &edited["vehicleName"], &edited["vehiclePrice"]), (&json!(4711), &json!("Golf, new tyres"), &json!(17_500)));
        let saved = nadia.save(json!({"id": "conv_1", "sellerId": "max@example.com", "vehicleName": " "})).await.expect(200);
        assert_eq!((&saved["sellerId"], &saved["vehicleName"]), (&json!("mia@example.com"), &json!("Golf, new tyres")));
        assert_eq!(wrong_field(mia.save(json!({"id": "conv_1", "vehiclePrice": -1})).await), "vehiclePrice");
    }

    async fn the_own_flag_of_reading_moves_the_mark_to_what_the_client_holds(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        mia.say("conv_1", 1, "Good day").await;
        let held = nadia.see("conv_1").await["messages"].clone();
        mia.say("conv_1", 2, "Are you there?").await;
        let saved = nadia.save(json!({"id": "conv_1", "messages": held, "isReadByCustomer": true, "isReadBySeller": false})).await.expect(200);
        assert_eq!((&saved["isReadByCustomer"], &saved["isReadBySeller"]), (&json!(false), &json!(true)));
        assert_eq!((&saved["messages"][0]["isRead"], &saved["messages"][1]["isRead"]), (&json!(true), &json!(false)));
        let all = nadia.save(json!({"id": "conv_1", "messages": saved["messages"], "isReadByCustomer": true})).await.expect(200);
        assert_eq!(all["isReadByCustomer"], true);
        let unread = nadia.save(json!({"id": "conv_1", "isReadByCustomer": false})).await.expect(200);
        assert_eq!(unread["isReadByCustomer"], true, "a mark never goes back");
    }

    async fn a_flag_has_a_reason_and_a_time_and_agents_take_it_down(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        nadia.say("conv_1", 1, "Hello!").await;
        let flagged = nadia.save(json!({"id": "conv_1", "isFlagged": true, "flagReason": "Asks for a deposit"})).await.expect(200);
        assert_eq!((&flagged["isFlagged"], &flagged["flagReason"]), (&json!(true), &json!("Asks for a deposit")));
        let again = nadia.save(flagged.clone()).await.expect(200);
        assert_eq!(again["flaggedAt"], flagged["flaggedAt"]);
        assert_eq!(nadia.save(json!({"id": "conv_1", "isFlagged": false})).await.expect(200)["isFlagged"], true);
        let otherwise = mia.flag("conv_1", "Insults").await.expect(200);
        assert_eq!((&otherwise["flagReason"], lines(&otherwise).len()), (&json!("Insults"), 1));
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let rows = app.get("/api/admin/chat-rooms/?flagged=true").bearer(&agent).send().await.expect(200);
        let id = text(&rows["results"][0]["id"]).to_owned();
        app.post(&format!("/api/admin/chat-rooms/{id}/flag/")).bearer(&agent).json(json!({"flagged": false})).send().await.expect(200);
        assert_eq!(nadia.see("conv_1").await.get("flagReason"), None);
        // What staff note is theirs, and why one side complains is not for the other, who may be the reason.
        app.post(&format!("/api/admin/chat-rooms/{id}/flag/")).bearer(&agent).json(json!({"flagged": true, "reason": "Fraud?"})).send().await.expect(200);
        for person in [&nadia, &mia] {
            let seen = person.see("conv_1").await;
            assert_eq!((&seen["isFlagged"], seen.get("flagReason"), seen.get("flaggedAt")), (&json!(false), None, None));
        }
        mia.flag("conv_1", "Insults").await.expect(200);
        assert_eq!(mia.see("conv_1").await["flagReason"], "Insults");
        let seen = nadia.see("conv_1").await;
        assert_eq!((&seen["isFlagged"], seen.get("flagReason")), (&json!(true), None));
        assert_eq!(wrong_field(mia.flag("conv_1", &"x".repeat(501)).await), "reason");
    }

    async fn offers_are_made_and_decided_in_a_save(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        let offer = |id: u64, status: &str| json!({"id": id, "sender": "user", "text": "My offer", "type": "offer", "payload": {"offerPrice": 18_000, "status": status}});
        let saved = nadia.save(json!({"id": "conv_1", "messages": [offer(1, "accepted"), offer(2, "pending"), offer(3, "negotiating")]})).await.expect(200);
        let status = |conversation: &Value, place: usize| text(&conversation["messages"][place]["payload"]["status"]).to_owned();
        assert_eq!((status(&saved, 0), status(&saved, 1), status(&saved, 2)), ("pending".to_owned(), "pending".to_owned(), "negotiating".to_owned()), "nobody accepts its own");
        nadia.save(json!({"id": "conv_1", "messages": [offer(1, "accepted")]})).await.expect(200);
        assert_eq!(status(&nadia.see("conv_1").await, 0), "pending");
        let decided = mia.save(json!({"id": "conv_1", "messages": [offer(1, "declined"), offer(2, "accepted"), offer(3, "sold")]})).await.expect(200);
        assert_eq!((status(&decided, 0), status(&decided, 1), status(&decided, 2)), ("declined".to_owned(), "accepted".to_owned(), "negotiating".to_owned()));
        assert_eq!(lines(&decided)[3..], ["system: mia declined the offer of 18000.", "system: mia accepted the offer of 18000."]);
        mia.save(json!({"id": "conv_1", "messages": [offer(1, "accepted")]})).await.problem(409, "conflict");
        nadia.save(json!({"id": "conv_1", "messages": [offer(3, "withdrawn")]})).await.expect(200);
        assert_eq!(status(&mia.see("conv_1").await, 2), "withdrawn");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beginnings_are_counted_and_saves_are_not() {
    let app = TestApp::start_with(Database::Sqlite, &["--limits=on", "--limit-conversations=2"]).await;
    let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
    nadia.begin("conv_1", &mia.email).await;
    for _ in 0..4 {
        nadia.save(json!({"id": "conv_1", "messages": [user(1, "Hello!")]})).await.expect(200);
    }
    nadia.begin("conv_2", &mia.email).await;
    nadia.save(json!({"id": "conv_3", "sellerId": mia.email})).await.problem(429, "rate_limited");
}
