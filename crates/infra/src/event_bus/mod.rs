//! How events reach those who are live.

mod local;

pub use local::LocalEventBus;
