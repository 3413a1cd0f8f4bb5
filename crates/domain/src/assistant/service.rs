//! Writing an answer, from the job that asks for it to the message that holds it.

use super::live::{AnswerHead, AnswerPart, Cancel, LiveAnswer, LiveAnswers, Source};
use super::request::asks_for_person;
use super::writing::Writing;
use super::{
    AssistantSettings, FinishReason, LanguageModel, ModelAnswer, ModelEvent, ModelFailure, ModelHealth, ModelQuestion, ModelServer, OperatorModel, Turn,
    TurnRole, prompt,
};
use crate::article::{ArticleService, Found};
use crate::channel::{Channel, ChannelError, ChannelService};
use crate::clock::{Clock, Timer, Timestamp};
use crate::conversation::{
    Action, Actor, AssistantActor, Audience, Command, CommandError, Conversation, ConversationWriter, HandledBy, Handler, NewAnswer, Outcome,
};
use crate::event::{DomainEvent, EventBus, Signal};
use crate::id::{ChannelId, ConversationId, JobId, MessageId, WorkspaceId};
use crate::job::{Claim, Job};
use crate::message::{HistoryQuery, HistoryWindow, Message, SenderKind};
use crate::page::Limit;
use crate::store::{RepositoryError, Store};
use crate::text::AnswerText;
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long an answer waits for others of its channel before help articles or the channel's text stand in for it.
const QUEUED: Duration = Duration::from_secs(10);
/// How many articles a model is told of.
const ARTICLES: usize = 3;

/// What the service needs.
pub struct AssistantDependencies {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Where answers are stored.
    pub writer: Arc<ConversationWriter>,
    /// Whose settings.
    pub channels: Arc<ChannelService>,
    /// Help.
    pub articles: Arc<ArticleService>,
    /// Models.
    pub model: Arc<dyn LanguageModel>,
    /// Who watches.
    pub live: Arc<LiveAnswers>,
    /// Other nodes and sockets.
    pub bus: Arc<dyn EventBus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Waiting.
    pub timer: Arc<dyn Timer>,
    /// What the operator set for all channels.
    pub operator: OperatorModel,
}

/// The assistant of all channels.
pub struct AssistantService {
    with: AssistantDependencies,
    slots: Mutex<HashMap<ChannelId, (u16, Arc<Semaphore>)>>,
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is stored.
    Ok,
    /// It is stored, but not whole.
    Truncated,
    /// Help articles or the channel's text are stored in its place.
    Fallback,
    /// A person handles the conversation.
    Human,
    /// The visitor wanted no more.
    Aborted,
    /// The model failed in the middle.
    Failed,
    /// The server stops; the job stays.
    Closing,
}

impl Answered {
    /// The word in the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Truncated => "truncated",
            Self::Fallback => "fallback",
            Self::Human => "human",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::Closing => "closing",
        }
    }
}

/// What is known of the answer to a question.
#[derive(Debug, Clone)]
pub enum Followed {
    /// It is being written on this node, or was until a minute ago.
    Live(Arc<LiveAnswer>),
    /// It is stored.
    Stored(Box<Message>),
    /// It is owed, and not begun on this node.
    Owed,
    /// There will be none. Who handles the conversation, as the visitor sees it.
    None(HandledBy),
}

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

/// How an answer ended.
enum End {
    Finished { reason: FinishReason, fallback: bool },
    BrokeOff,
    Cancelled(Cancel),
}

/// An answer that wants to be stored.
struct Written {
    end: End,
    sources: Vec<Source>,
    hand_over: Option<&'static str>,
    reason: Option<String>,
}

impl Written {
    const fn finished(reason: FinishReason) -> Self {
        Self {
            end: End::Finished { reason, fallback: false },
            sources: Vec::new(),
            hand_over: None,
            reason: None,
        }
    }
}

impl AssistantService {
    /// Makes the service.
    #[must_use]
    pub fn new(with: AssistantDependencies) -> Self {
        Self { with, slots: Mutex::default() }
    }

    /// The answers of this node.
    #[must_use]
    pub const fn live(&self) -> &Arc<LiveAnswers> {
        &self.with.live
    }

    /// The model of a channel.
    ///
    /// # Errors
    /// Its key cannot be read.
    pub fn server_of(&self, channel: &Channel) -> Result<Option<ModelServer>, ChannelError> {
        let key = self.with.channels.assistant_key(channel)?;
        Ok(channel.assistant.server(key, &self.with.operator))
    }

    /// How the model of a channel does; `None` without one.
    ///
    /// # Errors
    /// Its key cannot be read.
    pub fn health_of(&self, channel: &Channel) -> Result<Option<ModelHealth>, ChannelError> {
        Ok(self.server_of(channel)?.map(|server| self.with.model.health(&server)))
    }

    /// What is known of the answer to a visitor's message.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn follow(&self, question: &Message) -> Result<Followed, RepositoryError> {
        let live = self.with.live.find(question.conversation_id);
        let covers = |live: &Arc<LiveAnswer>| live.covers() >= question.inbound_count && live.question().1 >= question.seq;
        if let Some(live) = live.filter(|live| !live.broke_up() && covers(live)) {
            // An older question may have an older answer; that one is in the history.
            if live.covers() == question.inbound_count || self.stored_answer(question).await?.is_none() {
                return Ok(Followed::Live(live));
            }
        }
        if let Some(stored) = self.stored_answer(question).await? {
            return Ok(Followed::Stored(Box::new(stored)));
        }
        let read = self.with.store.read().await?;
        let conversation = read.conversations().find(question.workspace_id, question.conversation_id).await?;
        Ok(match conversation {
            Some(conversation) if conversation.answer_id.is_some() => Followed::Owed,
            Some(conversation) => Followed::None(conversation.handler.for_visitor()),
            None => Followed::None(HandledBy::Human),
        })
    }

    /// The first message of the assistant after a question that answers it.
    async fn stored_answer(&self, question: &Message) -> Result<Option<Message>, RepositoryError> {
        let read = self.with.store.read().await?;
        let query = HistoryQuery {
            audience: Audience::Public,
            window: HistoryWindow::After(question.seq),
            limit: Limit::MAX,
        };
        let after = read.messages().history(question.conversation_id, query).await?.messages;
        Ok(after
            .into_iter()
            .find(|message| prompt::answers(message).is_some_and(|seq| seq >= question.seq)))
    }

    /// The visitor wants no more of the answer that is being written. Answers whether one was.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn stop(&self, conversation: &Conversation) -> Result<bool, CommandError> {
        // Looked for first: what is stopped may be stored before a second look.
        let read = self.with.store.read().await?;
        let present = read.conversations().find(conversation.workspace_id, conversation.id).await?;
        let owed = present.as_ref().and_then(|present| present.answer_id);
        let runs_here = self.with.live.running(conversation.id).is_some();
        self.with.bus.publish(DomainEvent::Signal(Signal::StopAnswer {
            conversation_id: conversation.id,
        }));
        if let (Some(present), Some(id), false) = (present, owed, runs_here) {
            let job = read.jobs().find(present.workspace_id, JobId(id.0)).await?;
            let elsewhere = |claim: Claim| claim.by != self.with.writer.node() && claim.until > self.with.clock.now();
            if !job.and_then(|job| job.claim).is_some_and(elsewhere) {
                self.owe_nothing(&present, id, None).await?;
            }
        }
        Ok(owed.is_some() || runs_here)
    }

    /// An answer that nobody writes is not owed any more; why a person shall take it from here, if so.
    async fn owe_nothing(&self, conversation: &Conversation, id: MessageId, hand_over: Option<&str>) -> Result<(), CommandError> {
        let nothing = NewAnswer {
            id,
            handler_version: conversation.handler_version,
            covers: conversation.inbound_count,
            text: None,
            metadata: None,
            hand_over: hand_over.map(str::to_owned),
        };
        match self.submit(conversation, None, nothing).await {
            Ok(_) | Err(CommandError::HandlerChanged | CommandError::ConversationNotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

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

    /// Nobody could make the answer: a person must look.
    ///
    /// # Errors
    /// That could not be stored either.
    pub async fn give_up(&self, job: &Job) -> Result<(), CommandError> {
        let Some(conversation) = self.owing(job).await? else { return Ok(()) };
        self.owe_nothing(&conversation, MessageId(job.id.0), Some("failed")).await
    }

    /// The conversation, if it still owes this answer. Otherwise the job is removed.
    async fn owing(&self, job: &Job) -> Result<Option<Conversation>, CommandError> {
        let read = self.with.store.read().await?;
        let found = read.conversations().find(job.workspace_id, job.conversation_id).await?;
        let owing = found.filter(|conversation| {
            conversation.deleted_at.is_none() && conversation.handler == Handler::Assistant && conversation.answer_id == Some(MessageId(job.id.0))
        });
        if owing.is_none() {
            let work = self.with.store.begin().await?;
            work.jobs().delete(job.id).await?;
            work.commit().await?;
        }
        Ok(owing)
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
                Either::Left((written, _)) => written?,
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

    /// Finds the words. Whatever the model does, there is an answer.
    async fn draft(
        &self,
        writing: &mut Writing<'_>,
        channel: &Channel,
        conversation: &Conversation,
        history: &[Message],
        began: Timestamp,
    ) -> Result<Written, CommandError> {
        let settings = &channel.assistant;
        let questions = unanswered(history);
        if !settings.enabled {
            // Switched off since: nobody said that a person would reply, so nothing is said.
            return Ok(Written {
                hand_over: Some("switched_off"),
                ..Written::finished(FinishReason::Complete)
            });
        }
        if questions.iter().any(|question| asks_for_person(&question.text)) {
            writing.say(settings.waiting_text());
            return Ok(Written {
                hand_over: Some("requested"),
                ..Written::finished(FinishReason::Complete)
            });
        }
        if conversation.answers >= i64::from(settings.answers_per_conversation) {
            writing.say(settings.waiting_text());
            return Ok(fallen_back("budget", Vec::new()));
        }
        let question: Vec<&str> = questions.iter().map(|question| question.text.as_str()).collect();
        let known = self.search(conversation.workspace_id, &question.join("\n")).await;
        let found = fitting(settings, &known);
        let server = match self.server_of(channel) {
            Ok(server) => server,
            Err(error) => {
                tracing::error!(%error, channel = %channel.id, "the assistant's key cannot be read");
                return Ok(self.fall_back(writing, channel, &found, "model_failed").await);
            }
        };
        let Some(server) = server else {
            return Ok(match found.first() {
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
            });
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
            return Ok(self.fall_back(writing, channel, &found, "busy").await);
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
                return Ok(self.fall_back(writing, channel, &found, "model_failed").await);
            }
        };
        Ok(self.pass_on(writing, &mut *answer, channel, &found, began).await)
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

    async fn submit(&self, conversation: &Conversation, channel: Option<&Channel>, answer: NewAnswer) -> Result<Outcome, CommandError> {
        let name = channel.and_then(|channel| channel.assistant.name.as_ref()).map(|name| name.as_str().to_owned());
        let command = Command {
            conversation_id: conversation.id,
            actor: Actor::Assistant(AssistantActor {
                workspace_id: conversation.workspace_id,
                name,
            }),
            action: Action::Answer(answer),
        };
        Ok(self.with.writer.submit(command).await?.outcome)
    }

    /// The articles that fit a question best. If they cannot be searched, there are none.
    async fn search(&self, workspace: WorkspaceId, question: &str) -> Vec<Found> {
        self.with.articles.search(workspace, question, ARTICLES).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "help articles could not be searched");
            Vec::new()
        })
    }

    /// Where the found articles can be read. Those of the workspace where strangers belong have the plain address.
    async fn sources(&self, channel: &Channel, found: &[Found]) -> Vec<Source> {
        let default = self.with.channels.resolve(None, None).await;
        let plain = default.is_ok_and(|default| default.workspace_id == channel.workspace_id);
        let url = |found: &Found| {
            if plain {
                format!("/help/{}", found.slug)
            } else {
                format!("/help/{}?channel={}", found.slug, channel.id)
            }
        };
        let source = |found: &Found| Source {
            id: found.article_id.to_string(),
            url: url(found),
            title: found.title.clone(),
        };
        found.iter().map(source).collect()
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

/// What a model is told of: it judges by itself what fits.
fn told_to_models(settings: &AssistantSettings, known: &[Found]) -> Vec<Found> {
    known.iter().filter(|found| found.score >= settings.score_limit / 2).cloned().collect()
}

/// The articles that are good enough to be an answer themselves, and not much worse than the best: visitors are shown them.
/// A model may be told of more, since it judges by itself.
fn fitting(settings: &AssistantSettings, told: &[Found]) -> Vec<Found> {
    let best = told.iter().map(|found| found.score).max().unwrap_or(0);
    let fits = |found: &&Found| found.score >= settings.score_limit && u16::from(found.score) * 4 >= u16::from(best) * 3;
    told.iter().filter(fits).cloned().collect()
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

fn taken_over(writing: &Writing<'_>) -> Answered {
    writing.end_text();
    writing.push(AnswerPart::HandedOver);
    writing.push(AnswerPart::TakenOver);
    Answered::Human
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
