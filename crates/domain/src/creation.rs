//! Creations that carry an `Idempotency-Key`: for 24 hours the same key from the same caller gives the same answer.

use crate::clock::Timestamp;
use crate::id::KeyHash;
use crate::store::{Repositories, RepositoryError};
use async_trait::async_trait;
use std::time::Duration;

/// How long a key is remembered.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Which creation: the caller's key together with who called and what was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreationKey {
    /// Hash of kind of thing, caller and `Idempotency-Key`.
    pub id: KeyHash,
    /// Hash of the request's content: another content under the same key is a conflict.
    pub content: KeyHash,
}

impl CreationKey {
    /// Joins the parts of the name; each is followed by a byte that no part has.
    #[must_use]
    pub fn new(kind: &str, caller: &str, key: &str, content: &[u8]) -> Self {
        let name = [kind, caller, key].join("\u{0}");
        Self {
            id: KeyHash::of(name.as_bytes()),
            content: KeyHash::of(content),
        }
    }
}

/// A creation as it is remembered.
#[derive(Clone, PartialEq, Eq)]
pub struct Creation {
    /// Which.
    pub key: CreationKey,
    /// The answer, encrypted since it may hold a visitor key.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Remembers a creation in the unit of work that creates. False if the same was asked before: nothing is to be made.
///
/// # Errors
/// What the repository says.
pub(crate) async fn claim(work: &dyn Repositories, creation: &Creation) -> Result<bool, RepositoryError> {
    match work.creations().insert(creation).await {
        Ok(()) => Ok(true),
        Err(RepositoryError::Conflict) => {
            let since = creation.created_at.minus(REMEMBERED_FOR);
            if work.creations().find(creation.key.id, since).await?.is_some() {
                return Ok(false);
            }
            // It is there but too old to count, and was only not swept yet.
            work.creations().delete_before(since).await?;
            match work.creations().insert(creation).await {
                Ok(()) => Ok(true),
                Err(RepositoryError::Conflict) => Ok(false),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Remembers creations, written in the unit of work that creates.
#[async_trait]
pub trait CreationRepository: Send + Sync {
    /// Remembers one. [`RepositoryError::Conflict`] if its id is remembered already.
    async fn insert(&self, creation: &Creation) -> Result<(), RepositoryError>;
    /// The creation with this id, unless it is older than `since`.
    async fn find(&self, id: KeyHash, since: Timestamp) -> Result<Option<Creation>, RepositoryError>;
    /// Forgets what is older than `before`.
    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError>;
}
