//! Buttons and lists.

use super::content::must_differ;
use super::part::{INVALID, Part};
use crate::whatsapp::error::GraphError;

/// Refuses what a customer could not be shown.
pub(super) fn check(interactive: &Part<'_>) -> Result<(), GraphError> {
    let kind = interactive.word("type", &["button", "list", "cta_url", "location_request_message"])?;
    interactive.only(&["type", "header", "body", "footer", "action"])?;
    let longest = if kind == "list" { 4_096 } else { 1_024 };
    interactive.part("body")?.text("text", longest, INVALID)?;
    if interactive.has("footer") {
        interactive.part("footer")?.text("text", 60, INVALID)?;
    }
    if interactive.has("header") {
        let header = interactive.part("header")?;
        if header.word("type", &["text", "image", "video", "document"])? == "text" {
            header.text("text", 60, INVALID)?;
        }
    }
    let action = interactive.part("action")?;
    match kind {
        "button" => buttons(&action),
        "list" => list(&action),
        _ => action.text("name", 100, INVALID).map(|_| ()),
    }
}

fn buttons(action: &Part<'_>) -> Result<(), GraphError> {
    let (mut ids, mut titles) = (Vec::new(), Vec::new());
    for button in action.parts("buttons", 1, 3)? {
        button.word("type", &["reply"])?;
        let reply = button.part("reply")?;
        reply.only(&["id", "title"])?;
        ids.push(id(&reply, 256)?);
        titles.push(reply.text("title", 20, INVALID)?);
    }
    must_differ("button ids", &ids)?;
    must_differ("button titles", &titles)
}

fn list(action: &Part<'_>) -> Result<(), GraphError> {
    action.text("button", 20, INVALID)?;
    let sections = action.parts("sections", 1, 10)?;
    let mut ids = Vec::new();
    for section in &sections {
        if sections.len() > 1 || section.has("title") {
            section.text("title", 24, INVALID)?;
        }
        for row in section.parts("rows", 1, 10)? {
            row.only(&["id", "title", "description"])?;
            ids.push(id(&row, 200)?);
            row.text("title", 24, INVALID)?;
            row.text_if_any("description", 72, INVALID)?;
        }
    }
    if ids.len() > 10 {
        return Err(GraphError::new(INVALID, "Total row count exceeds the maximum of 10"));
    }
    must_differ("row ids", &ids)
}

fn id<'a>(part: &Part<'a>, longest: usize) -> Result<&'a str, GraphError> {
    let id = part.text("id", longest, INVALID)?;
    if id.trim() == id {
        return Ok(id);
    }
    Err(GraphError::new(
        INVALID,
        format!("Param {}['id'] must not begin or end with a space", part.name),
    ))
}
