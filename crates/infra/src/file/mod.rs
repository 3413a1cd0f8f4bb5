//! Where files are kept, and how it is told what they are.

mod content;
mod disk;

pub use content::MagicBytes;
pub use disk::DiskFiles;
