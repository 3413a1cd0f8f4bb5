//! Waiting for the answer to a question, on whichever node it is written.

use crate::state::AppState;
use actix_web::web;
use parlor_domain::assistant::{AnswerPart, Followed, LiveAnswer};
use parlor_domain::conversation::{HandledBy, Sent};
use parlor_domain::message::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// An answer mostly begins on this node within this time, so the database need not be asked.
const SOON: Duration = Duration::from_millis(250);
/// How often the database is asked for an answer that is written elsewhere.
const LOOK: Duration = Duration::from_secs(1);
/// Longer than some answers in a row may take. Who waits for one that cannot be stored is let go.
const PATIENCE: Duration = Duration::from_secs(600);

/// What came of waiting.
pub(super) enum Found {
    /// It is being written on this node, or was until a minute ago.
    Live(Arc<LiveAnswer>),
    /// It is stored.
    Stored(Box<Message>),
    /// There will be none. Who handles the conversation.
    Nothing(HandledBy),
    /// The server stops, or it took too long.
    Unknown,
}

/// Waits for the answer to a question.
pub(super) struct Follower {
    state: web::Data<AppState>,
    question: Arc<Message>,
    owed: Result<(), HandledBy>,
    next_look: Instant,
    until: Instant,
    board: watch::Receiver<()>,
    closing: watch::Receiver<bool>,
}

impl Follower {
    /// Waits for the answer to what was sent just now, or before.
    pub(super) fn of_sent(state: &web::Data<AppState>, sent: &Sent) -> Self {
        let mut follower = Self::of_question(state, Arc::clone(&sent.message));
        if sent.repeated {
            follower.next_look = Instant::now();
        } else if sent.conversation.answer_id.is_none() {
            follower.owed = Err(sent.conversation.handler.for_visitor());
        }
        follower
    }

    /// Waits for the answer to a question that may be owed one.
    pub(super) fn of_question(state: &web::Data<AppState>, question: Arc<Message>) -> Self {
        let live = state.assistant.live();
        let now = Instant::now();
        Self {
            question,
            owed: Ok(()),
            next_look: now + SOON,
            until: now + PATIENCE,
            // Before the first look: what begins between the two must not be missed.
            board: live.watch(),
            closing: live.closing(),
            state: state.clone(),
        }
    }

    /// The question.
    pub(super) const fn question(&self) -> &Arc<Message> {
        &self.question
    }

    /// Returns when the answer begins, is there, or will not come. May be dropped and called again.
    pub(super) async fn found(&mut self) -> Found {
        if let Err(handled_by) = self.owed {
            return Found::Nothing(handled_by);
        }
        loop {
            self.board.mark_unchanged();
            if let Some(live) = self.on_board() {
                return Found::Live(live);
            }
            let now = Instant::now();
            if *self.closing.borrow() || now >= self.until {
                return Found::Unknown;
            }
            if now >= self.next_look {
                match self.state.assistant.follow(&self.question).await {
                    Ok(Followed::Live(live)) if !broke_up(&live) => return Found::Live(live),
                    Ok(Followed::Stored(message)) => return Found::Stored(message),
                    Ok(Followed::None(handled_by)) => return Found::Nothing(handled_by),
                    // One that broke up is made anew.
                    Ok(Followed::Live(_) | Followed::Owed) => {}
                    Err(error) => tracing::warn!(%error, "an answer could not be looked for; it is tried again"),
                }
                self.next_look = Instant::now() + LOOK;
            }
            tokio::select! {
                _ = self.board.changed() => {}
                _ = self.closing.changed() => {}
                () = tokio::time::sleep_until(self.next_look) => {}
            }
        }
    }

    /// The answer, if it can only be the one to this question.
    fn on_board(&self) -> Option<Arc<LiveAnswer>> {
        let live = self.state.assistant.live().find(self.question.conversation_id)?;
        (live.covers() == self.question.inbound_count && !broke_up(&live)).then_some(live)
    }
}

/// Whether an answer is over without an end: it will be made anew.
pub(super) fn broke_up(live: &LiveAnswer) -> bool {
    let (parts, over) = live.parts(0);
    over && !has_end(&parts)
}

/// Whether nothing comes after these parts.
pub(super) fn has_end(parts: &[AnswerPart]) -> bool {
    parts.last().is_some_and(AnswerPart::is_last)
}

/// What is new of an answer.
pub(super) struct News {
    /// The number of the first part.
    pub(super) first: usize,
    /// The parts.
    pub(super) parts: Vec<AnswerPart>,
    /// Nothing will follow.
    pub(super) over: bool,
}

/// Reads an answer as it is written.
pub(super) struct LiveReader {
    answer: Arc<LiveAnswer>,
    changed: watch::Receiver<()>,
    closing: watch::Receiver<bool>,
    next: usize,
}

impl LiveReader {
    /// Reads from a part on.
    pub(super) fn new(state: &AppState, answer: Arc<LiveAnswer>, from: usize) -> Self {
        Self {
            changed: answer.watch(),
            closing: state.assistant.live().closing(),
            answer,
            next: from,
        }
    }

    /// The answer.
    pub(super) fn answer(&self) -> &LiveAnswer {
        &self.answer
    }

    /// What is there by now.
    pub(super) fn now(&mut self) -> News {
        let first = self.next;
        let (parts, over) = self.answer.parts(first);
        self.next += parts.len();
        News { first, parts, over }
    }

    /// What comes next, or the end. May be dropped and called again.
    pub(super) async fn more(&mut self) -> News {
        loop {
            self.changed.mark_unchanged();
            let mut news = self.now();
            if !news.parts.is_empty() || news.over {
                return news;
            }
            if *self.closing.borrow() {
                news.over = true;
                return news;
            }
            tokio::select! {
                _ = self.changed.changed() => {}
                _ = self.closing.changed() => {}
            }
        }
    }
}
