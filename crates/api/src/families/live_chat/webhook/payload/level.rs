//! JSON one level at a time: what cannot be read in one place costs nothing of what stands beside it.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The fields of an object, unread; of two with one name, the last. `None` if it is no object.
pub(super) fn fields(raw: &RawValue) -> Option<HashMap<String, &RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// The elements of a list, unread. `None` if it is no list.
pub(super) fn listed(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// The elements of a list that may be missing.
pub(super) fn list(raw: Option<&RawValue>) -> Vec<&RawValue> {
    raw.and_then(listed).unwrap_or_default()
}

/// A string.
pub(super) fn word(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// The fields of an object. Those that nobody can read, nested too deep or with a number too large, are missing.
pub(super) fn object(raw: &RawValue) -> Option<Map<String, Value>> {
    let read = fields(raw)?
        .into_iter()
        .filter_map(|(key, raw)| Some((key, serde_json::from_str(raw.get()).ok()?)));
    Some(read.collect())
}
