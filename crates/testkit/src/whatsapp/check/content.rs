//! The content of each kind of message.

use super::part::{INVALID, MISSING, PARAMETER, Part};
use super::{interactive, template};
use crate::whatsapp::error::GraphError;
use crate::whatsapp::state::Inner;
use serde_json::Value;

const LONGEST_TEXT: usize = 4_096;
const LONGEST_CAPTION: usize = 1_024;

/// Refuses content that does not fit its type.
pub(super) fn check(inner: &Inner, body: &Part<'_>, kind: &str) -> Result<(), GraphError> {
    match kind {
        "text" => text(&content(body, kind)?),
        "image" | "video" | "audio" | "document" | "sticker" => media(inner, &content(body, kind)?, kind),
        "location" => location(&content(body, kind)?),
        "contacts" => contacts(body),
        "reaction" => reaction(&content(body, kind)?),
        "interactive" => interactive::check(&content(body, kind)?),
        "template" => template::check(inner, &content(body, kind)?),
        _ => Err(GraphError::new(131_051, format!("Message type {kind} is not supported"))),
    }
}

fn content<'a>(body: &Part<'a>, kind: &str) -> Result<Part<'a>, GraphError> {
    Part::of(kind, body.must(kind)?)
}

fn text(text: &Part<'_>) -> Result<(), GraphError> {
    text.only(&["body", "preview_url"])?;
    text.flag_if_any("preview_url")?;
    text.text("body", LONGEST_TEXT, PARAMETER).map(|_| ())
}

fn media(inner: &Inner, media: &Part<'_>, kind: &str) -> Result<(), GraphError> {
    match kind {
        "image" | "video" => media.only(&["id", "link", "caption"])?,
        "document" => media.only(&["id", "link", "caption", "filename"])?,
        "audio" => media.only(&["id", "link", "voice"])?,
        _ => media.only(&["id", "link"])?,
    }
    media.text_if_any("caption", LONGEST_CAPTION, PARAMETER)?;
    media.text_if_any("filename", 255, PARAMETER)?;
    media.flag_if_any("voice")?;
    match (media.has("id"), media.has("link")) {
        (false, false) => Err(GraphError::new(MISSING, format!("One of {kind}['id'] and {kind}['link'] is required"))),
        (true, true) => Err(GraphError::new(INVALID, format!("Only one of {kind}['id'] and {kind}['link'] may be given"))),
        (false, true) => {
            let link = media.text("link", 2_048, INVALID)?;
            let is_link = link.starts_with("https://") || link.starts_with("http://");
            let why = || GraphError::new(PARAMETER, format!("Param {kind}['link'] is not a valid URL"));
            is_link.then_some(()).ok_or_else(why)
        }
        (true, false) => {
            let id = media.text("id", 128, INVALID)?;
            let why = || {
                let details = format!("Param {kind}['id'] is not a valid whatsapp business account media attachment ID");
                GraphError::new(PARAMETER, details)
            };
            inner.media.get(id).ok_or_else(why)?.must_fit(kind)
        }
    }
}

fn location(location: &Part<'_>) -> Result<(), GraphError> {
    location.only(&["latitude", "longitude", "name", "address"])?;
    let latitude = location.number("latitude")?;
    let longitude = location.number("longitude")?;
    if latitude.abs() > 90.0 || longitude.abs() > 180.0 {
        return Err(GraphError::new(INVALID, "There is no such place"));
    }
    location.text_if_any("name", 1_000, INVALID)?;
    location.text_if_any("address", 1_000, INVALID)?;
    Ok(())
}

fn contacts(body: &Part<'_>) -> Result<(), GraphError> {
    for contact in body.parts("contacts", 1, 257)? {
        let name = contact.part("name")?;
        name.text("formatted_name", 1_000, INVALID)?;
        let more = ["first_name", "last_name", "middle_name", "prefix", "suffix"];
        if !more.into_iter().any(|key| name.has(key)) {
            return Err(GraphError::new(MISSING, format!("Param {} needs more than a formatted name", name.name)));
        }
    }
    Ok(())
}

fn reaction(reaction: &Part<'_>) -> Result<(), GraphError> {
    reaction.only(&["message_id", "emoji"])?;
    reaction.text("message_id", 512, INVALID)?;
    // An empty one takes the reaction away.
    match reaction.must("emoji")?.as_str() {
        Some(emoji) if emoji.chars().count() <= 16 && !emoji.chars().any(char::is_alphanumeric) => Ok(()),
        _ => Err(GraphError::new(INVALID, "Param reaction['emoji'] must be one emoji, or empty")),
    }
}

/// A list of texts with nothing twice.
pub(super) fn must_differ(what: &str, texts: &[&str]) -> Result<(), GraphError> {
    let mut sorted = texts.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() == texts.len() {
        return Ok(());
    }
    Err(GraphError::new(INVALID, format!("Duplicated {what}")))
}

/// The objects of an optional list.
pub(super) fn objects<'a>(part: &Part<'a>, key: &str) -> Result<Vec<Part<'a>>, GraphError> {
    match part.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(_) => part.parts(key, 0, 100),
    }
}
