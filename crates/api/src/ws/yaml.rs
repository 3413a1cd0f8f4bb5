//! JSON as readable YAML: blocks, sorted keys, and texts always in double quotes, so that nothing is taken for something else.

use serde_json::Value;
use std::fmt::Write;

/// The value as a YAML document.
#[must_use]
pub fn write(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            for (key, value) in fields {
                indent(depth, text);
                text.push_str(&name(key));
                text.push(':');
                under(value, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(depth, text);
                text.push('-');
                under(item, depth, text);
            }
        }
        scalar => {
            indent(depth, text);
            // Writing to a text does not fail.
            let _ = writeln!(text, "{scalar}");
        }
    }
}

/// What stands after a key or a dash: a short thing on the same line, the rest below.
fn under(value: &Value, depth: usize, text: &mut String) {
    let is_block = value.as_object().is_some_and(|fields| !fields.is_empty()) || value.as_array().is_some_and(|items| !items.is_empty());
    if is_block {
        text.push('\n');
        block(value, depth + 1, text);
    } else {
        let _ = writeln!(text, " {value}");
    }
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

fn name(key: &str) -> String {
    let plain = key.starts_with(|first: char| first.is_ascii_alphabetic()) && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let taken = matches!(
        key.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if plain && !taken { key.to_owned() } else { Value::from(key).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_become_blocks() {
        let value = json!({"a": {"b": [1, "two: 2", {"$ref": "#/x"}], "c": [], "d": {}}, "no": null, "4400": true});
        let text = "\"4400\": true\na:\n  b:\n    - 1\n    - \"two: 2\"\n    -\n      \"$ref\": \"#/x\"\n  c: []\n  d: {}\n\"no\": null\n";
        assert_eq!(write(&value), text);
    }
}
