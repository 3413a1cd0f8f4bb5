//! The stable words.

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The stable word for a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The input breaks a rule; `errors` names the fields.
    InvalidInput,
    /// A session needs a visitor: call STEP 1 first.
    VisitorRequired,
    /// A short chat id that nothing has needs a visitor: call `/api/users/data` first.
    ChatUnknown,
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
    /// The client's id of a conversation belongs to other people.
    IdTaken,
    /// The visitor is verified as somebody else.
    IdentityConflict,
    /// The session has ended.
    SessionEnded,
    /// The customer has not written for a day: only a template may be sent.
    WhatsappWindowClosed,
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
    pub const ALL: [Self; 22] = [
        Self::InvalidInput,
        Self::VisitorRequired,
        Self::ChatUnknown,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::VisitorMismatch,
        Self::NotFound,
        Self::VisitorNotFound,
        Self::SessionNotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::IdTaken,
        Self::IdentityConflict,
        Self::SessionEnded,
        Self::WhatsappWindowClosed,
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
            Self::ChatUnknown => "chat_unknown",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::VisitorMismatch => "visitor_mismatch",
            Self::NotFound => "not_found",
            Self::VisitorNotFound => "visitor_not_found",
            Self::SessionNotFound => "session_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::IdTaken => "id_taken",
            Self::IdentityConflict => "identity_conflict",
            Self::SessionEnded => "session_ended",
            Self::WhatsappWindowClosed => "whatsapp_window_closed",
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
            Self::InvalidInput | Self::VisitorRequired | Self::ChatUnknown | Self::UnknownEvent | Self::UnsupportedProtocol => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::VisitorMismatch => StatusCode::FORBIDDEN,
            Self::NotFound | Self::VisitorNotFound | Self::SessionNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict | Self::IdTaken | Self::IdentityConflict | Self::SessionEnded | Self::WhatsappWindowClosed => StatusCode::CONFLICT,
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

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::InvalidInput => "Invalid input",
            Self::VisitorRequired => "A visitor is required",
            Self::ChatUnknown => "Unknown chat",
            Self::Unauthenticated => "Authentication required",
            Self::Forbidden => "Not allowed",
            Self::VisitorMismatch => "Another visitor's session",
            Self::NotFound => "Not found",
            Self::VisitorNotFound => "Visitor not found",
            Self::SessionNotFound => "Session not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::Conflict => "Conflict",
            Self::IdTaken => "Id taken",
            Self::IdentityConflict => "Verified as somebody else",
            Self::SessionEnded => "Session ended",
            Self::WhatsappWindowClosed => "WhatsApp window closed",
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
