//! Health, metrics and documents.

use super::shared::{CommonProblems, CredentialProblem};
use crate::app::Documents;
use crate::problem::{Problem, ProblemBody};
use crate::routes::Routes;
use crate::state::AppState;
use actix_web::http::header::{ETAG, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

/// Whether the server can work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HealthResponse {
    /// `ok` or `failing`.
    #[schema(example = "ok")]
    pub status: String,
    /// The database: `ok`, or what is wrong.
    #[schema(example = "ok")]
    pub database: String,
    /// The event bus: `ok`, or what is wrong.
    #[schema(example = "ok")]
    pub bus: String,
}

/// The process lives
#[utoipa::path(path = "/health/live", tag = "Operations", security(()), responses((status = 200, description = "It lives", body = String, content_type = "text/plain")))]
#[get("/health/live")]
pub async fn health_live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok")
}

/// The server can work: database and bus answer
#[utoipa::path(path = "/health/ready", tag = "Operations", security(()), responses(
    (status = 200, description = "Ready", body = HealthResponse),
    (status = 503, description = "A part fails; it is named", body = HealthResponse),
))]
#[get("/health/ready")]
pub async fn health_ready(state: web::Data<AppState>) -> HttpResponse {
    let database = state.store.check().await.map_err(|error| {
        tracing::warn!(%error, "the database is not ready");
        "does not answer, or its schema is another version's".to_owned()
    });
    let bus = state.bus.check().await;
    let ready = database.is_ok() && bus.is_ok();
    let word = |part: Result<(), String>| part.err().unwrap_or_else(|| "ok".to_owned());
    let status = if ready { "ok" } else { "failing" }.to_owned();
    let body = HealthResponse {
        status,
        database: word(database),
        bus: word(bus),
    };
    if ready {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// The metrics in Prometheus' text format
///
/// Only with `PARLOR_METRICS_TOKEN`, or on a listener of its own; otherwise it is not there.
#[utoipa::path(path = "/metrics", tag = "Operations", security(("staff" = [])), responses(
    (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
    CredentialProblem,
    (status = 404, description = "Metrics are not on", body = ProblemBody, content_type = "application/problem+json"),
))]
#[get("/metrics")]
pub async fn metrics_text(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (Some(wanted), Some(render)) = (&state.settings.metrics_token, &state.metrics) else {
        return Err(Problem::not_found("page"));
    };
    let given = crate::extract::bearer(&request)?.ok_or_else(Problem::unauthenticated)?;
    // Hashes are compared, so that the time tells nothing about the token.
    if parlor_domain::id::KeyHash::of(given.as_bytes()) != parlor_domain::id::KeyHash::of(wanted.as_bytes()) {
        return Err(Problem::unauthenticated());
    }
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(render()))
}

/// This document
#[utoipa::path(path = "/api/openapi.json", tag = "Operations", security(()), responses(
    (status = 200, description = "The OpenAPI document", body = Object, content_type = "application/json"),
    (status = 304, description = "Not changed since the ETag in If-None-Match"),
    CommonProblems,
))]
#[get("/api/openapi.json")]
pub async fn openapi_json(request: HttpRequest) -> HttpResponse {
    cached(&request, &Documents::get().whole)
}

/// The part of this document for one audience
#[utoipa::path(path = "/api/openapi/{audience}", tag = "Operations", security(()), params(("audience" = String, Path, description = "`widget.json`, `agents.json` or `operations.json`")), responses(
    (status = 200, description = "The OpenAPI document", body = Object, content_type = "application/json"),
    (status = 304, description = "Not changed since the ETag in If-None-Match"),
    CommonProblems,
    (status = 404, description = "No such audience", body = ProblemBody, content_type = "application/problem+json"),
))]
#[get("/api/openapi/{audience}")]
pub async fn openapi_of_audience(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let found = Documents::get().parts.iter().find(|(part, _)| name.strip_suffix(".json") == Some(*part));
    found
        .map(|(_, document)| cached(&request, document))
        .ok_or_else(|| Problem::not_found("document"))
}

/// A document that does not change while the process runs.
#[derive(Debug, Clone)]
pub struct CachedDocument {
    body: web::Bytes,
    etag: String,
}

impl CachedDocument {
    /// Takes JSON.
    #[must_use]
    pub fn new(json: String) -> Self {
        let hash = parlor_domain::id::KeyHash::of(json.as_bytes()).0;
        let etag = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
        Self {
            body: web::Bytes::from(json),
            etag: format!("\"{etag}\""),
        }
    }
}

/// Answers with the document, or says that the caller has it.
#[must_use]
pub fn cached(request: &HttpRequest, document: &CachedDocument) -> HttpResponse {
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| {
        known
            .split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == document.etag || tag.trim() == "*")
    }) {
        return HttpResponse::NotModified().insert_header((ETAG, document.etag.as_str())).finish();
    }
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((ETAG, document.etag.as_str()))
        .insert_header(("Cache-Control", "no-cache"))
        .body(document.body.clone())
}

/// The paths of this family.
pub fn routes(config: &mut impl Routes) {
    config
        .add(health_live)
        .add(health_ready)
        .add(metrics_text)
        .add(openapi_json)
        .add(openapi_of_audience);
}
