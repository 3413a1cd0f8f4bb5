//! What Parlor asked for, for programs to read.

use anyhow::{Context, Result};
use parlor_testkit::whatsapp::{Call, Endpoint, FakeWhatsapp};
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// A file of JSON objects, each on a line. Whoever shows what token is left out.
pub struct Record(File);

impl Record {
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self(File::create(path).with_context(|| format!("cannot write {}", path.display()))?))
    }

    pub fn keep(&mut self, graph: &FakeWhatsapp, call: &Call) -> Result<()> {
        let upload = call.upload.as_ref().map(|upload| {
            let kept = upload.media_id.as_deref().and_then(|id| graph.file(id));
            json!({
                "media_id": upload.media_id, "mime_type": upload.mime_type, "file_name": upload.file_name,
                "size": upload.bytes.len(), "sha256": kept.map(|media| media.sha256),
            })
        });
        let line = json!({
            "endpoint": word(call.endpoint), "method": call.method, "path": call.path, "content_type": call.header("content-type"),
            "body": call.body, "upload": upload, "wamid": call.wamid, "error": call.error,
        });
        // One write, so that who reads at the same time sees whole lines.
        Ok(self.0.write_all(format!("{line}\n").as_bytes())?)
    }
}

const fn word(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Send => "send",
        Endpoint::MarkRead => "mark_read",
        Endpoint::Upload => "upload",
        Endpoint::MediaInfo => "media_info",
        Endpoint::Download => "download",
        Endpoint::Profile => "profile",
        Endpoint::Unknown => "unknown",
    }
}
