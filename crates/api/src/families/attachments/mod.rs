//! Attachments: `/api/attachments`. A file is uploaded for one conversation and then sent with a message of it; who reads the message
//! gets a signed link to it.

mod download;
mod upload;

pub use download::*;
pub use upload::*;

use crate::problem::{Code, Problem};
use crate::routes::Routes;
use parlor_domain::attachment::{AttachmentError, FileError};

/// The paths of this family.
pub fn routes(config: &mut impl Routes) {
    config.add(upload_attachment).add(get_attachment);
}

fn refused(error: AttachmentError) -> Problem {
    match error {
        AttachmentError::NotFound => no_file(),
        AttachmentError::Empty => Problem::field("file", "must not be empty"),
        AttachmentError::TooLarge(most) => Problem::new(
            Code::TooLarge,
            format!("The file has more than {} MiB; send a smaller one.", most / (1024 * 1024)),
        ),
        AttachmentError::Kind => Problem::new(
            Code::UnsupportedMediaType,
            "Files of this kind are not taken: send a picture, a film, a sound, a PDF, an office document, an archive or plain text.",
        ),
        AttachmentError::File(error) => unwritable(&error),
        AttachmentError::Repository(error) => error.into(),
    }
}

/// Such as a full disk: there may be room later.
fn unwritable(error: &FileError) -> Problem {
    tracing::error!(%error, "a file could not be read or written");
    Problem::new(
        Code::Unavailable,
        "The place where files are kept is full or failed; nothing was stored, try again later.",
    )
}

/// A link that ended, was made up, or leads to nothing any more: all the same to whoever has it.
fn no_file() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no such file, or the link has ended; links are good for an hour, load the message again for a new one.",
    )
}
