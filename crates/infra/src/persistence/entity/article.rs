use crate::persistence::timestamp::StoredTime;
use parlor_domain::article::{Article, ArticleBody, Slug};
use parlor_domain::id::{ArticleId, WorkspaceId};
use parlor_domain::text::Line;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "article")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub slug: String,
    pub title: String,
    pub body: String,
    pub published: bool,
    pub created_at: StoredTime,
    pub updated_at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Article> for Model {
    fn from(article: &Article) -> Self {
        Self {
            id: article.id.0,
            workspace_id: article.workspace_id.0,
            slug: article.slug.as_str().to_owned(),
            title: article.title.as_str().to_owned(),
            body: article.body.as_str().to_owned(),
            published: article.published,
            created_at: article.created_at.into(),
            updated_at: article.updated_at.into(),
        }
    }
}

impl From<Model> for Article {
    fn from(row: Model) -> Self {
        Self {
            id: ArticleId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            slug: Slug::stored(row.slug),
            title: Line::stored(row.title),
            body: ArticleBody::stored(row.body),
            published: row.published,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        }
    }
}
