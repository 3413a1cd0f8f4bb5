//! The schema, one change per file, the same files for SQLite and Postgres.
//!
//! Tables are built with SeaQuery, which knows the types of both. Partial indexes are written as SQL that both understand.
//! Only the index over help articles branches.
//! Times are `BIGINT` Unix milliseconds; ids are `uuid` on Postgres and 16-byte blobs on SQLite.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseConnection;
use std::collections::HashSet;

mod m20260101_000001_create_workspaces;
mod m20260101_000002_create_channels;
mod m20260101_000003_create_agents;
mod m20260101_000004_create_logins;
mod m20260101_000005_create_invitations;
mod m20260101_000006_create_api_keys;
mod m20260101_000007_create_visitors;
mod m20260101_000008_create_conversations;
mod m20260101_000009_create_messages;
mod m20260101_000010_create_agent_marks;
mod m20260101_000011_create_sessions;
mod m20260101_000012_create_tickets;
mod m20260101_000013_create_creations;
mod m20260101_000014_create_audit_log;
mod m20260101_000015_create_articles;
mod m20260101_000016_create_jobs;
mod m20260101_000017_add_assistant;
mod m20260101_000018_add_marketplace;
mod m20260101_000019_add_unclaimed;
mod m20260101_000020_create_attachments;
mod m20260101_000021_add_whatsapp;
mod m20260101_000022_create_contacts;
mod m20260101_000023_create_deliveries;
mod m20260101_000024_create_early_notices;
mod m20260101_000025_add_job_payload;

/// All changes in their order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20260101_000001_create_workspaces::Migration),
            Box::new(m20260101_000002_create_channels::Migration),
            Box::new(m20260101_000003_create_agents::Migration),
            Box::new(m20260101_000004_create_logins::Migration),
            Box::new(m20260101_000005_create_invitations::Migration),
            Box::new(m20260101_000006_create_api_keys::Migration),
            Box::new(m20260101_000007_create_visitors::Migration),
            Box::new(m20260101_000008_create_conversations::Migration),
            Box::new(m20260101_000009_create_messages::Migration),
            Box::new(m20260101_000010_create_agent_marks::Migration),
            Box::new(m20260101_000011_create_sessions::Migration),
            Box::new(m20260101_000012_create_tickets::Migration),
            Box::new(m20260101_000013_create_creations::Migration),
            Box::new(m20260101_000014_create_audit_log::Migration),
            Box::new(m20260101_000015_create_articles::Migration),
            Box::new(m20260101_000016_create_jobs::Migration),
            Box::new(m20260101_000017_add_assistant::Migration),
            Box::new(m20260101_000018_add_marketplace::Migration),
            Box::new(m20260101_000019_add_unclaimed::Migration),
            Box::new(m20260101_000020_create_attachments::Migration),
            Box::new(m20260101_000021_add_whatsapp::Migration),
            Box::new(m20260101_000022_create_contacts::Migration),
            Box::new(m20260101_000023_create_deliveries::Migration),
            Box::new(m20260101_000024_create_early_notices::Migration),
            Box::new(m20260101_000025_add_job_payload::Migration),
        ]
    }
}

/// The names of all changes that this program knows.
#[must_use]
pub fn known() -> HashSet<String> {
    Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

/// The names of the changes that a database has had, unknown ones included: SeaORM itself refuses to list those.
///
/// # Errors
/// What the database says.
pub async fn applied(db: &DatabaseConnection) -> Result<HashSet<String>, DbErr> {
    const TABLE: &str = "seaql_migrations";
    if !SchemaManager::new(db).has_table(TABLE).await? {
        return Ok(HashSet::new());
    }
    let names = Query::select().column("version").from(TABLE).take();
    db.query_all(&names).await?.iter().map(|row| row.try_get("", "version")).collect()
}

/// Runs statements that both databases understand.
async fn execute_all(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
