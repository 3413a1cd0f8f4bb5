//! Deliveries with several things in them, some of which cannot be used (section 3).

use super::*;
use parlor_testkit::whatsapp::Status;

with_whatsapp! {
    async fn all_entries_changes_messages_and_statuses_are_taken(line: Line) {
        line.hears("Hi").await;
        let (one, two) = (line.says("One").await, line.says("Two").await);
        let wamid = async |id: &str| word(&line.until_status(id, "sent").await["whatsapp_message_id"]);
        let (first, second) = (wamid(&one).await, wamid(&two).await);
        let (number, omar) = (Number::default(), Customer::new("491700000002").name("Omar"));
        let error = json!({"code": 130_429, "title": "Rate limit hit"});
        let everything = Envelope::new()
            .message(nadia().text("A"))
            .message(nadia().text("B"))
            .status(Status::delivered(&first))
            .error(&number, error)
            .change(&number)
            .message(omar.text("C"))
            .field("message_template_status_update", &json!({"event": "APPROVED"}))
            .entry(&number)
            .status(Status::read(&second))
            .status(Status::failed("wamid.OFSOMEBODY", 131_026))
            .change(&number)
            .message(nadia().text("D"));
        line.receives(everything).await;
        let rows = line.conversations().await;
        let of_nadia = word(&rows.iter().find(|row| row["customer_name"] == "Nadia P.").unwrap()["id"]);
        let messages = line.messages_of(&of_nadia).await;
        assert_eq!(texts(&messages), ["Hi", "One", "Two", "A", "B", "D"], "messages of one second keep their order");
        assert_eq!((&messages[1]["status"], &messages[2]["status"]), (&json!("delivered"), &json!("read")));
        assert_eq!(rows.len(), 2);
    }

    async fn one_that_cannot_be_used_costs_none_of_the_others(line: Line) {
        let message = |id: &str, body: Value| {
            let mut message = json!({"from": PHONE, "id": id, "timestamp": "1795160000", "type": "text", "text": {"body": id}});
            message.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
            message
        };
        let messages = json!([
            7, null, "x", [], {}, {"id": "wamid.EXAMPLEnobody", "type": "text", "text": {"body": "who?"}},
            message("wamid.EXAMPLEone", json!({})),
            message("wamid.EXAMPLEbad", json!({"from": 491_700_000_001_u64})),
            message("", json!({})),
            message("wamid.EXAMPLEbadid", json!({"id": 7})),
            message("wamid.EXAMPLEtwo", json!({"more": {"things": [1, 2]}, "timestamp": 1_795_160_001})),
            message(&"w".repeat(600), json!({})),
            message("wamid.EXAMPLEthree", json!({"context": 7, "referral": "x", "errors": {}})),
        ]);
        let statuses = json!([7, {}, {"id": "wamid.X"}, {"status": "read"}, {"id": 7, "status": "read"}, {"id": "wamid.X", "status": "played"}]);
        let value = json!({
            "messaging_product": "whatsapp", "metadata": {"phone_number_id": Number::EXAMPLE_ID}, "contacts": "x",
            "messages": messages, "statuses": statuses, "errors": 7, "new_thing": {"a": 1},
        });
        let mut no_number = value.clone();
        no_number["metadata"] = json!({"phone_number_id": 830_000_000_000_001_u64});
        let changes = json!([
            7, {"field": "messages"}, {"field": "messages", "value": []}, {"field": "messages", "value": no_number},
            {"field": "messages", "value": value}, {"field": "messages", "value": {"metadata": {}}},
        ]);
        let entry = json!([null, {"id": "1", "changes": {}}, {"id": "2", "changes": changes}, {"changes": [{"field": "messages", "value": value}]}]);
        line.receives(json!({"object": "whatsapp_business_account", "entry": entry, "more": 1})).await;
        assert_eq!(texts(&line.messages().await), ["wamid.EXAMPLEone", "wamid.EXAMPLEtwo", "wamid.EXAMPLEthree"]);
    }

    async fn unknown_words_and_statuses_of_strangers_change_nothing(line: Line) {
        line.hears("Hi").await;
        let ours = line.says("Hello").await;
        let wamid = word(&line.until_status(&ours, "sent").await["whatsapp_message_id"]);
        let (stranger, theirs) = (Customer::new("491700000002").name("Omar"), line.messages().await[0]["whatsapp_message_id"].clone());
        line.receives([
            Status::new(&wamid, "played"),
            Status::new(&wamid, "deleted"),
            Status::new(&wamid, ""),
            Status::read("wamid.OFSOMEBODY").to(&stranger),
            Status::read(&word(&theirs)),
            Status::read(&wamid).without("id"),
        ])
        .await;
        let messages = line.messages().await;
        assert_eq!((&messages[1]["status"], messages.len()), (&json!("sent"), 2));
        // What it is called alone decides, not whom it names.
        line.receives(Status::delivered(&wamid).to(&stranger).without("timestamp")).await;
        assert_eq!(line.message(&ours).await["status"], "delivered");
    }
}
