//! How far a side has read and received.

use super::Deciding;
use crate::conversation::change::SignalKind;
use crate::conversation::{Change, Conversation, Outcome, ReadMark};
use crate::message::Side;
use std::sync::Arc;

impl Deciding<'_> {
    /// Marks take no number. The newest wins, none goes back, none passes the head.
    pub(super) fn mark_read(&self, up_to: Option<i64>) -> Change {
        let side = self.actor.side();
        let head = self.before.head_mark(side);
        let wanted = up_to.unwrap_or(head.seq).clamp(0, head.seq);
        let mark = if wanted == head.seq {
            head
        } else {
            // The row in that place remembers both counts as they were after it.
            let Some(message) = &self.facts.message else {
                return self.nothing(Outcome::Unchanged);
            };
            let count = match side {
                Side::Visitor => message.outbound_count,
                Side::Agent => message.inbound_count,
            };
            ReadMark { seq: wanted, count }
        };
        let mut after = Conversation::clone(self.before);
        let moved = self.speaks_for_its_side() && after.move_mark(side, mark);
        let agent_mark = self.own_mark(mark);
        if !moved && agent_mark.is_none() {
            return self.nothing(Outcome::Unchanged);
        }
        let shown = self.shown_as_read(&after);
        let mut change = Change::nothing(Arc::new(after), if moved { Outcome::Changed } else { Outcome::Unchanged });
        change.writes = true;
        change.jobs.extend(shown);
        change.agent_mark = agent_mark;
        change.signal = moved.then_some(SignalKind::Read { up_to_seq: mark.seq });
        change
    }

    pub(super) fn mark_delivered(&self, up_to: Option<i64>) -> Change {
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
}
