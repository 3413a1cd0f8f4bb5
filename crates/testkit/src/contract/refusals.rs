//! Items of a batch that are not written: stale, repeated, refused. They leave nothing and harm no other.

use super::Harness;
use crate::Fixture;
use crate::build::{a_conversation, a_mark, an_agent, an_audit_entry, an_item, by_agent, by_assistant, by_visitor, note, say};
use parlor_domain::agent::Role;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation, ReadMark};
use parlor_domain::message::Message;
use parlor_domain::store::RepositoryError;
use std::sync::Arc;

/// An item that says one thing of the visitor in a conversation.
fn saying(before: &Conversation, text: &str, client_id: Option<&str>) -> (CommitItem, Message) {
    let mut after = before.clone();
    let sender = by_visitor(before);
    let message = Message {
        client_id: client_id.map(str::to_owned),
        ..say(&mut after, sender, text)
    };
    let audit = vec![an_audit_entry(before, "test")];
    (
        CommitItem {
            audit,
            ..an_item(before.version, &after, vec![message.clone()])
        },
        message,
    )
}

/// That nothing of an item reached the database: row, messages and audit lines are as before.
async fn assert_untouched(harness: &Harness, before: &Conversation, messages: &[Message], audit: usize) {
    assert_eq!(harness.row(before.id).await, *before);
    assert_eq!(harness.messages(before.id).await, messages);
    let read = harness.read().await;
    assert_eq!(read.audit().list_for(before.workspace_id, before.id.0).await.unwrap().len(), audit);
}

/// A stale version writes nothing of its item, and the items before and after it are stored.
pub async fn a_stale_item_writes_nothing_and_harms_no_other(harness: &Harness) {
    let fixture = harness.fixture().await;
    let rows = harness.conversations_of(&fixture, 4).await;
    let (first, said) = saying(&rows[1], "first", None);
    harness.commit(std::slice::from_ref(&first)).await;
    let stored = harness.row(rows[1].id).await;

    let missing = a_conversation(&fixture.visitor);
    let items = [
        saying(&rows[0], "a", None),
        saying(&rows[1], "b", None),
        saying(&missing, "c", None),
        saying(&rows[2], "d", None),
    ];
    let mark = a_mark(&rows[1], &fixture.agent, 1, 1);
    let mut batch: Vec<CommitItem> = items.iter().map(|(item, _)| item.clone()).collect();
    batch[1].agent_marks = vec![mark];
    let mut changed = said.clone();
    changed.text = "changed".to_owned();
    batch[1].updated = vec![Arc::new(changed)];
    let outcomes = harness.conversations.commit(&batch).await.unwrap();
    assert_eq!(
        outcomes,
        [CommitOutcome::Stored, CommitOutcome::Stale, CommitOutcome::Stale, CommitOutcome::Stored]
    );

    assert_untouched(harness, &stored, &[said], 1).await;
    assert_eq!(
        harness.read().await.agent_marks().find(stored.id, fixture.agent.id).await.unwrap(),
        ReadMark::default()
    );
    assert!(harness.conversations.load(&[missing.id]).await.unwrap().is_empty());
    assert!(harness.messages(missing.id).await.is_empty());
    for place in [0, 3] {
        assert_eq!(harness.row(batch[place].conversation.id).await, batch[place].conversation);
        assert_eq!(harness.messages(batch[place].conversation.id).await, std::slice::from_ref(&items[place].1));
    }
    assert_untouched(harness, &rows[3], &[], 0).await;
    assert!(harness.conversations.commit(&[]).await.unwrap().is_empty());
}

/// A client id that is taken writes nothing of its item, and the items before and after it are stored.
pub async fn a_taken_client_id_writes_nothing_and_harms_no_other(harness: &Harness) {
    let fixture = harness.fixture().await;
    let rows = harness.conversations_of(&fixture, 3).await;
    let (first, said) = saying(&rows[1], "first", Some("c"));
    harness.commit(std::slice::from_ref(&first)).await;
    let stored = first.conversation;

    // Two new messages of which the second is the repeat, beside the same client id in other conversations.
    let mut after = stored.clone();
    let sender = by_visitor(&stored);
    let fresh = say(&mut after, sender.clone(), "fresh");
    let repeat = Message {
        client_id: Some("c".to_owned()),
        ..say(&mut after, sender, "repeat")
    };
    let audit = vec![an_audit_entry(&stored, "test")];
    let mark = a_mark(&stored, &fixture.agent, 1, 1);
    let taken = CommitItem {
        audit,
        agent_marks: vec![mark],
        ..an_item(stored.version, &after, vec![fresh, repeat])
    };
    let (one, other) = (saying(&rows[0], "a", Some("c")), saying(&rows[2], "b", Some("c")));
    let outcomes = harness.conversations.commit(&[one.0, taken, other.0]).await.unwrap();
    assert_eq!(outcomes, [CommitOutcome::Stored, CommitOutcome::ClientIdTaken, CommitOutcome::Stored]);
    assert_untouched(harness, &stored, std::slice::from_ref(&said), 1).await;
    assert_eq!(
        harness.read().await.agent_marks().find(stored.id, fixture.agent.id).await.unwrap(),
        ReadMark::default()
    );
    assert_eq!(harness.messages(rows[0].id).await, [one.1]);
    assert_eq!(harness.messages(rows[2].id).await, [other.1]);
}

/// A client id belongs to its author and conversation, notes and public messages together; without one, none is taken.
pub async fn a_client_id_belongs_to_its_author(harness: &Harness) {
    let Fixture {
        conversation: before,
        agent,
        workspace,
        ..
    } = harness.fixture().await;
    let colleague = an_agent(&workspace, Role::Agent);
    let work = harness.begin().await;
    work.agents().insert(&colleague).await.unwrap();
    work.commit().await.unwrap();
    let mut row = before.clone();
    let mut kept = Vec::new();
    for sender in [by_visitor(&before), by_agent(&agent), by_agent(&colleague), by_assistant()] {
        let base = row.version;
        let message = Message {
            client_id: Some("c".to_owned()),
            ..say(&mut row, sender.clone(), "one")
        };
        let without = say(&mut row, sender, "no id");
        harness.commit(&[an_item(base, &row, vec![message.clone(), without.clone()])]).await;
        kept.extend([message, without]);
    }
    let mut after = row.clone();
    let private = Message {
        client_id: Some("c".to_owned()),
        ..note(&mut after, &agent, "one")
    };
    assert_eq!(
        harness.conversations.commit(&[an_item(row.version, &after, vec![private])]).await.unwrap(),
        [CommitOutcome::ClientIdTaken]
    );
    let mut other_case = row.clone();
    let sender = by_visitor(&before);
    let message = Message {
        client_id: Some("C".to_owned()),
        ..say(&mut other_case, sender, "two")
    };
    harness.commit(&[an_item(row.version, &other_case, vec![message.clone()])]).await;
    kept.push(message);
    assert_eq!(harness.messages(before.id).await, kept);
}

/// A text that the database may refuse spoils its batch whole or not at all; a refused batch leaves nothing.
pub async fn a_refused_batch_leaves_nothing(harness: &Harness) {
    let fixture = harness.fixture().await;
    let rows = harness.conversations_of(&fixture, 3).await;
    let items = [
        saying(&rows[0], "good", None),
        saying(&rows[1], "bad \0 text", None),
        saying(&rows[2], "good", None),
    ];
    let batch: Vec<CommitItem> = items.iter().map(|(item, _)| item.clone()).collect();
    match harness.conversations.commit(&batch).await {
        Ok(outcomes) => {
            assert_eq!(outcomes, [CommitOutcome::Stored; 3]);
            for (item, message) in &items {
                assert_eq!(harness.messages(item.conversation.id).await, std::slice::from_ref(message));
            }
        }
        Err(RepositoryError::Failed(_)) => {
            for row in &rows {
                assert_untouched(harness, row, &[], 0).await;
            }
            harness.commit(&[batch[0].clone(), batch[2].clone()]).await;
        }
        Err(error) => panic!("{error}"),
    }
}

/// Many commits decided on one version: one is stored, the others are stale and leave nothing.
pub async fn of_sixteen_decided_on_one_version_one_is_stored(harness: &Harness) {
    let Fixture { conversation, .. } = harness.fixture().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let store = Arc::clone(&harness.conversations);
        let (item, message) = saying(&conversation, &format!("from {number}"), None);
        tasks.spawn(async move { (store.commit(&[item]).await.unwrap(), message) });
    }
    let mut stored = Vec::new();
    for (outcomes, message) in tasks.join_all().await {
        match outcomes[..] {
            [CommitOutcome::Stored] => stored.push(message),
            ref other => assert_eq!(other, [CommitOutcome::Stale]),
        }
    }
    assert_eq!(stored.len(), 1);
    assert_eq!(harness.messages(conversation.id).await, stored);
    assert_eq!(harness.row(conversation.id).await.last_seq, 1);
}
