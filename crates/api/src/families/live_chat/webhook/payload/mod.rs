//! Reads the platform's envelope. Its makers add kinds, keys and shapes at any time: what is not known is passed over, what cannot
//! be used is left out by itself, and a customer's message that cannot be understood becomes a placeholder that an agent sees.

mod card;
mod content;
mod customer;
mod field;
mod level;
mod mend;
mod message;
mod metadata;
mod order;
mod status;
#[cfg(test)]
mod tests;
mod text;

use customer::Contacts;
use level::{fields, list, listed, word};
use parlor_domain::whatsapp::{Received, ReceivedItem};
use serde_json::value::RawValue;

/// Why a body is no delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotADelivery {
    #[error("it is not JSON")]
    Json,
    #[error("it is not a `whatsapp_business_account` object with a list of entries")]
    Envelope,
}

/// What a delivery tells about each number, in its order. The signature must have been checked: the bytes are mended first.
pub(super) fn read_delivery(body: &[u8]) -> Result<Vec<Received>, NotADelivery> {
    let mended = mend::mend(body);
    let whole: &RawValue = serde_json::from_slice(&mended).map_err(|_| NotADelivery::Json)?;
    let envelope = fields(whole).ok_or(NotADelivery::Envelope)?;
    if word(envelope.get("object").copied()).as_deref() != Some("whatsapp_business_account") {
        return Err(NotADelivery::Envelope);
    }
    let entries = envelope.get("entry").copied().and_then(listed).ok_or(NotADelivery::Envelope)?;
    let mut told = Vec::new();
    for entry in entries {
        let Some(entry) = fields(entry) else {
            skipped("entry", "is no object");
            continue;
        };
        for change in list(entry.get("changes").copied()) {
            if let Err(why) = read_change(change, &mut told) {
                skipped("change", why);
            }
        }
    }
    Ok(told)
}

fn read_change(change: &RawValue, told: &mut Vec<Received>) -> Result<(), &'static str> {
    let change = fields(change).ok_or("is no object")?;
    if word(change.get("field").copied()).as_deref() != Some("messages") {
        return Ok(());
    }
    let value = change.get("value").copied().and_then(fields).ok_or("has no value")?;
    let metadata = value.get("metadata").copied().and_then(level::object).unwrap_or_default();
    let number = field::id(&metadata, "phone_number_id").ok_or("names no number")?;
    let items = items_of(number, told);
    let contacts = Contacts::read(value.get("contacts").copied());
    for raw in list(value.get("messages").copied()) {
        take("message", message::read(raw, &contacts), items);
    }
    for raw in list(value.get("statuses").copied()) {
        take("status", status::read(raw), items);
    }
    for _ in list(value.get("errors").copied()) {
        skipped("error", "is about the number as a whole; see the platform's console");
    }
    Ok(())
}

/// All that is told about one number stays in one line.
fn items_of(number: String, told: &mut Vec<Received>) -> &mut Vec<ReceivedItem> {
    let place = told.iter().position(|known| known.phone_number_id == number).unwrap_or_else(|| {
        told.push(Received {
            phone_number_id: number,
            items: Vec::new(),
        });
        told.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "the place was found or made just now")]
    &mut told[place].items
}

fn take(what: &'static str, read: Result<Option<ReceivedItem>, &'static str>, items: &mut Vec<ReceivedItem>) {
    match read {
        Ok(item) => items.extend(item),
        Err(why) => skipped(what, why),
    }
}

/// Only words of ours go to the log.
fn skipped(what: &'static str, why: &'static str) {
    tracing::warn!(what, why, "a part of a WhatsApp delivery is left out");
}
