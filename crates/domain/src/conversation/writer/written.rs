//! What commands did, while nothing of it is durable yet.

use crate::audit::AuditEntry;
use crate::clock::Timestamp;
use crate::conversation::change::SignalKind;
use crate::conversation::command::NewMessage;
use crate::conversation::{Action, Actor, AgentMark, Change, Command, Facts, MessageKey, Outcome};
use crate::event::{ConversationEvent, DomainEvent, Signal};
use crate::id::MessageId;
use crate::message::{AuthorId, Message};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What the commands of one group have written so far, so that a later one sees what an earlier one did.
#[derive(Default)]
pub(super) struct Written {
    pub(super) any: bool,
    pub(super) inserted: Vec<Arc<Message>>,
    pub(super) updated: BTreeMap<MessageId, Arc<Message>>,
    pub(super) client_ids: HashMap<(AuthorId, String), Arc<Message>>,
    pub(super) agent_marks: Vec<AgentMark>,
    pub(super) audit: Vec<AuditEntry>,
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
        if let Some(mark) = change.agent_mark {
            // One row for each agent: of two marks in a batch the further one counts.
            self.agent_marks
                .retain(|known| known.agent_id != mark.agent_id || known.mark.seq > mark.mark.seq);
            if !self.agent_marks.iter().any(|known| known.agent_id == mark.agent_id) {
                self.agent_marks.push(mark);
            }
        }
        self.audit.extend(change.audit.clone());
    }

    pub(super) fn facts(&self, command: &Command, loaded: &HashMap<MessageKey, Arc<Message>>) -> Facts {
        let message = named_by(command).and_then(|key| match &key {
            MessageKey::Id(_, id) => self.updated.get(id).or_else(|| loaded.get(&key)).cloned(),
            MessageKey::Place(_, seq) => self
                .inserted
                .iter()
                .find(|message| !message.private && message.seq == *seq)
                .or_else(|| loaded.get(&key))
                .cloned(),
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
pub(super) fn named_by(command: &Command) -> Option<MessageKey> {
    let id = command.conversation_id;
    match &command.action {
        Action::Edit(message, _) | Action::Delete(message) | Action::React(message, _) => Some(MessageKey::Id(id, *message)),
        Action::Send(NewMessage { reply_to: Some(message), .. }) => Some(MessageKey::Id(id, *message)),
        Action::MarkRead(Some(seq)) if *seq > 0 => Some(MessageKey::Place(id, *seq)),
        _ => None,
    }
}

pub(super) fn client_key(command: &Command) -> Option<MessageKey> {
    let (author, client_id) = command.client_id()?;
    Some(MessageKey::ClientId(command.conversation_id, author, client_id.to_owned()))
}

/// What everybody is told of a change once it is durable.
pub(super) fn told(change: &Change, actor: &Actor, now: Timestamp) -> Option<DomainEvent> {
    let conversation = Arc::clone(&change.conversation);
    if let Some(what) = change.told() {
        let rev = change.public.then_some(conversation.rev);
        return Some(DomainEvent::Conversation(ConversationEvent {
            rev,
            staff_rev: conversation.staff_rev,
            at: now,
            change: what,
            conversation,
        }));
    }
    let by = actor.side();
    let signal = match change.signal? {
        SignalKind::Read { up_to_seq } => {
            let agent_id = match actor {
                Actor::Agent(agent) => Some(agent.id),
                Actor::Visitor(_) | Actor::System(_) => None,
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
    };
    Some(DomainEvent::Signal(signal))
}
