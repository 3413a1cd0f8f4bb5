//! The adapter for the WhatsApp Business Cloud API, against a stand-in that objects and misbehaves as the real one may.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod files;
mod messages;
mod outcomes;
mod support;
