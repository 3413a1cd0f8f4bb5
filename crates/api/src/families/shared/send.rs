//! Sending a message, the same over all doors.

use super::message::MessageResponse;
use super::proposal::parse_proposal;
use crate::extract::{Fields, idempotency_text};
use crate::problem::Problem;
use actix_web::{HttpRequest, HttpResponse};
use parlor_domain::conversation::{Audience, SendMessage, Sent};
use parlor_domain::id::MessageId;
use parlor_domain::message::Proposal;
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
    /// `text`, `offer` or `appointment`; `text` without it.
    #[serde(default, rename = "type")]
    #[schema(example = "text")]
    pub kind: Option<String>,
    /// Of an offer `{offerPrice?, expiresAt?}`, of an appointment `{startsAt?}`, each with fields of the client's own, at most 8 KiB; none for `text`.
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

impl SendRequest {
    /// Checks it, with the `Idempotency-Key` of the request if the body has no client id.
    ///
    /// # Errors
    /// A problem that names the fields.
    pub fn parse(self, request: Option<&HttpRequest>) -> Result<SendMessage, Problem> {
        let mut fields = Fields::new();
        let text = fields.parsed("message", MessageText::parse(&self.message));
        let header = request.map(idempotency_text).transpose()?.flatten();
        let client_id = match (self.client_id.as_deref(), header) {
            (Some(id), _) => fields.parsed("client_id", ClientId::parse(id)),
            (None, Some(key)) => fields.parsed("Idempotency-Key", ClientId::parse(key)),
            (None, None) => None,
        };
        let proposal = self.proposal(&mut fields);
        if self.attachment_ids.is_some_and(|ids| !ids.is_empty()) {
            fields.wrong("attachment_ids", "name no uploaded files");
        }
        let reply_to = self.reply_to.map(MessageId);
        let text = fields.take(text)?;
        Ok(SendMessage {
            proposal,
            reply_to,
            client_id,
            ..SendMessage::text(text)
        })
    }

    /// The offer or appointment that it is.
    fn proposal(&self, fields: &mut Fields) -> Option<Proposal> {
        match self.kind.as_deref() {
            None | Some("text") => {
                if self.payload.is_some() {
                    fields.wrong("payload", "must be left out for type text");
                }
                None
            }
            Some("offer") => parse_proposal(fields, "payload", self.payload.as_ref(), Proposal::offer),
            Some("appointment") => parse_proposal(fields, "payload", self.payload.as_ref(), Proposal::appointment),
            Some(_) => {
                fields.wrong("type", "must be text, offer or appointment");
                None
            }
        }
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
