//! Files that customers send: fetched from the platform, checked, and kept here.

use super::errors::{Verdict, verdict_of};
use super::gateway::{IncomingMedia, SendFailure};
use super::incoming::MediaNotice;
use super::service::{Settled, Trade, WhatsappService, Work};
use crate::attachment::{AttachedFile, AttachmentError, FileName, NewAttachment};
use crate::conversation::{Action, Actor, CommandError, MediaArrival};
use crate::id::MessageId;
use crate::job::Job;
use crate::message::{AuthorId, Message};
use futures_util::StreamExt;
use std::time::Duration;

/// The most bytes of a file that comes in (Cloud API: documents of 100 MB).
const MAX_BYTES: u64 = 100 * 1024 * 1024;
/// How often a file is tried before only an admin tries it again.
const TRIES: i32 = 8;
/// The first wait; each is six times the one before.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest wait. All together they last half a day or more; the platform keeps files for seven days.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 60 * 60);
/// How long the platform keeps files.
const KEPT_THERE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// So many files are fetched at a time on each node.
pub(super) const AT_A_TIME: usize = 4;

/// Why a file is not here.
enum Failed {
    /// It will not be.
    ForGood(String),
    /// Later, perhaps.
    ForNow(Duration, String),
    /// The number cannot be used right now.
    Resting(Duration),
    Command(CommandError),
}

impl From<CommandError> for Failed {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

impl WhatsappService {
    /// Fetches the file of a message.
    ///
    /// # Errors
    /// What [`CommandError`] says; the job is tried again.
    pub async fn fetch(&self, job: &Job) -> Result<Settled, CommandError> {
        let Some(work) = self.work(job, MessageId(job.id.0)).await? else {
            return self.done(job).await;
        };
        let Some(notice) = notice_of(&work.message) else {
            return self.done(job).await;
        };
        if work.message.deleted_at.is_some() || work.channel.deleted_at.is_some() || !work.message.attachments.is_empty() {
            return self.done(job).await;
        }
        let _turn = self.fetches.acquire().await;
        let fetched = match self.rests.left(work.number.channel_id, Trade::Fetching, self.clock.now()) {
            Some(left) => return Ok(Settled::Rest(left)),
            None => self.fetch_file(job, &work, &notice).await,
        };
        match fetched {
            Ok(file) => {
                metrics::counter!("parlor_whatsapp_downloads_total", "result" => "fetched").increment(1);
                self.rests.end(work.number.channel_id, Trade::Fetching);
                self.arrived(&work, Ok(file)).await?;
                self.done(job).await
            }
            Err(Failed::Resting(after)) if self.clock.now().since(work.message.created_at) < KEPT_THERE => Ok(Settled::Rest(after)),
            Err(Failed::Resting(_)) => {
                self.arrived(
                    &work,
                    Err("WhatsApp kept the file for seven days, and it could not be fetched in that time".to_owned()),
                )
                .await?;
                self.done(job).await
            }
            Err(Failed::ForNow(after, why)) => {
                metrics::counter!("parlor_whatsapp_downloads_total", "result" => "later").increment(1);
                // More than 20 failures an hour block the number's downloads for half an hour: ours rest long before.
                let rest = self.rests.begin(work.number.channel_id, Trade::Fetching, self.clock.now());
                if job.attempts + 1 < TRIES {
                    return Ok(Settled::Later(after.max(rest), why));
                }
                self.arrived(&work, Err("the file could not be fetched from WhatsApp; an admin can try it again".to_owned()))
                    .await?;
                Ok(Settled::Dead(why))
            }
            Err(Failed::ForGood(why)) => {
                metrics::counter!("parlor_whatsapp_downloads_total", "result" => "failed").increment(1);
                tracing::warn!(message = %work.message.id, why, "a file that a customer sent is not here");
                self.arrived(&work, Err(why)).await?;
                self.done(job).await
            }
            Err(Failed::Command(CommandError::Conflict(why))) => {
                self.arrived(&work, Err(why.to_owned())).await?;
                Ok(Settled::Dead(why.to_owned()))
            }
            Err(Failed::Command(error)) => Err(error),
        }
    }

    async fn arrived(&self, work: &Work, file: Result<AttachedFile, String>) -> Result<(), CommandError> {
        let arrival = MediaArrival {
            message: work.message.id,
            file,
        };
        let system = Actor::System(work.message.workspace_id);
        match self.submit(system, work.conversation.id, Action::AddMedia(arrival)).await {
            // Taken back meanwhile; the file is removed as one that nobody uses.
            Ok(_) | Err(CommandError::Conflict(_) | CommandError::ConversationNotFound | CommandError::MessageNotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn fetch_file(&self, job: &Job, work: &Work, notice: &MediaNotice) -> Result<AttachedFile, Failed> {
        if work.number.access_token.is_none() {
            // An admin who writes one can have the work done then.
            let why = "the number has no access token, so files cannot be fetched; an admin can write one and try it again";
            return Err(Failed::Command(CommandError::Conflict(why)));
        }
        let factor = 6_u32.saturating_pow(job.attempts.clamp(0, TRIES).unsigned_abs());
        let wait = self.about(FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT) * 2);
        let media = match self.gateway.download(&work.number, &notice.id).await {
            Ok(media) => media,
            Err(failure) => return Err(self.not_had(work, failure, wait).await?),
        };
        if media.size.is_some_and(|size| size > MAX_BYTES) {
            return Err(Failed::ForGood("the file is larger than 100 MiB".to_owned()));
        }
        self.keep(work, notice, media, wait).await
    }

    async fn not_had(&self, work: &Work, failure: SendFailure, wait: Duration) -> Result<Failed, CommandError> {
        let words = failure.words();
        let SendFailure::Refused(error) = failure else {
            return Ok(Failed::ForNow(wait, words));
        };
        Ok(match verdict_of(&error) {
            Verdict::Temporary | Verdict::SlowDown | Verdict::PauseNumber => Failed::ForNow(wait, words),
            Verdict::Credentials => {
                self.unhealthy(&work.channel, error.code, &error.message).await?;
                Failed::Resting(
                    self.rests
                        .begin(work.number.channel_id, Trade::Fetching, self.clock.now())
                        .max(Duration::from_secs(60)),
                )
            }
            _ => Failed::ForGood(format!("WhatsApp does not give the file out: {words}")),
        })
    }

    /// Takes the bytes in. What was not the file that was announced is not kept.
    async fn keep(&self, work: &Work, notice: &MediaNotice, mut media: IncomingMedia, wait: Duration) -> Result<AttachedFile, Failed> {
        let new = NewAttachment {
            name: name_of(notice, media.mime.as_deref()),
            uploaded_by: AuthorId::SYSTEM,
            limit: MAX_BYTES,
        };
        let refused = |error: AttachmentError| match error {
            AttachmentError::Kind => Failed::ForGood("files of this kind are not taken".to_owned()),
            AttachmentError::TooLarge(_) => Failed::ForGood("the file is larger than 100 MiB".to_owned()),
            AttachmentError::Empty => Failed::ForGood("the file is empty".to_owned()),
            AttachmentError::NotFound => Failed::Command(CommandError::ConversationNotFound),
            AttachmentError::File(error) => {
                tracing::error!(%error, "a file cannot be written");
                Failed::ForNow(wait, "the file cannot be written".to_owned())
            }
            AttachmentError::Repository(error) => Failed::Command(error.into()),
        };
        let mut upload = self.attachments.begin(&work.conversation, new).await.map_err(refused)?;
        while let Some(chunk) = media.chunks.next().await {
            let chunk = chunk.map_err(|error| Failed::ForNow(wait, error.to_string()))?;
            upload.write(chunk).await.map_err(refused)?;
        }
        let announced = media.sha256.or_else(|| notice.sha256.as_deref().and_then(read_hash));
        if announced.is_some_and(|announced| announced != upload.sha256()) {
            return Err(Failed::ForNow(wait, "the file is not the one that was announced".to_owned()));
        }
        Ok(upload.finish().await.map_err(refused)?.file)
    }
}

/// What a message says of its file.
fn notice_of(message: &Message) -> Option<MediaNotice> {
    serde_json::from_value(message.metadata.as_ref()?.get("media")?.clone()).ok()
}

/// What the sender called it, or its kind and an ending that fits.
fn name_of(notice: &MediaNotice, mime: Option<&str>) -> FileName {
    if let Some(name) = &notice.file_name {
        return FileName::label(name);
    }
    let mime = mime.or(notice.mime.as_deref()).unwrap_or_default();
    let plain = mime.split(';').next().unwrap_or_default().trim();
    let ending = match plain {
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/webp" => ".webp",
        "video/mp4" => ".mp4",
        "video/3gpp" => ".3gp",
        "audio/ogg" => ".ogg",
        "audio/mpeg" => ".mp3",
        "audio/mp4" => ".m4a",
        "audio/aac" => ".aac",
        "audio/amr" => ".amr",
        "application/pdf" => ".pdf",
        _ => "",
    };
    let stem = if notice.voice { "voice-note" } else { notice.kind.as_str() };
    FileName::label(&format!("{stem}{ending}"))
}

/// SHA-256 in hex or base64.
fn read_hash(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    if text.len() == 64 && text.is_ascii() {
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        return Some(bytes);
    }
    read_base64(text)?.try_into().ok()
}

/// Base64 with either alphabet, padded or not (RFC 4648).
fn read_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut held, mut bits) = (0u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whatsapp::MediaKind;

    #[test]
    fn a_hash_is_read_in_both_ways_of_writing_it() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert!(read_hash(hex).is_some());
        assert_eq!(read_hash(hex), read_hash(base64));
        for wrong in ["", "qk9t…=", "zz", &"g".repeat(64)] {
            assert_eq!(read_hash(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_without_a_name_gets_one() {
        let notice = |kind, voice, mime: &str| MediaNotice {
            kind,
            id: "1".to_owned(),
            mime: Some(mime.to_owned()),
            sha256: None,
            file_name: None,
            voice,
        };
        assert_eq!(name_of(&notice(MediaKind::Image, false, "image/jpeg"), None).as_str(), "image.jpg");
        assert_eq!(
            name_of(&notice(MediaKind::Audio, true, "audio/ogg; codecs=opus"), None).as_str(),
            "voice-note.ogg"
        );
        assert_eq!(name_of(&notice(MediaKind::Document, false, ""), None).as_str(), "document");
    }
}
