use super::*;

fn text_of(body: &str) -> IncomingMessage {
    only(holding("text", json!({"body": body})))
}

#[test]
fn text_is_kept_as_it_is_without_control_characters() {
    for (body, kept) in [
        ("Is the <b>blue</b> one\n\tin stock? ", "Is the <b>blue</b> one\n\tin stock? "),
        ("a\r\nb\u{7}\u{1b}[31m\u{85}c", "a\nb[31mc"),
        ("\u{1f469}\u{200d}\u{1f467} é", "\u{1f469}\u{200d}\u{1f467} é"),
        ("a\u{0}b", "a\u{fffd}b"),
    ] {
        assert_eq!(text_of(body).content, said(kept));
    }
    for empty in ["", " \n", "\u{7}\u{8}"] {
        assert_eq!(structured(text_of(empty).content).1, "[unsupported message: text]");
    }
}

#[test]
fn half_of_a_surrogate_pair_costs_one_character() {
    let body = r#"{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":{
        "metadata":{"phone_number_id":"830000000000001"},
        "contacts":[{"profile":{"name":"Nadia \ude00"},"wa_id":"491700000001"}],
        "messages":[{"from":"491700000001","id":"w1","type":"text","text":{"body":"see \ud83d! \ud83d\ude00 http:\/\/example.com"}}]}}]}]}"#;
    let told = read_delivery(body.as_bytes()).unwrap();
    let ReceivedItem::Message(message) = &told[0].items[0] else {
        panic!("no message")
    };
    assert_eq!(message.content, said("see \u{fffd}! \u{1f600} http://example.com"));
    assert_eq!(message.from.name.as_deref(), Some("Nadia \u{fffd}"));
}

#[test]
fn long_text_is_kept_and_too_long_text_cut() {
    let long = text_of(&"é".repeat(10_000));
    assert_eq!((long.content, long.metadata.get("truncated")), (said(&"é".repeat(10_000)), None));
    let cut = text_of(&"é".repeat(10_001));
    assert_eq!((cut.content, cut.metadata.get("truncated")), (said(&"é".repeat(10_000)), Some(&json!(true))));
}

#[test]
fn what_stands_beside_a_message_is_kept() {
    let mut message = holding("text", json!({"body": "hi"}));
    message["context"] = json!({"from": "15550001111", "id": "wamid.SENT1", "forwarded": true, "frequently_forwarded": false,
        "referred_product": {"catalog_id": "55", "product_retailer_id": "chair", "more": 1}});
    message["referral"] = json!({"source_url": "javascript:1", "source_id": "44", "source_type": "ad", "headline": "Chairs", "image": {"id": 1}});
    let read = only(message);
    assert_eq!(read.reply_to.as_deref(), Some("wamid.SENT1"));
    assert_eq!(
        Value::Object(read.metadata),
        json!({"forwarded": true, "referred_product": {"catalog_id": "55", "product_retailer_id": "chair"},
            "referral": {"source_id": "44", "source_type": "ad", "headline": "Chairs"}})
    );
    let mut strange = holding("text", json!({"body": "hi"}));
    strange["context"] = json!({"id": "", "forwarded": "yes", "referred_product": 7});
    strange["referral"] = json!([1]);
    strange["errors"] = json!({});
    let read = only(strange);
    assert_eq!((read.reply_to, read.metadata.len()), (None, 0));
}

#[test]
fn metadata_fit_and_the_largest_fact_goes_first() {
    let mut message = holding("text", json!({"body": "hi"}));
    message["context"] = json!({"id": "w0", "forwarded": true});
    let wide = "\u{1f600}".repeat(500);
    message["referral"] = json!({"headline": wide, "body": wide, "source_url": format!("https://example.com/{wide}")});
    message["errors"] = json!([{"code": 1, "title": wide, "message": wide}]);
    let read = only(message);
    assert!(Value::Object(read.metadata.clone()).to_string().len() <= 8_192);
    let kept: Vec<&str> = read.metadata.keys().map(String::as_str).collect();
    assert_eq!(kept, ["errors", "forwarded"]);
}
