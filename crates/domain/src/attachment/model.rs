use crate::clock::Timestamp;
use crate::id::{AttachmentId, ConversationId, FileKey, MessageId, WorkspaceId};
use crate::message::AuthorId;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most bytes of an upload: 20 MiB.
pub const MAX_UPLOAD: u64 = 20 * 1024 * 1024;
/// The most files of one message.
pub const MAX_FILES: usize = 5;
/// How long an upload waits for its message.
pub const UNUSED_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a file is called: only a label, never a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileName(String);

impl FileName {
    /// The most bytes it has.
    pub const MAX_BYTES: usize = 255;

    /// Makes a label of whatever came: no folder, no control character, no character that turns the direction of writing, breaks a line
    /// or is not seen, no dot at an end, at most 255 bytes with its ending kept; `file` if nothing is left.
    #[must_use]
    pub fn label(raw: &str) -> Self {
        let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
        let clean: String = last
            .chars()
            .filter(|c| !c.is_control() && !is_unseen(*c))
            .map(|c| if matches!(c, '"' | '<' | '>' | '|' | ':' | '*' | '?') { '_' } else { c })
            .collect();
        // Dots and white space together: a name that is `.` or `..` in the end would be a step of a path.
        let clean = clean.trim_matches(is_edge);
        if clean.is_empty() {
            return Self("file".to_owned());
        }
        if clean.len() <= Self::MAX_BYTES {
            return Self(clean.to_owned());
        }
        let (stem, ending) = match clean.rsplit_once('.') {
            Some((stem, ending)) if ending.len() <= 16 => (stem, format!(".{ending}")),
            _ => (clean, String::new()),
        };
        let mut cut = String::with_capacity(Self::MAX_BYTES);
        for c in stem.chars() {
            if cut.len() + c.len_utf8() + ending.len() > Self::MAX_BYTES {
                break;
            }
            cut.push(c);
        }
        Self(format!("{}{ending}", cut.trim_end_matches(is_edge)))
    }

    /// The name for content of this media type. Where it ends like what machines run or browsers show as a page, an ending of the type
    /// comes behind: machines go by the ending and not by the content. Any text may be run, so its endings are those that are known.
    #[must_use]
    pub fn fitting(&self, mime: &str) -> Self {
        let Some((_, ending)) = self.0.rsplit_once('.') else { return self.clone() };
        let ending = ending.to_lowercase();
        let is_fine = if mime.starts_with("text/") {
            TEXT_ENDINGS.contains(&ending.as_str())
        } else {
            RUN_ENDINGS.split(' ').all(|run| run != ending)
        };
        if is_fine {
            return self.clone();
        }
        let own = ALLOWED.iter().find(|(allowed, _)| *allowed == mime).map_or("bin", |(_, own)| own);
        Self::label(&format!("{}.{own}", self.0))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a name that was checked when it was stored.
    #[must_use]
    pub const fn stored(name: String) -> Self {
        Self(name)
    }
}

/// What takes no place, turns the direction of writing or breaks a line: a name must be what it looks like.
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

fn is_edge(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// A file as its message carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedFile {
    /// The file.
    pub id: AttachmentId,
    /// Its name.
    pub name: FileName,
    /// Its media type, by its content.
    pub mime: String,
    /// Its bytes.
    pub size: i64,
    /// Pixels, if it is a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels, if it is a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

/// A file that is kept for a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file as its message carries it.
    pub file: AttachedFile,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Where it may be sent.
    pub conversation_id: ConversationId,
    /// The message that carries it, once there is one.
    pub message_id: Option<MessageId>,
    /// Who uploaded it, and alone may send it.
    pub uploaded_by: AuthorId,
    /// Where its bytes are.
    pub key: FileKey,
    /// When it came.
    pub created_at: Timestamp,
    /// Since when nobody gets it any more; its bytes are about to go.
    pub deleted_at: Option<Timestamp>,
}

impl Attachment {
    /// Whether its uploader may still send it with a first message. It ends an hour before unused uploads are removed, so that none
    /// is removed while it is being sent.
    #[must_use]
    pub fn waits_for_its_message(&self, now: Timestamp) -> bool {
        self.message_id.is_none() && self.deleted_at.is_none() && now.since(self.created_at) + Duration::from_secs(3600) < UNUSED_KEPT
    }
}

/// The media types that are taken, and how names of such files end. What a browser could run is not among them.
const ALLOWED: &[(&str, &str)] = &[
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/heic", "heic"),
    ("image/heif", "heif"),
    ("image/avif", "avif"),
    ("image/bmp", "bmp"),
    ("image/tiff", "tiff"),
    ("video/mp4", "mp4"),
    ("video/quicktime", "mov"),
    ("video/webm", "webm"),
    ("video/3gpp", "3gp"),
    ("video/x-matroska", "mkv"),
    ("video/x-msvideo", "avi"),
    ("audio/mpeg", "mp3"),
    ("audio/mp4", "m4a"),
    ("audio/m4a", "m4a"),
    ("audio/ogg", "ogg"),
    ("audio/opus", "opus"),
    ("audio/amr", "amr"),
    ("audio/aac", "aac"),
    ("audio/x-wav", "wav"),
    ("audio/x-flac", "flac"),
    ("application/pdf", "pdf"),
    ("application/rtf", "rtf"),
    ("application/zip", "zip"),
    ("application/gzip", "gz"),
    ("application/x-7z-compressed", "7z"),
    ("application/vnd.rar", "rar"),
    ("application/epub+zip", "epub"),
    ("application/msword", "doc"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.ms-powerpoint", "ppt"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
    ("application/vnd.oasis.opendocument.text", "odt"),
    ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
    ("application/vnd.oasis.opendocument.presentation", "odp"),
    ("text/plain", "txt"),
    ("text/csv", "csv"),
    ("text/calendar", "ics"),
    ("text/vcard", "vcf"),
];

/// How names of texts end that nothing runs.
const TEXT_ENDINGS: &[&str] = &[
    "conf", "csv", "ics", "ini", "json", "log", "md", "srt", "text", "toml", "tsv", "txt", "vcf", "vtt", "yaml", "yml",
];

/// How names end of what machines run or mount, and of what browsers show as a page.
const RUN_ENDINGS: &str = "action ade adp apk app appimage appinstaller application appref-ms appx asp aspx bas bash bat bin chm class cmd com \
    command cpl crt csh deb desktop diagcab dll dmg docm dotm elf exe fish gadget hta htc htm html img inf ins iso jar jnlp \
    js jse jsp ksh lnk mde mht mhtml mjs msc msi msix msp mst ocx osx php pif pkg pl potm ppam ppsm pptm prg ps1 ps1xml ps2 \
    psc1 psd1 psm1 py pyc pyw rb reg rpm run scf scr sct search-ms settingcontent-ms sh shb shs shtml sldm svg svgz swf sys \
    terminal tool url vb vbe vbs vhd vhdx vxd webarchive webloc website workflow ws wsc wsf wsh xbap xht xhtml xlam xll xlsm \
    xltm xml xsl xslt zsh";

/// Whether files of this media type are taken.
#[must_use]
pub fn is_allowed(mime: &str) -> bool {
    ALLOWED.iter().any(|(allowed, _)| *allowed == mime)
}

/// Whether it is a picture that every browser draws and none runs.
#[must_use]
pub fn is_inline_image(mime: &str) -> bool {
    matches!(mime, "image/jpeg" | "image/png" | "image/gif" | "image/webp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_only_a_label() {
        for (raw, kept) in [
            ("invoice.pdf", "invoice.pdf"),
            ("/etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            ("../..", "file"),
            ("", "file"),
            ("a\r\nb\0.png", "ab.png"),
            ("photo\u{202e}gnp.exe", "photognp.exe"),
            ("a\"b.png", "a_b.png"),
            (" Übersicht 2026.pdf ", "Übersicht 2026.pdf"),
            (". . .", "file"),
            (".. .", "file"),
            (" .\u{a0}. ..", "file"),
            (".\u{200b}.", "file"),
            ("a.pdf. .", "a.pdf"),
            ("a\u{61c}b\u{2028}c\u{2029}d\u{200b}.txt", "abcd.txt"),
        ] {
            assert_eq!(FileName::label(raw).as_str(), kept, "{raw:?}");
        }
        let long = FileName::label(&format!("{}.pdf", "é".repeat(300)));
        assert!(long.as_str().len() <= FileName::MAX_BYTES && long.as_str().ends_with("é.pdf"));
    }

    #[test]
    fn a_long_name_does_not_end_in_a_dot_either() {
        let long = FileName::label(&format!("{} . {}", "a".repeat(253), "b".repeat(20)));
        assert_eq!(long.as_str(), "a".repeat(253));
    }

    #[test]
    fn a_name_does_not_end_like_a_program_or_a_page() {
        for (name, mime, kept) in [
            ("run.bat", "text/plain", "run.bat.txt"),
            ("run.BAT", "text/plain", "run.BAT.txt"),
            ("page.html", "text/csv", "page.html.csv"),
            ("card.js", "text/vcard", "card.js.vcf"),
            ("Invoice 3. May", "text/plain", "Invoice 3. May.txt"),
            ("README", "text/plain", "README"),
            ("notes.md", "text/plain", "notes.md"),
            ("prices.CSV", "text/csv", "prices.CSV"),
            ("dent.html", "image/png", "dent.html.png"),
            ("dent.svg", "image/jpeg", "dent.svg.jpg"),
            ("tool.jar", "application/zip", "tool.jar.zip"),
            ("offer.hta", "application/pdf", "offer.hta.pdf"),
            ("offer.pdf", "application/pdf", "offer.pdf"),
            ("dent.of.car", "image/png", "dent.of.car"),
        ] {
            assert_eq!(FileName::label(name).fitting(mime).as_str(), kept, "{name} {mime}");
        }
        let long = FileName::label(&format!("{}.exe", "n".repeat(300))).fitting("text/plain");
        assert!(long.as_str().len() == FileName::MAX_BYTES && long.as_str().ends_with("n.txt"), "{long:?}");
        for (mime, own) in ALLOWED {
            let name = FileName::label(&format!("a.{own}"));
            assert_eq!(name.fitting(mime), name, "{mime}");
        }
    }

    #[test]
    fn what_a_browser_could_run_is_not_taken() {
        for mime in [
            "text/html",
            "image/svg+xml",
            "application/javascript",
            "application/x-msdownload",
            "application/xml",
        ] {
            assert!(!is_allowed(mime), "{mime}");
        }
        assert!(is_allowed("application/pdf") && !is_inline_image("application/pdf") && is_inline_image("image/png"));
    }
}
