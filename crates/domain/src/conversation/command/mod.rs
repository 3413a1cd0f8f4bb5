//! One command each: its data, its rule, its refusals. The rules are pure: conversation and command in, [`Change`] or
//! refusal out. They run in a lane of the writer, so nothing here may wait.

mod actor;
mod answer;
mod channel;
mod marks;
mod messages;
mod order;
mod proposals;
mod state;
mod tell;
#[cfg(test)]
mod tests;

pub use actor::{Actor, AgentActor, AssistantActor, ReportedActor, VisitorActor};
pub use order::{Action, Command, DeliveryReport, ExternalId, MediaArrival, NewAnswer, NewMessage, NewMove, PartReport, Structured, SubjectEdit, ToldMessage};

use super::change::{Change, ChangedFields, Facts, Outcome};
use super::error::CommandError;
use super::model::{AgentMark, Conversation, ConversationKind, Handler, ReadMark};
use crate::agent::Role;
use crate::audit::AuditEntry;
use crate::clock::Timestamp;
use crate::id::{AuditId, Ids, JobId};
use crate::job::{Job, JobKind};
use crate::message::{Message, Move, Side};
use std::sync::Arc;
use uuid::Uuid;

const NOT_YOURS: &str = "only its author may change this message";

/// Ids that nothing has yet, for what a command may make besides what it names.
#[derive(Debug, Clone, Copy)]
pub struct Fresh {
    /// For a line of the audit log, or an answer that is owed from now on.
    pub id: Uuid,
    /// For work of a channel. They rise in the order in which commands are decided, and so in the order of messages.
    pub job: Uuid,
}

impl Fresh {
    /// Takes new ones.
    #[must_use]
    pub fn from(ids: &dyn Ids) -> Self {
        Self {
            id: ids.ordered(),
            job: ids.ordered(),
        }
    }
}

/// Decides a command. `now` is one moment for the whole batch.
///
/// # Errors
/// The refusal; nothing changes then.
pub fn apply(before: &Arc<Conversation>, command: &Command, facts: &Facts, now: Timestamp, fresh: Fresh) -> Result<Change, CommandError> {
    must_see(before, &command.actor)?;
    must_be_allowed(before, &command.actor, &command.action)?;
    let deciding = Deciding {
        before,
        actor: &command.actor,
        facts,
        now,
        fresh,
    };
    match &command.action {
        Action::Send(message) => deciding.send(message),
        Action::Answer(answer) => deciding.answer(answer),
        Action::Tell(message) => deciding.tell(message),
        Action::Edit(_, text) => deciding.edit(text),
        Action::Delete(_) => deciding.delete_message(),
        Action::React(_, emoji) => deciding.react(emoji.as_deref()),
        Action::Report(report) => deciding.report(report),
        Action::AddMedia(arrival) => deciding.add_media(arrival),
        Action::SetCustomerPhone(phone) => Ok(deciding.with(|conversation| {
            if let Some(thread) = &mut conversation.whatsapp {
                thread.customer_phone.clone_from(phone);
            }
        })),
        Action::MarkRead(up_to) => Ok(deciding.mark_read(*up_to)),
        Action::MarkDelivered(up_to) => Ok(deciding.mark_delivered(*up_to)),
        Action::Assign(to) => Ok(deciding.hand_over(to.map_or(Handler::Queue, Handler::Agent), "conversation.assign")),
        Action::TakeOver => deciding.take_over(),
        Action::HandToAssistant { available } => {
            if *available && before.kind.takes_assistant() {
                Ok(deciding.hand_over(Handler::Assistant, "conversation.hand_to_assistant"))
            } else {
                Err(CommandError::Conflict("the assistant does not answer in this channel or kind of conversation"))
            }
        }
        Action::SetStatus(status, until) => Ok(deciding.set_status(*status, *until)),
        Action::SetFlag(flag) => Ok(deciding.set_flag(flag.as_ref())),
        Action::SetLabels(labels) => Ok(deciding.set_labels(labels)),
        Action::Move(new) => deciding.move_proposal(new),
        Action::SetSubject(edit) => Ok(deciding.set_subject(edit)),
        Action::SetSeller { email } => Ok(deciding.with(|conversation| {
            if let Some(seller) = &mut conversation.seller {
                seller.email.clone_from(email);
            }
        })),
        Action::SetCustomer { name, email } => Ok(deciding.with(|conversation| {
            conversation.customer_name.clone_from(name);
            conversation.customer_email.clone_from(email);
        })),
        Action::Wake => Ok(deciding.wake()),
        Action::Release(agent) => {
            let to = if before.handler == Handler::Agent(*agent) {
                Handler::Queue
            } else {
                before.handler
            };
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
            Actor::Agent(agent) => agent.workspace_id == conversation.workspace_id && (agent.role != Role::Seller || conversation.is_sold_by(agent.id)),
            Actor::Assistant(assistant) => assistant.workspace_id == conversation.workspace_id,
            Actor::Reported(reported) => reported.workspace_id == conversation.workspace_id && reported.visitor_id == conversation.visitor_id,
            Actor::System(workspace) => *workspace == conversation.workspace_id,
        };
    if sees { Ok(()) } else { Err(CommandError::ConversationNotFound) }
}

/// The parties talk, read and take back; the work on a conversation is the staff's. In a marketplace the parties may also put up
/// a flag, tell the listing anew and remove the conversation. The assistant only answers, and what a browser claims is only stored.
fn must_be_allowed(before: &Conversation, actor: &Actor, action: &Action) -> Result<(), CommandError> {
    let in_marketplace = before.kind == ConversationKind::Marketplace;
    match (actor, action) {
        (Actor::Assistant(_), Action::Answer(_)) | (Actor::Visitor(_) | Actor::Reported(_), Action::Tell(_)) => return Ok(()),
        (Actor::Assistant(_) | Actor::Reported(_), _) | (_, Action::Answer(_) | Action::Tell(_)) => {
            return Err(CommandError::Forbidden("not by this caller"));
        }
        (Actor::System(_), _) => return Ok(()),
        (_, Action::Report(_) | Action::AddMedia(_) | Action::SetCustomerPhone(_)) => return Err(CommandError::Forbidden("not by this caller")),
        (_, Action::Move(NewMove { action: Move::Expire, .. })) => return Err(CommandError::Forbidden("an offer ends by itself")),
        (Actor::Agent(agent), _) if agent.role != Role::Seller => return Ok(()),
        (Actor::Agent(_) | Actor::Visitor(_), _) => {}
    }
    match action {
        Action::Send(message) if message.private => Err(CommandError::Forbidden("only agents write notes")),
        // On WhatsApp customers can, and it has happened already when we are told.
        Action::Edit(..) if before.whatsapp.is_some() && matches!(actor, Actor::Visitor(_)) => Ok(()),
        Action::Edit(..) => Err(CommandError::Forbidden(NOT_YOURS)),
        Action::Send(_) | Action::Delete(_) | Action::React(..) | Action::MarkRead(_) | Action::MarkDelivered(_) | Action::Move(_) => Ok(()),
        Action::SetFlag(Some(_)) | Action::SetSubject(_) | Action::DeleteConversation if in_marketplace => Ok(()),
        Action::Assign(_)
        | Action::TakeOver
        | Action::HandToAssistant { .. }
        | Action::SetStatus(..)
        | Action::SetFlag(_)
        | Action::SetLabels(_)
        | Action::SetSubject(_)
        | Action::SetCustomer { .. }
        | Action::SetSeller { .. }
        | Action::Wake
        | Action::Release(_)
        | Action::DeleteConversation
        | Action::Report(_)
        | Action::AddMedia(_)
        | Action::SetCustomerPhone(_)
        | Action::Answer(_)
        | Action::Tell(_) => Err(CommandError::Forbidden("only agents may do this")),
    }
}

/// What every rule looks at.
struct Deciding<'a> {
    before: &'a Arc<Conversation>,
    actor: &'a Actor,
    facts: &'a Facts,
    now: Timestamp,
    fresh: Fresh,
}

impl Deciding<'_> {
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
        let (job, finished_job) = self.owed(&after);
        let shown = self.shown_as_read(&after);
        let mut change = Change::nothing(Arc::new(after), outcome);
        change.jobs.extend(job);
        change.jobs.extend(shown);
        change.finished_jobs.extend(finished_job);
        change.fields = fields;
        change.numbered = true;
        change.public = public;
        change.writes = true;
        change
    }

    /// An answer that is owed has a job, and one that is not owed any more has none.
    fn owed(&self, after: &Conversation) -> (Option<Job>, Option<JobId>) {
        if self.before.answer_id == after.answer_id {
            return (None, None);
        }
        let job = after.answer_id.map(|answer| self.job(JobId(answer.0), JobKind::AssistantAnswer, None));
        (job, self.before.answer_id.map(|answer| JobId(answer.0)))
    }

    /// Work that is due at once.
    fn job(&self, id: JobId, kind: JobKind, payload: Option<serde_json::Value>) -> Job {
        Job {
            id,
            workspace_id: self.before.workspace_id,
            conversation_id: self.before.id,
            kind,
            payload,
            attempts: 0,
            run_at: self.now,
            claim: None,
            last_error: None,
            dead_at: None,
            created_at: self.now,
        }
    }

    fn nothing(&self, outcome: Outcome) -> Change {
        Change::nothing(Arc::clone(self.before), outcome)
    }

    /// The message that the command names, if this caller may see it.
    fn named_message(&self) -> Result<&Arc<Message>, CommandError> {
        let message = self.facts.message.as_ref().ok_or(CommandError::MessageNotFound)?;
        let outside = match self.actor {
            Actor::Visitor(_) => true,
            Actor::Agent(agent) => agent.role == Role::Seller,
            Actor::Assistant(_) | Actor::Reported(_) | Actor::System(_) => false,
        };
        if message.private && outside {
            return Err(CommandError::MessageNotFound);
        }
        Ok(message)
    }

    /// An agent's own mark; machines have none, and nothing is kept of who has read nothing.
    fn own_mark(&self, mark: ReadMark) -> Option<AgentMark> {
        match self.actor {
            Actor::Agent(agent) if !agent.machine && mark.seq > 0 => Some(AgentMark {
                conversation_id: self.before.id,
                agent_id: agent.id,
                mark,
                at: self.now,
            }),
            _ => None,
        }
    }

    /// Whether what the caller reads and writes moves its side's mark. In a marketplace that is the seller's alone; who helps out
    /// has only an own one.
    fn speaks_for_its_side(&self) -> bool {
        match self.actor {
            Actor::Visitor(_) => true,
            Actor::Agent(agent) => self.before.seller.as_ref().is_none_or(|seller| seller.id == agent.id),
            Actor::Assistant(_) | Actor::Reported(_) | Actor::System(_) => false,
        }
    }

    /// Who acts has read: its side is at the head now, and so is an agent's own mark, which is answered.
    fn read_to_the_head(&self, after: &mut Conversation) -> Option<AgentMark> {
        let side = self.actor.side();
        if self.speaks_for_its_side() {
            after.move_mark(side, after.head_mark(side));
        }
        self.own_mark(after.head_mark(Side::Agent))
    }

    fn audit(&self, action: &str, detail: serde_json::Value) -> AuditEntry {
        AuditEntry {
            id: AuditId(self.fresh.id),
            workspace_id: self.before.workspace_id,
            actor_id: self.actor.uuid(),
            action: action.to_owned(),
            target_id: self.before.id.0,
            detail,
            at: self.now,
        }
    }
}
