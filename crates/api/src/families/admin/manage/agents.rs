use crate::extract::{AdminAuth, Body, Fields, PageQuery, PathId, StaffAuth, to_the_end};
use crate::families::admin::auth::{AgentResponse, RoleWord};
use crate::families::admin::form::{patched, replaced};
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, ListResponse, NotFoundProblem, QueryProblems, StaffProblems, given};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::{HttpResponse, delete, get, patch, post, web};
use parlor_domain::agent::{Agent, AgentError, EditAgent, NewAgent, Role};
use parlor_domain::text::{Email, InvalidText, Line, Name};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What agents see of one another.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColleagueResponse {
    /// Who.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000e1")]
    pub id: Uuid,
    /// What visitors and colleagues see.
    #[schema(example = "Omar")]
    pub name: String,
    /// What it may do.
    pub role: RoleWord,
    /// False once it was deactivated.
    #[schema(example = true)]
    pub active: bool,
}

/// An agent: to admins with all fields, to agents with its name.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ListedAgentResponse {
    /// To admins.
    Whole(AgentResponse),
    /// To agents.
    Colleague(ColleagueResponse),
}

impl ListedAgentResponse {
    fn new(agent: &Agent, to: Role) -> Self {
        if to >= Role::Admin {
            return Self::Whole(AgentResponse::new(agent));
        }
        let name = agent.name.to_string();
        Self::Colleague(ColleagueResponse {
            id: agent.id.0,
            name,
            role: agent.role.into(),
            active: agent.is_active(),
        })
    }
}

/// A new agent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAgentRequest {
    /// Where to write to; unique on the server.
    #[schema(example = "omar@example.com", format = Email)]
    email: String,
    /// What visitors and colleagues see.
    #[schema(example = "Omar", min_length = 1, max_length = 200)]
    name: String,
    /// What it may do; only an owner makes owners.
    role: RoleWord,
    /// Another name to log in with, without @; unique on the server.
    #[serde(default)]
    #[schema(example = "omar", max_length = 200)]
    username: Option<String>,
    /// The `sub` of the person in the host site's tokens; unique on the server.
    #[serde(default)]
    #[schema(example = "staff-17", max_length = 500)]
    external_id: Option<String>,
}

/// What shall be different; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditAgentRequest {
    /// The address.
    #[serde(default)]
    #[schema(example = "omar@example.com", format = Email)]
    email: Option<String>,
    /// The name.
    #[serde(default)]
    #[schema(example = "Omar", min_length = 1, max_length = 200)]
    name: Option<String>,
    /// What it may do.
    #[serde(default)]
    role: Option<RoleWord>,
    /// Another name to log in with; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "omar", max_length = 200)]
    username: Option<Option<String>>,
    /// The host site's id; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "staff-17", max_length = 500)]
    external_id: Option<Option<String>>,
}

/// A new agent and the link that sets its password.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitedAgentResponse {
    /// The agent.
    agent: AgentResponse,
    /// To be sent to the person; good once, for seven days.
    #[schema(example = "https://chat.example.com/setup?token=setup_0000")]
    invite_url: String,
}

/// A link that sets an agent's password.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationResponse {
    /// To be sent to the person; good once, for seven days. Earlier links have ended.
    #[schema(example = "https://chat.example.com/setup?token=setup_0000")]
    invite_url: String,
}

/// A user name must not look like an address: it could be taken for somebody else's.
fn username(raw: &str) -> Result<Name, InvalidText> {
    if raw.contains('@') {
        Err(InvalidText::Shape("must not contain @; the e-mail address is good for login anyway"))
    } else {
        Name::parse(raw)
    }
}

impl CreateAgentRequest {
    fn parse(&self) -> Result<NewAgent, Problem> {
        let mut fields = Fields::new();
        let email = fields.parsed("email", Email::parse(&self.email));
        let name = fields.parsed("name", Name::parse(&self.name));
        let username = fields.optional("username", self.username.as_deref(), username);
        let external_id = fields.optional("external_id", self.external_id.as_deref(), Line::parse);
        let (email, name) = fields.take(email.zip(name))?;
        Ok(NewAgent {
            email,
            name,
            role: self.role.into(),
            username,
            external_id,
            password: None,
        })
    }
}

impl EditAgentRequest {
    fn parse(&self) -> Result<EditAgent, Problem> {
        let mut fields = Fields::new();
        let edit = EditAgent {
            email: replaced(&mut fields, "email", self.email.as_deref(), Email::parse),
            name: replaced(&mut fields, "name", self.name.as_deref(), Name::parse),
            role: self.role.map(Into::into),
            username: patched(&mut fields, "username", self.username.as_ref(), username),
            external_id: patched(&mut fields, "external_id", self.external_id.as_ref(), Line::parse),
        };
        fields.finish()?;
        Ok(edit)
    }
}

async fn invite_url(state: &AppState, agent: &Agent) -> Result<String, Problem> {
    let token = state.auth.invite(agent).await?;
    Ok(format!("{}/setup?token={token}", state.settings.public_url))
}

/// List agents
///
/// Oldest first, deactivated ones included. Agents see names, admins all fields.
#[utoipa::path(path = "/api/admin/agents/", tag = "Agents", security(("staff" = [])), params(PageQuery), responses(
    (status = 200, description = "One page", body = ListResponse<ListedAgentResponse>),
    CommonProblems, QueryProblems, StaffProblems
))]
#[get("/api/admin/agents")]
pub async fn list_agents(auth: StaffAuth, page: web::Query<PageQuery>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (cursor, limit) = page.parse()?;
    let found = state.agents.list(auth.0.workspace_id, cursor, limit).await?;
    Ok(HttpResponse::Ok().json(ListResponse::new(found.map(|agent| ListedAgentResponse::new(&agent, auth.0.role)))))
}

/// Invite a new agent
///
/// Makes the agent and a link, by which the person sets the password.
#[utoipa::path(path = "/api/admin/agents/", tag = "Agents", security(("staff" = [])), request_body = CreateAgentRequest, responses(
    (status = 201, description = "Made", body = InvitedAgentResponse),
    CommonProblems, BodyProblems, StaffProblems, ConflictProblem
))]
#[post("/api/admin/agents")]
pub async fn create_agent(auth: AdminAuth, body: Body<CreateAgentRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let agent = state.agents.create(auth.0.workspace_id, Some(&auth.0), body.0.parse()?).await?;
    let invite_url = invite_url(&state, &agent).await?;
    Ok(HttpResponse::Created().json(InvitedAgentResponse {
        agent: AgentResponse::new(&agent),
        invite_url,
    }))
}

/// Get an agent
#[utoipa::path(path = "/api/admin/agents/{id}/", tag = "Agents", security(("staff" = [])), params(("id" = Uuid, Path, description = "The agent")), responses(
    (status = 200, description = "The agent", body = AgentResponse),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[get("/api/admin/agents/{id}")]
pub async fn get_agent(auth: AdminAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let agent = state.agents.get(auth.0.workspace_id, PathId::parse(&id, "agent")?).await?;
    Ok(HttpResponse::Ok().json(AgentResponse::new(&agent)))
}

/// Change an agent
///
/// Owners are changed by owners only, and a workspace keeps one.
#[utoipa::path(path = "/api/admin/agents/{id}/", tag = "Agents", security(("staff" = [])), params(("id" = Uuid, Path, description = "The agent")),
    request_body = EditAgentRequest, responses(
    (status = 200, description = "The agent as it is now", body = AgentResponse),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[patch("/api/admin/agents/{id}")]
pub async fn edit_agent(auth: AdminAuth, id: web::Path<String>, body: Body<EditAgentRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "agent")?;
    let agent = state.agents.edit(&auth.0, id, body.0.parse()?).await?;
    Ok(HttpResponse::Ok().json(AgentResponse::new(&agent)))
}

/// Deactivate an agent
///
/// All its tokens end at once, its conversations go to the queue. What it wrote stays.
#[utoipa::path(path = "/api/admin/agents/{id}/", tag = "Agents", security(("staff" = [])), params(("id" = Uuid, Path, description = "The agent")), responses(
    (status = 204, description = "Deactivated"),
    CommonProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[delete("/api/admin/agents/{id}")]
pub async fn deactivate_agent(auth: AdminAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (agents, id) = (state.agents.clone(), PathId::parse(&id, "agent")?);
    to_the_end(async move { agents.deactivate(&auth.0, id).await }).await??;
    Ok(HttpResponse::NoContent().finish())
}

/// Invite an agent again
///
/// A new link, also for a forgotten password. Earlier links end.
#[utoipa::path(path = "/api/admin/agents/{id}/invite/", tag = "Agents", security(("staff" = [])), params(("id" = Uuid, Path, description = "The agent")), responses(
    (status = 200, description = "The link", body = InvitationResponse),
    CommonProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[post("/api/admin/agents/{id}/invite")]
pub async fn invite_agent(auth: AdminAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let agent = state.agents.get(auth.0.workspace_id, PathId::parse(&id, "agent")?).await?;
    // The link sets a password: an admin who got one for an owner would be owner.
    if agent.role == Role::Owner && auth.0.role != Role::Owner {
        return Err(AgentError::OwnersOnly.into());
    }
    if !agent.is_active() {
        return Err(Problem::new(Code::Conflict, "This agent was deactivated and cannot log in any more."));
    }
    let invite_url = invite_url(&state, &agent).await?;
    Ok(HttpResponse::Ok().json(InvitationResponse { invite_url }))
}
