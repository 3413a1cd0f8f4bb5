//! Offers and appointments move on.

use super::messages::Draft;
use super::{Actor, Deciding, NewMove};
use crate::conversation::{Change, CommandError, Conversation, Outcome};
use crate::event::MessageChange;
use crate::id::{JobId, MessageId};
use crate::job::{Job, JobKind};
use crate::message::{Message, MessageKind, Move, Proposal, ProposalStatus, Sender, SenderKind, Side};
use serde_json::json;
use std::sync::Arc;

const EXPIRED: &str = "this offer has expired; make a new one";
const DECIDED: &str = "this was decided before; load the conversation to see how";

impl Deciding<'_> {
    /// The message changes, a line of the server tells it to those who know only lines, and a counter-offer or another time is
    /// a new message behind it: each has a number of its own, all are one commit. Of two moves of one message the first wins.
    pub(super) fn move_proposal(&self, new: &NewMove) -> Result<Change, CommandError> {
        let message = self.named_message()?;
        if message.deleted_at.is_some() {
            return Err(CommandError::Conflict("a deleted message cannot be decided about"));
        }
        let (Some(status), Some(next)) = (message.proposal_status(), new.action.leads_to(message.kind)) else {
            return Err(CommandError::Conflict("this action is not for this kind of message"));
        };
        self.must_be_its_decision(message, &new.action)?;
        let over = message.offer_ends_at().is_some_and(|end| end <= self.now);
        if new.action == Move::Expire {
            if !over {
                return Ok(self.nothing(Outcome::Unchanged));
            }
        } else if status == ProposalStatus::Expired || over {
            return Err(CommandError::Conflict(EXPIRED));
        } else if !status.is_open() {
            return Err(CommandError::Conflict(DECIDED));
        }

        let mut after = Conversation::clone(self.before);
        if new.action != Move::Expire {
            self.takes_part(&mut after);
        }
        let mut moved = Message::clone(message);
        moved.set_proposal_status(next);
        after.rev += 1;
        after.staff_rev += 1;
        moved.rev = Some(after.rev);
        moved.staff_rev = after.staff_rev;
        let mut followed_by = vec![Arc::new(self.line(&mut after, new, &moved, next))];
        let mut jobs = Vec::new();
        if let Some((text, proposal)) = answer_to(message, &new.action) {
            self.owe_answer(&mut after);
            let answer = self.propose(&mut after, new.answer_id, &text, &proposal, message.id);
            jobs.extend(self.expiry_of(&answer));
            followed_by.push(Arc::new(answer));
        }
        let agent_mark = self.read_to_the_head(&mut after);
        let mut change = self.decided(after, true, Outcome::MessageChanged(Arc::new(moved)));
        change.message_change = Some(MessageChange::Action);
        change.followed_by = followed_by;
        change.agent_mark = agent_mark;
        change.jobs.extend(jobs);
        change.finished_jobs.extend(Self::expiry_ended(message));
        Ok(change)
    }

    /// Only the other side decides, only the author takes back, and only the server lets an offer run out.
    fn must_be_its_decision(&self, message: &Message, action: &Move) -> Result<(), CommandError> {
        let fine = match (action, self.actor) {
            (Move::Expire, actor) => matches!(actor, Actor::System(_)),
            (Move::Withdraw, actor) => actor.wrote(message),
            (_, actor) => matches!(actor, Actor::Visitor(_) | Actor::Agent(_)) && message.is_decided_by(actor.side()),
        };
        match (fine, action) {
            (true, _) => Ok(()),
            (false, Move::Withdraw) => Err(CommandError::Forbidden("only its author may withdraw this")),
            (false, _) => Err(CommandError::Forbidden("only the other side may decide about this")),
        }
    }

    /// The line that tells a move.
    fn line(&self, after: &mut Conversation, new: &NewMove, moved: &Message, next: ProposalStatus) -> Message {
        let name = match (self.actor.sender().name, self.actor.side()) {
            (Some(name), _) => name,
            (None, Side::Visitor) => "The customer".to_owned(),
            (None, Side::Agent) => "The seller".to_owned(),
        };
        let text = told(&name, moved, next);
        let metadata = json!({"action": next.as_str(), "message_id": moved.id});
        let sender = Sender {
            kind: SenderKind::System,
            id: None,
            name: None,
            reported: false,
        };
        let draft = Draft {
            kind: MessageKind::System,
            content: Message::content_hash(MessageKind::System, &text, None, Some(moved.id), false),
            reply_to: Some(moved.id),
            metadata: Some(&metadata),
            ..Draft::text(new.line_id, sender, &text)
        };
        self.place(after, draft)
    }

    /// A new offer or request in answer to another one.
    fn propose(&self, after: &mut Conversation, id: MessageId, text: &str, proposal: &Proposal, to: MessageId) -> Message {
        let draft = Draft {
            kind: proposal.kind(),
            payload: Some(proposal.payload(self.now)),
            content: Message::content_hash(proposal.kind(), text, Some(&proposal.content()), Some(to), false),
            reply_to: Some(to),
            ..Draft::text(id, self.actor.sender(), text)
        };
        self.place(after, draft)
    }

    /// The work that ends an open offer.
    pub(super) fn expiry_of(&self, message: &Message) -> Option<Job> {
        Some(Job {
            run_at: message.offer_ends_at()?,
            ..self.job(JobId(message.id.0), JobKind::OfferExpiry, None)
        })
    }

    /// That work, once the offer (as it was) is open no more.
    pub(super) fn expiry_ended(was: &Message) -> Option<JobId> {
        was.offer_ends_at().map(|_| JobId(was.id.0))
    }
}

/// The message by which a move answers with something else, and its words.
fn answer_to(message: &Message, action: &Move) -> Option<(String, Proposal)> {
    match action {
        Move::Counter(Some(price)) => Some((format!("Counter-offer: {price}"), Proposal::counter(message, price.clone()))),
        Move::Reschedule(Some(at)) => Some((format!("Another time: {}", at.to_rfc3339()), Proposal::rescheduled(message, *at))),
        _ => None,
    }
}

fn told(name: &str, moved: &Message, next: ProposalStatus) -> String {
    let what = match moved.kind {
        MessageKind::Appointment => "appointment".to_owned(),
        _ => moved.offer_price().map_or_else(|| "offer".to_owned(), |price| format!("offer of {price}")),
    };
    match next {
        ProposalStatus::Expired => format!("The {what} has expired."),
        ProposalStatus::Accepted => format!("{name} accepted the {what}."),
        ProposalStatus::Declined => format!("{name} declined the {what}."),
        ProposalStatus::Countered => format!("{name} answered the {what} with a counter-offer."),
        ProposalStatus::Withdrawn => format!("{name} withdrew the {what}."),
        ProposalStatus::Confirmed => format!("{name} confirmed the {what}."),
        ProposalStatus::Rescheduled => format!("{name} asked for another time for the {what}."),
        // Nothing moves there.
        ProposalStatus::Pending | ProposalStatus::Requested => format!("{name} made an {what}."),
    }
}
