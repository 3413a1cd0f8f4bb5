//! What the tests of all crates share: a store in memory, a settable clock, counted ids, a recording event bus, plain
//! fakes for secrets, builders, and the contracts that every adapter keeps.

pub mod build;
mod bus;
mod clock;
pub mod contract;
mod files;
mod fixture;
mod ids;
mod memory;
pub mod model_server;
mod scripted_model;
mod scripted_whatsapp;
mod secrets;
pub mod whatsapp;

pub use bus::RecordingEventBus;
pub use clock::FixedClock;
pub use files::{FakeContentTypes, FakeLinkSigner, MemoryFiles};
pub use fixture::Fixture;
pub use ids::SequentialIds;
pub use memory::MemoryStore;
pub use scripted_model::{HandTimer, Script, ScriptedModel};
pub use scripted_whatsapp::{ScriptedMedia, ScriptedWhatsapp, WhatsappCall};
pub use secrets::{PlainHostTokens, PlainPasswordHasher, PlainSecretBox, PlainTokens};
