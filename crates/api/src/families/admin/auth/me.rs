use crate::extract::{Body, ClientAddress, Fields, LoginAuth};
use crate::families::admin::form::{object, replaced};
use crate::families::shared::{BodyProblems, CommonProblems, StaffProblems};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::{HttpResponse, get, patch, post, web};
use parlor_domain::agent::{Agent, AgentSettings, Caller, Role};
use parlor_domain::security::Password;
use parlor_domain::text::Name;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What an agent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleWord {
    /// Own marketplace conversations.
    Seller,
    /// Conversations and visitors.
    Agent,
    /// And people, channels and settings.
    Admin,
    /// And owners, API keys and the workspace itself.
    Owner,
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::Seller => Self::Seller,
            Role::Agent => Self::Agent,
            Role::Admin => Self::Admin,
            Role::Owner => Self::Owner,
        }
    }
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Seller => Self::Seller,
            RoleWord::Agent => Self::Agent,
            RoleWord::Admin => Self::Admin,
            RoleWord::Owner => Self::Owner,
        }
    }
}

/// What an agent chose for its own inbox.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct AgentSettingsResponse {
    /// Desktop notices.
    pub notices: bool,
    /// A sound with each new message.
    pub sound: bool,
}

/// An agent with all its fields: for itself and for admins.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentResponse {
    /// Who.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000e1")]
    pub id: Uuid,
    /// Where.
    pub workspace_id: Uuid,
    /// Where to write to; logs in with it.
    #[schema(example = "omar@example.com")]
    pub email: String,
    /// What visitors and colleagues see.
    #[schema(example = "Omar")]
    pub name: String,
    /// What it may do.
    pub role: RoleWord,
    /// Another name to log in with.
    #[schema(example = "omar")]
    pub username: Option<String>,
    /// The host site's id of the person.
    pub external_id: Option<String>,
    /// What it chose for its inbox.
    pub settings: AgentSettingsResponse,
    /// False once it was deactivated.
    #[schema(example = true)]
    pub active: bool,
    /// When it was made.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
    /// When it last changed.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub updated_at: String,
}

impl AgentResponse {
    /// All fields but the secret ones.
    #[must_use]
    pub fn new(agent: &Agent) -> Self {
        Self {
            id: agent.id.0,
            workspace_id: agent.workspace_id.0,
            email: agent.email.as_str().to_owned(),
            name: agent.name.as_str().to_owned(),
            role: agent.role.into(),
            username: agent.username.as_ref().map(|name| name.as_str().to_owned()),
            external_id: agent.external_id.as_ref().map(|id| id.as_str().to_owned()),
            settings: AgentSettingsResponse {
                notices: agent.settings.notices,
                sound: agent.settings.sound,
            },
            active: agent.is_active(),
            created_at: agent.created_at.to_rfc3339(),
            updated_at: agent.updated_at.to_rfc3339(),
        }
    }
}

/// What shall be different of the settings; what is missing stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditSettingsRequest {
    /// Desktop notices.
    #[serde(default)]
    #[schema(example = true)]
    notices: Option<bool>,
    /// A sound with each new message.
    #[serde(default)]
    #[schema(example = false)]
    sound: Option<bool>,
}

/// What shall be different; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditMeRequest {
    /// The name that visitors and colleagues see.
    #[serde(default)]
    #[schema(example = "Omar", min_length = 1, max_length = 200)]
    name: Option<String>,
    /// The settings of the inbox.
    #[serde(default, deserialize_with = "object")]
    #[schema(value_type = Option<EditSettingsRequest>)]
    settings: Option<EditSettingsRequest>,
}

/// The present password and the next one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordRequest {
    /// The present one.
    #[schema(example = "correct horse battery", format = Password)]
    old: String,
    /// The next one, 10–200 characters.
    #[schema(example = "staple correct horse", format = Password, min_length = 10, max_length = 200)]
    new: String,
}

/// A machine has a name and a scope, but no profile.
fn must_be_agent(caller: &Caller) -> Result<(), Problem> {
    if caller.machine.is_none() {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "An API key is no agent: it has neither profile nor password. Log in as an agent for this.",
    ))
}

/// Who am I
#[utoipa::path(path = "/api/admin/auth/me/", tag = "Login", security(("staff" = [])), responses(
    (status = 200, description = "The calling agent", body = AgentResponse),
    CommonProblems, StaffProblems
))]
#[get("/api/admin/auth/me")]
pub async fn get_me(auth: LoginAuth, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    must_be_agent(&auth.0)?;
    let agent = state.agents.get(auth.0.workspace_id, auth.0.id).await?;
    Ok(HttpResponse::Ok().json(AgentResponse::new(&agent)))
}

/// Change my name or settings
#[utoipa::path(path = "/api/admin/auth/me/", tag = "Login", security(("staff" = [])), request_body = EditMeRequest, responses(
    (status = 200, description = "The calling agent as it is now", body = AgentResponse),
    CommonProblems, BodyProblems, StaffProblems
))]
#[patch("/api/admin/auth/me")]
pub async fn edit_me(auth: LoginAuth, body: Body<EditMeRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    must_be_agent(&auth.0)?;
    let mut fields = Fields::new();
    let name = replaced(&mut fields, "name", body.0.name.as_deref(), Name::parse);
    fields.finish()?;
    let known = state.agents.get(auth.0.workspace_id, auth.0.id).await?.settings;
    let settings = body.0.settings.map(|wish| AgentSettings {
        notices: wish.notices.unwrap_or(known.notices),
        sound: wish.sound.unwrap_or(known.sound),
    });
    let agent = state.agents.edit_own(auth.0.workspace_id, auth.0.id, name, settings).await?;
    Ok(HttpResponse::Ok().json(AgentResponse::new(&agent)))
}

/// Change my password
///
/// Ends all other logins at once; the calling one goes on.
#[utoipa::path(path = "/api/admin/auth/password/", tag = "Login", security(("staff" = [])), request_body = ChangePasswordRequest, responses(
    (status = 204, description = "Changed"),
    CommonProblems, BodyProblems, StaffProblems
))]
#[post("/api/admin/auth/password")]
pub async fn change_password(
    auth: LoginAuth,
    address: ClientAddress,
    body: Body<ChangePasswordRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    must_be_agent(&auth.0)?;
    let mut fields = Fields::new();
    let new = fields.parsed("new", Password::parse(&body.0.new));
    let new = fields.take(new)?;
    // Whoever found an open page must not be able to try passwords at will.
    state.limits.login(&auth.0.id.to_string(), address)?;
    state
        .auth
        .change_password(auth.0.workspace_id, auth.0.id, auth.0.login_id, Password::attempt(&body.0.old), new)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
