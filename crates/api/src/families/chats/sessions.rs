use super::Envelope;
use super::caller::ChatCaller;
use crate::extract::{ClientAddress, Fields, OptionalBody, PageQuery, idempotency_key};
use crate::families::shared::{
    BodyProblems, CommonProblems, ConflictProblem, ListResponse, NotFoundProblem, ProvenVisitor, QueryProblems, StaffProblems, channel_of,
};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use parlor_domain::id::{RoomKey, VisitorId};
use parlor_domain::session::{NewSession, Session, SessionError, SessionStatus};
use parlor_domain::text::Metadata;
use parlor_domain::visitor::VisitorError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Whether messages may come through a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatusWord {
    /// They may.
    Active,
    /// They are refused; the conversation goes on in others.
    Ended,
}

impl From<SessionStatus> for SessionStatusWord {
    fn from(status: SessionStatus) -> Self {
        match status {
            SessionStatus::Active => Self::Active,
            SessionStatus::Ended => Self::Ended,
        }
    }
}

/// One visit of one visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionResponse {
    /// Names the session. Alone it proves nothing.
    #[schema(example = "9b2d7c54-0f3e-4d7b-8a6c-5e1f2a3b4c5d")]
    pub id: Uuid,
    /// The visitor key that the caller sent (null for a customer with a token of the host site); to agents the internal id.
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34")]
    pub visitor_id: Option<Uuid>,
    /// The room key of the conversation; to agents its internal id. Null if the conversation was erased.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7")]
    pub conversation_id: Option<Uuid>,
    /// `active` or `ended`.
    pub status: SessionStatusWord,
    /// When it began.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
    /// When it was last used.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_active_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
}

impl SessionResponse {
    fn new(session: &Session, room: Option<RoomKey>, caller: &ChatCaller) -> Self {
        Self {
            id: session.id.0,
            visitor_id: caller.name_of_visitor(session.visitor_id),
            conversation_id: caller.name_of_conversation(session, room),
            status: session.status().into(),
            created_at: session.created_at.to_rfc3339(),
            last_active_at: session.last_active_at.to_rfc3339(),
            ended_at: session.ended_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// A visit that begins.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CreateSessionRequest {
    /// The visitor key, `id` of STEP 1; or the key as `Authorization: Bearer`.
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34", format = Uuid)]
    pub visitor_id: Option<String>,
    /// A conversation of the same visitor that goes on in the new session; without it a new one begins.
    #[schema(example = "7c9e6679-7425-40de-944b-e07fc1f90ae7", format = Uuid)]
    pub conversation_id: Option<String>,
    /// Facts the page attaches, at most 8 KiB.
    #[schema(value_type = Option<Object>, example = json!({"page": "/checkout"}))]
    pub metadata: Option<serde_json::Value>,
}

impl CreateSessionRequest {
    fn parse(self) -> Result<NewSession, Problem> {
        let mut fields = Fields::new();
        let metadata = self.metadata.and_then(|metadata| fields.parsed("metadata", Metadata::parse(metadata)));
        fields.finish()?;
        let named = self.conversation_id.filter(|id| !id.trim().is_empty());
        let room = named
            .map(|id| id.trim().parse::<RoomKey>().map_err(|_| SessionError::ConversationNotFound))
            .transpose()?;
        Ok(NewSession { room, metadata })
    }
}

/// STEP 2: create a session
///
/// Needs the visitor of STEP 1. Without `conversation_id` a new conversation is made with it. Then STEP 3: ask the assistant with this session, or write into `conversation_id`.
#[utoipa::path(path = "/api/chats/sessions/", tag = "Sessions", security((), ("visitor" = [])), request_body = Option<CreateSessionRequest>,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same again within 24 h gives the same session", nullable = false)),
    responses((status = 201, description = "Created", body = Envelope<SessionResponse>), BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/chats/sessions")]
pub async fn create_session(
    http: HttpRequest,
    address: ClientAddress,
    request: OptionalBody<CreateSessionRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    state.limits.new_conversation(address)?;
    let request = request.0;
    let proven = ProvenVisitor::of(&http, &state, request.visitor_id.as_deref())
        .await?
        .ok_or_else(visitor_required)?;
    let visitor = &proven.visitor;
    let content = serde_json::to_vec(&request).map_err(|error| Problem::internal(&error))?;
    let once = idempotency_key(&http, "session", &visitor.id.to_string(), &content)?;
    let channel = channel_of(&state, visitor).await?;
    let (session, conversation) = state.sessions.create(visitor, &channel, request.parse()?, once).await?;
    let session = SessionResponse::new(&session, Some(conversation.room_key), &ChatCaller::Visitor(proven));
    Ok(HttpResponse::Created().json(Envelope::new(session)))
}

fn visitor_required() -> Problem {
    Problem::new(
        Code::VisitorRequired,
        "A session needs a visitor: call STEP 1, POST /api/chats/visitors/, and send the id of its answer as visitor_id.",
    )
}

/// Whose sessions.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SessionOwnerParams {
    /// The visitor key (or `Authorization: Bearer`); for agents the internal id.
    #[param(nullable = false, format = Uuid)]
    pub visitor_id: Option<String>,
}

/// List a visitor's sessions, newest first
///
/// The visitor itself by its key, an agent by the internal id.
#[utoipa::path(path = "/api/chats/sessions/", tag = "Sessions", security((), ("visitor" = []), ("staff" = [])), params(SessionOwnerParams, PageQuery), responses(
    (status = 200, description = "A page", body = Envelope<ListResponse<SessionResponse>>), QueryProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[get("/api/chats/sessions")]
pub async fn list_sessions(
    http: HttpRequest,
    owner: web::Query<SessionOwnerParams>,
    page: web::Query<PageQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let named = owner.visitor_id.as_deref();
    let caller = ChatCaller::of(&http, &state, named).await?;
    let (workspace, visitor) = match &caller {
        ChatCaller::Visitor(proven) => (proven.visitor.workspace_id, proven.visitor.id),
        ChatCaller::Staff(staff) => {
            let named = named.ok_or_else(|| Problem::field("visitor_id", "is required"))?;
            let id: VisitorId = named.trim().parse().map_err(|_| VisitorError::NotFound)?;
            (staff.0.workspace_id, state.visitors.get(staff.0.workspace_id, id).await?.id)
        }
    };
    let (cursor, limit) = page.parse()?;
    let page = state.sessions.list(workspace, visitor, cursor, limit).await?;
    let page = page.map(|(session, room)| SessionResponse::new(&session, room, &caller));
    Ok(HttpResponse::Ok().json(Envelope::new(ListResponse::new(page))))
}

/// Get a session
///
/// With the visitor key as `visitor_id` or Bearer, or as an agent. Another visitor's session is 403 `visitor_mismatch`.
#[utoipa::path(path = "/api/chats/sessions/{id}/", tag = "Sessions", security((), ("visitor" = []), ("staff" = [])),
    params(("id" = Uuid, Path, description = "The session"), SessionOwnerParams),
    responses((status = 200, description = "The session", body = Envelope<SessionResponse>), QueryProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[get("/api/chats/sessions/{id}")]
pub async fn get_session(
    http: HttpRequest,
    id: web::Path<String>,
    owner: web::Query<SessionOwnerParams>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let caller = ChatCaller::of(&http, &state, owner.visitor_id.as_deref()).await?;
    let (session, conversation) = caller.session(&state, &id).await?;
    Ok(HttpResponse::Ok().json(Envelope::new(SessionResponse::new(&session, Some(conversation.room_key), &caller))))
}

/// Who ends a session.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct EndSessionRequest {
    /// The visitor key, unless it stands in the query or in `Authorization`.
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34", format = Uuid)]
    pub visitor_id: Option<String>,
}

/// End a session
///
/// The conversation goes on: a new session may name it. A second time changes nothing.
#[utoipa::path(path = "/api/chats/sessions/{id}/end/", tag = "Sessions", security((), ("visitor" = []), ("staff" = [])), request_body = Option<EndSessionRequest>,
    params(("id" = Uuid, Path, description = "The session"), SessionOwnerParams),
    responses((status = 200, description = "The ended session", body = Envelope<SessionResponse>), BodyProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[post("/api/chats/sessions/{id}/end")]
pub async fn end_session(
    http: HttpRequest,
    id: web::Path<String>,
    owner: web::Query<SessionOwnerParams>,
    request: OptionalBody<EndSessionRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let named = request.0.visitor_id.as_deref().or(owner.visitor_id.as_deref());
    let caller = ChatCaller::of(&http, &state, named).await?;
    let (session, conversation) = caller.session(&state, &id).await?;
    let session = state.sessions.end(session).await?;
    Ok(HttpResponse::Ok().json(Envelope::new(SessionResponse::new(&session, Some(conversation.room_key), &caller))))
}
