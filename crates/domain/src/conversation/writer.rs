//! Group commit: many commands, one transaction.
//!
//! Every conversation belongs to one lane of its node. A lane takes all commands that wait (it never waits for more),
//! decides them in memory in order of arrival, and commits the whole batch at once. It is optimistic: what it remembers
//! of a conversation may be old, so each item is written only if the row's `version` is still the one it was decided on;
//! a stale item is loaded and decided again. A refusal, a repeat or a no-op writes nothing and so proves nothing about the
//! version: it is answered together with a write that did, or after the row was read anew.

use super::change::{Change, Facts, Outcome, SignalKind};
use super::command::{Action, Actor, Command, NewMessage, apply};
use super::error::CommandError;
use super::model::{AgentMark, Conversation};
use super::store::{CommitItem, CommitOutcome, ConversationStore, MessageKey};
use crate::audit::AuditEntry;
use crate::clock::{Clock, Timestamp};
use crate::event::{ConversationEvent, DomainEvent, EventBus, Signal};
use crate::id::{AuditId, ConversationId, Ids, MessageId};
use crate::message::{AuthorId, Message};
use crate::store::RepositoryError;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

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
        Self { lanes: 1, batch: 256, queue: 4096, remembered: 10_000 }
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
        let (lanes, intakes) = (0..settings.lanes.max(1)).map(|_| mpsc::channel(settings.queue.max(1))).map(|(to, from)| (to, Mutex::new(Some(from)))).unzip();
        Arc::new(Self { lanes, intakes, store, bus, clock, ids, settings })
    }

    /// How many lanes want to be run.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.len()
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
        let intake = self.intakes.get(number).and_then(|intake| intake.lock().ok().and_then(|mut intake| intake.take()));
        let Some(mut intake) = intake else { return };
        let mut lane = Lane { writer: &self, remembered: Remembered::new(self.settings.remembered) };
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

/// The conversations used last, in two halves: a full young half becomes the old one, and what was old and not written
/// since is forgotten.
struct Remembered {
    young: HashMap<ConversationId, Arc<Conversation>>,
    old: HashMap<ConversationId, Arc<Conversation>>,
    half: usize,
}

impl Remembered {
    fn new(room: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (room / 2).max(1) }
    }

    fn get(&self, id: ConversationId) -> Option<&Arc<Conversation>> {
        self.young.get(&id).or_else(|| self.old.get(&id))
    }

    fn put(&mut self, row: Arc<Conversation>) {
        if self.young.len() >= self.half && !self.young.contains_key(&row.id) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(row.id, row);
    }

    fn forget(&mut self, id: ConversationId) {
        self.young.remove(&id);
        self.old.remove(&id);
    }
}

/// What one round decides on. Held apart from what the lane remembers, which may drop any row to keep its bound.
struct Loaded {
    rows: HashMap<ConversationId, Arc<Conversation>>,
    messages: HashMap<MessageKey, Arc<Message>>,
}

/// Commands of one conversation that are decided together, in order of arrival.
struct Group {
    id: ConversationId,
    commands: Vec<Waiting>,
    /// Decide on a row that was read just now.
    fresh: bool,
    /// Look the client ids up: one of them is taken.
    look_up: bool,
    /// How often it was stale.
    attempts: usize,
}

impl Group {
    const fn new(id: ConversationId, commands: Vec<Waiting>) -> Self {
        Self { id, commands, fresh: false, look_up: false, attempts: 0 }
    }

    fn refuse(self, refusal: &CommandError) {
        for waiting in self.commands {
            waiting.settle(Err(refusal.clone()));
        }
    }
}

/// A group as decided: what shall be written, and what is told once it is.
struct Decided {
    group: Group,
    item: CommitItem,
    answers: Vec<Answer>,
    events: Vec<DomainEvent>,
}

/// How often a stale group is decided again. Every round somebody else got through, so this many in a row is overload.
const ATTEMPTS: usize = 100;

struct Lane<'a> {
    writer: &'a ConversationWriter,
    remembered: Remembered,
}

impl Lane<'_> {
    async fn work(&mut self, waiting: &mut Vec<Waiting>) {
        metrics::histogram!("parlor_writer_batch_commands").record(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
        let mut left = group(waiting.drain(..));
        while !left.is_empty() {
            let (now, later) = first_of_each(left);
            left = self.round(now).await;
            left.extend(later);
        }
    }

    /// Decides and commits once, at most one group for each conversation. What must be decided again comes back.
    async fn round(&mut self, mut groups: Vec<Group>) -> Vec<Group> {
        let loaded = match self.load(&mut groups).await {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(%error, "conversations could not be loaded");
                groups.into_iter().for_each(|group| group.refuse(&error.clone().into()));
                return Vec::new();
            }
        };
        let now = self.writer.clock.now();
        let mut left = Vec::new();
        let mut decided = Vec::with_capacity(groups.len());
        for group in groups {
            match self.decide(group, &loaded, now) {
                Next::Commit(one) => decided.push(*one),
                Next::ReadAnew(group) => left.push(group),
                Next::Settled => {}
            }
        }
        // One order on all lanes and nodes, so that rows are never locked crosswise.
        decided.sort_by_key(|one| one.item.conversation.id);
        self.commit(decided, &mut left).await;
        left
    }

    /// Reads what is not remembered, and what the commands name.
    async fn load(&mut self, groups: &mut [Group]) -> Result<Loaded, RepositoryError> {
        let mut rows = HashMap::with_capacity(groups.len());
        let mut unknown = Vec::new();
        for group in groups.iter_mut() {
            match self.remembered.get(group.id) {
                Some(row) if !group.fresh => {
                    rows.insert(group.id, Arc::clone(row));
                }
                _ => {
                    group.fresh = true;
                    self.remembered.forget(group.id);
                    unknown.push(group.id);
                }
            }
        }
        if !unknown.is_empty() {
            for row in self.writer.store.load(&unknown).await? {
                let row = Arc::new(row);
                self.remembered.put(Arc::clone(&row));
                rows.insert(row.id, row);
            }
        }
        let mut wanted = HashSet::new();
        for group in groups.iter() {
            for waiting in &group.commands {
                wanted.extend(named_by(&waiting.command));
                if group.look_up {
                    wanted.extend(client_key(&waiting.command));
                }
            }
        }
        let mut messages = HashMap::new();
        if !wanted.is_empty() {
            let wanted: Vec<_> = wanted.into_iter().collect();
            messages.extend(self.writer.store.load_messages(&wanted).await?.into_iter().map(|(key, message)| (key, Arc::new(message))));
        }
        Ok(Loaded { rows, messages })
    }

    fn decide(&self, mut group: Group, loaded: &Loaded, now: Timestamp) -> Next {
        let Some(base) = loaded.rows.get(&group.id) else {
            // It was looked for just now.
            group.refuse(&CommandError::ConversationNotFound);
            return Next::Settled;
        };
        let mut state = Arc::clone(base);
        let mut written = Written::default();
        let mut answers = Vec::with_capacity(group.commands.len());
        let mut events = Vec::new();
        for Waiting { command, .. } in &group.commands {
            let facts = written.facts(command, &loaded.messages);
            let answer = apply(&state, command, &facts, now, AuditId(self.writer.ids.ordered())).map(|change| {
                if change.writes {
                    state = Arc::clone(&change.conversation);
                    events.extend(told(&change, &command.actor, now));
                    written.take(command, &change);
                }
                Done { outcome: change.outcome, conversation: Arc::clone(&state) }
            });
            answers.push(answer);
        }
        if !written.any {
            if !group.fresh {
                group.fresh = true;
                return Next::ReadAnew(group);
            }
            group.commands.into_iter().zip(answers).for_each(|(waiting, answer)| waiting.settle(answer));
            return Next::Settled;
        }
        let mut conversation = Conversation::clone(&state);
        conversation.version = base.version + 1;
        let item = CommitItem {
            base_version: base.version,
            conversation,
            inserted: written.inserted,
            updated: written.updated.into_values().collect(),
            agent_marks: written.agent_marks,
            audit: written.audit,
        };
        Next::Commit(Box::new(Decided { group, item, answers, events }))
    }

    async fn commit(&mut self, decided: Vec<Decided>, left: &mut Vec<Group>) {
        if decided.is_empty() {
            return;
        }
        let mut items = Vec::with_capacity(decided.len());
        let mut rest = Vec::with_capacity(decided.len());
        for Decided { group, item, answers, events } in decided {
            items.push(item);
            rest.push((group, answers, events));
        }
        match self.writer.store.commit(&items).await {
            Ok(outcomes) => {
                for ((item, (group, answers, events)), outcome) in items.into_iter().zip(rest).zip(outcomes) {
                    self.finish(item, group, answers, events, outcome, left);
                }
            }
            // One bad item must not spoil the others: each is tried alone.
            Err(error) if is_refusal(&error) && items.len() > 1 => {
                tracing::warn!(items = items.len(), %error, "a batch was refused; its items are tried one by one");
                for (item, (group, answers, events)) in items.into_iter().zip(rest) {
                    match self.writer.store.commit(std::slice::from_ref(&item)).await {
                        Ok(outcomes) => {
                            let outcome = outcomes.first().copied().unwrap_or(CommitOutcome::Stale);
                            self.finish(item, group, answers, events, outcome, left);
                        }
                        Err(error) => self.give_up(group, &error, left),
                    }
                }
            }
            Err(error) => rest.into_iter().for_each(|(group, _, _)| self.give_up(group, &error, left)),
        }
    }

    /// Remembers, tells, answers, in this order: when a caller has its answer, the event is on its way.
    fn finish(&mut self, item: CommitItem, mut group: Group, answers: Vec<Answer>, events: Vec<DomainEvent>, outcome: CommitOutcome, left: &mut Vec<Group>) {
        match outcome {
            CommitOutcome::Stored => {
                self.remembered.put(Arc::new(item.conversation));
                events.into_iter().for_each(|event| self.writer.bus.publish(event));
                group.commands.into_iter().zip(answers).for_each(|(waiting, answer)| waiting.settle(answer));
                return;
            }
            CommitOutcome::Stale => {
                metrics::counter!("parlor_writer_stale_total").increment(1);
                group.fresh = true;
            }
            CommitOutcome::ClientIdTaken => group.look_up = true,
        }
        group.attempts += 1;
        if group.attempts < ATTEMPTS {
            left.push(group);
        } else {
            self.remembered.forget(group.id);
            group.refuse(&CommandError::Busy);
        }
    }

    /// The database refused a group. If several commands are in it, each gets its own try, so that only the bad one fails.
    fn give_up(&mut self, group: Group, error: &RepositoryError, left: &mut Vec<Group>) {
        self.remembered.forget(group.id);
        if is_refusal(error) && group.commands.len() > 1 {
            let (id, look_up) = (group.id, group.look_up);
            left.extend(group.commands.into_iter().map(|one| Group { look_up, ..Group::new(id, vec![one]) }));
            return;
        }
        tracing::error!(%error, conversation = %group.id, "a command could not be stored");
        group.refuse(&error.clone().into());
    }
}

/// Whether the database said no to what it was given. Otherwise it is not known what it did, and trying again is the caller's.
const fn is_refusal(error: &RepositoryError) -> bool {
    matches!(error, RepositoryError::Failed(_) | RepositoryError::Conflict)
}

/// Where a group goes after it was decided.
enum Next {
    Commit(Box<Decided>),
    ReadAnew(Group),
    Settled,
}

/// What the commands of one group have written so far, so that a later one sees what an earlier one did.
#[derive(Default)]
struct Written {
    any: bool,
    inserted: Vec<Arc<Message>>,
    updated: BTreeMap<MessageId, Arc<Message>>,
    client_ids: HashMap<(AuthorId, String), Arc<Message>>,
    agent_marks: Vec<AgentMark>,
    audit: Vec<AuditEntry>,
}

impl Written {
    fn take(&mut self, command: &Command, change: &Change) {
        self.any = true;
        match &change.outcome {
            Outcome::Stored(message) => {
                if let Some((author, client_id)) = command.client_id() {
                    self.client_ids.insert((author, client_id.to_owned()), Arc::clone(message));
                }
                self.inserted.push(Arc::clone(message));
            }
            Outcome::MessageChanged(message) => {
                self.updated.insert(message.id, Arc::clone(message));
            }
            Outcome::Repeated(_) | Outcome::Changed | Outcome::Unchanged => {}
        }
        if let Some(mark) = change.agent_mark {
            // One row for each agent: of two marks in a batch the further one counts.
            self.agent_marks.retain(|known| known.agent_id != mark.agent_id || known.mark.seq > mark.mark.seq);
            if !self.agent_marks.iter().any(|known| known.agent_id == mark.agent_id) {
                self.agent_marks.push(mark);
            }
        }
        self.audit.extend(change.audit.clone());
    }

    fn facts(&self, command: &Command, loaded: &HashMap<MessageKey, Arc<Message>>) -> Facts {
        let message = named_by(command).and_then(|key| match &key {
            MessageKey::Id(_, id) => self.updated.get(id).or_else(|| loaded.get(&key)).cloned(),
            MessageKey::Place(_, seq) => self.inserted.iter().find(|message| !message.private && message.seq == *seq).or_else(|| loaded.get(&key)).cloned(),
            MessageKey::ClientId(..) => None,
        });
        let stored_first = command
            .client_id()
            .and_then(|(author, client_id)| self.client_ids.get(&(author, client_id.to_owned())))
            .or_else(|| client_key(command).and_then(|key| loaded.get(&key)))
            .cloned();
        Facts { message, stored_first }
    }
}

/// The message whose present form a command needs.
fn named_by(command: &Command) -> Option<MessageKey> {
    let id = command.conversation_id;
    match &command.action {
        Action::Edit(message, _) | Action::Delete(message) | Action::React(message, _) => Some(MessageKey::Id(id, *message)),
        Action::Send(NewMessage { reply_to: Some(message), .. }) => Some(MessageKey::Id(id, *message)),
        Action::MarkRead(Some(seq)) if *seq > 0 => Some(MessageKey::Place(id, *seq)),
        _ => None,
    }
}

fn client_key(command: &Command) -> Option<MessageKey> {
    let (author, client_id) = command.client_id()?;
    Some(MessageKey::ClientId(command.conversation_id, author, client_id.to_owned()))
}

/// Sorts commands by conversation; those of one keep their order.
fn group(waiting: impl Iterator<Item = Waiting>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<ConversationId, usize> = HashMap::new();
    for one in waiting {
        let id = one.command.conversation_id;
        let known = places.get(&id).and_then(|place| groups.get_mut(*place));
        if let Some(group) = known {
            group.commands.push(one);
        } else {
            places.insert(id, groups.len());
            groups.push(Group::new(id, vec![one]));
        }
    }
    groups
}

/// The first group of each conversation, and the rest in their order.
fn first_of_each(groups: Vec<Group>) -> (Vec<Group>, Vec<Group>) {
    let mut seen = HashSet::new();
    groups.into_iter().partition(|group| seen.insert(group.id))
}

/// What everybody is told of a change once it is durable.
fn told(change: &Change, actor: &Actor, now: Timestamp) -> Option<DomainEvent> {
    let conversation = Arc::clone(&change.conversation);
    if let Some(what) = change.told() {
        let rev = change.public.then_some(conversation.rev);
        return Some(DomainEvent::Conversation(ConversationEvent { rev, staff_rev: conversation.staff_rev, at: now, change: what, conversation }));
    }
    let by = actor.side();
    let signal = match change.signal? {
        SignalKind::Read { up_to_seq } => {
            let agent_id = match actor {
                Actor::Agent(agent) => Some(agent.id),
                Actor::Visitor(_) | Actor::System(_) => None,
            };
            Signal::Read { conversation, by, agent_id, up_to_seq, at: now }
        }
        SignalKind::Delivered { up_to_seq } => Signal::Delivered { conversation_id: conversation.id, by, up_to_seq, at: now },
    };
    Some(DomainEvent::Signal(signal))
}
