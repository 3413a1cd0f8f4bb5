//! Files that travel, and the kinds and sizes that the platform takes.

use super::error::GraphError;
use super::number::next_id;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Small files of every kind, good enough to be shown and heard.
pub mod sample {
    /// A picture, `image/png`.
    pub const IMAGE: &[u8] = include_bytes!("sample/image.png");
    /// A second of silence, `audio/ogg; codecs=opus`.
    pub const VOICE: &[u8] = include_bytes!("sample/voice.ogg");
    /// A text, `text/plain`.
    pub const DOCUMENT: &[u8] = b"Offer A-17\nThree chairs, blue.\n";
}

/// A file that the platform keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Its id.
    pub id: String,
    /// Its type; may have parameters, as voice notes do.
    pub mime_type: String,
    /// What is in it.
    pub bytes: Arc<[u8]>,
    /// What is said about its hash, in hex. Right, unless a test says something else.
    pub sha256: String,
    /// Where its information says that it is; a link of our own when missing.
    pub url: Option<String>,
}

impl Media {
    pub(super) fn new(mime_type: &str, bytes: Vec<u8>) -> Self {
        let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            id: format!("{}", 990_000_000_000_000 + next_id()),
            mime_type: mime_type.to_owned(),
            bytes: bytes.into(),
            sha256,
            url: None,
        }
    }

    /// What a message says about it.
    pub(super) fn in_message(&self) -> Value {
        // Messages write the hash in Base64, the media's own information in hex.
        let hash: Vec<u8> = (0..self.sha256.len())
            .step_by(2)
            .filter_map(|place| u8::from_str_radix(self.sha256.get(place..place + 2)?, 16).ok())
            .collect();
        json!({"id": self.id, "mime_type": self.mime_type, "sha256": STANDARD.encode(hash)})
    }

    pub(super) fn information(&self, link: &str) -> Value {
        json!({
            "url": self.url.as_deref().unwrap_or(link),
            "mime_type": self.mime_type,
            "sha256": self.sha256,
            "file_size": self.bytes.len(),
            "id": self.id,
            "messaging_product": "whatsapp",
        })
    }

    /// Whether a message of this kind can carry it.
    pub(super) fn must_fit(&self, kind: &str) -> Result<(), GraphError> {
        let mime = plain(&self.mime_type);
        let fits = match kind {
            "image" => matches!(mime, "image/jpeg" | "image/png"),
            "sticker" => mime == "image/webp",
            "audio" => mime.starts_with("audio/"),
            "video" => mime.starts_with("video/"),
            _ => true,
        };
        if fits {
            return Ok(());
        }
        Err(GraphError::new(131_053, format!("Media of type {mime} cannot be sent as {kind}")))
    }
}

const DOCUMENTS: [&str; 8] = [
    "text/plain",
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
];

/// Refuses what an upload may not be.
pub(super) fn check_upload(mime_type: &str, size: usize) -> Result<(), GraphError> {
    let mime = plain(mime_type);
    let largest = match mime {
        "image/jpeg" | "image/png" => 5_000_000,
        "image/webp" => 500_000,
        "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" | "audio/opus" | "video/mp4" | "video/3gpp" => 16_000_000,
        _ if DOCUMENTS.contains(&mime) => 100_000_000,
        _ => return Err(GraphError::new(131_053, format!("Param file must not be of type {mime}"))),
    };
    match size {
        0 => Err(GraphError::new(131_053, "Param file is empty")),
        _ if size > largest => Err(GraphError::new(
            131_053,
            format!("The file of type {mime} has {size} bytes, more than {largest}"),
        )),
        _ => Ok(()),
    }
}

fn plain(mime_type: &str) -> &str {
    mime_type.split(';').next().unwrap_or_default().trim()
}
