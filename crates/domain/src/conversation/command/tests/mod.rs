//! What each command does to a conversation, without a store.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod answering;
mod channel;
mod marks;
mod messages;
mod numbers;
mod proposals;
mod rights;
mod sending;
mod state;
mod telling;

use crate::agent::Role;
use crate::clock::Timestamp;
use crate::conversation::*;
use crate::event::{ConversationChange, MessageChange};
use crate::id::{AgentId, ChannelId, ConversationId, MessageId, RoomKey, VisitorId, WorkspaceId};
use crate::message::{AuthorId, Message, SenderKind, Side};
use crate::text::{ClientId, Label, Line, MessageText};
use std::sync::Arc;
use uuid::Uuid;

const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(0x10));
const VISITOR: VisitorId = VisitorId(Uuid::from_u128(0x20));
const ADA: AgentId = AgentId(Uuid::from_u128(0x30));
const BEN: AgentId = AgentId(Uuid::from_u128(0x31));
const START: i64 = 1_763_629_203_000;

fn visitor() -> Actor {
    Actor::Visitor(VisitorActor {
        workspace_id: WORKSPACE,
        id: VISITOR,
        name: Some("Nadia".to_owned()),
    })
}

fn agent(id: AgentId, role: Role) -> Actor {
    Actor::Agent(AgentActor {
        workspace_id: WORKSPACE,
        id,
        name: "Ada".to_owned(),
        role,
        machine: false,
    })
}

fn ada() -> Actor {
    agent(ADA, Role::Agent)
}

fn ben() -> Actor {
    agent(BEN, Role::Agent)
}

fn admin() -> Actor {
    agent(AgentId(Uuid::from_u128(0x32)), Role::Admin)
}

fn machine() -> Actor {
    Actor::Agent(AgentActor {
        workspace_id: WORKSPACE,
        id: AgentId(Uuid::from_u128(0x33)),
        name: "Robot".to_owned(),
        role: Role::Admin,
        machine: true,
    })
}

fn system() -> Actor {
    Actor::System(WORKSPACE)
}

fn text(words: &str) -> MessageText {
    MessageText::parse(words).unwrap()
}

fn empty_conversation() -> Conversation {
    Conversation {
        id: ConversationId(Uuid::from_u128(0x40)),
        workspace_id: WORKSPACE,
        channel_id: ChannelId(Uuid::from_u128(0x50)),
        visitor_id: VISITOR,
        room_key: RoomKey::new(Uuid::from_u128(0x60)),
        kind: ConversationKind::Chat,
        client_ref: None,
        seller: None,
        whatsapp: None,
        status: Status::Open,
        snoozed_until: None,
        handler: Handler::Queue,
        handler_version: 1,
        answer_id: None,
        answers: 0,
        subject: None,
        flag: None,
        labels: Vec::new(),
        customer_name: None,
        customer_email: None,
        metadata: None,
        version: 1,
        last_seq: 0,
        rev: 0,
        staff_rev: 0,
        changed_rev: 0,
        changed_staff_rev: 0,
        inbound_count: 0,
        outbound_count: 0,
        last_message_at: Timestamp(START),
        last_message: None,
        team_mark: ReadMark::default(),
        visitor_mark: ReadMark::default(),
        visitor_delivered: 0,
        team_delivered: 0,
        created_at: Timestamp(START),
        updated_at: Timestamp(START),
        deleted_at: None,
    }
}

/// A conversation with its messages, kept as the writer and a store would.
#[derive(Clone)]
struct Thread {
    conversation: Arc<Conversation>,
    messages: Vec<Arc<Message>>,
    now: Timestamp,
}

impl Thread {
    fn new() -> Self {
        Self::of(empty_conversation())
    }

    fn of(conversation: Conversation) -> Self {
        Self {
            conversation: Arc::new(conversation),
            messages: Vec::new(),
            now: Timestamp(START),
        }
    }

    fn facts(&self, command: &Command) -> Facts {
        let by_id = |id: MessageId| self.messages.iter().find(|message| message.id == id);
        let message = match &command.action {
            Action::Edit(id, _) | Action::Delete(id) | Action::React(id, _) => by_id(*id),
            Action::Send(new) => new.reply_to.and_then(by_id),
            Action::Move(NewMove { message, .. }) => by_id(*message),
            Action::Report(DeliveryReport { message, .. }) | Action::AddMedia(MediaArrival { message, .. }) => by_id(*message),
            Action::MarkRead(Some(seq)) => self.messages.iter().find(|message| !message.private && message.seq == *seq),
            _ => None,
        };
        let stored_first = command.client_id().and_then(|(author, client_id)| {
            self.messages
                .iter()
                .find(|message| message.sender.author() == author && message.client_id.as_deref() == Some(client_id))
        });
        Facts {
            equal: None,
            used_files: std::collections::HashSet::new(),
            message: message.cloned(),
            stored_first: stored_first.cloned(),
        }
    }

    fn decide(&self, actor: Actor, action: Action) -> Result<Change, CommandError> {
        let command = Command {
            conversation_id: self.conversation.id,
            actor,
            action,
        };
        apply(
            &self.conversation,
            &command,
            &self.facts(&command),
            self.now,
            Fresh {
                id: Uuid::from_u128(0xf000_0000_0000 + u128::from(self.now.0.unsigned_abs())),
                job: Uuid::from_u128(0xe000_0000_0000 + u128::from(self.now.0.unsigned_abs())),
            },
        )
    }

    fn take(&mut self, change: &Change) {
        self.conversation = Arc::clone(&change.conversation);
        match &change.outcome {
            Outcome::Stored(message) => self.messages.push(Arc::clone(message)),
            Outcome::MessageChanged(message) => {
                let known = self.messages.iter_mut().find(|known| known.id == message.id).unwrap();
                *known = Arc::clone(message);
            }
            Outcome::Repeated(_) | Outcome::Changed | Outcome::Unchanged => {}
        }
        self.messages.extend(change.followed_by.iter().cloned());
    }

    fn run(&mut self, actor: Actor, action: Action) -> Result<Change, CommandError> {
        self.now.0 += 1000;
        let change = self.decide(actor, action)?;
        self.take(&change);
        Ok(change)
    }

    fn new_message(&self, words: &str) -> NewMessage {
        let id = MessageId(Uuid::from_u128(0x1000 + self.messages.len() as u128));
        NewMessage::text(id, text(words))
    }

    fn say(&mut self, actor: Actor, words: &str) -> Change {
        let new = self.new_message(words);
        self.run(actor, Action::Send(new)).unwrap()
    }

    fn note(&mut self, actor: Actor, words: &str) -> Result<Change, CommandError> {
        let new = NewMessage {
            private: true,
            ..self.new_message(words)
        };
        self.run(actor, Action::Send(new))
    }

    fn last(&self) -> &Message {
        self.messages.last().unwrap()
    }

    fn numbers(&self) -> (i64, i64, i64) {
        (self.conversation.last_seq, self.conversation.rev, self.conversation.staff_rev)
    }
}

fn set(status: Status) -> Action {
    Action::SetStatus(status, None)
}

fn labels(names: &[&str]) -> Action {
    Action::SetLabels(names.iter().map(|name| Label::parse(name).unwrap()).collect())
}
