//! The adapter for model servers, against a server that misbehaves on demand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod breaker;
mod dialects;
mod ends;
mod limits;
mod repeats;
mod requests;
mod setup;
mod tools;
