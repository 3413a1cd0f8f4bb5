//! Session: one visit of one visitor in one client.

mod model;
mod repository;
mod service;

pub use model::{Session, SessionStatus};
pub use repository::SessionRepository;
pub use service::{NewSession, SessionError, SessionService};
