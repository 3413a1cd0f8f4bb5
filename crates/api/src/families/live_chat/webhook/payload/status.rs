//! What became of a message of ours.

use super::field::{id, items, moment, whole};
use super::level::object;
use super::metadata::details;
use super::text::short;
use parlor_domain::message::DeliveryError;
use parlor_domain::whatsapp::{ReceivedItem, StatusNotice, StatusWord};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Reads one; `None` for words that say nothing about how far it got.
pub(super) fn read(raw: &RawValue) -> Result<Option<ReceivedItem>, &'static str> {
    let status = object(raw).ok_or("is no object")?;
    let wamid = id(&status, "id").ok_or("has no usable id")?;
    let word = match status.get("status").and_then(Value::as_str) {
        Some("sent") => StatusWord::Sent,
        Some("delivered") => StatusWord::Delivered,
        Some("read") => StatusWord::Read,
        Some("failed") => StatusWord::Failed,
        _ => return Ok(None),
    };
    let error = items(&status, "errors")
        .first()
        .and_then(Value::as_object)
        .filter(|_| word == StatusWord::Failed);
    Ok(Some(ReceivedItem::Status(StatusNotice {
        id: wamid,
        status: word,
        at: moment(status.get("timestamp")),
        error: error.map(reason),
        callback_data: id(&status, "biz_opaque_callback_data"),
    })))
}

/// The code decides; the words are for people.
fn reason(error: &Map<String, Value>) -> DeliveryError {
    let said = short(error.get("title"), 500).or_else(|| short(error.get("message"), 500));
    let message = match (said, details(error)) {
        (Some(said), Some(details)) if said != details => format!("{said}: {details}"),
        (Some(said), _) => said,
        (None, Some(details)) => details,
        (None, None) => "WhatsApp gives no reason".to_owned(),
    };
    DeliveryError {
        code: whole(error.get("code")).unwrap_or_default(),
        message,
    }
}
