use crate::extract::Fields;
use crate::families::shared::MomentValue;
use parlor_domain::conversation::Told;
use parlor_domain::message::Side;
use parlor_domain::text::{ClientId, MessageText};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message as the browser tells it. Unknown fields are ignored, since old frontends send more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SendStoredMessageRequest {
    /// Who said it: `user`, or `assistant` for the page's own.
    #[schema(example = "user")]
    pub role: String,
    /// What was said, 1–10,000 characters.
    #[serde(default)]
    #[schema(example = "Is it still available?", max_length = 10_000)]
    pub message: Option<String>,
    /// The same under another name, for a body without `message`.
    #[serde(default)]
    #[schema(example = "Is it still available?", max_length = 10_000)]
    pub content: Option<String>,
    /// When it was said by the browser's clock: RFC 3339 or Unix milliseconds.
    #[serde(default)]
    #[schema(example = "2026-11-20T09:00:03.000Z")]
    pub timestamp: Option<MomentValue>,
    /// The client's own id of the message: the same again is stored once, also when the whole chat is told again.
    #[serde(default)]
    #[schema(example = "w-1763629200123-1", max_length = 64)]
    pub client_id: Option<String>,
    /// The visitor key; or the key as `Authorization: Bearer`. Without it the message is marked as reported.
    #[serde(default)]
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34", format = Uuid)]
    pub visitor_id: Option<String>,
    /// The channel that a new chat comes in by; also as query parameter or header `X-Parlor-Channel`.
    #[serde(default)]
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000f1", format = Uuid)]
    pub channel: Option<String>,
}

impl SendStoredMessageRequest {
    /// Checks it. `place` stands before the names of wrong fields.
    pub(super) fn parse(&self, fields: &mut Fields, place: &str) -> Option<Told> {
        let field = |name: &str| format!("{place}{name}");
        let side = match self.role.as_str() {
            "user" => Some(Side::Visitor),
            "assistant" => Some(Side::Agent),
            _ => {
                fields.wrong(
                    &field("role"),
                    "must be user or assistant; agents write with POST /api/admin/chat-rooms/{id}/send_message/",
                );
                None
            }
        };
        let message = fields.optional(&field("message"), self.message.as_deref(), MessageText::parse);
        let content = fields.optional(&field("content"), self.content.as_deref(), MessageText::parse);
        let given = [&self.message, &self.content].into_iter().flatten().any(|text| !text.trim().is_empty());
        if !given {
            fields.wrong(&field("message"), "is required and must not be empty; content may stand for it");
        }
        let sent_at = self.timestamp.as_ref().and_then(|moment| fields.parsed(&field("timestamp"), moment.parse()));
        let client_id = self.client_id.as_deref().and_then(|id| fields.parsed(&field("client_id"), ClientId::parse(id)));
        Some(Told {
            side: side?,
            text: message.or(content)?,
            client_id,
            sent_at,
        })
    }
}
