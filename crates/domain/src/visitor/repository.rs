use super::Visitor;
use crate::clock::Timestamp;
use crate::id::{KeyHash, VisitorId, WorkspaceId};
use crate::page::{Cursor, Limit, Page};
use crate::store::RepositoryError;
use async_trait::async_trait;

/// Which visitors an agent asks for.
#[derive(Debug, Clone, Default)]
pub struct VisitorFilter {
    /// Part of a name, or of an e-mail address or a phone number from its beginning; upper and lower case are one.
    pub query: Option<String>,
}

/// Keeps visitors and the hashes of their keys. Retired visitors are found by [`Self::find`] only.
#[async_trait]
pub trait VisitorRepository: Send + Sync {
    /// One of a workspace.
    async fn find(&self, workspace: WorkspaceId, id: VisitorId) -> Result<Option<Visitor>, RepositoryError>;
    /// Those of a workspace with these ids, in free order; unknown ids are left out.
    async fn find_many(&self, workspace: WorkspaceId, ids: &[VisitorId]) -> Result<Vec<Visitor>, RepositoryError>;
    /// Like [`Self::find`], and no other unit of work changes it until this one ends.
    async fn find_for_update(&self, workspace: WorkspaceId, id: VisitorId) -> Result<Option<Visitor>, RepositoryError>;
    /// The one that a key proves, whatever its workspace.
    async fn find_by_key(&self, key: KeyHash) -> Result<Option<Visitor>, RepositoryError>;
    /// The one with this verified external id.
    async fn find_by_subject(&self, workspace: WorkspaceId, subject: &str) -> Result<Option<Visitor>, RepositoryError>;
    /// Newest first by `created_at`, then id.
    async fn list(&self, workspace: WorkspaceId, filter: &VisitorFilter, after: Option<Cursor>, limit: Limit) -> Result<Page<Visitor>, RepositoryError>;
    /// Adds one; [`RepositoryError::Conflict`] if its verified external id is taken.
    async fn insert(&self, visitor: &Visitor) -> Result<(), RepositoryError>;
    /// Writes one; [`RepositoryError::Conflict`] if its verified external id is taken.
    async fn update(&self, visitor: &Visitor) -> Result<(), RepositoryError>;
    /// Moves `last_seen_at` forward.
    async fn touch(&self, id: VisitorId, at: Timestamp) -> Result<(), RepositoryError>;
    /// Lets a key prove the visitor.
    async fn insert_key(&self, visitor: VisitorId, key: KeyHash, at: Timestamp) -> Result<(), RepositoryError>;
    /// Takes all keys of a visitor away.
    async fn delete_keys(&self, visitor: VisitorId) -> Result<u64, RepositoryError>;
}
