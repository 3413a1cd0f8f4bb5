//! Into which parts a message is cut, always the same way: a part is known by its place.

use super::incoming::MediaKind;
use super::outgoing::{Interactive, TemplateCall};
use crate::attachment::AttachedFile;
use crate::message::{Message, MessageKind};

/// The most characters of a text (Cloud API, "Text messages").
pub(super) const MAX_TEXT: usize = 4_096;
/// The most characters of a caption.
const MAX_CAPTION: usize = 1_024;

/// One thing that goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PartContent {
    Text(String),
    File {
        file: AttachedFile,
        kind: MediaKind,
        caption: Option<String>,
    },
    Template(TemplateCall),
    Interactive(Interactive, String),
}

/// The parts of a message, in their order.
pub(super) fn parts_of(message: &Message) -> Vec<PartContent> {
    let payload = message.payload.clone().unwrap_or_default();
    match message.kind {
        MessageKind::Template => {
            if let Ok(call) = serde_json::from_value(payload) {
                return vec![PartContent::Template(call)];
            }
        }
        MessageKind::Interactive => {
            if let Ok(choices) = Interactive::parse(&payload, &message.text) {
                return vec![PartContent::Interactive(choices, message.text.clone())];
            }
        }
        _ => {}
    }
    let mut files = message.attachments.iter().map(|file| PartContent::File {
        kind: kind_of(&file.mime, file.size),
        file: file.clone(),
        caption: None,
    });
    // A message of files alone shows the first one's name; that is no caption.
    let only_named = message.attachments.first().is_some_and(|file| file.name.as_str() == message.text);
    if only_named {
        return files.collect();
    }
    let fits_below = message.text.chars().count() <= MAX_CAPTION;
    let mut parts = Vec::new();
    match files.next() {
        Some(PartContent::File { file, kind, .. }) if fits_below && takes_caption(kind) => parts.push(PartContent::File {
            file,
            kind,
            caption: Some(message.text.clone()),
        }),
        first => {
            parts.extend(split(&message.text, MAX_TEXT).into_iter().map(PartContent::Text));
            parts.extend(first);
        }
    }
    parts.extend(files);
    parts
}

const fn takes_caption(kind: MediaKind) -> bool {
    matches!(kind, MediaKind::Image | MediaKind::Video | MediaKind::Document)
}

/// As what a file goes out: what the platform takes of its media type and size as such, else as a document
/// (Cloud API, "Supported media types").
pub(super) fn kind_of(mime: &str, size: i64) -> MediaKind {
    const MIB: i64 = 1024 * 1024;
    match mime {
        "image/jpeg" | "image/png" if size <= 5 * MIB => MediaKind::Image,
        "video/mp4" | "video/3gpp" if size <= 16 * MIB => MediaKind::Video,
        "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/m4a" | "audio/ogg" | "audio/opus" if size <= 16 * MIB => MediaKind::Audio,
        _ => MediaKind::Document,
    }
}

/// Cuts a text into pieces of at most `most` characters: between paragraphs if one ends in the second half of the piece, else
/// between lines, sentences, words, and only then anywhere.
pub(super) fn split(text: &str, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_end();
    while rest.chars().count() > most {
        let end = rest.char_indices().nth(most).map_or(rest.len(), |(at, _)| at);
        let (window, _) = rest.split_at(end);
        let half = window.len() / 2;
        let cut = ["\n\n", "\n", ". ", "! ", "? ", "。", " "]
            .iter()
            .find_map(|mark| window.rfind(mark).map(|at| at + mark.len()).filter(|at| *at > half))
            .unwrap_or(end);
        let (piece, left) = rest.split_at(cut);
        if !piece.trim().is_empty() {
            pieces.push(piece.trim_end().to_owned());
        }
        rest = left.trim_start();
    }
    if !rest.trim().is_empty() {
        pieces.push(rest.to_owned());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_it_hurts_least() {
        assert_eq!(split("short", 10), ["short"]);
        assert_eq!(split("one two three four", 10), ["one two", "three four"]);
        assert_eq!(split("First. Second one.", 12), ["First.", "Second one."]);
        assert_eq!(split("para one\n\npara two", 12), ["para one", "para two"]);
        assert_eq!(
            split(&"é".repeat(25), 10).iter().map(|piece| piece.chars().count()).collect::<Vec<_>>(),
            [10, 10, 5]
        );
        assert_eq!(split("            ", 5), Vec::<String>::new());
    }

    #[test]
    fn nothing_of_a_text_is_lost_but_the_space_between_pieces() {
        let text = "Lorem ipsum dolor sit amet. ".repeat(700);
        let pieces = split(&text, MAX_TEXT);
        assert!(pieces.iter().all(|piece| piece.chars().count() <= MAX_TEXT));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&pieces.join(" ")), words(&text));
    }

    #[test]
    fn a_file_goes_out_as_what_the_platform_takes() {
        for (mime, size, kind) in [
            ("image/jpeg", 1, MediaKind::Image),
            ("image/jpeg", 6 * 1024 * 1024, MediaKind::Document),
            ("image/gif", 1, MediaKind::Document),
            ("audio/ogg", 1, MediaKind::Audio),
            ("video/mp4", 17 * 1024 * 1024, MediaKind::Document),
            ("application/pdf", 1, MediaKind::Document),
        ] {
            assert_eq!(kind_of(mime, size), kind, "{mime}");
        }
    }
}
