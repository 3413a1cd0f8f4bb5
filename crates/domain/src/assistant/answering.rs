//! Writing an answer, from the job that asks for it to the message that holds it.

use super::drafting::{End, Written};
use super::live::{AnswerHead, AnswerPart, Cancel};
use super::writing::Writing;
use super::{Answered, AssistantService, FinishReason};
use crate::channel::Channel;
use crate::clock::Timestamp;
use crate::conversation::{Audience, CommandError, Conversation, NewAnswer, Outcome};
use crate::id::{ConversationId, MessageId};
use crate::job::Job;
use crate::message::{HistoryQuery, HistoryWindow, Message, SenderKind};
use crate::page::Limit;
use crate::store::RepositoryError;
use crate::text::AnswerText;
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use std::pin::pin;

impl AssistantService {
    /// Writes the answer that a job asks for. The job is gone when it is stored, or not wanted any more. `first` says that
    /// nobody can have tried it before.
    ///
    /// # Errors
    /// It could not be stored; the job shall be tried again.
    pub async fn answer(&self, job: &Job, first: bool) -> Result<Answered, CommandError> {
        let began = self.with.clock.now();
        let answered = self.write(job, first, began).await?;
        metrics::counter!("parlor_assistant_answers_total", "result" => answered.as_str()).increment(1);
        metrics::histogram!("parlor_assistant_answer_seconds").record(self.with.clock.now().since(began));
        Ok(answered)
    }

    async fn write(&self, job: &Job, first: bool, began: Timestamp) -> Result<Answered, CommandError> {
        let Some(conversation) = self.owing(job).await? else {
            return Ok(Answered::Human);
        };
        let channel = self
            .with
            .channels
            .of_conversation(conversation.workspace_id, conversation.channel_id)
            .await
            .map_err(|error| {
                tracing::error!(%error, "the channel of a conversation cannot be read");
                CommandError::Failed
            })?;
        let history = self.history(conversation.id).await?;
        let asked = history.iter().rev().find(|message| message.sender.kind == SenderKind::Visitor);
        let head = AnswerHead {
            id: MessageId(job.id.0),
            conversation_id: conversation.id,
            handler_version: conversation.handler_version,
            question_id: asked.map_or(MessageId(job.id.0), |message| message.id),
            question_seq: asked.map_or(conversation.last_seq, |message| message.seq),
            covers: asked.map_or(conversation.inbound_count, |message| message.inbound_count),
            first_draft: first,
        };
        let mut writing = Writing::start(&self.with.live, &*self.with.bus, head);
        if let Some(last) = self.not_owed(&conversation, head.id).await? {
            // Between the first look and the board nobody was heard.
            if last == AnswerPart::TakenOver {
                writing.push(AnswerPart::HandedOver);
            }
            writing.push(last);
            return Ok(Answered::Human);
        }
        let live = writing.live();
        let written = {
            let drafting = pin!(self.draft(&mut writing, &channel, &conversation, &history, began));
            match select(drafting, pin!(live.cancelled())).await {
                Either::Left((written, _)) => written,
                Either::Right((why, _)) => Written {
                    end: End::Cancelled(why),
                    ..Written::finished(FinishReason::Complete)
                },
            }
        };
        self.store(&writing, &channel, &conversation, head, written).await
    }

    /// How an answer ends that is not owed any more: a person took over, or the visitor stopped it.
    async fn not_owed(&self, began: &Conversation, id: MessageId) -> Result<Option<AnswerPart>, CommandError> {
        let read = self.with.store.read().await?;
        let present = read.conversations().find(began.workspace_id, began.id).await?;
        Ok(match present.filter(|present| present.deleted_at.is_none()) {
            Some(present) if present.handler_version == began.handler_version => (present.answer_id != Some(id)).then_some(AnswerPart::Stopped),
            _ => Some(AnswerPart::TakenOver),
        })
    }

    async fn history(&self, conversation: ConversationId) -> Result<Vec<Message>, RepositoryError> {
        let query = HistoryQuery {
            audience: Audience::Public,
            window: HistoryWindow::Newest,
            limit: Limit::MAX,
        };
        let read = self.with.store.read().await?;
        Ok(read.messages().history(conversation, query).await?.messages)
    }

    /// Stores what was written, unless somebody else handles the conversation by now, and tells those who watch how it ended.
    async fn store(
        &self,
        writing: &Writing<'_>,
        channel: &Channel,
        conversation: &Conversation,
        head: AnswerHead,
        mut written: Written,
    ) -> Result<Answered, CommandError> {
        match &mut written.end {
            End::Cancelled(Cancel::Closing) => return Ok(Answered::Closing),
            End::Cancelled(Cancel::TakenOver) => return Ok(taken_over(writing)),
            End::Finished { reason, .. } if writing.is_cut() => *reason = FinishReason::Length,
            End::Finished { .. } | End::BrokeOff | End::Cancelled(Cancel::Stopped) => {}
        }
        let text = Some(writing.text())
            .filter(|text| !text.trim().is_empty())
            .and_then(|text| AnswerText::parse(text).ok());
        let stored = self
            .submit(
                conversation,
                Some(channel),
                NewAnswer {
                    id: head.id,
                    handler_version: head.handler_version,
                    covers: head.covers,
                    metadata: Some(facts(&written, head)).filter(|_| text.is_some()),
                    text,
                    hand_over: written
                        .hand_over
                        .map(|why| written.reason.as_ref().map_or_else(|| why.to_owned(), |words| format!("{why}: {words}"))),
                },
            )
            .await;
        let seq = match stored {
            Ok(Outcome::Stored(message)) => Some(message.seq),
            Ok(_) => None,
            Err(CommandError::HandlerChanged | CommandError::ConversationNotFound) => return self.refused(writing, conversation, head.id).await,
            Err(error) => return Err(error),
        };
        writing.end_text();
        for source in written.sources {
            writing.push(AnswerPart::Source(source));
        }
        if written.hand_over.is_some() && !matches!(written.end, End::BrokeOff) {
            writing.push(AnswerPart::HandedOver);
        }
        let (last, answered) = match written.end {
            End::Finished { reason, fallback } => {
                let answered = match reason {
                    _ if fallback => Answered::Fallback,
                    FinishReason::Length => Answered::Truncated,
                    FinishReason::Complete | FinishReason::Filtered => Answered::Ok,
                };
                (AnswerPart::Finished { reason, seq, fallback }, answered)
            }
            End::BrokeOff => (AnswerPart::BrokeOff, Answered::Failed),
            End::Cancelled(_) => (AnswerPart::Stopped, Answered::Aborted),
        };
        writing.push(last);
        Ok(answered)
    }

    /// The commit refused the answer: a person took over, the visitor stopped it, or another node that took this one for dead
    /// has stored it. Then who watches comes back for it.
    async fn refused(&self, writing: &Writing<'_>, conversation: &Conversation, id: MessageId) -> Result<Answered, CommandError> {
        let read = self.with.store.read().await?;
        if read.messages().find(conversation.id, id).await?.is_some() {
            return Ok(Answered::Closing);
        }
        match self.not_owed(conversation, id).await? {
            Some(AnswerPart::Stopped) => {
                writing.end_text();
                writing.push(AnswerPart::Stopped);
                Ok(Answered::Aborted)
            }
            _ => Ok(taken_over(writing)),
        }
    }
}

fn taken_over(writing: &Writing<'_>) -> Answered {
    writing.end_text();
    writing.push(AnswerPart::HandedOver);
    writing.push(AnswerPart::TakenOver);
    Answered::Human
}

/// What stands beside the text: which question it answers, on what it rests, and what it lacks.
fn facts(written: &Written, head: AnswerHead) -> Value {
    let mut facts = json!({"question_seq": head.question_seq});
    if let Some(facts) = facts.as_object_mut() {
        if !written.sources.is_empty() {
            facts.insert("sources".to_owned(), json!(written.sources));
        }
        match written.end {
            End::Finished { fallback: true, .. } => {
                facts.insert("fallback".to_owned(), Value::Bool(true));
            }
            End::Finished {
                reason: FinishReason::Length, ..
            }
            | End::BrokeOff
            | End::Cancelled(_) => {
                facts.insert("truncated".to_owned(), Value::Bool(true));
            }
            End::Finished { .. } => {}
        }
    }
    facts
}
