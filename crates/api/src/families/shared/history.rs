//! A part of a conversation, for polling clients and for the first page.

use super::conversation::{HandledByWord, StatusWord};
use super::message::MessageResponse;
use crate::extract::Fields;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use parlor_domain::conversation::{Audience, Conversation, Viewer};
use parlor_domain::id::ConversationId;
use parlor_domain::message::HistoryWindow;
use parlor_domain::page::{Cursor, Limit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which part of a history. At most one of `after_seq`, `before_seq`, `changed_after`, `cursor`; without any the newest messages.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryParams {
    /// What stands right after public message n, for agents with the notes there.
    #[param(nullable = false, minimum = 0)]
    pub after_seq: Option<i64>,
    /// What stands before place n, the nearest.
    #[param(nullable = false, minimum = 0)]
    pub before_seq: Option<i64>,
    /// What changed after number n, in order of `rev`: for a client that polls.
    #[param(nullable = false, minimum = 0)]
    pub changed_after: Option<i64>,
    /// `next` of the page before.
    #[param(nullable = false)]
    pub cursor: Option<String>,
    /// How many, 1–100; 50 without it.
    #[param(nullable = false, minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
}

/// The state of the conversation beside its messages, as the caller's audience sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationState {
    /// To the customer's side the room key, to agents the internal id.
    pub id: Uuid,
    /// Where the work stands.
    pub status: StatusWord,
    /// Who answers.
    pub handled_by: HandledByWord,
    /// What it is about.
    pub subject: Option<String>,
}

impl ConversationState {
    /// As an audience sees it.
    #[must_use]
    pub fn new(conversation: &Conversation, audience: Audience) -> Self {
        let subject = conversation.subject.as_ref().map(|subject| subject.title.clone());
        match audience {
            Audience::Public => Self {
                id: conversation.room_key.expose(),
                status: conversation.status.for_visitor().into(),
                handled_by: conversation.handler.for_visitor().into(),
                subject,
            },
            Audience::Staff => Self {
                id: conversation.id.0,
                status: conversation.status.into(),
                handled_by: conversation.handler.for_agent().into(),
                subject,
            },
        }
    }
}

/// Messages, and the numbers to go on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryResponse {
    /// The messages: by place rising, or with `changed_after` by `rev` rising.
    pub results: Vec<MessageResponse>,
    /// `cursor` of the next page in the direction that was read; null at the end.
    pub next: Option<String>,
    /// Place of the last public message, read before the messages.
    #[schema(example = 39)]
    pub head_seq: i64,
    /// Where a resume or the next `changed_after` begins. Of several pages, the first page's.
    #[schema(example = 45)]
    pub head_rev: i64,
    /// With `changed_after`: the conversation as it is now, if it changed itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conversation: Option<ConversationState>,
}

/// The direction is part of our cursors, so that a client need not repeat it.
fn encode(cursor: Cursor, forwards: bool) -> String {
    format!("{}{}", if forwards { 'f' } else { 'b' }, cursor.encode())
}

fn decode(text: &str) -> Option<HistoryWindow> {
    let cursor = Cursor::decode(text.get(1..)?).ok()?;
    match text.get(..1)? {
        "f" => Some(HistoryWindow::AfterCursor(cursor)),
        "b" => Some(HistoryWindow::BeforeCursor(cursor)),
        _ => None,
    }
}

/// Reads a part of a conversation.
///
/// # Errors
/// 400 for parameters that do not fit, 404 for a conversation that is not the viewer's.
pub async fn read_history(state: &AppState, viewer: Viewer, id: ConversationId, params: &HistoryParams) -> Result<HistoryResponse, Problem> {
    let mut fields = Fields::new();
    let limit = crate::extract::limit(&mut fields, params.limit);
    for (name, value) in [
        ("after_seq", params.after_seq),
        ("before_seq", params.before_seq),
        ("changed_after", params.changed_after),
    ] {
        if value.is_some_and(|value| value < 0) {
            fields.wrong(name, "must not be negative");
        }
    }
    let given = [
        params.after_seq.is_some(),
        params.before_seq.is_some(),
        params.changed_after.is_some(),
        params.cursor.is_some(),
    ];
    if given.iter().filter(|given| **given).count() > 1 {
        fields.wrong("cursor", "at most one of after_seq, before_seq, changed_after and cursor can be given");
    }
    let window = match (params.after_seq, params.before_seq, params.cursor.as_deref()) {
        (Some(seq), _, _) => HistoryWindow::After(seq),
        (_, Some(seq), _) => HistoryWindow::Before(seq),
        (_, _, Some(text)) => decode(text).unwrap_or_else(|| {
            fields.wrong("cursor", "is not a cursor of this list; leave it out to begin at the end");
            HistoryWindow::Newest
        }),
        _ => HistoryWindow::Newest,
    };
    fields.finish()?;
    match params.changed_after {
        Some(after) => poll(state, viewer, id, after, limit).await,
        None => page(state, viewer, id, window, limit).await,
    }
}

async fn page(state: &AppState, viewer: Viewer, id: ConversationId, window: HistoryWindow, limit: Limit) -> Result<HistoryResponse, Problem> {
    let history = state.reader.history(viewer, id, window, limit).await?;
    let audience = viewer.audience();
    let forwards = matches!(window, HistoryWindow::After(_) | HistoryWindow::AfterCursor(_));
    let conversation = &history.conversation;
    Ok(HistoryResponse {
        results: history
            .page
            .messages
            .iter()
            .map(|message| MessageResponse::new(message, conversation, audience, &state.links))
            .collect(),
        next: history.page.next.map(|cursor| encode(cursor, forwards)),
        head_seq: conversation.last_seq,
        head_rev: conversation.head_rev(audience),
        conversation: None,
    })
}

async fn poll(state: &AppState, viewer: Viewer, id: ConversationId, after: i64, limit: Limit) -> Result<HistoryResponse, Problem> {
    let (catchup, up_to) = state.reader.poll(viewer, id, after, limit).await?;
    let audience = viewer.audience();
    if catchup.reset {
        let detail = "is too far back or not a number of this conversation; load the history without it and go on from its head_rev";
        return Err(Problem {
            code: Code::InvalidInput,
            ..Problem::field("changed_after", detail)
        });
    }
    let conversation = &catchup.conversation;
    Ok(HistoryResponse {
        results: catchup
            .messages
            .iter()
            .map(|message| MessageResponse::new(message, conversation, audience, &state.links))
            .collect(),
        next: None,
        head_seq: conversation.last_seq,
        head_rev: up_to,
        conversation: catchup.tell_conversation.map(|_| ConversationState::new(conversation, audience)),
    })
}
