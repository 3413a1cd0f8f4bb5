use crate::extract::{Body, Fields, PageQuery, StaffAuth, to_the_end};
use crate::families::admin::conversations::VisitorCardResponse;
use crate::families::admin::form::patched;
use crate::families::shared::{BodyProblems, CommonProblems, ListResponse, NotFoundProblem, QueryProblems, StaffProblems, given};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, get, patch, web};
use parlor_domain::id::VisitorId;
use parlor_domain::text::{Email, Line, Metadata, Name, Phone};
use parlor_domain::visitor::{EditVisitor, VisitorError, VisitorFilter};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which visitors.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VisitorCardQuery {
    /// Part of a name, or the beginning of an e-mail address or phone number.
    #[param(nullable = false, max_length = 500)]
    q: Option<String>,
}

/// What shall be different; what is missing stays, null takes away. A proven address stays whatever is said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditVisitorCardRequest {
    /// The name.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "Nadia", max_length = 200)]
    name: Option<Option<String>>,
    /// Where to write to.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "nadia@example.com")]
    email: Option<Option<String>>,
    /// Where to call.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "+1 202 555 0100")]
    phone: Option<Option<String>>,
    /// BCP 47.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "de-AT", max_length = 200)]
    locale: Option<Option<String>>,
    /// Facts, replaced as a whole; at most 8 KiB.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>, example = json!({"plan": "pro"}))]
    metadata: Option<Option<serde_json::Value>>,
}

impl EditVisitorCardRequest {
    fn parse(self) -> Result<EditVisitor, Problem> {
        let mut fields = Fields::new();
        let edit = EditVisitor {
            name: patched(&mut fields, "name", self.name.as_ref(), Name::parse),
            email: patched(&mut fields, "email", self.email.as_ref(), Email::parse),
            phone: patched(&mut fields, "phone", self.phone.as_ref(), Phone::parse),
            locale: patched(&mut fields, "locale", self.locale.as_ref(), Name::parse),
            metadata: self
                .metadata
                .map(|metadata| metadata.and_then(|metadata| fields.parsed("metadata", Metadata::parse(metadata)))),
            ..EditVisitor::default()
        };
        fields.finish()?;
        Ok(edit)
    }
}

/// List visitors
///
/// Newest first.
#[utoipa::path(path = "/api/admin/visitors/", tag = "Visitors admin", security(("staff" = [])), params(VisitorCardQuery, PageQuery), responses(
    (status = 200, description = "One page", body = ListResponse<VisitorCardResponse>),
    CommonProblems, QueryProblems, StaffProblems
))]
#[get("/api/admin/visitors")]
pub async fn list_workspace_visitors(
    auth: StaffAuth,
    query: web::Query<VisitorCardQuery>,
    page: web::Query<PageQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::new();
    let text = fields.optional("q", query.q.as_deref(), Line::parse).map(Line::into_string);
    fields.finish()?;
    let (cursor, limit) = page.parse()?;
    let found = state.visitors.list(auth.0.workspace_id, &VisitorFilter { query: text }, cursor, limit).await?;
    Ok(HttpResponse::Ok().json(ListResponse::new(found.map(|visitor| VisitorCardResponse::new(&visitor)))))
}

/// Get a visitor
#[utoipa::path(path = "/api/admin/visitors/{id}/", tag = "Visitors admin", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The visitor's internal id")), responses(
    (status = 200, description = "The visitor", body = VisitorCardResponse),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[get("/api/admin/visitors/{id}")]
pub async fn get_workspace_visitor(auth: StaffAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let visitor = state.visitors.get(auth.0.workspace_id, visitor_id(&id)?).await?;
    Ok(HttpResponse::Ok().json(VisitorCardResponse::new(&visitor)))
}

/// Change a visitor's profile
#[utoipa::path(path = "/api/admin/visitors/{id}/", tag = "Visitors admin", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The visitor's internal id")), request_body = EditVisitorCardRequest, responses(
    (status = 200, description = "The visitor as it is now", body = VisitorCardResponse),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem
))]
#[patch("/api/admin/visitors/{id}")]
pub async fn edit_workspace_visitor(
    auth: StaffAuth,
    id: web::Path<String>,
    body: Body<EditVisitorCardRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = visitor_id(&id)?;
    let (visitors, edit) = (state.visitors.clone(), body.0.parse()?);
    let visitor = to_the_end(async move { visitors.edit(auth.0.workspace_id, id, edit).await }).await??;
    Ok(HttpResponse::Ok().json(VisitorCardResponse::new(&visitor)))
}

/// What is no id is answered like an unknown one.
fn visitor_id(text: &str) -> Result<VisitorId, Problem> {
    text.parse().map_err(|_| VisitorError::NotFound.into())
}
