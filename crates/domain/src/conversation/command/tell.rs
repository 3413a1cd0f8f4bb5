//! What a browser stores of a chat that it holds itself.

use super::messages::Draft;
use super::{Actor, Deciding, ToldMessage};
use crate::conversation::{Change, CommandError, Conversation, ConversationKind, Outcome, Status};
use crate::message::{Message, Side};
use std::sync::Arc;

/// Whoever knows the chat id may append, and a whole that is told again is compared with all that is stored.
const MOST_MESSAGES: i64 = 10_000;

impl Deciding<'_> {
    /// Stored once: a message is known by its client id, whoever sent it first, and in a chat that is told again as a whole
    /// also by its place among equal ones.
    pub(super) fn tell(&self, told: &ToldMessage) -> Result<Change, CommandError> {
        if self.before.kind != ConversationKind::Stored {
            return Err(CommandError::ConversationNotFound);
        }
        if let Some(first) = &self.facts.stored_first {
            let same = first.content == told.content() && first.sender.kind == self.actor.sender().kind;
            return if same {
                Ok(self.nothing(Outcome::Repeated(Arc::clone(first))))
            } else {
                Err(CommandError::ClientIdReused)
            };
        }
        if let Some(equal) = &self.facts.equal
            && may_be_the_same(equal, told)
        {
            return Ok(self.nothing(Outcome::Repeated(Arc::clone(equal))));
        }
        if self.before.last_seq >= MOST_MESSAGES {
            return Err(CommandError::Conflict("this chat has 10,000 messages and takes no more; begin another one"));
        }
        let mut after = Conversation::clone(self.before);
        let side = self.actor.side();
        if side == Side::Visitor {
            after.set_status(Status::Open, None);
        }
        let message = self.place(
            &mut after,
            Draft {
                client_id: told.client_id.as_ref(),
                sent_at: told.sent_at,
                ..Draft::text(told.id, self.actor.sender(), told.text.as_str())
            },
        );
        if matches!(self.actor, Actor::Visitor(_)) {
            after.move_mark(side, after.head_mark(side));
        }
        Ok(self.decided(after, true, Outcome::Stored(Arc::new(message))))
    }
}

/// Two client ids that differ are two messages, however alike.
fn may_be_the_same(stored: &Message, told: &ToldMessage) -> bool {
    match (&stored.client_id, &told.client_id) {
        (Some(stored), Some(told)) => stored == told.as_str(),
        _ => true,
    }
}
