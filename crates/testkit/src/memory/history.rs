//! Which messages one page of a history has.

use parlor_domain::conversation::Audience;
use parlor_domain::id::MessageId;
use parlor_domain::message::{HistoryPage, HistoryQuery, HistoryWindow, Message};
use parlor_domain::page::Cursor;
use uuid::Uuid;

/// Where a message stands: public messages by `seq`, each before the notes that carry its number.
fn place_of(message: &Message) -> (i64, bool, MessageId) {
    (message.seq, message.private, message.id)
}

fn is_for(message: &Message, audience: Audience) -> bool {
    audience == Audience::Staff || !message.private
}

/// A cursor names a row; whether that is the public message or one of its notes only the row knows.
fn place_of_cursor(messages: &[Message], cursor: Cursor) -> (i64, bool, MessageId) {
    let is_public = messages.iter().any(|message| message.id.0 == cursor.id && !message.private);
    (cursor.value, !is_public, MessageId(cursor.id))
}

/// Cuts a page out of all messages of a conversation.
pub(super) fn page(messages: &[Message], query: HistoryQuery) -> HistoryPage {
    let first_of = |seq| (seq, false, MessageId(Uuid::nil()));
    // Where the window begins or ends, and whether it is read forwards.
    let (edge, forwards) = match query.window {
        HistoryWindow::Newest => (None, false),
        HistoryWindow::Before(seq) => (Some(first_of(seq)), false),
        HistoryWindow::After(seq) => (Some((seq, false, MessageId(Uuid::max()))), true),
        HistoryWindow::BeforeCursor(cursor) => (Some(place_of_cursor(messages, cursor)), false),
        HistoryWindow::AfterCursor(cursor) => (Some(place_of_cursor(messages, cursor)), true),
    };
    let inside = |message: &&Message| match edge {
        _ if !is_for(message, query.audience) => false,
        None => true,
        Some(edge) if forwards => place_of(message) > edge,
        Some(edge) => place_of(message) < edge,
    };
    let mut found: Vec<&Message> = messages.iter().filter(inside).collect();
    found.sort_by_key(|message| place_of(message));
    if !forwards {
        found.reverse();
    }
    let more = found.len() > query.limit.get();
    found.truncate(query.limit.get());
    let next = if more {
        found.last().map(|outermost| Cursor {
            value: outermost.seq,
            id: outermost.id.0,
        })
    } else {
        None
    };
    if !forwards {
        found.reverse();
    }
    HistoryPage {
        messages: found.into_iter().cloned().collect(),
        next,
    }
}

/// What was made or changed after a number, by that number.
pub(super) fn changed_after(messages: &[Message], audience: Audience, after: i64, limit: usize) -> Vec<Message> {
    let rev_of = |message: &Message| match audience {
        Audience::Public => message.rev,
        Audience::Staff => Some(message.staff_rev),
    };
    let mut found: Vec<(i64, &Message)> = messages
        .iter()
        .filter(|message| is_for(message, audience))
        .filter_map(|message| Some((rev_of(message)?, message)))
        .filter(|(rev, _)| *rev > after)
        .collect();
    found.sort_by_key(|(rev, _)| *rev);
    found.into_iter().take(limit).map(|(_, message)| message.clone()).collect()
}
