//! One action each on a conversation; all answer the row as it is then.

use super::own_row;
use crate::extract::{Body, Fields, PathId, StaffAuth};
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, NotFoundProblem, OwnConversationRow, StaffProblems, StatusWord, given};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, post, web};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::Status;
use parlor_domain::id::AgentId;
use parlor_domain::text::{Label, Line};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The most labels on one conversation.
const MAX_LABELS: usize = 20;

/// Who shall answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignRequest {
    /// An active agent of the workspace; null gives the conversation back to the queue.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = true, value_type = Option<Uuid>, example = "018f6a3e-5b1c-7000-8000-0000000000e1")]
    assignee_id: Option<Option<Uuid>>,
}

/// Where the work stands.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetStatusRequest {
    /// The status to be.
    status: StatusWord,
    /// With `snoozed`: when it comes back by itself. Without, it comes back when the visitor writes.
    #[serde(default)]
    #[schema(example = "2099-11-20T09:00:00.000Z", format = DateTime)]
    until: Option<String>,
}

/// Whether there is a warning sign.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlagRequest {
    /// Whether the flag is up.
    #[schema(example = true)]
    flagged: bool,
    /// Why it is up.
    #[serde(default)]
    #[schema(example = "Asks for a refund", max_length = 500)]
    reason: Option<String>,
}

/// The labels.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelsRequest {
    /// All labels to be, at most 20 of 1–50 characters.
    #[schema(example = json!(["billing"]), max_items = 20)]
    labels: Vec<String>,
}

impl SetStatusRequest {
    fn parse(self, now: Timestamp) -> Result<(Status, Option<Timestamp>), Problem> {
        let mut fields = Fields::new();
        let status = Status::from(self.status);
        let until = self
            .until
            .as_deref()
            .and_then(|text| fields.parsed("until", Timestamp::parse_rfc3339(text).ok_or("must be a time such as 2099-11-20T09:00:00Z")));
        if self.until.is_some() && status != Status::Snoozed {
            fields.wrong("until", "goes with the status snoozed only");
        } else if until.is_some_and(|until| until <= now) {
            fields.wrong("until", "must be in the future");
        }
        fields.finish()?;
        Ok((status, until))
    }
}

impl FlagRequest {
    fn parse(self) -> Result<Option<Option<Line>>, Problem> {
        let mut fields = Fields::new();
        let reason = fields.optional("reason", self.reason.as_deref(), Line::parse);
        if reason.is_some() && !self.flagged {
            fields.wrong("reason", "goes with flagged true only");
        }
        fields.finish()?;
        Ok(self.flagged.then_some(reason))
    }
}

impl LabelsRequest {
    fn parse(self) -> Result<Vec<Label>, Problem> {
        let mut fields = Fields::new();
        if self.labels.len() > MAX_LABELS {
            fields.wrong("labels", format!("must be at most {MAX_LABELS}"));
        }
        let parsed = self
            .labels
            .iter()
            .enumerate()
            .filter_map(|(place, label)| fields.parsed(&format!("labels[{place}]"), Label::parse(label)))
            .collect();
        fields.finish()?;
        Ok(parsed)
    }
}

/// Assign a conversation
///
/// Gives it to an agent, or with null back to the queue.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/assign/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id")), request_body = AssignRequest, responses(
    (status = 200, description = "The row after it", body = OwnConversationRow),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem
))]
#[post("/api/admin/chat-rooms/{id}/assign")]
pub async fn assign_conversation(
    auth: StaffAuth,
    id: web::Path<String>,
    body: Body<AssignRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    let to = body
        .0
        .assignee_id
        .ok_or_else(|| Problem::field("assignee_id", "is required; null gives the conversation back to the queue"))?;
    let conversation = state.conversations.assign(auth.0.actor(), id, to.map(AgentId)).await?;
    own_row(&state, &auth, &conversation).await
}

/// Set the status
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/status/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id")), request_body = SetStatusRequest, responses(
    (status = 200, description = "The row after it", body = OwnConversationRow),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem
))]
#[post("/api/admin/chat-rooms/{id}/status")]
pub async fn set_conversation_status(
    auth: StaffAuth,
    id: web::Path<String>,
    body: Body<SetStatusRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    let (status, until) = body.0.parse(state.clock.now())?;
    let conversation = state.conversations.set_status(auth.0.actor(), id, status, until).await?;
    own_row(&state, &auth, &conversation).await
}

/// Put up or take down the flag
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/flag/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id")), request_body = FlagRequest, responses(
    (status = 200, description = "The row after it", body = OwnConversationRow),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem
))]
#[post("/api/admin/chat-rooms/{id}/flag")]
pub async fn flag_conversation(auth: StaffAuth, id: web::Path<String>, body: Body<FlagRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    let conversation = state.conversations.set_flag(auth.actor(), id, body.0.parse()?).await?;
    own_row(&state, &auth, &conversation).await
}

/// Replace the labels
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/labels/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id")), request_body = LabelsRequest, responses(
    (status = 200, description = "The row after it", body = OwnConversationRow),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem
))]
#[post("/api/admin/chat-rooms/{id}/labels")]
pub async fn label_conversation(
    auth: StaffAuth,
    id: web::Path<String>,
    body: Body<LabelsRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    let conversation = state.conversations.set_labels(auth.0.actor(), id, body.0.parse()?).await?;
    own_row(&state, &auth, &conversation).await
}

/// Let the assistant answer
///
/// From the visitor's next message on. 409 if the assistant of the conversation's channel is off.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/hand_to_assistant/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id")), responses(
    (status = 200, description = "The row after it", body = OwnConversationRow),
    CommonProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[post("/api/admin/chat-rooms/{id}/hand_to_assistant")]
pub async fn hand_to_assistant(auth: StaffAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    let conversation = state.reader.get_any(auth.0.workspace_id, id).await?;
    let channel = state.channels.of_conversation(auth.0.workspace_id, conversation.channel_id).await?;
    let conversation = state.conversations.hand_to_assistant(auth.0.actor(), id, channel.assistant.enabled).await?;
    own_row(&state, &auth, &conversation).await
}

/// Take a conversation over
///
/// The calling agent answers from now on. A machine cannot.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/take_over/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id")), responses(
    (status = 200, description = "The row after it", body = OwnConversationRow),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[post("/api/admin/chat-rooms/{id}/take_over")]
pub async fn take_over_conversation(auth: StaffAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    let conversation = state.conversations.take_over(auth.0.actor(), id).await?;
    own_row(&state, &auth, &conversation).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_goes_with_snoozed_and_lies_ahead() {
        let now = Timestamp(1_000_000);
        let parse = |status, until: Option<&str>| {
            SetStatusRequest {
                status,
                until: until.map(str::to_owned),
            }
            .parse(now)
            .map_err(|problem| problem.errors.len())
        };
        assert_eq!(parse(StatusWord::Resolved, None), Ok((Status::Resolved, None)));
        assert_eq!(parse(StatusWord::Snoozed, None), Ok((Status::Snoozed, None)));
        assert_eq!(
            parse(StatusWord::Snoozed, Some("1970-01-01T01:16:41+01:00")),
            Ok((Status::Snoozed, Some(Timestamp(1_001_000))))
        );
        assert_eq!(parse(StatusWord::Snoozed, Some("1970-01-01T00:16:40Z")), Err(1), "now is not ahead");
        assert_eq!(parse(StatusWord::Snoozed, Some("tomorrow")), Err(1));
        assert_eq!(parse(StatusWord::Open, Some("2099-01-01T00:00:00Z")), Err(1));
    }

    #[test]
    fn labels_and_reasons_are_checked_one_by_one() {
        let wrong = LabelsRequest {
            labels: vec!["a".to_owned(), " ".to_owned(), "b".repeat(51)],
        }
        .parse()
        .unwrap_err();
        assert_eq!(
            wrong.errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(),
            ["labels[1]", "labels[2]"]
        );
        assert!(
            LabelsRequest {
                labels: vec!["a".to_owned(); 21]
            }
            .parse()
            .is_err()
        );
        assert!(
            FlagRequest {
                flagged: false,
                reason: Some("why".to_owned())
            }
            .parse()
            .is_err()
        );
        assert_eq!(
            FlagRequest {
                flagged: false,
                reason: Some(String::new())
            }
            .parse()
            .unwrap(),
            None
        );
        assert_eq!(FlagRequest { flagged: true, reason: None }.parse().unwrap(), Some(None));
    }
}
