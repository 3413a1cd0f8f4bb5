//! The port to a model server: one question in, one answer out, piece by piece.

use crate::text::Metadata;
use async_trait::async_trait;
use std::fmt;
use std::time::Duration;

/// The key of a model server. Never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ModelKey(String);

impl ModelKey {
    /// Takes a key; an empty one is none.
    #[must_use]
    pub fn new(plain: &str) -> Option<Self> {
        let plain = plain.trim();
        (!plain.is_empty()).then(|| Self(plain.to_owned()))
    }

    /// The plain key, for the request and for its encryption.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ModelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModelKey(…)")
    }
}

/// How long is waited for a model server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelPatience {
    /// For a connection.
    pub connect: Duration,
    /// For the first piece of an answer.
    pub first: Duration,
    /// Between two pieces.
    pub between: Duration,
    /// For the whole answer.
    pub whole: Duration,
}

impl Default for ModelPatience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first: Duration::from_secs(30),
            between: Duration::from_secs(30),
            whole: Duration::from_secs(120),
        }
    }
}

/// Which model is asked, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelServer {
    /// Where it is; ends in `/v1` with most servers. `chat/completions` is added.
    pub base_url: String,
    /// The operator named it in the environment, so it may be in a private network.
    pub by_operator: bool,
    /// The model's name.
    pub model: String,
    /// Sent as bearer token; without it no `Authorization` header is sent.
    pub api_key: Option<ModelKey>,
    /// How freely it answers; without it the server's own default.
    pub temperature: Option<f64>,
    /// The most tokens of an answer.
    pub max_tokens: Option<u32>,
    /// Whether [`Self::max_tokens`] goes as `max_completion_tokens` instead of `max_tokens`.
    pub max_completion_tokens: bool,
    /// Whether the server is asked for its count of tokens; some refuse the question.
    pub include_usage: bool,
    /// Whether it is offered the tool to ask for a person; models that know no tools refuse the question.
    pub handover_tool: bool,
    /// Further fields of the request.
    pub extra_body: Option<Metadata>,
    /// How long is waited for it.
    pub patience: ModelPatience,
}

/// Who says a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnRole {
    /// The visitor.
    User,
    /// Our side.
    Assistant,
}

/// One turn of the conversation as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who.
    pub role: TurnRole,
    /// What.
    pub text: String,
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelQuestion {
    /// Which model.
    pub server: ModelServer,
    /// The operator's words. Nothing that a visitor wrote is in them.
    pub system: String,
    /// The conversation, oldest first.
    pub turns: Vec<Turn>,
}

/// Why an answer ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// It is whole.
    Complete,
    /// A limit cut it: the server's or ours.
    Length,
    /// The server kept it back.
    Filtered,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelEvent {
    /// More text, never empty.
    Text(String),
    /// It asks for a person (tool `handover`).
    Handover {
        /// Why, in the model's words: untrusted text for agents.
        reason: Option<String>,
    },
    /// What it cost.
    Usage {
        /// Tokens of the question.
        input: u64,
        /// Tokens of the answer.
        output: u64,
    },
    /// The end; always the last event of an answer that did not fail.
    Finished(FinishReason),
}

/// Why there is no answer, or no more of it. The words never hold a key or anything of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelFailure {
    /// The server does not let us in or does not know the address or model (401, 403, 404).
    #[error("the model server refuses us (HTTP {0}): check base_url, model and api_key")]
    NotAllowed(u16),
    /// The server does not take the request (other 4xx).
    #[error("the model server does not take the request (HTTP {0})")]
    Refused(u16),
    /// The server cannot answer right now (429, 5xx).
    #[error("the model server cannot answer right now (HTTP {0})")]
    Overloaded(u16),
    /// No connection.
    #[error("the model server cannot be reached")]
    Unreachable,
    /// The address must not be called.
    #[error("the model server's address is not allowed: it is private, and not among PARLOR_OUTGOING_ALLOW, or not http(s)")]
    Forbidden,
    /// It took too long.
    #[error("the model server took too long")]
    TooSlow,
    /// The answer ended before its end, or cannot be read.
    #[error("the model server's answer broke off")]
    BrokeOff,
    /// It failed too often lately and is left alone for a while.
    #[error("the model server failed too often and is left alone for half a minute")]
    Resting,
}

/// How a model server does, as this node saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModelHealth {
    /// Not asked yet.
    #[default]
    Unknown,
    /// The last answer came.
    Healthy,
    /// The last try failed.
    Failing(ModelFailure),
}

/// Asks a model. Retries, time limits, the breaker and the dialects of servers are the adapter's.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// Asks, and returns with the answer's first piece ready. Dropping the future gives up.
    ///
    /// # Errors
    /// Why there is no answer, after all repeats.
    async fn ask(&self, question: ModelQuestion) -> Result<Box<dyn ModelAnswer>, ModelFailure>;

    /// How a server does.
    fn health(&self, server: &ModelServer) -> ModelHealth;
}

/// An answer on its way. Dropping it closes the connection, so that the server stops working.
#[async_trait]
pub trait ModelAnswer: Send {
    /// The next piece; `None` after [`ModelEvent::Finished`] or a failure.
    async fn next(&mut self) -> Option<Result<ModelEvent, ModelFailure>>;
}
