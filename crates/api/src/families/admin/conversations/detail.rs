use super::must_see_deleted;
use crate::extract::{AdminAuth, PathId, StaffAuth};
use crate::families::admin::manage::ChannelKindWord;
use crate::families::shared::{CommonProblems, NotFoundProblem, OwnConversationRow, QueryProblems, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, delete, get, web};
use parlor_domain::channel::{Channel, ChannelError};
use parlor_domain::conversation::Seller;
use parlor_domain::session::{Session, SessionStatus};
use parlor_domain::visitor::{Identity, Visitor, VisitorContext};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Something that points to a person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IdentityResponse {
    /// The address, number or id.
    #[schema(example = "nadia@example.com")]
    pub value: String,
    /// True only after a signed token of the host site; what a visitor typed is a claim.
    #[schema(example = false)]
    pub verified: bool,
}

impl IdentityResponse {
    fn new<T: ToString>(identity: &Identity<T>) -> Self {
        Self {
            value: identity.value.to_string(),
            verified: identity.verified,
        }
    }
}

/// What the server saw of the visitor's last request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VisitorContextResponse {
    /// The address it came from.
    #[schema(example = "203.0.113.9")]
    pub ip: Option<String>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
    /// The page the visitor is on.
    #[schema(example = "https://shop.example.com/cart")]
    pub page_url: Option<String>,
    /// Its title.
    pub page_title: Option<String>,
    /// The page that led there.
    pub referrer: Option<String>,
    /// The country of the address, if the operator gave a location database.
    #[schema(example = "Austria")]
    pub country: Option<String>,
    /// The part of the country.
    #[schema(example = "Lower Austria")]
    pub region: Option<String>,
    /// The city.
    #[schema(example = "Melk")]
    pub city: Option<String>,
    /// The browser.
    #[schema(example = "Firefox")]
    pub browser: Option<String>,
    /// The system it runs on.
    #[schema(example = "Windows 10")]
    pub os: Option<String>,
    /// The kind of device: `desktop`, `phone`, `tablet`, `console` or `bot`.
    #[schema(example = "desktop")]
    pub device: Option<String>,
    /// The time zone that the page told.
    #[schema(example = "Europe/Vienna")]
    pub timezone: Option<String>,
    /// The size of the screen that the page told.
    #[schema(example = "1920x1080")]
    pub screen: Option<String>,
}

impl From<&VisitorContext> for VisitorContextResponse {
    fn from(context: &VisitorContext) -> Self {
        let VisitorContext {
            ip,
            user_agent,
            page_url,
            page_title,
            referrer,
            country,
            region,
            city,
            browser,
            os,
            device,
            timezone,
            screen,
        } = context.clone();
        Self {
            ip,
            user_agent,
            page_url,
            page_title,
            referrer,
            country,
            region,
            city,
            browser,
            os,
            device,
            timezone,
            screen,
        }
    }
}

/// A person on the outside, as agents see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VisitorCardResponse {
    /// The internal id: names the person, opens nothing.
    #[schema(example = "018f6a3e-5b1c-7000-8000-000000000077")]
    pub id: Uuid,
    /// What the person calls itself.
    #[schema(example = "Nadia")]
    pub name: Option<String>,
    /// Where to write to.
    pub email: Option<IdentityResponse>,
    /// Where to call.
    pub phone: Option<IdentityResponse>,
    /// The host site's id.
    pub external_id: Option<IdentityResponse>,
    /// BCP 47.
    #[schema(example = "de-AT")]
    pub locale: Option<String>,
    /// What the server saw.
    pub context: VisitorContextResponse,
    /// What the page attached.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Value>,
    /// Where the person came in.
    pub channel_id: Uuid,
    /// When the person first came.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
    /// When the person was last here.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_seen_at: String,
}

impl VisitorCardResponse {
    /// As agents see it: with the internal id, never a key.
    #[must_use]
    pub fn new(visitor: &Visitor) -> Self {
        Self {
            id: visitor.id.0,
            name: visitor.name.as_ref().map(ToString::to_string),
            email: visitor.email.as_ref().map(IdentityResponse::new),
            phone: visitor.phone.as_ref().map(|phone| IdentityResponse {
                value: phone.value.as_str().to_owned(),
                verified: phone.verified,
            }),
            external_id: visitor.external_id.as_ref().map(IdentityResponse::new),
            locale: visitor.locale.as_ref().map(ToString::to_string),
            context: (&visitor.context).into(),
            metadata: visitor.metadata.as_ref().map(|metadata| metadata.value().clone()),
            channel_id: visitor.channel_id.0,
            created_at: visitor.created_at.to_rfc3339(),
            last_seen_at: visitor.last_seen_at.to_rfc3339(),
        }
    }
}

/// Whether messages may come through a session.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VisitStatusWord {
    /// They may.
    Active,
    /// It was ended.
    Ended,
}

/// The newest visit in a conversation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VisitResponse {
    /// Names the visit.
    pub id: Uuid,
    /// Whether messages may come through it.
    pub status: VisitStatusWord,
    /// What the page attached.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Value>,
    /// When it began.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last used.
    #[schema(format = DateTime)]
    pub last_active_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
}

impl From<&Session> for VisitResponse {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.0,
            status: match session.status() {
                SessionStatus::Active => VisitStatusWord::Active,
                SessionStatus::Ended => VisitStatusWord::Ended,
            },
            metadata: session.metadata.as_ref().map(|metadata| metadata.value().clone()),
            created_at: session.created_at.to_rfc3339(),
            last_active_at: session.last_active_at.to_rfc3339(),
            ended_at: session.ended_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// The entry point of a conversation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConversationChannelResponse {
    /// Names it.
    pub id: Uuid,
    /// How agents call it.
    #[schema(example = "Website")]
    pub name: String,
    /// What kind it is.
    pub kind: ChannelKindWord,
}

impl From<&Channel> for ConversationChannelResponse {
    fn from(channel: &Channel) -> Self {
        Self {
            id: channel.id.0,
            name: channel.name.to_string(),
            kind: channel.kind.into(),
        }
    }
}

/// Up to which place each has read.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ReadStateResponse {
    /// The visitor.
    #[schema(example = 38)]
    pub visitor: i64,
    /// The team.
    #[schema(example = 39)]
    pub team: i64,
    /// The calling agent.
    #[schema(example = 39)]
    pub me: i64,
}

/// The seller of a marketplace conversation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SellerResponse {
    /// The agent.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000b2")]
    pub id: Uuid,
    /// The e-mail address.
    #[schema(example = "mia@example.com")]
    pub email: String,
}

impl From<&Seller> for SellerResponse {
    fn from(seller: &Seller) -> Self {
        Self {
            id: seller.id.0,
            email: seller.email.clone(),
        }
    }
}

/// A conversation with what hangs on it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConversationDetailResponse {
    /// The row of the list.
    #[serde(flatten)]
    pub row: OwnConversationRow,
    /// Who is on the outside.
    pub visitor: Option<VisitorCardResponse>,
    /// Who sells, in a marketplace; null elsewhere.
    pub seller: Option<SellerResponse>,
    /// The newest visit in it, if it has any.
    pub session: Option<VisitResponse>,
    /// Where it came in; null once the channel is gone.
    pub channel: Option<ConversationChannelResponse>,
    /// Who has read how far.
    pub read: ReadStateResponse,
}

/// Which conversation.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeletedQuery {
    /// Whether it may be a deleted one; for admins.
    #[param(nullable = false)]
    deleted: Option<bool>,
}

/// Get a conversation
///
/// The row, with visitor, session, channel and read state. A deleted one is only there with `deleted=true`, for admins.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id"), DeletedQuery), responses(
    (status = 200, description = "The conversation", body = ConversationDetailResponse),
    CommonProblems, QueryProblems, StaffProblems, NotFoundProblem
))]
#[get("/api/admin/chat-rooms/{id}")]
pub async fn get_conversation(
    auth: StaffAuth,
    id: web::Path<String>,
    query: web::Query<DeletedQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    let conversation = if query.deleted == Some(true) {
        must_see_deleted(&auth.0)?;
        state.reader.get_any(auth.0.workspace_id, id).await?
    } else {
        state.reader.get(auth.viewer(), id).await?
    };
    let mark = state.reader.own_mark(conversation.id, auth.0.id).await?;
    let (visitor, session) = state.reader.people(&conversation).await?;
    let channel = match state.channels.get(auth.0.workspace_id, conversation.channel_id).await {
        Ok(channel) => Some((&channel).into()),
        Err(ChannelError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(HttpResponse::Ok().json(ConversationDetailResponse {
        visitor: visitor.as_ref().map(VisitorCardResponse::new),
        seller: conversation.seller.as_ref().map(Into::into),
        session: session.as_ref().map(Into::into),
        channel,
        read: ReadStateResponse {
            visitor: conversation.visitor_mark.seq,
            team: conversation.team_mark.seq,
            me: mark.seq,
        },
        row: OwnConversationRow::new(&conversation, mark),
    }))
}

/// Delete a conversation
///
/// It is gone for both parties at once. Admins still see it with `deleted=true`, until it is erased after 30 days.
#[utoipa::path(path = "/api/admin/chat-rooms/{id}/", tag = "Conversations", security(("staff" = [])),
    params(("id" = Uuid, Path, description = "The conversation's internal id")), responses(
    (status = 204, description = "Deleted"),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[delete("/api/admin/chat-rooms/{id}")]
pub async fn delete_conversation(auth: AdminAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "conversation")?;
    state
        .conversations
        .delete(parlor_domain::conversation::Actor::Agent(auth.0.actor()), id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
