use super::*;
use parlor_domain::whatsapp::{MediaKind, MediaNotice};

#[test]
fn a_file_is_shown_by_its_caption_else_its_name_else_its_kind() {
    let read = |kind: &str, more: Value| {
        let mut media = json!({"id": "990000000000001", "mime_type": "image/jpeg", "sha256": "qk9t", "url": "https://lookaside.example.com/x"});
        for (key, value) in more.as_object().unwrap() {
            media[key] = value.clone();
        }
        match content(kind, media) {
            Incoming::Media(notice, words) => (notice, words),
            other => panic!("{other:?}"),
        }
    };
    let (notice, words) = read("image", json!({"caption": "the dent"}));
    assert_eq!(words, "the dent");
    let whole = MediaNotice {
        kind: MediaKind::Image,
        id: "990000000000001".to_owned(),
        mime: Some("image/jpeg".to_owned()),
        sha256: Some("qk9t".to_owned()),
        file_name: None,
        voice: false,
    };
    assert_eq!(notice, whole);
    for (kind, read_as) in [
        ("image", MediaKind::Image),
        ("video", MediaKind::Video),
        ("audio", MediaKind::Audio),
        ("document", MediaKind::Document),
        ("sticker", MediaKind::Sticker),
    ] {
        let (notice, words) = read(kind, json!({"caption": " \u{7} "}));
        assert_eq!((notice.kind, notice.voice), (read_as, false));
        assert_eq!(words, format!("[{kind}]"));
        assert_eq!(read(kind, json!({"caption": 7})).1, format!("[{kind}]"));
    }
    assert!(read("audio", json!({"voice": true})).0.voice);
    let (notice, words) = read("document", json!({"filename": "../../etc/re\u{202e}port\u{7}.pdf"}));
    assert_eq!((notice.file_name.as_deref(), words.as_str()), (Some("report.pdf"), "report.pdf"));
    assert_eq!(read("document", json!({"filename": "a.pdf", "caption": "mine"})).1, "mine");
    assert_eq!(structured(content("image", json!({"caption": "no id"}))).0, MessageKind::Unsupported);
}

#[test]
fn a_place_is_named_or_has_coordinates() {
    let (kind, text, payload) = structured(content(
        "location",
        json!({"latitude": "52.52", "longitude": 13.405, "name": "Shop", "address": "Main St 1", "url": "javascript:alert(1)"}),
    ));
    assert_eq!((kind, text.as_str()), (MessageKind::Location, "Shop, Main St 1"));
    assert_eq!(
        payload,
        json!({"latitude": 52.52, "longitude": 13.405, "name": "Shop", "address": "Main St 1", "url": null})
    );
    let (_, text, payload) = structured(content(
        "location",
        json!({"latitude": 52.52, "longitude": "13.405", "url": "https://example.com/map"}),
    ));
    assert_eq!((text.as_str(), payload["url"].as_str()), ("52.52, 13.405", Some("https://example.com/map")));
    for wrong in [
        json!({}),
        json!({"latitude": "NaN", "longitude": 1}),
        json!({"latitude": 1, "longitude": "x"}),
        json!("here"),
    ] {
        assert_eq!(structured(content("location", wrong)).0, MessageKind::Unsupported);
    }
}

#[test]
fn cards_are_shown_by_their_names() {
    let cards = json!([
        {"name": {"formatted_name": "Nadia P."}, "phones": [{"phone": "+1 202 555 0100", "type": "CELL"}]},
        {"name": {"first_name": "Omar", "last_name": "Q."}}, {"org": {"company": "Example Ltd"}}, {"phones": [{"phone": "+1 202 555 0101"}]}, {}, 7,
    ]);
    let (kind, text, payload) = structured(content("contacts", cards));
    assert_eq!(
        (kind, text.as_str()),
        (MessageKind::Contacts, "Nadia P., Omar Q., Example Ltd, +1 202 555 0101, [contact]")
    );
    assert_eq!(payload["contacts"][0]["phones"][0]["phone"], "+1 202 555 0100");
    assert_eq!(payload["contacts"].as_array().map(Vec::len), Some(5));
    let many = json!({"name": {"formatted_name": "N".repeat(190)}});
    let read = only(holding("contacts", json!(vec![many; 200])));
    assert_eq!(read.metadata.get("truncated"), Some(&json!(true)));
    let (_, text, payload) = structured(read.content);
    assert_eq!(text.chars().count(), 10_000);
    assert!(payload.to_string().len() <= 8_192);
    assert_eq!(structured(content("contacts", json!([]))).0, MessageKind::Unsupported);
}

#[test]
fn a_choice_is_its_title_with_its_id_beside_it() {
    for (kind, of) in [
        (
            "interactive",
            json!({"type": "button_reply", "button_reply": {"id": "call_me", "title": "Call me"}}),
        ),
        (
            "interactive",
            json!({"type": "list_reply", "list_reply": {"id": "call_me", "title": "Call me", "description": "now"}}),
        ),
        ("button", json!({"text": "Call me", "payload": "call_me"})),
    ] {
        let read = only(holding(kind, of));
        assert_eq!((read.content, read.metadata.get("reply_id")), (said("Call me"), Some(&json!("call_me"))));
    }
    assert_eq!(content("button", json!({"payload": "only"})), said("only"));
    for other in [
        json!({}),
        json!({"type": "poll_reply"}),
        json!({"type": "button_reply"}),
        json!({"type": "button_reply", "button_reply": {}}),
    ] {
        assert_eq!(structured(content("interactive", other)).1, "[unsupported message: interactive]");
    }
}

#[test]
fn a_form_keeps_its_answers_also_when_they_are_broken() {
    let form = |answers: Value, body: Value| {
        let of = json!({"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": body, "response_json": answers}});
        structured(content("interactive", of))
    };
    let (kind, text, payload) = form(json!(r#"{"size":"M\u0000","pair":"\ud83d"}"#), json!("Sent"));
    assert_eq!((kind, text.as_str()), (MessageKind::Interactive, "Sent"));
    assert_eq!(
        payload,
        json!({"type": "form", "name": "flow", "response": {"size": "M\u{fffd}", "pair": "\u{fffd}"}})
    );
    let (_, text, payload) = form(json!("{\"size\":"), json!(" "));
    assert_eq!((text.as_str(), &payload["response"]), ("[form]", &json!("{\"size\":")));
    let (_, _, payload) = form(json!(format!("{{\"a\":\"{}\"}}", "é".repeat(9_000))), json!(null));
    assert!(payload.to_string().len() <= 8_192 && payload["response"].is_string());
    assert_eq!(form(json!(null), json!("x")).2["response"], json!(null));
}

#[test]
fn an_order_counts_its_items_and_sums_by_currency() {
    let items = json!([
        {"product_retailer_id": "chair", "quantity": 2, "item_price": 12.5, "currency": "EUR"},
        {"product_retailer_id": "table", "quantity": "1", "item_price": "0.30", "currency": "EUR"},
        {"product_retailer_id": "lamp", "quantity": 1, "item_price": 7, "currency": "USD"},
        {"product_retailer_id": "gift"}, {"quantity": 1e300, "item_price": 1e300, "currency": "EUR"}, "x",
    ]);
    let (kind, text, payload) = structured(content("order", json!({"catalog_id": "55", "text": "", "product_items": items})));
    assert_eq!((kind, text.as_str()), (MessageKind::Order, "6 items, 25.30 EUR, 7.00 USD"));
    assert_eq!(payload["catalog_id"], "55");
    assert_eq!(
        payload["items"][0],
        json!({"product_retailer_id": "chair", "quantity": 2, "item_price": 12.5, "currency": "EUR"})
    );
    let one = json!({"text": "in blue, please", "product_items": [{"quantity": 1, "item_price": 3, "currency": "EUR"}]});
    assert_eq!(structured(content("order", one)).1, "1 item, 3.00 EUR\nin blue, please");
    assert_eq!(structured(content("order", json!({"product_items": []}))).0, MessageKind::Unsupported);
}

#[test]
fn reactions_edits_and_revocations_change_an_earlier_message() {
    let reacted = |emoji: Option<&str>| Incoming::Reaction {
        target: "w0".to_owned(),
        emoji: emoji.map(str::to_owned),
    };
    assert_eq!(
        content("reaction", json!({"message_id": "w0", "emoji": "\u{1f44d}"})),
        reacted(Some("\u{1f44d}"))
    );
    for none in [
        json!({"message_id": "w0"}),
        json!({"message_id": "w0", "emoji": ""}),
        json!({"message_id": "w0", "emoji": null}),
    ] {
        assert_eq!(content("reaction", none), reacted(None));
    }
    let edited = |text: &str| Incoming::Edit {
        target: "w0".to_owned(),
        text: text.to_owned(),
    };
    for (edit, text) in [
        (
            json!({"original_message_id": "w0", "message": {"context": {"id": "w0"}, "type": "text", "text": {"body": "better"}}}),
            "better",
        ),
        (json!({"original_message_id": "w0", "message": {"text": {"body": "better"}}}), "better"),
        (json!({"original_message_id": "w0", "text": {"body": "better"}}), "better"),
        (
            json!({"original_message_id": "w0", "message": {"type": "image", "image": {"id": "9", "caption": "the scratch"}}}),
            "the scratch",
        ),
    ] {
        assert_eq!(content("edit", edit), edited(text));
    }
    let mut beside = message("edit");
    beside["original_message_id"] = json!("w0");
    beside["text"] = json!({"body": "better"});
    assert_eq!(only(beside).content, edited("better"));
    let revoked = Incoming::Revoke { target: "w0".to_owned() };
    assert_eq!(content("revoke", json!({"original_message_id": "w0"})), revoked);
    let mut beside = message("revoke");
    beside["original_message_id"] = json!("w0");
    assert_eq!(only(beside).content, revoked);
    for (kind, wrong) in [
        ("reaction", json!({"emoji": "x"})),
        ("reaction", json!({"message_id": "w0", "emoji": "x".repeat(99)})),
        ("edit", json!({"original_message_id": "w0"})),
        (
            "edit",
            json!({"original_message_id": "w0", "message": {"type": "edit", "edit": {"original_message_id": "w1"}}}),
        ),
        ("edit", json!({"message": {"type": "text", "text": {"body": "x"}}})),
        ("revoke", json!({})),
    ] {
        assert_eq!(structured(content(kind, wrong)).1, format!("[unsupported message: {kind}]"));
    }
}

#[test]
fn what_is_not_understood_is_shown_and_kept() {
    for mut unknown in [
        message("hologram"),
        message("text"),
        message("image"),
        message("unsupported"),
        message("contacts"),
    ] {
        let kind = unknown["type"].as_str().unwrap().to_owned();
        unknown["errors"] = json!([{"code": 131_051, "title": "Unknown", "error_data": {"details": "Not supported."}}, 7]);
        let read = only(unknown.clone());
        let (stored, text, payload) = structured(read.content);
        assert_eq!(
            (stored, text, payload),
            (MessageKind::Unsupported, format!("[unsupported message: {kind}]"), Value::Null)
        );
        assert_eq!(read.metadata["raw"], unknown);
        assert_eq!(
            read.metadata["errors"],
            json!([{"code": 131_051, "title": "Unknown", "details": "Not supported."}])
        );
    }
    let mut untyped = message("x");
    untyped["type"] = json!(7);
    assert_eq!(structured(only(untyped).content).1, "[unsupported message: unknown]");
    let large = only(holding("hologram", json!("x".repeat(9_000))));
    assert_eq!(large.metadata["raw"], json!({"left_out": "9139 bytes"}));
}
