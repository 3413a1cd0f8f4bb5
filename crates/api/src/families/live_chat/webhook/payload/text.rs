//! What strangers write becomes text that can be shown and stored.

use parlor_domain::text::MessageText;
use serde_json::{Map, Value, json};

/// Without control characters; line breaks and tabs stay.
pub(super) fn clean(raw: &str) -> String {
    raw.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// A short text beside a message: cleaned, trimmed and cut. `None` if nothing is left.
pub(super) fn short(value: Option<&Value>, max: usize) -> Option<String> {
    let cleaned = clean(value?.as_str()?);
    let trimmed = cleaned.trim();
    (!trimmed.is_empty()).then(|| trimmed.chars().take(max).collect())
}

/// What a message says, cleaned. What is longer than a message may be is cut, and the metadata say so. `None` if nothing is left.
pub(super) fn words(raw: &str, metadata: &mut Map<String, Value>) -> Option<String> {
    let mut cleaned = clean(raw);
    if cleaned.trim().is_empty() {
        return None;
    }
    if let Some((end, _)) = cleaned.char_indices().nth(MessageText::MAX) {
        cleaned.truncate(end);
        metadata.insert("truncated".to_owned(), json!(true));
    }
    // The part that is left may be blank.
    (!cleaned.trim().is_empty()).then_some(cleaned)
}

/// JSON whose strings are cleaned.
pub(super) fn clean_all(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => items.iter().map(clean_all).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (clean(key), clean_all(value))).collect(),
        other => other.clone(),
    }
}
