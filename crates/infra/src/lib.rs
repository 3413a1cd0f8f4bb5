//! Adapters: what the domain's ports are in reality.

pub mod event_bus;
pub mod persistence;
pub mod security;
pub mod system;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
