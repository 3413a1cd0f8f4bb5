use super::{Article, Passage, Slug};
use crate::id::{ArticleId, WorkspaceId};
use crate::page::{Cursor, Limit, Page};
use crate::store::RepositoryError;
use async_trait::async_trait;

/// How common some words are among the passages of a workspace's published articles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TermCounts {
    /// All passages.
    pub passages: u64,
    /// For each word that was asked for, in that order: in how many passages it is.
    pub with_term: Vec<u64>,
}

/// A passage with the article it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPassage {
    /// The article.
    pub article_id: ArticleId,
    /// Its address.
    pub slug: Slug,
    /// Its title.
    pub title: String,
    /// The passage.
    pub passage: Passage,
}

/// Keeps articles and the index over their passages.
#[async_trait]
pub trait ArticleRepository: Send + Sync {
    /// One of a workspace.
    async fn find(&self, workspace: WorkspaceId, id: ArticleId) -> Result<Option<Article>, RepositoryError>;
    /// One by its address.
    async fn find_by_slug(&self, workspace: WorkspaceId, slug: &Slug) -> Result<Option<Article>, RepositoryError>;
    /// Those of a workspace, newest first by (`created_at`, id).
    async fn list(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Article>, RepositoryError>;
    /// Adds one with its passages. [`RepositoryError::Conflict`]: the address is taken.
    async fn insert(&self, article: &Article, passages: &[Passage]) -> Result<(), RepositoryError>;
    /// Writes one and replaces its passages. [`RepositoryError::Conflict`]: the address is taken.
    async fn update(&self, article: &Article, passages: &[Passage]) -> Result<(), RepositoryError>;
    /// Removes one with its passages. False if there is none.
    async fn delete(&self, workspace: WorkspaceId, id: ArticleId) -> Result<bool, RepositoryError>;
    /// How common some words are in published articles. Words are as [`super::terms_of`] makes them.
    async fn term_counts(&self, workspace: WorkspaceId, terms: &[String]) -> Result<TermCounts, RepositoryError>;
    /// The passages of published articles that have any of the words, the `limit` likeliest by the database's own ranking; order is free.
    async fn passages_with(&self, workspace: WorkspaceId, terms: &[String], limit: usize) -> Result<Vec<FoundPassage>, RepositoryError>;
}
