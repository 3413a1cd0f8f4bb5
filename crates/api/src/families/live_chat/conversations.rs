use super::shape::{LiveConversation, window};
use crate::extract::{Fields, StaffAuth};
use crate::families::shared::{CommonProblems, QueryProblems, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many conversations a page has unless asked otherwise.
const LIMIT: usize = 50;

/// Which conversations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LiveConversationsParams {
    /// Those of one number of ours only.
    #[param(nullable = false, example = "830000000000001")]
    phone_number_id: Option<String>,
    /// How many, 1–500; 50 without it.
    #[param(value_type = Option<u32>, nullable = false, minimum = 1, maximum = 500)]
    limit: Option<String>,
    /// How many to leave out first, 0–10,000.
    #[param(value_type = Option<u32>, nullable = false, minimum = 0, maximum = 10_000)]
    offset: Option<String>,
}

/// Conversations, newest activity first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LiveConversations {
    /// They.
    pub conversations: Vec<LiveConversation>,
}

/// List conversations on WhatsApp
///
/// Newest activity first. Conversations without a message are in no list.
#[utoipa::path(path = "/api/live-chat/conversations", tag = "WhatsApp", security(("staff" = [])), params(LiveConversationsParams), responses(
    (status = 200, description = "A page", body = LiveConversations),
    QueryProblems, StaffProblems, CommonProblems))]
#[get("/api/live-chat/conversations")]
pub async fn list_live_conversations(
    auth: StaffAuth,
    params: web::Query<LiveConversationsParams>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::new();
    let (offset, limit) = window(&mut fields, params.offset.as_deref(), params.limit.as_deref(), LIMIT);
    fields.finish()?;
    let number = params.phone_number_id.as_deref().map(str::trim).filter(|number| !number.is_empty());
    let found = state.reader.on_whatsapp(auth.0.workspace_id, number, offset, limit).await?;
    let conversations = found.iter().filter_map(LiveConversation::new).collect();
    Ok(HttpResponse::Ok().json(LiveConversations { conversations }))
}
