//! A conversation's history: windows, pages and what changed, for both audiences, against plain counting.

use super::{Dice, Harness};
use crate::Fixture;
use crate::build::{an_item, by_agent, by_visitor, edit, note, now, say};
use parlor_domain::conversation::{Audience, CommitItem, Conversation};
use parlor_domain::id::{ConversationId, MessageId};
use parlor_domain::message::{HistoryPage, HistoryQuery, HistoryWindow, Message};
use parlor_domain::page::{Cursor, Limit};
use std::sync::Arc;
use uuid::Uuid;

const AUDIENCES: [Audience; 2] = [Audience::Public, Audience::Staff];

/// A stored conversation of public messages, notes and later edits, and all its messages in the agents' order.
struct Thread {
    conversation: Conversation,
    messages: Vec<Message>,
}

impl Thread {
    /// Begins with notes, has several in one place, and one whose clock ran behind that of its public message.
    async fn stored(harness: &Harness) -> Self {
        let Fixture {
            conversation: mut row, agent, ..
        } = harness.fixture().await;
        let (theirs, ours) = (by_visitor(&row), by_agent(&agent));
        let mut dice = Dice(7);
        let mut messages = Vec::new();
        for batch in 0..6 {
            let base = row.version;
            let mut inserted = Vec::new();
            for number in 0..6 {
                let text = format!("{batch}.{number}");
                inserted.push(match dice.roll(5) {
                    _ if batch == 0 && number < 2 => note(&mut row, &agent, &text),
                    0 | 1 => note(&mut row, &agent, &text),
                    2 => say(&mut row, ours.clone(), &text),
                    _ => say(&mut row, theirs.clone(), &text),
                });
            }
            let mut updated = Vec::new();
            for _ in 0..if batch == 0 { 0 } else { 2 } {
                let at = usize::try_from(dice.roll(messages.len() as u64)).unwrap();
                let message: &mut Message = &mut messages[at];
                edit(&mut row, message, "edited");
                if dice.roll(2) == 0 {
                    message.delete(now());
                }
                updated.retain(|other: &Arc<Message>| other.id != message.id);
                updated.push(Arc::new(message.clone()));
            }
            harness
                .commit(&[CommitItem {
                    updated,
                    ..an_item(base, &row, inserted.clone())
                }])
                .await;
            messages.extend(inserted);
        }
        let base = row.version;
        let behind = Message {
            id: MessageId(Uuid::from_u128(row.id.0.as_u128() & u128::from(u32::MAX))),
            ..note(&mut row, &agent, "from a node whose clock is behind")
        };
        harness.commit(&[an_item(base, &row, vec![behind.clone()])]).await;
        messages.push(behind);
        messages.sort_by_key(|message| (message.seq, message.private, message.id));
        Self { conversation: row, messages }
    }

    fn id(&self) -> ConversationId {
        self.conversation.id
    }

    fn seen_by(&self, audience: Audience) -> Vec<Message> {
        self.messages
            .iter()
            .filter(|message| audience == Audience::Staff || !message.private)
            .cloned()
            .collect()
    }

    async fn page(&self, harness: &Harness, audience: Audience, window: HistoryWindow, size: u32) -> HistoryPage {
        let query = HistoryQuery {
            audience,
            window,
            limit: Limit::clamped(size),
        };
        harness.read().await.messages().history(self.id(), query).await.unwrap()
    }
}

fn place(message: &Message) -> Cursor {
    Cursor {
        value: message.seq,
        id: message.id.0,
    }
}

/// What a page must be: so many of these, from the end they are read from.
fn expected(inside: &[Message], size: u32, forwards: bool) -> HistoryPage {
    let size = size as usize;
    let messages = if forwards {
        inside[..inside.len().min(size)].to_vec()
    } else {
        inside[inside.len().saturating_sub(size)..].to_vec()
    };
    let outermost = if forwards { messages.last() } else { messages.first() };
    let next = if inside.len() > size { outermost.map(place) } else { None };
    HistoryPage { messages, next }
}

/// Every window of every size shows the nearest messages, in order, and where the next page begins.
pub async fn every_window_shows_the_nearest_messages(harness: &Harness) {
    let thread = Thread::stored(harness).await;
    for audience in AUDIENCES {
        let all = thread.seen_by(audience);
        for size in [1, 2, 3, 100] {
            let newest = thread.page(harness, audience, HistoryWindow::Newest, size).await;
            assert_eq!(newest, expected(&all, size, false));
            for seq in 0..=thread.conversation.last_seq + 2 {
                let before: Vec<Message> = all.iter().filter(|message| message.seq < seq).cloned().collect();
                let window = HistoryWindow::Before(seq);
                assert_eq!(
                    thread.page(harness, audience, window, size).await,
                    expected(&before, size, false),
                    "{audience:?} {window:?} {size}"
                );
                // Right after public message n: its notes, then the rest.
                let after: Vec<Message> = all
                    .iter()
                    .filter(|message| message.seq > seq || message.seq == seq && message.private)
                    .cloned()
                    .collect();
                let window = HistoryWindow::After(seq);
                assert_eq!(
                    thread.page(harness, audience, window, size).await,
                    expected(&after, size, true),
                    "{audience:?} {window:?} {size}"
                );
            }
        }
    }
}

/// Every cursor goes on right beside its message, in both directions.
pub async fn every_cursor_goes_on_beside_its_message(harness: &Harness) {
    let thread = Thread::stored(harness).await;
    for audience in AUDIENCES {
        let all = thread.seen_by(audience);
        for (number, message) in all.iter().enumerate() {
            for size in [1, 3, 100] {
                let back = thread.page(harness, audience, HistoryWindow::BeforeCursor(place(message)), size).await;
                assert_eq!(back, expected(&all[..number], size, false), "{audience:?} before {number}");
                let on = thread.page(harness, audience, HistoryWindow::AfterCursor(place(message)), size).await;
                assert_eq!(on, expected(&all[number + 1..], size, true), "{audience:?} after {number}");
            }
        }
    }
}

/// Walking from the end to the beginning and back gives the whole, without hole or double.
pub async fn walking_a_history_gives_the_whole(harness: &Harness) {
    let thread = Thread::stored(harness).await;
    for audience in AUDIENCES {
        let all = thread.seen_by(audience);
        for size in [1, 2, 3, 7, 100] {
            let mut backwards = Vec::new();
            let mut window = HistoryWindow::Newest;
            loop {
                let page = thread.page(harness, audience, window, size).await;
                backwards.splice(0..0, page.messages);
                let Some(next) = page.next else { break };
                window = HistoryWindow::BeforeCursor(next);
            }
            assert_eq!(backwards, all, "{audience:?} {size}");

            let mut forwards = Vec::new();
            let mut window = HistoryWindow::After(0);
            loop {
                let page = thread.page(harness, audience, window, size).await;
                forwards.extend(page.messages);
                let Some(next) = page.next else { break };
                window = HistoryWindow::AfterCursor(next);
            }
            assert_eq!(forwards, all, "{audience:?} {size}");
        }
    }
}

/// What was made or changed after any number comes once, in its present form, by number.
pub async fn what_changed_after_any_number_comes_once(harness: &Harness) {
    let thread = Thread::stored(harness).await;
    for audience in AUDIENCES {
        let rev_of = |message: &Message| match audience {
            Audience::Public => message.rev.unwrap(),
            Audience::Staff => message.staff_rev,
        };
        let mut all = thread.seen_by(audience);
        all.sort_by_key(rev_of);
        for after in 0..=thread.conversation.head_rev(audience) + 1 {
            let changed: Vec<Message> = all.iter().filter(|message| rev_of(message) > after).cloned().collect();
            for limit in [1, 3, 1_000] {
                let found = harness
                    .read()
                    .await
                    .messages()
                    .changed_after(thread.id(), audience, after, limit)
                    .await
                    .unwrap();
                assert_eq!(found, changed[..changed.len().min(limit)], "{audience:?} after {after}, {limit}");
            }
        }
    }
}

/// An empty conversation has an empty history.
pub async fn an_empty_history_is_empty(harness: &Harness) {
    let Fixture { conversation, .. } = harness.fixture().await;
    let cursor = Cursor {
        value: 1,
        id: Uuid::from_u128(1),
    };
    let windows = [
        HistoryWindow::Newest,
        HistoryWindow::Before(5),
        HistoryWindow::After(0),
        HistoryWindow::BeforeCursor(cursor),
        HistoryWindow::AfterCursor(cursor),
    ];
    let read = harness.read().await;
    for audience in AUDIENCES {
        for window in windows {
            let page = read
                .messages()
                .history(
                    conversation.id,
                    HistoryQuery {
                        audience,
                        window,
                        limit: Limit::DEFAULT,
                    },
                )
                .await
                .unwrap();
            assert_eq!(
                page,
                HistoryPage {
                    messages: Vec::new(),
                    next: None
                }
            );
        }
        assert!(read.messages().changed_after(conversation.id, audience, 0, 10).await.unwrap().is_empty());
    }
}

/// Of many conversations at once: each one's newest public messages, no note, by conversation and then place.
pub async fn the_newest_messages_of_many_come_in_order(harness: &Harness) {
    let threads = [Thread::stored(harness).await, Thread::stored(harness).await, Thread::stored(harness).await];
    let empty = harness.fixture().await.conversation;
    let read = harness.read().await;
    let ids = [threads[2].id(), empty.id, threads[0].id()];
    for each in [0, 1, 3, 100] {
        let mut expected: Vec<Message> = Vec::new();
        for thread in [&threads[0], &threads[2]] {
            let public = thread.seen_by(Audience::Public);
            expected.extend_from_slice(&public[public.len().saturating_sub(each)..]);
        }
        expected.sort_by_key(|message| (message.conversation_id, message.seq));
        assert_eq!(read.messages().newest_of(&ids, each).await.unwrap(), expected, "the newest {each}");
    }
    assert_eq!(read.messages().newest_of(&[], 100).await.unwrap(), Vec::new());
}
