//! Group commit: many commands, one transaction.
//!
//! Every conversation belongs to one lane of its node. A lane takes all commands that wait (it never waits for more),
//! decides them in memory in order of arrival, and commits the whole batch at once. It is optimistic: what it remembers
//! of a conversation may be old, so each item is written only if the row's `version` is still the one it was decided on;
//! a stale item is loaded and decided again. A refusal, a repeat or a no-op writes nothing and so proves nothing about the
//! version: it is answered together with a write that did, or after the row was read anew.

mod group;
mod lane;
mod remembered;
mod written;

use super::change::Outcome;
use super::command::Command;
use super::error::CommandError;
use super::model::Conversation;
use super::store::{ConversationStore, MessageKey};
use crate::clock::{Clock, Timestamp};
use crate::event::EventBus;
use crate::id::{ConversationId, Ids};
use crate::job::{CLAIMED_FOR, Claim, Job};
use crate::message::Message;
use crate::store::RepositoryError;
use lane::Lane;
use remembered::Remembered;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// How the writer is cut.
#[derive(Debug, Clone, Copy)]
pub struct WriterSettings {
    /// Lanes: 1 on SQLite, as many as cores on Postgres (more only make batches small).
    pub lanes: usize,
    /// The most commands in one batch.
    pub batch: usize,
    /// The most commands that wait for one lane; one more is refused at once.
    pub queue: usize,
    /// How many conversations a lane remembers.
    pub remembered: usize,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self {
            lanes: 1,
            batch: 256,
            queue: 4096,
            remembered: 10_000,
        }
    }
}

/// What a command did, once it is durable.
#[derive(Debug, Clone)]
pub struct Done {
    /// What the caller asked for.
    pub outcome: Outcome,
    /// The conversation as this command left it.
    pub conversation: Arc<Conversation>,
}

type Answer = Result<Done, CommandError>;

struct Waiting {
    command: Command,
    answer: oneshot::Sender<Answer>,
}

impl Waiting {
    /// A caller that went away is not missed: what it asked for is done all the same.
    fn settle(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

/// Where all changes of conversations go through.
pub struct ConversationWriter {
    lanes: Vec<mpsc::Sender<Waiting>>,
    intakes: Vec<Mutex<Option<mpsc::Receiver<Waiting>>>>,
    jobs: mpsc::Sender<Job>,
    begun_jobs: Mutex<Option<mpsc::Receiver<Job>>>,
    node: Uuid,
    store: Arc<dyn ConversationStore>,
    bus: Arc<dyn EventBus>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    settings: WriterSettings,
}

impl ConversationWriter {
    /// Makes the writer. It works once every lane runs: the caller spawns [`Self::run_lane`] for each.
    #[must_use]
    pub fn new(store: Arc<dyn ConversationStore>, bus: Arc<dyn EventBus>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, settings: WriterSettings) -> Arc<Self> {
        let (lanes, intakes) = (0..settings.lanes.max(1))
            .map(|_| mpsc::channel(settings.queue.max(1)))
            .map(|(to, from)| (to, Mutex::new(Some(from))))
            .unzip();
        let (jobs, begun_jobs) = mpsc::channel(settings.queue.max(1));
        Arc::new(Self {
            lanes,
            intakes,
            jobs,
            begun_jobs: Mutex::new(Some(begun_jobs)),
            node: ids.random(),
            store,
            bus,
            clock,
            ids,
            settings,
        })
    }

    /// How many lanes want to be run.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// A message as it is stored now.
    ///
    /// # Errors
    /// What storage says.
    pub(in crate::conversation) async fn stored(&self, key: MessageKey) -> Result<Option<Message>, RepositoryError> {
        Ok(self.store.load_messages(&[key]).await?.pop().map(|(_, message)| message))
    }

    /// Those of some messages that are stored now.
    ///
    /// # Errors
    /// What storage says.
    pub(in crate::conversation) async fn stored_many(&self, keys: &[MessageKey]) -> Result<Vec<(MessageKey, Message)>, RepositoryError> {
        self.store.load_messages(keys).await
    }

    /// Under which name this node claims jobs.
    #[must_use]
    pub const fn node(&self) -> Uuid {
        self.node
    }

    /// The jobs that this node's commits made, as they are made; those without a claim must be claimed first. There is one receiver; a second call gets none.
    pub fn take_jobs(&self) -> Option<mpsc::Receiver<Job>> {
        self.begun_jobs.lock().ok().and_then(|mut jobs| jobs.take())
    }

    /// The node that commits a question answers it: the job is claimed with the commit that makes it, unless it is for later, or must
    /// wait for others.
    pub(in crate::conversation) fn claimed(&self, mut job: Job, now: Timestamp) -> Job {
        if job.run_at <= now && job.kind.begins_with_its_commit() && !self.jobs.is_closed() {
            job.claim = Some(Claim {
                by: self.node,
                until: now.plus(CLAIMED_FOR),
            });
        }
        job
    }

    /// A job that finds no room here is found in the database when its claim has run out. One without a claim is only a hint that
    /// there is work to be looked for.
    pub(in crate::conversation) fn begin(&self, job: Job) {
        if job.claim.is_some() || job.run_at <= job.created_at {
            let _ = self.jobs.try_send(job);
        }
    }

    /// Does a command, and answers when it is durable.
    ///
    /// # Errors
    /// The refusal. After [`CommandError::Unavailable`] it is not known whether it was stored.
    pub async fn submit(&self, command: Command) -> Answer {
        let (answer, answered) = oneshot::channel();
        let lane = self.lanes.get(lane_of(command.conversation_id, self.lanes.len())).ok_or(CommandError::Failed)?;
        lane.try_send(Waiting { command, answer }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => CommandError::Busy,
            mpsc::error::TrySendError::Closed(_) => CommandError::Unavailable,
        })?;
        answered.await.unwrap_or(Err(CommandError::Unavailable))
    }

    /// Runs a lane for as long as the task that it is spawned on. A lane runs once; a second call returns at once.
    pub async fn run_lane(self: Arc<Self>, number: usize) {
        let intake = self
            .intakes
            .get(number)
            .and_then(|intake| intake.lock().ok().and_then(|mut intake| intake.take()));
        let Some(mut intake) = intake else { return };
        let mut lane = Lane {
            writer: &self,
            remembered: Remembered::new(self.settings.remembered),
        };
        let mut waiting = Vec::with_capacity(self.settings.batch);
        while intake.recv_many(&mut waiting, self.settings.batch.max(1)).await > 0 {
            lane.work(&mut waiting).await;
        }
    }
}

/// Which lane a conversation has on this node. The last bits of a v7 id are random.
fn lane_of(id: ConversationId, lanes: usize) -> usize {
    let (_, low) = id.0.as_u64_pair();
    usize::try_from(low % lanes.max(1) as u64).unwrap_or_default()
}
