//! The running application, spoken to over HTTP and WebSocket, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[macro_use]
mod app;
mod access;
mod admin_rooms;
mod articles;
mod assistant;
mod assistant_settings;
mod attachments;
mod basics;
mod bulk;
mod canary;
mod chats;
mod documents;
mod help_page;
mod host_tokens;
mod jobs;
mod late_repeats;
mod live_chat;
mod login;
mod malformed;
mod management;
mod marketplace;
mod multipart;
mod revocation;
mod rooms;
mod schema;
mod slow_bodies;
mod socket;
mod socket_io;
mod sockets_frames;
mod sockets_login;
mod sockets_resume;
mod sockets_signals;
mod stored;
mod stored_chats;
mod uploads;
mod whatsapp;
mod wrong_bodies;
