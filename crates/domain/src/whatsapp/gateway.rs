//! The platform as we need it.

use super::incoming::MediaKind;
use super::numbers::Number;
use super::outgoing::OutgoingMessage;
use crate::attachment::{Chunks, FileName};
use async_trait::async_trait;

/// What the platform objects to, in its words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphError {
    /// Its code: what is decided by. 0 if there was none.
    pub code: i64,
    /// What it says, without secrets.
    pub message: String,
    /// Whether it was no answer of the platform's own: HTTP 5xx, or not JSON.
    pub foreign: bool,
}

/// Why a request did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendFailure {
    /// The platform said no, so it surely did not take it.
    Refused(GraphError),
    /// It was never reached: the request was not written.
    Unreached(String),
    /// The request was written, and what became of it is not known.
    Unknown(String),
}

impl SendFailure {
    /// The words, for logs and agents.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Refused(error) => format!("({}) {}", error.code, error.message),
            Self::Unreached(words) | Self::Unknown(words) => words.clone(),
        }
    }
}

/// What a request to the platform gave.
pub type Answered<T> = Result<T, SendFailure>;

/// A message that the platform took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What it calls it.
    pub external_id: String,
}

/// A file that shall go out.
pub struct FileToSend {
    /// What it is called.
    pub name: FileName,
    /// Its media type.
    pub mime: String,
    /// As what it goes.
    pub kind: MediaKind,
    /// Its bytes in all.
    pub size: u64,
    /// They themselves.
    pub chunks: Chunks,
}

/// A file that comes in.
pub struct IncomingMedia {
    /// The media type that the platform names.
    pub mime: Option<String>,
    /// SHA-256 of the bytes, if the platform names it.
    pub sha256: Option<[u8; 32]>,
    /// Its bytes in all, if the platform names them.
    pub size: Option<u64>,
    /// They themselves. An error ends them.
    pub chunks: Chunks,
}

/// What the platform says about a number of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberFacts {
    /// The number as people write it.
    pub display_phone: Option<String>,
    /// The name that customers see.
    pub verified_name: Option<String>,
    /// How the platform rates it.
    pub quality: Option<String>,
}

/// The WhatsApp Business Cloud API. One call is one request: repeating is the caller's to decide.
#[async_trait]
pub trait WhatsappGateway: Send + Sync {
    /// Sends a message.
    async fn send(&self, number: &Number, message: &OutgoingMessage) -> Answered<Accepted>;
    /// Takes a file up; answers what the platform calls it, good for 30 days.
    async fn upload(&self, number: &Number, file: FileToSend) -> Answered<String>;
    /// Brings a file down: asks where it is, and fetches it from there, from the platform's own hosts only.
    async fn download(&self, number: &Number, media_id: &str) -> Answered<IncomingMedia>;
    /// Shows the customer that a message and all before it are read; with `typing`, also that somebody writes.
    async fn mark_read(&self, number: &Number, external_id: &str, typing: bool) -> Answered<()>;
    /// Asks for the number itself: whether the set-up works.
    async fn check(&self, number: &Number) -> Answered<NumberFacts>;
}
