//! The answers that are being written on this node, for everybody who watches one.

use super::FinishReason;
use crate::clock::{Clock, Timestamp};
use crate::event::{ConversationChange, DomainEvent, EventBus, EventSubscriber, Signal};
use crate::id::{ConversationId, MessageId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long an answer can be come back to after its end.
const KEPT: Duration = Duration::from_secs(60);

/// An article that an answer rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The article's id.
    pub id: String,
    /// Where it can be read: a path on this server.
    pub url: String,
    /// What it is called.
    pub title: String,
}

/// A piece of an answer on its way to those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerPart {
    /// Text begins.
    TextStart,
    /// More text.
    Text(Arc<str>),
    /// The text is whole.
    TextEnd,
    /// What it rests on.
    Source(Source),
    /// A person takes it from here.
    HandedOver,
    /// The answer is stored (or nothing was to be said).
    Finished {
        /// Why it ended.
        reason: FinishReason,
        /// Its place; `None` if nothing was stored.
        seq: Option<i64>,
        /// Whether help articles or the channel's text stand in for the answer.
        fallback: bool,
    },
    /// The visitor wanted no more; what was said is stored.
    Stopped,
    /// A person took over; nothing of it is stored.
    TakenOver,
    /// The model failed in the middle; what was said is stored.
    BrokeOff,
}

impl AnswerPart {
    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Stopped | Self::TakenOver | Self::BrokeOff)
    }
}

/// Why an answer shall not be written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancel {
    /// The visitor wants no more.
    Stopped,
    /// Somebody else handles the conversation.
    TakenOver,
    /// The server stops; the job makes the answer anew.
    Closing,
}

/// What everybody who watches must know of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AnswerHead {
    pub(super) id: MessageId,
    pub(super) conversation_id: ConversationId,
    pub(super) handler_version: i64,
    pub(super) question_id: MessageId,
    pub(super) question_seq: i64,
    pub(super) covers: i64,
    pub(super) first_draft: bool,
}

/// An answer that is being written, or was until a minute ago.
#[derive(Debug)]
pub struct LiveAnswer {
    head: AnswerHead,
    log: Mutex<Log>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Log {
    parts: Vec<AnswerPart>,
    cancel: Option<Cancel>,
    over_at: Option<Timestamp>,
}

impl LiveAnswer {
    fn new(head: AnswerHead) -> Self {
        Self {
            head,
            log: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The message as which it will be stored.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        self.head.id
    }

    /// The last question that it answers.
    #[must_use]
    pub const fn question(&self) -> (MessageId, i64) {
        (self.head.question_id, self.head.question_seq)
    }

    /// How many of the visitor's messages it answers, counted from the first.
    #[must_use]
    pub const fn covers(&self) -> i64 {
        self.head.covers
    }

    /// Whether nobody can have read another draft under this id. Numbers of parts mean nothing in another draft.
    #[must_use]
    pub const fn is_first_draft(&self) -> bool {
        self.head.first_draft
    }

    /// The parts from number `from` on, and whether none will follow. An answer may be over without a last part: then the
    /// server stopped writing, and it will be made anew.
    #[must_use]
    pub fn parts(&self, from: usize) -> (Vec<AnswerPart>, bool) {
        let log = self.lock();
        (log.parts.get(from..).unwrap_or_default().to_vec(), log.over_at.is_some())
    }

    /// Whether it is over without a last part: it will be made anew, or was stored without this node knowing.
    #[must_use]
    pub fn broke_up(&self) -> bool {
        let log = self.lock();
        log.over_at.is_some() && !log.parts.last().is_some_and(AnswerPart::is_last)
    }

    /// Tells whenever there is something new.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn push(&self, part: AnswerPart) {
        self.lock().parts.push(part);
        self.changed.send_replace(());
    }

    pub(super) fn end(&self, at: Timestamp) {
        self.lock().over_at.get_or_insert(at);
        self.changed.send_replace(());
    }

    pub(super) fn cancel(&self, why: Cancel) {
        self.lock().cancel.get_or_insert(why);
        self.changed.send_replace(());
    }

    /// Returns once it shall not be written on.
    pub(super) async fn cancelled(&self) -> Cancel {
        let mut changed = self.watch();
        loop {
            let cancel = self.lock().cancel;
            if let Some(why) = cancel {
                return why;
            }
            if changed.changed().await.is_err() {
                return Cancel::Closing;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.lock().over_at.is_some()
    }

    fn is_old(&self, now: Timestamp) -> bool {
        self.lock().over_at.is_some_and(|at| now.since(at) >= KEPT)
    }
}

/// The answers of this node, by conversation.
pub struct LiveAnswers {
    answers: Mutex<HashMap<ConversationId, Arc<LiveAnswer>>>,
    clock: Arc<dyn Clock>,
    begun: watch::Sender<()>,
    closing: watch::Sender<bool>,
}

impl LiveAnswers {
    /// Makes the board. It hears from the bus when a person takes over or a visitor wants no more, on whatever node.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, bus: &dyn EventBus) -> Arc<Self> {
        let board = Arc::new(Self {
            answers: Mutex::default(),
            clock,
            begun: watch::Sender::new(()),
            closing: watch::Sender::new(false),
        });
        let subscriber: Arc<dyn EventSubscriber> = board.clone();
        bus.subscribe(Arc::downgrade(&subscriber));
        board
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, Arc<LiveAnswer>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest answer of a conversation that is being written here, or was until a minute ago.
    #[must_use]
    pub fn find(&self, conversation: ConversationId) -> Option<Arc<LiveAnswer>> {
        let now = self.clock.now();
        self.lock().get(&conversation).filter(|answer| !answer.is_old(now)).cloned()
    }

    /// The answer of a conversation that is being written right now.
    #[must_use]
    pub fn running(&self, conversation: ConversationId) -> Option<Arc<LiveAnswer>> {
        self.lock().get(&conversation).filter(|answer| !answer.is_over()).cloned()
    }

    /// Tells whenever an answer begins or ends on this node.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<()> {
        self.begun.subscribe()
    }

    /// Tells when the server stops.
    #[must_use]
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// The server stops: nothing is written on, and those who watch are told.
    pub fn close(&self) {
        self.closing.send_replace(true);
        for answer in self.lock().values() {
            answer.cancel(Cancel::Closing);
        }
    }

    /// Forgets what nobody can come back to any more.
    pub fn tidy(&self) {
        let now = self.clock.now();
        self.lock().retain(|_, answer| !answer.is_old(now));
    }

    pub(super) fn start(&self, head: AnswerHead) -> Arc<LiveAnswer> {
        let answer = Arc::new(LiveAnswer::new(head));
        if *self.closing.borrow() {
            answer.cancel(Cancel::Closing);
        }
        self.lock().insert(head.conversation_id, answer.clone());
        self.begun.send_replace(());
        answer
    }

    pub(super) fn end(&self, answer: &LiveAnswer) {
        answer.end(self.clock.now());
        self.begun.send_replace(());
    }
}

impl EventSubscriber for LiveAnswers {
    fn deliver(&self, event: &Arc<DomainEvent>) {
        match &**event {
            DomainEvent::Conversation(event) => {
                let Some(answer) = self.running(event.conversation.id) else { return };
                let gone = matches!(event.change, ConversationChange::Deleted);
                if gone || event.conversation.handler_version > answer.head.handler_version {
                    answer.cancel(Cancel::TakenOver);
                }
            }
            DomainEvent::Signal(Signal::StopAnswer { conversation_id }) => {
                if let Some(answer) = self.running(*conversation_id) {
                    answer.cancel(Cancel::Stopped);
                }
            }
            DomainEvent::Signal(_) | DomainEvent::Access(_) => {}
        }
    }
}
