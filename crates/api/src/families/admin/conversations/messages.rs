use crate::extract::{Body, Fields, OptionalBody, PathId, StaffAuth};
use crate::families::shared::{
    ActionRequest, ActionWord, BodyProblems, CommonProblems, ConflictProblem, HistoryParams, HistoryResponse, MarkReadRequest, MessageResponse, MomentValue,
    NotFoundProblem, QueryProblems, SendRequest, StaffProblems, created_or_repeated, read_history,
};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use parlor_domain::conversation::{Audience, Sent};
use parlor_domain::message::Move;
use parlor_domain::text::MessageText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The most characters of a reaction: emoji are made of several.
const MAX_EMOJI: usize = 32;

/// What an agent says. Unknown fields are ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AgentSendRequest {
    /// The text, 1–10,000 characters. With files it may be missing: then the first file's name stands for it. A template has its own.
    #[serde(default)]
    #[schema(example = "It is. Shall I reserve it?", max_length = 10_000)]
    message: Option<String>,
    /// The client's own id of the message: the same again is stored once. The header `Idempotency-Key` does the same.
    #[serde(default)]
    #[schema(example = "a-1763629200123-1", max_length = 64)]
    client_id: Option<String>,
    /// Whether only agents shall see it: a note.
    #[serde(default)]
    #[schema(example = false)]
    private: Option<bool>,
    /// `text`, `file`, `offer`, `appointment`, or on WhatsApp `template` and `interactive`; without it `file` if there are files, else `text`.
    #[serde(default, rename = "type")]
    #[schema(example = "text")]
    kind: Option<String>,
    /// Of an offer `{offerPrice?, expiresAt?}`, of an appointment `{startsAt?}`, each with fields of the client's own; of a template
    /// `{name, language?, parameters?}`; of an interactive message `{buttons: [{id, title}]}` or `{button, rows: [{id, title, description?}]}`.
    /// At most 8 KiB; none for `text` and `file`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    payload: Option<serde_json::Value>,
    /// Files that the caller uploaded for this conversation, at most 5.
    #[serde(default)]
    #[schema(example = json!([]), max_items = 5)]
    attachment_ids: Option<Vec<String>>,
    /// A message of the same conversation.
    #[serde(default)]
    reply_to: Option<Uuid>,
}

impl AgentSendRequest {
    /// What it has in common with a customer's, and whether it is a note.
    fn split(self) -> (SendRequest, bool) {
        let Self {
            message,
            client_id,
            private,
            kind,
            payload,
            attachment_ids,
            reply_to,
        } = self;
        (
            SendRequest {
                message,
                client_id,
                kind,
                payload,
                attachment_ids,
                reply_to,
            },
            private.unwrap_or_default(),
        )
    }
}

/// What is unread now.
#[derive(Debug, Serialize, ToSchema)]
pub struct StaffReadResponse {
    /// Messages of the customer that the team has not read.
    #[schema(example = 0)]
    unread_count: i64,
    /// Messages of the customer that the calling agent has not read.
    #[schema(example = 0)]
    my_unread_count: i64,
}

/// Other words for a message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditMessageRequest {
    /// The text, 1–10,000 characters.
    #[schema(example = "It is. Shall I reserve it for you?", min_length = 1, max_length = 10_000)]
    message: String,
}

/// A sign on a message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReactionRequest {
    /// The emoji; "" takes our side's away.
    #[schema(example = "👍", max_length = 32)]
    emoji: String,
}

impl ReactionRequest {
    fn parse(self) -> Result<Option<String>, Problem> {
        if self.emoji.is_empty() {
            return Ok(None);
        }
        let fits = self.emoji.chars().count() <= MAX_EMOJI && !self.emoji.chars().any(|c| c.is_control() || c.is_whitespace());
        if fits {
            Ok(Some(self.emoji))
        } else {
            Err(Problem::field("emoji", format!("must be an emoji of at most {MAX_EMOJI} characters, or empty")))
        }
    }
}

/// What shall be done to an offer or an appointment. Only the other side decides about it, only its author takes it back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentActionRequest {
    /// What to do.
    #[schema(example = "accept")]
    action: ActionWord,
    /// With `counter`: the other price.
    #[serde(default)]
    #[schema(value_type = Option<f64>, example = 18_500, minimum = 0)]
    offer_price: Option<serde_json::Number>,
    /// With `reschedule`: the other time, as RFC 3339 or Unix milliseconds.
    #[serde(default)]
    #[schema(example = "2026-11-24T14:00:00.000Z")]
    starts_at: Option<MomentValue>,
}

impl AgentActionRequest {
    fn parse(self) -> Result<Move, Problem> {
        ActionRequest {
            action: self.action,
            offer_price: self.offer_price,
            starts_at: self.starts_at,
        }
        .parse()
    }
}

fn changed(sent: &Sent, state: &AppState) -> HttpResponse {
    HttpResponse::Ok().json(MessageResponse::new(&sent.message, &sent.conversation, Audience::Staff, &state.links))
}

/// Send a message as an agent
///
/// The first public reply of a person takes the conversation over. With `private` it is a note, which only agents see. With `type` and
/// `payload` it is an offer or an appointment, which the customer decides about. On WhatsApp it goes out after the answer, with `status`
/// `queued`; once the customer has not written for 24 hours, only a template may be sent (409 `whatsapp_window_closed`). Files are uploaded
/// before, with `POST /api/attachments/`.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/send_message/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id")), request_body = AgentSendRequest, responses(
    (status = 201, description = "Stored", body = MessageResponse),
    (status = 200, description = "Stored before, under this client id", body = MessageResponse),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[post("/api/admin/chat-rooms/{id}/send_message")]
pub async fn send_agent_message(
    auth: StaffAuth,
    id: web::Path<String>,
    request: HttpRequest,
    body: Body<AgentSendRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    let (send, private) = body.0.split();
    let mut draft = send.parse(Some(&request), Audience::Staff)?;
    draft.private = private;
    let sent = draft.send(&state, auth.actor(), id).await?;
    Ok(created_or_repeated(&sent, Audience::Staff, &state.links))
}

/// Mark as read
///
/// Moves the team's mark and the calling agent's own, never back.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/mark_as_read/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id")), request_body = Option<MarkReadRequest>, responses(
    (status = 200, description = "What is unread now", body = StaffReadResponse),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem
))]
#[post("/api/admin/chat-rooms/{id}/mark_as_read")]
pub async fn mark_conversation_read(
    auth: StaffAuth,
    id: web::Path<String>,
    body: OptionalBody<MarkReadRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    if body.0.up_to_seq.is_some_and(|place| place < 0) {
        return Err(Problem::field("up_to_seq", "must not be negative"));
    }
    let conversation = state.conversations.mark_read(auth.actor(), id, body.0.up_to_seq).await?;
    let mark = state.reader.own_mark(conversation.id, auth.0.id).await?;
    Ok(HttpResponse::Ok().json(StaffReadResponse {
        unread_count: conversation.unread_by_team(),
        my_unread_count: conversation.unread_by_agent(mark),
    }))
}

/// Read the history
///
/// With notes. Without a parameter the newest messages; reading does not mark anything read.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/messages/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id"), HistoryParams), responses(
    (status = 200, description = "A part of the history", body = HistoryResponse),
    CommonProblems, QueryProblems, StaffProblems, NotFoundProblem
))]
#[get("/api/admin/chat-rooms/{id}/messages")]
pub async fn list_conversation_messages(
    auth: StaffAuth,
    id: web::Path<String>,
    params: web::Query<HistoryParams>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    Ok(HttpResponse::Ok().json(read_history(&state, auth.viewer(), id, &params).await?))
}

/// Edit a message
///
/// An own one, or any by an admin.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/messages/{message_id}/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id"), ("message_id" = Uuid, Path, description = "The message")),
    request_body = EditMessageRequest, responses(
    (status = 200, description = "The message as it is now", body = MessageResponse),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[patch("/api/admin/chat-rooms/{id}/messages/{message_id}")]
pub async fn edit_conversation_message(
    auth: StaffAuth,
    ids: web::Path<(String, String)>,
    body: Body<EditMessageRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (id, message) = (PathId::parse(&ids.0, "conversation")?, PathId::parse(&ids.1, "message")?);
    let mut fields = Fields::new();
    let text = fields.parsed("message", MessageText::parse(&body.0.message));
    let text = fields.take(text)?;
    Ok(changed(&state.conversations.edit_message(auth.actor(), id, message, text).await?, &state))
}

/// Delete a message
///
/// An own one, or any by an admin. It keeps its place, without its content.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/messages/{message_id}/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id"), ("message_id" = Uuid, Path, description = "The message")), responses(
    (status = 204, description = "Deleted"),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[delete("/api/admin/chat-rooms/{id}/messages/{message_id}")]
pub async fn delete_conversation_message(auth: StaffAuth, ids: web::Path<(String, String)>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (id, message) = (PathId::parse(&ids.0, "conversation")?, PathId::parse(&ids.1, "message")?);
    state.conversations.delete_message(auth.actor(), id, message).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// React to a message
///
/// Our side has one sign on each message; another emoji replaces it, "" takes it away.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/messages/{message_id}/reaction/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id"), ("message_id" = Uuid, Path, description = "The message")),
    request_body = ReactionRequest, responses(
    (status = 200, description = "The message as it is now", body = MessageResponse),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[post("/api/admin/chat-rooms/{id}/messages/{message_id}/reaction")]
pub async fn react_to_message(
    auth: StaffAuth,
    ids: web::Path<(String, String)>,
    body: Body<ReactionRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (id, message) = (PathId::parse(&ids.0, "conversation")?, PathId::parse(&ids.1, "message")?);
    Ok(changed(&state.conversations.react(auth.actor(), id, message, body.0.parse()?).await?, &state))
}

/// Decide about an offer or appointment
///
/// Accept, decline, counter, confirm or reschedule what the customer proposed, or withdraw an own one. Of two who decide at the same moment
/// one gets 409.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/messages/{message_id}/action/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id"), ("message_id" = Uuid, Path, description = "The offer or appointment")),
    request_body = AgentActionRequest, responses(
    (status = 200, description = "The message as it is now", body = MessageResponse),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[post("/api/admin/chat-rooms/{id}/messages/{message_id}/action")]
pub async fn act_on_message(
    auth: StaffAuth,
    ids: web::Path<(String, String)>,
    body: Body<AgentActionRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (id, message) = (PathId::parse(&ids.0, "conversation")?, PathId::parse(&ids.1, "message")?);
    Ok(changed(
        &state.conversations.move_proposal(auth.actor(), id, message, body.0.parse()?).await?,
        &state,
    ))
}
