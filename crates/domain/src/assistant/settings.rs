//! What is set for the assistant of a channel.

use super::model_server::{ModelPatience, ModelServer};
use crate::text::{Line, Metadata, Name, Prompt};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is said when nobody can answer right now, unless the channel says it otherwise.
pub const WAITING_TEXT: &str = "Thank you for your message. A person will reply as soon as possible.";

/// The assistant of a channel, but for its key, which is kept apart and encrypted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AssistantSettings {
    /// Whether it answers at all.
    pub enabled: bool,
    /// Whether it also answers in conversations that begin as rooms.
    pub in_rooms: bool,
    /// The name that its messages carry.
    pub name: Option<Name>,
    /// The model server; without it the server of the environment, if there is one.
    pub base_url: Option<Line>,
    /// The model's name; without it the one of the environment.
    pub model: Option<Line>,
    /// What the model is told first.
    pub system_prompt: Option<Prompt>,
    /// How freely it answers, in thousandths: 0–2,000.
    pub temperature_milli: Option<u16>,
    /// The most tokens of an answer.
    pub max_tokens: Option<u32>,
    /// Send the limit as `max_completion_tokens`.
    pub max_completion_tokens: bool,
    /// Ask for the count of tokens.
    pub include_usage: bool,
    /// Offer the tool to ask for a person.
    pub handover_tool: bool,
    /// Further fields of the request.
    pub extra_body: Option<Metadata>,
    /// Seconds until the first piece of an answer must come.
    pub first_seconds: u16,
    /// Seconds for a whole answer.
    pub whole_seconds: u16,
    /// Characters of the conversation that the model sees, newest kept.
    pub history_characters: u32,
    /// What is said when nobody can answer right now.
    pub waiting_text: Option<Prompt>,
    /// How well a help article must fit to be an answer: 0–100.
    pub score_limit: u8,
    /// Answers in one conversation before a person must look; handing it back counts anew.
    pub answers_per_conversation: u32,
    /// Answers written at the same time, on each node.
    pub answers_at_a_time: u16,
}

impl Default for AssistantSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            in_rooms: false,
            name: None,
            base_url: None,
            model: None,
            system_prompt: None,
            temperature_milli: None,
            max_tokens: None,
            max_completion_tokens: false,
            include_usage: true,
            handover_tool: true,
            extra_body: None,
            first_seconds: 30,
            whole_seconds: 120,
            history_characters: 24_000,
            waiting_text: None,
            score_limit: 40,
            answers_per_conversation: 50,
            answers_at_a_time: 8,
        }
    }
}

/// What the operator set for all channels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OperatorModel {
    /// The server.
    pub base_url: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The key.
    pub api_key: Option<super::ModelKey>,
}

impl AssistantSettings {
    /// What is said when nobody can answer right now.
    #[must_use]
    pub fn waiting_text(&self) -> &str {
        self.waiting_text.as_ref().map_or(WAITING_TEXT, Prompt::as_str)
    }

    /// The model that answers, if one is set here or by the operator. A channel with a server of its own never gets the
    /// operator's key: it would be sent to whoever the admin names.
    #[must_use]
    pub fn server(&self, own_key: Option<super::ModelKey>, operator: &OperatorModel) -> Option<ModelServer> {
        let own = self.base_url.as_ref().map(|url| url.as_str().to_owned());
        let by_operator = own.is_none();
        let base_url = own.or_else(|| operator.base_url.clone())?;
        let model = self.model.as_ref().map(|model| model.as_str().to_owned()).or_else(|| operator.model.clone())?;
        let patience = ModelPatience::default();
        Some(ModelServer {
            base_url,
            by_operator,
            model,
            api_key: own_key.or_else(|| operator.api_key.clone().filter(|_| by_operator)),
            temperature: self.temperature_milli.map(|thousandths| f64::from(thousandths) / 1_000.0),
            max_tokens: self.max_tokens,
            max_completion_tokens: self.max_completion_tokens,
            include_usage: self.include_usage,
            handover_tool: self.handover_tool,
            extra_body: self.extra_body.clone(),
            patience: ModelPatience {
                first: Duration::from_secs(u64::from(self.first_seconds)),
                between: Duration::from_secs(u64::from(self.first_seconds)),
                whole: Duration::from_secs(u64::from(self.whole_seconds)),
                ..patience
            },
        })
    }
}
