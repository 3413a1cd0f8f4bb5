use super::assistant::{AssistantSettingsRequest, AssistantSettingsResponse};
use super::whatsapp::{WhatsappSettingsRequest, WhatsappSettingsResponse, check_number};
use crate::extract::{AdminAuth, Body, Fields, PathId, StaffAuth};
use crate::families::admin::form::{object, replaced};
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, ListResponse, NotFoundProblem, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, delete, get, patch, post, web};
use parlor_domain::agent::Role;
use parlor_domain::article::ArticleError;
use parlor_domain::assistant::{AssistantSettings, TriedBy};
use parlor_domain::channel::{Channel, ChannelKind, EditChannel, IdentityRule, NewChannel, Origin};
use parlor_domain::id::WorkspaceId;
use parlor_domain::page::{Limit, Page};
use parlor_domain::text::Name;
use parlor_domain::whatsapp::WhatsappSecrets;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What is said of a number on a channel that cannot have one.
const ONLY_WHATSAPP: &str = "must be left out: only a channel of kind whatsapp is a number";
/// The most origins of one channel.
const MAX_ORIGINS: usize = 50;

/// What kind of entry point it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKindWord {
    /// A widget or form on a web site.
    Web,
    /// Another program.
    Api,
    /// A WhatsApp number.
    Whatsapp,
}

impl From<ChannelKind> for ChannelKindWord {
    fn from(kind: ChannelKind) -> Self {
        match kind {
            ChannelKind::Web => Self::Web,
            ChannelKind::Api => Self::Api,
            ChannelKind::Whatsapp => Self::Whatsapp,
        }
    }
}

impl From<ChannelKindWord> for ChannelKind {
    fn from(word: ChannelKindWord) -> Self {
        match word {
            ChannelKindWord::Web => Self::Web,
            ChannelKindWord::Api => Self::Api,
            ChannelKindWord::Whatsapp => Self::Whatsapp,
        }
    }
}

/// Whether visitors must prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityWord {
    /// Anybody may write.
    Optional,
    /// Every new session needs a signed token of the host site.
    Required,
}

impl From<IdentityRule> for IdentityWord {
    fn from(rule: IdentityRule) -> Self {
        match rule {
            IdentityRule::Optional => Self::Optional,
            IdentityRule::Required => Self::Required,
        }
    }
}

impl From<IdentityWord> for IdentityRule {
    fn from(word: IdentityWord) -> Self {
        match word {
            IdentityWord::Optional => Self::Optional,
            IdentityWord::Required => Self::Required,
        }
    }
}

/// An entry point with its settings.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelResponse {
    /// Names it. Public: pages carry it.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000c1")]
    pub id: Uuid,
    /// What kind it is.
    pub kind: ChannelKindWord,
    /// How agents call it.
    #[schema(example = "Website")]
    pub name: String,
    /// The sites that may use it from a browser.
    #[schema(example = json!(["https://shop.example.com"]))]
    pub origins: Vec<String>,
    /// Whether visitors must prove who they are.
    pub identity: IdentityWord,
    /// Its assistant.
    pub assistant: AssistantSettingsResponse,
    /// The number that it is, on WhatsApp; null for other kinds.
    pub whatsapp: Option<WhatsappSettingsResponse>,
    /// When it was made.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
    /// When its settings last changed.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub updated_at: String,
}

impl ChannelResponse {
    fn new(channel: &Channel, state: &AppState) -> Self {
        Self {
            id: channel.id.0,
            kind: channel.kind.into(),
            name: channel.name.to_string(),
            origins: channel.origins.iter().map(ToString::to_string).collect(),
            identity: channel.identity.into(),
            assistant: AssistantSettingsResponse::new(channel, state),
            whatsapp: WhatsappSettingsResponse::new(channel, state),
            created_at: channel.created_at.to_rfc3339(),
            updated_at: channel.updated_at.to_rfc3339(),
        }
    }
}

/// What agents see of an entry point.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedChannelResponse {
    /// Names it.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000c1")]
    pub id: Uuid,
    /// What kind it is.
    pub kind: ChannelKindWord,
    /// How agents call it.
    #[schema(example = "Website")]
    pub name: String,
}

/// An entry point: to admins with its settings, to agents with its name.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ListedChannelResponse {
    /// To admins.
    Whole(Box<ChannelResponse>),
    /// To agents.
    Named(NamedChannelResponse),
}

impl ListedChannelResponse {
    fn new(channel: &Channel, to: Role, state: &AppState) -> Self {
        if to >= Role::Admin {
            return Self::Whole(Box::new(ChannelResponse::new(channel, state)));
        }
        Self::Named(NamedChannelResponse {
            id: channel.id.0,
            kind: channel.kind.into(),
            name: channel.name.to_string(),
        })
    }
}

/// A new entry point.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateChannelRequest {
    /// What kind; it stays so.
    kind: ChannelKindWord,
    /// How agents call it.
    #[schema(example = "Shop", min_length = 1, max_length = 200)]
    name: String,
    /// The sites that may use it from a browser; at most 50.
    #[serde(default)]
    #[schema(example = json!(["https://shop.example.com"]), max_items = 50)]
    origins: Option<Vec<String>>,
    /// Whether visitors must prove who they are; `optional` without it.
    #[serde(default)]
    identity: Option<IdentityWord>,
    /// Its assistant; what is missing is as on a new server, but for WhatsApp, where it is off.
    #[serde(default, deserialize_with = "object")]
    #[schema(value_type = Option<AssistantSettingsRequest>)]
    assistant: Option<AssistantSettingsRequest>,
    /// The number that it is: needed for kind `whatsapp`, and only there.
    #[serde(default, deserialize_with = "object")]
    #[schema(value_type = Option<WhatsappSettingsRequest>)]
    whatsapp: Option<WhatsappSettingsRequest>,
}

/// What shall be different; what is missing stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditChannelRequest {
    /// How agents call it.
    #[serde(default)]
    #[schema(example = "Shop", min_length = 1, max_length = 200)]
    name: Option<String>,
    /// All sites that may use it from a browser; at most 50.
    #[serde(default)]
    #[schema(example = json!(["https://shop.example.com"]), max_items = 50)]
    origins: Option<Vec<String>>,
    /// Whether visitors must prove who they are.
    #[serde(default)]
    identity: Option<IdentityWord>,
    /// Its assistant; what is missing in it stays, null puts the default back.
    #[serde(default, deserialize_with = "object")]
    #[schema(value_type = Option<AssistantSettingsRequest>)]
    assistant: Option<AssistantSettingsRequest>,
    /// The number that it is, on WhatsApp; what is missing in it stays, null takes away.
    #[serde(default, deserialize_with = "object")]
    #[schema(value_type = Option<WhatsappSettingsRequest>)]
    whatsapp: Option<WhatsappSettingsRequest>,
}

/// Each once, in the given order.
fn parse_origins(fields: &mut Fields, raw: &[String]) -> Vec<Origin> {
    if raw.len() > MAX_ORIGINS {
        fields.wrong("origins", format!("must be at most {MAX_ORIGINS}"));
        return Vec::new();
    }
    let mut origins = Vec::with_capacity(raw.len());
    for (place, text) in raw.iter().enumerate() {
        let origin = fields.parsed(&format!("origins[{place}]"), Origin::parse(text));
        origins.extend(origin.filter(|origin| !origins.contains(origin)));
    }
    origins
}

/// The assistant of a channel that nobody has set. On WhatsApp people answer unless an admin says otherwise.
fn default_assistant(kind: ChannelKind) -> AssistantSettings {
    AssistantSettings {
        enabled: kind != ChannelKind::Whatsapp,
        ..AssistantSettings::default()
    }
}

impl CreateChannelRequest {
    fn parse(self) -> Result<NewChannel, Problem> {
        let mut fields = Fields::new();
        let kind = ChannelKind::from(self.kind);
        let name = fields.parsed("name", Name::parse(&self.name));
        let origins = parse_origins(&mut fields, self.origins.as_deref().unwrap_or_default());
        let default = default_assistant(kind);
        let (assistant, assistant_key) = self.assistant.unwrap_or_default().onto(&default, &default, &mut fields);
        let whatsapp = match (self.whatsapp, kind) {
            (Some(number), ChannelKind::Whatsapp) => {
                let edit = number.onto(None, &mut fields);
                let secrets = WhatsappSecrets {
                    access_token: edit.access_token.flatten(),
                    app_secret: edit.app_secret.flatten(),
                    verify_token: edit.verify_token.flatten(),
                };
                edit.settings.map(|settings| (settings, secrets))
            }
            (None, ChannelKind::Whatsapp) => {
                fields.wrong("whatsapp", "is required for kind whatsapp");
                None
            }
            (Some(_), ChannelKind::Web | ChannelKind::Api) => {
                fields.wrong("whatsapp", ONLY_WHATSAPP);
                None
            }
            (None, ChannelKind::Web | ChannelKind::Api) => None,
        };
        let name = fields.take(name)?;
        Ok(NewChannel {
            kind,
            name,
            origins,
            identity: self.identity.map_or(IdentityRule::Optional, Into::into),
            assistant,
            assistant_key: assistant_key.flatten(),
            whatsapp,
        })
    }
}

impl EditChannelRequest {
    fn parse(self, known: &Channel) -> Result<EditChannel, Problem> {
        let mut fields = Fields::new();
        let name = replaced(&mut fields, "name", self.name.as_deref(), Name::parse);
        let origins = self.origins.as_deref().map(|origins| parse_origins(&mut fields, origins));
        let default = default_assistant(known.kind);
        let assistant = self.assistant.map(|assistant| assistant.onto(&known.assistant, &default, &mut fields));
        let (assistant, assistant_key) = assistant.unzip();
        if self.whatsapp.is_some() && known.kind != ChannelKind::Whatsapp {
            return Err(Problem::field("whatsapp", ONLY_WHATSAPP));
        }
        let whatsapp = self.whatsapp.map(|number| number.onto(known.whatsapp.as_ref(), &mut fields));
        fields.finish()?;
        Ok(EditChannel {
            name,
            origins,
            identity: self.identity.map(Into::into),
            assistant_was: assistant.is_some().then(|| known.assistant.clone()),
            assistant,
            assistant_key: assistant_key.flatten(),
            whatsapp: whatsapp.unwrap_or_default(),
        })
    }
}

/// Which sites may call is known to every request, so it must follow at once.
async fn refresh_origins(state: &AppState) {
    if let Err(error) = state.origins.refresh(&state.channels).await {
        tracing::warn!(%error, "the allowed origins follow the channels later");
    }
}

/// List channels
///
/// Oldest first. Agents see names, admins all settings.
#[utoipa::path(path = "/api/admin/channels/", tag = "Channels", security(("staff" = [])), responses(
    (status = 200, description = "All channels", body = ListResponse<ListedChannelResponse>),
    CommonProblems, StaffProblems
))]
#[get("/api/admin/channels")]
pub async fn list_channels(auth: StaffAuth, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let found = state.channels.list(auth.0.workspace_id).await?;
    Ok(HttpResponse::Ok().json(ListResponse::new(
        Page { items: found, next: None }.map(|channel| ListedChannelResponse::new(&channel, auth.0.role, &state)),
    )))
}

/// Create a channel
#[utoipa::path(path = "/api/admin/channels/", tag = "Channels", security(("staff" = [])), request_body = CreateChannelRequest, responses(
    (status = 201, description = "Made", body = ChannelResponse),
    CommonProblems, BodyProblems, StaffProblems, ConflictProblem
))]
#[post("/api/admin/channels")]
pub async fn create_channel(auth: AdminAuth, body: Body<CreateChannelRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let channel = state.channels.create(auth.0.workspace_id, body.0.parse()?).await?;
    refresh_origins(&state).await;
    Ok(HttpResponse::Created().json(ChannelResponse::new(&channel, &state)))
}

/// Get a channel
#[utoipa::path(path = "/api/admin/channels/{id}/", tag = "Channels", security(("staff" = [])), params(("id" = Uuid, Path, description = "The channel")), responses(
    (status = 200, description = "The channel", body = ChannelResponse),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[get("/api/admin/channels/{id}")]
pub async fn get_channel(auth: AdminAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let channel = state.channels.get(auth.0.workspace_id, PathId::parse(&id, "channel")?).await?;
    Ok(HttpResponse::Ok().json(ChannelResponse::new(&channel, &state)))
}

/// Change a channel's settings
#[utoipa::path(path = "/api/admin/channels/{id}/", tag = "Channels", security(("staff" = [])), params(("id" = Uuid, Path, description = "The channel")),
    request_body = EditChannelRequest, responses(
    (status = 200, description = "The channel as it is now", body = ChannelResponse),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[patch("/api/admin/channels/{id}")]
pub async fn edit_channel(auth: AdminAuth, id: web::Path<String>, body: Body<EditChannelRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "channel")?;
    let known = state.channels.get(auth.0.workspace_id, id).await?;
    let channel = state.channels.edit(auth.0.workspace_id, id, body.0.parse(&known)?).await?;
    refresh_origins(&state).await;
    Ok(HttpResponse::Ok().json(ChannelResponse::new(&channel, &state)))
}

/// Delete a channel
///
/// It takes nothing new; its conversations stay. A workspace keeps one web channel.
#[utoipa::path(path = "/api/admin/channels/{id}/", tag = "Channels", security(("staff" = [])), params(("id" = Uuid, Path, description = "The channel")), responses(
    (status = 204, description = "Deleted"),
    CommonProblems, StaffProblems, NotFoundProblem, ConflictProblem
))]
#[delete("/api/admin/channels/{id}")]
pub async fn delete_channel(auth: AdminAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    state.channels.delete(auth.0.workspace_id, PathId::parse(&id, "channel")?).await?;
    refresh_origins(&state).await;
    Ok(HttpResponse::NoContent().finish())
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckWord {
    /// Whether the model answers.
    AssistantModel,
    /// Whether there is something to answer from.
    Articles,
    /// On WhatsApp: whether the platform knows the number and takes its token.
    WhatsappNumber,
    /// On WhatsApp: whether the platform's deliveries can be believed.
    WhatsappAppSecret,
    /// On WhatsApp: whether the platform can subscribe the webhook.
    WhatsappVerifyToken,
}

/// How one check went.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckResponse {
    /// What was checked.
    name: CheckWord,
    /// Whether it is as it should be.
    #[schema(example = false)]
    ok: bool,
    /// What was seen.
    #[schema(example = "the model server cannot be reached")]
    detail: String,
}

/// How the set-up of a channel does.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecksResponse {
    /// All checks.
    checks: Vec<CheckResponse>,
}

/// A question that any model can answer with a word.
const CHECK_QUESTION: &str = "Please answer with the single word: yes";

async fn check_model(channel: &Channel, state: &AppState) -> Result<CheckResponse, Problem> {
    let (ok, detail) = if state.assistant.server_of(channel)?.is_none() {
        (true, "no model is set: help articles answer".to_owned())
    } else {
        let tried = state.assistant.try_out(channel, CHECK_QUESTION).await?;
        match (tried.by, tried.failure) {
            (TriedBy::Model, _) => (true, "the model answers".to_owned()),
            (_, Some(why)) => (false, why.to_string()),
            (_, None) => (false, "the model answered without a text".to_owned()),
        }
    };
    let name = CheckWord::AssistantModel;
    Ok(CheckResponse { name, ok, detail })
}

async fn check_articles(workspace: WorkspaceId, state: &AppState) -> Result<CheckResponse, ArticleError> {
    let (mut published, mut cursor) = (0, None);
    loop {
        let page = state.articles.list(workspace, cursor, Limit::MAX).await?;
        published += page.items.iter().filter(|article| article.published).count();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let detail = match published {
        0 => "no article is published: without a model the assistant knows nothing".to_owned(),
        1 => "1 article is published".to_owned(),
        many => format!("{many} articles are published"),
    };
    let (name, ok) = (CheckWord::Articles, published > 0);
    Ok(CheckResponse { name, ok, detail })
}

/// Check a channel's set-up
///
/// Asks the model of its assistant a short question, and looks for articles. The model server may count it. On WhatsApp the platform is
/// asked for the number, whose `health` follows the answer, and of the assistant only if it is on.
#[utoipa::path(path = "/api/admin/channels/{id}/check/", tag = "Channels", security(("staff" = [])), params(("id" = Uuid, Path, description = "The channel")), responses(
    (status = 200, description = "What was seen", body = ChecksResponse),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[post("/api/admin/channels/{id}/check")]
pub async fn check_channel(auth: AdminAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let channel = state.channels.get(auth.0.workspace_id, PathId::parse(&id, "channel")?).await?;
    let mut checks = Vec::new();
    if let Some(number) = check_number(&channel, &state).await? {
        let seen = [
            (CheckWord::WhatsappNumber, number.number),
            (CheckWord::WhatsappAppSecret, number.app_secret),
            (CheckWord::WhatsappVerifyToken, number.verify_token),
        ];
        checks.extend(seen.map(|(name, (ok, detail))| CheckResponse { name, ok, detail }));
    }
    if checks.is_empty() || channel.assistant.enabled {
        checks.push(check_model(&channel, &state).await?);
        checks.push(check_articles(auth.0.workspace_id, &state).await?);
    }
    Ok(HttpResponse::Ok().json(ChecksResponse { checks }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_kept_once_and_wrong_ones_named() {
        let mut fields = Fields::new();
        let raw = ["https://Shop.example.com", "https://shop.example.com/", "http://localhost:3000"].map(str::to_owned);
        let kept: Vec<_> = parse_origins(&mut fields, &raw).iter().map(ToString::to_string).collect();
        assert_eq!(kept, ["https://shop.example.com", "http://localhost:3000"]);
        parse_origins(&mut fields, &["https://a.example".to_owned(), "shop".to_owned()]);
        assert_eq!(
            fields.finish().unwrap_err().errors.first().map(|error| error.field.clone()).as_deref(),
            Some("origins[1]")
        );
    }
}
