//! Fakes for files: where they are, what they are, and who may fetch them.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use parlor_domain::attachment::{ContentTypes, FileContent, FileError, FileSink, FileStore, LinkSigner, StoredFile};
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{AttachmentId, FileKey};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long the pieces are in which a file is read.
const PIECE: usize = 1024;

#[derive(Debug, Default)]
struct Kept {
    files: Mutex<HashMap<FileKey, Bytes>>,
    fails: AtomicBool,
}

impl Kept {
    fn files(&self) -> MutexGuard<'_, HashMap<FileKey, Bytes>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn works(&self) -> Result<(), FileError> {
        if self.fails.load(Ordering::SeqCst) {
            Err(FileError("the disk is full".to_owned()))
        } else {
            Ok(())
        }
    }
}

/// Keeps files in memory. Clones are the same store.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles(Arc<Kept>);

impl MemoryFiles {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on everything fails, or works again.
    pub fn fail(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::SeqCst);
    }

    /// A file's bytes.
    #[must_use]
    pub fn get(&self, key: FileKey) -> Option<Bytes> {
        self.0.files().get(&key).cloned()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.files().len()
    }
}

#[async_trait]
impl FileStore for MemoryFiles {
    async fn create(&self, key: FileKey) -> Result<Box<dyn FileSink>, FileError> {
        self.0.works()?;
        Ok(Box::new(Sink {
            key,
            written: BytesMut::new(),
            kept: Arc::clone(&self.0),
        }))
    }

    async fn open(&self, key: FileKey) -> Result<Option<StoredFile>, FileError> {
        self.0.works()?;
        Ok(self.get(key).map(|bytes| StoredFile {
            size: bytes.len() as u64,
            chunks: futures_util::stream::iter(pieces(bytes)).map(Ok).boxed(),
        }))
    }

    async fn delete(&self, key: FileKey) -> Result<(), FileError> {
        self.0.works()?;
        self.0.files().remove(&key);
        Ok(())
    }
}

fn pieces(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| bytes.split_to(PIECE.min(bytes.len()))))
}

struct Sink {
    key: FileKey,
    written: BytesMut,
    kept: Arc<Kept>,
}

#[async_trait]
impl FileSink for Sink {
    async fn write(&mut self, chunk: Bytes) -> Result<(), FileError> {
        self.kept.works()?;
        self.written.extend_from_slice(&chunk);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), FileError> {
        self.kept.works()?;
        self.kept.files().insert(self.key, self.written.freeze());
        Ok(())
    }
}

/// Knows PNG, JPEG and PDF by their first bytes, and text by being UTF-8 without NUL.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeContentTypes;

impl ContentTypes for FakeContentTypes {
    fn inspect(&self, head: &[u8], name: &str) -> Option<FileContent> {
        let plain = |mime: &str| FileContent {
            mime: mime.to_owned(),
            width: None,
            height: None,
        };
        if head.starts_with(b"\x89PNG\r\n\x1a\n") {
            let side = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
            return Some(FileContent {
                width: side(16),
                height: side(20),
                ..plain("image/png")
            });
        }
        if head.starts_with(b"\xff\xd8\xff") {
            return Some(plain("image/jpeg"));
        }
        if head.starts_with(b"%PDF-") {
            return Some(plain("application/pdf"));
        }
        // The head of a longer file may end within a character.
        let is_text = match std::str::from_utf8(head) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        };
        let mime = if name.ends_with(".csv") { "text/csv" } else { "text/plain" };
        (is_text && !head.contains(&0)).then(|| plain(mime))
    }
}

/// Signs with words that can be read. For tests only.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeLinkSigner;

impl LinkSigner for FakeLinkSigner {
    fn sign(&self, file: AttachmentId, expires_at: Timestamp) -> String {
        format!("signed-{file}-{}", expires_at.millis())
    }

    fn is_signed(&self, file: AttachmentId, expires_at: Timestamp, signature: &str) -> bool {
        self.sign(file, expires_at) == signature
    }
}
