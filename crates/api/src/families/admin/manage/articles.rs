use crate::extract::{AdminAuth, Body, Fields, PageQuery, PathId, StaffAuth};
use crate::families::admin::form::replaced;
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, ListResponse, NotFoundProblem, QueryProblems, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, delete, get, patch, post, web};
use parlor_domain::article::{Article, ArticleBody, EditArticle, NewArticle, Slug};
use parlor_domain::text::Line;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A help article.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArticleResponse {
    /// Names it.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000a9")]
    id: Uuid,
    /// Where visitors find it: `/help/{slug}`.
    #[schema(example = "refunds")]
    slug: String,
    /// What it is called.
    #[schema(example = "Refunds")]
    title: String,
    /// What it says: Markdown.
    #[schema(example = "Refunds take **three to five days**.")]
    body: String,
    /// Whether visitors and the assistant see it.
    #[schema(example = true)]
    published: bool,
    /// When it was made.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    updated_at: String,
}

impl ArticleResponse {
    fn new(article: &Article) -> Self {
        Self {
            id: article.id.0,
            slug: article.slug.to_string(),
            title: article.title.to_string(),
            body: article.body.as_str().to_owned(),
            published: article.published,
            created_at: article.created_at.to_rfc3339(),
            updated_at: article.updated_at.to_rfc3339(),
        }
    }
}

/// A new article.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateArticleRequest {
    /// What it is called.
    #[schema(example = "Refunds", min_length = 1, max_length = 500)]
    title: String,
    /// What it says: Markdown. HTML in it is shown as text, pictures are not loaded.
    #[schema(example = "Refunds take **three to five days**.", min_length = 1, max_length = 100_000)]
    body: String,
    /// Where visitors find it: `a–z`, `0–9` and `-`, unique in the workspace. Without it the title says so.
    #[serde(default)]
    #[schema(example = "refunds", max_length = 100)]
    slug: Option<String>,
    /// Whether visitors and the assistant see it; true without it.
    #[serde(default)]
    #[schema(example = true)]
    published: Option<bool>,
}

/// What shall be different; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditArticleRequest {
    /// What it is called.
    #[serde(default)]
    #[schema(example = "Refunds", min_length = 1, max_length = 500)]
    title: Option<String>,
    /// What it says: Markdown.
    #[serde(default)]
    #[schema(example = "Refunds take **three to five days**.", min_length = 1, max_length = 100_000)]
    body: Option<String>,
    /// Where visitors find it. The old address leads nowhere then.
    #[serde(default)]
    #[schema(example = "refunds", min_length = 1, max_length = 100)]
    slug: Option<String>,
    /// Whether visitors and the assistant see it.
    #[serde(default)]
    #[schema(example = true)]
    published: Option<bool>,
}

impl CreateArticleRequest {
    fn parse(&self) -> Result<NewArticle, Problem> {
        let mut fields = Fields::new();
        let title = fields.parsed("title", Line::parse(&self.title));
        let body = fields.parsed("body", ArticleBody::parse(&self.body));
        let slug = fields.optional("slug", self.slug.as_deref(), Slug::parse);
        let (title, body) = fields.take(title.zip(body))?;
        Ok(NewArticle {
            slug,
            title,
            body,
            published: self.published.unwrap_or(true),
        })
    }
}

impl EditArticleRequest {
    fn parse(&self) -> Result<EditArticle, Problem> {
        let mut fields = Fields::new();
        let edit = EditArticle {
            slug: replaced(&mut fields, "slug", self.slug.as_deref(), Slug::parse),
            title: replaced(&mut fields, "title", self.title.as_deref(), Line::parse),
            body: replaced(&mut fields, "body", self.body.as_deref(), ArticleBody::parse),
            published: self.published,
        };
        fields.finish()?;
        Ok(edit)
    }
}

/// List articles
///
/// Newest first, drafts included.
#[utoipa::path(path = "/api/admin/articles/", tag = "Articles", security(("staff" = [])), params(PageQuery), responses(
    (status = 200, description = "One page", body = ListResponse<ArticleResponse>),
    CommonProblems, QueryProblems, StaffProblems
))]
#[get("/api/admin/articles")]
pub async fn list_articles(auth: StaffAuth, page: web::Query<PageQuery>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (cursor, limit) = page.parse()?;
    let found = state.articles.list(auth.0.workspace_id, cursor, limit).await?;
    Ok(HttpResponse::Ok().json(ListResponse::new(found.map(|article| ArticleResponse::new(&article)))))
}

/// Create an article
///
/// The assistant answers from it at once, unless it is a draft.
#[utoipa::path(path = "/api/admin/articles/", tag = "Articles", security(("staff" = [])), request_body = CreateArticleRequest, responses(
    (status = 201, description = "Made", body = ArticleResponse),
    CommonProblems, BodyProblems, StaffProblems, ConflictProblem
))]
#[post("/api/admin/articles")]
pub async fn create_article(auth: AdminAuth, body: Body<CreateArticleRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let article = state.articles.create(auth.0.workspace_id, body.0.parse()?).await?;
    Ok(HttpResponse::Created().json(ArticleResponse::new(&article)))
}

/// Get an article
#[utoipa::path(path = "/api/admin/articles/{id}/", tag = "Articles", security(("staff" = [])), params(("id" = Uuid, Path, description = "The article")), responses(
    (status = 200, description = "The article", body = ArticleResponse),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[get("/api/admin/articles/{id}")]
pub async fn get_article(auth: StaffAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let article = state.articles.get(auth.0.workspace_id, PathId::parse(&id, "article")?).await?;
    Ok(HttpResponse::Ok().json(ArticleResponse::new(&article)))
}

/// Change an article
#[utoipa::path(path = "/api/admin/articles/{id}/", tag = "Articles", security(("staff" = [])), params(("id" = Uuid, Path, description = "The article")),
    request_body = EditArticleRequest, responses(
    (status = 200, description = "The article as it is now", body = ArticleResponse),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[patch("/api/admin/articles/{id}")]
pub async fn edit_article(auth: AdminAuth, id: web::Path<String>, body: Body<EditArticleRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "article")?;
    let article = state.articles.edit(auth.0.workspace_id, id, body.0.parse()?).await?;
    Ok(HttpResponse::Ok().json(ArticleResponse::new(&article)))
}

/// Delete an article
///
/// Its address leads nowhere then; answers that rest on it stay as they are.
#[utoipa::path(path = "/api/admin/articles/{id}/", tag = "Articles", security(("staff" = [])), params(("id" = Uuid, Path, description = "The article")), responses(
    (status = 204, description = "Deleted"),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[delete("/api/admin/articles/{id}")]
pub async fn delete_article(auth: AdminAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    state.articles.delete(auth.0.workspace_id, PathId::parse(&id, "article")?).await?;
    Ok(HttpResponse::NoContent().finish())
}
