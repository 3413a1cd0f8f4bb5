use super::super::{NotADelivery, read_delivery};
use super::*;
use parlor_domain::clock::Timestamp;
use parlor_domain::message::DeliveryError;
use parlor_domain::whatsapp::StatusWord;

#[test]
fn what_is_no_envelope_is_refused() {
    for wrong in [
        &b""[..],
        b"hello",
        b"{",
        b"{} {}",
        b"\xff",
        b"{\"object\":\"whatsapp_business_account\",\"entry\":[],\"x\":\"\xe9\"}",
    ] {
        assert_eq!(read_delivery(wrong), Err(NotADelivery::Json), "{wrong:?}");
    }
    for wrong in [
        "null",
        "[]",
        "7",
        "{}",
        r#"{"object":"page","entry":[]}"#,
        r#"{"object":7,"entry":[]}"#,
        r#"{"object":"whatsapp_business_account"}"#,
        r#"{"object":"whatsapp_business_account","entry":{}}"#,
    ] {
        assert_eq!(read_delivery(wrong.as_bytes()), Err(NotADelivery::Envelope), "{wrong}");
    }
    assert_eq!(read_delivery(br#"{"object":"whatsapp_business_account","entry":[]}"#), Ok(Vec::new()));
}

#[test]
fn every_entry_change_message_and_status_counts_and_numbers_are_kept_apart() {
    let change = |number: &str, id: &str| {
        json!({"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": {"phone_number_id": number}, "new": [1],
            "messages": [{"from": PHONE, "id": format!("{id}.1"), "type": "text", "text": {"body": "a"}},
                         {"from": PHONE, "id": format!("{id}.2"), "type": "text", "text": {"body": "b"}}],
            "statuses": [{"id": format!("{id}.3"), "status": "read"}], "errors": [{"code": 130429}]}})
    };
    let body = json!({"object": "whatsapp_business_account", "more": {}, "entry": [
        {"id": "1", "changes": [change("n1", "a"), change("n2", "b")]},
        {"id": "2", "changes": [{"field": "account_update", "value": {"event": "x"}}, {"value": {}}, 7, change("n1", "c")]},
        "nothing", {"id": "3"}, {"id": "4", "changes": {}},
    ]});
    let told = read_delivery(body.to_string().as_bytes()).unwrap();
    let ids: Vec<(String, Vec<String>)> = told
        .into_iter()
        .map(|told| {
            let ids = told.items.into_iter().map(|item| match item {
                ReceivedItem::Message(message) => message.id,
                ReceivedItem::Status(notice) => notice.id,
                ReceivedItem::Moved(moved) => moved.id,
            });
            (told.phone_number_id, ids.collect())
        })
        .collect();
    let own = |all: &[&str]| all.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        ids,
        [
            ("n1".to_owned(), own(&["a.1", "a.2", "a.3", "c.1", "c.2", "c.3"])),
            ("n2".to_owned(), own(&["b.1", "b.2", "b.3"])),
        ]
    );
}

#[test]
fn one_bad_element_costs_nothing_else() {
    let mut nameless = holding("text", json!({"body": "who?"}));
    nameless["from"] = json!("");
    nameless["from_user_id"] = json!(null);
    let mut unnamed = holding("text", json!({"body": "no id"}));
    unnamed["id"] = json!("x".repeat(513));
    let mut group = holding("text", json!({"body": "hi all"}));
    group["group_id"] = json!("g1");
    let good = holding("text", json!({"body": "hi"}));
    let kept = messages(json!({"contacts": [7, {}, {"profile": []}],
        "messages": [null, 7, "x", [], {}, {"id": 7}, nameless, unnamed, group, good], "statuses": [null, {}, []]}));
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].content, said("hi"));
    assert_eq!(items(json!({"messages": {}, "statuses": "x", "contacts": 5, "errors": null})), []);
}

#[test]
fn depth_and_huge_numbers_cost_at_most_their_own_field() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let body = format!(
        r#"{{"object":"whatsapp_business_account","deep":{deep},"entry":[{{"changes":[{{"field":"messages","value":{{
            "metadata":{{"phone_number_id":"{NUMBER}"}},"huge":1e999999,"messages":[
            {{"from":"{PHONE}","id":"w1","type":"hologram","hologram":{deep}}},
            {{"from":"{PHONE}","id":"w2","type":"location","location":{{"latitude":1e999,"longitude":1}}}},
            {{"from":"{PHONE}","id":"w3","type":"text","text":{{"body":"hi"}},"timestamp":99999999999999999999999999,"deep":{deep}}}
            ]}}}}]}}]}}"#
    );
    let told = read_delivery(body.as_bytes()).unwrap();
    let contents: Vec<&Incoming> = told[0]
        .items
        .iter()
        .map(|item| match item {
            ReceivedItem::Message(message) => &message.content,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(contents.len(), 3);
    assert_eq!(structured(contents[0].clone()).1, "[unsupported message: hologram]");
    assert_eq!(structured(contents[1].clone()).1, "[unsupported message: location]");
    assert_eq!(*contents[2], said("hi"));
}

#[test]
fn a_moment_is_a_string_or_a_number_of_seconds() {
    for (written, read) in [
        (json!("1795160000"), Some(1_795_160_000_000)),
        (json!(1_795_160_000), Some(1_795_160_000_000)),
        (json!(" 1795160000 "), Some(1_795_160_000_000)),
        (json!("0"), None),
        (json!(-5), None),
        (json!("yesterday"), None),
        (json!(1_795_160_000_000_000_i64), None),
        (json!("99999999999999999999999"), None),
        (json!(1e300), None),
        (json!(null), None),
        (json!([]), None),
    ] {
        let mut message = holding("text", json!({"body": "hi"}));
        message["timestamp"] = written.clone();
        assert_eq!(only(message).sent_at, read.map(Timestamp), "{written}");
    }
}

#[test]
fn statuses_are_read_and_other_words_ignored() {
    let read = statuses(json!([
        {"id": "w1", "status": "sent", "timestamp": "1795160400", "recipient_id": PHONE, "pricing": {"billable": false}},
        {"id": "w2", "status": "delivered", "timestamp": 1_795_160_401},
        {"id": "w3", "status": "read", "biz_opaque_callback_data": "a:b:0", "recipient_user_id": USER},
        {"id": "w4", "status": "played"}, {"id": "w5"}, {"id": "", "status": "read"}, {"status": "read"},
    ]));
    let seen: Vec<_> = read.iter().map(|notice| (notice.id.as_str(), notice.status, notice.at)).collect();
    assert_eq!(
        seen,
        [
            ("w1", StatusWord::Sent, Some(Timestamp(1_795_160_400_000))),
            ("w2", StatusWord::Delivered, Some(Timestamp(1_795_160_401_000))),
            ("w3", StatusWord::Read, None),
        ]
    );
    assert_eq!(read[2].callback_data.as_deref(), Some("a:b:0"));
}

#[test]
fn a_failure_says_why_as_far_as_it_does() {
    let error = |code, message: &str| {
        Some(DeliveryError {
            code,
            message: message.to_owned(),
        })
    };
    for (errors, read) in [
        (
            json!([{"code": 131_026, "title": "Undeliverable", "message": "Undeliverable", "error_data": {"details": "No such user."}}, {"code": 1}]),
            error(131_026, "Undeliverable: No such user."),
        ),
        (json!([{"code": "131047", "message": "Re-engage"}]), error(131_047, "Re-engage")),
        (json!([{"error_data": {"details": "Why."}}]), error(0, "Why.")),
        (json!([{}]), error(0, "WhatsApp gives no reason")),
        (json!([]), None),
        (json!("broken"), None),
        (json!(null), None),
    ] {
        let failed = statuses(json!([{"id": "w", "status": "failed", "errors": errors}]));
        assert_eq!(failed[0].error, read);
    }
    assert_eq!(statuses(json!([{"id": "w", "status": "failed"}]))[0].error, None);
    assert_eq!(statuses(json!([{"id": "w", "status": "read", "errors": [{"code": 5}]}]))[0].error, None);
}
