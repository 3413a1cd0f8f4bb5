//! Whether the database's schema is this program's, and making it so.

use super::error::failure;
use super::store::{SeaOrmStore, begin, postgres_options};
use parlor_domain::store::RepositoryError;
use parlor_migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};

/// Names the lock that nodes take while they migrate: any number that nobody else uses in this database.
const ADVISORY_LOCK: i64 = 0x7061_726c_6f72;

/// How the database's schema stands to this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// They are the same.
    Current,
    /// Changes are still to be applied.
    Pending,
    /// A newer program has changed it.
    Newer,
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A newer program has changed it. An older one would write what the newer one does not expect.
    #[error("the database belongs to a newer version of Parlor: start that version, or restore a backup from before the upgrade")]
    Newer,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] RepositoryError),
}

/// Compares the schemas. Changes nothing.
///
/// # Errors
/// [`RepositoryError`] if the database does not answer.
pub async fn schema_state(store: &SeaOrmStore) -> Result<SchemaState, RepositoryError> {
    state_of(&store.reader).await
}

/// Brings the schema up to date. Nodes that start together wait for one another.
///
/// # Errors
/// [`SchemaError`]; nothing has changed then.
pub async fn migrate(store: &SeaOrmStore) -> Result<(), SchemaError> {
    let Some(postgres) = &store.postgres else {
        return apply(store).await;
    };
    // A connection of its own: the lock belongs to the session, and ends with it whatever happens to this program.
    let keeper = Database::connect(postgres_options(&postgres.url, 1)).await.map_err(failure)?;
    keeper
        .execute_unprepared(&format!("SELECT pg_advisory_lock({ADVISORY_LOCK})"))
        .await
        .map_err(failure)?;
    let applied = apply(store).await;
    keeper.close().await.map_err(failure)?;
    applied
}

async fn apply(store: &SeaOrmStore) -> Result<(), SchemaError> {
    match state_of(&store.writer).await? {
        SchemaState::Current => return Ok(()),
        SchemaState::Newer => return Err(SchemaError::Newer),
        SchemaState::Pending => {}
    }
    let is_new = parlor_migration::applied(&store.writer).await.map_err(failure)?.is_empty();
    // All pending changes in one transaction: half a schema is never seen, and a fresh file is synced once.
    let transaction = begin(&store.writer).await?;
    Migrator::up(&transaction, None).await.map_err(failure)?;
    transaction.commit().await.map_err(failure)?;
    if !is_new {
        // Statistics of empty tables would mislead the planner, so they are gathered only where rows may be.
        store.writer.execute_unprepared("ANALYZE").await.map_err(failure)?;
    }
    Ok(())
}

async fn state_of(db: &DatabaseConnection) -> Result<SchemaState, RepositoryError> {
    let applied = parlor_migration::applied(db).await.map_err(failure)?;
    let known = parlor_migration::known();
    Ok(if !applied.is_subset(&known) {
        SchemaState::Newer
    } else if applied.len() < known.len() {
        SchemaState::Pending
    } else {
        SchemaState::Current
    })
}
