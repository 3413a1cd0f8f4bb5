//! Batches of several nodes over the same conversations.
#![allow(clippy::unwrap_used, reason = "tests")]

use futures_util::future::join_all;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation, ConversationStore, ExternalId, Naming};
use parlor_domain::id::ConversationId;
use parlor_domain::message::{Delivery, Message};
use parlor_domain::store::Store;
use parlor_infra::persistence::{SeaOrmStore, migrate, open_sqlite};
use parlor_infra::testing::TestPostgres;
use parlor_testkit::Fixture;
use parlor_testkit::build::{a_conversation, an_item, by_visitor, say};
use std::sync::Arc;

const CONVERSATIONS: usize = 40;
const NODES: usize = 6;
const ROUNDS: usize = 40;
const NAMES: usize = 20;

/// Says one thing in each of these conversations, in the given order. Answers how much of it was stored.
async fn say_in(store: &SeaOrmStore, ids: &[ConversationId], text: &str) -> usize {
    let mut rows = store.load(ids).await.unwrap();
    rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
    let items = rows.into_iter().map(|mut conversation| {
        let (base_version, sender) = (conversation.version, by_visitor(&conversation));
        let message = Message {
            client_id: Some(text.to_owned()),
            ..say(&mut conversation, sender, text)
        };
        CommitItem {
            base_version,
            conversation,
            inserted: vec![Arc::new(message)],
            updated: Vec::new(),
            named: Vec::new(),
            attached: Vec::new(),
            detached: Vec::new(),
            agent_marks: Vec::new(),
            audit: Vec::new(),
            jobs: Vec::new(),
            finished_jobs: Vec::new(),
        }
    });
    // A wait in a circle would end one of the batches with an error.
    let outcomes = store.commit(&items.collect::<Vec<_>>()).await.unwrap();
    outcomes.iter().filter(|outcome| **outcome == CommitOutcome::Stored).count()
}

async fn batches_in_any_order_neither_block_nor_lose(stores: Vec<SeaOrmStore>) {
    let store = stores.first().unwrap();
    let fixture = Fixture::stored(store).await.unwrap();
    let work = store.begin().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..CONVERSATIONS {
        let conversation = a_conversation(&fixture.visitor);
        work.conversations().insert(&conversation).await.unwrap();
        ids.push(conversation.id);
    }
    work.commit().await.unwrap();

    let nodes = stores.iter().enumerate().map(|(node, store)| {
        let ids = ids.clone();
        async move {
            let mut stored = 0;
            for round in 0..ROUNDS {
                // Each batch takes another half, in an order of its own.
                let mut some = ids.clone();
                some.rotate_left((node * 7 + round * 11) % CONVERSATIONS);
                some.truncate(CONVERSATIONS / 2);
                if (node + round) % 2 == 0 {
                    some.reverse();
                }
                stored += say_in(store, &some, &format!("{node}-{round}")).await;
            }
            stored
        }
    });
    let stored: usize = join_all(nodes).await.into_iter().sum();

    let rows = store.load(&ids).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.last_seq).sum::<i64>(), i64::try_from(stored).unwrap());
    assert!(stored >= CONVERSATIONS / 2 * ROUNDS, "somebody always comes through");
}

/// What each node tries to store: the same messages of a platform, each in a conversation of its own.
async fn names_that_nodes_write_at_once_are_taken_once(stores: Vec<SeaOrmStore>) {
    let store = stores.first().unwrap();
    let fixture = Fixture::stored(store).await.unwrap();
    for round in 0..ROUNDS / 4 {
        let work = store.begin().await.unwrap();
        let mut halves = vec![Vec::new(); stores.len()];
        for (node, half) in halves.iter_mut().enumerate() {
            for n in 0..NAMES {
                let conversation = a_conversation(&fixture.visitor);
                work.conversations().insert(&conversation).await.unwrap();
                // Each node has an order of its own.
                let name = if node % 2 == 0 { n } else { NAMES - 1 - n };
                half.push((conversation, format!("wamid.{round}.{name}")));
            }
        }
        work.commit().await.unwrap();
        let outcomes = join_all(stores.iter().zip(&halves).map(|(store, half)| async move {
            let items: Vec<CommitItem> = half.iter().map(|(conversation, name)| named_item(conversation, name)).collect();
            store.commit(&items).await.unwrap()
        }))
        .await;
        let all: Vec<CommitOutcome> = outcomes.into_iter().flatten().collect();
        let stored = all.iter().filter(|outcome| **outcome == CommitOutcome::Stored).count();
        let taken = all.iter().filter(|outcome| **outcome == CommitOutcome::ClientIdTaken).count();
        assert_eq!((stored, taken), (NAMES, all.len() - NAMES), "round {round}");
    }
}

fn named_item(conversation: &Conversation, name: &str) -> CommitItem {
    let mut after = conversation.clone();
    let sender = by_visitor(&after);
    let message = Message {
        delivery: Some(Delivery::received(name.to_owned())),
        ..say(&mut after, sender, name)
    };
    let naming = Naming {
        external_id: ExternalId {
            channel_id: conversation.channel_id,
            id: name.to_owned(),
        },
        workspace_id: conversation.workspace_id,
        conversation_id: conversation.id,
        message_id: message.id,
        part: 0,
    };
    let mut item = an_item(conversation.version, &after, vec![message]);
    item.conversation.version = conversation.version + 1;
    item.named.push(naming);
    item
}

/// One batch with the same name twice, with one that is taken, and with one that is stale besides.
async fn items_do_not_harm_one_another(store: SeaOrmStore) {
    let fixture = Fixture::stored(&store).await.unwrap();
    let work = store.begin().await.unwrap();
    let mut conversations = Vec::new();
    for _ in 0..5 {
        let conversation = a_conversation(&fixture.visitor);
        work.conversations().insert(&conversation).await.unwrap();
        conversations.push(conversation);
    }
    work.commit().await.unwrap();
    let [first, second, third, fourth, fifth] = conversations.try_into().unwrap();
    assert_eq!(store.commit(&[named_item(&first, "known")]).await.unwrap(), [CommitOutcome::Stored]);

    let mut stale = named_item(&third, "known");
    stale.base_version += 7;
    let batch = [named_item(&fifth, "new"), named_item(&second, "known"), stale, named_item(&fourth, "new")];
    let outcomes = store.commit(&batch).await.unwrap();
    let expected = [
        CommitOutcome::Stored,
        CommitOutcome::ClientIdTaken,
        CommitOutcome::Stale,
        CommitOutcome::ClientIdTaken,
    ];
    assert_eq!(outcomes, expected);
    let rows = store.load(&[second.id, third.id, fourth.id, fifth.id]).await.unwrap();
    let written: Vec<ConversationId> = rows.iter().filter(|row| row.last_seq > 0).map(|row| row.id).collect();
    assert_eq!(written, [fifth.id], "nothing of the others is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_nodes_write_at_once_are_taken_once_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let mut stores = Vec::new();
    for _ in 0..2 {
        stores.push(open_sqlite(&folder.path().join("parlor.db")).await.unwrap());
    }
    migrate(stores.first().unwrap()).await.unwrap();
    names_that_nodes_write_at_once_are_taken_once(stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_nodes_write_at_once_are_taken_once_on_postgres() {
    let database = TestPostgres::new().await;
    let stores = join_all((0..NODES).map(|_| database.open())).await;
    names_that_nodes_write_at_once_are_taken_once(stores).await;
}

#[tokio::test]
async fn items_do_not_harm_one_another_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_sqlite(&folder.path().join("parlor.db")).await.unwrap();
    migrate(&store).await.unwrap();
    items_do_not_harm_one_another(store).await;
}

#[tokio::test]
async fn items_do_not_harm_one_another_on_postgres() {
    let database = TestPostgres::new().await;
    items_do_not_harm_one_another(database.open().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_in_any_order_neither_block_nor_lose_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let mut stores = Vec::new();
    for _ in 0..2 {
        stores.push(open_sqlite(&folder.path().join("parlor.db")).await.unwrap());
    }
    migrate(stores.first().unwrap()).await.unwrap();
    batches_in_any_order_neither_block_nor_lose(stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_in_any_order_neither_block_nor_lose_on_postgres() {
    let database = TestPostgres::new().await;
    let stores = join_all((0..NODES).map(|_| database.open())).await;
    batches_in_any_order_neither_block_nor_lose(stores).await;
}
