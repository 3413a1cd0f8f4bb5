use super::search::{Found, rank, terms_of};
use super::{Article, ArticleBody, Slug, passages_of};
use crate::clock::Clock;
use crate::id::{ArticleId, Ids, WorkspaceId};
use crate::page::{Cursor, Limit, Page};
use crate::store::{Repositories, RepositoryError, Store};
use crate::text::Line;
use std::collections::HashSet;
use std::sync::Arc;

/// The most different words of a question that are searched for: further ones seldom change the answer.
const WORDS: usize = 64;
/// How many passages are ranked.
const PASSAGES: usize = 200;

/// Why an article could not be found or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ArticleError {
    /// There is none for this caller.
    #[error("no such article")]
    NotFound,
    /// Another article has this address.
    #[error("another article has this slug")]
    SlugTaken,
    /// Nothing of the title can stand in an address.
    #[error("the title has nothing that can stand in an address: give a slug")]
    SlugMissing,
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// A new article.
#[derive(Debug, Clone)]
pub struct NewArticle {
    /// Where it is found; without it the title says so.
    pub slug: Option<Slug>,
    /// What it is called.
    pub title: Line,
    /// What it says.
    pub body: ArticleBody,
    /// Whether visitors and the assistant see it.
    pub published: bool,
}

/// What shall be different; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct EditArticle {
    /// Where it is found.
    pub slug: Option<Slug>,
    /// What it is called.
    pub title: Option<Line>,
    /// What it says.
    pub body: Option<ArticleBody>,
    /// Whether visitors and the assistant see it.
    pub published: Option<bool>,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// New articles.
    pub created: usize,
    /// Articles that were there and say something else now.
    pub changed: usize,
    /// Articles that were there already as they came.
    pub unchanged: usize,
}

/// Help articles: writing and finding them.
pub struct ArticleService {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl ArticleService {
    /// Makes the service.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store, clock, ids }
    }

    /// One of a workspace.
    ///
    /// # Errors
    /// What [`ArticleError`] says.
    pub async fn get(&self, workspace: WorkspaceId, id: ArticleId) -> Result<Article, ArticleError> {
        let article = self.store.read().await?.articles().find(workspace, id).await?;
        article.ok_or(ArticleError::NotFound)
    }

    /// The published one at an address.
    ///
    /// # Errors
    /// What [`ArticleError`] says.
    pub async fn by_slug(&self, workspace: WorkspaceId, slug: &Slug) -> Result<Article, ArticleError> {
        let article = self.store.read().await?.articles().find_by_slug(workspace, slug).await?;
        article.filter(|article| article.published).ok_or(ArticleError::NotFound)
    }

    /// Those of a workspace, newest first.
    ///
    /// # Errors
    /// What [`ArticleError`] says.
    pub async fn list(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Article>, ArticleError> {
        Ok(self.store.read().await?.articles().list(workspace, after, limit).await?)
    }

    /// Makes one.
    ///
    /// # Errors
    /// What [`ArticleError`] says.
    pub async fn create(&self, workspace: WorkspaceId, new: NewArticle) -> Result<Article, ArticleError> {
        let NewArticle { slug, title, body, published } = new;
        let slug = slug.or_else(|| Slug::from_words(title.as_str())).ok_or(ArticleError::SlugMissing)?;
        let article = self.written(workspace, slug, title, body, published);
        let passages = passages_of(&article);
        let work = self.store.begin().await?;
        work.articles().insert(&article, &passages).await.map_err(taken)?;
        work.commit().await?;
        Ok(article)
    }

    /// Changes one.
    ///
    /// # Errors
    /// What [`ArticleError`] says.
    pub async fn edit(&self, workspace: WorkspaceId, id: ArticleId, edit: EditArticle) -> Result<Article, ArticleError> {
        let work = self.store.begin().await?;
        let mut article = work.articles().find(workspace, id).await?.ok_or(ArticleError::NotFound)?;
        article.slug = edit.slug.unwrap_or(article.slug);
        article.title = edit.title.unwrap_or(article.title);
        article.body = edit.body.unwrap_or(article.body);
        article.published = edit.published.unwrap_or(article.published);
        article.updated_at = self.clock.now();
        work.articles().update(&article, &passages_of(&article)).await.map_err(taken)?;
        work.commit().await?;
        Ok(article)
    }

    /// Removes one.
    ///
    /// # Errors
    /// What [`ArticleError`] says.
    pub async fn delete(&self, workspace: WorkspaceId, id: ArticleId) -> Result<(), ArticleError> {
        let work = self.store.begin().await?;
        if !work.articles().delete(workspace, id).await? {
            return Err(ArticleError::NotFound);
        }
        Ok(work.commit().await?)
    }

    /// Brings the articles at these addresses to what is given, all together. New ones are published; others stay as
    /// visible as they are.
    ///
    /// # Errors
    /// What [`ArticleError`] says; nothing has changed then.
    pub async fn import(&self, workspace: WorkspaceId, articles: Vec<(Slug, Line, ArticleBody)>) -> Result<Imported, ArticleError> {
        let mut imported = Imported::default();
        let work = self.store.begin().await?;
        for (slug, title, body) in articles {
            match work.articles().find_by_slug(workspace, &slug).await? {
                Some(known) if known.title == title && known.body == body => {
                    // An older version may have made other terms of the same text.
                    work.articles().update(&known, &passages_of(&known)).await?;
                    imported.unchanged += 1;
                }
                Some(known) => {
                    let updated_at = self.clock.now();
                    let article = Article {
                        title,
                        body,
                        updated_at,
                        ..known
                    };
                    work.articles().update(&article, &passages_of(&article)).await.map_err(taken)?;
                    imported.changed += 1;
                }
                None => {
                    let article = self.written(workspace, slug, title, body, true);
                    work.articles().insert(&article, &passages_of(&article)).await.map_err(taken)?;
                    imported.created += 1;
                }
            }
        }
        work.commit().await?;
        Ok(imported)
    }

    /// The published articles that may answer a question, best first.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn search(&self, workspace: WorkspaceId, question: &str, limit: usize) -> Result<Vec<Found>, RepositoryError> {
        let terms = distinct(terms_of(question));
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let read: Box<dyn Repositories> = self.store.read().await?;
        let found = read.articles().passages_with(workspace, &terms, PASSAGES).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let counts = read.articles().term_counts(workspace, &terms).await?;
        let mut ranked = rank(&terms, &counts, found);
        ranked.truncate(limit);
        Ok(ranked)
    }

    fn written(&self, workspace: WorkspaceId, slug: Slug, title: Line, body: ArticleBody, published: bool) -> Article {
        let now = self.clock.now();
        Article {
            id: ArticleId(self.ids.ordered()),
            workspace_id: workspace,
            slug,
            title,
            body,
            published,
            created_at: now,
            updated_at: now,
        }
    }
}

/// The only unique value of an article is its address.
fn taken(error: RepositoryError) -> ArticleError {
    match error {
        RepositoryError::Conflict => ArticleError::SlugTaken,
        other => ArticleError::Repository(other),
    }
}

fn distinct(terms: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    terms.into_iter().filter(|term| seen.insert(term.clone())).take(WORDS).collect()
}
