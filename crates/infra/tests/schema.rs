//! Opening a database: a fresh one, one that is up to date, one of a newer program.
#![allow(clippy::unwrap_used, reason = "tests")]

use parlor_domain::store::Store;
use parlor_infra::persistence::{SchemaError, SchemaState, SeaOrmStore, migrate, open_postgres, open_sqlite, schema_state};
use parlor_infra::testing::TestPostgres;
use sea_orm::{ConnectionTrait, Database};
use std::path::Path;

const FROM_THE_FUTURE: &str = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_from_the_future', 0)";

async fn is_migrated_once(store: &SeaOrmStore) {
    assert_eq!(schema_state(store).await.unwrap(), SchemaState::Pending);
    migrate(store).await.unwrap();
    assert_eq!(schema_state(store).await.unwrap(), SchemaState::Current);
    migrate(store).await.unwrap();
    store.check().await.unwrap();
    store.tend().await.unwrap();
}

async fn is_left_alone(store: &SeaOrmStore) {
    assert_eq!(schema_state(store).await.unwrap(), SchemaState::Newer);
    assert!(matches!(migrate(store).await, Err(SchemaError::Newer)));
}

async fn execute(url: &str, sql: &str) {
    let db = Database::connect(url).await.unwrap();
    db.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
}

fn url_of(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

#[tokio::test]
async fn a_fresh_file_is_made_and_migrated() {
    let folder = tempfile::tempdir().unwrap();
    // Neither a blank nor a question mark is special in a path.
    let store = open_sqlite(&folder.path().join("a data?base.db")).await.unwrap();
    is_migrated_once(&store).await;
    store.close().await.unwrap();
    assert!(folder.path().join("a data?base.db").exists());
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parlor.db");
    let store = open_sqlite(&path).await.unwrap();
    migrate(&store).await.unwrap();
    execute(&url_of(&path), FROM_THE_FUTURE).await;
    is_left_alone(&store).await;
}

#[tokio::test]
async fn nodes_that_start_together_migrate_once() {
    let database = TestPostgres::new().await;
    execute(&database.url(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    let url = database.url();
    let starts = (0..4).map(|_| async {
        let store = open_postgres(&url, 4).await.unwrap();
        migrate(&store).await.unwrap();
        assert_eq!(schema_state(&store).await.unwrap(), SchemaState::Current);
        store.close().await.unwrap();
    });
    futures_util::future::join_all(starts).await;
}

#[tokio::test]
async fn a_postgres_database_is_migrated_once() {
    let database = TestPostgres::new().await;
    execute(&database.url(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    is_migrated_once(&database.open().await).await;
}

#[tokio::test]
async fn a_postgres_database_of_a_newer_program_is_left_alone() {
    let database = TestPostgres::new().await;
    execute(&database.url(), FROM_THE_FUTURE).await;
    is_left_alone(&database.open().await).await;
}
