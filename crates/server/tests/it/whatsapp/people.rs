//! Who writes: phone ids, user ids, names (section 4).

use super::*;

async fn names(line: &Line) -> Vec<(String, Value)> {
    let rows = line.conversations().await;
    let mut names: Vec<_> = rows
        .iter()
        .map(|row| (word(&row["customer_name"]), row["whatsapp"]["customer_phone"].clone()))
        .collect();
    names.sort_by(|one, other| one.0.cmp(&other.0));
    names
}

with_whatsapp! {
    async fn contacts_belong_to_messages_by_their_ids(line: Line) {
        let omar = Customer::new("491700000002").name("Omar");
        let hidden = Customer::hidden("US.1000000000000001").name("Mia");
        let messages = Envelope::from([nadia().text("One"), omar.text("Two"), hidden.text("Three"), Customer::new("491700000004").text("Four")]);
        // Backwards, with somebody who wrote nothing and something that is no contact.
        let contacts = vec![json!(7), Customer::new("491700000009").name("Nobody").contact(), hidden.contact(), omar.contact(), nadia().contact()];
        line.receives(messages.contacts(contacts)).await;
        let expected = [("491700000004", json!("491700000004")), ("Mia", json!(null)), ("Nadia P.", json!(PHONE)), ("Omar", json!("491700000002"))];
        assert_eq!(names(&line).await, expected.map(|(name, phone)| (name.to_owned(), phone)));
    }

    async fn a_hidden_customer_is_known_by_user_id_and_answered_so(line: Line) {
        let hidden = Customer::hidden(USER).username("nadia.p");
        line.receives(hidden.text("Hello from a hidden number").set("from", "")).await;
        let row = line.conversation().await;
        assert_eq!((&row["customer_name"], &row["whatsapp"]["customer_phone"]), (&json!("@nadia.p"), &json!(null)));
        let live = line.app.get("/api/live-chat/conversations").bearer(&line.owner).send().await.expect(200)["conversations"][0].clone();
        assert_eq!((&live["customer_phone"], &live["customer_name"]), (&json!(null), &json!("@nadia.p")));
        line.reports();
        let ours = line.says("Hello").await;
        line.until_status(&ours, "read").await;
        let sent = line.graph.sent().pop().unwrap();
        assert_eq!((sent.words("/recipient"), sent.words("/to")), (Some(USER), None));
        // Shown from now on: the same person, and the number is the better way.
        line.receives(nadia().text("This is my number")).await;
        let row = line.conversation().await;
        assert_eq!((&row["customer_name"], &row["whatsapp"]["customer_phone"], &row["inbound_count"]), (&json!("Nadia P."), &json!(PHONE), &json!(2)));
        let ours = line.says("Thanks").await;
        line.until_status(&ours, "read").await;
        assert_eq!(line.graph.sent().pop().unwrap().words("/to"), Some(PHONE));
    }

    async fn a_message_that_no_user_id_can_get_waits_for_nothing(line: Line) {
        line.graph.not_to_user_ids(&["text"]);
        line.receives(Customer::hidden(USER).text("Hello")).await;
        let ours = line.says("Your code").await;
        let failed = line.until_status(&ours, "failed").await;
        assert_eq!(failed["metadata"]["error"]["code"], 131_062);
    }

    async fn names_fall_back_and_changed_ones_make_nobody_new(line: Line) {
        for (contact, name) in [
            (json!([{"profile": {}, "wa_id": PHONE}]), PHONE),
            (json!([]), PHONE),
            (json!([{"profile": {"username": "nadia.p"}, "wa_id": PHONE}]), "@nadia.p"),
            (json!([{"profile": {"name": " ", "username": "nadia.p"}, "wa_id": PHONE}]), "@nadia.p"),
            (json!([{"profile": {"name": "Nadia", "username": "nadia.p"}, "wa_id": PHONE}]), "Nadia"),
            (json!([{"profile": {"name": "Nadia Q."}, "wa_id": PHONE}]), "Nadia Q."),
        ] {
            let contacts = contact.as_array().unwrap().clone();
            line.receives(Envelope::from(Customer::new(PHONE).text("Hi")).contacts(contacts)).await;
            let row = line.conversation().await;
            assert_eq!(row["customer_name"], name, "{contact}");
        }
    }

    async fn who_changes_number_or_id_stays_the_same_customer(line: Line) {
        line.hears("Hi").await;
        let id = line.id().await;
        line.receives(nadia().changed_number("491700000099")).await;
        let row = line.conversation().await;
        assert_eq!((&row["whatsapp"]["customer_phone"], &row["inbound_count"], &row["unread_count"]), (&json!("491700000099"), &json!(1), &json!(1)));
        let told = line.last().await;
        assert_eq!((&told["type"], &told["sender"]["kind"], &told["text"]), (&json!("system"), &json!("system"), &json!("The customer has another phone number: 491700000099.")));
        let moved = Customer::new("491700000099").user_id(USER).name("Nadia P.");
        line.receives(moved.changed_user_id("DE.9999999999999999")).await;
        line.receives(Customer::hidden("DE.9999999999999999").text("It is me")).await;
        assert_eq!(line.id().await, id, "there is still one conversation");
        assert_eq!(line.last().await["text"], "It is me");
        // Said twice, changes nothing; other system messages say nothing to us.
        line.receives(nadia().says("system", json!({"type": "customer_identity_changed", "body": "x"}))).await;
        line.receives(Customer::new("491700000077").changed_number("491700000078")).await;
        assert_eq!((line.messages().await.len(), line.conversations().await.len()), (4, 1));
    }

    async fn what_is_written_in_a_group_is_not_stored(line: Line) {
        line.receives([nadia().text("To all").in_group("GROUP1"), nadia().text("To you")]).await;
        assert_eq!(texts(&line.messages().await), ["To you"]);
    }

    async fn a_resolved_conversation_reopens_and_a_deleted_one_begins_again(line: Line) {
        line.hears("Hi").await;
        let (id, number) = (line.id().await, line.conversation().await["whatsapp"]["number"].clone());
        let path = format!("/api/admin/chat-rooms/{id}/status/");
        line.app.post(&path).bearer(&line.owner).json(json!({"status": "resolved"})).send().await.expect(200);
        line.hears("One more thing").await;
        let row = line.conversation().await;
        assert_eq!((&row["id"], &row["status"], &row["whatsapp"]["number"]), (&json!(id), &json!("open"), &number));
        let path = format!("/api/admin/chat-rooms/{id}/");
        assert!(line.app.delete(&path).bearer(&line.owner).send().await.status < 300);
        line.hears("Anybody?").await;
        let again = line.conversation().await;
        assert!(again["id"] != id.as_str() && again["whatsapp"]["number"] != number, "{again}");
        assert_eq!(texts(&line.messages().await), ["Anybody?"]);
    }
}
