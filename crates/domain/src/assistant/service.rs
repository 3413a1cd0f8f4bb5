//! The assistant of all channels: who is answered, who watches, and what ends an answer.

use super::live::{LiveAnswer, LiveAnswers};
use super::{LanguageModel, ModelHealth, ModelServer, OperatorModel, prompt};
use crate::article::ArticleService;
use crate::channel::{Channel, ChannelError, ChannelService};
use crate::clock::{Clock, Timer};
use crate::conversation::{
    Action, Actor, AssistantActor, Audience, Command, CommandError, Conversation, ConversationWriter, HandledBy, Handler, NewAnswer, Outcome,
};
use crate::event::{DomainEvent, EventBus, Signal};
use crate::id::{ChannelId, JobId, MessageId};
use crate::job::{Claim, Job};
use crate::message::{HistoryQuery, HistoryWindow, Message};
use crate::page::Limit;
use crate::store::{RepositoryError, Store};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

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
    pub(super) with: AssistantDependencies,
    pub(super) slots: Mutex<HashMap<ChannelId, (u16, Arc<Semaphore>)>>,
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

    /// Nobody could make the answer: a person must look.
    ///
    /// # Errors
    /// That could not be stored either.
    pub async fn give_up(&self, job: &Job) -> Result<(), CommandError> {
        let Some(conversation) = self.owing(job).await? else { return Ok(()) };
        self.owe_nothing(&conversation, MessageId(job.id.0), Some("failed")).await
    }

    /// The conversation, if it still owes this answer. Otherwise the job is removed.
    pub(super) async fn owing(&self, job: &Job) -> Result<Option<Conversation>, CommandError> {
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

    pub(super) async fn submit(&self, conversation: &Conversation, channel: Option<&Channel>, answer: NewAnswer) -> Result<Outcome, CommandError> {
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
}
