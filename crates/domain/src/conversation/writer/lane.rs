//! One lane: decides what waits, commits it at once, answers.

use super::group::{Group, first_of_each, group};
use super::remembered::Remembered;
use super::written::{Written, client_keys, files_of, told, want};
use super::{Answer, ConversationWriter, Done, Waiting};
use crate::clock::Timestamp;
use crate::conversation::{CommandError, CommitItem, CommitOutcome, Conversation, Fresh, MessageKey, apply};
use crate::event::DomainEvent;
use crate::id::{AttachmentId, ConversationId};
use crate::message::Message;
use crate::store::RepositoryError;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What one round decides on. Held apart from what the lane remembers, which may drop any row to keep its bound.
struct Loaded {
    rows: HashMap<ConversationId, Arc<Conversation>>,
    messages: HashMap<MessageKey, Arc<Message>>,
    used_files: HashSet<AttachmentId>,
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

pub(super) struct Lane<'a> {
    pub(super) writer: &'a ConversationWriter,
    pub(super) remembered: Remembered,
}

impl Lane<'_> {
    pub(super) async fn work(&mut self, waiting: &mut Vec<Waiting>) {
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
            // One row that cannot be read must not spoil the others: each group is tried alone.
            Err(error) if is_refusal(&error) && groups.len() > 1 => {
                let mut left = Vec::new();
                for group in groups {
                    left.extend(Box::pin(self.round(vec![group])).await);
                }
                return left;
            }
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
                want(&waiting.command, &mut wanted);
                if group.look_up {
                    wanted.extend(client_keys(&waiting.command));
                }
            }
        }
        let mut messages = HashMap::new();
        if !wanted.is_empty() {
            let wanted: Vec<_> = wanted.into_iter().collect();
            messages.extend(
                self.writer
                    .store
                    .load_messages(&wanted)
                    .await?
                    .into_iter()
                    .map(|(key, message)| (key, Arc::new(message))),
            );
        }
        let files: Vec<AttachmentId> = groups
            .iter()
            .flat_map(|group| &group.commands)
            .flat_map(|waiting| files_of(&waiting.command))
            .collect();
        let mut used_files = HashSet::new();
        if !files.is_empty() {
            used_files.extend(self.writer.store.used_files(&files).await?);
        }
        Ok(Loaded { rows, messages, used_files })
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
            let facts = written.facts(command, &loaded.messages, &loaded.used_files);
            let answer = apply(&state, command, &facts, now, Fresh::from(&*self.writer.ids)).map(|change| {
                if change.writes {
                    state = Arc::clone(&change.conversation);
                    events.extend(told(&change, &command.actor, now));
                    written.take(command, &change);
                }
                Done {
                    outcome: change.outcome,
                    conversation: Arc::clone(&state),
                }
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
            named: written.named,
            attached: written.attached,
            detached: written.detached,
            agent_marks: written.agent_marks,
            audit: written.audit,
            jobs: written.jobs.into_iter().map(|job| self.writer.claimed(job, now)).collect(),
            finished_jobs: written.finished_jobs,
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
                item.jobs.into_iter().for_each(|job| self.writer.begin(job));
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
            left.extend(group.commands.into_iter().map(|one| Group {
                look_up,
                ..Group::new(id, vec![one])
            }));
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
