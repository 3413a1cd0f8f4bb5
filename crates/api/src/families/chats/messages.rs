use super::Envelope;
use super::caller::ChatCaller;
use crate::families::shared::{CommonProblems, HistoryParams, HistoryResponse, NotFoundProblem, QueryProblems, StaffProblems, read_history};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Deserialize;
use utoipa::IntoParams;

/// Whose and which conversation.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChatMessagesParams {
    /// A session in the conversation.
    #[param(required = true, nullable = false, format = Uuid)]
    pub session_id: Option<String>,
    /// The visitor key, or the key as `Authorization: Bearer`.
    #[param(nullable = false, format = Uuid)]
    pub visitor_id: Option<String>,
}

/// Read the conversation of a session
///
/// The whole conversation, also what was said in earlier sessions. Does not mark anything read.
#[utoipa::path(path = "/api/chats/messages/", tag = "Messages", security((), ("visitor" = []), ("staff" = [])), params(ChatMessagesParams, HistoryParams), responses(
    (status = 200, description = "Messages, by place rising; with `changed_after` by `rev`", body = Envelope<HistoryResponse>),
    QueryProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[get("/api/chats/messages")]
pub async fn list_chat_messages(
    http: HttpRequest,
    which: web::Query<ChatMessagesParams>,
    params: web::Query<HistoryParams>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let caller = ChatCaller::of(&http, &state, which.visitor_id.as_deref()).await?;
    let session = which.session_id.as_deref().ok_or_else(|| Problem::field("session_id", "is required"))?;
    let (_, conversation) = caller.session(&state, session).await?;
    let history = read_history(&state, caller.viewer(), conversation.id, &params).await?;
    Ok(HttpResponse::Ok().json(Envelope::new(history)))
}
