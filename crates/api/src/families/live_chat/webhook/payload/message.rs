//! One message of a customer.

use super::content;
use super::customer::{Contacts, moved};
use super::field::{id, inner, moment};
use super::level::object;
use super::metadata::{RAW, facts, fit};
use super::text::short;
use parlor_domain::message::MessageKind;
use parlor_domain::whatsapp::{Incoming, IncomingMessage, ReceivedItem};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Reads one; `None` if there is nothing to do about it.
pub(super) fn read(raw: &RawValue, contacts: &Contacts) -> Result<Option<ReceivedItem>, &'static str> {
    let message = object(raw).ok_or("is no object")?;
    let wamid = id(&message, "id").ok_or("has no usable id")?;
    if id(&message, "group_id").is_some() {
        return Err("was written in a group, which is not supported");
    }
    let kind = message.get("type").and_then(Value::as_str).unwrap_or("unknown");
    if kind == "system" {
        return moved(wamid, &message);
    }
    let from = contacts.sender(&message);
    if from.phone_id.is_none() && from.user_id.is_none() {
        return Err("does not say who wrote it");
    }
    let mut metadata = facts(&message);
    let content = content::read(kind, &message, &mut metadata).unwrap_or_else(|| unsupported(&message, &mut metadata));
    let reply_to = inner(&message, "context").and_then(|context| id(context, "id"));
    fit(&mut metadata, &content, reply_to.as_deref());
    Ok(Some(ReceivedItem::Message(IncomingMessage {
        from,
        id: wamid,
        sent_at: moment(message.get("timestamp")),
        content,
        reply_to,
        metadata,
    })))
}

/// An agent shall see that something came, and may look at what it was.
fn unsupported(message: &Map<String, Value>, metadata: &mut Map<String, Value>) -> Incoming {
    metadata.insert(RAW.to_owned(), Value::Object(message.clone()));
    let kind = short(message.get("type"), 50).unwrap_or_else(|| "unknown".to_owned());
    Incoming::Structured {
        kind: MessageKind::Unsupported,
        text: format!("[unsupported message: {kind}]"),
        payload: None,
    }
}
