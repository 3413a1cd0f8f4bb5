use crate::store::RepositoryError;

/// Why a command of a conversation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such conversation for this caller.
    #[error("no such conversation")]
    ConversationNotFound,
    /// There is no such message for this caller.
    #[error("no such message")]
    MessageNotFound,
    /// The message that is answered is not in this conversation.
    #[error("the message in reply_to is not in this conversation")]
    ReplyToUnknown,
    /// The caller sees it but may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The client id was used for another content.
    #[error("this client id was used for another message")]
    ClientIdReused,
    /// On WhatsApp: the customer has not written for a day.
    #[error("the customer has not written for 24 hours, so WhatsApp takes only a template now; send one, or wait until the customer writes")]
    WindowClosed,
    /// A file in `attachment_ids` is not this caller's to send here.
    #[error("a file in attachment_ids is unknown, was sent before, or was not uploaded by you for this conversation; upload it again")]
    AttachmentUnknown,
    /// The assistant was about to answer, and the conversation is not its own any more.
    #[error("somebody else handles the conversation now")]
    HandlerChanged,
    /// The state of the conversation forbids it.
    #[error("{0}")]
    Conflict(&'static str),
    /// More is waiting than the server takes.
    #[error("the server has more to do than it takes; repeat with the same client id")]
    Busy,
    /// The database does not answer. Whether the command was stored is not known.
    #[error("the database is not available; repeat with the same client id")]
    Unavailable,
    /// The database refused; the cause is in the log.
    #[error("the command could not be stored")]
    Failed,
}

impl From<RepositoryError> for CommandError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Unavailable(_) => Self::Unavailable,
            RepositoryError::Conflict | RepositoryError::Failed(_) => Self::Failed,
        }
    }
}

/// Why a conversation could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// There is no such conversation for this caller.
    #[error("no such conversation")]
    NotFound,
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}
