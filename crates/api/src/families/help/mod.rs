//! `/help/{slug}`: a help article as a page, where the assistant's sources lead.

mod markdown;

use super::html::escape;
use crate::extract::channel_for;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, get, web};
use markdown::render;
use parlor_domain::article::{Article, ArticleError, Slug};
use parlor_domain::id::ChannelId;
use serde::Deserialize;

/// Nothing but our own style sheet, in a window of its own.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Deserialize)]
struct Query {
    channel: Option<String>,
}

/// The pages of this family. They are no part of the API, so no part of its document.
pub fn pages(config: &mut web::ServiceConfig) {
    config.service(show_article);
}

#[get("/help/{slug}")]
async fn show_article(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    match find(&request, &state).await {
        Ok(article) => {
            let channel = web::Query::<Query>::from_query(request.query_string())
                .ok()
                .and_then(|query| query.into_inner().channel);
            page(
                StatusCode::OK,
                article.title.as_str(),
                &content(&article, channel.and_then(|id| id.parse().ok())),
            )
        }
        Err(problem) if problem.code == Code::NotFound => page(
            StatusCode::NOT_FOUND,
            "There is no such article",
            "<p>It may have been renamed or taken away. Check the address, or go back and ask in the chat: somebody will help you.</p>",
        ),
        Err(problem) => {
            let detail = "<p>The article cannot be shown right now. Load the page again in a moment.</p>";
            let mut response = page(problem.code.status(), "Please try again", detail);
            if let Some(seconds) = problem.retry_after {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            response
        }
    }
}

async fn find(request: &HttpRequest, state: &AppState) -> Result<Article, Problem> {
    // What is no slug names nothing, so it is answered like an unknown one.
    let slug = Slug::parse(request.match_info().query("slug")).map_err(|_| ArticleError::NotFound)?;
    let channel = channel_for(request, state, None).await?;
    Ok(state.articles.by_slug(channel.workspace_id, &slug).await?)
}

fn content(article: &Article, channel: Option<ChannelId>) -> String {
    let changed = article.updated_at.to_rfc3339();
    let day = changed.split('T').next().unwrap_or_default();
    format!(
        "{}<footer>Last changed on <time datetime=\"{day}\">{day}</time></footer>",
        render(article.body.as_str(), channel)
    )
}

/// A page. It follows each change of its article at once.
fn page(status: StatusCode, title: &str, content: &str) -> HttpResponse {
    let title = escape(title);
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title} – Help</title><link rel=\"stylesheet\" href=\"/assets/shared/pages.css\"></head>\
             <body class=\"article\"><main><p class=\"kicker\">Help</p><h1>{title}</h1>{content}</main></body></html>"
        ))
}
