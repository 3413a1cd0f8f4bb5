//! Single fields, read with patience.

use super::text::short;
use parlor_domain::clock::Timestamp;
use serde_json::{Map, Value};

/// The longest id that is taken.
const MAX_ID: usize = 512;
/// The last second of the year 9999: what is later is no time.
const LAST_SECOND: i64 = 253_402_300_799;

/// An opaque id: as it is, or not at all. Empty means missing.
pub(super) fn id(fields: &Map<String, Value>, key: &str) -> Option<String> {
    let id = fields.get(key)?.as_str()?;
    (!id.trim().is_empty() && id.chars().count() <= MAX_ID).then(|| id.to_owned())
}

/// An object inside.
pub(super) fn inner<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<&'a Map<String, Value>> {
    fields.get(key)?.as_object()
}

/// A list inside; missing is empty.
pub(super) fn items<'a>(fields: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    fields.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Unix seconds, written as a string or as a number.
pub(super) fn moment(value: Option<&Value>) -> Option<Timestamp> {
    let seconds = match value? {
        Value::String(text) => text.trim().parse().ok()?,
        number => number.as_i64()?,
    };
    (1..=LAST_SECOND).contains(&seconds).then(|| Timestamp(seconds * 1_000))
}

/// A number, or a string that is one.
pub(super) fn number(value: Option<&Value>) -> Option<f64> {
    let number = match value? {
        Value::String(text) => text.trim().parse().ok()?,
        number => number.as_f64()?,
    };
    number.is_finite().then_some(number)
}

/// A whole number, or a string that is one.
pub(super) fn whole(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_i64(),
    }
}

/// An address on the web; others, such as `javascript:`, are nothing that anybody should click on.
pub(super) fn link(value: Option<&Value>) -> Option<String> {
    short(value, 1_000).filter(|link| link.starts_with("https://") || link.starts_with("http://"))
}
