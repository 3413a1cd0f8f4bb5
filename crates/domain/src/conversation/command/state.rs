//! Who answers, where the work stands, and what agents note on a conversation.

use super::{Actor, Deciding, SubjectEdit};
use crate::agent::Role;
use crate::clock::Timestamp;
use crate::conversation::{Change, CommandError, Conversation, Flag, Handler, Outcome, Status};
use crate::message::Side;
use crate::text::{Label, Line};
use serde_json::json;

impl Deciding<'_> {
    pub(super) fn take_over(&self) -> Result<Change, CommandError> {
        match self.actor {
            Actor::Agent(agent) if !agent.machine => Ok(self.hand_over(Handler::Agent(agent.id), "conversation.take_over")),
            _ => Err(CommandError::Forbidden("only a person can take a conversation over")),
        }
    }

    pub(super) fn hand_over(&self, to: Handler, action: &str) -> Change {
        let mut change = self.with(|conversation| {
            conversation.set_handler(to);
        });
        if change.writes {
            change.audit = Some(self.audit(action, json!({"from": describe(self.before.handler), "to": describe(to)})));
        }
        change
    }

    pub(super) fn set_status(&self, status: Status, until: Option<Timestamp>) -> Change {
        let mut change = self.with(|conversation| {
            conversation.set_status(status, until);
        });
        if change.writes {
            change.audit = Some(self.audit("conversation.status", json!({"from": self.before.status, "to": status})));
        }
        change
    }

    pub(super) fn wake(&self) -> Change {
        let due = self.before.status == Status::Snoozed && self.before.snoozed_until.is_some_and(|until| until <= self.now);
        if due {
            self.set_status(Status::Open, None)
        } else {
            self.nothing(Outcome::Unchanged)
        }
    }

    pub(super) fn set_flag(&self, flag: Option<&Option<Line>>) -> Change {
        let mut change = self.with(|conversation| {
            let by = match self.actor {
                Actor::Visitor(_) => Some(Side::Visitor),
                Actor::Agent(agent) if conversation.is_sold_by(agent.id) => Some(Side::Agent),
                Actor::Agent(_) | Actor::Assistant(_) | Actor::Reported(_) | Actor::System(_) => None,
            };
            let reason = flag.map(|reason| reason.as_ref().map(|line| line.as_str().to_owned()));
            let same = conversation.flag.as_ref().map(|flag| flag.reason.clone()) == reason;
            if !same {
                conversation.flag = reason.map(|reason| Flag { reason, by, at: self.now });
            }
        });
        if change.writes {
            change.audit = Some(self.audit("conversation.flag", json!({"flagged": flag.is_some()})));
        }
        change
    }

    pub(super) fn set_labels(&self, labels: &[Label]) -> Change {
        let mut labels: Vec<String> = labels.iter().map(|label| label.as_str().to_owned()).collect();
        labels.sort();
        labels.dedup();
        let mut change = self.with(|conversation| conversation.labels.clone_from(&labels));
        if change.writes {
            change.audit = Some(self.audit("conversation.labels", json!({"from": self.before.labels, "to": labels})));
        }
        change
    }

    pub(super) fn set_subject(&self, edit: &SubjectEdit) -> Change {
        self.with(|conversation| {
            let Some(subject) = &mut conversation.subject else {
                conversation.subject.clone_from(&edit.first);
                return;
            };
            if let Some(title) = &edit.title {
                title.as_str().clone_into(&mut subject.title);
            }
            if let Some(price) = &edit.price {
                subject.price = Some(price.clone());
            }
        })
    }

    pub(super) fn delete_conversation(&self) -> Result<Change, CommandError> {
        let allowed = match self.actor {
            Actor::Agent(agent) => agent.role >= Role::Admin || self.before.is_sold_by(agent.id),
            // That it may is known: it is a party of a marketplace.
            Actor::Visitor(_) | Actor::System(_) => true,
            Actor::Assistant(_) | Actor::Reported(_) => false,
        };
        if !allowed {
            return Err(CommandError::Forbidden("only an admin may delete a conversation"));
        }
        let mut after = Conversation::clone(self.before);
        after.deleted_at = Some(self.now);
        after.answer_id = None;
        after.rev += 1;
        after.staff_rev += 1;
        after.changed_rev = after.rev;
        after.changed_staff_rev = after.staff_rev;
        let mut change = self.decided(after, true, Outcome::Changed);
        change.deletes = true;
        change.audit = Some(self.audit("conversation.delete", json!({})));
        Ok(change)
    }
}

fn describe(handler: Handler) -> serde_json::Value {
    json!({"handled_by": handler.for_agent(), "assignee_id": handler.assignee()})
}
