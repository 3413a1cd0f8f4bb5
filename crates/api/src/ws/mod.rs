//! Sockets.
mod hub;

pub use hub::{Hub, HubDependencies};

/// The HTTP calls that belong to sockets.
pub fn routes(_: &mut utoipa_actix_web::service_config::ServiceConfig) {}

/// The doors, and the document about them.
pub fn sockets(_: &mut actix_web::web::ServiceConfig) {}

/// The AsyncAPI document.
#[must_use]
pub fn asyncapi_document() -> serde_json::Value {
    serde_json::Value::Null
}
