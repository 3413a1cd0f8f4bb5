use super::shape::{LiveMessage, parse_number, thread_of, window};
use crate::extract::{Fields, StaffAuth};
use crate::families::shared::{CommonProblems, NotFoundProblem, QueryProblems, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// How many messages a page has unless asked otherwise.
const LIMIT: usize = 100;

/// Which messages.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LiveMessagesParams {
    /// The number of the conversation.
    #[param(value_type = i64, required = true, nullable = false, minimum = 0, example = 17)]
    conversation_id: Option<String>,
    /// How many, 1–500; 100 without it.
    #[param(value_type = Option<u32>, nullable = false, minimum = 1, maximum = 500)]
    limit: Option<String>,
    /// How many of the newest to leave out, 0–10,000.
    #[param(value_type = Option<u32>, nullable = false, minimum = 0, maximum = 10_000)]
    offset: Option<String>,
}

/// Messages, oldest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LiveMessages {
    /// They.
    pub messages: Vec<LiveMessage>,
}

/// Read messages
///
/// The newest, oldest first among them; notes and lines of the server are left out. Marks all messages of the conversation read, except
/// for an API key that may only read.
#[utoipa::path(path = "/api/live-chat/messages", tag = "WhatsApp", security(("staff" = [])), params(LiveMessagesParams), responses(
    (status = 200, description = "A page", body = LiveMessages),
    QueryProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[get("/api/live-chat/messages")]
pub async fn list_live_messages(auth: StaffAuth, params: web::Query<LiveMessagesParams>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::new();
    let (offset, limit) = window(&mut fields, params.offset.as_deref(), params.limit.as_deref(), LIMIT);
    let number = fields.required("conversation_id", params.conversation_id.as_deref(), parse_number);
    let number = fields.take(number)?;
    let mut conversation = Arc::new(state.reader.by_number(auth.0.workspace_id, number).await?);
    if auth.0.may_write() {
        conversation = state.conversations.mark_read(auth.actor(), conversation.id, None).await?;
    }
    let thread = thread_of(&conversation)?;
    let said = state.reader.said(conversation.id, offset, limit).await?;
    let messages = said
        .iter()
        .map(|message| LiveMessage::new(message, &conversation, thread, &state.links))
        .collect();
    Ok(HttpResponse::Ok().json(LiveMessages { messages }))
}
