//! Help articles and the index over their passages.

use super::View;
use super::state::{Direction, State, insert_new, page_of, refuse_if};
use async_trait::async_trait;
use parlor_domain::article::{Article, ArticleRepository, FoundPassage, Passage, Slug, TermCounts};
use parlor_domain::id::{ArticleId, WorkspaceId};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::store::RepositoryError;
use std::cmp::Reverse;

fn refuse_taken_slug(state: &State, article: &Article) -> Result<(), RepositoryError> {
    let same = |other: &Article| other.id != article.id && other.workspace_id == article.workspace_id && other.slug == article.slug;
    refuse_if(state.articles.values().any(same))
}

/// Replaces the passages; nobody looks for those of an article that is not published.
fn index(state: &mut State, article: &Article, passages: &[Passage]) {
    if article.published {
        state.passages.insert(article.id, passages.to_vec());
    } else {
        state.passages.remove(&article.id);
    }
}

fn passages_of(state: &State, workspace: WorkspaceId) -> impl Iterator<Item = (&Article, &Passage)> {
    let articles = state.articles.values().filter(move |article| article.workspace_id == workspace);
    articles.flat_map(|article| state.passages.get(&article.id).into_iter().flatten().map(move |passage| (article, passage)))
}

#[async_trait]
impl ArticleRepository for View {
    async fn find(&self, workspace: WorkspaceId, id: ArticleId) -> Result<Option<Article>, RepositoryError> {
        Ok(self.look(|state| state.articles.get(&id).filter(|article| article.workspace_id == workspace).cloned()))
    }

    async fn find_by_slug(&self, workspace: WorkspaceId, slug: &Slug) -> Result<Option<Article>, RepositoryError> {
        let is_it = |article: &&Article| article.workspace_id == workspace && article.slug == *slug;
        Ok(self.look(|state| state.articles.values().find(is_it).cloned()))
    }

    async fn list(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Article>, RepositoryError> {
        let is_listed = |article: &&Article| article.workspace_id == workspace;
        let articles = self.look(|state| state.articles.values().filter(is_listed).cloned().collect());
        Ok(page_of(articles, Direction::Falling, after, limit, |article: &Article| Cursor {
            value: article.created_at.millis(),
            id: article.id.0,
        }))
    }

    async fn insert(&self, article: &Article, passages: &[Passage]) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_taken_slug(state, article)?;
            insert_new(&mut state.articles, article.id, article.clone())?;
            index(state, article, passages);
            Ok(())
        })
        .await
    }

    async fn update(&self, article: &Article, passages: &[Passage]) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_taken_slug(state, article)?;
            let known = state.articles.get_mut(&article.id).filter(|known| known.workspace_id == article.workspace_id);
            if let Some(known) = known {
                known.clone_from(article);
                index(state, article, passages);
            }
            Ok(())
        })
        .await
    }

    async fn delete(&self, workspace: WorkspaceId, id: ArticleId) -> Result<bool, RepositoryError> {
        Ok(self
            .change(|state| {
                let is_there = state.articles.get(&id).is_some_and(|article| article.workspace_id == workspace);
                if is_there {
                    state.articles.remove(&id);
                    state.passages.remove(&id);
                }
                is_there
            })
            .await)
    }

    async fn term_counts(&self, workspace: WorkspaceId, terms: &[String]) -> Result<TermCounts, RepositoryError> {
        Ok(self.look(|state| {
            let with = |term| passages_of(state, workspace).filter(|(_, passage)| passage.terms.contains(term)).count() as u64;
            TermCounts {
                passages: passages_of(state, workspace).count() as u64,
                with_term: terms.iter().map(with).collect(),
            }
        }))
    }

    async fn passages_with(&self, workspace: WorkspaceId, terms: &[String], limit: usize) -> Result<Vec<FoundPassage>, RepositoryError> {
        let had = |passage: &Passage| terms.iter().filter(|term| passage.terms.contains(term)).count();
        Ok(self.look(|state| {
            let mut found: Vec<(&Article, &Passage)> = passages_of(state, workspace).filter(|(_, passage)| had(passage) > 0).collect();
            found.sort_by_key(|(_, passage)| Reverse(had(passage)));
            let likeliest = found.into_iter().take(limit).map(|(article, passage)| FoundPassage {
                article_id: article.id,
                slug: article.slug.clone(),
                title: article.title.to_string(),
                passage: passage.clone(),
            });
            likeliest.collect()
        }))
    }
}
