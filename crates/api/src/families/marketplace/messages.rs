use super::{ConversationShape, MessageBody, MessageShape, id_of, own_conversation};
use crate::extract::{Body, Fields, PartyAuth, idempotency_text};
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, NotFoundProblem, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, put, web};
use parlor_domain::conversation::{Conversation, Sent};
use parlor_domain::message::Side;
use parlor_domain::text::ClientId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A message for a conversation. Other fields are ignored.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendMarketplaceMessageRequest {
    /// Where to.
    #[schema(example = "conv_123", max_length = 200)]
    pub conversation_id: String,
    /// What.
    #[schema(value_type = MessageBody)]
    pub message: Value,
}

/// A message with its conversation, as in the socket's event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoredMessageShape {
    /// Where.
    #[schema(example = "conv_123")]
    pub conversation_id: String,
    /// Number of the message's latest change.
    #[schema(example = 45)]
    pub rev: i64,
    /// The message.
    pub message: MessageShape,
    /// The conversation after it.
    pub conversation: ConversationShape,
}

impl StoredMessageShape {
    /// A message that was sent or changed, with its conversation's newest ones.
    pub(super) async fn of(state: &AppState, sent: &Sent, side: Side) -> Result<Self, Problem> {
        let links = &state.links;
        let now = state.conversations.with_newest(Conversation::clone(&sent.conversation)).await?;
        let newest = MessageShape::all(&now.messages, &now.conversation, links);
        Ok(Self {
            conversation_id: id_of(&sent.conversation),
            rev: sent.message.rev.unwrap_or(sent.conversation.rev),
            message: MessageShape::new(&sent.message, &sent.conversation, links),
            conversation: ConversationShape::new(&now.conversation, Some(newest)).for_side(&now.conversation, side),
        })
    }
}

/// Send a message
///
/// Words, an offer or a test drive. Repeat it with the same `id` (or `Idempotency-Key`) when no answer came: it is stored once. The author's
/// side has read everything with it.
#[utoipa::path(path = "/api/conversations", tag = "Marketplace", security(("visitor" = []), ("seller" = [])), request_body = SendMarketplaceMessageRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The client id, if the message has no `id`", nullable = false)),
    responses(
        (status = 201, description = "Stored", body = StoredMessageShape),
        (status = 200, description = "Stored before, under this id", body = StoredMessageShape),
        BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[put("/api/conversations")]
pub async fn send_marketplace_message(
    http: HttpRequest,
    auth: PartyAuth,
    request: Body<SendMarketplaceMessageRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let SendMarketplaceMessageRequest { conversation_id, message } = request.0;
    let body = MessageBody::read(&message).ok_or_else(|| Problem::field("message", "must be a JSON object"))?;
    let mut message = body.parse(auth.0.side(), "message.")?;
    if message.client_id.is_none() {
        let mut fields = Fields::new();
        let key = idempotency_text(&http)?.and_then(|key| fields.parsed("Idempotency-Key", ClientId::parse(key)));
        fields.finish()?;
        message.client_id = key;
    }
    let conversation = own_conversation(&state, &auth, &conversation_id).await?;
    let sent = state.conversations.send_message(auth.0.actor(), conversation.id, message).await?;
    let shape = StoredMessageShape::of(&state, &sent, auth.0.side()).await?;
    Ok(if sent.repeated {
        HttpResponse::Ok().json(shape)
    } else {
        HttpResponse::Created().json(shape)
    })
}
