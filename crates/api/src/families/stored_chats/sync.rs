use super::{OpenChat, SendStoredMessageRequest};
use crate::extract::{BeaconBody, ClientAddress, Fields, objects, to_the_end};
use crate::families::chats::Envelope;
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, MomentValue, NotFoundProblem, StaffProblems};
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

/// The most messages in one body, as many as a stored chat may have: a widget that tells the whole chat cannot tell it in parts.
const MOST: usize = 10_000;

/// After so many wrong messages the others are not looked at.
const MOST_WRONG: usize = 100;

/// A whole chat as the browser holds it: `messages`, or the fields of one message, or both. Unknown fields are ignored, since old frontends
/// send more.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SyncStoredChatRequest {
    /// All messages of the chat, in their order.
    #[serde(deserialize_with = "objects")]
    #[schema(min_items = 1, max_items = 10_000)]
    pub messages: Option<Vec<SendStoredMessageRequest>>,
    /// Of a single message: who said it, `user` or `assistant`.
    #[schema(value_type = Option<String>, example = "user")]
    pub role: Option<serde_json::Value>,
    /// Of a single message: what was said, 1–10,000 characters. Beside `messages` it comes after them.
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
    /// The channel that a new chat comes in by; also as query parameter or header `X-Parlor-Channel`.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000f1", format = Uuid)]
    pub channel: Option<String>,
}

/// A chat that was told as a whole.
struct ToldChat {
    messages: Vec<Told>,
    /// The visitor key that body or messages name.
    visitor: Option<String>,
    /// The channel, the same way.
    channel: Option<String>,
}

impl SyncStoredChatRequest {
    fn parse(self) -> Result<ToldChat, Problem> {
        let given = [&self.message, &self.content].into_iter().flatten().any(|text| !text.trim().is_empty());
        // Beside `messages` a role alone is no message.
        let single = (given || (self.messages.is_none() && self.role.is_some())).then(|| SendStoredMessageRequest {
            role: self.role.as_ref().and_then(|role| role.as_str()).unwrap_or_default().to_owned(),
            message: self.message,
            content: self.content,
            timestamp: self.timestamp,
            client_id: self.client_id,
            visitor_id: None,
            channel: None,
        });
        if self.messages.is_none() && single.is_none() {
            return Err(Problem::field("messages", "is required, or role and message of a single one"));
        }
        let mut messages = self.messages.unwrap_or_default();
        let listed = messages.len();
        messages.extend(single);
        if messages.is_empty() || messages.len() > MOST {
            return Err(Problem::field(
                "messages",
                format!("must have 1 to {MOST} messages; send more in several calls"),
            ));
        }
        let mut fields = Fields::new();
        let mut told = Vec::with_capacity(messages.len());
        let mut ids: HashMap<String, (Side, MessageText)> = HashMap::new();
        let (mut visitor, mut channel) = (filled(self.visitor_id), filled(self.channel));
        for (number, message) in messages.into_iter().enumerate() {
            if number - told.len() == MOST_WRONG {
                break;
            }
            let place = if number < listed { format!("messages[{number}].") } else { String::new() };
            let parsed = message.parse(&mut fields, &place);
            let mut same = |name: &str, said: &mut Option<String>, here: Option<String>| {
                let Some(here) = filled(here) else { return true };
                let is_same = *said.get_or_insert_with(|| here.clone()) == here;
                if !is_same {
                    fields.wrong(&format!("{place}{name}"), "must be the same in the whole body");
                }
                is_same
            };
            if !same("visitor_id", &mut visitor, message.visitor_id) || !same("channel", &mut channel, message.channel) {
                continue;
            }
            let Some(message) = parsed else { continue };
            if let Some(id) = &message.client_id {
                let said = (message.side, message.text.clone());
                if *ids.entry(id.as_str().to_owned()).or_insert_with(|| said.clone()) != said {
                    fields.wrong(&format!("{place}client_id"), "is the id of another message of this body");
                    continue;
                }
            }
            told.push(message);
        }
        fields.finish().map(|()| ToldChat {
            messages: told,
            visitor,
            channel,
        })
    }
}

/// A text that is there and not empty.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
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
    /// Messages that were left out, since their client id was stored with another role or text.
    #[schema(example = 0)]
    pub refused: usize,
    /// The key of a visitor that was made with the chat. Told only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub visitor_id: Option<Uuid>,
}

/// Store what is missing of a chat
///
/// For a page that closes: `navigator.sendBeacon` and keepalive fetches need no header, `text/plain` is read as JSON. What was stored before is
/// known by its `client_id`, or without one by role, text and place among equal ones, so the call can be repeated as often as one likes.
/// Each message is checked before anything is stored; only one whose `client_id` was stored with another role or text is left out, and
/// counted as `refused`.
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
    let told = request.0.parse()?;
    let open = OpenChat::of(&http, &state, address, &chat_id, told.visitor.as_deref(), told.channel.as_deref()).await?;
    let conversations = state.conversations.clone();
    // A page that closes does not wait for the answer.
    to_the_end(async move {
        let done = conversations.tell_all(&open.chat.conversation, open.visitor.as_deref(), told.messages).await;
        for side in &done.stored {
            open.log_saved(*side);
        }
        if let Some(failure) = done.failure {
            return Err(failure.into());
        }
        let stored = done.stored.len();
        let body = Envelope::new(SyncedChatResponse {
            chat_id: open.name.as_str().to_owned(),
            stored,
            known: done.known,
            refused: done.refused,
            visitor_id: open.new_key(),
        });
        Ok((stored > 0, body))
    })
    .await?
    .map(|(is_new, body)| {
        if is_new {
            HttpResponse::Created().json(body)
        } else {
            HttpResponse::Ok().json(body)
        }
    })
}
