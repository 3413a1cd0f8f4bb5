//! The stand-in for the WhatsApp API objects and delivers as the real one does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod calls;
mod deliveries;
mod files;
mod refusals;
mod support;
