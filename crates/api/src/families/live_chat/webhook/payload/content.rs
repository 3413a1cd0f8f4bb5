//! What a message holds, by its kind. `None` is what cannot be understood.

use super::card::contacts;
use super::field::{id, inner, link, number};
use super::mend::mend;
use super::metadata::size;
use super::order::order;
use super::text::{clean, clean_all, short, words};
use parlor_domain::attachment::FileName;
use parlor_domain::message::MessageKind;
use parlor_domain::text::Metadata;
use parlor_domain::whatsapp::{Incoming, MediaKind, MediaNotice};
use serde_json::{Map, Value, json};

type Fields = Map<String, Value>;

/// The most characters of one emoji: a family of four with skin colours has eleven.
const MAX_EMOJI: usize = 32;
/// So much is kept of a form's answers that are too many or no JSON.
const MAX_RAW_FORM: usize = 1_500;

/// Reads the content, which stands under the name of its kind.
pub(super) fn read(kind: &str, message: &Fields, metadata: &mut Fields) -> Option<Incoming> {
    let change = |kind: &str| {
        let content = inner(message, kind).cloned().unwrap_or_default();
        let target = id(&content, "original_message_id").or_else(|| id(message, "original_message_id"))?;
        Some((content, target))
    };
    match kind {
        "text" => text(inner(message, "text")?, metadata),
        "image" => media(MediaKind::Image, message, metadata),
        "video" => media(MediaKind::Video, message, metadata),
        "audio" => media(MediaKind::Audio, message, metadata),
        "document" => media(MediaKind::Document, message, metadata),
        "sticker" => media(MediaKind::Sticker, message, metadata),
        "location" => location(inner(message, "location")?, metadata),
        "contacts" => contacts(message, metadata),
        "interactive" => interactive(inner(message, "interactive")?, metadata),
        "button" => button(inner(message, "button")?, metadata),
        "order" => order(inner(message, "order")?, metadata),
        "reaction" => reaction(inner(message, "reaction")?),
        "edit" => {
            let (content, target) = change("edit")?;
            let text = edited(&content, message, metadata)?;
            Some(Incoming::Edit { target, text })
        }
        "revoke" => change("revoke").map(|(_, target)| Incoming::Revoke { target }),
        _ => None,
    }
}

fn text(text: &Fields, metadata: &mut Fields) -> Option<Incoming> {
    words(text.get("body")?.as_str()?, metadata).map(Incoming::Text)
}

/// The new content of an edited message stands in `message` like a message's own, or beside it.
fn edited(edit: &Fields, message: &Fields, metadata: &mut Fields) -> Option<String> {
    let places = [inner(edit, "message"), Some(edit), Some(message)];
    places.into_iter().flatten().find_map(|place| {
        let kind = place
            .get("type")
            .and_then(Value::as_str)
            .filter(|kind| !matches!(*kind, "edit" | "revoke" | "reaction"));
        match read(kind.unwrap_or("text"), place, metadata)? {
            Incoming::Text(text) | Incoming::Media(_, text) | Incoming::Structured { text, .. } => Some(text),
            Incoming::Reaction { .. } | Incoming::Edit { .. } | Incoming::Revoke { .. } => None,
        }
    })
}

fn media(kind: MediaKind, message: &Fields, metadata: &mut Fields) -> Option<Incoming> {
    let media = inner(message, kind.as_str())?;
    let file_name = short(media.get("filename"), 1_000).map(|name| FileName::label(&name).as_str().to_owned());
    let notice = MediaNotice {
        kind,
        id: id(media, "id")?,
        mime: short(media.get("mime_type"), 255),
        sha256: short(media.get("sha256"), 128),
        voice: media.get("voice").and_then(Value::as_bool) == Some(true),
        file_name,
    };
    let caption = media.get("caption").and_then(Value::as_str).and_then(|caption| words(caption, metadata));
    let shown = caption.or_else(|| notice.file_name.clone()).unwrap_or_else(|| format!("[{}]", kind.as_str()));
    Some(Incoming::Media(notice, shown))
}

fn location(place: &Fields, metadata: &mut Fields) -> Option<Incoming> {
    let (latitude, longitude) = (number(place.get("latitude"))?, number(place.get("longitude"))?);
    let (name, address) = (short(place.get("name"), 500), short(place.get("address"), 500));
    let named: Vec<&str> = [&name, &address].into_iter().flatten().map(String::as_str).collect();
    let text = if named.is_empty() {
        format!("{latitude}, {longitude}")
    } else {
        named.join(", ")
    };
    Some(Incoming::Structured {
        kind: MessageKind::Location,
        text: words(&text, metadata)?,
        payload: Some(json!({
            "latitude": latitude, "longitude": longitude, "name": name, "address": address, "url": link(place.get("url")),
        })),
    })
}

fn interactive(interactive: &Fields, metadata: &mut Fields) -> Option<Incoming> {
    match interactive.get("type")?.as_str()? {
        kind @ ("button_reply" | "list_reply") => {
            let reply = inner(interactive, kind)?;
            let chosen = id(reply, "id");
            let title = reply.get("title").and_then(Value::as_str).and_then(|title| words(title, metadata));
            let text = title.or_else(|| words(chosen.as_deref()?, metadata))?;
            note_choice(chosen, metadata);
            Some(Incoming::Text(text))
        }
        "nfm_reply" => form(inner(interactive, "nfm_reply")?, metadata),
        _ => None,
    }
}

fn button(button: &Fields, metadata: &mut Fields) -> Option<Incoming> {
    let chosen = id(button, "payload");
    let text = button.get("text").and_then(Value::as_str).and_then(|text| words(text, metadata));
    let text = text.or_else(|| words(chosen.as_deref()?, metadata))?;
    note_choice(chosen, metadata);
    Some(Incoming::Text(text))
}

fn note_choice(chosen: Option<String>, metadata: &mut Fields) {
    if let Some(chosen) = chosen {
        metadata.insert("reply_id".to_owned(), json!(clean(&chosen)));
    }
}

/// A form that was filled in. Its answers are JSON inside a string, which may be broken: then they stay the string.
fn form(reply: &Fields, metadata: &mut Fields) -> Option<Incoming> {
    let answers = match reply.get("response_json") {
        Some(Value::String(raw)) => match serde_json::from_slice::<Value>(&mend(raw.as_bytes())) {
            Ok(parsed) => clean_all(&parsed),
            Err(_) => Value::String(clean(raw)),
        },
        Some(parsed) => clean_all(parsed),
        None => Value::Null,
    };
    let answers = if size(&answers) > Metadata::MAX_BYTES / 2 {
        let text = answers.as_str().map_or_else(|| answers.to_string(), str::to_owned);
        metadata.insert("truncated".to_owned(), json!(true));
        Value::String(text.chars().take(MAX_RAW_FORM).collect())
    } else {
        answers
    };
    let text = reply.get("body").and_then(Value::as_str).and_then(|body| words(body, metadata));
    Some(Incoming::Structured {
        kind: MessageKind::Interactive,
        text: text.unwrap_or_else(|| "[form]".to_owned()),
        payload: Some(json!({"type": "form", "name": short(reply.get("name"), 200), "response": answers})),
    })
}

fn reaction(reaction: &Fields) -> Option<Incoming> {
    let target = id(reaction, "message_id")?;
    let emoji = short(reaction.get("emoji"), MAX_EMOJI + 1);
    if emoji.as_ref().is_some_and(|emoji| emoji.chars().count() > MAX_EMOJI) {
        return None;
    }
    Some(Incoming::Reaction { target, emoji })
}
