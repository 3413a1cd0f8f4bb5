//! What commands did, while nothing of it is durable yet.

use crate::audit::AuditEntry;
use crate::clock::Timestamp;
use crate::conversation::change::SignalKind;
use crate::conversation::command::{DeliveryReport, MediaArrival, NewMessage, NewMove};
use crate::conversation::{Action, Actor, AgentMark, Change, Command, ExternalId, Facts, MessageKey, Naming, Outcome};
use crate::event::{ConversationChange, ConversationEvent, DomainEvent, Signal};
use crate::id::{AttachmentId, JobId, KeyHash, MessageId};
use crate::job::Job;
use crate::message::{AuthorId, Message, SenderKind, Side};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What the commands of one group have written so far, so that a later one sees what an earlier one did.
#[derive(Default)]
pub(super) struct Written {
    pub(super) any: bool,
    pub(super) inserted: Vec<Arc<Message>>,
    pub(super) updated: BTreeMap<MessageId, Arc<Message>>,
    pub(super) client_ids: HashMap<(AuthorId, String), Arc<Message>>,
    pub(super) external_ids: HashMap<ExternalId, Arc<Message>>,
    pub(super) named: Vec<Naming>,
    pub(super) attached: Vec<(AttachmentId, MessageId)>,
    pub(super) detached: Vec<MessageId>,
    pub(super) agent_marks: Vec<AgentMark>,
    pub(super) audit: Vec<AuditEntry>,
    pub(super) jobs: Vec<Job>,
    pub(super) finished_jobs: Vec<JobId>,
}

impl Written {
    pub(super) fn take(&mut self, command: &Command, change: &Change) {
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
        self.inserted.extend(change.followed_by.iter().cloned());
        self.take_of_channel(command, change);
        if let Some(mark) = change.agent_mark {
            // One row for each agent: of two marks in a batch the further one counts.
            self.agent_marks
                .retain(|known| known.agent_id != mark.agent_id || known.mark.seq > mark.mark.seq);
            if !self.agent_marks.iter().any(|known| known.agent_id == mark.agent_id) {
                self.agent_marks.push(mark);
            }
        }
        self.audit.extend(change.audit.clone());
        for finished in &change.finished_jobs {
            // What began and ended in one batch was never there.
            let before = self.jobs.len();
            self.jobs.retain(|job| job.id != *finished);
            if self.jobs.len() == before {
                self.finished_jobs.push(*finished);
            }
        }
        self.jobs.extend(change.jobs.iter().cloned());
    }

    /// Names that a platform gave, and files that found their message or lost it.
    fn take_of_channel(&mut self, command: &Command, change: &Change) {
        let (Outcome::Stored(message) | Outcome::MessageChanged(message)) = &change.outcome else {
            return;
        };
        if let Some((external_id, part)) = &change.external_id {
            self.external_ids.insert(external_id.clone(), Arc::clone(message));
            self.named.push(Naming {
                external_id: external_id.clone(),
                workspace_id: message.workspace_id,
                conversation_id: message.conversation_id,
                message_id: message.id,
                part: *part,
            });
        }
        match &command.action {
            Action::Delete(_) => self.detached.push(message.id),
            Action::Send(_) | Action::AddMedia(_) => self.attached.extend(message.attachments.iter().map(|file| (file.id, message.id))),
            _ => {}
        }
    }

    pub(super) fn facts(&self, command: &Command, loaded: &HashMap<MessageKey, Arc<Message>>, used: &HashSet<AttachmentId>) -> Facts {
        let message = named_by(command).and_then(|key| match &key {
            MessageKey::Id(_, id) => self
                .updated
                .get(id)
                .or_else(|| loaded.get(&key))
                .or_else(|| self.inserted.iter().find(|message| message.id == *id))
                .cloned(),
            MessageKey::Place(_, seq) => self
                .inserted
                .iter()
                .find(|message| !message.private && message.seq == *seq)
                .or_else(|| loaded.get(&key))
                .cloned(),
            MessageKey::ClientId(..) | MessageKey::ExternalId(..) | MessageKey::Equal(..) => None,
        });
        let stored_first = client_keys(command).into_iter().find_map(|key| match &key {
            MessageKey::ClientId(_, author, client_id) => self.client_ids.get(&(*author, client_id.clone())).or_else(|| loaded.get(&key)).cloned(),
            MessageKey::ExternalId(id) => self.external_ids.get(id).or_else(|| loaded.get(&key)).cloned(),
            _ => None,
        });
        Facts {
            message,
            stored_first,
            used_files: files_of(command)
                .filter(|file| used.contains(file) || self.attached.iter().any(|(attached, _)| attached == file))
                .collect(),
            equal: self.equal(command, loaded),
        }
    }

    /// The message in the place that a told one names among equal ones: those that were stored, then those of this batch.
    fn equal(&self, command: &Command, loaded: &HashMap<MessageKey, Arc<Message>>) -> Option<Arc<Message>> {
        let (place, certain, key) = equal_place(command)?;
        if let Some(stored) = loaded.get(&key(place)) {
            return Some(Arc::clone(stored));
        }
        // Who has the third has the first two, so the number of stored ones is found by halving.
        let (mut stored, mut none) = (certain, place);
        while none - stored > 1 {
            let middle = stored + (none - stored) / 2;
            if loaded.contains_key(&key(middle)) {
                stored = middle;
            } else {
                none = middle;
            }
        }
        let (kind, content) = equal_to(command)?;
        let mut new = self
            .inserted
            .iter()
            .filter(|message| !message.private && message.sender.kind == kind && message.content == content);
        new.nth(place.checked_sub(stored + 1)?).cloned()
    }
}

/// The message whose present form a command needs.
fn named_by(command: &Command) -> Option<MessageKey> {
    let id = command.conversation_id;
    match &command.action {
        Action::Edit(message, _) | Action::Delete(message) | Action::React(message, _) => Some(MessageKey::Id(id, *message)),
        Action::Report(DeliveryReport { message, .. }) | Action::AddMedia(MediaArrival { message, .. }) => Some(MessageKey::Id(id, *message)),
        Action::Send(NewMessage { reply_to: Some(message), .. }) | Action::Move(NewMove { message, .. }) => Some(MessageKey::Id(id, *message)),
        Action::MarkRead(Some(seq)) if *seq > 0 => Some(MessageKey::Place(id, *seq)),
        _ => None,
    }
}

/// The files that a new message shall carry.
pub(super) fn files_of(command: &Command) -> impl Iterator<Item = AttachmentId> + '_ {
    let files = match &command.action {
        Action::Send(message) => message.attachments.as_slice(),
        _ => &[],
    };
    files.iter().map(|file| file.file.id)
}

/// Adds the messages that a command must be decided on.
pub(super) fn want(command: &Command, wanted: &mut HashSet<MessageKey>) {
    wanted.extend(named_by(command));
    if matches!(command.action, Action::Tell(_)) || files_of(command).next().is_some() {
        // It may have been stored under another author; no unique index finds that. And of a repeat the files are used.
        wanted.extend(client_keys(command));
    }
    if let Some((place, certain, key)) = equal_place(command) {
        wanted.extend((certain + 1..=place).map(key));
    }
}

/// Under which keys the message of a command may have been stored before. What a browser tells may first have been sent by
/// the visitor, or told without proof.
pub(super) fn client_keys(command: &Command) -> Vec<MessageKey> {
    if let Some((id, _)) = command.external_id() {
        return vec![MessageKey::ExternalId(id)];
    }
    let Some((author, client_id)) = command.client_id() else { return Vec::new() };
    let mut authors = vec![author];
    if let (Action::Tell(_), Actor::Visitor(_) | Actor::Reported(_)) = (&command.action, &command.actor) {
        authors.push(match &command.actor {
            Actor::Reported(reported) => reported.visitor_id.into(),
            _ => AuthorId::REPORTED,
        });
    }
    let key = |author| MessageKey::ClientId(command.conversation_id, author, client_id.to_owned());
    authors.into_iter().map(key).collect()
}

/// The place that a told message names among equal ones, how many of those before it are stored for certain, and how the places are
/// asked for.
fn equal_place(command: &Command) -> Option<(usize, usize, impl Fn(usize) -> MessageKey + use<>)> {
    let (Action::Tell(told), Some((kind, content))) = (&command.action, equal_to(command)) else {
        return None;
    };
    let (id, place) = (command.conversation_id, told.equal?);
    let certain = told.equal_stored.min(place.saturating_sub(1));
    Some((place, certain, move |place| MessageKey::Equal(id, kind, content, place)))
}

fn equal_to(command: &Command) -> Option<(SenderKind, KeyHash)> {
    match &command.action {
        Action::Tell(told) => Some((command.actor.sender().kind, told.content())),
        _ => None,
    }
}

/// What everybody is told of a change once it is durable.
pub(super) fn told(change: &Change, actor: &Actor, now: Timestamp) -> Vec<DomainEvent> {
    let conversation = Arc::clone(&change.conversation);
    let event = |rev, staff_rev, change| {
        DomainEvent::Conversation(ConversationEvent {
            rev,
            staff_rev,
            at: now,
            change,
            conversation: Arc::clone(&conversation),
        })
    };
    let beside = signal(change, actor, now).map(DomainEvent::Signal);
    let Some(first) = change.told() else {
        return beside.into_iter().collect();
    };
    let public = change.public.then_some(conversation.rev);
    let (rev, staff_rev) = match &change.outcome {
        // With more behind it, the conversation is at the numbers of the last.
        Outcome::MessageChanged(message) => (message.rev, message.staff_rev),
        _ => (public, conversation.staff_rev),
    };
    let followed_by = change
        .followed_by
        .iter()
        .map(|message| event(message.rev, message.staff_rev, ConversationChange::NewMessage(Arc::clone(message))));
    std::iter::once(event(rev, staff_rev, first)).chain(followed_by).chain(beside).collect()
}

/// What is merely live of a change that has no number.
fn signal(change: &Change, actor: &Actor, now: Timestamp) -> Option<Signal> {
    let conversation = Arc::clone(&change.conversation);
    // What a platform reports is about the customer.
    let by = if matches!(actor, Actor::System(_)) { Side::Visitor } else { actor.side() };
    Some(match change.signal? {
        SignalKind::Read { up_to_seq } => {
            let agent_id = match actor {
                Actor::Agent(agent) => Some(agent.id),
                Actor::Visitor(_) | Actor::Assistant(_) | Actor::Reported(_) | Actor::System(_) => None,
            };
            Signal::Read {
                conversation,
                by,
                agent_id,
                up_to_seq,
                at: now,
            }
        }
        SignalKind::Delivered { up_to_seq } => Signal::Delivered {
            conversation_id: conversation.id,
            by,
            up_to_seq,
            at: now,
        },
    })
}
