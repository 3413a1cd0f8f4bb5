use super::Envelope;
use super::ask::{AskBody, AskRequest, Asked, ask};
use super::follow::{Follower, Found, LiveReader, broke_up};
use crate::extract::Body;
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, HandledByWord, MessageResponse, NotFoundProblem, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, post, web};
use parlor_domain::conversation::{Audience, Conversation};
use parlor_domain::id::MessageId;
use parlor_domain::message::{HistoryWindow, Message};
use parlor_domain::page::Limit;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// Longer than an answer may take. Who still waits then reads the history later.
const PATIENCE: Duration = Duration::from_secs(180);

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnswerResponse {
    /// The question as it is stored.
    pub user_message: MessageResponse,
    /// The answer; null when a person will reply, or when it took too long and will be in the history.
    pub message: Option<MessageResponse>,
    /// Who answers now: `assistant` or `human`.
    pub handled_by: HandledByWord,
    /// Whether the answer is not whole.
    #[schema(example = false)]
    pub truncated: bool,
}

/// Ask the assistant, and wait for the whole answer
///
/// STEP 3, for clients that read no streams. The question is stored first; the same `client_id` again gives the same answer and asks nobody.
#[utoipa::path(path = "/api/chats/messages/chat/", tag = "Messages", security((), ("visitor" = [])),
    request_body(content = AskBody, description = "The question, in the same two shapes as for the stream"),
    params(("Idempotency-Key" = Option<String>, Header, description = "The client id, if the body has none", nullable = false)),
    responses(
        (status = 200, description = "The question is stored; with the answer, if there is one", body = Envelope<AnswerResponse>),
        BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/chats/messages/chat")]
pub async fn ask_assistant(http: HttpRequest, request: Body<AskRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let asked = ask(&http, &state, request.0).await?;
    let mut follower = Follower::of_sent(&state, &asked.sent);
    // The question is stored: whatever happens from here on is no refusal.
    let answer = tokio::time::timeout(PATIENCE, answer_id(&state, &mut follower)).await.unwrap_or_default();
    let (conversation, answer) = as_it_is_now(&state, &asked, answer).await;
    let response = AnswerResponse {
        user_message: MessageResponse::new(&asked.sent.message, &conversation, Audience::Public, &state.links),
        truncated: answer.as_ref().is_some_and(is_truncated),
        message: answer.map(|answer| MessageResponse::new(&answer, &conversation, Audience::Public, &state.links)),
        handled_by: conversation.handler.for_visitor().into(),
    };
    Ok(HttpResponse::Ok().json(Envelope::new(response)))
}

/// Waits until the answer is stored, or will not be.
async fn answer_id(state: &AppState, follower: &mut Follower) -> Option<MessageId> {
    loop {
        let live = match follower.found().await {
            Found::Live(live) => live,
            Found::Stored(message) => return Some(message.id),
            Found::Nothing(_) | Found::Unknown => return None,
        };
        let mut reader = LiveReader::new(state, live.clone(), 0);
        while !reader.more().await.over {}
        // One that broke up is made anew; nobody heard of this one.
        if !broke_up(&live) {
            return Some(live.id());
        }
    }
}

/// The conversation with the answer, if that is stored. What cannot be read now is in the history later.
async fn as_it_is_now(state: &AppState, asked: &Asked, answer: Option<MessageId>) -> (Conversation, Option<Message>) {
    let question = &asked.sent.message;
    let window = HistoryWindow::After(question.seq);
    match state.reader.history(asked.viewer, question.conversation_id, window, Limit::MAX).await {
        Ok(history) => {
            let stored = history.page.messages.into_iter().find(|message| Some(message.id) == answer);
            (history.conversation, stored)
        }
        Err(error) => {
            tracing::warn!(%error, "an answer could not be read");
            (Conversation::clone(&asked.sent.conversation), None)
        }
    }
}

fn is_truncated(answer: &Message) -> bool {
    let truncated = answer.metadata.as_ref().and_then(|facts| facts.get("truncated"));
    truncated.and_then(serde_json::Value::as_bool).unwrap_or_default()
}
