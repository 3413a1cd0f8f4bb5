use super::commit::PostgresLanes;
use super::error::failure;
use async_trait::async_trait;
use parlor_domain::agent::{AgentRepository, ApiKeyRepository, InvitationRepository, LoginRepository};
use parlor_domain::article::ArticleRepository;
use parlor_domain::attachment::AttachmentRepository;
use parlor_domain::audit::AuditRepository;
use parlor_domain::channel::ChannelRepository;
use parlor_domain::conversation::{AgentMarkRepository, ConversationRepository};
use parlor_domain::creation::CreationRepository;
use parlor_domain::job::JobRepository;
use parlor_domain::message::MessageRepository;
use parlor_domain::realtime::TicketRepository;
use parlor_domain::session::SessionRepository;
use parlor_domain::store::{Repositories, RepositoryError, Store, UnitOfWork};
use parlor_domain::visitor::VisitorRepository;
use parlor_domain::whatsapp::{ContactRepository, DeliveryRepository};
use parlor_domain::workspace::WorkspaceRepository;
use sea_orm::sqlx::Connection as _;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use std::path::Path;
use std::time::Duration;

/// How long a call waits for a connection, or on SQLite for another process, before it is answered as busy.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections on SQLite that only read; WAL lets them do so beside the writer.
const SQLITE_READERS: u32 = 4;
/// Texts that each connection keeps prepared: multi-row inserts have one for each number of rows.
const PREPARED: usize = 300;
/// Pages that the write-ahead log may have before a commit must tidy it up; [`SeaOrmStore::tend`] does so aside.
const WAL_PAGES: &str = "20000";

/// What a repository needs of a connection or a transaction.
pub trait Connection: ConnectionTrait + TransactionTrait<Transaction = DatabaseTransaction> + Send + Sync + 'static {}

impl<C: ConnectionTrait + TransactionTrait<Transaction = DatabaseTransaction> + Send + Sync + 'static> Connection for C {}

/// The repositories over one connection: the pool for reading, a transaction for a unit of work.
pub struct SeaOrmRepositories<C> {
    pub(super) db: C,
}

/// An open database.
pub struct SeaOrmStore {
    /// For reading. On Postgres the writer is the same pool.
    pub(super) reader: DatabaseConnection,
    /// For writing. On SQLite one connection: writers queue here and not in the file's lock.
    pub(super) writer: DatabaseConnection,
    pub(super) postgres: Option<Postgres>,
}

/// What only Postgres needs.
pub(super) struct Postgres {
    pub(super) url: String,
    pub(super) lanes: PostgresLanes,
}

/// Opens a SQLite file, which is made if it is not there.
///
/// # Errors
/// [`RepositoryError`] if the file cannot be opened or is not a database.
pub async fn open_sqlite(path: &Path) -> Result<SeaOrmStore, RepositoryError> {
    // The writer first: it makes the file and switches it to WAL.
    let writer = Database::connect(sqlite_options(path, 1)).await.map_err(failure)?;
    let reader = Database::connect(sqlite_options(path, SQLITE_READERS)).await.map_err(failure)?;
    Ok(SeaOrmStore {
        reader,
        writer,
        postgres: None,
    })
}

fn sqlite_options(path: &Path, connections: u32) -> ConnectOptions {
    let path = path.to_owned();
    // The URL only chooses the driver: a path may have characters that a URL has not.
    let mut options = ConnectOptions::new("sqlite://parlor.db");
    options
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    options.acquire_timeout(PATIENCE).sqlx_logging(false).record_stmt_in_spans(false);
    // A commit that fails (a full disk) is rolled back by SQLite itself, but the driver goes on counting a transaction: every
    // later one would be a savepoint in one that nobody ends, and what it acknowledged would be lost with the process.
    options.map_sqlx_sqlite_before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }));
    options.map_sqlx_sqlite_opts(move |options| {
        options
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .statement_cache_capacity(PREPARED)
            .pragma("wal_autocheckpoint", WAL_PAGES)
    });
    options
}

/// Opens a Postgres database with at most so many connections (at least 4: the writer's lanes keep some for themselves).
///
/// # Errors
/// [`RepositoryError`] if it cannot be reached.
pub async fn open_postgres(url: &str, connections: u32) -> Result<SeaOrmStore, RepositoryError> {
    let connections = connections.max(4);
    let db = Database::connect(postgres_options(url, connections)).await.map_err(failure)?;
    let lanes = PostgresLanes::new(db.get_postgres_connection_pool().clone(), connections / 2);
    Ok(SeaOrmStore {
        reader: db.clone(),
        writer: db,
        postgres: Some(Postgres { url: url.to_owned(), lanes }),
    })
}

pub(super) fn postgres_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(connections).acquire_timeout(PATIENCE).connect_timeout(PATIENCE);
    // A ping before each use would double the round trips; only what rested is asked.
    options.test_before_acquire_if_idle_for(Duration::from_secs(30));
    options.set_application_name("parlor").sqlx_logging(false).record_stmt_in_spans(false);
    options.map_sqlx_postgres_opts(|options| options.statement_cache_capacity(PREPARED));
    options
}

impl SeaOrmStore {
    /// Whether it is SQLite.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Sqlite
    }

    /// Does what the database wants done from time to time, so that no request has to wait for it. Call it every few seconds.
    ///
    /// # Errors
    /// [`RepositoryError`] if the database does not answer; nothing is lost by trying again later.
    pub async fn tend(&self) -> Result<(), RepositoryError> {
        if self.is_sqlite() {
            // From a reader: a passive checkpoint blocks neither it nor the writer.
            self.reader.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await.map_err(failure)?;
        }
        Ok(())
    }

    /// Closes all connections, after the calls that run.
    ///
    /// # Errors
    /// [`RepositoryError`] if closing fails.
    pub async fn close(&self) -> Result<(), RepositoryError> {
        if let Some(postgres) = &self.postgres {
            postgres.lanes.release();
        }
        self.reader.close_by_ref().await.map_err(failure)?;
        self.writer.close_by_ref().await.map_err(failure)
    }

    pub(super) fn reading(&self) -> SeaOrmRepositories<DatabaseConnection> {
        SeaOrmRepositories { db: self.reader.clone() }
    }
}

/// Begins a transaction; on SQLite as the only writer from its start, so that it cannot fail half-way as locked.
pub(super) async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, RepositoryError> {
    let mode = (db.get_database_backend() == DbBackend::Sqlite).then_some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions {
        sqlite_transaction_mode: mode,
        ..TransactionOptions::default()
    };
    db.begin_with_options(options).await.map_err(failure)
}

#[async_trait]
impl Store for SeaOrmStore {
    async fn read(&self) -> Result<Box<dyn Repositories>, RepositoryError> {
        Ok(Box::new(self.reading()))
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, RepositoryError> {
        Ok(Box::new(SeaOrmRepositories {
            db: begin(&self.writer).await?,
        }))
    }

    async fn check(&self) -> Result<(), RepositoryError> {
        // The schema was compared at the start, and nobody changes it under a running server but a newer one, which only adds.
        self.reader.execute_unprepared("SELECT 1").await.map(drop).map_err(failure)
    }
}

impl<C: Connection> Repositories for SeaOrmRepositories<C> {
    fn workspaces(&self) -> &dyn WorkspaceRepository {
        self
    }

    fn channels(&self) -> &dyn ChannelRepository {
        self
    }

    fn visitors(&self) -> &dyn VisitorRepository {
        self
    }

    fn sessions(&self) -> &dyn SessionRepository {
        self
    }

    fn conversations(&self) -> &dyn ConversationRepository {
        self
    }

    fn messages(&self) -> &dyn MessageRepository {
        self
    }

    fn agent_marks(&self) -> &dyn AgentMarkRepository {
        self
    }

    fn agents(&self) -> &dyn AgentRepository {
        self
    }

    fn logins(&self) -> &dyn LoginRepository {
        self
    }

    fn invitations(&self) -> &dyn InvitationRepository {
        self
    }

    fn api_keys(&self) -> &dyn ApiKeyRepository {
        self
    }

    fn tickets(&self) -> &dyn TicketRepository {
        self
    }

    fn creations(&self) -> &dyn CreationRepository {
        self
    }

    fn audit(&self) -> &dyn AuditRepository {
        self
    }

    fn articles(&self) -> &dyn ArticleRepository {
        self
    }

    fn attachments(&self) -> &dyn AttachmentRepository {
        self
    }

    fn contacts(&self) -> &dyn ContactRepository {
        self
    }

    fn deliveries(&self) -> &dyn DeliveryRepository {
        self
    }

    fn jobs(&self) -> &dyn JobRepository {
        self
    }
}

#[async_trait]
impl UnitOfWork for SeaOrmRepositories<DatabaseTransaction> {
    async fn commit(self: Box<Self>) -> Result<(), RepositoryError> {
        self.db.commit().await.map_err(failure)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::persistence::migrate;
    use parlor_domain::clock::Timestamp;
    use parlor_domain::id::WorkspaceId;
    use parlor_domain::text::Name;
    use parlor_domain::workspace::Workspace;
    use sea_orm::prelude::Uuid;

    fn workspace(number: u128, name: &str) -> Workspace {
        let at = Timestamp(1);
        Workspace {
            id: WorkspaceId(Uuid::from_u128(number)),
            name: Name::stored(name.to_owned()),
            created_at: at,
            updated_at: at,
        }
    }

    /// A full disk makes SQLite roll back by itself and the `COMMIT` fail. The same state without a full disk: the
    /// transaction is gone underneath the driver, which counts it still.
    #[tokio::test]
    async fn what_is_acknowledged_after_a_failed_commit_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parlor.db");
        let store = open_sqlite(&path).await.unwrap();
        migrate(&store).await.unwrap();
        let broken = begin(&store.writer).await.unwrap();
        broken.execute_unprepared("ROLLBACK").await.unwrap();
        assert!(broken.commit().await.is_err());

        for (number, name, kept) in [(1, "one", true), (2, "two", false), (3, "three", true)] {
            let work = Store::begin(&store).await.unwrap();
            work.workspaces().insert(&workspace(number, name)).await.unwrap();
            if kept {
                work.commit().await.unwrap();
            }
        }
        assert_eq!(names(&store).await, ["one", "three"], "what was acknowledged is seen");
        // As after a kill: nothing is closed in good order.
        std::mem::forget(store);
        let again = open_sqlite(&path).await.unwrap();
        assert_eq!(names(&again).await, ["one", "three"], "and is there after a restart");
    }

    async fn names(store: &SeaOrmStore) -> Vec<String> {
        let all = store.read().await.unwrap().workspaces().list().await.unwrap();
        all.into_iter().map(|workspace| workspace.name.into_string()).collect()
    }
}
