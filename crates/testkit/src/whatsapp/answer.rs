//! What the API answers, before any rule of a test has its say.

use super::call::{Call, Upload};
use super::check::{self, Request};
use super::error::GraphError;
use super::media::check_upload;
use super::multipart;
use super::rule::Endpoint;
use super::state::{Inner, Sending};
use super::wire::{Head, bearer, header};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What a request gets when no rule says otherwise.
pub(super) enum Reply {
    Json(Value),
    Message(Box<Sending>),
    File { mime_type: String, bytes: Arc<[u8]> },
    Gone,
}

/// What the API says to a request, by its own rules.
pub(super) fn answer(inner: &mut Inner, head: &Head, body: &[u8], call: &mut Call) -> Result<Reply, GraphError> {
    let bearer = bearer(&head.headers);
    inner.must_know(bearer)?;
    let id = head.path.split('/').nth(2).unwrap_or_default();
    match call.endpoint {
        Endpoint::Send | Endpoint::MarkRead => {
            let number = inner.number(id, bearer)?;
            match check::request(inner, number, &call.body)? {
                Request::MarkRead => Ok(Reply::Json(json!({"success": true}))),
                Request::Send(sending) => Ok(Reply::Message(sending)),
            }
        }
        Endpoint::Upload => {
            inner.number(id, bearer)?;
            let mut upload = uploaded(head, body)?;
            let checked = check_upload(&upload.mime_type, upload.bytes.len());
            if checked.is_ok() {
                upload.media_id = Some(inner.keep(&upload.mime_type, upload.bytes.clone()).id);
            }
            let id = upload.media_id.clone();
            call.upload = Some(upload);
            checked.map(|()| Reply::Json(json!({"id": id})))
        }
        Endpoint::Profile => {
            let number = inner.number(id, bearer)?;
            let whole = json!({
                "verified_name": number.verified_name, "display_phone_number": number.display_phone,
                "quality_rating": number.quality_rating, "id": number.phone_number_id,
            });
            Ok(Reply::Json(only(whole, head.parameter("fields"))))
        }
        Endpoint::MediaInfo => {
            let media = inner.media.get(id).cloned().ok_or_else(|| GraphError::unknown_object(id))?;
            let link = inner.link(id);
            Ok(Reply::Json(media.information(&link)))
        }
        Endpoint::Download => Ok(match inner.linked(&head.parameter("hash").unwrap_or_default()) {
            Some(media) => Reply::File {
                mime_type: media.mime_type.clone(),
                bytes: Arc::clone(&media.bytes),
            },
            None => Reply::Gone,
        }),
        Endpoint::Unknown => Err(GraphError::new(2_500, format!("Unknown path components: {}", head.path))),
    }
}

/// What is called, by method and path; that a message marks another one read only its body says.
pub(super) fn endpoint(inner: &Inner, head: &Head) -> Endpoint {
    let words: Vec<&str> = head.path.trim_matches('/').split('/').collect();
    let version = words.first().and_then(|word| word.strip_prefix('v'));
    if (head.method.as_str(), words.as_slice()) == ("GET", &["whatsapp_business", "attachments"]) {
        return Endpoint::Download;
    }
    if !version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit())) {
        return Endpoint::Unknown;
    }
    match (head.method.as_str(), words.as_slice()) {
        ("POST", [_, _, "messages"]) => Endpoint::Send,
        ("POST", [_, _, "media"]) => Endpoint::Upload,
        ("GET", [_, id]) if inner.numbers.contains_key(*id) => Endpoint::Profile,
        ("GET", [_, _]) => Endpoint::MediaInfo,
        _ => Endpoint::Unknown,
    }
}

fn uploaded(head: &Head, body: &[u8]) -> Result<Upload, GraphError> {
    let content_type = header(&head.headers, "content-type").unwrap_or_default();
    let parts = multipart::parts(content_type, body).ok_or_else(|| GraphError::new(100, "The body is no multipart form"))?;
    let part = |name: &str| {
        let missing = || GraphError::new(100, format!("The parameter {name} is required."));
        parts.iter().find(|part| part.name == name).ok_or_else(missing)
    };
    if part("messaging_product")?.text() != "whatsapp" {
        return Err(GraphError::new(100, "Param messaging_product must be whatsapp"));
    }
    let file = part("file")?;
    // The real one takes the part's own type when the form has no other.
    let mime_type = match part("type") {
        Ok(kind) => kind.text(),
        Err(missing) => file.content_type.clone().ok_or(missing)?,
    };
    let missing = || GraphError::new(100, "The parameter file has no name.");
    Ok(Upload {
        media_id: None,
        mime_type,
        file_name: file.file_name.clone().ok_or_else(missing)?,
        bytes: file.bytes.clone(),
    })
}

/// The answer to a message that was taken.
pub(super) fn taken(wamid: &str, sending: &Sending) -> Value {
    let id = if sending.by_user_id { "user_id" } else { "wa_id" };
    let mut message = json!({"id": wamid});
    if let (true, Some(message)) = (sending.kind == "template", message.as_object_mut()) {
        message.insert("message_status".to_owned(), "accepted".into());
    }
    json!({"messaging_product": "whatsapp", "contacts": [{"input": sending.input, id: sending.input}], "messages": [message]})
}

fn only(whole: Value, fields: Option<String>) -> Value {
    let (Value::Object(whole), Some(fields)) = (&whole, fields) else {
        return whole;
    };
    let asked: Vec<&str> = fields.split(',').map(str::trim).collect();
    let kept = whole.iter().filter(|(key, _)| *key == "id" || asked.contains(&key.as_str()));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<String, Value>>().into()
}
