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
mod basics;
mod bulk;
mod canary;
mod chats;
mod documents;
mod help_page;
mod jobs;
mod login;
mod malformed;
mod management;
mod marketplace;
mod revocation;
mod rooms;
mod schema;
mod socket;
mod socket_io;
mod sockets_frames;
mod sockets_login;
mod sockets_resume;
mod sockets_signals;
mod stored;
mod stored_chats;
mod wrong_bodies;
