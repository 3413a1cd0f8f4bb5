use crate::extract::{Body, Fields, OwnerAuth};
use crate::families::admin::form::replaced;
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, get, patch, web};
use parlor_domain::text::Name;
use parlor_domain::workspace::Workspace;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The tenant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkspaceResponse {
    /// Names it.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000f1")]
    pub id: Uuid,
    /// What it is called; unique on the server.
    #[schema(example = "default")]
    pub name: String,
    /// When it was made.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
    /// When its name last changed.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub updated_at: String,
}

impl WorkspaceResponse {
    fn new(workspace: &Workspace) -> Self {
        Self {
            id: workspace.id.0,
            name: workspace.name.to_string(),
            created_at: workspace.created_at.to_rfc3339(),
            updated_at: workspace.updated_at.to_rfc3339(),
        }
    }
}

/// What shall be different; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditWorkspaceRequest {
    /// What it is called; unique on the server.
    #[serde(default)]
    #[schema(example = "shop", min_length = 1, max_length = 200)]
    name: Option<String>,
}

/// Get the workspace
#[utoipa::path(path = "/api/admin/workspace/", tag = "Workspace", security(("staff" = [])), responses(
    (status = 200, description = "The workspace", body = WorkspaceResponse),
    CommonProblems, StaffProblems
))]
#[get("/api/admin/workspace")]
pub async fn get_workspace(auth: OwnerAuth, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let workspace = state.workspaces.get(auth.0.workspace_id).await?;
    Ok(HttpResponse::Ok().json(WorkspaceResponse::new(&workspace)))
}

/// Change the workspace
#[utoipa::path(path = "/api/admin/workspace/", tag = "Workspace", security(("staff" = [])), request_body = EditWorkspaceRequest, responses(
    (status = 200, description = "The workspace as it is now", body = WorkspaceResponse),
    CommonProblems, BodyProblems, StaffProblems, ConflictProblem
))]
#[patch("/api/admin/workspace")]
pub async fn edit_workspace(auth: OwnerAuth, body: Body<EditWorkspaceRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::new();
    let name = replaced(&mut fields, "name", body.0.name.as_deref(), Name::parse);
    fields.finish()?;
    let workspace = match name {
        Some(name) => state.workspaces.rename(auth.0.workspace_id, name).await?,
        None => state.workspaces.get(auth.0.workspace_id).await?,
    };
    Ok(HttpResponse::Ok().json(WorkspaceResponse::new(&workspace)))
}
