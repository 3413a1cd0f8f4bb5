use super::{ConversationShape, MessageShape, StoredMessageShape, id_of, own_conversation, reference_of};
use crate::extract::{Body, Fields, PartyAuth};
use crate::families::shared::{ActionRequest, ActionWord, BodyProblems, CommonProblems, ConflictProblem, MomentValue, NotFoundProblem, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, post, web};
use parlor_domain::conversation::Conversation;
use parlor_domain::text::Line;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;

/// Which conversation. Other fields are ignored.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadConversationRequest {
    /// Its id.
    #[schema(example = "conv_123", max_length = 200)]
    pub conversation_id: String,
}

/// Who has read everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadConversationResponse {
    /// Where.
    #[schema(example = "conv_123")]
    pub conversation_id: String,
    /// Whether the seller has.
    #[schema(example = true)]
    pub is_read_by_seller: bool,
    /// Whether the customer has.
    #[schema(example = true)]
    pub is_read_by_customer: bool,
}

/// Mark a conversation as read
///
/// The caller's side has read everything.
#[utoipa::path(path = "/api/conversations/read", tag = "Marketplace", security(("visitor" = []), ("seller" = [])), request_body = ReadConversationRequest,
    responses((status = 200, description = "Who has read everything", body = ReadConversationResponse),
        BodyProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[post("/api/conversations/read")]
pub async fn mark_marketplace_conversation_read(
    auth: PartyAuth,
    request: Body<ReadConversationRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let conversation = own_conversation(&state, &auth, &request.0.conversation_id).await?;
    let conversation = state.conversations.mark_read(auth.0.actor(), conversation.id, None).await?;
    let shape = ConversationShape::new(&conversation, None);
    Ok(HttpResponse::Ok().json(ReadConversationResponse {
        conversation_id: id_of(&conversation),
        is_read_by_seller: shape.is_read_by_seller,
        is_read_by_customer: shape.is_read_by_customer,
    }))
}

/// Which conversation is flagged, and why. Other fields are ignored.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlagConversationRequest {
    /// Its id.
    #[schema(example = "conv_123", max_length = 200)]
    pub conversation_id: String,
    /// Why.
    #[serde(default)]
    #[schema(example = "Asks for a deposit by mail", max_length = 500)]
    pub reason: Option<String>,
}

/// Flag a conversation
///
/// For the workspace's agents to see, who take the flag down again.
#[utoipa::path(path = "/api/conversations/flag", tag = "Marketplace", security(("visitor" = []), ("seller" = [])), request_body = FlagConversationRequest,
    responses((status = 200, description = "The conversation as it is now", body = ConversationShape),
        BodyProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[post("/api/conversations/flag")]
pub async fn flag_marketplace_conversation(
    auth: PartyAuth,
    request: Body<FlagConversationRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::new();
    let reason = fields.optional("reason", request.0.reason.as_deref(), Line::parse);
    fields.finish()?;
    let conversation = own_conversation(&state, &auth, &request.0.conversation_id).await?;
    let conversation = state.conversations.marketplace_flag(&auth.0, conversation.id, reason).await?;
    let now = state.conversations.with_newest(Conversation::clone(&conversation)).await?;
    let newest = MessageShape::all(&now.messages, &now.conversation, &state.links);
    Ok(HttpResponse::Ok().json(ConversationShape::new(&now.conversation, Some(newest)).for_side(&now.conversation, auth.0.side())))
}

/// How a call names a message, for the document.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum MessageName {
    /// The number that its author's client made, or ours.
    Number(f64),
    /// The `messageId`, which is never ambiguous.
    Id(String),
}

/// What shall be done to which offer or test drive. Other fields are ignored.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarketplaceActionRequest {
    /// Where.
    #[schema(example = "conv_123", max_length = 200)]
    pub conversation_id: String,
    /// The message's number, or its UUID.
    #[schema(value_type = MessageName, example = 1_763_629_200_123_i64)]
    pub message_id: Value,
    /// What to do.
    #[schema(example = "accept")]
    pub action: ActionWord,
    /// With `counter`: the other price.
    #[serde(default)]
    #[schema(value_type = Option<f64>, example = 18_500, minimum = 0)]
    pub offer_price: Option<Number>,
    /// With `reschedule`: the other time, as RFC 3339 or Unix milliseconds.
    #[serde(default)]
    #[schema(example = "2026-11-24T14:00:00.000Z")]
    pub starts_at: Option<MomentValue>,
}

/// Decide about an offer or a test drive
///
/// Only the other side accepts, declines, counters, confirms or reschedules it, only its author withdraws it. A counter-offer or another time
/// is a new message behind it. Of two who decide at the same moment one gets 409.
#[utoipa::path(path = "/api/conversations/actions", tag = "Marketplace", security(("visitor" = []), ("seller" = [])), request_body = MarketplaceActionRequest,
    responses((status = 200, description = "The message as it is now, with its conversation", body = StoredMessageShape),
        BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/conversations/actions")]
pub async fn act_on_marketplace_message(auth: PartyAuth, request: Body<MarketplaceActionRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let request = request.0;
    let named = reference_of(&request.message_id).ok_or_else(|| Problem::field("messageId", "must be the number or the UUID of a message"))?;
    let action = ActionRequest {
        action: request.action,
        offer_price: request.offer_price,
        starts_at: request.starts_at,
    };
    let action = action.parse()?;
    let conversation = own_conversation(&state, &auth, &request.conversation_id).await?;
    let sent = state.conversations.marketplace_move(auth.0.actor(), &conversation, &named, action).await?;
    Ok(HttpResponse::Ok().json(StoredMessageShape::of(&state, &sent, auth.0.side()).await?))
}
