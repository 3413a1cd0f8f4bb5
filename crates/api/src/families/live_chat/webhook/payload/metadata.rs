//! Facts beside a message, and how much of them is kept.

use super::field::{inner, items, link, whole};
use super::text::short;
use parlor_domain::text::Metadata;
use parlor_domain::whatsapp::Incoming;
use serde_json::{Map, Value, json};

/// Where the whole message is kept if it cannot be understood.
pub(super) const RAW: &str = "raw";
/// The most objections that are kept of one message.
const MAX_ERRORS: usize = 5;
/// What a note in place of something too large takes, about.
const NOTE: usize = 64;

/// What any kind of message may carry beside its content.
pub(super) fn facts(message: &Map<String, Value>) -> Map<String, Value> {
    let mut facts = Map::new();
    if let Some(context) = inner(message, "context") {
        for key in ["forwarded", "frequently_forwarded"] {
            if context.get(key).and_then(Value::as_bool) == Some(true) {
                facts.insert(key.to_owned(), json!(true));
            }
        }
        let product = inner(context, "referred_product").map(|product| texts(product, &["catalog_id", "product_retailer_id"]));
        put(&mut facts, "referred_product", product.unwrap_or_default());
    }
    if let Some(referral) = inner(message, "referral") {
        let mut kept = texts(referral, &["source_id", "source_type", "headline", "body", "media_type", "ctwa_clid"]);
        kept.extend(link(referral.get("source_url")).map(|link| ("source_url".to_owned(), json!(link))));
        put(&mut facts, "referral", kept);
    }
    let errors: Vec<Value> = items(message, "errors")
        .iter()
        .filter_map(Value::as_object)
        .take(MAX_ERRORS)
        .map(objection)
        .collect();
    if !errors.is_empty() {
        facts.insert("errors".to_owned(), errors.into());
    }
    facts
}

fn objection(error: &Map<String, Value>) -> Value {
    let mut kept = texts(error, &["title", "message"]);
    kept.extend(whole(error.get("code")).map(|code| ("code".to_owned(), json!(code))));
    kept.extend(details(error).map(|details| ("details".to_owned(), json!(details))));
    kept.into()
}

/// What an objection says at length.
pub(super) fn details(error: &Map<String, Value>) -> Option<String> {
    short(inner(error, "error_data")?.get("details"), 500)
}

fn texts(fields: &Map<String, Value>, keys: &[&str]) -> Map<String, Value> {
    let kept = keys.iter().filter_map(|key| Some(((*key).to_owned(), json!(short(fields.get(*key), 500)?))));
    kept.collect()
}

fn put(facts: &mut Map<String, Value>, key: &str, value: Map<String, Value>) {
    if !value.is_empty() {
        facts.insert(key.to_owned(), value.into());
    }
}

/// Leaves out the largest facts until the rest fits, also with what storing the message will add: its file, and what it answers.
pub(super) fn fit(facts: &mut Map<String, Value>, content: &Incoming, reply_to: Option<&str>) {
    let media = match content {
        Incoming::Media(notice, _) => size(notice) + NOTE,
        _ => 0,
    };
    let answered = reply_to.map_or(0, |id| size(id) + NOTE);
    let room = Metadata::MAX_BYTES - (media + answered).min(Metadata::MAX_BYTES / 2);
    while size(facts) > room {
        let Some((key, bytes)) = facts.iter().map(|(key, value)| (key.clone(), size(value))).max_by_key(|(_, bytes)| *bytes) else {
            return;
        };
        facts.remove(&key);
        if key == RAW && bytes > NOTE {
            facts.insert(key, json!({"left_out": format!("{bytes} bytes")}));
        }
    }
}

/// Bytes as JSON.
pub(super) fn size<T: serde::Serialize + ?Sized>(value: &T) -> usize {
    serde_json::to_vec(value).map_or(0, |bytes| bytes.len())
}
