//! What a refusal looks like: RFC 9457 problem details with a stable `code`, the same over HTTP and on sockets.
//!
//! Each error of the domain is turned into one here, in a `match` without `_`: a new refusal does not compile until
//! somebody picks its status. Causes go to the log, once, here; clients see only our words.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, ResponseError};
use parlor_domain::agent::{AgentError, AuthError, AuthenticationError, SetupError};
use parlor_domain::channel::ChannelError;
use parlor_domain::conversation::{AssignError, BeginError, CommandError, ReadError};
use parlor_domain::realtime::TicketError;
use parlor_domain::security::SecurityError;
use parlor_domain::session::SessionError;
use parlor_domain::store::RepositoryError;
use parlor_domain::visitor::{IdentifyError, VisitorError};
use parlor_domain::workspace::WorkspaceError;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// The stable word for a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The input breaks a rule; `errors` names the fields.
    InvalidInput,
    /// A session needs a visitor: call STEP 1 first.
    VisitorRequired,
    /// Nobody is logged in, or not any more.
    Unauthenticated,
    /// Logged in, but without the right.
    Forbidden,
    /// The session belongs to another visitor.
    VisitorMismatch,
    /// There is no such thing for this caller.
    NotFound,
    /// There is no such visitor.
    VisitorNotFound,
    /// There is no such session.
    SessionNotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The state forbids it.
    Conflict,
    /// The visitor is verified as somebody else.
    IdentityConflict,
    /// The session has ended.
    SessionEnded,
    /// More bytes than allowed.
    TooLarge,
    /// Another content type is wanted.
    UnsupportedMediaType,
    /// Too many of these.
    RateLimited,
    /// Our fault.
    Internal,
    /// Not now.
    Unavailable,
    /// Sockets only: no such event.
    UnknownEvent,
    /// Sockets only: no such protocol version.
    UnsupportedProtocol,
}

impl Code {
    /// All of them, for documents and tests.
    pub const ALL: [Self; 19] = [
        Self::InvalidInput,
        Self::VisitorRequired,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::VisitorMismatch,
        Self::NotFound,
        Self::VisitorNotFound,
        Self::SessionNotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::IdentityConflict,
        Self::SessionEnded,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
        Self::UnknownEvent,
        Self::UnsupportedProtocol,
    ];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::VisitorRequired => "visitor_required",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::VisitorMismatch => "visitor_mismatch",
            Self::NotFound => "not_found",
            Self::VisitorNotFound => "visitor_not_found",
            Self::SessionNotFound => "session_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::IdentityConflict => "identity_conflict",
            Self::SessionEnded => "session_ended",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::UnknownEvent => "unknown_event",
            Self::UnsupportedProtocol => "unsupported_protocol",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidInput | Self::VisitorRequired | Self::UnknownEvent | Self::UnsupportedProtocol => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::VisitorMismatch => StatusCode::FORBIDDEN,
            Self::NotFound | Self::VisitorNotFound | Self::SessionNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict | Self::IdentityConflict | Self::SessionEnded => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Internal | Self::Unavailable)
    }

    const fn title(self) -> &'static str {
        match self {
            Self::InvalidInput => "Invalid input",
            Self::VisitorRequired => "A visitor is required",
            Self::Unauthenticated => "Authentication required",
            Self::Forbidden => "Not allowed",
            Self::VisitorMismatch => "Another visitor's session",
            Self::NotFound => "Not found",
            Self::VisitorNotFound => "Visitor not found",
            Self::SessionNotFound => "Session not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::Conflict => "Conflict",
            Self::IdentityConflict => "Verified as somebody else",
            Self::SessionEnded => "Session ended",
            Self::TooLarge => "Too large",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::RateLimited => "Too many requests",
            Self::Internal => "Internal error",
            Self::Unavailable => "Unavailable",
            Self::UnknownEvent => "Unknown event",
            Self::UnsupportedProtocol => "Unsupported protocol",
        }
    }
}

/// What is wrong with one field of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The field, with dots and brackets for what lies inside.
    #[schema(example = "message")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must not be empty")]
    pub detail: String,
}

/// A refusal, as its caller sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemBody {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "about:blank#not_found")]
    pub kind: String,
    /// The kind in words.
    #[schema(example = "Not found")]
    pub title: String,
    /// The HTTP status again.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened and what to do next.
    #[schema(example = "There is no such room. Create one with POST /api/public/chat-rooms/.")]
    pub detail: String,
    /// The stable word for programs.
    pub code: Code,
    /// For invalid input: which fields and why.
    pub errors: Vec<FieldError>,
    /// Names the request in the server's log.
    #[schema(example = "018f6a3e-5b1c-7000-8000-000000000001")]
    pub request_id: Option<String>,
    /// Always false, for callers that look at nothing else.
    #[schema(example = false)]
    pub success: bool,
    /// Only where a family's contract has it beside a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub data: Option<serde_json::Value>,
}

/// A refusal on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The kind.
    pub code: Code,
    /// What happened and what to do next.
    pub detail: String,
    /// Which fields and why.
    pub errors: Vec<FieldError>,
    /// Seconds after which a repeat makes sense.
    pub retry_after: Option<u64>,
    /// The methods that the path has.
    pub allow: Option<String>,
    /// What a family's contract has beside the refusal.
    pub data: Option<serde_json::Value>,
}

impl Problem {
    /// A refusal of a kind.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after = (code == Code::Unavailable).then_some(1);
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after, allow: None, data: None }
    }

    /// One field is wrong.
    #[must_use]
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { field: field.to_owned(), detail: detail.into() }])
    }

    /// Some fields are wrong.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let names = errors.iter().map(|error| format!("{} {}", error.field, error.detail)).collect::<Vec<_>>().join("; ");
        Self { errors, ..Self::new(Code::InvalidInput, format!("Correct the input: {names}.")) }
    }

    /// Nobody is logged in.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "Authentication required: send a valid credential as `Authorization: Bearer …`.")
    }

    /// There is no such thing for this caller.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}, or it is not yours."))
    }

    /// Too many; try again after a while.
    #[must_use]
    pub fn rate_limited(seconds: u64) -> Self {
        let seconds = seconds.max(1);
        let retry_after = Some(seconds);
        Self { retry_after, ..Self::new(Code::RateLimited, format!("Too many requests; try again in {seconds} s.")) }
    }

    /// Our fault. The cause goes to the log and not to the caller.
    #[must_use]
    pub fn internal(cause: &dyn fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(Code::Internal, "The server failed; nothing was stored, or the same call with the same client id can be repeated safely.")
    }

    /// The same with data that a family's contract has beside it.
    #[must_use]
    pub fn with_data(self, data: serde_json::Value) -> Self {
        Self { data: Some(data), ..self }
    }

    /// As JSON, for the given request.
    #[must_use]
    pub fn body(&self, request_id: Option<String>) -> ProblemBody {
        ProblemBody {
            kind: format!("about:blank#{}", self.code.as_str()),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            code: self.code,
            errors: self.errors.clone(),
            request_id,
            success: false,
            data: self.data.clone(),
        }
    }

    /// As HTTP answer. The request id is put in by [`crate::request_id`], which sees every answer.
    #[must_use]
    pub fn response(&self, request_id: Option<String>) -> HttpResponse {
        let mut response = HttpResponse::build(self.code.status());
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(methods) = &self.allow {
            response.insert_header((header::ALLOW, methods.as_str()));
        }
        if self.code == Code::Unauthenticated {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.body(serde_json::to_vec(&self.body(request_id)).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.response(crate::request_id::current())
    }
}

impl From<RepositoryError> for Problem {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Unavailable(cause) => {
                tracing::warn!(cause, "the database is not available");
                Self::new(Code::Unavailable, "The database is not available right now; repeat the call with the same client id.")
            }
            RepositoryError::Conflict | RepositoryError::Failed(_) => Self::internal(&error),
        }
    }
}

impl From<SecurityError> for Problem {
    fn from(error: SecurityError) -> Self {
        Self::internal(&error)
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::ConversationNotFound => Self::not_found("conversation"),
            CommandError::MessageNotFound => Self::not_found("message"),
            CommandError::ReplyToUnknown => Self::field("reply_to", "must be a message of this conversation"),
            CommandError::Forbidden(why) => Self::new(Code::Forbidden, format!("Not allowed: {why}.")),
            CommandError::ClientIdReused => {
                Self::new(Code::Conflict, "This client id was used for another message; give every new message its own client id.")
            }
            CommandError::Conflict(why) => Self::new(Code::Conflict, format!("Not possible now: {why}.")),
            CommandError::Busy => Self::new(Code::Unavailable, "The server is busy; repeat the call with the same client id."),
            CommandError::Unavailable => Self::new(Code::Unavailable, "The database is not available right now; repeat the call with the same client id."),
            CommandError::Failed => Self::internal(&error),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound => Self::not_found("conversation"),
            ReadError::Repository(error) => error.into(),
        }
    }
}

impl From<AssignError> for Problem {
    fn from(error: AssignError) -> Self {
        match error {
            AssignError::AgentNotFound => Self::field("assignee_id", "must be an active agent of this workspace"),
            AssignError::Command(error) => error.into(),
            AssignError::Repository(error) => error.into(),
        }
    }
}

impl From<VisitorError> for Problem {
    fn from(error: VisitorError) -> Self {
        match error {
            VisitorError::NotFound => Self::new(Code::VisitorNotFound, "There is no such visitor. Create one with POST /api/chats/visitors/ (STEP 1)."),
            VisitorError::KeyReused => key_reused(),
            VisitorError::Security(error) => error.into(),
            VisitorError::Repository(error) => error.into(),
        }
    }
}

impl From<IdentifyError> for Problem {
    fn from(error: IdentifyError) -> Self {
        match error {
            IdentifyError::NotFound => VisitorError::NotFound.into(),
            IdentifyError::OtherIdentity => {
                Self::new(Code::IdentityConflict, "This visitor is verified as somebody else; create a new visitor for the new person.")
            }
            IdentifyError::Repository(error) => error.into(),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound => Self::new(Code::SessionNotFound, "There is no such session. Create one with POST /api/chats/sessions/ (STEP 2)."),
            SessionError::VisitorMismatch => Self::new(Code::VisitorMismatch, "This session belongs to another visitor; use the visitor that created it."),
            SessionError::Ended => Self::new(Code::SessionEnded, "This session has ended; create a new one with the same conversation_id."),
            SessionError::ConversationNotFound => Self::not_found("conversation"),
            SessionError::IdentityRequired => identity_required(),
            SessionError::KeyReused => key_reused(),
            SessionError::Security(error) => error.into(),
            SessionError::Repository(error) => error.into(),
        }
    }
}

impl From<BeginError> for Problem {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::IdentityRequired => identity_required(),
            BeginError::KeyReused => key_reused(),
            BeginError::Visitor(error) => error.into(),
            BeginError::Message(error) => error.into(),
            BeginError::Security(error) => error.into(),
            BeginError::Repository(error) => error.into(),
        }
    }
}

impl From<ChannelError> for Problem {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::NotFound => Self::not_found("channel"),
            ChannelError::LastWebChannel => Self::new(Code::Conflict, "This is the last web channel of the workspace; create another one first."),
            ChannelError::Repository(error) => error.into(),
        }
    }
}

impl From<WorkspaceError> for Problem {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::NotFound => Self::not_found("workspace"),
            WorkspaceError::NameTaken => Self::new(Code::Conflict, "Another workspace has this name; choose another one."),
            WorkspaceError::Repository(error) => error.into(),
        }
    }
}

impl From<AgentError> for Problem {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::NotFound => Self::not_found("agent"),
            AgentError::Taken => Self::new(Code::Conflict, "Another agent of this server has this e-mail address, user name or external id."),
            AgentError::OwnersOnly => Self::new(Code::Forbidden, "Only an owner may create, change or remove owners."),
            AgentError::LastOwner => Self::new(Code::Conflict, "This is the last owner of the workspace; make another owner first."),
            AgentError::Security(error) => error.into(),
            AgentError::Repository(error) => error.into(),
        }
    }
}

impl From<AuthenticationError> for Problem {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Expired => Self::new(Code::Unauthenticated, "Authentication required: the token has expired; refresh it or log in again."),
            AuthenticationError::Invalid => Self::unauthenticated(),
            AuthenticationError::Repository(error) => error.into(),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::WrongCredentials => Self::new(Code::Unauthenticated, "Authentication required: user name or password is wrong."),
            AuthError::InvalidToken => Self::new(Code::Unauthenticated, "Authentication required: the refresh token is not valid; log in again."),
            AuthError::WrongPassword => Self::field("old", "is not the present password"),
            AuthError::NoPassword => Self::new(Code::Forbidden, "This login has no password: it came by a token of the host site or an API key."),
            AuthError::Security(error) => error.into(),
            AuthError::Repository(error) => error.into(),
        }
    }
}

impl From<SetupError> for Problem {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::InvalidLink => Self::field("token", "is not valid any more; ask an admin for a new invitation, or restart the server for a new first-owner link"),
            SetupError::OtherEmail => Self::field("email", "is not the address that was invited"),
            SetupError::EmailTaken => Self::new(Code::Conflict, "Another agent of this server has this e-mail address."),
            SetupError::Security(error) => error.into(),
            SetupError::Repository(error) => error.into(),
        }
    }
}

impl From<TicketError> for Problem {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::Invalid => Self::unauthenticated(),
            TicketError::Repository(error) => error.into(),
        }
    }
}

fn key_reused() -> Problem {
    Problem::new(Code::Conflict, "This Idempotency-Key was used for another request; give every new request its own key.")
}

fn identity_required() -> Problem {
    Problem::new(Code::Forbidden, "This channel wants visitors to identify themselves: call POST /api/chats/visitors/{id}/identify/ with a token of the host site first.")
}
