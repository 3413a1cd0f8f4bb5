//! Lists read page by page: no hole and no double, whatever times the rows have.

use super::Harness;
use crate::Fixture;
use crate::build::{a_conversation, a_session, a_visitor, an_agent, now};
use parlor_domain::agent::{Agent, Role};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Conversation, ConversationFilter};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::session::Session;
use parlor_domain::store::RepositoryError;
use parlor_domain::visitor::{Visitor, VisitorFilter};
use uuid::Uuid;

/// Times that are easily sorted wrong: equal ones, and 0, 100 and 120 ms of one second, in no order.
const OFFSETS: [i64; 10] = [120, 0, 100, 120, 0, 100, -880, 1_000, 0, 99];

pub(super) fn times() -> impl Iterator<Item = Timestamp> {
    OFFSETS.into_iter().map(|offset| Timestamp(now().millis() + offset))
}

/// Walks a list with pages of several sizes and compares it with the whole.
pub(super) async fn walk<T, F>(name: &str, mut expected: Vec<Cursor>, newest_first: bool, cursor_of: impl Fn(&T) -> Cursor, page: F)
where
    F: AsyncFn(Option<Cursor>, Limit) -> Result<Page<T>, RepositoryError>,
{
    expected.sort_by_key(|cursor| (cursor.value, cursor.id));
    if newest_first {
        expected.reverse();
    }
    for size in [1, 2, 3, 9, 10, 11, 100] {
        let mut walked = Vec::new();
        let mut after = None;
        loop {
            let found = page(after, Limit::clamped(size)).await.unwrap();
            assert!(found.items.len() <= size as usize, "{name}: a page of {size} has {}", found.items.len());
            walked.extend(found.items.iter().map(&cursor_of));
            after = found.next;
            if after.is_none() {
                break;
            }
            assert_eq!(after, walked.last().copied(), "{name}: the next page begins after the last row");
        }
        assert_eq!(walked, expected, "{name}: pages of {size}");
    }
}

pub(super) fn place(at: Timestamp, id: Uuid) -> Cursor {
    Cursor { value: at.millis(), id }
}

/// Visitors, newest first.
pub async fn visitors_are_paged_without_hole_or_double(harness: &Harness) {
    let fixture = harness.fixture().await;
    let visitors: Vec<Visitor> = times()
        .map(|created_at| Visitor {
            created_at,
            ..a_visitor(&fixture.channel)
        })
        .collect();
    let work = harness.begin().await;
    work.visitors()
        .update(&Visitor {
            retired_at: Some(now()),
            ..fixture.visitor
        })
        .await
        .unwrap();
    for visitor in &visitors {
        work.visitors().insert(visitor).await.unwrap();
    }
    work.commit().await.unwrap();
    let cursor_of = |visitor: &Visitor| place(visitor.created_at, visitor.id.0);
    let read = harness.read().await;
    walk("visitors", visitors.iter().map(cursor_of).collect(), true, cursor_of, async |after, limit| {
        read.visitors().list(fixture.workspace.id, &VisitorFilter::default(), after, limit).await
    })
    .await;
}

/// Agents, oldest first.
pub async fn agents_are_paged_without_hole_or_double(harness: &Harness) {
    let fixture = harness.fixture().await;
    let mut agents: Vec<Agent> = times()
        .map(|created_at| Agent {
            created_at,
            ..an_agent(&fixture.workspace, Role::Agent)
        })
        .collect();
    let work = harness.begin().await;
    for agent in &agents {
        work.agents().insert(agent).await.unwrap();
    }
    work.commit().await.unwrap();
    agents.push(fixture.agent);
    let cursor_of = |agent: &Agent| place(agent.created_at, agent.id.0);
    let read = harness.read().await;
    walk("agents", agents.iter().map(cursor_of).collect(), false, cursor_of, async |after, limit| {
        read.agents().list(fixture.workspace.id, after, limit).await
    })
    .await;
}

/// A visitor's sessions, newest first; the newest of a conversation is the first of them.
pub async fn sessions_are_paged_without_hole_or_double(harness: &Harness) {
    let Fixture { conversation, .. } = harness.fixture().await;
    let sessions: Vec<Session> = times()
        .map(|created_at| Session {
            created_at,
            ..a_session(&conversation)
        })
        .collect();
    let work = harness.begin().await;
    for session in &sessions {
        work.sessions().insert(session).await.unwrap();
    }
    work.commit().await.unwrap();
    let cursor_of = |session: &Session| place(session.created_at, session.id.0);
    let read = harness.read().await;
    let (workspace, visitor) = (conversation.workspace_id, conversation.visitor_id);
    walk("sessions", sessions.iter().map(cursor_of).collect(), true, cursor_of, async |after, limit| {
        read.sessions().list(workspace, visitor, after, limit).await
    })
    .await;
    let newest = sessions.into_iter().max_by_key(|session| (session.created_at, session.id));
    assert_eq!(read.sessions().find_latest(workspace, conversation.id).await.unwrap(), newest);
}

/// Conversations, newest activity first, for agents and for their visitor, who also sees the empty ones.
pub async fn conversations_are_paged_without_hole_or_double(harness: &Harness) {
    let Fixture {
        visitor, conversation: empty, ..
    } = harness.fixture().await;
    let conversations: Vec<Conversation> = times()
        .map(|last_message_at| Conversation {
            last_message_at,
            last_seq: 1,
            inbound_count: 1,
            ..a_conversation(&visitor)
        })
        .collect();
    let deleted = Conversation {
        deleted_at: Some(now()),
        last_seq: 1,
        ..a_conversation(&visitor)
    };
    harness.insert(&conversations).await;
    harness.insert(&[deleted]).await;
    let cursor_of = |conversation: &Conversation| place(conversation.last_message_at, conversation.id.0);
    let read = harness.read().await;
    let mut expected: Vec<Cursor> = conversations.iter().map(cursor_of).collect();
    for filter in [
        ConversationFilter::default(),
        ConversationFilter {
            unread: Some(true),
            ..ConversationFilter::default()
        },
    ] {
        walk("conversations", expected.clone(), true, cursor_of, async |after, limit| {
            read.conversations().list(visitor.workspace_id, &filter, after, limit).await
        })
        .await;
    }
    expected.push(cursor_of(&empty));
    walk("conversations of a visitor", expected, true, cursor_of, async |after, limit| {
        read.conversations().list_of_visitor(visitor.workspace_id, visitor.id, after, limit).await
    })
    .await;
}
