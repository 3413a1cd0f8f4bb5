use super::{MessageShape, own_conversation};
use crate::extract::{Fields, PartyAuth, limit};
use crate::families::shared::{CommonProblems, NotFoundProblem, QueryProblems, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::http::header::LINK;
use actix_web::{HttpResponse, get, web};
use parlor_domain::message::HistoryWindow;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which part of which conversation.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct MarketplaceHistoryParams {
    /// The conversation's id.
    #[serde(default)]
    #[param(required = true, nullable = false, example = "conv_123", max_length = 200)]
    conversation_id: Option<String>,
    /// What stands before place n, the nearest; without it the newest.
    #[param(nullable = false, minimum = 0, example = 31)]
    before_seq: Option<i64>,
    /// How many, 1–100; 50 without it.
    #[param(nullable = false, minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Read the messages of a conversation
///
/// Also those before the newest 100, which go with the conversation. Oldest first; does not mark anything read.
#[utoipa::path(path = "/api/conversations/messages", tag = "Marketplace", security(("visitor" = []), ("seller" = [])), params(MarketplaceHistoryParams),
    responses(
        (status = 200, description = "A page", body = Vec<MessageShape>,
            headers(("Link" = Option<String>, description = "Where the messages before these are, as `<…>; rel=\"next\"`"))),
        QueryProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[get("/api/conversations/messages")]
pub async fn list_marketplace_messages(
    auth: PartyAuth,
    params: web::Query<MarketplaceHistoryParams>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let params = params.into_inner();
    let mut fields = Fields::new();
    let limit = limit(&mut fields, params.limit);
    if params.before_seq.is_some_and(|seq| seq < 0) {
        fields.wrong("beforeSeq", "must not be negative");
    }
    fields.finish()?;
    let id = params.conversation_id.unwrap_or_default();
    let conversation = own_conversation(&state, &auth, &id).await?;
    let window = params.before_seq.map_or(HistoryWindow::Newest, HistoryWindow::Before);
    let history = state.reader.history(auth.0.viewer(), conversation.id, window, limit).await?;
    let messages: Vec<_> = history
        .page
        .messages
        .iter()
        .map(|message| MessageShape::new(message, &history.conversation, &state.links))
        .collect();
    let mut response = HttpResponse::Ok();
    if let (Some(_), Some(first)) = (history.page.next, messages.first()) {
        // Clients choose any characters for their ids.
        let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let next = format!(
            "</api/conversations/messages?conversationId={id}&beforeSeq={}&limit={}>; rel=\"next\"",
            first.seq,
            limit.get()
        );
        response.insert_header((LINK, next));
    }
    Ok(response.json(messages))
}
