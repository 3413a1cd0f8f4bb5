//! An answer as it is written: told to those who watch, and kept to be stored.

use super::live::{AnswerHead, AnswerPart, LiveAnswer, LiveAnswers};
use crate::event::{DomainEvent, EventBus, Signal};
use crate::text::AnswerText;
use std::sync::Arc;

/// Dropping it ends the answer for those who watch, also when its task is ended in the middle.
pub(super) struct Writing<'a> {
    board: &'a LiveAnswers,
    bus: &'a dyn EventBus,
    live: Arc<LiveAnswer>,
    head: AnswerHead,
    text: String,
    characters: usize,
    cut: bool,
}

impl<'a> Writing<'a> {
    pub(super) fn start(board: &'a LiveAnswers, bus: &'a dyn EventBus, head: AnswerHead) -> Self {
        Self {
            board,
            bus,
            live: board.start(head),
            head,
            text: String::new(),
            characters: 0,
            cut: false,
        }
    }

    pub(super) fn live(&self) -> Arc<LiveAnswer> {
        self.live.clone()
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether something was left out, since no message is longer.
    pub(super) const fn is_cut(&self) -> bool {
        self.cut
    }

    /// Says more, as far as a message may be long.
    pub(super) fn say(&mut self, more: &str) {
        let room = AnswerText::MAX.saturating_sub(self.characters);
        let more = match more.char_indices().nth(room) {
            Some((end, _)) => {
                self.cut = true;
                more.get(..end).unwrap_or_default()
            }
            None => more,
        };
        if more.is_empty() {
            return;
        }
        if self.text.is_empty() {
            self.live.push(AnswerPart::TextStart);
        }
        let delta: Arc<str> = more.into();
        self.live.push(AnswerPart::Text(delta.clone()));
        self.bus.publish(DomainEvent::Signal(Signal::AnswerDelta {
            conversation_id: self.head.conversation_id,
            message_id: self.head.id,
            offset: self.characters,
            delta,
        }));
        self.text.push_str(more);
        self.characters += more.chars().count();
    }

    /// The text is whole.
    pub(super) fn end_text(&self) {
        if !self.text.is_empty() {
            self.live.push(AnswerPart::TextEnd);
        }
    }

    pub(super) fn push(&self, part: AnswerPart) {
        self.live.push(part);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.board.end(&self.live);
    }
}
