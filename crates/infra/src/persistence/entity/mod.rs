//! One file for each table: its row, and how the row becomes the domain's value and back.

pub mod agent;
pub mod agent_mark;
pub mod api_key;
pub mod article;
pub mod article_passage;
pub mod attachment;
pub mod audit_entry;
pub mod channel;
pub mod contact;
pub mod conversation;
pub mod creation;
pub mod delivery;
pub mod early_notice;
pub mod invitation;
pub mod job;
pub mod login;
pub mod message;
pub mod session;
pub mod ticket;
pub mod visitor;
pub mod visitor_key;
pub mod workspace;
