//! What the tests of all crates share: a store in memory, a settable clock, counted ids, a recording event bus, plain
//! fakes for secrets, builders, and the contracts that every adapter keeps.

pub mod build;
mod bus;
mod clock;
pub mod contract;
mod fixture;
mod ids;
mod memory;
pub mod model_server;
mod scripted_model;
mod secrets;

pub use bus::RecordingEventBus;
pub use clock::FixedClock;
pub use fixture::Fixture;
pub use ids::SequentialIds;
pub use memory::MemoryStore;
pub use scripted_model::{HandTimer, Script, ScriptedModel};
pub use secrets::{PlainHostTokens, PlainPasswordHasher, PlainSecretBox, PlainTokens};
