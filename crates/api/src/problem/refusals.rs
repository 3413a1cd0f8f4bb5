//! Each refusal of the domain as a problem, in a `match` without `_`.

use super::{Code, Problem};
use parlor_domain::agent::{AgentError, AuthError, AuthenticationError, SellerError, SetupError};
use parlor_domain::article::ArticleError;
use parlor_domain::channel::ChannelError;
use parlor_domain::conversation::{AssignError, BeginError, CommandError, ReadError, SaveError};
use parlor_domain::realtime::TicketError;
use parlor_domain::security::SecurityError;
use parlor_domain::session::SessionError;
use parlor_domain::store::RepositoryError;
use parlor_domain::visitor::{IdentifyError, VisitorError};
use parlor_domain::whatsapp::OpenError;
use parlor_domain::workspace::WorkspaceError;

impl From<RepositoryError> for Problem {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Unavailable(cause) => {
                tracing::warn!(cause, "the database is not available");
                Self::new(
                    Code::Unavailable,
                    "The database is not available right now; repeat the call with the same client id.",
                )
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
            CommandError::ClientIdReused => Self::new(
                Code::Conflict,
                "This client id was used for another message; give every new message its own client id.",
            ),
            CommandError::WindowClosed => Self::new(
                Code::WhatsappWindowClosed,
                "The customer has not written for 24 hours, so WhatsApp takes only a template now; send one, or wait until the customer writes.",
            ),
            CommandError::AttachmentUnknown => Self::field(
                "attachment_ids",
                "must be files that you uploaded for this conversation within a day and have not sent; upload them again",
            ),
            CommandError::HandlerChanged => Self::new(Code::Conflict, "Somebody else handles the conversation now; load it again."),
            CommandError::Conflict(why) => Self::new(Code::Conflict, format!("Not possible now: {why}.")),
            CommandError::Busy => Self::new(Code::Unavailable, "The server is busy; repeat the call with the same client id."),
            CommandError::Unavailable => Self::new(
                Code::Unavailable,
                "The database is not available right now; repeat the call with the same client id.",
            ),
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

impl From<SaveError> for Problem {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::IdTaken => Self::new(Code::IdTaken, "This id belongs to a conversation of other people; choose another one."),
            SaveError::SellerMissing => Self::field("sellerId", "is required when a conversation begins"),
            SaveError::Seller(SellerError::Repository(error)) => error.into(),
            SaveError::Seller(SellerError::NoEmail | SellerError::EmailTaken | SellerError::Deactivated) => Self::field("sellerId", "is nobody who sells here"),
            SaveError::CustomerBegins => Self::new(
                Code::Forbidden,
                "Not allowed: a conversation begins with its customer; as its seller you save those that are known.",
            ),
            SaveError::Message(place, error) => Self::field(&format!("messages[{place}].text"), error.to_string()),
            SaveError::Begin(error) => error.into(),
            SaveError::Command(error) => error.into(),
            SaveError::Repository(error) => error.into(),
        }
    }
}

impl From<SellerError> for Problem {
    fn from(error: SellerError) -> Self {
        match error {
            SellerError::NoEmail => Self::new(
                Code::Forbidden,
                "Sellers are known by a verified e-mail address, and the token has none: log in with a token that has `email`.",
            ),
            SellerError::EmailTaken => Self::new(
                Code::Forbidden,
                "The e-mail address of the token belongs to somebody else here; ask an admin of the workspace.",
            ),
            SellerError::Deactivated => Self::unauthenticated(),
            SellerError::Repository(error) => error.into(),
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
            VisitorError::NotFound => Self::new(
                Code::VisitorNotFound,
                "There is no such visitor. Create one with POST /api/chats/visitors/ (STEP 1).",
            ),
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
            IdentifyError::OtherIdentity => Self::new(
                Code::IdentityConflict,
                "This visitor is verified as somebody else; create a new visitor for the new person.",
            ),
            IdentifyError::Repository(error) => error.into(),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound => Self::new(
                Code::SessionNotFound,
                "There is no such session. Create one with POST /api/chats/sessions/ (STEP 2).",
            ),
            SessionError::VisitorMismatch => Self::new(
                Code::VisitorMismatch,
                "This session belongs to another visitor; use the visitor that created it.",
            ),
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
            ChannelError::Changed => Self::new(
                Code::Conflict,
                "Somebody else changed the same settings meanwhile; load them and repeat the call.",
            ),
            ChannelError::NumberTaken => Self::new(
                Code::Conflict,
                "Another channel of this server is this WhatsApp number already; change that channel, or delete it first.",
            ),
            ChannelError::NumberFixed => Self::field(
                "whatsapp.phone_number_id",
                "cannot be changed, since this channel's conversations go over that number; make another channel for another number",
            ),
            ChannelError::NumberMissing => Self::field("whatsapp", "is required for a channel of kind whatsapp, and for no other kind"),
            ChannelError::LastWebChannel => Self::new(Code::Conflict, "This is the last web channel of the workspace; create another one first."),
            ChannelError::Security(error) => error.into(),
            ChannelError::Repository(error) => error.into(),
        }
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::UnknownNumber => Self::new(
                Code::NotFound,
                "There is no such WhatsApp number here; an admin adds numbers as channels of kind whatsapp.",
            ),
            OpenError::Template(error) => Self::field("template", error.to_string()),
            OpenError::Command(error) => error.into(),
            OpenError::Repository(error) => error.into(),
        }
    }
}

impl From<ArticleError> for Problem {
    fn from(error: ArticleError) -> Self {
        match error {
            ArticleError::NotFound => Self::not_found("article"),
            ArticleError::SlugTaken => Self::new(Code::Conflict, "Another article has this slug; choose another one, or change that article."),
            ArticleError::SlugMissing => Self::field("slug", "is required, since nothing of the title can stand in an address"),
            ArticleError::Repository(error) => error.into(),
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
            AgentError::Taken => Self::new(
                Code::Conflict,
                "Another agent of this server has this e-mail address, user name or external id.",
            ),
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
            AuthenticationError::Expired => Self::new(
                Code::Unauthenticated,
                "Authentication required: the token has expired; refresh it or log in again.",
            ),
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
            AuthError::NoPassword => Self::new(
                Code::Forbidden,
                "This login has no password: it came by a token of the host site or an API key.",
            ),
            AuthError::Security(error) => error.into(),
            AuthError::Repository(error) => error.into(),
        }
    }
}

impl From<SetupError> for Problem {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::InvalidLink => Self::field(
                "token",
                "is not valid any more; ask an admin for a new invitation, or restart the server for a new first-owner link",
            ),
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
    Problem::new(
        Code::Conflict,
        "This Idempotency-Key was used for another request; give every new request its own key.",
    )
}

fn identity_required() -> Problem {
    Problem::new(
        Code::Forbidden,
        "This channel wants visitors to identify themselves: call POST /api/chats/visitors/{id}/identify/ with a token of the host site first.",
    )
}
