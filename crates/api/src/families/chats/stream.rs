use super::Envelope;
use super::ask::{AskBody, AskRequest, ask, visitor};
use super::follow::{Follower, broke_up};
use super::sessions::{EndSessionRequest, SessionOwnerParams};
use super::ui_message_stream::{AnswerStream, LastEvent};
use crate::extract::{Body, OptionalBody, VisitorAuth};
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, NotFoundProblem, QueryProblems, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use parlor_domain::conversation::Conversation;
use parlor_domain::message::{HistoryWindow, SenderKind};
use parlor_domain::page::Limit;
use parlor_domain::session::SessionError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Ask the assistant, and read its answer as it is written
///
/// STEP 3. The question is stored before the first byte, whatever happens to the stream. The events are those of the AI SDK's UI message
/// stream, version 1, so `useChat` reads it without an adapter: `start` with the id under which the answer is stored, `text-start`,
/// `text-delta`, `text-end`, `source-url` for each article it rests on, then `finish`, `abort` or `error`, and `[DONE]`. Comment lines keep the
/// connection open. The same `client_id` again follows the running answer or replays the stored one; it is never asked twice. Who goes away
/// may come back at `…/{session_id}/stream/`; the answer is written and stored all the same.
#[utoipa::path(path = "/api/chats/messages/chat/stream/", tag = "Messages", security((), ("visitor" = [])),
    request_body(content = AskBody, description = "The question; from the AI SDK with the visitor key as `Authorization: Bearer`"),
    params(("Idempotency-Key" = Option<String>, Header, description = "The client id, if the body has none", nullable = false)),
    responses(
        (status = 200, description = "The answer, as server-sent events", content_type = "text/event-stream", body = String,
            headers(("x-vercel-ai-ui-message-stream" = String, description = "`v1`")), example = json!(EXAMPLE)),
        BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/chats/messages/chat/stream")]
pub async fn stream_answer(http: HttpRequest, request: Body<AskRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let asked = ask(&http, &state, request.0).await?;
    let follower = Follower::of_sent(&state, &asked.sent);
    Ok(AnswerStream::of_question(&state, follower).into_response())
}

/// A stream, for the document.
const EXAMPLE: &str = "id: 018f6a3e-5b1c-7000-8000-0000000000d2:0\n\
    data: {\"type\":\"start\",\"messageId\":\"018f6a3e-5b1c-7000-8000-0000000000d2\",\"messageMetadata\":{\"user_message_id\":\"018f6a3e-5b1c-7000-8000-0000000000d1\",\"user_seq\":7}}\n\n\
    id: 018f6a3e-5b1c-7000-8000-0000000000d2:1\ndata: {\"type\":\"text-start\",\"id\":\"t0\"}\n\n\
    id: 018f6a3e-5b1c-7000-8000-0000000000d2:2\ndata: {\"type\":\"text-delta\",\"id\":\"t0\",\"delta\":\"Refunds take three to five days.\"}\n\n\
    id: 018f6a3e-5b1c-7000-8000-0000000000d2:3\ndata: {\"type\":\"text-end\",\"id\":\"t0\"}\n\n\
    id: 018f6a3e-5b1c-7000-8000-0000000000d2:4\n\
    data: {\"type\":\"source-url\",\"sourceId\":\"018f6a3e-5b1c-7000-8000-0000000000a9\",\"url\":\"/help/refunds\",\"title\":\"Refunds\"}\n\n\
    id: 018f6a3e-5b1c-7000-8000-0000000000d2:5\ndata: {\"type\":\"finish\",\"finishReason\":\"stop\",\"messageMetadata\":{\"seq\":8}}\n\n\
    data: [DONE]\n\n";

/// Where a reader left off.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct LastEventHeader {
    /// `id` of the last event that the client has: only what follows is sent. Without it, or of another answer, from the start.
    #[serde(rename = "Last-Event-ID")]
    #[param(nullable = false, example = "018f6a3e-5b1c-7000-8000-0000000000d2:2")]
    pub last_event_id: Option<String>,
}

/// Come back to an answer
///
/// The answer that is being written, or was until a minute ago, from its start; with `Last-Event-ID` only what follows.
#[utoipa::path(path = "/api/chats/messages/chat/{session_id}/stream/", tag = "Messages", security((), ("visitor" = [])),
    params(("session_id" = Uuid, Path, description = "The session"), SessionOwnerParams, LastEventHeader),
    responses(
        (status = 200, description = "The answer, as server-sent events", content_type = "text/event-stream", body = String, example = json!(EXAMPLE)),
        (status = 204, description = "Nothing is being written"),
        QueryProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[get("/api/chats/messages/chat/{session_id}/stream")]
pub async fn resume_answer(
    http: HttpRequest,
    session: web::Path<String>,
    owner: web::Query<SessionOwnerParams>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    resume(&http, &state, &session, owner.visitor_id.as_deref()).await
}

/// Come back to an answer, as the AI SDK does
///
/// The same under the path that the SDK's default transport makes of the stream's own.
#[utoipa::path(path = "/api/chats/messages/chat/stream/{session_id}/stream/", tag = "Messages", security((), ("visitor" = [])),
    params(("session_id" = Uuid, Path, description = "The session"), SessionOwnerParams, LastEventHeader),
    responses(
        (status = 200, description = "The answer, as server-sent events", content_type = "text/event-stream", body = String, example = json!(EXAMPLE)),
        (status = 204, description = "Nothing is being written"),
        QueryProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[get("/api/chats/messages/chat/stream/{session_id}/stream")]
pub async fn resume_answer_of_sdk(
    http: HttpRequest,
    session: web::Path<String>,
    owner: web::Query<SessionOwnerParams>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    resume(&http, &state, &session, owner.visitor_id.as_deref()).await
}

async fn resume(http: &HttpRequest, state: &web::Data<AppState>, session: &str, named: Option<&str>) -> Result<HttpResponse, Problem> {
    let (auth, conversation) = own_conversation(http, state, session, named).await?;
    let live = state.assistant.live();
    let last = http
        .headers()
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(LastEvent::parse);
    if let Some(answer) = live.running(conversation.id) {
        return Ok(AnswerStream::of_answer(state, answer, last).into_response());
    }
    if conversation.answer_id.is_some() {
        // Not begun yet, or written on another node.
        let history = state.reader.history(auth.viewer(), conversation.id, HistoryWindow::Newest, Limit::MAX).await?;
        let question = history
            .page
            .messages
            .into_iter()
            .rev()
            .find(|message| message.sender.kind == SenderKind::Visitor);
        if let Some(question) = question {
            let follower = Follower::of_question(state, Arc::new(question));
            return Ok(AnswerStream::of_question(state, follower).into_response());
        }
    }
    Ok(match live.find(conversation.id).filter(|answer| !broke_up(answer)) {
        Some(answer) => AnswerStream::of_answer(state, answer, last).into_response(),
        None => HttpResponse::NoContent().finish(),
    })
}

async fn own_conversation(http: &HttpRequest, state: &AppState, session: &str, named: Option<&str>) -> Result<(VisitorAuth, Conversation), Problem> {
    let visitor = visitor(http, state, named).await?.visitor;
    let session = session.trim().parse().map_err(|_| SessionError::NotFound)?;
    let (_, conversation) = state.sessions.of_visitor(&visitor, session).await?;
    Ok((VisitorAuth(visitor), conversation))
}

/// Whether there was something to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppedResponse {
    /// Whether an answer was being written.
    #[schema(example = true)]
    pub stopped: bool,
}

/// Stop the answer that is being written
///
/// What was said so far is stored. Its streams end with `abort`.
#[utoipa::path(path = "/api/chats/messages/chat/{session_id}/stop/", tag = "Messages", security((), ("visitor" = [])), request_body = Option<EndSessionRequest>,
    params(("session_id" = Uuid, Path, description = "The session"), SessionOwnerParams),
    responses((status = 200, description = "Whether there was one", body = Envelope<StoppedResponse>), BodyProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[post("/api/chats/messages/chat/{session_id}/stop")]
pub async fn stop_answer(
    http: HttpRequest,
    session: web::Path<String>,
    owner: web::Query<SessionOwnerParams>,
    request: OptionalBody<EndSessionRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let named = request.0.visitor_id.as_deref().or(owner.visitor_id.as_deref());
    let (_, conversation) = own_conversation(&http, &state, &session, named).await?;
    let stopped = state.assistant.stop(&conversation).await?;
    Ok(HttpResponse::Ok().json(Envelope::new(StoppedResponse { stopped })))
}
