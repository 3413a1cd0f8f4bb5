//! A question to the assistant: read in either of its two shapes, and committed before anything is answered.

use crate::extract::{Fields, VisitorAuth, idempotency_text};
use crate::families::shared::ProvenVisitor;
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::HttpRequest;
use parlor_domain::conversation::{SendMessage, Sent, Viewer};
use parlor_domain::id::SessionId;
use parlor_domain::session::{SessionError, SessionStatus};
use parlor_domain::text::{ClientId, MessageText};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use utoipa::ToSchema;

/// What a client asks. Unknown fields are ignored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlainQuestion {
    /// The text, 1–10,000 characters.
    #[schema(example = "How do refunds work?", min_length = 1, max_length = 10_000)]
    pub message: String,
    /// The session, `id` of STEP 2.
    #[schema(example = "9b2d7c54-0f3e-4d7b-8a6c-5e1f2a3b4c5d", format = Uuid)]
    pub session_id: String,
    /// The visitor key, `id` of STEP 1; or the key as `Authorization: Bearer`.
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34", format = Uuid)]
    pub visitor_id: Option<String>,
    /// The client's own id of the question: the same again is stored once and answered once. The header `Idempotency-Key` does the same.
    #[schema(example = "w-17", max_length = 64)]
    pub client_id: Option<String>,
}

/// A message as the AI SDK has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UiMessage {
    /// The client's own id of the message.
    #[schema(example = "m1", nullable = false)]
    pub id: Option<String>,
    /// Who says it; only messages of `user` are read.
    #[schema(example = "user")]
    pub role: String,
    /// What it is made of.
    pub parts: Vec<UiPart>,
}

/// A part of a message as the AI SDK has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UiPart {
    /// Only parts of the type `text` are read.
    #[serde(rename = "type")]
    #[schema(example = "text")]
    pub kind: String,
    /// The text of such a part.
    #[schema(example = "How do refunds work?", nullable = false)]
    pub text: Option<String>,
}

/// What the AI SDK's default transport sends. Only the last user message is read, since the history is the server's own; its `id` is
/// the client id.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TransportQuestion {
    /// The session, `id` of STEP 2, unless `session_id` names it.
    #[schema(example = "9b2d7c54-0f3e-4d7b-8a6c-5e1f2a3b4c5d", format = Uuid)]
    pub id: String,
    /// What the page shows.
    pub messages: Vec<UiMessage>,
    /// Ignored.
    #[schema(example = "submit-message", nullable = false)]
    pub trigger: Option<String>,
}

/// A question: plain, or as the AI SDK's default transport sends it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum AskBody {
    /// With the fields of this server.
    Plain(PlainQuestion),
    /// With the fields of the AI SDK.
    Transport(TransportQuestion),
}

/// Either body, as it is read: an error names the field in both. What only the other shape has is not looked at.
#[derive(Debug, Clone, Deserialize)]
pub struct AskRequest {
    message: Option<String>,
    session_id: Option<String>,
    visitor_id: Option<String>,
    client_id: Option<String>,
    id: Option<Value>,
    messages: Option<Value>,
}

/// What was read of it.
struct Question {
    session: SessionId,
    text: MessageText,
    client_id: Option<ClientId>,
}

impl AskRequest {
    fn parse(self, http: &HttpRequest) -> Result<Question, Problem> {
        let mut fields = Fields::new();
        let (text, mut client_id, session) = match (self.message, self.messages) {
            (None, Some(messages)) => {
                let last = last_of_user(&messages);
                let client_id = last.and_then(|message| message.get("id")?.as_str()).and_then(shortened);
                let text = match last {
                    Some(message) => fields.parsed("messages", MessageText::parse(&text_of(message))),
                    None => {
                        fields.wrong("messages", "must be a list with a message of the role user");
                        None
                    }
                };
                let id = self.session_id.or_else(|| Some(self.id?.as_str()?.to_owned()));
                (text, client_id, fields.required("id", id.as_deref(), session_id))
            }
            (message, _) => {
                let text = fields.required("message", message.as_deref(), MessageText::parse);
                (text, None, fields.required("session_id", self.session_id.as_deref(), session_id))
            }
        };
        if let Some(own) = self.client_id.as_deref() {
            client_id = fields.parsed("client_id", ClientId::parse(own));
        } else if let (None, Some(key)) = (&client_id, idempotency_text(http)?) {
            client_id = fields.parsed("Idempotency-Key", ClientId::parse(key));
        }
        let (text, session) = fields.take(text.zip(session))?;
        Ok(Question {
            session: session?,
            text,
            client_id,
        })
    }
}

/// The last message of the visitor. What else a page shows is its own, in whatever shape.
fn last_of_user(messages: &Value) -> Option<&Map<String, Value>> {
    let messages = messages.as_array()?.iter().rev().filter_map(Value::as_object);
    messages.into_iter().find(|message| message.get("role").and_then(Value::as_str) == Some("user"))
}

/// What is no id is answered like an unknown one, after everything that is wrong with the rest.
fn session_id(raw: &str) -> Result<Result<SessionId, SessionError>, std::convert::Infallible> {
    Ok(raw.trim().parse().map_err(|_| SessionError::NotFound))
}

/// Each part is a block of its own on the page.
fn text_of(message: &Map<String, Value>) -> String {
    let parts = message.get("parts").and_then(Value::as_array).into_iter().flatten();
    let texts = parts.filter(|part| part.get("type").and_then(Value::as_str) == Some("text"));
    texts.filter_map(|part| part.get("text").and_then(Value::as_str)).collect::<Vec<_>>().join("\n")
}

/// Pages make ids in many ways. One that is no client id is hashed: the same again must still be the same question.
fn shortened(id: &str) -> Option<ClientId> {
    if id.is_empty() {
        return None;
    }
    ClientId::parse(id).ok().or_else(|| {
        let hex = Sha256::digest(id.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        ClientId::parse(&hex).ok()
    })
}

/// A question that is in the conversation.
pub(super) struct Asked {
    /// Who asked, as reader.
    pub(super) viewer: Viewer,
    /// The question.
    pub(super) sent: Sent,
}

/// Checks a question and commits it.
pub(super) async fn ask(http: &HttpRequest, state: &AppState, request: AskRequest) -> Result<Asked, Problem> {
    let proven = visitor(http, state, request.visitor_id.as_deref()).await?;
    let question = request.parse(http)?;
    let visitor = proven.visitor;
    let (session, conversation) = state.sessions.of_visitor(&visitor, question.session).await?;
    let auth = VisitorAuth(visitor);
    if session.status() == SessionStatus::Ended {
        // What was asked before the end is answered still.
        let before = match &question.client_id {
            Some(client_id) => state.conversations.sent_before(&auth.actor(), &conversation, &question.text, client_id).await?,
            None => None,
        };
        let sent = before.ok_or(SessionError::Ended)?;
        return Ok(Asked { viewer: auth.viewer(), sent });
    }
    state.limits.question(auth.0.id)?;
    let sent = state
        .conversations
        .send_message(
            auth.actor(),
            conversation.id,
            SendMessage {
                client_id: question.client_id,
                ..SendMessage::text(question.text)
            },
        )
        .await?;
    if let Err(error) = state.sessions.touch(&session).await {
        tracing::warn!(%error, "the use of a session could not be noted");
    }
    Ok(Asked { viewer: auth.viewer(), sent })
}

/// The visitor of a request; agents have no answers of their own.
pub(super) async fn visitor(http: &HttpRequest, state: &AppState, named: Option<&str>) -> Result<ProvenVisitor, Problem> {
    ProvenVisitor::of(http, state, named).await?.ok_or_else(Problem::unauthenticated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use serde_json::json;

    const SESSION: &str = "9b2d7c54-0f3e-4d7b-8a6c-5e1f2a3b4c5d";

    fn parse(body: Value) -> Result<Question, Problem> {
        serde_json::from_value::<AskRequest>(body)
            .unwrap()
            .parse(&TestRequest::default().to_http_request())
    }

    fn said(parts: &Value) -> Value {
        json!([{"id": "old", "role": "user", "parts": [{"type": "text", "text": "Before"}]}, {"id": "m1", "role": "user", "parts": parts},
               {"id": "a1", "role": "assistant", "parts": [{"type": "text", "text": "Never mine"}, {"type": "tool-x", "input": {}}]}])
    }

    #[test]
    fn of_a_page_only_the_last_user_message_is_read() {
        let parts =
            json!([{"type": "step-start"}, {"type": "text", "text": "How do"}, {"type": "file", "url": "x"}, {"type": "text", "text": "refunds work?"}]);
        let question = parse(json!({"id": SESSION, "messages": said(&parts), "trigger": "regenerate-message", "messageId": "a1"})).unwrap();
        assert_eq!(question.text.as_str(), "How do\nrefunds work?");
        assert_eq!(question.client_id.unwrap().as_str(), "m1");
        assert_eq!(question.session.to_string(), SESSION);
    }

    #[test]
    fn an_id_that_is_too_long_stays_one_id() {
        let [one, same, other] = ["x".repeat(200), "x".repeat(200), "y".repeat(200)].map(|id| shortened(&id).unwrap());
        assert_eq!((one.as_str().len(), &one), (64, &same));
        assert_ne!(one, other);
        assert_eq!(shortened("m1").unwrap().as_str(), "m1");
        assert!(shortened("").is_none());
    }

    #[test]
    fn what_is_missing_is_named() {
        let fields = |body: Value| {
            let errors = parse(body).err().unwrap().errors;
            errors.into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        assert_eq!(fields(json!({})), ["message", "session_id"]);
        assert_eq!(
            fields(json!({"message": " ", "session_id": SESSION, "client_id": ""})),
            ["message", "client_id"]
        );
        assert_eq!(fields(json!({"messages": []})), ["messages", "id"]);
        assert_eq!(fields(json!({"id": SESSION, "messages": said(&json!([]))})), ["messages"]);
    }
}
