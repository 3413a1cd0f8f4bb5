//! Taking a file, a piece at a time, without ever holding it whole.

use super::refused;
use crate::extract::{ClientAddress, to_the_end, writer_of};
use crate::families::shared::{AttachmentResponse, CommonProblems, NotFoundProblem, StaffProblems};
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::AppState;
use crate::ws::identity::Identity;
use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::BytesMut;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, post, web};
use futures_util::StreamExt;
use parlor_domain::attachment::{FileName, MAX_UPLOAD, NewAttachment, Upload};
use parlor_domain::conversation::{Conversation, ConversationRef, ReadError};
use parlor_domain::id::{ConversationId, RoomKey};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// The longest that an upload may take: 20 MiB over a poor line.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// The longest that nothing may come.
const MAX_SILENCE: Duration = Duration::from_secs(30);
/// The most bytes of a field that is no file.
const MAX_FIELD: usize = 1_024;
/// The most fields.
const MAX_FIELDS: usize = 8;
/// So much of a file is held while it is not known yet where it belongs.
const MAX_HELD: usize = 1024 * 1024;
/// So much of it, and so long, while it is not even known who sends it.
const MAX_HELD_OF_STRANGERS: usize = 64 * 1024;
const PATIENCE_WITH_STRANGERS: Duration = Duration::from_secs(30);
/// Room for what is held of all files at a time, 32 MiB in pieces.
static ROOM: Semaphore = Semaphore::const_new(512);
const PIECE: usize = 64 * 1024;
/// So much of a file that is refused is read and thrown away: a client that is still writing would not see the answer.
const MAX_DRAINED: usize = 16 * 1024 * 1024;
/// A client from which nothing came for so long is not writing.
const WRITES_ON: Duration = Duration::from_secs(2);

/// An upload, as `multipart/form-data`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct UploadForm {
    /// The conversation, as the caller knows it; the same as query parameter. Before the file, unless that has at most
    /// 1 MiB; or 64 KiB, where the proof comes behind it, too.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    conversation_id: Option<String>,
    /// The visitor key, where it is the proof; the same as query parameter.
    #[schema(format = Uuid)]
    visitor_id: Option<String>,
    /// The file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Where an upload belongs, and whose it is, for those who say it in the query.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadParams {
    /// The conversation, as the caller knows it: customers of rooms by the room key, agents by its internal id, the parties of a
    /// marketplace by the id that they chose.
    #[param(nullable = false, max_length = 200, example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    conversation_id: Option<String>,
    /// The visitor key, or the key as `Authorization: Bearer`.
    #[param(nullable = false, format = Uuid)]
    visitor_id: Option<String>,
}

/// A file that waits for its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadedResponse {
    /// The file.
    #[serde(flatten)]
    pub file: AttachmentResponse,
    /// When the link ends. The file itself waits a day for its message.
    #[schema(example = "2026-11-20T10:00:03.000Z", format = DateTime)]
    pub expires_at: String,
}

/// What is wrong with an upload.
#[derive(IntoResponses)]
pub enum UploadProblems {
    /// It is no form, has no file or no conversation, or came too slowly; `errors` names the field
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(ProblemBody),
    /// The file has more than 20 MiB
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// The body is no `multipart/form-data`, or the file is of a kind that is not taken
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(ProblemBody),
}

/// Upload a file for a conversation
///
/// By whoever may write there; proof of a room is its key as `Authorization: Bearer`. At most 20 MiB; pictures, films, sounds, PDF, office
/// documents, archives and plain text, told by their content. Then send it: name its `id` in `attachment_ids` of a message within a day, else
/// it is removed.
#[utoipa::path(path = "/api/attachments/", tag = "Attachments", security((), ("visitor" = []), ("seller" = []), ("staff" = [])), params(UploadParams),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "Taken", body = UploadedResponse), UploadProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[post("/api/attachments")]
pub async fn upload_attachment(
    http: HttpRequest,
    address: ClientAddress,
    params: web::Query<UploadParams>,
    body: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    state.limits.upload(address)?;
    let form = Form {
        parts: Multipart::new(http.headers(), body.into_inner()),
        http: &http,
        state: &state,
        wanted: params.into_inner(),
        writer: None,
        until: Instant::now() + PATIENCE,
    };
    let upload = timeout(PATIENCE, form.read()).await.map_err(|_| too_slow())??;
    // Whoever goes away now has a file without knowing its id: it is removed after a day. Half of it would stay for ever.
    let attachment = to_the_end(upload.finish()).await?.map_err(refused)?;
    let (url, expires_at) = state.links.of(&attachment.file);
    Ok(HttpResponse::Created().json(UploadedResponse {
        file: AttachmentResponse::with_link(&attachment.file, url),
        expires_at: expires_at.to_rfc3339(),
    }))
}

fn too_slow() -> Problem {
    Problem::new(Code::InvalidInput, "The upload took too long or stood still; send it again over a better line.")
}

fn no_room() -> Problem {
    Problem::new(
        Code::Unavailable,
        "Too many uploads wait for their conversation_id right now; put it before the file, or send the upload again.",
    )
}

fn no_form() -> Problem {
    Problem::new(
        Code::UnsupportedMediaType,
        "Send the file as `multipart/form-data` with the fields `conversation_id` and `file`.",
    )
}

fn broken(error: &MultipartError) -> Problem {
    match error {
        MultipartError::ContentTypeMissing | MultipartError::ContentTypeParse | MultipartError::ContentTypeIncompatible => no_form(),
        MultipartError::BoundaryMissing => Problem::field(
            "body",
            "has no boundary in its `Content-Type`; let the browser or HTTP client write that header",
        ),
        _ => Problem::field("body", "is broken as multipart/form-data or broke off; send the request again"),
    }
}

/// The next thing that comes, if it comes in time.
async fn next<T>(stream: &mut (impl futures_util::Stream<Item = Result<T, MultipartError>> + Unpin), until: Instant) -> Result<Option<T>, Problem> {
    let next = timeout_at(until.min(Instant::now() + MAX_SILENCE), stream.next())
        .await
        .map_err(|_| too_slow())?;
    next.transpose().map_err(|error| broken(&error))
}

/// A file of which it is not known yet where it belongs.
struct Held {
    name: FileName,
    bytes: BytesMut,
    room: Vec<SemaphorePermit<'static>>,
}

impl Held {
    fn new(name: FileName) -> Self {
        Self {
            name,
            bytes: BytesMut::new(),
            room: Vec::new(),
        }
    }

    fn add(&mut self, chunk: &[u8], room: &'static Semaphore) -> Result<(), Problem> {
        while self.room.len() * PIECE < self.bytes.len() + chunk.len() {
            self.room.push(room.try_acquire().map_err(|_| no_room())?);
        }
        // Copied: pieces as they come would keep whole buffers.
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

/// What came of the part with the file.
enum File {
    Taken(Box<Upload>),
    Held(Held),
}

/// A form that is being read.
struct Form<'a> {
    parts: Multipart,
    http: &'a HttpRequest,
    state: &'a AppState,
    wanted: UploadParams,
    /// Who uploads, once that is known.
    writer: Option<Identity>,
    /// When it must be read in full.
    until: Instant,
}

impl Form<'_> {
    async fn read(mut self) -> Result<Upload, Problem> {
        let is_form = self.http.content_type().eq_ignore_ascii_case("multipart/form-data");
        // Without a proof in front of it, only the form can bring one.
        if self.wanted.visitor_id.is_some() || self.http.headers().contains_key(AUTHORIZATION) || !is_form {
            let writer = writer_of(self.http, self.state, self.wanted.visitor_id.as_deref()).await;
            if writer.is_err()
                && is_form
                && let Ok(Some(mut part)) = next(&mut self.parts, self.until).await
            {
                drain(&mut part, self.until).await;
            }
            self.writer = Some(writer?);
        }
        if !is_form {
            return Err(no_form());
        }
        let mut file = None;
        let mut fields = 0;
        while let Some(mut part) = next(&mut self.parts, self.until).await? {
            fields += 1;
            if fields > MAX_FIELDS {
                return Err(Problem::field("body", format!("must have at most {MAX_FIELDS} fields")));
            }
            let taken = self.take(&mut part, file.is_some()).await;
            if taken.is_err() {
                drain(&mut part, self.until).await;
            }
            file = taken?.or(file);
        }
        match file.ok_or_else(|| Problem::field("file", "is required"))? {
            File::Taken(upload) => Ok(*upload),
            File::Held(held) => {
                let mut upload = self.begin(held.name).await?;
                upload.write(held.bytes.freeze()).await.map_err(refused)?;
                Ok(upload)
            }
        }
    }

    async fn take(&mut self, part: &mut Field, has_file: bool) -> Result<Option<File>, Problem> {
        match part.name().unwrap_or_default() {
            "conversation_id" => self.wanted.conversation_id = Some(text(part, "conversation_id", self.until).await?),
            "visitor_id" => self.wanted.visitor_id = Some(text(part, "visitor_id", self.until).await?),
            "file" if has_file => return Err(Problem::field("file", "must be one file; upload each by itself")),
            "file" => return self.take_file(part).await.map(Some),
            _ => return Err(Problem::field("body", "has an unknown field; send only conversation_id, visitor_id and file")),
        }
        Ok(None)
    }

    async fn take_file(&mut self, part: &mut Field) -> Result<File, Problem> {
        let name = part.content_disposition().and_then(|disposition| disposition.get_filename());
        let name = FileName::label(name.unwrap_or_default());
        if self.wanted.conversation_id.is_none() {
            return self.hold(part, name).await.map(File::Held);
        }
        let mut upload = self.begin(name).await?;
        while let Some(chunk) = next(part, self.until).await? {
            upload.write(chunk).await.map_err(refused)?;
        }
        Ok(File::Taken(Box::new(upload)))
    }

    /// Whoever proves nothing before the file gets little room for it, and for a short time only.
    async fn hold(&mut self, part: &mut Field, name: FileName) -> Result<Held, Problem> {
        if self.writer.is_none() && self.wanted.visitor_id.is_some() {
            self.writer = Some(writer_of(self.http, self.state, self.wanted.visitor_id.as_deref()).await?);
        }
        let (most, detail) = if self.writer.is_some() {
            let detail = "must come before the file, since that is large: put conversation_id first in the form, or send it as query parameter";
            (MAX_HELD, detail)
        } else {
            self.until = self.until.min(Instant::now() + PATIENCE_WITH_STRANGERS);
            let detail = "must come before the file, as your proof must, since that is large: put both first in the form, or send them with the address";
            (MAX_HELD_OF_STRANGERS, detail)
        };
        let mut held = Held::new(name);
        while let Some(chunk) = next(part, self.until).await? {
            if held.bytes.len() + chunk.len() > most {
                return Err(Problem::field("conversation_id", detail));
            }
            held.add(&chunk, &ROOM)?;
        }
        Ok(held)
    }

    /// Nothing is kept before it is known that the caller may write there.
    async fn begin(&self, name: FileName) -> Result<Upload, Problem> {
        let named = self.wanted.conversation_id.as_deref().map(str::trim).filter(|named| !named.is_empty());
        let named = named.ok_or_else(|| Problem::field("conversation_id", "is required"))?;
        let writer = match &self.writer {
            Some(writer) => writer.clone(),
            None => writer_of(self.http, self.state, self.wanted.visitor_id.as_deref()).await?,
        };
        let conversation = own_conversation(self.state, &writer, named).await?;
        let new = NewAttachment {
            name,
            uploaded_by: writer.actor().author(),
            limit: MAX_UPLOAD,
        };
        self.state.attachments.begin(&conversation, new).await.map_err(refused)
    }
}

async fn text(part: &mut Field, name: &str, until: Instant) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = next(part, until).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_FIELD {
            return Err(Problem::field(name, format!("must have at most {MAX_FIELD} bytes")));
        }
    }
    String::from_utf8(bytes).map_err(|_| Problem::field(name, "must be UTF-8"))
}

async fn drain(part: &mut Field, until: Instant) {
    let mut drained = 0;
    while let Ok(Some(Ok(chunk))) = timeout_at(until.min(Instant::now() + WRITES_ON), part.next()).await {
        drained += chunk.len();
        if drained > MAX_DRAINED {
            return;
        }
    }
}

/// The conversation that somebody names and may write in.
async fn own_conversation(state: &AppState, writer: &Identity, named: &str) -> Result<Conversation, Problem> {
    let not_found = || Problem::not_found("conversation");
    let viewer = writer.viewer();
    let found = match writer {
        Identity::Visitor(_) | Identity::Room(_) => match named.parse::<RoomKey>() {
            Ok(key) => state.reader.by_room_key(key).await,
            Err(_) => Err(ReadError::NotFound),
        },
        Identity::Agent(_) => match named.parse::<ConversationId>() {
            Ok(id) => state.reader.get(viewer, id).await,
            Err(_) => Err(ReadError::NotFound),
        },
        Identity::Seller(_) => Err(ReadError::NotFound),
    };
    let found = match found {
        // The parties of a marketplace have names of their own.
        Err(ReadError::NotFound) => {
            let reference = ConversationRef::parse(named).map_err(|_| not_found())?;
            state.reader.by_name(viewer, &reference).await?
        }
        found => found?,
    };
    let may_write = matches!(writer, Identity::Agent(_)) || writer.is_party_of(&found);
    if may_write { Ok(found) } else { Err(not_found()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_needs_room_and_gives_it_back() {
        static FEW: Semaphore = Semaphore::const_new(2);
        let held = || Held::new(FileName::label("a.txt"));
        let mut first = held();
        for _ in 0..PIECE {
            first.add(b"a", &FEW).unwrap();
        }
        assert_eq!((first.bytes.len(), FEW.available_permits()), (PIECE, 1));
        first.add(b"a", &FEW).unwrap();
        let refused = held().add(b"a", &FEW).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::Unavailable, Some(1)));
        assert!(first.add(&[b'a'; PIECE], &FEW).is_err());
        drop(first);
        assert_eq!(FEW.available_permits(), 2);
        assert!(held().add(b"a", &FEW).is_ok());
    }
}
