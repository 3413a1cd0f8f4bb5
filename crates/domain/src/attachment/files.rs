//! Where the bytes are, what they are, and who may fetch them.

use super::model::FileName;
use crate::clock::Timestamp;
use crate::id::{AttachmentId, FileKey};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

/// The place where files are kept failed; the cause is in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FileError(pub String);

/// A file's bytes, a piece at a time.
pub type Chunks = BoxStream<'static, Result<Bytes, FileError>>;

/// A file as it is kept.
pub struct StoredFile {
    /// Its bytes in all.
    pub size: u64,
    /// They themselves.
    pub chunks: Chunks,
}

/// A file that is being written. Dropped before [`Self::finish`], nothing of it stays.
#[async_trait]
pub trait FileSink: Send {
    /// Adds bytes.
    async fn write(&mut self, chunk: Bytes) -> Result<(), FileError>;
    /// Makes the file durable, and only then visible under its key.
    async fn finish(self: Box<Self>) -> Result<(), FileError>;
}

/// Keeps files under random keys.
#[async_trait]
pub trait FileStore: Send + Sync {
    /// Begins a file.
    async fn create(&self, key: FileKey) -> Result<Box<dyn FileSink>, FileError>;
    /// Opens a file; `None` if there is none.
    async fn open(&self, key: FileKey) -> Result<Option<StoredFile>, FileError>;
    /// Removes a file; one that is not there is fine.
    async fn delete(&self, key: FileKey) -> Result<(), FileError>;
}

/// A file on a server that a caller named.
pub struct RemoteFile {
    /// What its address calls it.
    pub name: FileName,
    /// Its bytes in all, if the server says so.
    pub size: Option<u64>,
    /// They themselves. An error ends them.
    pub chunks: Chunks,
}

/// Why a file on another server is not fetched. The words are shown to the caller: they tell nothing about the network behind us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RemoteFileError {
    /// The text is no address of a file.
    #[error("must be an http or https address, without user and password")]
    Address,
    /// Nothing comes from there, or nothing may be fetched from there.
    #[error("cannot be fetched: its server does not answer")]
    Unreached,
    /// The server answers with something else than a file.
    #[error("cannot be fetched: its server answers with status {0}")]
    Status(u16),
}

/// Fetches files from addresses that callers name, and only from the public network. Redirects are not followed.
#[async_trait]
pub trait RemoteFiles: Send + Sync {
    /// Begins to fetch one. The whole of it must come within a minute; how much of it is taken is the caller's to limit.
    async fn fetch(&self, url: &str) -> Result<RemoteFile, RemoteFileError>;
}

/// What the first bytes of a file say that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent {
    /// The media type.
    pub mime: String,
    /// Pixels, if it is a picture.
    pub width: Option<u32>,
    /// Pixels, if it is a picture.
    pub height: Option<u32>,
}

/// Tells what a file is by its content, never by its name alone.
pub trait ContentTypes: Send + Sync {
    /// What the first bytes (64 KiB, or all) say. The name only tells kinds of plain text apart. `None`: nothing that is known.
    fn inspect(&self, head: &[u8], name: &str) -> Option<FileContent>;
}

/// Signs links to files with the server's key.
pub trait LinkSigner: Send + Sync {
    /// What a link to a file that ends then carries as proof.
    fn sign(&self, file: AttachmentId, expires_at: Timestamp) -> String;
    /// Whether the proof is right, compared in constant time. Whether it has ended is the caller's to see.
    fn is_signed(&self, file: AttachmentId, expires_at: Timestamp, signature: &str) -> bool;
}
