//! What the webhook gets, byte for byte.

use crate::support::{graph, nadia, text, try_post, webhook};
use parlor_testkit::whatsapp::{Customer, Delivery, Envelope, Number, Status, Webhook, ascii_json, sample, signature};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// HMAC as RFC 2104 defines it, for keys shorter than a block.
fn hmac(key: &[u8], text: &[u8]) -> String {
    let pad = |byte: u8| (0..64).map(|place| key.get(place).unwrap_or(&0) ^ byte).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36).as_slice(), text].concat());
    let outer = Sha256::digest([pad(0x5c).as_slice(), &inner].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn value_of(delivery: &Delivery) -> Value {
    let body: Value = serde_json::from_slice(&delivery.body).unwrap();
    assert_eq!(body["object"], "whatsapp_business_account");
    body["entry"][0]["changes"][0]["value"].clone()
}

#[test]
fn the_signature_is_hmac_over_the_bytes() {
    let body = br#"{"text":"caf\u00e9 \ud83d\udc4d a\/b"}"#;
    let expected = "b02e8e6d00c6211d246dbef6134e93e6a07ac3ea5356ab38faf7cb040e7298ea";
    assert_eq!(hmac(b"example-app-secret", body), expected);
    assert_eq!(signature("example-app-secret", body), format!("sha256={expected}"));
    // RFC 4231, case 2.
    let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(signature("Jefe", b"what do ya want for nothing?"), format!("sha256={known}"));
}

#[test]
fn json_is_ascii_with_an_escaped_solidus() {
    let value = json!({"text": "café 👍 a/b \"c\" \\ \n\u{7f}"});
    let bytes = ascii_json(&value);
    assert_eq!(bytes, br#"{"text":"caf\u00e9 \ud83d\udc4d a\/b \"c\" \\ \n\u007f"}"#);
    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), value);
}

#[tokio::test]
async fn a_delivery_arrives_as_it_was_signed() {
    let graph = graph().await;
    let (url, received) = webhook(&[200, 401]).await;
    let webhook = Webhook::new(url);
    let message = nadia().text("Grüße / 👍");
    assert_eq!(graph.delivers(&webhook, &message).await, 200);
    let forged = graph.delivery(&webhook, &message).tampered();
    assert_eq!(webhook.post(&forged).await.unwrap().status, 401);

    let (head, body) = received.lock().unwrap()[0].clone();
    assert!(
        head.contains(&format!("x-hub-signature-256: sha256={}", hmac(b"example-app-secret", &body))),
        "{head}"
    );
    assert!(body.is_ascii() && body.windows(2).any(|pair| pair == br"\/"));
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body.pointer("/entry/0/changes/0/value/messages/0/text/body").unwrap(), "Grüße / 👍");
    let (head, body) = received.lock().unwrap()[1].clone();
    assert!(!head.contains(&hmac(b"example-app-secret", &body)));
}

#[tokio::test]
async fn the_handshake_asks_as_the_platform_does() {
    let (url, received) = webhook(&[403]).await;
    let answer = Webhook::new(url).verify_token("a b&c").handshake("1158201444").await.unwrap();
    assert_eq!(answer.status, 403);
    let head = received.lock().unwrap()[0].0.clone();
    assert!(
        head.starts_with("get /webhook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=a%20b%26c "),
        "{head}"
    );
}

#[tokio::test]
async fn a_message_looks_as_in_the_contract() {
    let graph = graph().await;
    let webhook = Webhook::new("http://127.0.0.1:9/");
    let message = nadia().text("Is the blue one in stock?").id("wamid.EXAMPLE1").at(1_795_160_000);
    let body: Value = serde_json::from_slice(&graph.delivery(&webhook, message).body).unwrap();
    let expected = json!({"object": "whatsapp_business_account", "entry": [{"id": "811000000000001", "changes": [{"field": "messages", "value": {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550001111", "phone_number_id": "830000000000001"},
        "contacts": [{"profile": {"name": "Nadia P."}, "wa_id": "491700000001", "user_id": "DE.8812345678901234"}],
        "messages": [{"from": "491700000001", "from_user_id": "DE.8812345678901234", "id": "wamid.EXAMPLE1", "timestamp": "1795160000",
            "type": "text", "text": {"body": "Is the blue one in stock?"}}],
    }}]}]});
    assert_eq!(body, expected);
}

#[tokio::test]
async fn every_kind_has_its_content_under_its_name() {
    let graph = graph().await;
    let webhook = Webhook::new("http://127.0.0.1:9/");
    let nadia = nadia();
    let media = graph.media("image/png", sample::IMAGE);
    let messages = [
        nadia.text("Hi"),
        nadia.image(&media).caption("the dent"),
        nadia.video(&media),
        nadia.audio(&media),
        nadia.voice(&media),
        nadia.document(&media, "offer.pdf"),
        nadia.sticker(&media),
        nadia.location(52.52, 13.4).with("name", "Shop"),
        nadia.contacts(&[("Nadia P.", "+491700000001")]),
        nadia.button_reply("hold", "Yes please"),
        nadia.list_reply("blue", "Blue", "As the sea"),
        nadia.form_reply("{\"size\":\"M\"}"),
        nadia.button("Yes", "yes"),
        nadia.order(&[("chair", 3, 49.9, "EUR")]),
        nadia.reaction("wamid.SENT1", "👍"),
        nadia.no_reaction("wamid.SENT1"),
        nadia.edit("wamid.EXAMPLE1", "Hello"),
        nadia.revoke("wamid.EXAMPLE1"),
        nadia.changed_number("491700000002"),
        nadia.changed_user_id("DE.9912345678901234"),
        nadia.unsupported(),
        nadia.unknown_kind(),
    ];
    let count = messages.len();
    let value = value_of(&graph.delivery(&webhook, Envelope::from(messages)));
    let messages = value["messages"].as_array().unwrap();
    assert_eq!((messages.len(), value["contacts"].as_array().unwrap().len()), (count, 1));
    for message in messages {
        let kind = message["type"].as_str().unwrap();
        assert!(message[kind].is_object() || kind == "contacts", "{message}");
    }
    assert_eq!(
        (&messages[1]["image"]["id"], &messages[1]["image"]["caption"]),
        (&json!(media.id), &json!("the dent"))
    );
    let empty = value_of(&graph.delivery(&webhook, nadia.without_content("image").reply_to("wamid.SENT1").forwarded()));
    assert_eq!(
        empty["messages"][0]["context"],
        json!({"from": "15550001111", "id": "wamid.SENT1", "forwarded": true})
    );
    assert!(empty["messages"][0].get("image").is_none());
    let system = value_of(&graph.delivery(&webhook, nadia.changed_number("491700000002")));
    assert!(system.get("contacts").is_none());
}

#[tokio::test]
async fn an_envelope_holds_several_of_everything() {
    let other = Number::new("830000000000002").display_phone("15550002222");
    let hidden = Customer::hidden("DE.7712345678901234").username("nadia.p");
    let envelope = Envelope::new()
        .message(nadia().text("One"))
        .status(Status::delivered("wamid.SENT1").to(&nadia()))
        .error(&Number::default(), json!({"code": 130_429, "title": "Rate limit hit"}))
        .change(&other)
        .message(hidden.text("Two").number(&other))
        .field("account_update", &json!({"event": "VERIFIED_ACCOUNT"}))
        .status(Status::failed("wamid.SENT2", 131_026).to(&hidden).without("timestamp"));
    let json = envelope.json(1_795_160_000);
    let entries = json["entry"].as_array().unwrap();
    assert_eq!((entries.len(), entries[0]["changes"].as_array().unwrap().len()), (3, 2));
    assert_eq!(entries[0]["changes"][0]["value"]["errors"][0]["code"], 130_429);
    let second = &entries[0]["changes"][1]["value"];
    assert_eq!(second["metadata"]["phone_number_id"], "830000000000002");
    assert_eq!(
        second["contacts"],
        json!([{"profile": {"username": "nadia.p"}, "user_id": "DE.7712345678901234"}])
    );
    assert_eq!(entries[1]["changes"][0]["field"], "account_update");
    let failed = &entries[2]["changes"][0]["value"]["statuses"][0];
    assert_eq!(
        (&failed["recipient_user_id"], &failed["timestamp"]),
        (&json!("DE.7712345678901234"), &json!("1795160000"))
    );
    assert!(failed.get("recipient_id").is_none());
}

#[tokio::test]
async fn who_writes_opens_the_window_and_moves_with_it() {
    let graph = graph().await;
    let webhook = Webhook::new("http://127.0.0.1:9/");
    let mut body = text("Hi");
    body["to"] = json!("491700000003");
    let ravi = Customer::new("491700000002").user_id("DE.6612345678901234");
    let _ = graph.delivery(&webhook, ravi.text("Hello"));
    assert_eq!(try_post(&graph, &body).await.unwrap().status, 400);
    let _ = graph.delivery(&webhook, ravi.changed_number("491700000003"));
    assert_eq!(try_post(&graph, &body).await.unwrap().status, 200);
}
