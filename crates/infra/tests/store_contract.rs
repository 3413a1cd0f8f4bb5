//! What a store promises, on SQLite and on Postgres.
#![allow(clippy::unwrap_used, reason = "tests")]

use parlor_infra::persistence::{migrate, open_sqlite};
use parlor_infra::testing::TestPostgres;
use parlor_testkit::contract::Harness;
use parlor_testkit::store_contract;
use std::sync::Arc;

async fn on_sqlite() -> Harness {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open_sqlite(&folder.path().join("parlor.db")).await.unwrap());
    migrate(&store).await.unwrap();
    Harness::new(store.clone(), store, folder)
}

async fn on_postgres() -> Harness {
    let database = TestPostgres::new().await;
    let store = Arc::new(database.open().await);
    Harness::new(store.clone(), store, database)
}

store_contract!(sqlite, on_sqlite());
store_contract!(postgres, on_postgres());
