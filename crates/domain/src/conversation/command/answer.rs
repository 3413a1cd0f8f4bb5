//! The assistant answers, or gives way.

use super::messages::Draft;
use super::{Deciding, NewAnswer};
use crate::conversation::{Change, CommandError, Conversation, Handler, Outcome};
use crate::id::MessageId;
use serde_json::json;
use std::sync::Arc;

impl Deciding<'_> {
    /// Stored only if the assistant still owes this answer: a person who takes over has the last word even in the same
    /// millisecond. What the visitor asked meanwhile is owed next.
    pub(super) fn answer(&self, new: &NewAnswer) -> Result<Change, CommandError> {
        let mine = self.before.handler == Handler::Assistant && self.before.handler_version == new.handler_version;
        if !mine || self.before.answer_id != Some(new.id) {
            return Err(CommandError::HandlerChanged);
        }
        let mut after = Conversation::clone(self.before);
        after.answer_id = None;
        // What the platform would not take any more is not said, and a person goes on.
        let closed = self.before.whatsapp.as_ref().is_some_and(|thread| !thread.is_open(self.now));
        let message = new.text.as_ref().filter(|_| !closed).map(|text| {
            after.answers += 1;
            self.place(
                &mut after,
                Draft {
                    metadata: new.metadata.as_ref(),
                    delivery: self.goes_out(),
                    ..Draft::text(new.id, self.actor.sender(), text.as_str())
                },
            )
        });
        if new.hand_over.is_some() || closed {
            after.set_handler(Handler::Queue);
        } else if after.inbound_count > new.covers {
            after.answer_id = Some(MessageId(self.fresh.id));
        }
        let mut change = match message {
            Some(message) => {
                let of_channel = self.work_of_channel(&message, false);
                let mut change = self.decided(after, true, Outcome::Stored(Arc::new(message)));
                change.jobs.extend(of_channel);
                change
            }
            None => self.decided_without_message(after),
        };
        let reason = new.hand_over.as_deref().or(closed.then_some("the customer's 24 hours were over"));
        if let Some(reason) = reason {
            change.audit = Some(self.audit("conversation.hand_over", json!({"from": "assistant", "to": "queue", "reason": reason})));
        }
        Ok(change)
    }

    /// Nothing was said. Giving way is a change like any other; that an answer is not owed any more is nobody's business.
    fn decided_without_message(&self, mut after: Conversation) -> Change {
        if after.handler == self.before.handler {
            let (job, finished_job) = self.owed(&after);
            let mut change = Change::nothing(Arc::new(after), Outcome::Changed);
            change.jobs.extend(job);
            change.finished_jobs.extend(finished_job);
            change.writes = true;
            return change;
        }
        after.staff_rev += 1;
        after.rev += 1;
        self.decided(after, true, Outcome::Changed)
    }
}
