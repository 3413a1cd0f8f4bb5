//! Assistant: it answers until a person takes over. A model server or the help articles give the words; what is said
//! while it is written is shared by all who watch ([`LiveAnswers`]); what is stored goes through the conversation's writer,
//! which refuses it if somebody else handles the conversation by then.

mod answering;
mod drafting;
mod knowledge;
mod live;
mod model_server;
mod prompt;
mod request;
mod service;
mod settings;
mod trying;
mod writing;

pub use crate::text::Prompt;
pub use live::{AnswerPart, LiveAnswer, LiveAnswers, Source};
pub use model_server::{
    FinishReason, LanguageModel, ModelAnswer, ModelEvent, ModelFailure, ModelHealth, ModelKey, ModelPatience, ModelQuestion, ModelServer, Turn, TurnRole,
};
pub use service::{Answered, AssistantDependencies, AssistantService, Followed};
pub use settings::{AssistantSettings, OperatorModel, WAITING_TEXT};
pub use trying::{Tried, TriedBy};
