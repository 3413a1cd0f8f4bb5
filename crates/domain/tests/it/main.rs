//! The rules with the store in memory: the writer, resume, logins, visitors, beginnings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod agents;
mod assistant;
mod auth;
mod beginnings;
mod marketplace;
mod resume;
mod support;
mod visitors;
mod whatsapp;
mod writer;
