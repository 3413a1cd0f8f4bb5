use super::{MomentValue, OpenChat, SendStoredMessageRequest};
use crate::extract::{BeaconBody, ClientAddress, Fields};
use crate::families::chats::Envelope;
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, NotFoundProblem, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, post, web};
use parlor_domain::conversation::Told;
use parlor_domain::message::Side;
use parlor_domain::text::MessageText;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// The most messages in one body.
const MOST: usize = 500;

/// A whole chat as the browser holds it: `messages`, or the fields of one message. Unknown fields are ignored, since old frontends send more.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SyncStoredChatRequest {
    /// All messages of the chat, in their order.
    #[schema(min_items = 1, max_items = 500)]
    pub messages: Option<Vec<SendStoredMessageRequest>>,
    /// Of a single message: who said it, `user` or `assistant`.
    #[schema(example = "user")]
    pub role: Option<String>,
    /// Of a single message: what was said, 1–10,000 characters.
    #[schema(example = "Is it still available?", max_length = 10_000)]
    pub message: Option<String>,
    /// The same under another name, for a body without `message`.
    #[schema(example = "Is it still available?", max_length = 10_000)]
    pub content: Option<String>,
    /// Of a single message: when it was said by the browser's clock, as RFC 3339 or Unix milliseconds.
    #[schema(example = "2026-11-20T09:00:03.000Z")]
    pub timestamp: Option<MomentValue>,
    /// Of a single message: the client's own id of it.
    #[schema(example = "w-1763629200123-1", max_length = 64)]
    pub client_id: Option<String>,
    /// The visitor key. Without it messages are marked as reported.
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34", format = Uuid)]
    pub visitor_id: Option<String>,
}

impl SyncStoredChatRequest {
    /// The messages, and the visitor key that body or messages name.
    fn parse(self) -> Result<(Vec<Told>, Option<String>), Problem> {
        let mut fields = Fields::new();
        let mut visitor = self.visitor_id.filter(|key| !key.trim().is_empty());
        let (messages, single) = match (self.messages, self.role) {
            (Some(messages), _) => (messages, false),
            (None, Some(role)) => {
                let one = SendStoredMessageRequest {
                    role,
                    message: self.message,
                    content: self.content,
                    timestamp: self.timestamp,
                    client_id: self.client_id,
                    visitor_id: None,
                };
                (vec![one], true)
            }
            (None, None) => return Err(Problem::field("messages", "is required, or role and message of a single one")),
        };
        if messages.is_empty() || messages.len() > MOST {
            return Err(Problem::field(
                "messages",
                format!("must have 1 to {MOST} messages; send more in several calls"),
            ));
        }
        let mut told = Vec::with_capacity(messages.len());
        let mut ids: HashMap<String, (Side, MessageText)> = HashMap::new();
        for (number, message) in messages.iter().enumerate() {
            let place = if single { String::new() } else { format!("messages[{number}].") };
            if let Some(key) = message.visitor_id.as_ref().filter(|key| !key.trim().is_empty())
                && visitor.get_or_insert_with(|| key.clone()) != key
            {
                fields.wrong(&format!("{place}visitor_id"), "must be the same in the whole body");
            }
            let Some(message) = message.parse(&mut fields, &place) else { continue };
            if let Some(id) = &message.client_id {
                let said = (message.side, message.text.clone());
                if *ids.entry(id.as_str().to_owned()).or_insert_with(|| said.clone()) != said {
                    fields.wrong(&format!("{place}client_id"), "is the id of another message of this body");
                }
            }
            told.push(message);
        }
        fields.finish().map(|()| (told, visitor))
    }
}

/// What became of a chat that was told again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncedChatResponse {
    /// The chat, as the path calls it.
    #[schema(example = "chat-5f0c2a9e71b84d36")]
    pub chat_id: String,
    /// Messages that were stored now.
    #[schema(example = 1)]
    pub stored: usize,
    /// Messages that were stored before.
    #[schema(example = 4)]
    pub known: usize,
    /// The key of a visitor that was made with the chat. Told only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub visitor_id: Option<Uuid>,
}

/// Store what is missing of a chat
///
/// For a page that closes: `navigator.sendBeacon` and keepalive fetches need no header, `text/plain` is read as JSON. What was stored before is
/// known by its `client_id`, or without one by role, text and place among equal ones, so the call can be repeated as often as one likes.
/// All is checked before anything is stored.
#[utoipa::path(path = "/api/dashboard/chats/{chat_id}/send/", tag = "Stored chats", security((), ("visitor" = [])),
    request_body(content((SyncStoredChatRequest = "application/json"), (String = "text/plain"))),
    params(
        ("chat_id" = String, Path, description = "What the widget calls its chat, 1–200 characters; or the chat's room key", min_length = 1, max_length = 200),
        ("channel" = Option<Uuid>, Query, description = "The channel a new chat comes in by", nullable = false),
        ("X-Parlor-Channel" = Option<Uuid>, Header, description = "The same as header", nullable = false),
    ),
    responses(
        (status = 201, description = "Some were stored now", body = Envelope<SyncedChatResponse>),
        (status = 200, description = "All were stored before", body = Envelope<SyncedChatResponse>),
        BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/dashboard/chats/{chat_id}/send")]
pub async fn sync_stored_chat(
    http: HttpRequest,
    address: ClientAddress,
    chat_id: web::Path<String>,
    request: BeaconBody<SyncStoredChatRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (told, visitor) = request.0.parse()?;
    let sides: Vec<Side> = told.iter().map(|told| told.side).collect();
    let open = OpenChat::of(&http, &state, address, &chat_id, visitor.as_deref()).await?;
    let answers = state.conversations.tell_all(&open.chat.conversation, open.visitor.as_deref(), told).await;
    let (mut stored, mut known, mut refusal) = (0, 0, None);
    for (answer, side) in answers.into_iter().zip(sides) {
        match answer {
            Ok(sent) if sent.repeated => known += 1,
            Ok(_) => {
                stored += 1;
                open.log_saved(side);
            }
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    if let Some(refusal) = refusal {
        return Err(refusal.into());
    }
    let body = Envelope::new(SyncedChatResponse {
        chat_id: open.name.as_str().to_owned(),
        stored,
        known,
        visitor_id: open.new_key(),
    });
    Ok(if stored > 0 {
        HttpResponse::Created().json(body)
    } else {
        HttpResponse::Ok().json(body)
    })
}
