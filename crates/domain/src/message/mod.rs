//! Message: one thing that was said, in its place.

mod model;
mod repository;

pub use model::{AuthorId, Message, MessageKind, MessageStatus, Reaction, Sender, SenderKind, Side};
pub use repository::{HistoryPage, HistoryQuery, HistoryWindow, MessageRepository};
