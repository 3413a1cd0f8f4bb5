//! Adapters: what the domain's ports are in reality.

pub mod assistant;
pub mod channel;
pub mod event_bus;
pub mod file;
pub mod geo;
pub mod outgoing;
pub mod persistence;
pub mod security;
pub mod system;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
