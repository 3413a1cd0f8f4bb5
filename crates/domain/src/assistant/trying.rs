//! Trying the assistant out, without anybody listening.

use super::knowledge::{fitting, told_to_models};
use super::request::asks_for_person;
use super::{AssistantService, ModelEvent, ModelFailure, ModelQuestion, Source, Turn, TurnRole, prompt};
use crate::channel::{Channel, ChannelError};

/// Who gave the answer of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriedBy {
    /// The model.
    Model,
    /// The help articles.
    Articles,
    /// Nobody: a person would reply.
    Nobody,
}

/// An answer that is stored nowhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// What would be said.
    pub answer: String,
    /// On which articles it rests.
    pub sources: Vec<Source>,
    /// Who gave it.
    pub by: TriedBy,
    /// How well the best article fits, also if it is no answer: 0–100.
    pub score: Option<u8>,
    /// Whether a person would take it from here.
    pub handover: bool,
    /// Why the model did not, if one is set.
    pub failure: Option<ModelFailure>,
}

impl AssistantService {
    /// What the assistant of a channel would say to a question, stored nowhere.
    ///
    /// # Errors
    /// What [`ChannelError`] says.
    pub async fn try_out(&self, channel: &Channel, question: &str) -> Result<Tried, ChannelError> {
        let settings = &channel.assistant;
        let known = self.search(channel.workspace_id, question).await;
        let found = fitting(settings, &known);
        let nobody = |failure| Tried {
            answer: settings.waiting_text().to_owned(),
            sources: Vec::new(),
            by: TriedBy::Nobody,
            score: known.first().map(|best| best.score),
            handover: true,
            failure,
        };
        if asks_for_person(question) {
            return Ok(nobody(None));
        }
        let mut failure = None;
        if let Some(server) = self.server_of(channel)? {
            let turn = Turn {
                role: TurnRole::User,
                text: question.to_owned(),
            };
            let asked = ModelQuestion {
                server,
                system: prompt::system(settings, &told_to_models(settings, &known)),
                turns: vec![turn],
            };
            match self.whole(asked).await {
                Ok((text, handover)) if handover || !text.trim().is_empty() => {
                    return Ok(Tried {
                        answer: Some(text)
                            .filter(|text| !text.trim().is_empty())
                            .unwrap_or_else(|| settings.waiting_text().to_owned()),
                        sources: self.sources(channel, &found).await,
                        by: TriedBy::Model,
                        handover,
                        ..nobody(None)
                    });
                }
                Ok(_) => {}
                Err(why) => failure = Some(why),
            }
        }
        Ok(match found.first() {
            Some(best) => Tried {
                answer: best.text.clone(),
                sources: self.sources(channel, std::slice::from_ref(best)).await,
                by: TriedBy::Articles,
                handover: failure.is_some(),
                ..nobody(failure)
            },
            None => nobody(failure),
        })
    }

    /// An answer in one piece, and whether the model asks for a person.
    async fn whole(&self, asked: ModelQuestion) -> Result<(String, bool), ModelFailure> {
        let mut answer = self.with.model.ask(asked).await?;
        let (mut text, mut handover) = (String::new(), false);
        while let Some(event) = answer.next().await {
            match event? {
                ModelEvent::Text(more) => text.push_str(&more),
                ModelEvent::Handover { .. } => handover = true,
                ModelEvent::Usage { .. } | ModelEvent::Finished(_) => {}
            }
        }
        Ok((text, handover))
    }
}
