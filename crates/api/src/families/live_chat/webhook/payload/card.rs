//! Cards of people.

use super::field::{inner, items};
use super::metadata::size;
use super::text::{clean_all, short, words};
use parlor_domain::message::MessageKind;
use parlor_domain::text::Metadata;
use parlor_domain::whatsapp::Incoming;
use serde_json::{Map, Value, json};

/// What a list in a payload may take: the rest is for what stands around it.
const ROOM: usize = Metadata::MAX_BYTES - 1_024;

/// Cards of people: their names, and what is on them.
pub(super) fn contacts(message: &Map<String, Value>, metadata: &mut Map<String, Value>) -> Option<Incoming> {
    let cards: Vec<&Map<String, Value>> = items(message, "contacts").iter().filter_map(Value::as_object).collect();
    let names: Vec<String> = cards.iter().map(|card| name(card)).collect();
    let text = words(&names.join(", "), metadata)?;
    let cards = that_fit(cards.into_iter().map(|card| clean_all(&Value::Object(card.clone()))), metadata);
    Some(Incoming::Structured {
        kind: MessageKind::Contacts,
        text,
        payload: Some(json!({"contacts": cards})),
    })
}

fn name(card: &Map<String, Value>) -> String {
    let of_name = |key| inner(card, "name").and_then(|name| short(name.get(key), 200));
    let full = || {
        let parts: Vec<String> = ["first_name", "last_name"].into_iter().filter_map(of_name).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    let company = || short(inner(card, "org")?.get("company"), 200);
    let phone = || items(card, "phones").iter().find_map(|phone| short(phone.get("phone"), 50));
    of_name("formatted_name")
        .or_else(full)
        .or_else(company)
        .or_else(phone)
        .unwrap_or_else(|| "[contact]".to_owned())
}

/// The first of a list, as many as a payload has room for; the metadata say if more came.
pub(super) fn that_fit(all: impl Iterator<Item = Value>, metadata: &mut Map<String, Value>) -> Vec<Value> {
    let mut room = ROOM;
    let mut kept = Vec::new();
    for one in all {
        let bytes = size(&one) + 1;
        if bytes > room {
            metadata.insert("truncated".to_owned(), json!(true));
            break;
        }
        room -= bytes;
        kept.push(one);
    }
    kept
}
