//! Finding the words of an answer: a model's, the help articles', or the channel's own.

use super::knowledge::{fitting, told_to_models};
use super::live::{Cancel, Source};
use super::request::asks_for_person;
use super::writing::Writing;
use super::{AssistantService, FinishReason, ModelAnswer, ModelEvent, ModelQuestion, prompt};
use crate::article::Found;
use crate::channel::Channel;
use crate::clock::Timestamp;
use crate::conversation::Conversation;
use crate::message::{Message, SenderKind};
use futures_util::future::{Either, select};
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long an answer waits for others of its channel before help articles or the channel's text stand in for it.
const QUEUED: Duration = Duration::from_secs(10);

/// How an answer ended.
pub(super) enum End {
    Finished { reason: FinishReason, fallback: bool },
    BrokeOff,
    Cancelled(Cancel),
}

/// An answer that wants to be stored.
pub(super) struct Written {
    pub(super) end: End,
    pub(super) sources: Vec<Source>,
    pub(super) hand_over: Option<&'static str>,
    pub(super) reason: Option<String>,
}

impl Written {
    pub(super) const fn finished(reason: FinishReason) -> Self {
        Self {
            end: End::Finished { reason, fallback: false },
            sources: Vec::new(),
            hand_over: None,
            reason: None,
        }
    }
}

impl AssistantService {
    /// Finds the words. Whatever the model does, there is an answer.
    pub(super) async fn draft(
        &self,
        writing: &mut Writing<'_>,
        channel: &Channel,
        conversation: &Conversation,
        history: &[Message],
        began: Timestamp,
    ) -> Written {
        let settings = &channel.assistant;
        let questions = unanswered(history);
        if !settings.enabled {
            // Switched off since: nobody said that a person would reply, so nothing is said.
            return Written {
                hand_over: Some("switched_off"),
                ..Written::finished(FinishReason::Complete)
            };
        }
        if questions.iter().any(|question| asks_for_person(&question.text)) {
            writing.say(settings.waiting_text());
            return Written {
                hand_over: Some("requested"),
                ..Written::finished(FinishReason::Complete)
            };
        }
        if conversation.answers >= i64::from(settings.answers_per_conversation) {
            writing.say(settings.waiting_text());
            return fallen_back("budget", Vec::new());
        }
        let question: Vec<&str> = questions.iter().map(|question| question.text.as_str()).collect();
        let known = self.search(conversation.workspace_id, &question.join("\n")).await;
        let found = fitting(settings, &known);
        let server = match self.server_of(channel) {
            Ok(server) => server,
            Err(error) => {
                tracing::error!(%error, channel = %channel.id, "the assistant's key cannot be read");
                return self.fall_back(writing, channel, &found, "model_failed").await;
            }
        };
        let Some(server) = server else {
            return match found.first() {
                Some(best) => {
                    writing.say(&best.text);
                    self.spoke(began);
                    Written {
                        sources: self.sources(channel, std::slice::from_ref(best)).await,
                        ..Written::finished(FinishReason::Complete)
                    }
                }
                None => {
                    writing.say(settings.waiting_text());
                    fallen_back("no_article", Vec::new())
                }
            };
        };
        let slot = self.slot(channel);
        let slot = {
            let (free, patience) = (pin!(slot.acquire_owned()), self.with.timer.sleep(QUEUED));
            match select(free, patience).await {
                Either::Left((Ok(slot), _)) => Some(slot),
                Either::Left((Err(_), _)) | Either::Right(_) => None,
            }
        };
        if slot.is_none() {
            return self.fall_back(writing, channel, &found, "busy").await;
        }
        let asked = ModelQuestion {
            server,
            system: prompt::system(settings, &told_to_models(settings, &known)),
            turns: prompt::turns(history, settings.history_characters as usize),
        };
        let mut answer = match self.with.model.ask(asked).await {
            Ok(answer) => answer,
            Err(failure) => {
                tracing::warn!(%failure, channel = %channel.id, "the model did not answer; help articles or the channel's text stand in for it");
                return self.fall_back(writing, channel, &found, "model_failed").await;
            }
        };
        self.pass_on(writing, &mut *answer, channel, &found, began).await
    }

    /// Passes on what the model says.
    async fn pass_on(&self, writing: &mut Writing<'_>, answer: &mut dyn ModelAnswer, channel: &Channel, found: &[Found], began: Timestamp) -> Written {
        let settings = &channel.assistant;
        let mut wants_person = None;
        while let Some(event) = answer.next().await {
            match event {
                Ok(ModelEvent::Text(text)) => {
                    if writing.text().is_empty() {
                        self.spoke(began);
                    }
                    writing.say(&text);
                }
                Ok(ModelEvent::Handover { reason }) => wants_person = Some(reason),
                Ok(ModelEvent::Usage { input, output }) => {
                    metrics::counter!("parlor_assistant_tokens_total", "direction" => "in").increment(input);
                    metrics::counter!("parlor_assistant_tokens_total", "direction" => "out").increment(output);
                }
                Ok(ModelEvent::Finished(reason)) => {
                    if let Some(words) = wants_person {
                        if writing.text().trim().is_empty() {
                            writing.say(settings.waiting_text());
                        }
                        return Written {
                            hand_over: Some("model"),
                            reason: words,
                            ..Written::finished(reason)
                        };
                    }
                    return match reason {
                        FinishReason::Filtered => {
                            writing.say(&after_text(writing.text(), settings.waiting_text()));
                            fallen_back("filtered", Vec::new())
                        }
                        FinishReason::Complete | FinishReason::Length if writing.text().trim().is_empty() => {
                            writing.say(settings.waiting_text());
                            fallen_back("empty", Vec::new())
                        }
                        FinishReason::Complete | FinishReason::Length => Written {
                            sources: self.sources(channel, found).await,
                            ..Written::finished(reason)
                        },
                    };
                }
                Err(failure) => {
                    tracing::warn!(%failure, channel = %channel.id, "the model's answer broke off");
                    break;
                }
            }
        }
        if writing.text().trim().is_empty() {
            return self.fall_back(writing, channel, found, "model_failed").await;
        }
        Written {
            end: End::BrokeOff,
            hand_over: Some("broke_off"),
            ..Written::finished(FinishReason::Complete)
        }
    }

    /// The model cannot answer: the help articles do, or the channel's text, and a person looks.
    async fn fall_back(&self, writing: &mut Writing<'_>, channel: &Channel, found: &[Found], why: &'static str) -> Written {
        match found.first() {
            Some(best) => {
                writing.say(&best.text);
                fallen_back(why, self.sources(channel, std::slice::from_ref(best)).await)
            }
            None => {
                writing.say(channel.assistant.waiting_text());
                fallen_back(why, Vec::new())
            }
        }
    }

    fn slot(&self, channel: &Channel) -> Arc<Semaphore> {
        let wanted = channel.assistant.answers_at_a_time.max(1);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let (size, slot) = slots
            .entry(channel.id)
            .or_insert_with(|| (wanted, Arc::new(Semaphore::new(usize::from(wanted)))));
        if *size != wanted {
            (*size, *slot) = (wanted, Arc::new(Semaphore::new(usize::from(wanted))));
        }
        slot.clone()
    }

    fn spoke(&self, began: Timestamp) {
        metrics::histogram!("parlor_assistant_first_delta_seconds").record(self.with.clock.now().since(began));
    }
}

/// What the visitor asked and nobody has answered: all of it is answered together.
fn unanswered(history: &[Message]) -> Vec<&Message> {
    let answered_to = |message: &Message| match message.sender.kind {
        SenderKind::Visitor | SenderKind::System => None,
        SenderKind::Agent => Some(message.seq),
        SenderKind::Assistant => prompt::answers(message),
    };
    let after = history.iter().filter_map(answered_to).max().unwrap_or(0);
    let asked = |message: &&Message| message.sender.kind == SenderKind::Visitor && message.deleted_at.is_none();
    let open: Vec<&Message> = history.iter().filter(asked).filter(|message| message.seq > after).collect();
    if open.is_empty() {
        history.iter().rev().find(asked).into_iter().collect()
    } else {
        open
    }
}

fn fallen_back(why: &'static str, sources: Vec<Source>) -> Written {
    Written {
        end: End::Finished {
            reason: FinishReason::Complete,
            fallback: true,
        },
        sources,
        hand_over: Some(why),
        reason: None,
    }
}

/// A text that follows another one as a paragraph of its own.
fn after_text(before: &str, text: &str) -> String {
    if before.is_empty() { text.to_owned() } else { format!("\n\n{text}") }
}
