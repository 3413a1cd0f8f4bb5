//! The writer: one command after the other, each stored before it is told.

mod commits;
mod failures;
mod memory;
mod once;
