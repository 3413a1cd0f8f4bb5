//! Visitor: a person on the outside.

mod geo;
mod model;
mod repository;
mod service;

pub use geo::{GeoLocator, NoPlaces, Place};
pub use model::{Identity, Visitor, VisitorContext};
pub use repository::{VisitorFilter, VisitorRepository};
pub(crate) use service::card;
pub use service::{EditVisitor, Identified, IdentifyError, NewVisitor, VisitorError, VisitorService};
