use super::entity::article::{ActiveModel, Column, Entity, Model};
use super::entity::article_passage;
use super::error::failure;
use super::rows::{Direction, insert_new, keyset, locked, rows, update_unique};
use super::store::{Connection, SeaOrmRepositories};
use async_trait::async_trait;
use parlor_domain::article::{Article, ArticleRepository, FoundPassage, Passage, Slug, TermCounts};
use parlor_domain::id::{ArticleId, WorkspaceId};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::store::RepositoryError;
use sea_orm::prelude::Uuid;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbBackend, EntityTrait, FromQueryResult, IntoActiveModel, PaginatorTrait, QueryFilter, QuerySelect, Select, Statement,
};

/// Passages in one statement.
const SOME: usize = 100;

fn of(workspace: WorkspaceId) -> Select<Entity> {
    Entity::find().filter(Column::WorkspaceId.eq(workspace.0))
}

/// What the database's index is asked for: the passages of a workspace with any of the words. Words are letters and
/// digits only, so that none can be taken for syntax.
fn any_of(backend: DbBackend, workspace: WorkspaceId, terms: &[String]) -> String {
    let any = |quote: &str, or: &str| terms.iter().map(|term| format!("{quote}{term}{quote}")).collect::<Vec<_>>().join(or);
    match backend {
        DbBackend::Sqlite => format!("workspace : {} AND terms : ({})", workspace.0.simple(), any("\"", " OR ")),
        _ => any("'", " | "),
    }
}

#[derive(FromQueryResult)]
struct FoundRow {
    article_id: Uuid,
    slug: String,
    title: String,
    place: i32,
    text: String,
    terms: String,
}

impl From<FoundRow> for FoundPassage {
    fn from(row: FoundRow) -> Self {
        Self {
            article_id: ArticleId(row.article_id),
            slug: Slug::stored(row.slug),
            title: row.title,
            passage: Passage {
                place: row.place,
                text: row.text,
                terms: row.terms.split_whitespace().map(str::to_owned).collect(),
            },
        }
    }
}

/// Finds the likeliest passages with any of the words.
pub(super) fn likeliest(backend: DbBackend, workspace: WorkspaceId, terms: &[String], limit: usize) -> Statement {
    let query = any_of(backend, workspace, terms);
    let limit = rows(limit).cast_signed();
    match backend {
        DbBackend::Sqlite => Statement::from_sql_and_values(
            backend,
            "SELECT p.article_id, a.slug, a.title, p.place, p.text, p.terms \
             FROM (SELECT rowid AS id FROM article_index WHERE article_index MATCH $1 ORDER BY bm25(article_index, 0.0, 1.0) LIMIT $2) AS likely \
             CROSS JOIN article_passage AS p ON p.id = likely.id \
             CROSS JOIN article AS a ON a.id = p.article_id",
            [query.into(), limit.into()],
        ),
        _ => Statement::from_sql_and_values(
            backend,
            "SELECT p.article_id, a.slug, a.title, p.place, p.text, p.terms \
             FROM article_passage AS p JOIN article AS a ON a.id = p.article_id \
             WHERE p.workspace_id = $1 AND p.lexemes @@ $2::text::tsquery \
             ORDER BY ts_rank(p.lexemes, $2::text::tsquery) DESC LIMIT $3",
            [workspace.0.into(), query.into(), limit.into()],
        ),
    }
}

/// Counts the passages with each of the words. All words in one value: a statement for each number of them would be a
/// text of its own to prepare.
pub(super) fn counts(backend: DbBackend, workspace: WorkspaceId, terms: &[String]) -> Statement {
    let queries: Vec<String> = terms.iter().map(|term| any_of(backend, workspace, std::slice::from_ref(term))).collect();
    let queries = serde_json::Value::from(queries).to_string();
    match backend {
        DbBackend::Sqlite => Statement::from_sql_and_values(
            backend,
            "SELECT (SELECT count(*) FROM article_index WHERE article_index MATCH query.value) AS passages \
             FROM json_each($1) AS query ORDER BY query.key",
            [queries.into()],
        ),
        _ => Statement::from_sql_and_values(
            backend,
            "SELECT (SELECT count(*) FROM article_passage WHERE workspace_id = $1 AND lexemes @@ query.value::tsquery) AS passages \
             FROM jsonb_array_elements_text($2::text::jsonb) WITH ORDINALITY AS query (value, place) ORDER BY query.place",
            [workspace.0.into(), queries.into()],
        ),
    }
}

fn number(count: i64) -> u64 {
    count.cast_unsigned()
}

impl<C: Connection> SeaOrmRepositories<C> {
    async fn insert_passages(&self, article: &Article, passages: &[Passage]) -> Result<(), RepositoryError> {
        // Nobody looks for what is not published.
        let passages = if article.published { passages } else { &[] };
        for some in passages.chunks(SOME) {
            let rows = some.iter().map(|passage| article_passage::new(article, passage));
            article_passage::Entity::insert_many(rows)
                .exec_without_returning(&self.db)
                .await
                .map_err(failure)?;
        }
        Ok(())
    }

    async fn delete_passages(&self, workspace: WorkspaceId, article: ArticleId) -> Result<(), RepositoryError> {
        use article_passage::{Column, Entity};
        let theirs = Entity::delete_many()
            .filter(Column::WorkspaceId.eq(workspace.0))
            .filter(Column::ArticleId.eq(article.0));
        theirs.exec(&self.db).await.map(drop).map_err(failure)
    }
}

#[async_trait]
impl<C: Connection> ArticleRepository for SeaOrmRepositories<C> {
    async fn find(&self, workspace: WorkspaceId, id: ArticleId) -> Result<Option<Article>, RepositoryError> {
        let found = of(workspace).filter(Column::Id.eq(id.0)).one(&self.db).await.map_err(failure)?;
        Ok(found.map(Into::into))
    }

    async fn find_by_slug(&self, workspace: WorkspaceId, slug: &Slug) -> Result<Option<Article>, RepositoryError> {
        let found = of(workspace).filter(Column::Slug.eq(slug.as_str())).one(&self.db).await.map_err(failure)?;
        Ok(found.map(Into::into))
    }

    async fn list(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Article>, RepositoryError> {
        let select = keyset(of(workspace), (Column::CreatedAt, Column::Id), Direction::Falling, after).limit(rows(limit.get() + 1));
        let found = select.all(&self.db).await.map_err(failure)?.into_iter().map(Article::from).collect();
        Ok(Page::from_rows(found, limit, |article: &Article| Cursor {
            value: article.created_at.millis(),
            id: article.id.0,
        }))
    }

    async fn insert(&self, article: &Article, passages: &[Passage]) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::from(article)).await?;
        self.insert_passages(article, passages).await
    }

    async fn update(&self, article: &Article, passages: &[Passage]) -> Result<(), RepositoryError> {
        let row = Model::from(article).into_active_model().reset_all();
        let one = Entity::update_many()
            .set(row)
            .filter(Column::WorkspaceId.eq(article.workspace_id.0))
            .filter(Column::Id.eq(article.id.0));
        // The row first: who changes the same article meanwhile waits for it, and then finds these passages.
        if update_unique(&self.db, one).await? == 0 {
            return Ok(());
        }
        self.delete_passages(article.workspace_id, article.id).await?;
        self.insert_passages(article, passages).await
    }

    async fn delete(&self, workspace: WorkspaceId, id: ArticleId) -> Result<bool, RepositoryError> {
        // Kept first: who changes it meanwhile would add passages to nothing.
        let kept = locked(of(workspace).filter(Column::Id.eq(id.0)));
        if kept.one(&self.db).await.map_err(failure)?.is_none() {
            return Ok(false);
        }
        self.delete_passages(workspace, id).await?;
        let gone = Entity::delete_many().filter(Column::WorkspaceId.eq(workspace.0)).filter(Column::Id.eq(id.0));
        gone.exec(&self.db).await.map(|done| done.rows_affected == 1).map_err(failure)
    }

    async fn term_counts(&self, workspace: WorkspaceId, terms: &[String]) -> Result<TermCounts, RepositoryError> {
        let all = article_passage::Entity::find().filter(article_passage::Column::WorkspaceId.eq(workspace.0));
        let counts = counts(self.db.get_database_backend(), workspace, terms);
        let with_term = self.db.query_all_raw(counts).await.map_err(failure)?;
        Ok(TermCounts {
            passages: all.count(&self.db).await.map_err(failure)?,
            with_term: with_term
                .iter()
                .map(|row| row.try_get("", "passages").map(number))
                .collect::<Result<_, _>>()
                .map_err(failure)?,
        })
    }

    async fn passages_with(&self, workspace: WorkspaceId, terms: &[String], limit: usize) -> Result<Vec<FoundPassage>, RepositoryError> {
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let likeliest = likeliest(self.db.get_database_backend(), workspace, terms, limit);
        let found = FoundRow::find_by_statement(likeliest).all(&self.db).await.map_err(failure)?;
        Ok(found.into_iter().map(Into::into).collect())
    }
}
