//! Conversations outside the writer: assigned, snoozed, moved to another visitor, erased.

use super::Harness;
use crate::build::{a_conversation, a_mark, a_session, a_visitor, an_item, by_agent, by_visitor, note, now, say};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation, Handler, MessageKey, ReadMark, Status};
use parlor_domain::id::ConversationId;
use parlor_domain::message::{AuthorId, Message};

fn at(offset: i64) -> Timestamp {
    Timestamp(now().millis() + offset)
}

/// An agent's conversations are named, whatever their status, but not deleted ones.
pub async fn an_agents_conversations_are_named(harness: &Harness) {
    let fixture = harness.fixture().await;
    let handler = Handler::Agent(fixture.agent.id);
    let open = Conversation {
        handler,
        ..a_conversation(&fixture.visitor)
    };
    let resolved = Conversation {
        handler,
        status: Status::Resolved,
        last_seq: 1,
        ..a_conversation(&fixture.visitor)
    };
    let deleted = Conversation {
        handler,
        deleted_at: Some(now()),
        ..a_conversation(&fixture.visitor)
    };
    harness.insert(&[open.clone(), resolved.clone(), deleted]).await;
    let mut named = harness
        .read()
        .await
        .conversations()
        .assigned_to(fixture.workspace.id, fixture.agent.id)
        .await
        .unwrap();
    named.sort();
    assert_eq!(named, [open.id, resolved.id]);
}

/// Snoozed ones are named when their time has come, not before, and never if they wait for the visitor.
pub async fn snoozed_ones_are_named_when_their_time_has_come(harness: &Harness) {
    let fixture = harness.fixture().await;
    let until = |status, snoozed_until| Conversation {
        status,
        snoozed_until,
        ..a_conversation(&fixture.visitor)
    };
    let past = until(Status::Snoozed, Some(at(-1)));
    let due = until(Status::Snoozed, Some(now()));
    let deleted = Conversation {
        deleted_at: Some(now()),
        ..until(Status::Snoozed, Some(at(-1)))
    };
    let rest = [
        until(Status::Snoozed, Some(at(1))),
        until(Status::Snoozed, None),
        until(Status::Open, None),
        deleted,
    ];
    harness.insert(&[past.clone(), due.clone()]).await;
    harness.insert(&rest).await;
    let read = harness.read().await;
    let mut named = read.conversations().snoozed_before(now(), 100).await.unwrap();
    named.sort();
    assert_eq!(named, [(fixture.workspace.id, past.id), (fixture.workspace.id, due.id)]);
    assert_eq!(read.conversations().snoozed_before(now(), 1).await.unwrap().len(), 1);
    assert_eq!(read.conversations().snoozed_before(at(-2), 100).await.unwrap(), []);
}

/// A visitor's conversations move with their author, so that a repeat still matches; what was decided before is stale.
pub async fn conversations_move_to_another_visitor_with_their_author(harness: &Harness) {
    let fixture = harness.fixture().await;
    let to = a_visitor(&fixture.channel);
    let bystander = a_visitor(&fixture.channel);
    let work = harness.begin().await;
    work.visitors().insert(&to).await.unwrap();
    work.visitors().insert(&bystander).await.unwrap();
    work.commit().await.unwrap();
    let deleted = Conversation {
        deleted_at: Some(now()),
        ..a_conversation(&fixture.visitor)
    };
    let untouched = a_conversation(&bystander);
    harness.insert(&[deleted.clone(), untouched.clone()]).await;
    let mut conversation = fixture.conversation.clone();
    let (visitor, agent) = (by_visitor(&conversation), by_agent(&fixture.agent));
    let theirs = Message {
        client_id: Some("c".to_owned()),
        ..say(&mut conversation, visitor, "mine")
    };
    let ours = Message {
        client_id: Some("c".to_owned()),
        ..say(&mut conversation, agent, "ours")
    };
    let between = note(&mut conversation, &fixture.agent, "note");
    harness
        .commit(&[an_item(1, &conversation, vec![theirs.clone(), ours.clone(), between.clone()])])
        .await;

    let work = harness.begin().await;
    let mut moved = work
        .conversations()
        .move_to_visitor(fixture.workspace.id, fixture.visitor.id, to.id, at(9))
        .await
        .unwrap();
    work.commit().await.unwrap();
    moved.sort();
    let mut expected = [conversation.id, deleted.id];
    expected.sort();
    assert_eq!(moved, expected);

    let row = harness.row(conversation.id).await;
    assert!(row.version > conversation.version);
    assert_eq!(
        row,
        Conversation {
            visitor_id: to.id,
            updated_at: at(9),
            version: row.version,
            ..conversation.clone()
        }
    );
    assert_eq!(harness.row(deleted.id).await.visitor_id, to.id);
    assert_eq!(harness.row(untouched.id).await, untouched);
    let mut moved_message = theirs.clone();
    moved_message.sender.id = Some(to.id.0);
    assert_eq!(harness.messages(conversation.id).await, [moved_message.clone(), ours, between]);

    let key = |author: AuthorId| MessageKey::ClientId(conversation.id, author, "c".to_owned());
    let found = harness
        .conversations
        .load_messages(&[key(to.id.into()), key(fixture.visitor.id.into())])
        .await
        .unwrap();
    assert_eq!(found, [(key(to.id.into()), moved_message)]);
    // A repeat by the new author is one, and what was decided on the old row is stale.
    let mut next = row.clone();
    let sender = by_visitor(&next);
    let repeat = Message {
        client_id: Some("c".to_owned()),
        ..say(&mut next, sender, "mine")
    };
    let outcomes = harness.conversations.commit(&[an_item(row.version, &next, vec![repeat])]).await.unwrap();
    assert_eq!(outcomes, [CommitOutcome::ClientIdTaken]);
    let late = an_item(
        conversation.version,
        &Conversation {
            version: row.version + 5,
            ..conversation
        },
        Vec::new(),
    );
    assert_eq!(harness.conversations.commit(&[late]).await.unwrap(), [CommitOutcome::Stale]);
}

/// Old empty and long deleted conversations are erased with all that hangs on them, and nothing else is.
pub async fn what_is_empty_or_deleted_for_long_is_erased(harness: &Harness) {
    let fixture = harness.fixture().await;
    let (empty_before, deleted_before) = (at(-1_000), at(-500));
    let old = || Conversation {
        created_at: at(-1_001),
        ..a_conversation(&fixture.visitor)
    };
    let said = |mut conversation: Conversation| {
        let sender = by_visitor(&conversation);
        let message = say(&mut conversation, sender, "Hello");
        (conversation, message)
    };
    let empty = old();
    let (long_deleted, gone) = said(Conversation {
        deleted_at: Some(at(-501)),
        ..old()
    });
    let (kept, stays) = said(old());
    let (lately_deleted, stays_too) = said(Conversation {
        deleted_at: Some(deleted_before),
        ..old()
    });
    let empty_but_young = Conversation {
        created_at: empty_before,
        ..a_conversation(&fixture.visitor)
    };
    let all = [&empty, &long_deleted, &kept, &lately_deleted, &empty_but_young];
    let sessions = all.map(a_session);
    harness.insert(&all.map(Clone::clone)).await;
    let work = harness.begin().await;
    for session in &sessions {
        work.sessions().insert(session).await.unwrap();
    }
    work.messages().insert(&[gone.clone(), stays.clone(), stays_too.clone()]).await.unwrap();
    work.commit().await.unwrap();
    let marks = [&long_deleted, &kept].map(|conversation| {
        let after = Conversation {
            version: conversation.version + 1,
            ..conversation.clone()
        };
        CommitItem {
            agent_marks: vec![a_mark(conversation, &fixture.agent, 1, 1)],
            ..an_item(conversation.version, &after, Vec::new())
        }
    });
    harness.commit(&marks).await;

    for _ in 0..2 {
        let work = harness.begin().await;
        assert_eq!(work.conversations().erase(empty_before, deleted_before, 1).await.unwrap(), 1);
        work.commit().await.unwrap();
    }
    let work = harness.begin().await;
    assert_eq!(work.conversations().erase(empty_before, deleted_before, 100).await.unwrap(), 0);
    work.commit().await.unwrap();

    let mut left: Vec<ConversationId> = harness
        .conversations
        .load(&all.map(|conversation| conversation.id))
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.id)
        .collect();
    left.sort();
    assert_eq!(left, [kept.id, lately_deleted.id, empty_but_young.id]);
    let read = harness.read().await;
    for (place, is_there) in [false, false, true, true, true].into_iter().enumerate() {
        assert_eq!(read.sessions().find_any(sessions[place].id).await.unwrap().is_some(), is_there);
    }
    assert_eq!(read.messages().find(long_deleted.id, gone.id).await.unwrap(), None);
    assert_eq!(read.messages().find(kept.id, stays.id).await.unwrap(), Some(stays));
    assert_eq!(read.messages().find(lately_deleted.id, stays_too.id).await.unwrap(), Some(stays_too));
    assert_eq!(read.agent_marks().find(long_deleted.id, fixture.agent.id).await.unwrap(), ReadMark::default());
    assert_eq!(read.agent_marks().find(kept.id, fixture.agent.id).await.unwrap(), ReadMark { seq: 1, count: 1 });
    assert_eq!(read.conversations().find_by_room_key(empty.room_key).await.unwrap(), None);
}
