//! Opening a database: a fresh one, one that is up to date, one of a newer program.
#![allow(clippy::unwrap_used, reason = "tests")]

use parlor_domain::assistant::AssistantSettings;
use parlor_domain::channel::Channel;
use parlor_domain::conversation::{CommitOutcome, Conversation, ConversationStore};
use parlor_domain::store::Store;
use parlor_infra::persistence::{SchemaError, SchemaState, SeaOrmStore, migrate, open_postgres, open_sqlite, schema_state};
use parlor_infra::testing::TestPostgres;
use parlor_migration::{Migrator, MigratorTrait};
use parlor_testkit::Fixture;
use parlor_testkit::build::an_item;
use sea_orm::sea_query::{Query, SimpleExpr};
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

/// The changes of the first version that people have databases of.
const FIRST: u32 = 14;

/// A database of the first version, with one channel and one conversation in it.
async fn fill_as_first_version(url: &str, fixture: &Fixture) {
    let Fixture {
        workspace,
        channel,
        conversation,
        ..
    } = fixture;
    let (id, tenant, at) = (conversation.id.0, workspace.id.0, conversation.created_at.millis());
    let db = Database::connect(url).await.unwrap();
    Migrator::up(&db, Some(FIRST)).await.unwrap();
    let rows: [(&str, Vec<(&str, SimpleExpr)>); 3] = [
        (
            "workspace",
            vec![
                ("id", tenant.into()),
                ("name", workspace.name.as_str().into()),
                ("created_at", at.into()),
                ("updated_at", at.into()),
            ],
        ),
        (
            "channel",
            vec![
                ("id", channel.id.0.into()),
                ("workspace_id", tenant.into()),
                ("kind", "web".into()),
                ("name", channel.name.as_str().into()),
                ("origins", serde_json::json!([]).into()),
                ("identity", "optional".into()),
                ("created_at", at.into()),
                ("updated_at", at.into()),
            ],
        ),
        (
            "conversation",
            vec![
                ("id", id.into()),
                ("workspace_id", tenant.into()),
                ("channel_id", channel.id.0.into()),
                ("visitor_id", conversation.visitor_id.0.into()),
                ("room_key", conversation.room_key.expose().into()),
                ("kind", "chat".into()),
                ("status", "open".into()),
                ("handler", "queue".into()),
                ("labels", serde_json::json!([]).into()),
                ("version", 1.into()),
                ("last_message_at", at.into()),
                ("created_at", at.into()),
                ("updated_at", at.into()),
            ]
            .into_iter()
            .chain(ZEROS.map(|column| (column, 0.into())))
            .collect(),
        ),
    ];
    for (table, row) in rows {
        let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
        let insert = Query::insert().into_table(table).columns(columns).values(values).unwrap().take();
        db.execute(&insert).await.unwrap();
    }
    db.close().await.unwrap();
}

/// What is counted in a conversation.
const ZEROS: [&str; 14] = [
    "handler_version",
    "last_seq",
    "rev",
    "staff_rev",
    "changed_rev",
    "changed_staff_rev",
    "inbound_count",
    "outbound_count",
    "team_mark_seq",
    "team_mark_count",
    "visitor_mark_seq",
    "visitor_mark_count",
    "visitor_delivered",
    "team_delivered",
];

async fn goes_on(store: &SeaOrmStore, fixture: &Fixture) {
    assert_eq!(schema_state(store).await.unwrap(), SchemaState::Pending);
    migrate(store).await.unwrap();
    assert_eq!(schema_state(store).await.unwrap(), SchemaState::Current);
    let read = store.read().await.unwrap();
    let channel: Channel = read.channels().find_any(fixture.channel.id).await.unwrap().unwrap();
    assert_eq!((channel.assistant, channel.assistant_key), (AssistantSettings::default(), None));
    let before = ConversationStore::load(store, &[fixture.conversation.id]).await.unwrap().pop().unwrap();
    assert_eq!(before, fixture.conversation);
    let after = Conversation {
        version: 2,
        answers: 1,
        ..before
    };
    assert_eq!(store.commit(&[an_item(1, &after, Vec::new())]).await.unwrap(), [CommitOutcome::Stored]);
}

#[tokio::test]
async fn a_file_of_the_first_version_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (path, fixture) = (folder.path().join("parlor.db"), Fixture::new());
    open_sqlite(&path).await.unwrap().close().await.unwrap();
    fill_as_first_version(&url_of(&path), &fixture).await;
    goes_on(&open_sqlite(&path).await.unwrap(), &fixture).await;
}

#[tokio::test]
async fn a_postgres_database_of_the_first_version_goes_on() {
    let (database, fixture) = (TestPostgres::new().await, Fixture::new());
    execute(&database.url(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    fill_as_first_version(&database.url(), &fixture).await;
    goes_on(&database.open().await, &fixture).await;
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
