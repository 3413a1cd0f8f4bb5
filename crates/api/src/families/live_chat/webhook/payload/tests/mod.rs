//! One file for each question: what is in the envelope, who wrote, what it holds, how its text is cleaned.

mod envelope;
mod kinds;
mod people;
mod text;

use super::read_delivery;
use parlor_domain::message::MessageKind;
use parlor_domain::whatsapp::{Incoming, IncomingMessage, ReceivedItem, StatusNotice};
use serde_json::{Value, json};

const NUMBER: &str = "830000000000001";
const PHONE: &str = "491700000001";
const USER: &str = "DE.8812345678901234";

/// A delivery with one change.
fn envelope(value: Value) -> Vec<u8> {
    let mut value = value;
    value["metadata"] = json!({"display_phone_number": "15550001111", "phone_number_id": NUMBER});
    json!({"object": "whatsapp_business_account", "entry": [{"id": "811000000000001", "changes": [{"field": "messages", "value": value}]}]})
        .to_string()
        .into_bytes()
}

fn items(value: Value) -> Vec<ReceivedItem> {
    let told = read_delivery(&envelope(value)).unwrap();
    assert!(told.iter().all(|told| told.phone_number_id == NUMBER));
    told.into_iter().flat_map(|told| told.items).collect()
}

/// A message of a kind, without its content.
fn message(kind: &str) -> Value {
    json!({"from": PHONE, "from_user_id": USER, "id": "wamid.EXAMPLE1", "timestamp": "1795160000", "type": kind})
}

/// A message of a kind with its content.
fn holding(kind: &str, content: Value) -> Value {
    let mut message = message(kind);
    message[kind] = content;
    message
}

fn messages(value: Value) -> Vec<IncomingMessage> {
    let items = items(value).into_iter().filter_map(|item| match item {
        ReceivedItem::Message(message) => Some(message),
        _ => None,
    });
    items.collect()
}

fn only(message: Value) -> IncomingMessage {
    let mut all = messages(json!({"messages": [message]}));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn content(kind: &str, of: Value) -> Incoming {
    only(holding(kind, of)).content
}

fn statuses(all: Value) -> Vec<StatusNotice> {
    let items = items(json!({"statuses": all})).into_iter().filter_map(|item| match item {
        ReceivedItem::Status(notice) => Some(notice),
        _ => None,
    });
    items.collect()
}

/// The parts of a structured content.
fn structured(content: Incoming) -> (MessageKind, String, Value) {
    match content {
        Incoming::Structured { kind, text, payload } => (kind, text, payload.unwrap_or_default()),
        other => panic!("not structured: {other:?}"),
    }
}

fn said(text: &str) -> Incoming {
    Incoming::Text(text.to_owned())
}
