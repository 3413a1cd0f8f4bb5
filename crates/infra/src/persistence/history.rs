//! One page of a history: public messages by place, and for staff the notes among them.
//!
//! Both are read by an index of their own, each as far as the page could need, and merged here. No index has the order
//! of the two together, and few conversations have notes.

use super::entity::message::{Column, Entity};
use super::error::failure;
use super::message::of;
use super::rows::{Literally, all, rows};
use parlor_domain::conversation::Audience;
use parlor_domain::id::ConversationId;
use parlor_domain::message::{HistoryPage, HistoryQuery, HistoryWindow, Message};
use parlor_domain::page::Cursor;
use parlor_domain::store::RepositoryError;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};

/// Which side of a place is read; nearest first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    End,
    Before(i64),
    UpTo(i64),
    After(i64),
    From(i64),
}

impl Edge {
    fn order(self) -> Order {
        match self {
            Self::End | Self::Before(_) | Self::UpTo(_) => Order::Desc,
            Self::After(_) | Self::From(_) => Order::Asc,
        }
    }

    fn apply(self, select: Select<Entity>) -> Select<Entity> {
        match self {
            Self::End => select,
            Self::Before(seq) => select.filter(Column::Seq.lt(seq)),
            Self::UpTo(seq) => select.filter(Column::Seq.lte(seq)),
            Self::After(seq) => select.filter(Column::Seq.gt(seq)),
            Self::From(seq) => select.filter(Column::Seq.gte(seq)),
        }
    }
}

/// Where the notes of a page begin: at a place, or beside another note.
pub(super) enum NoteEdge {
    Place(Edge),
    Note(Cursor, Order),
}

pub(super) fn public(conversation: ConversationId, edge: Edge, limit: usize) -> Select<Entity> {
    edge.apply(of(conversation))
        .literally("NOT private")
        .order_by(Column::Seq, edge.order())
        .limit(rows(limit))
}

pub(super) fn notes(conversation: ConversationId, edge: NoteEdge, limit: usize) -> Select<Entity> {
    let select = of(conversation).literally("private");
    let (select, order) = match edge {
        NoteEdge::Place(edge) => (edge.apply(select), edge.order()),
        NoteEdge::Note(cursor, order) => {
            let place = Expr::tuple([Expr::col(Column::Seq), Expr::col(Column::Id)]);
            let reached = Expr::tuple([Expr::val(cursor.value), Expr::val(cursor.id)]);
            (select.filter(if order == Order::Asc { place.gt(reached) } else { place.lt(reached) }), order)
        }
    };
    select.order_by(Column::Seq, order.clone()).order_by(Column::Id, order).limit(rows(limit))
}

/// Reads a page.
pub(super) async fn read<C: ConnectionTrait>(db: &C, conversation: ConversationId, query: HistoryQuery) -> Result<HistoryPage, RepositoryError> {
    // One more than asked for tells that there are more; another one may be the cursor's own message.
    let enough = query.limit.get() + 2;
    let edge = match (query.audience, query.window) {
        (_, HistoryWindow::Newest) => Edge::End,
        (_, HistoryWindow::Before(seq)) => Edge::Before(seq),
        (_, HistoryWindow::After(seq)) => Edge::After(seq),
        (Audience::Public, HistoryWindow::BeforeCursor(cursor)) => Edge::Before(cursor.value),
        (Audience::Public, HistoryWindow::AfterCursor(cursor)) => Edge::After(cursor.value),
        (Audience::Staff, HistoryWindow::BeforeCursor(cursor)) => Edge::UpTo(cursor.value),
        (Audience::Staff, HistoryWindow::AfterCursor(cursor)) => Edge::From(cursor.value),
    };
    let mut found: Vec<Message> = all(public(conversation, edge, enough).all(db).await.map_err(failure)?)?;
    if query.audience == Audience::Staff {
        let edge = staff_edge(query.window, &mut found);
        found.extend(all::<_, Message>(notes(conversation, edge, enough).all(db).await.map_err(failure)?)?);
    }
    found.sort_by_key(|message| (message.seq, message.private, message.id));
    Ok(cut(found, edge.order() == Order::Asc, query.limit.get()))
}

/// Where notes begin. A cursor names a public message or a note of its place; which of them, the public messages tell:
/// those that do not belong to the page are taken out.
fn staff_edge(window: HistoryWindow, public: &mut Vec<Message>) -> NoteEdge {
    let (cursor, order) = match window {
        HistoryWindow::Newest => return NoteEdge::Place(Edge::End),
        HistoryWindow::Before(seq) => return NoteEdge::Place(Edge::Before(seq)),
        // Notes carry the number of the message before them, so those of the place itself follow it.
        HistoryWindow::After(seq) => return NoteEdge::Place(Edge::From(seq)),
        HistoryWindow::BeforeCursor(cursor) => (cursor, Order::Desc),
        HistoryWindow::AfterCursor(cursor) => (cursor, Order::Asc),
    };
    let is_public = public.iter().any(|message| message.id.0 == cursor.id);
    let forwards = order == Order::Asc;
    // The public message of the place stands before its notes.
    if is_public || forwards {
        public.retain(|message| message.seq != cursor.value);
    }
    match (is_public, forwards) {
        (false, _) => NoteEdge::Note(cursor, order),
        (true, true) => NoteEdge::Place(Edge::From(cursor.value)),
        (true, false) => NoteEdge::Place(Edge::Before(cursor.value)),
    }
}

fn cut(mut messages: Vec<Message>, forwards: bool, limit: usize) -> HistoryPage {
    let more = messages.len() > limit;
    let outermost = if forwards {
        messages.truncate(limit);
        messages.last()
    } else {
        messages.drain(..messages.len().saturating_sub(limit));
        messages.first()
    };
    let next = outermost.filter(|_| more).map(|message| Cursor {
        value: message.seq,
        id: message.id.0,
    });
    HistoryPage { messages, next }
}
