//! What Parlor asked for, in a line for people.

use parlor_testkit::whatsapp::{Call, Endpoint};
use serde_json::Value;

pub fn line(call: &Call) -> String {
    if let Some(code) = call.error {
        return format!("  ! {} {} was refused with {code}", call.method, call.path);
    }
    match call.endpoint {
        Endpoint::Send => message(call),
        Endpoint::MarkRead => {
            let typing = if call.body.get("typing_indicator").is_some() { " and types" } else { "" };
            format!("  ✓ agent has read {}{typing}", call.words("/message_id").unwrap_or_default())
        }
        Endpoint::Upload => {
            let (kind, size) = call.upload.as_ref().map_or(("", 0), |upload| (upload.mime_type.as_str(), upload.bytes.len()));
            format!("  ↑ a file of type {kind}, {size} bytes")
        }
        Endpoint::Download => "  ↓ your file was fetched".to_owned(),
        Endpoint::MediaInfo | Endpoint::Profile | Endpoint::Unknown => format!("  · {} {}", call.method, call.path),
    }
}

fn message(call: &Call) -> String {
    let kind = call.kind().unwrap_or_default();
    match kind {
        "text" => format!("agent: {}", call.text().unwrap_or_default()),
        "reaction" => format!(
            "agent: {} on {}",
            call.words("/reaction/emoji").unwrap_or_default(),
            call.words("/reaction/message_id").unwrap_or_default()
        ),
        "interactive" => {
            let choices: Vec<String> = choices(call).into_iter().map(|(id, title)| format!("[{title}: /button {id}]")).collect();
            format!("agent: {} {}", call.text().unwrap_or_default(), choices.join(" "))
        }
        "template" => format!("agent: [template {}]", call.words("/template/name").unwrap_or_default()),
        _ => format!("agent: [{kind}] {}", call.text().unwrap_or_default()),
    }
}

/// The buttons or rows of a message, each an id and a title.
pub fn choices(call: &Call) -> Vec<(String, String)> {
    let action = |name: &str| call.body.pointer(&format!("/interactive/action/{name}")).and_then(Value::as_array);
    let replies = action("buttons").into_iter().flatten().filter_map(|button| button.get("reply"));
    let rows = action("sections")
        .into_iter()
        .flatten()
        .filter_map(|section| section.get("rows")?.as_array())
        .flatten();
    let word = |choice: &Value, key: &str| choice.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    replies.chain(rows).map(|choice| (word(choice, "id"), word(choice, "title"))).collect()
}
