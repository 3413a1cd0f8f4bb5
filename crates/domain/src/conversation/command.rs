//! One command each: its data, its rule, its refusals. The rules are pure: conversation and command in, [`Change`] or
//! refusal out. They run in a lane of the writer, so nothing here may wait.

use super::change::{Change, ChangedFields, Facts, Outcome, SignalKind};
use super::error::CommandError;
use super::model::{AgentMark, Conversation, Handler, ReadMark, Status};
use crate::agent::Role;
use crate::audit::AuditEntry;
use crate::clock::Timestamp;
use crate::event::MessageChange;
use crate::id::{AgentId, AuditId, ConversationId, KeyHash, MessageId, VisitorId, WorkspaceId};
use crate::message::{AuthorId, Message, MessageKind, MessageStatus, Sender, SenderKind, Side};
use crate::text::{ClientId, Label, Line, MessageText};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

/// A visitor who acts, as its credential proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitorActor {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Who.
    pub id: VisitorId,
    /// The name that its messages carry.
    pub name: Option<String>,
}

/// An agent or machine who acts, as its credential proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentActor {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Who; a machine's is the id of its key.
    pub id: AgentId,
    /// The name that its messages carry.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// A machine writes like an agent, but never takes a conversation over.
    pub machine: bool,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The customer's side.
    Visitor(VisitorActor),
    /// Our side.
    Agent(AgentActor),
    /// The server itself: wake-ups, consequences of other changes.
    System(WorkspaceId),
}

impl Actor {
    /// Which side it is on.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::Visitor(_) => Side::Visitor,
            Self::Agent(_) | Self::System(_) => Side::Agent,
        }
    }

    /// Under whose name its client ids are unique.
    #[must_use]
    pub fn author(&self) -> AuthorId {
        match self {
            Self::Visitor(visitor) => visitor.id.into(),
            Self::Agent(agent) => agent.id.into(),
            Self::System(_) => AuthorId::SYSTEM,
        }
    }

    fn uuid(&self) -> Option<Uuid> {
        match self {
            Self::Visitor(visitor) => Some(visitor.id.0),
            Self::Agent(agent) => Some(agent.id.0),
            Self::System(_) => None,
        }
    }

    fn sender(&self) -> Sender {
        match self {
            Self::Visitor(visitor) => Sender { kind: SenderKind::Visitor, id: Some(visitor.id.0), name: visitor.name.clone(), reported: false },
            Self::Agent(agent) => Sender { kind: SenderKind::Agent, id: Some(agent.id.0), name: Some(agent.name.clone()), reported: false },
            Self::System(_) => Sender { kind: SenderKind::System, id: None, name: None, reported: false },
        }
    }

    /// Whether a message is its own.
    fn wrote(&self, message: &Message) -> bool {
        !message.sender.reported && message.sender.id.is_some() && message.sender.id == self.uuid()
    }
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// What it shall be named.
    pub id: MessageId,
    /// What it says.
    pub text: MessageText,
    /// Whether only agents shall see it.
    pub private: bool,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The client's own id.
    pub client_id: Option<ClientId>,
    /// What the sender's clock said.
    pub sent_at: Option<Timestamp>,
}

impl NewMessage {
    fn content(&self) -> KeyHash {
        Message::content_hash(MessageKind::Text, self.text.as_str(), None, self.reply_to, self.private)
    }
}

/// What shall be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Say something.
    Send(NewMessage),
    /// Say it in other words: an agent's own message, or any by an admin.
    Edit(MessageId, MessageText),
    /// Take it back: an own message, or any by an admin.
    Delete(MessageId),
    /// Put a sign on it; `None` takes it away.
    React(MessageId, Option<String>),
    /// The caller's side has read up to a place; `None` is the head.
    MarkRead(Option<i64>),
    /// The caller's client has received up to a place; `None` is the head.
    MarkDelivered(Option<i64>),
    /// Give it to an agent, or back to the queue.
    Assign(Option<AgentId>),
    /// Take it oneself.
    TakeOver,
    /// Let the assistant answer; says whether the channel has one.
    HandToAssistant {
        /// Whether an assistant is on in the channel.
        available: bool,
    },
    /// Set where the work stands, with the wake-up time of `snoozed`.
    SetStatus(Status, Option<Timestamp>),
    /// Put up or take down the flag.
    SetFlag(Option<Option<Line>>),
    /// Replace the labels.
    SetLabels(Vec<Label>),
    /// The customer has another name or address now.
    SetCustomer {
        /// The name.
        name: Option<String>,
        /// The address.
        email: Option<String>,
    },
    /// A snoozed conversation's time has come.
    Wake,
    /// Back to the queue if this agent has it.
    Release(AgentId),
    /// Remove it for both parties.
    DeleteConversation,
}

/// An order to one conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Which.
    pub conversation_id: ConversationId,
    /// Who acts.
    pub actor: Actor,
    /// What shall be done.
    pub action: Action,
}

impl Command {
    /// The client id under which it must happen only once.
    #[must_use]
    pub fn client_id(&self) -> Option<(AuthorId, &str)> {
        match &self.action {
            Action::Send(NewMessage { client_id: Some(id), .. }) => Some((self.actor.author(), id.as_str())),
            _ => None,
        }
    }
}

const NOT_YOURS: &str = "only its author may change this message";

/// Decides a command. `now` is one moment for the whole batch; ids of audit lines come from `audit_id`.
///
/// # Errors
/// The refusal; nothing changes then.
pub fn apply(before: &Arc<Conversation>, command: &Command, facts: &Facts, now: Timestamp, audit_id: AuditId) -> Result<Change, CommandError> {
    must_see(before, &command.actor)?;
    must_be_allowed(&command.actor, &command.action)?;
    let deciding = Deciding { before, actor: &command.actor, facts, now, audit_id };
    match &command.action {
        Action::Send(message) => deciding.send(message),
        Action::Edit(_, text) => deciding.edit(text),
        Action::Delete(_) => deciding.delete_message(),
        Action::React(_, emoji) => deciding.react(emoji.as_deref()),
        Action::MarkRead(up_to) => Ok(deciding.mark_read(*up_to)),
        Action::MarkDelivered(up_to) => Ok(deciding.mark_delivered(*up_to)),
        Action::Assign(to) => Ok(deciding.hand_over(to.map_or(Handler::Queue, Handler::Agent), "conversation.assign")),
        Action::TakeOver => deciding.take_over(),
        Action::HandToAssistant { available } => {
            if *available {
                Ok(deciding.hand_over(Handler::Assistant, "conversation.hand_to_assistant"))
            } else {
                Err(CommandError::Conflict("no assistant is set up for this channel"))
            }
        }
        Action::SetStatus(status, until) => Ok(deciding.set_status(*status, *until)),
        Action::SetFlag(flag) => Ok(deciding.set_flag(flag.as_ref())),
        Action::SetLabels(labels) => Ok(deciding.set_labels(labels)),
        Action::SetCustomer { name, email } => Ok(deciding.with(|conversation| {
            conversation.customer_name.clone_from(name);
            conversation.customer_email.clone_from(email);
        })),
        Action::Wake => Ok(deciding.wake()),
        Action::Release(agent) => {
            let to = if before.handler == Handler::Agent(*agent) { Handler::Queue } else { before.handler };
            Ok(deciding.hand_over(to, "conversation.release"))
        }
        Action::DeleteConversation => deciding.delete_conversation(),
    }
}

/// Someone else's conversation is like one that does not exist.
fn must_see(conversation: &Conversation, actor: &Actor) -> Result<(), CommandError> {
    let sees = conversation.deleted_at.is_none()
        && match actor {
            Actor::Visitor(visitor) => visitor.workspace_id == conversation.workspace_id && visitor.id == conversation.visitor_id,
            Actor::Agent(agent) => agent.workspace_id == conversation.workspace_id && agent.role != Role::Seller,
            Actor::System(workspace) => *workspace == conversation.workspace_id,
        };
    if sees { Ok(()) } else { Err(CommandError::ConversationNotFound) }
}

/// The customer's side talks, reads and takes back; the work on a conversation is ours.
fn must_be_allowed(actor: &Actor, action: &Action) -> Result<(), CommandError> {
    let Actor::Visitor(_) = actor else { return Ok(()) };
    match action {
        Action::Send(message) if message.private => Err(CommandError::Forbidden("only agents write notes")),
        Action::Edit(..) => Err(CommandError::Forbidden(NOT_YOURS)),
        Action::Send(_) | Action::Delete(_) | Action::React(..) | Action::MarkRead(_) | Action::MarkDelivered(_) => Ok(()),
        Action::Assign(_)
        | Action::TakeOver
        | Action::HandToAssistant { .. }
        | Action::SetStatus(..)
        | Action::SetFlag(_)
        | Action::SetLabels(_)
        | Action::SetCustomer { .. }
        | Action::Wake
        | Action::Release(_)
        | Action::DeleteConversation => Err(CommandError::Forbidden("only agents may do this")),
    }
}

/// What every rule looks at.
struct Deciding<'a> {
    before: &'a Arc<Conversation>,
    actor: &'a Actor,
    facts: &'a Facts,
    now: Timestamp,
    audit_id: AuditId,
}

impl Deciding<'_> {
    /// A visitor's message reopens; an agent's first reply takes over. Either way it is one command and one number.
    fn send(&self, new: &NewMessage) -> Result<Change, CommandError> {
        if let Some(first) = &self.facts.stored_first {
            return if first.content == new.content() {
                Ok(self.nothing(Outcome::Repeated(Arc::clone(first))))
            } else {
                Err(CommandError::ClientIdReused)
            };
        }
        if new.reply_to.is_some() {
            let answered = self.facts.message.as_ref().ok_or(CommandError::ReplyToUnknown)?;
            if answered.private && !new.private {
                return Err(CommandError::ReplyToUnknown);
            }
        }
        let mut after = Conversation::clone(self.before);
        if !new.private {
            match self.actor {
                Actor::Visitor(_) => {
                    after.set_status(Status::Open, None);
                }
                Actor::Agent(agent) if !agent.machine && after.handler.assignee().is_none() => {
                    after.set_handler(Handler::Agent(agent.id));
                }
                Actor::Agent(_) | Actor::System(_) => {}
            }
        }
        let side = self.actor.side();
        if new.private {
            after.staff_rev += 1;
        } else {
            after.rev += 1;
            after.staff_rev += 1;
            after.last_seq += 1;
            match side {
                Side::Visitor => after.inbound_count += 1,
                Side::Agent => after.outbound_count += 1,
            }
            after.last_message_at = self.now;
            after.last_message = Some(Conversation::preview_of(new.text.as_str()));
        }
        let message = Message {
            id: new.id,
            workspace_id: after.workspace_id,
            conversation_id: after.id,
            seq: after.last_seq,
            rev: (!new.private).then_some(after.rev),
            staff_rev: after.staff_rev,
            made_rev: (!new.private).then_some(after.rev),
            made_staff_rev: after.staff_rev,
            sender: self.actor.sender(),
            kind: MessageKind::Text,
            text: new.text.as_str().to_owned(),
            payload: None,
            reply_to: new.reply_to,
            reactions: Vec::new(),
            metadata: None,
            client_id: new.client_id.as_ref().map(|id| id.as_str().to_owned()),
            content: new.content(),
            status: MessageStatus::Sent,
            private: new.private,
            inbound_count: after.inbound_count,
            outbound_count: after.outbound_count,
            sent_at: new.sent_at,
            created_at: self.now,
            edited_at: None,
            deleted_at: None,
        };
        // Who writes has read: the author's own side is at the head now.
        let mut agent_mark = None;
        if !new.private && !matches!(self.actor, Actor::System(_)) {
            after.move_mark(side, after.head_mark(side));
            agent_mark = self.own_mark(after.head_mark(Side::Agent));
        }
        let mut change = self.decided(after, !new.private, Outcome::Stored(Arc::new(message)));
        change.agent_mark = agent_mark;
        Ok(change)
    }

    fn edit(&self, text: &MessageText) -> Result<Change, CommandError> {
        let message = self.named_message()?;
        let admin = matches!(self.actor, Actor::Agent(agent) if agent.role >= Role::Admin);
        if !(self.actor.wrote(message) || admin) {
            return Err(CommandError::Forbidden(NOT_YOURS));
        }
        if message.deleted_at.is_some() {
            return Err(CommandError::Conflict("a deleted message cannot be edited"));
        }
        if message.text == text.as_str() {
            return Ok(self.nothing(Outcome::MessageChanged(Arc::clone(message))));
        }
        let mut edited = Message::clone(message);
        edited.text = text.as_str().to_owned();
        edited.edited_at = Some(self.now);
        Ok(self.message_changed(edited, MessageChange::Edited))
    }

    fn delete_message(&self) -> Result<Change, CommandError> {
        let message = self.named_message()?;
        let admin = matches!(self.actor, Actor::Agent(agent) if agent.role >= Role::Admin);
        if !(self.actor.wrote(message) || admin) {
            return Err(CommandError::Forbidden(NOT_YOURS));
        }
        if message.deleted_at.is_some() {
            return Ok(self.nothing(Outcome::MessageChanged(Arc::clone(message))));
        }
        let mut deleted = Message::clone(message);
        deleted.delete(self.now);
        let mut change = self.message_changed(deleted, MessageChange::Deleted);
        change.audit = Some(self.audit("message.delete", json!({"message": message.id})));
        Ok(change)
    }

    fn react(&self, emoji: Option<&str>) -> Result<Change, CommandError> {
        let message = self.named_message()?;
        if message.deleted_at.is_some() {
            return Err(CommandError::Conflict("a deleted message takes no reaction"));
        }
        let mut changed = Message::clone(message);
        if !changed.react(self.actor.side(), emoji) {
            return Ok(self.nothing(Outcome::MessageChanged(Arc::new(changed))));
        }
        Ok(self.message_changed(changed, MessageChange::Reaction))
    }

    /// A known message in a new form: one number, the public one only if customers see the message.
    fn message_changed(&self, mut message: Message, kind: MessageChange) -> Change {
        let mut after = Conversation::clone(self.before);
        after.staff_rev += 1;
        message.staff_rev = after.staff_rev;
        if !message.private {
            after.rev += 1;
            message.rev = Some(after.rev);
            if message.seq == after.last_seq {
                after.last_message = (message.deleted_at.is_none()).then(|| Conversation::preview_of(&message.text));
            }
        }
        let public = !message.private;
        let mut change = self.decided(after, public, Outcome::MessageChanged(Arc::new(message)));
        change.message_change = Some(kind);
        change
    }

    /// Marks take no number. The newest wins, none goes back, none passes the head.
    fn mark_read(&self, up_to: Option<i64>) -> Change {
        let side = self.actor.side();
        let head = self.before.head_mark(side);
        let wanted = up_to.unwrap_or(head.seq).clamp(0, head.seq);
        let mark = if wanted == head.seq {
            head
        } else {
            // The row in that place remembers both counts as they were after it.
            let Some(message) = &self.facts.message else { return self.nothing(Outcome::Unchanged) };
            let count = match side {
                Side::Visitor => message.outbound_count,
                Side::Agent => message.inbound_count,
            };
            ReadMark { seq: wanted, count }
        };
        let mut after = Conversation::clone(self.before);
        let moved = after.move_mark(side, mark);
        let agent_mark = self.own_mark(mark);
        if !moved && agent_mark.is_none() {
            return self.nothing(Outcome::Unchanged);
        }
        let mut change = Change::nothing(Arc::new(after), if moved { Outcome::Changed } else { Outcome::Unchanged });
        change.writes = true;
        change.agent_mark = agent_mark;
        change.signal = moved.then_some(SignalKind::Read { up_to_seq: mark.seq });
        change
    }

    fn mark_delivered(&self, up_to: Option<i64>) -> Change {
        let head = self.before.last_seq;
        let wanted = up_to.unwrap_or(head).clamp(0, head);
        let mut after = Conversation::clone(self.before);
        let mark = match self.actor.side() {
            Side::Visitor => &mut after.visitor_delivered,
            Side::Agent => &mut after.team_delivered,
        };
        if wanted <= *mark {
            return self.nothing(Outcome::Unchanged);
        }
        *mark = wanted;
        let mut change = Change::nothing(Arc::new(after), Outcome::Changed);
        change.writes = true;
        change.signal = Some(SignalKind::Delivered { up_to_seq: wanted });
        change
    }

    fn take_over(&self) -> Result<Change, CommandError> {
        match self.actor {
            Actor::Agent(agent) if !agent.machine => Ok(self.hand_over(Handler::Agent(agent.id), "conversation.take_over")),
            _ => Err(CommandError::Forbidden("only a person can take a conversation over")),
        }
    }

    fn hand_over(&self, to: Handler, action: &str) -> Change {
        let mut change = self.with(|conversation| {
            conversation.set_handler(to);
        });
        if change.writes {
            change.audit = Some(self.audit(action, json!({"from": describe(self.before.handler), "to": describe(to)})));
        }
        change
    }

    fn set_status(&self, status: Status, until: Option<Timestamp>) -> Change {
        let mut change = self.with(|conversation| {
            conversation.set_status(status, until);
        });
        if change.writes {
            change.audit = Some(self.audit("conversation.status", json!({"from": self.before.status, "to": status})));
        }
        change
    }

    fn wake(&self) -> Change {
        let due = self.before.status == Status::Snoozed && self.before.snoozed_until.is_some_and(|until| until <= self.now);
        if due { self.set_status(Status::Open, None) } else { self.nothing(Outcome::Unchanged) }
    }

    fn set_flag(&self, flag: Option<&Option<Line>>) -> Change {
        let mut change = self.with(|conversation| {
            let reason = flag.map(|reason| reason.as_ref().map(|line| line.as_str().to_owned()));
            let same = conversation.flag.as_ref().map(|flag| flag.reason.clone()) == reason;
            if !same {
                conversation.flag = reason.map(|reason| super::model::Flag { reason, at: self.now });
            }
        });
        if change.writes {
            change.audit = Some(self.audit("conversation.flag", json!({"flagged": flag.is_some()})));
        }
        change
    }

    fn set_labels(&self, labels: &[Label]) -> Change {
        let mut labels: Vec<String> = labels.iter().map(|label| label.as_str().to_owned()).collect();
        labels.sort();
        labels.dedup();
        let mut change = self.with(|conversation| conversation.labels.clone_from(&labels));
        if change.writes {
            change.audit = Some(self.audit("conversation.labels", json!({"from": self.before.labels, "to": labels})));
        }
        change
    }

    fn delete_conversation(&self) -> Result<Change, CommandError> {
        let allowed = match self.actor {
            Actor::Agent(agent) => agent.role >= Role::Admin,
            Actor::System(_) => true,
            Actor::Visitor(_) => false,
        };
        if !allowed {
            return Err(CommandError::Forbidden("only an admin may delete a conversation"));
        }
        let mut after = Conversation::clone(self.before);
        after.deleted_at = Some(self.now);
        after.rev += 1;
        after.staff_rev += 1;
        after.changed_rev = after.rev;
        after.changed_staff_rev = after.staff_rev;
        let mut change = self.decided(after, true, Outcome::Changed);
        change.deletes = true;
        change.audit = Some(self.audit("conversation.delete", json!({})));
        Ok(change)
    }

    /// A change of the conversation's own fields: one number, the public one only if a visitor sees a difference.
    fn with(&self, edit: impl FnOnce(&mut Conversation)) -> Change {
        let mut after = Conversation::clone(self.before);
        edit(&mut after);
        let fields = ChangedFields::between(self.before, &after);
        if !fields.any() {
            return self.nothing(Outcome::Unchanged);
        }
        after.staff_rev += 1;
        if fields.is_public() {
            after.rev += 1;
        }
        self.decided(after, fields.is_public(), Outcome::Changed)
    }

    /// Finishes a change that has its number: what differs of the conversation's own fields carries the same one.
    fn decided(&self, mut after: Conversation, public: bool, outcome: Outcome) -> Change {
        let fields = ChangedFields::between(self.before, &after);
        if fields.any() {
            after.changed_staff_rev = after.staff_rev;
        }
        if fields.is_public() {
            after.changed_rev = after.rev;
        }
        after.updated_at = self.now;
        let mut change = Change::nothing(Arc::new(after), outcome);
        change.fields = fields;
        change.numbered = true;
        change.public = public;
        change.writes = true;
        change
    }

    fn nothing(&self, outcome: Outcome) -> Change {
        Change::nothing(Arc::clone(self.before), outcome)
    }

    /// The message that the command names, if this caller may see it.
    fn named_message(&self) -> Result<&Arc<Message>, CommandError> {
        let message = self.facts.message.as_ref().ok_or(CommandError::MessageNotFound)?;
        if message.private && matches!(self.actor, Actor::Visitor(_)) {
            return Err(CommandError::MessageNotFound);
        }
        Ok(message)
    }

    /// An agent's own mark; machines have none, and nothing is kept of who has read nothing.
    fn own_mark(&self, mark: ReadMark) -> Option<AgentMark> {
        match self.actor {
            Actor::Agent(agent) if !agent.machine && mark.seq > 0 => Some(AgentMark { conversation_id: self.before.id, agent_id: agent.id, mark, at: self.now }),
            _ => None,
        }
    }

    fn audit(&self, action: &str, detail: serde_json::Value) -> AuditEntry {
        AuditEntry {
            id: self.audit_id,
            workspace_id: self.before.workspace_id,
            actor_id: self.actor.uuid(),
            action: action.to_owned(),
            target_id: self.before.id.0,
            detail,
            at: self.now,
        }
    }
}

fn describe(handler: Handler) -> serde_json::Value {
    json!({"handled_by": handler.for_agent(), "assignee_id": handler.assignee()})
}
