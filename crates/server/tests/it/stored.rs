//! What is in the database, whole, to see whether anything changed.

use crate::app::TestApp;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use std::collections::BTreeMap;

/// All rows of all tables as text.
pub type Stored = BTreeMap<String, Vec<String>>;

/// Reads everything.
pub async fn all(app: &TestApp) -> Stored {
    let db = app.database().await;
    let tables = match db.get_database_backend() {
        DbBackend::Postgres => "SELECT tablename::text AS text FROM pg_tables WHERE schemaname = 'public'",
        _ => "SELECT name AS text FROM sqlite_master WHERE type = 'table'",
    };
    let mut stored = Stored::new();
    for table in texts(&db, tables).await {
        let row = match db.get_database_backend() {
            DbBackend::Postgres => "t::text".to_owned(),
            _ => {
                let columns = texts(&db, &format!("SELECT 'quote(\"' || name || '\")' AS text FROM pragma_table_info('{table}')")).await;
                columns.join(" || ',' || ")
            }
        };
        let mut rows = texts(&db, &format!("SELECT {row} AS text FROM \"{table}\" AS t")).await;
        rows.sort();
        stored.insert(table, rows);
    }
    db.close().await.unwrap();
    stored
}

async fn texts(db: &DatabaseConnection, query: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), query)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "text").unwrap()).collect()
}

/// What differs.
pub fn differences(before: &Stored, after: &Stored) -> Vec<String> {
    assert!(before.len() >= 14, "tables are seen: {:?}", before.keys());
    let differing = after.iter().filter_map(|(table, rows)| {
        let new: Vec<_> = rows.iter().filter(|row| !before[table].contains(row)).collect();
        let gone: Vec<_> = before[table].iter().filter(|row| !rows.contains(row)).collect();
        (new.len() + gone.len() > 0).then(|| format!("{table} changed: {new:#?} instead of {gone:#?}"))
    });
    differing.collect()
}
