//! What platforms call messages: unique in a channel, written with the message, and leading to it.

use super::contacts::a_desk;
use super::{HARD, Harness, later};
use crate::Fixture;
use crate::build::{
    a_conversation, a_message_job, a_naming, a_whatsapp_conversation, an_attachment, an_audit_entry, an_external_id, an_item, by_agent, by_visitor, note, now,
    received, say,
};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation, ExternalId, MessageKey, Naming};
use parlor_domain::id::ChannelId;
use parlor_domain::job::JobKind;
use parlor_domain::message::Message;
use std::sync::Arc;

/// Stores new conversations of the fixture's visitor on WhatsApp.
async fn threads(harness: &Harness, fixture: &Fixture, count: usize) -> Vec<Conversation> {
    let made: Vec<Conversation> = (0..count).map(|_| a_whatsapp_conversation(&fixture.visitor, &fixture.channel)).collect();
    harness.insert(&made).await;
    made
}

/// An item with one message of the visitor that came in under this name.
pub(super) fn receiving(before: &Conversation, external_id: &ExternalId, text: &str) -> (CommitItem, Message) {
    let mut after = before.clone();
    let message = received(external_id, say(&mut after, by_visitor(before), text));
    let item = CommitItem {
        named: vec![a_naming(external_id.clone(), &message)],
        ..an_item(before.version, &after, vec![message.clone()])
    };
    (item, message)
}

async fn named(harness: &Harness, external_id: &ExternalId) -> Option<Naming> {
    harness.read().await.deliveries().find(external_id).await.unwrap()
}

/// A name that is taken writes nothing of its item (no row, message, name, file, work or audit line), and harms no other.
pub async fn a_taken_name_writes_nothing_and_harms_no_other(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let rows = threads(harness, &fixture, 3).await;
    let (known, fresh) = (an_external_id(&rows[0]), an_external_id(&rows[0]));
    let (first, message) = receiving(&rows[0], &known, "first");
    harness.commit(std::slice::from_ref(&first)).await;

    let file = an_attachment(&rows[1]);
    let work = harness.begin().await;
    work.attachments().insert(&file).await.unwrap();
    work.commit().await.unwrap();
    let (good, _) = receiving(&first.conversation, &an_external_id(&rows[0]), "second");
    let (one, of_one) = receiving(&rows[1], &fresh, "new");
    let (two, of_two) = receiving(&one.conversation, &known, "again");
    let taken = CommitItem {
        base_version: rows[1].version,
        inserted: vec![Arc::new(of_one.clone()), Arc::new(of_two.clone())],
        named: vec![a_naming(fresh.clone(), &of_one), a_naming(known.clone(), &of_two)],
        attached: vec![(file.file.id, of_one.id)],
        audit: vec![an_audit_entry(&rows[1], "test")],
        jobs: vec![a_message_job(JobKind::WhatsappMedia, &of_one)],
        ..two
    };
    let (other, _) = receiving(&rows[2], &an_external_id(&rows[2]), "other");
    let outcomes = harness.conversations.commit(&[good, taken.clone(), other]).await.unwrap();
    assert_eq!(outcomes, [CommitOutcome::Stored, CommitOutcome::ClientIdTaken, CommitOutcome::Stored]);

    let read = harness.read().await;
    assert_eq!(harness.row(rows[1].id).await, rows[1]);
    assert_eq!(harness.messages(rows[1].id).await, []);
    assert_eq!(named(harness, &fresh).await, None);
    assert_eq!(named(harness, &known).await.unwrap().message_id, message.id);
    assert_eq!(read.attachments().find_any(file.file.id).await.unwrap(), Some(file));
    assert_eq!(read.audit().list_for(rows[1].workspace_id, rows[1].id.0).await.unwrap(), []);
    assert_eq!(read.jobs().find(rows[1].workspace_id, taken.jobs[0].id).await.unwrap(), None);
    assert_eq!(harness.messages(rows[0].id).await.len(), 2);
    assert_eq!(harness.messages(rows[2].id).await.len(), 1);

    // A name for a message that is there already is refused the same way.
    let before = harness.row(rows[2].id).await;
    let after = Conversation {
        version: before.version + 1,
        ..before.clone()
    };
    let naming = CommitItem {
        named: vec![a_naming(known.clone(), &harness.messages(before.id).await[0])],
        ..an_item(before.version, &after, Vec::new())
    };
    assert_eq!(harness.conversations.commit(&[naming]).await.unwrap(), [CommitOutcome::ClientIdTaken]);
    assert_eq!(harness.row(before.id).await, before);
}

/// Of many that bring the same name at the same moment, in different conversations, one is stored.
pub async fn of_sixteen_with_one_name_one_is_stored(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let rows = threads(harness, &fixture, 16).await;
    let external_id = an_external_id(&rows[0]);
    let mut tasks = tokio::task::JoinSet::new();
    for row in rows.clone() {
        let (store, (item, _)) = (Arc::clone(&harness.conversations), receiving(&row, &external_id, "Hello"));
        tasks.spawn(async move { (row, store.commit(&[item]).await.unwrap()) });
    }
    let mut stored = Vec::new();
    for (row, outcomes) in tasks.join_all().await {
        if outcomes == [CommitOutcome::Stored] {
            stored.push(row.id);
        } else {
            assert_eq!(outcomes, [CommitOutcome::ClientIdTaken]);
            assert_eq!(harness.row(row.id).await, row);
            assert_eq!(harness.messages(row.id).await, []);
        }
    }
    assert_eq!(stored.len(), 1);
    let naming = named(harness, &external_id).await.unwrap();
    assert_eq!(naming.conversation_id, stored[0]);
    assert_eq!(naming.message_id, harness.messages(stored[0]).await[0].id);
}

/// Two items of one batch with the same name: one is stored. One that is stale takes no name from the other.
pub async fn of_two_in_a_batch_with_one_name_one_is_stored(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let rows = threads(harness, &fixture, 4).await;
    let external_id = an_external_id(&rows[0]);
    let batch = [0, 1].map(|place| receiving(&rows[place], &external_id, "Hello").0);
    let mut outcomes = harness.conversations.commit(&batch).await.unwrap();
    for (row, outcome) in rows.iter().zip(&outcomes) {
        let stored = usize::from(*outcome == CommitOutcome::Stored);
        assert_eq!(harness.messages(row.id).await.len(), stored);
    }
    outcomes.sort_by_key(|outcome| *outcome == CommitOutcome::Stored);
    assert_eq!(outcomes, [CommitOutcome::ClientIdTaken, CommitOutcome::Stored]);

    let external_id = an_external_id(&rows[0]);
    let mut batch = [2, 3].map(|place| receiving(&rows[place], &external_id, "Hello").0);
    batch[0].base_version += 1;
    let outcomes = harness.conversations.commit(&batch).await.unwrap();
    assert_eq!(outcomes, [CommitOutcome::Stale, CommitOutcome::Stored]);
    assert_eq!(named(harness, &external_id).await.unwrap().conversation_id, rows[3].id);
}

/// Two nodes whose batches have the same names in another order neither wait for one another for ever nor store one twice.
pub async fn names_that_cross_are_stored_once(harness: &Harness) {
    let fixture = a_desk(harness).await;
    for _ in 0..8 {
        let rows = threads(harness, &fixture, 12).await;
        let names: Vec<ExternalId> = (0..6).map(|_| an_external_id(&rows[0])).collect();
        let (here, there) = rows.split_at(6);
        let forwards: Vec<CommitItem> = here.iter().zip(&names).map(|(row, name)| receiving(row, name, "a").0).collect();
        let backwards: Vec<CommitItem> = there.iter().zip(names.iter().rev()).map(|(row, name)| receiving(row, name, "b").0).collect();
        let (one, other) = tokio::join!(harness.conversations.commit(&forwards), harness.conversations.commit(&backwards));
        let (one, mut other) = (one.unwrap(), other.unwrap());
        other.reverse();
        for outcomes in one.into_iter().zip(other) {
            assert!(
                matches!(
                    outcomes,
                    (CommitOutcome::Stored, CommitOutcome::ClientIdTaken) | (CommitOutcome::ClientIdTaken, CommitOutcome::Stored)
                ),
                "{outcomes:?}"
            );
        }
        for name in &names {
            assert!(named(harness, name).await.is_some());
        }
    }
}

/// What was decided on an old row is stale, also if its name is taken: it may be the repeat of what moved the row.
pub async fn a_stale_item_is_stale_before_its_name_is_taken(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let row = fixture.conversation;
    let external_id = an_external_id(&row);
    let (first, message) = receiving(&row, &external_id, "Hello");
    let (again, _) = receiving(&row, &external_id, "Hello");
    harness.commit(&[first]).await;
    assert_eq!(harness.conversations.commit(&[again]).await.unwrap(), [CommitOutcome::Stale]);
    let stored = harness.row(row.id).await;
    let (once_more, _) = receiving(&stored, &external_id, "Hello");
    assert_eq!(harness.conversations.commit(&[once_more]).await.unwrap(), [CommitOutcome::ClientIdTaken]);
    assert_eq!(harness.messages(row.id).await, [message]);
}

/// Names lead to their message and part, in their channel and exactly as they are written; one message may have many.
pub async fn names_lead_to_their_messages(harness: &Harness) {
    let (fixture, elsewhere) = (a_desk(harness).await, a_desk(harness).await);
    let (row, other_row) = (fixture.conversation, elsewhere.conversation);
    let name = |channel_id: ChannelId, id: &str| ExternalId { channel_id, id: id.to_owned() };
    let here = |id: &str| name(fixture.channel.id, id);
    let (upper, lower, hard) = (here("wamid.ABC="), here("wamid.abc="), here(HARD));
    let there = name(elsewhere.channel.id, "wamid.ABC=");
    let (first, one) = receiving(&row, &upper, "one");
    harness.commit(std::slice::from_ref(&first)).await;
    let (second, two) = receiving(&first.conversation, &lower, "two");
    let (foreign, three) = receiving(&other_row, &there, "three");
    harness.commit(&[second.clone(), foreign]).await;
    // A second part is named later, when the message has long been there.
    let part = Naming {
        part: 1,
        ..a_naming(hard.clone(), &two)
    };
    let after = Conversation {
        version: second.conversation.version + 1,
        ..second.conversation.clone()
    };
    harness
        .commit(&[CommitItem {
            named: vec![part.clone()],
            updated: vec![Arc::new(two.clone())],
            ..an_item(second.conversation.version, &after, Vec::new())
        }])
        .await;

    assert_eq!(named(harness, &upper).await, Some(a_naming(upper.clone(), &one)));
    assert_eq!(named(harness, &lower).await, Some(a_naming(lower.clone(), &two)));
    assert_eq!(named(harness, &there).await, Some(a_naming(there.clone(), &three)));
    assert_eq!(named(harness, &hard).await, Some(part));
    let nobodys = [name(elsewhere.channel.id, "wamid.abc="), here("wamid.ABC"), here("")];
    for unknown in &nobodys {
        assert_eq!(named(harness, unknown).await, None, "{unknown:?}");
    }

    let key = |id: &ExternalId| MessageKey::ExternalId(id.clone());
    let wanted: Vec<MessageKey> = [&there, &nobodys[0], &hard, &upper, &nobodys[1], &lower].into_iter().map(key).collect();
    let wanted: Vec<MessageKey> = wanted.into_iter().chain([MessageKey::Id(row.id, one.id)]).collect();
    let mut found = harness.conversations.load_messages(&wanted).await.unwrap();
    let place = |key: &MessageKey| wanted.iter().position(|wanted| wanted == key);
    found.sort_by_key(|(key, _)| place(key));
    let expected = [
        (key(&there), three),
        (key(&hard), two.clone()),
        (key(&upper), one.clone()),
        (key(&lower), two),
        (MessageKey::Id(row.id, one.id), one),
    ];
    assert_eq!(found, expected);
}

/// The newest message of the customer up to a place is named, not one of ours, a note, or one without a name.
pub async fn the_newest_message_of_the_customer_is_named(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let empty = threads(harness, &fixture, 1).await.remove(0);
    let mut row = fixture.conversation.clone();
    let names = [(); 4].map(|()| an_external_id(&row));
    let base = row.version;
    let (visitor, agent) = (by_visitor(&row), by_agent(&fixture.agent));
    let first = received(&names[0], say(&mut row, visitor.clone(), "1"));
    let second = received(&names[1], say(&mut row, visitor.clone(), "2"));
    let between = note(&mut row, &fixture.agent, "2a");
    let ours = received(&names[2], say(&mut row, agent, "3"));
    let last = received(&names[3], say(&mut row, visitor, "4"));
    let item = CommitItem {
        named: [&first, &second, &ours, &last]
            .into_iter()
            .zip(&names)
            .map(|(message, name)| a_naming(name.clone(), message))
            .collect(),
        ..an_item(base, &row, vec![first, second, between, ours, last])
    };
    harness.commit(&[item]).await;
    let read = harness.read().await;
    for (up_to, expected) in [
        (0, None),
        (1, Some(&names[0])),
        (2, Some(&names[1])),
        (3, Some(&names[1])),
        (4, Some(&names[3])),
        (i64::MAX, Some(&names[3])),
    ] {
        let found = read.deliveries().newest_inbound(row.id, up_to).await.unwrap();
        assert_eq!(found.as_ref(), expected.map(|name| &name.id), "up to {up_to}");
    }
    assert_eq!(read.deliveries().newest_inbound(empty.id, i64::MAX).await.unwrap(), None);
}

/// The names of a conversation go with it when it is erased, and are free again.
pub async fn an_erased_conversations_names_are_gone(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let deleted = Conversation {
        deleted_at: Some(now()),
        ..a_whatsapp_conversation(&fixture.visitor, &fixture.channel)
    };
    let kept = a_conversation(&fixture.visitor);
    harness.insert(&[deleted.clone(), kept.clone()]).await;
    let (gone, stays) = (an_external_id(&deleted), an_external_id(&deleted));
    let (of_deleted, of_kept) = (receiving(&deleted, &gone, "a").0, receiving(&kept, &stays, "b").0);
    harness.commit(&[of_deleted, of_kept.clone()]).await;
    let work = harness.begin().await;
    assert_eq!(work.conversations().erase(Timestamp(0), later(1), 10).await.unwrap(), 1);
    work.commit().await.unwrap();
    assert_eq!(named(harness, &gone).await, None);
    assert!(named(harness, &stays).await.is_some());
    harness.commit(&[receiving(&of_kept.conversation, &gone, "c").0]).await;
    assert_eq!(named(harness, &gone).await.unwrap().conversation_id, kept.id);
}
