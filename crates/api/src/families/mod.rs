//! One folder for each family of endpoints. A family parses its words, calls the services, answers in its own shape; no
//! rule lives here.

pub mod admin;
pub mod attachments;
pub mod chats;
pub mod help;
mod html;
pub mod live_chat;
pub mod marketplace;
pub mod operations;
pub mod rooms;
pub mod shared;
pub mod stored_chats;
