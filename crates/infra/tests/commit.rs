//! Batches of several nodes over the same conversations.
#![allow(clippy::unwrap_used, reason = "tests")]

use futures_util::future::join_all;
use parlor_domain::conversation::{CommitItem, CommitOutcome, ConversationStore};
use parlor_domain::id::ConversationId;
use parlor_domain::message::Message;
use parlor_domain::store::Store;
use parlor_infra::persistence::{SeaOrmStore, migrate, open_sqlite};
use parlor_infra::testing::TestPostgres;
use parlor_testkit::Fixture;
use parlor_testkit::build::{a_conversation, by_visitor, say};
use std::sync::Arc;

const CONVERSATIONS: usize = 40;
const NODES: usize = 6;
const ROUNDS: usize = 40;

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
