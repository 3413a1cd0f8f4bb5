//! [`ConversationStore::commit`](parlor_domain::conversation::ConversationStore::commit) and what the writer loads.

use super::Harness;
use crate::Fixture;
use crate::build::{a_conversation, a_mark, a_visitor, an_agent, an_audit_entry, an_item, by_agent, by_assistant, by_visitor, edit, note, now, say};
use parlor_domain::agent::Role;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation, Flag, Handler, MessageKey, ReadMark, Status, Subject};
use parlor_domain::id::{AgentId, ConversationId, KeyHash, MessageId};
use parlor_domain::message::{AuthorId, Message, Reaction, SenderKind, Side};
use std::sync::Arc;
use uuid::Uuid;

/// A stored item is read back: every field of the row, new and changed messages, marks, audit lines.
pub async fn a_stored_item_is_read_back(harness: &Harness) {
    let Fixture {
        conversation: before, agent, ..
    } = harness.fixture().await;
    let mut after = before.clone();
    let (visitor, ours) = (by_visitor(&before), by_agent(&agent));
    let mut first = Message {
        client_id: Some("c-1".to_owned()),
        sent_at: Some(now()),
        ..say(&mut after, visitor, "O'Hara 👩‍💻 \\ \"x\"")
    };
    let mut between = note(&mut after, &agent, "between us");
    let second = Message {
        reply_to: Some(first.id),
        payload: Some(serde_json::json!({"a": [1, null]})),
        ..say(&mut after, ours, "Hello")
    };
    let third = say(&mut after, by_assistant(), "I know");
    let mark = a_mark(&after, &agent, 3, 1);
    let audit = vec![an_audit_entry(&after, "one"), an_audit_entry(&after, "two")];
    let inserted = vec![first.clone(), between.clone(), second.clone(), third.clone()];
    harness
        .commit(&[CommitItem {
            agent_marks: vec![mark],
            audit: audit.clone(),
            ..an_item(before.version, &after, inserted)
        }])
        .await;

    let read = harness.read().await;
    assert_eq!(harness.row(before.id).await, after);
    assert_eq!(read.conversations().find(before.workspace_id, before.id).await.unwrap(), Some(after.clone()));
    assert_eq!(
        harness.messages(before.id).await,
        [first.clone(), between.clone(), second.clone(), third.clone()]
    );
    assert_eq!(read.agent_marks().find(before.id, agent.id).await.unwrap(), mark.mark);
    assert_eq!(read.audit().list_for(before.workspace_id, before.id.0).await.unwrap(), audit);

    // Now everything changes that may change.
    let base = after.version;
    edit(&mut after, &mut first, "said otherwise");
    edit(&mut after, &mut between, "still between us");
    first.reactions = vec![Reaction {
        emoji: "👍".to_owned(),
        by: Side::Agent,
    }];
    first.metadata = Some(serde_json::json!({"m": 1}));
    let mut second = second;
    edit(&mut after, &mut second, "Hello");
    second.delete(now());
    after = Conversation {
        status: Status::Snoozed,
        snoozed_until: Some(now()),
        handler: Handler::Agent(agent.id),
        handler_version: 5,
        answer_id: Some(first.id),
        answers: 7,
        subject: Some(Subject {
            kind: "text".to_owned(),
            external_id: None,
            title: "Order".to_owned(),
            price: None,
        }),
        flag: Some(Flag {
            reason: Some("spam".to_owned()),
            by: Some(Side::Agent),
            at: now(),
        }),
        labels: vec!["a".to_owned(), "b".to_owned()],
        customer_name: Some("Nadia".to_owned()),
        customer_email: Some("nadia@example.com".to_owned()),
        metadata: Some(serde_json::json!({"k": 1})),
        changed_rev: after.rev,
        changed_staff_rev: after.staff_rev,
        last_message_at: parlor_domain::clock::Timestamp(now().millis() + 1),
        last_message: None,
        team_mark: ReadMark { seq: 3, count: 1 },
        visitor_mark: ReadMark { seq: 2, count: 1 },
        visitor_delivered: 3,
        team_delivered: 2,
        updated_at: parlor_domain::clock::Timestamp(now().millis() + 2),
        deleted_at: Some(now()),
        ..after
    };
    let updated = [&first, &between, &second].map(|message| Arc::new(message.clone())).to_vec();
    harness
        .commit(&[CommitItem {
            updated,
            ..an_item(base, &after, Vec::new())
        }])
        .await;
    assert_eq!(harness.row(before.id).await, after);
    assert_eq!(harness.messages(before.id).await, [first, between, second, third]);

    // And back to nothing.
    let emptied = Conversation {
        version: after.version + 1,
        status: Status::Open,
        snoozed_until: None,
        handler: Handler::Assistant,
        answer_id: None,
        answers: 0,
        subject: None,
        flag: None,
        labels: Vec::new(),
        customer_name: None,
        customer_email: None,
        metadata: None,
        deleted_at: None,
        ..after.clone()
    };
    harness.commit(&[an_item(after.version, &emptied, Vec::new())]).await;
    assert_eq!(harness.row(before.id).await, emptied);
}

/// The writer's loads leave out what is not there, and find messages by id, place, and author with client id.
pub async fn the_writer_loads_what_is_there(harness: &Harness) {
    let Fixture {
        conversation: before,
        agent,
        visitor,
        ..
    } = harness.fixture().await;
    let mut after = before.clone();
    let (theirs, ours) = (by_visitor(&before), by_agent(&agent));
    let between = note(&mut after, &agent, "before all");
    let first = Message {
        client_id: Some("c".to_owned()),
        ..say(&mut after, theirs, "mine")
    };
    let second = Message {
        client_id: Some("c".to_owned()),
        ..say(&mut after, ours, "ours")
    };
    let third = Message {
        client_id: Some("c".to_owned()),
        ..say(&mut after, by_assistant(), "its")
    };
    harness
        .commit(&[an_item(
            before.version,
            &after,
            vec![between.clone(), first.clone(), second.clone(), third.clone()],
        )])
        .await;
    let deleted = Conversation {
        deleted_at: Some(now()),
        ..a_conversation(&visitor)
    };
    harness.insert(std::slice::from_ref(&deleted)).await;

    let unknown = ConversationId(Uuid::from_u128(1));
    let mut loaded = harness.conversations.load(&[deleted.id, unknown, before.id]).await.unwrap();
    loaded.sort_by_key(|row| row.id);
    assert_eq!(loaded, [after, deleted.clone()]);
    assert_eq!(harness.conversations.load(&[]).await.unwrap(), []);

    let client_id = |author: AuthorId| MessageKey::ClientId(before.id, author, "c".to_owned());
    let there = [
        (MessageKey::Id(before.id, between.id), between.clone()),
        (MessageKey::Id(before.id, second.id), second.clone()),
        (MessageKey::Place(before.id, 1), first.clone()),
        (MessageKey::Place(before.id, 3), third.clone()),
        (client_id(visitor.id.into()), first),
        (client_id(agent.id.into()), second),
        (client_id(AuthorId::ASSISTANT), third),
    ];
    let missing = [
        MessageKey::Id(deleted.id, between.id),
        MessageKey::Id(before.id, MessageId(Uuid::from_u128(1))),
        MessageKey::Place(before.id, 0),
        MessageKey::Place(before.id, 4),
        client_id(AuthorId::SYSTEM),
        MessageKey::ClientId(before.id, visitor.id.into(), "C".to_owned()),
    ];
    let keys: Vec<MessageKey> = there.iter().map(|(key, _)| key.clone()).chain(missing).collect();
    let found = harness.conversations.load_messages(&keys).await.unwrap();
    assert_eq!(found.len(), there.len());
    for pair in there {
        assert!(found.contains(&pair), "{:?}", pair.0);
    }
    assert!(harness.conversations.load_messages(&[]).await.unwrap().is_empty());
}

/// Of public messages with one content and one kind of sender, each is found by its count, whatever came between.
pub async fn equal_messages_are_found_by_their_count(harness: &Harness) {
    let Fixture {
        conversation: before,
        agent,
        visitor,
        ..
    } = harness.fixture().await;
    let other = a_conversation(&visitor);
    harness.insert(std::slice::from_ref(&other)).await;
    let mut after = before.clone();
    let (theirs, ours) = (by_visitor(&before), by_agent(&agent));
    let first = say(&mut after, theirs.clone(), "ok");
    let hello = say(&mut after, theirs.clone(), "hello");
    let hidden = Message {
        content: first.content,
        ..note(&mut after, &agent, "ok")
    };
    let answer = say(&mut after, ours, "ok");
    let mut second = say(&mut after, theirs.clone(), "ok");
    let third = say(&mut after, theirs, "ok");
    edit(&mut after, &mut second, "what counts is what was first sent");
    second.delete(now());
    // Stored in no order: the place counts.
    let inserted = vec![third.clone(), hello.clone(), hidden, second.clone(), answer.clone(), first.clone()];
    harness.commit(&[an_item(before.version, &after, inserted)]).await;
    let mut elsewhere = other.clone();
    let sender = by_visitor(&other);
    let alone = say(&mut elsewhere, sender, "ok");
    harness.commit(&[an_item(other.version, &elsewhere, vec![alone.clone()])]).await;

    let equal = |conversation: &Conversation, sender, like: &Message, number| MessageKey::Equal(conversation.id, sender, like.content, number);
    let there = [
        (equal(&before, SenderKind::Visitor, &first, 1), first.clone()),
        (equal(&before, SenderKind::Visitor, &first, 2), second),
        (equal(&before, SenderKind::Visitor, &first, 3), third),
        (equal(&before, SenderKind::Agent, &first, 1), answer),
        (equal(&before, SenderKind::Visitor, &hello, 1), hello.clone()),
        (equal(&other, SenderKind::Visitor, &first, 1), alone),
        // Beside another key of the same message.
        (MessageKey::Place(before.id, 1), first.clone()),
    ];
    let missing = [
        equal(&before, SenderKind::Visitor, &first, 0),
        equal(&before, SenderKind::Visitor, &first, 4),
        equal(&before, SenderKind::Visitor, &hello, 2),
        equal(&before, SenderKind::Agent, &first, 2),
        equal(&before, SenderKind::Assistant, &first, 1),
        MessageKey::Equal(before.id, SenderKind::Visitor, KeyHash::of(b"never said"), 1),
    ];
    let many = (0..300_u32).map(|number| MessageKey::Equal(before.id, SenderKind::Visitor, KeyHash::of(&number.to_le_bytes()), 1));
    let keys: Vec<MessageKey> = many.chain(there.iter().map(|(key, _)| key.clone())).chain(missing).collect();
    let found = harness.conversations.load_messages(&keys).await.unwrap();
    assert_eq!(found.len(), there.len(), "{found:?}");
    for pair in there {
        assert!(found.contains(&pair), "{:?}", pair.0);
    }
}

/// An agent's mark only moves forward, each agent's in each conversation by itself.
pub async fn an_agents_mark_only_moves_forward(harness: &Harness) {
    let fixture = harness.fixture().await;
    let colleague = an_agent(&fixture.workspace, Role::Agent);
    let work = harness.begin().await;
    work.agents().insert(&colleague).await.unwrap();
    work.commit().await.unwrap();
    let rows = harness.conversations_of(&fixture, 2).await;
    let mut row = rows[0].clone();
    let mark_of = async |agent: AgentId| harness.read().await.agent_marks().find(rows[0].id, agent).await.unwrap();
    assert_eq!(mark_of(fixture.agent.id).await, ReadMark::default());
    for (seq, count, kept) in [(3, 2, (3, 2)), (2, 1, (3, 2)), (3, 2, (3, 2)), (0, 0, (3, 2)), (7, 5, (7, 5))] {
        let base = row.version;
        row.version += 1;
        let marks = vec![a_mark(&row, &fixture.agent, seq, count)];
        harness
            .commit(&[CommitItem {
                agent_marks: marks,
                ..an_item(base, &row, Vec::new())
            }])
            .await;
        let ReadMark { seq, count } = mark_of(fixture.agent.id).await;
        assert_eq!((seq, count), kept);
    }
    assert_eq!(mark_of(colleague.id).await, ReadMark::default());
    let base = row.version;
    row.version += 1;
    let marks = vec![a_mark(&row, &colleague, 1, 1), a_mark(&row, &fixture.agent, 8, 6)];
    let both = CommitItem {
        agent_marks: marks.clone(),
        ..an_item(base, &row, Vec::new())
    };
    harness.commit(&[both]).await;
    let ids = [rows[0].id, rows[1].id];
    let read = harness.read().await;
    assert_eq!(read.agent_marks().find_many(&ids, colleague.id).await.unwrap(), marks[..1]);
    assert_eq!(read.agent_marks().find_many(&ids, fixture.agent.id).await.unwrap(), marks[1..]);
    assert_eq!(read.agent_marks().find_many(&[], fixture.agent.id).await.unwrap(), []);
}

/// A full batch, with several messages for each conversation, is stored as it is.
pub async fn a_full_batch_is_stored(harness: &Harness) {
    let fixture = harness.fixture().await;
    let visitor = a_visitor(&fixture.channel);
    let work = harness.begin().await;
    work.visitors().insert(&visitor).await.unwrap();
    work.commit().await.unwrap();
    let rows = harness.conversations_of(&fixture, 256).await;
    let mut kept = Vec::new();
    let items: Vec<CommitItem> = rows
        .iter()
        .map(|before| {
            let mut after = before.clone();
            let messages: Vec<Message> = (0..5)
                .map(|number| {
                    let sender = by_visitor(before);
                    Message {
                        client_id: Some(format!("c-{number}")),
                        ..say(&mut after, sender, &"word ".repeat(40))
                    }
                })
                .collect();
            kept.push((before.id, messages.clone()));
            CommitItem {
                agent_marks: vec![a_mark(before, &fixture.agent, 5, 5)],
                audit: vec![an_audit_entry(before, "test")],
                ..an_item(before.version, &after, messages)
            }
        })
        .collect();
    harness.commit(&items).await;
    let again = harness.conversations.commit(&items).await.unwrap();
    assert!(again.iter().all(|outcome| *outcome == CommitOutcome::Stale));
    for (id, messages) in kept.into_iter().step_by(17) {
        assert_eq!(harness.messages(id).await, messages);
    }
    let mut loaded = harness.conversations.load(&rows.iter().map(|row| row.id).collect::<Vec<_>>()).await.unwrap();
    loaded.sort_by_key(|row| row.id);
    assert_eq!(loaded, items.into_iter().map(|item| item.conversation).collect::<Vec<_>>());
}
