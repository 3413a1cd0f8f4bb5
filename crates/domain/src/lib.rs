//! The rules of Parlor and the ports they need. No database, HTTP, clock or randomness of its own: what comes from
//! outside has a trait here and an adapter elsewhere.
//!
//! One folder for each concept; in it `model.rs` has the types and the rules they keep, `repository.rs` what storage
//! must promise, `service.rs` the use cases.

pub mod agent;
pub mod article;
pub mod assistant;
pub mod attachment;
pub mod audit;
pub mod cache;
pub mod channel;
pub mod clock;
pub mod conversation;
pub mod creation;
pub mod event;
pub mod id;
pub mod job;
pub mod message;
pub mod page;
pub mod realtime;
pub mod security;
pub mod session;
pub mod store;
pub mod text;
pub mod visitor;
pub mod whatsapp;
pub mod workspace;
