use crate::extract::{Body, OptionalBody, PathId, RoomAuth};
use crate::families::shared::{
    ActionRequest, BodyProblems, CommonProblems, ConflictProblem, HistoryParams, HistoryResponse, MarkReadRequest, MessageResponse, NotFoundProblem,
    QueryProblems, RightProblem, SendRequest, created_or_repeated, read_history,
};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use parlor_domain::conversation::Audience;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// STEP 3: send a message as the customer
///
/// Repeat it with the same `client_id` (or `Idempotency-Key`) when no answer came: it is stored once. An unknown room is 404, never a new room.
/// With `type` and `payload` it is an offer or an appointment, which the other side decides about. Files are uploaded before, with
/// `POST /api/attachments/`.
#[utoipa::path(path = "/api/public/chat-rooms/{id}/send_message/", tag = "Rooms", security(()), request_body = SendRequest,
    params(
        ("id" = Uuid, Path, description = "The room key"),
        ("Idempotency-Key" = Option<String>, Header, description = "The client id, if the body has none", nullable = false),
    ),
    responses(
        (status = 201, description = "Stored", body = MessageResponse),
        (status = 200, description = "Stored before, under this client id", body = MessageResponse),
        BodyProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/public/chat-rooms/{id}/send_message")]
pub async fn send_room_message(http: HttpRequest, room: RoomAuth, request: Body<SendRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let draft = request.0.parse(Some(&http), Audience::Public)?;
    let sent = draft.send(&state, room.actor, room.conversation.id).await?;
    Ok(created_or_repeated(&sent, Audience::Public, &state.links))
}

/// Read a room's messages
///
/// Polling clients ask with `changed_after` and go on from `head_rev`. Does not mark anything read.
#[utoipa::path(path = "/api/public/chat-rooms/{id}/get_messages/", tag = "Rooms", security(()),
    params(("id" = Uuid, Path, description = "The room key"), HistoryParams),
    responses((status = 200, description = "Messages, by place rising; with `changed_after` by `rev`", body = HistoryResponse), QueryProblems, NotFoundProblem, CommonProblems))]
#[get("/api/public/chat-rooms/{id}/get_messages")]
pub async fn get_room_messages(room: RoomAuth, params: web::Query<HistoryParams>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(read_history(&state, room.viewer(), room.conversation.id, &params).await?))
}

/// What the customer has not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnreadResponse {
    /// Messages of our side that the customer has not read.
    #[schema(example = 0)]
    pub unread_count: i64,
}

/// Mark a room as read by the customer
///
/// Up to a place, or without one everything. A mark never goes back.
#[utoipa::path(path = "/api/public/chat-rooms/{id}/mark_as_read/", tag = "Rooms", security(()), request_body = Option<MarkReadRequest>,
    params(("id" = Uuid, Path, description = "The room key")),
    responses((status = 200, description = "What is left", body = UnreadResponse), BodyProblems, NotFoundProblem, CommonProblems))]
#[post("/api/public/chat-rooms/{id}/mark_as_read")]
pub async fn mark_room_as_read(room: RoomAuth, request: OptionalBody<MarkReadRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let up_to = request.0.up_to_seq;
    if up_to.is_some_and(|seq| seq < 0) {
        return Err(Problem::field("up_to_seq", "must not be negative"));
    }
    let conversation = state.conversations.mark_read(room.actor, room.conversation.id, up_to).await?;
    Ok(HttpResponse::Ok().json(UnreadResponse {
        unread_count: conversation.unread_by_visitor(),
    }))
}

/// Delete an own message
///
/// It keeps its place and loses its content, for both sides. A second time changes nothing.
#[utoipa::path(path = "/api/public/chat-rooms/{id}/messages/{message_id}/", tag = "Rooms", security(()),
    params(("id" = Uuid, Path, description = "The room key"), ("message_id" = Uuid, Path, description = "The message")),
    responses((status = 204, description = "Deleted"), RightProblem, NotFoundProblem, CommonProblems))]
#[delete("/api/public/chat-rooms/{id}/messages/{message_id}")]
pub async fn delete_own_message(room: RoomAuth, path: web::Path<(String, String)>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let message = PathId::parse(&path.1, "message")?;
    state.conversations.delete_message(room.actor, room.conversation.id, message).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Decide about an offer or appointment
///
/// Accept, decline, counter, confirm or reschedule what our side proposed, or withdraw an own one. Of two who decide at the same moment one
/// gets 409.
#[utoipa::path(path = "/api/public/chat-rooms/{id}/messages/{message_id}/action/", tag = "Rooms", security(()), request_body = ActionRequest,
    params(("id" = Uuid, Path, description = "The room key"), ("message_id" = Uuid, Path, description = "The offer or appointment")),
    responses((status = 200, description = "The message as it is now", body = MessageResponse),
        BodyProblems, RightProblem, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/public/chat-rooms/{id}/messages/{message_id}/action")]
pub async fn act_on_own_message(
    room: RoomAuth,
    path: web::Path<(String, String)>,
    request: Body<ActionRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let message = PathId::parse(&path.1, "message")?;
    let action = request.0.parse()?;
    let sent = state.conversations.move_proposal(room.actor, room.conversation.id, message, action).await?;
    Ok(HttpResponse::Ok().json(MessageResponse::new(&sent.message, &sent.conversation, Audience::Public, &state.links)))
}
