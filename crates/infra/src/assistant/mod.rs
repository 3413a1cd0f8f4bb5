//! Who answers for the assistant.

mod openai;

pub use openai::{OpenAiModel, Pace};
