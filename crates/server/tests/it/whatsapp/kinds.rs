//! Every kind of message, as agents see it (section 5). Files are looked at in `files`.

use super::*;
use parlor_testkit::whatsapp::Message;

/// What an agent sees: type, text, payload, metadata; and the type that clients with numbers see.
type Seen<'a> = (&'a str, &'a str, Value, Value, &'a str);

async fn is_seen(line: &Line, message: Message, (kind, text, payload, metadata, live_kind): Seen<'_>) {
    let wamid = message.wamid().to_owned();
    line.receives(message).await;
    let seen = line.last().await;
    assert_eq!((seen["type"].as_str(), seen["text"].as_str()), (Some(kind), Some(text)), "{seen}");
    assert_eq!((&seen["payload"], &seen["metadata"]), (&payload, &metadata), "{seen}");
    assert_eq!(
        (&seen["whatsapp_message_id"], &seen["sender"]["kind"], &seen["sender"]["name"]),
        (&json!(wamid), &json!("visitor"), &json!("Nadia P."))
    );
    let live = line.live_messages().await.pop().unwrap();
    assert_eq!(
        (live["message_type"].as_str(), live["message"].as_str(), &live["sender"]),
        (Some(live_kind), Some(text), &json!("customer"))
    );
    assert_eq!((&live["whatsapp_message_id"], &live["media_url"]), (&json!(wamid), &json!(null)));
}

with_whatsapp! {
    async fn words_and_choices_are_texts(line: Line) {
        let none = Value::Null;
        is_seen(&line, nadia().text("Is the blue one in stock?"), ("text", "Is the blue one in stock?", none.clone(), none.clone(), "text")).await;
        let chosen = json!({"reply_id": "call_me"});
        for choice in [nadia().button_reply("call_me", "Call me"), nadia().list_reply("call_me", "Call me", "now"), nadia().button("Call me", "call_me")] {
            is_seen(&line, choice, ("text", "Call me", none.clone(), chosen.clone(), "text")).await;
        }
        let facts = nadia().text("Look").forwarded().frequently_forwarded().about_product("550000000000001", "A-17").from_ad("Blue chairs");
        let referral = json!({
            "source_id": "440000000000001", "source_type": "ad", "headline": "Blue chairs", "body": "Blue chairs", "media_type": "image",
            "ctwa_clid": "EXAMPLE", "source_url": "https://example.com/ad",
        });
        let metadata = json!({
            "forwarded": true, "frequently_forwarded": true, "referral": referral,
            "referred_product": {"catalog_id": "550000000000001", "product_retailer_id": "A-17"},
        });
        is_seen(&line, facts, ("text", "Look", none, metadata, "text")).await;
    }

    async fn places_cards_orders_and_forms_keep_their_content(line: Line) {
        let place = json!({"latitude": 52.52, "longitude": 13.405, "name": "Example Shop", "address": "1 Main St", "url": null});
        let named = nadia().location(52.52, 13.405).with("name", "Example Shop").with("address", "1 Main St");
        is_seen(&line, named, ("location", "Example Shop, 1 Main St", place, Value::Null, "location")).await;
        let bare = json!({"latitude": 52.52, "longitude": -13.4, "name": null, "address": null, "url": null});
        let worded = nadia().says("location", json!({"latitude": "52.52", "longitude": "-13.4"}));
        is_seen(&line, worded, ("location", "52.52, -13.4", bare, Value::Null, "location")).await;

        let cards = nadia().contacts(&[("Omar Q.", "+1 202 555 0100"), ("Mia R.", "+1 202 555 0101")]);
        let card = |name: &str, phone: &str| json!({"name": {"formatted_name": name, "first_name": name}, "phones": [{"phone": phone, "type": "CELL"}]});
        let payload = json!({"contacts": [card("Omar Q.", "+1 202 555 0100"), card("Mia R.", "+1 202 555 0101")]});
        is_seen(&line, cards, ("contacts", "Omar Q., Mia R.", payload, Value::Null, "contacts")).await;

        let order = nadia().order(&[("chair", 2, 12.5, "EUR"), ("lamp", 1, 7.0, "USD"), ("table", 1, 0.3, "EUR")]);
        let item = |id: &str, quantity: i64, price: f64, currency: &str| json!({"product_retailer_id": id, "quantity": quantity, "item_price": price, "currency": currency});
        let items = json!([item("chair", 2, 12.5, "EUR"), item("lamp", 1, 7.0, "USD"), item("table", 1, 0.3, "EUR")]);
        let payload = json!({"catalog_id": "550000000000001", "items": items});
        is_seen(&line, order, ("order", "4 items, 25.30 EUR, 7.00 USD", payload, Value::Null, "order")).await;

        let form = json!({"type": "form", "name": "flow", "response": {"size": "M"}});
        is_seen(&line, nadia().form_reply(r#"{"size":"M"}"#), ("interactive", "Sent", form, Value::Null, "interactive")).await;
        let broken = json!({"type": "form", "name": "flow", "response": "{\"size\":"});
        is_seen(&line, nadia().form_reply("{\"size\":"), ("interactive", "Sent", broken, Value::Null, "interactive")).await;
    }

    async fn what_cannot_be_shown_leaves_a_sign_and_its_json(line: Line) {
        let kinds = ["text", "image", "location", "contacts", "interactive", "button", "order", "reaction", "edit", "revoke"];
        let empty = kinds.map(|kind| (nadia().without_content(kind), kind));
        let wrong = kinds.map(|kind| (nadia().says(kind, json!(7)), kind));
        let others = [(nadia().unsupported(), "unsupported"), (nadia().unknown_kind(), "hologram"), (nadia().without_content("hologram"), "hologram")];
        for (message, kind) in others.into_iter().chain(empty).chain(wrong) {
            let (wamid, text) = (message.wamid().to_owned(), format!("[unsupported message: {kind}]"));
            line.receives(message).await;
            let seen = line.last().await;
            assert_eq!((seen["type"].as_str(), seen["text"].as_str()), (Some("unsupported"), Some(text.as_str())), "{seen}");
            assert_eq!((&seen["metadata"]["raw"]["id"], &seen["metadata"]["raw"]["type"]), (&json!(wamid), &json!(kind)), "{seen}");
        }
        let seen = line.messages().await.remove(0);
        assert_eq!(seen["metadata"]["errors"][0]["code"], 131_051);
        assert_eq!(line.live_messages().await[0]["message_type"], "unsupported");
        assert_eq!(line.messages().await.len(), 23);
    }

    async fn an_answer_is_tied_to_what_it_answers(line: Line) {
        let first = line.hears("The blue one or the red one?").await;
        let ours = line.says("The blue one.").await;
        let sent = line.until_status(&ours, "sent").await;
        let first_id = line.messages().await[0]["id"].clone();
        for (answered, id) in [(first, &first_id), (word(&sent["whatsapp_message_id"]), &json!(ours))] {
            line.receives(nadia().text("This one").reply_to(&answered)).await;
            assert_eq!((&line.last().await["reply_to"], &line.last().await["metadata"]), (id, &json!(null)));
        }
        line.receives(nadia().text("That one").reply_to("wamid.OFLASTYEAR")).await;
        let last = line.last().await;
        assert_eq!((&last["reply_to"], &last["metadata"]["reply_to_unknown"]), (&json!(null), &json!("wamid.OFLASTYEAR")));
    }

    async fn a_sign_an_edit_and_a_withdrawal_change_what_is_there(line: Line) {
        let question = line.hears("Is it blu?").await;
        let mut agent = line.listener().await;
        let ours = line.says("It is.").await;
        let answer = word(&line.until_status(&ours, "sent").await["whatsapp_message_id"]);
        line.receives([nadia().reaction(&question, "🤔"), nadia().reaction(&answer, "👍")]).await;
        let messages = line.messages().await;
        assert_eq!(messages[0]["reactions"], json!([{"emoji": "🤔", "by": "visitor"}]));
        assert_eq!(messages[1]["reactions"], json!([{"emoji": "👍", "by": "visitor"}]));
        line.receives([nadia().reaction(&answer, "🎉"), nadia().no_reaction(&question)]).await;
        let messages = line.messages().await;
        assert_eq!((&messages[0]["reactions"], &messages[1]["reactions"][0]["emoji"]), (&json!([]), &json!("🎉")));
        line.receives(nadia().reaction(&answer, "")).await;
        assert_eq!(line.messages().await[1]["reactions"], json!([]));

        line.receives(nadia().edit(&question, "Is it blue?")).await;
        let edited = line.messages().await.remove(0);
        assert!(edited["text"] == "Is it blue?" && edited["edited_at"].is_string(), "{edited}");
        line.receives(nadia().edit(&answer, "It is not, and costs nothing.")).await;
        assert_eq!(line.messages().await[1]["text"], "It is.", "nobody edits what another wrote");
        line.receives(nadia().revoke(&answer)).await;
        line.receives(nadia().revoke(&question)).await;
        let messages = line.messages().await;
        assert!(messages[0]["deleted_at"].is_string() && messages[0]["text"] == "" && messages[1]["deleted_at"].is_null(), "{messages:?}");
        assert_eq!(line.live_messages().await[0]["message"], "deleted by the customer");
        assert_eq!(messages.len(), 2, "none of this is a message of its own");
        assert_eq!(line.conversation().await["inbound_count"], 1);

        let told: Vec<_> = agent.so_far().await.into_iter().filter(|frame| frame["event"] == "conversation:message-updated").collect();
        let changes: Vec<_> = told.iter().map(|frame| frame["data"]["change"].as_str().unwrap()).filter(|change| *change != "status").collect();
        assert_eq!(changes, ["reaction", "reaction", "reaction", "reaction", "reaction", "edited", "deleted"]);
    }

    async fn a_change_that_comes_before_its_message_is_not_lost(line: Line) {
        let late = nadia().text("Is it blu?");
        line.receives(nadia().reaction(late.wamid(), "🙏")).await;
        line.receives(nadia().edit(late.wamid(), "Is it blue?")).await;
        assert_eq!(line.conversations().await, Vec::<Value>::new());
        line.receives(late).await;
        let seen = line.last().await;
        assert_eq!((&seen["text"], &seen["reactions"][0]["emoji"]), (&json!("Is it blue?"), &json!("🙏")));
        let taken_back = nadia().text("Forget it");
        line.receives([nadia().revoke(taken_back.wamid()), taken_back]).await;
        assert!(line.last().await["deleted_at"].is_string());
    }
}
