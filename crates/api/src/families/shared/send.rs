//! Sending a message, the same over all doors.

use super::message::MessageResponse;
use crate::extract::{Fields, idempotency_text};
use crate::problem::Problem;
use actix_web::{HttpRequest, HttpResponse};
use parlor_domain::conversation::{Audience, Sent};
use parlor_domain::id::MessageId;
use parlor_domain::text::{ClientId, MessageText};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a client says. Unknown fields are ignored, since old frontends send more.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SendRequest {
    /// The text, 1–10,000 characters.
    #[schema(example = "Is it still available?", min_length = 1, max_length = 10_000)]
    pub message: String,
    /// The client's own id of the message, unique for ever per conversation and author: the same again is stored once. The header `Idempotency-Key` does the same.
    #[serde(default)]
    #[schema(example = "w-1763629200123-1", max_length = 64)]
    pub client_id: Option<String>,
    /// `text` and nothing else for now.
    #[serde(default, rename = "type")]
    #[schema(example = "text")]
    pub kind: Option<String>,
    /// Content of a structured type; none for `text`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub payload: Option<serde_json::Value>,
    /// Uploaded files.
    #[serde(default)]
    pub attachment_ids: Option<Vec<String>>,
    /// A message of the same conversation.
    #[serde(default)]
    pub reply_to: Option<Uuid>,
}

/// What was parsed of it.
#[derive(Debug, Clone)]
pub struct ParsedSend {
    /// The text.
    pub text: MessageText,
    /// The client's own id.
    pub client_id: Option<ClientId>,
    /// The message that is answered.
    pub reply_to: Option<MessageId>,
}

impl SendRequest {
    /// Checks it, with the `Idempotency-Key` of the request if the body has no client id.
    ///
    /// # Errors
    /// A problem that names the fields.
    pub fn parse(self, request: Option<&HttpRequest>) -> Result<ParsedSend, Problem> {
        let mut fields = Fields::new();
        let text = fields.parsed("message", MessageText::parse(&self.message));
        let header = request.map(idempotency_text).transpose()?.flatten();
        let client_id = match (self.client_id.as_deref(), header) {
            (Some(id), _) => fields.parsed("client_id", ClientId::parse(id)),
            (None, Some(key)) => fields.parsed("Idempotency-Key", ClientId::parse(key)),
            (None, None) => None,
        };
        if let Some(kind) = self.kind.as_deref()
            && kind != "text"
        {
            fields.wrong("type", "must be text");
        }
        if self.payload.is_some() {
            fields.wrong("payload", "must be left out for type text");
        }
        if self.attachment_ids.is_some_and(|ids| !ids.is_empty()) {
            fields.wrong("attachment_ids", "name no uploaded files");
        }
        let reply_to = self.reply_to.map(MessageId);
        let text = fields.take(text)?;
        Ok(ParsedSend { text, client_id, reply_to })
    }
}

/// A `reply_to` that came as text.
pub fn parse_reply_to(fields: &mut Fields, raw: Option<&str>) -> Option<MessageId> {
    raw.and_then(|text| fields.parsed("reply_to", text.parse::<MessageId>().map_err(|_| "must be a message id")))
}

/// 201 with the message, or 200 if it was stored before under the same client id.
#[must_use]
pub fn created_or_repeated(sent: &Sent, audience: Audience) -> HttpResponse {
    let body = MessageResponse::new(&sent.message, &sent.conversation, audience);
    if sent.repeated {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::Created().json(body)
    }
}

/// Up to where the caller's side has read.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct MarkReadRequest {
    /// A place; without it everything.
    #[serde(default)]
    #[schema(example = 39, minimum = 0)]
    pub up_to_seq: Option<i64>,
}
