//! What the database says, in the words of the port.

use parlor_domain::id::KeyHash;
use parlor_domain::store::RepositoryError;
use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr, SqlErr};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whether a unique value is taken.
pub fn is_conflict(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// The port's word for an error of SeaORM.
pub fn failure(error: DbErr) -> RepositoryError {
    if is_conflict(&error) {
        return RepositoryError::Conflict;
    }
    match &error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => RepositoryError::Unavailable(error.to_string()),
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => sqlx_failure(cause),
        _ => RepositoryError::Failed(error.to_string()),
    }
}

/// The port's word for an error of sqlx.
pub fn sqlx_failure(error: &sqlx::Error) -> RepositoryError {
    match error {
        sqlx::Error::Database(refusal) if refusal.is_unique_violation() => RepositoryError::Conflict,
        sqlx::Error::Database(refusal) if refusal.code().is_some_and(|code| passes_by_itself(&code)) => RepositoryError::Unavailable(error.to_string()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => RepositoryError::Unavailable(error.to_string()),
        _ => RepositoryError::Failed(error.to_string()),
    }
}

/// Whether the same statement may succeed later. Neither SeaORM nor sqlx has a word for this, so codes decide.
fn passes_by_itself(code: &str) -> bool {
    // Postgres: connection, transaction rollback, resources, operator, system; a lock not available.
    const CLASSES: [&str; 5] = ["08", "40", "53", "57", "58"];
    if code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        // And a server that has become a read-only replica.
        return CLASSES.iter().any(|class| code.starts_with(class)) || code == "55P03" || code == "25006";
    }
    // SQLite: busy, locked, I/O error, full disk; the low byte is the kind, the rest its detail.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
}

/// A stored value that no program of ours writes.
pub fn unreadable(column: &str) -> RepositoryError {
    RepositoryError::Failed(format!("column {column} has a value that is not known"))
}

/// Reads a stored hash.
pub fn hash(column: &str, bytes: &[u8]) -> Result<KeyHash, RepositoryError> {
    bytes.try_into().map(KeyHash).map_err(|_| unreadable(column))
}

/// Writes a value as JSON.
pub fn to_json<T: Serialize>(value: &T) -> Result<serde_json::Value, RepositoryError> {
    serde_json::to_value(value).map_err(|error| RepositoryError::Failed(error.to_string()))
}

/// Reads a value from JSON.
pub fn from_json<T: DeserializeOwned>(column: &str, value: serde_json::Value) -> Result<T, RepositoryError> {
    serde_json::from_value(value).map_err(|_| unreadable(column))
}

#[cfg(test)]
mod tests {
    use super::passes_by_itself;

    #[test]
    fn codes_tell_what_passes_by_itself() {
        for code in ["08006", "40001", "40P01", "53300", "55P03", "57P01", "25006", "5", "6", "517", "13"] {
            assert!(passes_by_itself(code), "{code}");
        }
        for code in ["22021", "23502", "42P01", "1", "787", "1299", ""] {
            assert!(!passes_by_itself(code), "{code}");
        }
    }
}
