use super::files::{ContentTypes, FileError, FileSink, FileStore, StoredFile};
use super::model::{AttachedFile, Attachment, FileName, UNUSED_KEPT, is_allowed};
use crate::clock::Clock;
use crate::conversation::Conversation;
use crate::id::{AttachmentId, FileKey, Ids};
use crate::message::AuthorId;
use crate::store::{RepositoryError, Store};
use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How much of a file is looked at to tell what it is.
const HEAD: usize = 64 * 1024;
/// How many files are removed at a time.
const AT_A_TIME: usize = 100;

/// Why a file was not taken or given.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AttachmentError {
    /// There is no such file for this caller.
    #[error("no such file")]
    NotFound,
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// It is larger than allowed.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// Its content is of no kind that is taken.
    #[error("files of this kind are not taken")]
    Kind,
    /// The place where files are kept failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// A file that comes in.
#[derive(Debug, Clone)]
pub struct NewAttachment {
    /// Its name.
    pub name: FileName,
    /// Who uploads it, and alone may send it.
    pub uploaded_by: AuthorId,
    /// The most bytes it may have.
    pub limit: u64,
}

/// Files of conversations.
pub struct AttachmentService {
    store: Arc<dyn Store>,
    files: Arc<dyn FileStore>,
    types: Arc<dyn ContentTypes>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// A file that is coming in. Dropped before [`Self::finish`], nothing of it stays.
pub struct Upload {
    attachment: Attachment,
    limit: u64,
    size: u64,
    head: BytesMut,
    hash: Sha256,
    sink: Box<dyn FileSink>,
    inspected: bool,
    types: Arc<dyn ContentTypes>,
    store: Arc<dyn Store>,
    files: Arc<dyn FileStore>,
}

impl AttachmentService {
    /// Makes the service.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, files: Arc<dyn FileStore>, types: Arc<dyn ContentTypes>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            store,
            files,
            types,
            clock,
            ids,
        }
    }

    /// Begins to take a file for a conversation. That the caller may write there is the caller's to have seen.
    ///
    /// # Errors
    /// What [`AttachmentError`] says.
    pub async fn begin(&self, conversation: &Conversation, new: NewAttachment) -> Result<Upload, AttachmentError> {
        let key = FileKey(self.ids.random());
        let sink = self.files.create(key).await?;
        Ok(Upload {
            attachment: Attachment {
                file: AttachedFile {
                    id: AttachmentId(self.ids.ordered()),
                    name: new.name,
                    mime: String::new(),
                    size: 0,
                    width: None,
                    height: None,
                },
                workspace_id: conversation.workspace_id,
                conversation_id: conversation.id,
                message_id: None,
                uploaded_by: new.uploaded_by,
                key,
                created_at: self.clock.now(),
                deleted_at: None,
            },
            limit: new.limit,
            size: 0,
            head: BytesMut::new(),
            hash: Sha256::new(),
            sink,
            inspected: false,
            types: Arc::clone(&self.types),
            store: Arc::clone(&self.store),
            files: Arc::clone(&self.files),
        })
    }

    /// A file of a conversation that is not deleted, for whoever has a signed link.
    ///
    /// # Errors
    /// What [`AttachmentError`] says.
    pub async fn open(&self, id: AttachmentId) -> Result<(Attachment, StoredFile), AttachmentError> {
        let read = self.store.read().await?;
        let found = read.attachments().find_any(id).await?;
        let attachment = found.filter(|file| file.deleted_at.is_none()).ok_or(AttachmentError::NotFound)?;
        let conversation = read.conversations().find(attachment.workspace_id, attachment.conversation_id).await?;
        conversation
            .filter(|conversation| conversation.deleted_at.is_none())
            .ok_or(AttachmentError::NotFound)?;
        let file = self.files.open(attachment.key).await?.ok_or(AttachmentError::NotFound)?;
        Ok((attachment, file))
    }

    /// The bytes of a file that a message of ours carries.
    ///
    /// # Errors
    /// What [`AttachmentError`] says.
    pub async fn read(&self, file: &Attachment) -> Result<StoredFile, AttachmentError> {
        self.files.open(file.key).await?.ok_or(AttachmentError::NotFound)
    }

    /// Removes what is deleted, and what waited too long for its message. Answers how many.
    ///
    /// # Errors
    /// Storage failed; the rest is tried at the next call.
    pub async fn remove_unused(&self) -> Result<usize, AttachmentError> {
        let mut removed = 0;
        loop {
            let before = self.clock.now().minus(UNUSED_KEPT);
            let batch = self.store.read().await?.attachments().removable(before, AT_A_TIME).await?;
            if batch.is_empty() {
                return Ok(removed);
            }
            let (all, before) = (batch.len(), removed);
            for file in batch {
                // The bytes first: a row without bytes is tried again, bytes without a row would stay for ever.
                if let Err(error) = self.files.delete(file.key).await {
                    // The others must not stay because of one.
                    tracing::warn!(%error, file = %file.file.id, "a file could not be removed; it is tried again later");
                    continue;
                }
                let work = self.store.begin().await?;
                work.attachments().delete(file.file.id).await?;
                work.commit().await?;
                removed += 1;
            }
            if removed - before < all {
                return Ok(removed);
            }
        }
    }
}

impl Upload {
    /// Takes more of it.
    ///
    /// # Errors
    /// [`AttachmentError::TooLarge`] as soon as it is, [`AttachmentError::Kind`] as soon as that is seen.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), AttachmentError> {
        self.size += chunk.len() as u64;
        if self.size > self.limit {
            return Err(AttachmentError::TooLarge(self.limit));
        }
        self.hash.update(&chunk);
        if !self.inspected {
            let room = HEAD.saturating_sub(self.head.len());
            self.head.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
            if self.head.len() >= HEAD {
                self.inspect()?;
            }
        }
        Ok(self.sink.write(chunk).await?)
    }

    fn inspect(&mut self) -> Result<(), AttachmentError> {
        self.inspected = true;
        let content = self.types.inspect(&self.head, self.attachment.file.name.as_str());
        let content = content.filter(|content| is_allowed(&content.mime)).ok_or(AttachmentError::Kind)?;
        self.head = BytesMut::new();
        self.attachment.file.name = self.attachment.file.name.fitting(&content.mime);
        self.attachment.file.mime = content.mime;
        self.attachment.file.width = content.width;
        self.attachment.file.height = content.height;
        Ok(())
    }

    /// SHA-256 of what came so far.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// Keeps the file: it waits for the message that carries it.
    ///
    /// # Errors
    /// What [`AttachmentError`] says.
    pub async fn finish(mut self) -> Result<Attachment, AttachmentError> {
        if self.size == 0 {
            return Err(AttachmentError::Empty);
        }
        if !self.inspected {
            self.inspect()?;
        }
        self.attachment.file.size = i64::try_from(self.size).unwrap_or(i64::MAX);
        self.sink.finish().await?;
        if let Err(error) = insert(&*self.store, &self.attachment).await {
            // Nobody would ever find these bytes.
            let _ = self.files.delete(self.attachment.key).await;
            return Err(error.into());
        }
        Ok(self.attachment)
    }
}

async fn insert(store: &dyn Store, attachment: &Attachment) -> Result<(), RepositoryError> {
    let work = store.begin().await?;
    work.attachments().insert(attachment).await?;
    work.commit().await
}
