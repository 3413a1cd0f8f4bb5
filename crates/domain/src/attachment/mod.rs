//! Attachment: a file that came with a message, or was uploaded for one.

mod files;
mod model;
mod repository;
mod service;

pub use files::{Chunks, ContentTypes, FileContent, FileError, FileSink, FileStore, LinkSigner, RemoteFile, RemoteFileError, RemoteFiles, StoredFile};
pub use model::{AttachedFile, Attachment, FileName, MAX_FILES, MAX_UPLOAD, UNUSED_KEPT, is_allowed, is_inline_image};
pub use repository::AttachmentRepository;
pub use service::{AttachmentError, AttachmentService, NewAttachment, Upload};
