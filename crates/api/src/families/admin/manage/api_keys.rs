use crate::extract::{Body, Fields, OwnerAuth, PathId};
use crate::families::shared::{BodyProblems, CommonProblems, ListResponse, NotFoundProblem, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, delete, get, post, web};
use parlor_domain::agent::{AgentError, ApiKey, ApiScope};
use parlor_domain::page::Page;
use parlor_domain::text::Name;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a machine may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScopeWord {
    /// The reads of an agent.
    Read,
    /// The reads and writes of an agent.
    Write,
    /// What an admin may do.
    Admin,
}

impl From<ApiScope> for ScopeWord {
    fn from(scope: ApiScope) -> Self {
        match scope {
            ApiScope::Read => Self::Read,
            ApiScope::Write => Self::Write,
            ApiScope::Admin => Self::Admin,
        }
    }
}

impl From<ScopeWord> for ApiScope {
    fn from(word: ScopeWord) -> Self {
        match word {
            ScopeWord::Read => Self::Read,
            ScopeWord::Write => Self::Write,
            ScopeWord::Admin => Self::Admin,
        }
    }
}

/// The key of a machine, without its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApiKeyResponse {
    /// Names it; messages of the machine carry it as sender.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000b1")]
    pub id: Uuid,
    /// The name under which the machine writes.
    #[schema(example = "Order system")]
    pub name: String,
    /// What it may do.
    pub scope: ScopeWord,
    /// When it was made.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
}

impl ApiKeyResponse {
    fn new(key: &ApiKey) -> Self {
        Self {
            id: key.id.0,
            name: key.name.to_string(),
            scope: key.scope.into(),
            created_at: key.created_at.to_rfc3339(),
        }
    }
}

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKeyRequest {
    /// The name under which the machine writes.
    #[schema(example = "Order system", min_length = 1, max_length = 200)]
    name: String,
    /// What it may do.
    scope: ScopeWord,
}

/// A new key with its secret.
#[derive(Serialize, ToSchema)]
pub struct NewApiKeyResponse {
    /// The key.
    api_key: ApiKeyResponse,
    /// For `Authorization: Bearer …`. It is in this answer only.
    #[schema(example = "parlor_0000")]
    secret: String,
}

/// List API keys
///
/// Those that are not revoked, oldest first.
#[utoipa::path(path = "/api/admin/api-keys/", tag = "Workspace", security(("staff" = [])), responses(
    (status = 200, description = "All keys", body = ListResponse<ApiKeyResponse>),
    CommonProblems, StaffProblems
))]
#[get("/api/admin/api-keys")]
pub async fn list_api_keys(auth: OwnerAuth, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let found = state.agents.list_api_keys(auth.0.workspace_id).await?;
    Ok(HttpResponse::Ok().json(ListResponse::new(Page { items: found, next: None }.map(|key| ApiKeyResponse::new(&key)))))
}

/// Create an API key
///
/// Its secret is shown this once and stored as hash.
#[utoipa::path(path = "/api/admin/api-keys/", tag = "Workspace", security(("staff" = [])), request_body = CreateApiKeyRequest, responses(
    (status = 201, description = "Made", body = NewApiKeyResponse),
    CommonProblems, BodyProblems, StaffProblems
))]
#[post("/api/admin/api-keys")]
pub async fn create_api_key(auth: OwnerAuth, body: Body<CreateApiKeyRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::new();
    let name = fields.parsed("name", Name::parse(&body.0.name));
    let name = fields.take(name)?;
    let (key, secret) = state.agents.create_api_key(auth.0.workspace_id, name, body.0.scope.into()).await?;
    let answer = NewApiKeyResponse {
        api_key: ApiKeyResponse::new(&key),
        secret,
    };
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(answer))
}

/// Revoke an API key
///
/// It opens nothing any more, at once.
#[utoipa::path(path = "/api/admin/api-keys/{id}/", tag = "Workspace", security(("staff" = [])), params(("id" = Uuid, Path, description = "The key's id")), responses(
    (status = 204, description = "Revoked"),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[delete("/api/admin/api-keys/{id}")]
pub async fn revoke_api_key(auth: OwnerAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "API key")?;
    state.agents.revoke_api_key(auth.0.workspace_id, id).await.map_err(|error| match error {
        AgentError::NotFound => Problem::not_found("API key"),
        error => error.into(),
    })?;
    Ok(HttpResponse::NoContent().finish())
}
