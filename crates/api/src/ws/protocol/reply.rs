//! What the server answers.

use super::{DataSchema, Nothing, VERSION};
use crate::families::shared::{HandledByWord, StatusWord};
use crate::problem::{Code, FieldError, Problem};
use parlor_domain::event::Availability;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

/// How available an agent says to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AvailabilityWord {
    /// Ready.
    Online,
    /// Not at the desk.
    Away,
    /// At the desk, not ready.
    Busy,
}

impl From<Availability> for AvailabilityWord {
    fn from(status: Availability) -> Self {
        match status {
            Availability::Online => Self::Online,
            Availability::Away => Self::Away,
            Availability::Busy => Self::Busy,
        }
    }
}

impl From<AvailabilityWord> for Availability {
    fn from(word: AvailabilityWord) -> Self {
        match word {
            AvailabilityWord::Online => Self::Online,
            AvailabilityWord::Away => Self::Away,
            AvailabilityWord::Busy => Self::Busy,
        }
    }
}

/// Who is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// The customer's side.
    Visitor,
    /// Our side.
    Agent,
}

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityShown {
    /// Which side.
    pub kind: IdentityKind,
    /// The internal id, never a key.
    #[schema(example = "018f6a3e-5b1c-7000-8000-000000000077")]
    pub id: Uuid,
}

/// How a resume went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResumeResult {
    /// What changed follows.
    Ok,
    /// Too much changed: load the history and go on from its `head_rev`. Live events follow from `head_rev` on.
    Reset,
    /// There is no such conversation for this client. In `resumed` only.
    NotFound,
}

/// One conversation of a resume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resumed {
    /// Which.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    pub conversation_id: String,
    /// How it went.
    pub result: ResumeResult,
    /// Place of its last public message.
    #[schema(example = 38)]
    pub head_seq: i64,
    /// Number of its latest change.
    #[schema(example = 44)]
    pub head_rev: i64,
}

/// The session as it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionReply {
    /// Names the connection in the server's log.
    #[schema(example = "n1-000042")]
    pub connection_id: String,
    /// Who is logged in.
    pub identity: IdentityShown,
    /// The version.
    #[schema(example = 1)]
    pub protocol: u32,
    /// How often to send `ping` when nothing else is sent.
    #[schema(example = 25_000)]
    pub ping_every_ms: u64,
    /// After how long without any frame to come anew.
    #[schema(example = 60_000)]
    pub dead_after_ms: u64,
    /// The most bytes of a frame.
    #[schema(example = 65_536)]
    pub max_frame_bytes: usize,
    /// The server's time.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub server_time: String,
    /// How each resume went.
    pub resumed: Vec<Resumed>,
}

/// Marks of reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarksRead {
    /// The visitor's.
    #[schema(example = 38)]
    pub visitor: i64,
    /// The team's.
    #[schema(example = 40)]
    pub team: i64,
    /// The calling agent's. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 40, nullable = false)]
    pub me: Option<i64>,
}

/// Marks of receiving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarksDelivered {
    /// The visitor's clients.
    #[schema(example = 39)]
    pub visitor: i64,
    /// The agents' clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 40, nullable = false)]
    pub team: Option<i64>,
}

/// Who is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Online {
    /// Whether the visitor is.
    pub visitor: bool,
    /// How many agents of the workspace are; to customers 1 if any is.
    #[schema(example = 1)]
    pub agents: usize,
}

/// A subscription as it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubscribeReply {
    /// `ok`, or `reset` if too much changed after `after_rev`.
    pub result: ResumeResult,
    /// Place of the last public message.
    #[schema(example = 40)]
    pub head_seq: i64,
    /// Number of the latest change.
    #[schema(example = 49)]
    pub head_rev: i64,
    /// Where the work stands.
    pub status: StatusWord,
    /// Who answers.
    pub handled_by: HandledByWord,
    /// Up to where each side has read.
    pub read: MarksRead,
    /// Up to where each side's clients have received.
    pub delivered: MarksDelivered,
    /// Who is there.
    pub online: Online,
}

/// A message as it was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentReply {
    /// The message.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000c9")]
    pub message_id: Uuid,
    /// Its place.
    #[schema(example = 39)]
    pub seq: i64,
    /// Its number. It moves no place; events do.
    #[schema(example = 45)]
    pub rev: i64,
    /// When it was stored.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub created_at: String,
    /// Whether it was stored before, under the same client id.
    pub duplicate: bool,
}

/// What is left to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarkReply {
    /// The other side's messages that the caller's side has not read.
    #[schema(example = 0)]
    pub unread_count: i64,
    /// The visitor's messages that the calling agent has not read. To agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 0, nullable = false)]
    pub my_unread_count: Option<i64>,
}

/// Up to where the caller's side has received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveredReply {
    /// The `seq` of the last message.
    #[schema(example = 39)]
    pub up_to_seq: i64,
}

/// Until when the new token is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefreshReply {
    /// Until when; null: without an end.
    #[schema(example = "2026-11-20T09:30:00.000Z", format = DateTime)]
    pub expires_at: Option<String>,
}

/// The data of a reply.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ReplyData {
    /// To `session:hello`.
    Session(SessionReply),
    /// To `conversation:subscribe`.
    Subscribed(SubscribeReply),
    /// To `conversation:message`.
    Sent(SentReply),
    /// To `conversation:read`.
    Marked(MarkReply),
    /// To `conversation:delivered`.
    Delivered(DeliveredReply),
    /// To `session:refresh`.
    Refreshed(RefreshReply),
    /// To everything else.
    Nothing(Nothing),
}

impl ReplyData {
    /// The schema of the data of the reply to a command.
    #[must_use]
    pub fn schema(command: &str) -> DataSchema {
        match command {
            "session:hello" => DataSchema::of::<SessionReply>(),
            "conversation:subscribe" => DataSchema::of::<SubscribeReply>(),
            "conversation:message" => DataSchema::of::<SentReply>(),
            "conversation:read" => DataSchema::of::<MarkReply>(),
            "conversation:delivered" => DataSchema::of::<DeliveredReply>(),
            "session:refresh" => DataSchema::of::<RefreshReply>(),
            _ => DataSchema::of::<Nothing>(),
        }
    }

    /// Reads the data of the reply to a command.
    ///
    /// # Errors
    /// It is not what that command is answered with.
    pub fn read(command: &str, data: serde_json::Value) -> Result<Self, serde_json::Error> {
        Ok(match command {
            "session:hello" => Self::Session(serde_json::from_value(data)?),
            "conversation:subscribe" => Self::Subscribed(serde_json::from_value(data)?),
            "conversation:message" => Self::Sent(serde_json::from_value(data)?),
            "conversation:read" => Self::Marked(serde_json::from_value(data)?),
            "conversation:delivered" => Self::Delivered(serde_json::from_value(data)?),
            "session:refresh" => Self::Refreshed(serde_json::from_value(data)?),
            _ => Self::Nothing(serde_json::from_value(data)?),
        })
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// The stable word for programs.
    pub code: Code,
    /// What happened and what to do next.
    #[schema(example = "Slow down")]
    pub message: String,
    /// For invalid input: which fields and why.
    #[serde(default)]
    pub details: Vec<FieldError>,
    /// Whether the same command may succeed later.
    pub retryable: bool,
    /// After how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_500, nullable = false)]
    pub retry_after_ms: Option<u64>,
    /// With `unsupported_protocol`: the versions that the server speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub supported: Option<Vec<u32>>,
}

impl ErrorBody {
    /// A refusal of a kind.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let supported = (code == Code::UnsupportedProtocol).then(|| vec![VERSION]);
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
            retryable: code.is_retryable(),
            retry_after_ms: None,
            supported,
        }
    }

    /// Too much at once.
    #[must_use]
    pub fn rate_limited(wait: Duration) -> Self {
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        Self {
            retry_after_ms: Some(wait),
            ..Self::new(Code::RateLimited, "Slow down: too much at once.")
        }
    }
}

impl From<Problem> for ErrorBody {
    fn from(problem: Problem) -> Self {
        let retry_after_ms = problem.retry_after.map(|seconds| seconds.saturating_mul(1_000));
        Self {
            details: problem.errors,
            retry_after_ms,
            ..Self::new(problem.code, problem.detail)
        }
    }
}

/// The one reply to a command, or an error that belongs to none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplyFrame {
    /// The command's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Whether it was done.
    pub ok: bool,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<ReplyData>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
}

impl ReplyFrame {
    /// The reply to a command.
    #[must_use]
    pub fn new(reply_to: Option<String>, result: Result<ReplyData, ErrorBody>) -> Self {
        match result {
            Ok(data) => Self {
                reply_to,
                ok: true,
                data: Some(data),
                error: None,
            },
            Err(error) => Self {
                reply_to,
                ok: false,
                data: None,
                error: Some(error),
            },
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
