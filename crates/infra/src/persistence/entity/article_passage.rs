use parlor_domain::article::{Article, Passage};
use sea_orm::Set;
use sea_orm::entity::prelude::*;

/// Of published articles only. The database's own index follows this table by itself.
#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "article_passage")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub workspace_id: Uuid,
    pub article_id: Uuid,
    pub place: i32,
    pub text: String,
    /// Divided by spaces, which no term has in it.
    pub terms: String,
}

impl ActiveModelBehavior for ActiveModel {}

/// The row of a passage of an article; the database numbers it.
pub fn new(article: &Article, passage: &Passage) -> ActiveModel {
    ActiveModel {
        workspace_id: Set(article.workspace_id.0),
        article_id: Set(article.id.0),
        place: Set(passage.place),
        text: Set(passage.text.clone()),
        terms: Set(passage.terms.join(" ")),
        ..Default::default()
    }
}
