use super::{OpenChat, SendStoredMessageRequest};
use crate::extract::{Body, ClientAddress, Fields, idempotency_text};
use crate::families::chats::Envelope;
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, NotFoundProblem, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, post, web};
use parlor_domain::text::ClientId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A message that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredMessageResponse {
    /// The message.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000c9")]
    pub message_id: Uuid,
    /// The chat, as the path calls it.
    #[schema(example = "chat-5f0c2a9e71b84d36")]
    pub chat_id: String,
    /// The message's place.
    #[schema(example = 3)]
    pub seq: i64,
    /// The key of a visitor that was made with the chat. Told only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub visitor_id: Option<Uuid>,
}

/// Store a message
///
/// An unknown chat id of at least 16 characters makes a chat: for the visitor that `visitor_id` proves, else for a new visitor, whose key is in
/// the answer. Without the visitor's proof, and for the role `assistant` always, the message is kept as reported by the browser.
/// Repeat it with the same `client_id` (or `Idempotency-Key`) when no answer came: it is stored once.
#[utoipa::path(path = "/api/users/chats/{chat_id}/send/", tag = "Stored chats", security((), ("visitor" = [])), request_body = SendStoredMessageRequest,
    params(
        ("chat_id" = String, Path, description = "What the widget calls its chat, 1–200 characters; or the chat's room key", min_length = 1, max_length = 200),
        ("channel" = Option<Uuid>, Query, description = "The channel a new chat comes in by", nullable = false),
        ("X-Parlor-Channel" = Option<Uuid>, Header, description = "The same as header", nullable = false),
        ("Idempotency-Key" = Option<String>, Header, description = "The client id, if the body has none", nullable = false),
    ),
    responses(
        (status = 201, description = "Stored", body = Envelope<StoredMessageResponse>),
        (status = 200, description = "Stored before, under this client id", body = Envelope<StoredMessageResponse>),
        BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/users/chats/{chat_id}/send")]
pub async fn send_stored_message(
    http: HttpRequest,
    address: ClientAddress,
    chat_id: web::Path<String>,
    request: Body<SendStoredMessageRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    store_message(&http, address, &chat_id, &request.0, &state).await
}

/// Store a message, on the path of old widgets
///
/// The same as `POST /api/users/chats/{chat_id}/send/`.
#[utoipa::path(path = "/api/chats/{chat_id}/send/", tag = "Stored chats", security((), ("visitor" = [])), request_body = SendStoredMessageRequest,
    params(
        ("chat_id" = String, Path, description = "What the widget calls its chat, 1–200 characters; or the chat's room key", min_length = 1, max_length = 200),
        ("channel" = Option<Uuid>, Query, description = "The channel a new chat comes in by", nullable = false),
        ("X-Parlor-Channel" = Option<Uuid>, Header, description = "The same as header", nullable = false),
        ("Idempotency-Key" = Option<String>, Header, description = "The client id, if the body has none", nullable = false),
    ),
    responses(
        (status = 201, description = "Stored", body = Envelope<StoredMessageResponse>),
        (status = 200, description = "Stored before, under this client id", body = Envelope<StoredMessageResponse>),
        BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/chats/{chat_id}/send")]
pub async fn send_stored_message_by_old_path(
    http: HttpRequest,
    address: ClientAddress,
    chat_id: web::Path<String>,
    request: Body<SendStoredMessageRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    store_message(&http, address, &chat_id, &request.0, &state).await
}

async fn store_message(
    http: &HttpRequest,
    address: ClientAddress,
    chat_id: &str,
    request: &SendStoredMessageRequest,
    state: &AppState,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::new();
    let told = request.parse(&mut fields, "");
    let by_header = idempotency_text(http)?
        .filter(|_| request.client_id.is_none())
        .and_then(|key| fields.parsed("Idempotency-Key", ClientId::parse(key)));
    let mut told = fields.take(told)?;
    told.client_id = told.client_id.or(by_header);
    let side = told.side;
    let open = OpenChat::of(http, state, address, chat_id, request.visitor_id.as_deref(), request.channel.as_deref()).await?;
    let sent = state.conversations.tell(&open.chat.conversation, open.visitor.as_deref(), told).await?;
    let body = Envelope::new(StoredMessageResponse {
        message_id: sent.message.id.0,
        chat_id: open.name.as_str().to_owned(),
        seq: sent.message.seq,
        visitor_id: open.new_key(),
    });
    if sent.repeated {
        return Ok(HttpResponse::Ok().json(body));
    }
    open.log_saved(side);
    Ok(HttpResponse::Created().json(body))
}
