//! Visitor: a person on the outside.

mod model;
mod repository;
mod service;

pub use model::{Identity, Visitor, VisitorContext};
pub use repository::{VisitorRepository, VisitorFilter};
pub use service::{EditVisitor, IdentifyError, Identified, NewVisitor, VisitorError, VisitorService};
pub(crate) use service::card;
