use super::Envelope;
use super::caller::staff_of;
use crate::extract::{Body, ClientAddress, Fields, OptionalBody, PageQuery, StaffAuth, channel_for, idempotency_key, to_the_end, visitor_by_key};
use crate::families::shared::{
    BodyProblems, CommonProblems, ConflictProblem, ListResponse, NotFoundProblem, QueryProblems, StaffProblems, given, visitor_context,
};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use parlor_domain::agent::Bearer;
use parlor_domain::id::{VisitorId, VisitorKey};
use parlor_domain::text::{self, Email, InvalidText, Line, Metadata, Name, Phone};
use parlor_domain::visitor::{EditVisitor, NewVisitor, Visitor, VisitorContext, VisitorError, VisitorFilter};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A visitor, as itself and agents see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VisitorResponse {
    /// To the visitor its key, which later calls send as `visitor_id`; to agents the internal id.
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34")]
    pub id: Uuid,
    /// When it was made.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
    /// When the person was last here.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_seen_at: String,
    /// What the page attached.
    #[schema(value_type = Option<Object>, example = json!({"plan": "pro"}))]
    pub metadata: Option<serde_json::Value>,
    /// What the person calls itself.
    #[schema(example = "Nadia")]
    pub name: Option<String>,
    /// The e-mail address, claimed or verified.
    #[schema(example = "nadia@example.com")]
    pub email: Option<String>,
    /// The phone number, claimed or verified.
    #[schema(example = "+12025550100")]
    pub phone: Option<String>,
    /// The language, as BCP 47.
    #[schema(example = "de-AT")]
    pub locale: Option<String>,
    /// Whether a token of the host site told who this is.
    #[schema(example = false)]
    pub verified: bool,
}

impl VisitorResponse {
    /// The visitor under the id that the caller knows.
    #[must_use]
    pub fn new(visitor: &Visitor, id: Uuid) -> Self {
        Self {
            id,
            created_at: visitor.created_at.to_rfc3339(),
            last_seen_at: visitor.last_seen_at.to_rfc3339(),
            metadata: visitor.metadata.as_ref().map(|metadata| metadata.value().clone()),
            name: visitor.name.as_ref().map(|name| name.as_str().to_owned()),
            email: visitor.email.as_ref().map(|email| email.value.as_str().to_owned()),
            phone: visitor.phone.as_ref().map(|phone| phone.value.as_str().to_owned()),
            locale: visitor.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            verified: visitor.is_verified(),
        }
    }
}

/// A new visitor. All of it may be missing, the whole body too.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CreateVisitorRequest {
    /// Facts the page attaches, at most 8 KiB.
    #[schema(value_type = Option<Object>, example = json!({"plan": "pro"}))]
    pub metadata: Option<serde_json::Value>,
    /// What the person calls itself.
    #[schema(example = "Nadia", max_length = 200)]
    pub name: Option<String>,
    /// An e-mail address: a claim, no proof.
    #[schema(example = "nadia@example.com", max_length = 254)]
    pub email: Option<String>,
    /// A phone number: a claim, no proof.
    #[schema(example = "+1 202 555 0100", max_length = 32)]
    pub phone: Option<String>,
    /// The language, as BCP 47.
    #[schema(example = "de-AT", max_length = 200)]
    pub locale: Option<String>,
    /// The host site's id of the person: a claim, no proof.
    #[schema(example = "user-17", max_length = 500)]
    pub user_id: Option<String>,
    /// The channel it comes in by; also as query parameter or header `X-Parlor-Channel`.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000f1", format = Uuid)]
    pub channel: Option<String>,
}

impl CreateVisitorRequest {
    fn parse(self, context: VisitorContext) -> Result<NewVisitor, Problem> {
        let mut fields = Fields::new();
        let new = NewVisitor {
            name: fields.optional("name", self.name.as_deref(), Name::parse),
            email: fields.optional("email", self.email.as_deref(), Email::parse),
            phone: fields.optional("phone", self.phone.as_deref(), Phone::parse),
            external_id: fields.optional("user_id", self.user_id.as_deref(), Line::parse),
            locale: fields.optional("locale", self.locale.as_deref(), Name::parse),
            metadata: self.metadata.and_then(|metadata| fields.parsed("metadata", Metadata::parse(metadata))),
            context,
        };
        fields.finish().map(|()| new)
    }
}

/// STEP 1: create a visitor
///
/// The first call of every client. `id` of the answer is the visitor's key: keep it, it proves the visitor from now on (`visitor_id` in
/// bodies and queries, or `Authorization: Bearer`). It is told only here. Then STEP 2: `POST /api/chats/sessions/`.
#[utoipa::path(path = "/api/chats/visitors/", tag = "Visitors", security(()), request_body = Option<CreateVisitorRequest>,
    params(
        ("channel" = Option<Uuid>, Query, description = "The channel it comes in by", nullable = false),
        ("X-Parlor-Channel" = Option<Uuid>, Header, description = "The same as header", nullable = false),
        ("Idempotency-Key" = Option<String>, Header, description = "The same again within 24 h gives the same visitor", nullable = false),
    ),
    responses((status = 201, description = "Created", body = Envelope<VisitorResponse>), BodyProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/chats/visitors")]
pub async fn create_visitor(
    http: HttpRequest,
    address: ClientAddress,
    request: OptionalBody<CreateVisitorRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    state.limits.new_visitor(address)?;
    let request = request.0;
    let content = serde_json::to_vec(&request).map_err(|error| Problem::internal(&error))?;
    let once = idempotency_key(&http, "visitor", &address.0.to_string(), &content)?;
    let channel = channel_for(&http, &state, request.channel.as_deref()).await?;
    let (visitor, key) = state.visitors.create(&channel, request.parse(visitor_context(&http, address))?, once).await?;
    Ok(HttpResponse::Created().json(Envelope::new(VisitorResponse::new(&visitor, key.expose()))))
}

/// Which visitors an agent asks for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VisitorListParams {
    /// Part of a name, or the beginning of an e-mail address or phone number.
    #[param(nullable = false, max_length = 200)]
    pub q: Option<String>,
}

/// List visitors, newest first, for agents
#[utoipa::path(path = "/api/chats/visitors/", tag = "Visitors", security(("staff" = [])), params(VisitorListParams, PageQuery), responses(
    (status = 200, description = "A page", body = Envelope<ListResponse<VisitorResponse>>), QueryProblems, StaffProblems, CommonProblems))]
#[get("/api/chats/visitors")]
pub async fn list_visitor_profiles(
    staff: StaffAuth,
    params: web::Query<VisitorListParams>,
    page: web::Query<PageQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::new();
    let query = fields.optional("q", params.q.as_deref(), Name::parse).map(Name::into_string);
    fields.finish()?;
    let (cursor, limit) = page.parse()?;
    let page = state.visitors.list(staff.0.workspace_id, &VisitorFilter { query }, cursor, limit).await?;
    let page = page.map(|visitor| VisitorResponse::new(&visitor, visitor.id.0));
    Ok(HttpResponse::Ok().json(Envelope::new(ListResponse::new(page))))
}

/// Whether a key still proves a visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidResponse {
    /// Always true here; a 404 has `"data": {"valid": false}`.
    #[schema(example = true)]
    pub valid: bool,
    /// The visitor.
    pub visitor: VisitorResponse,
}

/// STEP 1, next time: is the kept key still good?
///
/// A client that kept a key asks this at its start; after a 404 it forgets the key and creates a new visitor. Moves `last_seen_at`.
#[utoipa::path(path = "/api/chats/visitors/{id}/validate/", tag = "Visitors", security(()),
    params(("id" = Uuid, Path, description = "The visitor key")),
    responses(
        (status = 200, description = "The key is good", body = Envelope<ValidResponse>),
        (status = 404, description = "The key proves nobody; the problem also carries `\"data\": {\"valid\": false}`", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        CommonProblems))]
#[get("/api/chats/visitors/{id}/validate")]
pub async fn validate_visitor(http: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let key = id_in(&http);
    let visitor = visitor_by_key(&state, key).await.map_err(not_valid)?;
    let visitor = state.visitors.seen(&visitor).await?;
    let visitor = VisitorResponse::new(&visitor, key_of(key)?.expose());
    Ok(HttpResponse::Ok().json(Envelope::new(ValidResponse { valid: true, visitor })))
}

fn not_valid(problem: Problem) -> Problem {
    if problem.code == Code::VisitorNotFound {
        problem.with_data(json!({"valid": false}))
    } else {
        problem
    }
}

/// A visitor that the caller may see and change.
struct Profile {
    visitor: Visitor,
    id: Uuid,
}

/// The visitor in the path: by its key, or for staff by its internal id.
async fn profile(http: &HttpRequest, state: &AppState) -> Result<Profile, Problem> {
    let id = id_in(http);
    if let Some(staff) = staff_of(http, state).await? {
        let id: VisitorId = id.parse().map_err(|_| VisitorError::NotFound)?;
        return Ok(Profile {
            visitor: state.visitors.get(staff.0.workspace_id, id).await?,
            id: id.0,
        });
    }
    let visitor = visitor_by_key(state, id).await?;
    Ok(Profile {
        visitor: Visitor::clone(&visitor),
        id: key_of(id)?.expose(),
    })
}

/// Get a visitor
///
/// The visitor itself by the key in the path; an agent by the internal id.
#[utoipa::path(path = "/api/chats/visitors/{id}/", tag = "Visitors", security((), ("staff" = [])),
    params(("id" = Uuid, Path, description = "The visitor key; for agents the internal id")),
    responses((status = 200, description = "The visitor", body = Envelope<VisitorResponse>), StaffProblems, NotFoundProblem, CommonProblems))]
#[get("/api/chats/visitors/{id}")]
pub async fn get_visitor_profile(http: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let Profile { visitor, id } = profile(&http, &state).await?;
    Ok(HttpResponse::Ok().json(Envelope::new(VisitorResponse::new(&visitor, id))))
}

/// What shall be different. A missing field stays, `null` or an empty text takes the value away.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct EditVisitorRequest {
    /// What the person calls itself.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "Nadia", max_length = 200)]
    pub name: Option<Option<String>>,
    /// An e-mail address: a claim, which replaces no verified one.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "nadia@example.com", max_length = 254)]
    pub email: Option<Option<String>>,
    /// A phone number: a claim, which replaces no verified one.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "+1 202 555 0100", max_length = 32)]
    pub phone: Option<Option<String>>,
    /// The language, as BCP 47.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "de-AT", max_length = 200)]
    pub locale: Option<Option<String>>,
    /// Facts the page attaches, replaced as a whole.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Object>, example = json!({"plan": "pro"}))]
    pub metadata: Option<Option<serde_json::Value>>,
}

impl EditVisitorRequest {
    fn parse(self) -> Result<EditVisitor, Problem> {
        fn text<T>(fields: &mut Fields, field: &str, raw: Option<Option<String>>, parse: impl Fn(&str) -> Result<T, InvalidText>) -> Option<Option<T>> {
            raw.and_then(|raw| fields.parsed(field, text::optional(raw.as_deref(), parse)))
        }
        let mut fields = Fields::new();
        let edit = EditVisitor {
            name: text(&mut fields, "name", self.name, Name::parse),
            email: text(&mut fields, "email", self.email, Email::parse),
            phone: text(&mut fields, "phone", self.phone, Phone::parse),
            locale: text(&mut fields, "locale", self.locale, Name::parse),
            metadata: self.metadata.and_then(|raw| fields.parsed("metadata", raw.map(Metadata::parse).transpose())),
            ..EditVisitor::default()
        };
        fields.finish().map(|()| edit)
    }
}

/// Change a visitor's profile
///
/// The visitor itself by the key in the path; an agent by the internal id. What is typed here stays a claim.
#[utoipa::path(path = "/api/chats/visitors/{id}/", tag = "Visitors", security((), ("staff" = [])), request_body = EditVisitorRequest,
    params(("id" = Uuid, Path, description = "The visitor key; for agents the internal id")),
    responses((status = 200, description = "The visitor as it is now", body = Envelope<VisitorResponse>), BodyProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[patch("/api/chats/visitors/{id}")]
pub async fn edit_visitor_profile(http: HttpRequest, request: Body<EditVisitorRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let Profile { visitor, id } = profile(&http, &state).await?;
    let (visitors, edit) = (state.visitors.clone(), request.0.parse()?);
    let visitor = to_the_end(async move { visitors.edit(visitor.workspace_id, visitor.id, edit).await }).await??;
    Ok(HttpResponse::Ok().json(Envelope::new(VisitorResponse::new(&visitor, id))))
}

/// A proof by the host site.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct IdentifyRequest {
    /// A JWT that the host site signed for its customer.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTE3In0.c2lnbmF0dXJl")]
    pub token: String,
}

/// Prove who a visitor is
///
/// Key and token together prove both. If another visitor was verified as this person before, the conversations move there, the key in the
/// path ends, and `id` of the answer is a new key: keep it instead of the old one.
#[utoipa::path(path = "/api/chats/visitors/{id}/identify/", tag = "Visitors", security(()), request_body = IdentifyRequest,
    params(("id" = Uuid, Path, description = "The visitor key")),
    responses((status = 200, description = "The verified visitor", body = Envelope<VisitorResponse>), BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/chats/visitors/{id}/identify")]
pub async fn identify_visitor(http: HttpRequest, request: Body<IdentifyRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = id_in(&http);
    let visitor = visitor_by_key(&state, id).await?;
    let Bearer::Customer(claims) = state.directory.authenticate(request.0.token.trim()).await? else {
        return Err(Problem::new(
            Code::Forbidden,
            "The token belongs to an agent or seller, who cannot become a customer.",
        ));
    };
    let visitors = state.visitors.clone();
    let identified = to_the_end(async move { visitors.identify(&visitor, &claims).await }).await??;
    let key = identified.key.map_or_else(|| key_of(id), Ok)?;
    Ok(HttpResponse::Ok().json(Envelope::new(VisitorResponse::new(&identified.visitor, key.expose()))))
}

/// `{id}` of the path. What is no id is answered like an unknown one, so it is taken as it stands there.
fn id_in(http: &HttpRequest) -> &str {
    http.match_info().get("id").unwrap_or_default().trim()
}

fn key_of(id: &str) -> Result<VisitorKey, Problem> {
    id.parse().map_err(|_| VisitorError::NotFound.into())
}
