//! Opening the database, for the server and for the short commands beside it.

use crate::config::{Database, Settings};
use crate::lock::DataLock;
use anyhow::{Context, bail};
use parlor_infra::persistence::{SchemaState, SeaOrmStore, migrate, open_postgres, open_sqlite, schema_state};
use parlor_infra::security::ServerSecret;
use std::path::Path;
use std::sync::Arc;

/// Connections to Postgres: the lanes keep one each, the rest serves reads and units of work.
const POSTGRES_CONNECTIONS: u32 = 20;

/// An open database of our schema, and what proves that this process may use it so.
pub struct Storage {
    /// The database.
    pub store: Arc<SeaOrmStore>,
    /// What signing and encryption keys come from.
    pub secret: ServerSecret,
    /// On SQLite, while it serves: nobody else does.
    pub lock: Option<DataLock>,
}

/// Opens the database for serving: alone on SQLite, migrated.
///
/// # Errors
/// Another server runs on it, it cannot be opened, or it is of a newer version.
pub async fn open_to_serve(settings: &Settings) -> anyhow::Result<Storage> {
    make_private_folder(&settings.data_dir)?;
    let lock = match &settings.database {
        Database::Sqlite(_) => Some(DataLock::take(&settings.data_dir)?),
        Database::Postgres(_) => None,
    };
    let store = open(settings).await?;
    migrate(&store).await?;
    Ok(Storage {
        store: Arc::new(store),
        secret: secret(settings)?,
        lock,
    })
}

/// Opens the database for a short command, which runs beside a server. A new folder is made ready first.
///
/// # Errors
/// It cannot be opened, or it is of another version.
pub async fn open_beside(settings: &Settings) -> anyhow::Result<Storage> {
    if let Database::Sqlite(path) = &settings.database
        && !path.exists()
    {
        let Storage { store, secret, lock } = open_to_serve(settings).await?;
        drop(lock);
        return Ok(Storage { store, secret, lock: None });
    }
    let store = open(settings).await?;
    match schema_state(&store).await? {
        SchemaState::Current => {}
        SchemaState::Pending => bail!("the database is of an older version: start the server once, or run `parlor migrate`"),
        SchemaState::Newer => bail!("the database is of a newer version of Parlor: use that version"),
    }
    Ok(Storage {
        store: Arc::new(store),
        secret: secret(settings)?,
        lock: None,
    })
}

async fn open(settings: &Settings) -> anyhow::Result<SeaOrmStore> {
    match &settings.database {
        Database::Sqlite(path) => open_sqlite(path).await.with_context(|| format!("cannot open the database {}", path.display())),
        Database::Postgres(url) => open_postgres(url.expose(), POSTGRES_CONNECTIONS)
            .await
            .context("cannot reach the database; check PARLOR_DATABASE_URL, and that the server runs and takes connections"),
    }
}

fn secret(settings: &Settings) -> anyhow::Result<ServerSecret> {
    match &settings.secret_key {
        Some(secret) => Ok(secret.clone()),
        None => Ok(ServerSecret::load_or_create(&settings.secret_file())?),
    }
}

/// The folder holds the secret and everybody's messages: only the owner may look in.
fn make_private_folder(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("cannot make the data folder {}", path.display()))
}
