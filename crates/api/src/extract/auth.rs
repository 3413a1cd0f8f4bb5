use super::address::request_origin;
use super::page::PathId;
use super::whole::to_the_end;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::ws::identity::{Identity, RoomHolder, VisitorLogin};
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures_util::future::LocalBoxFuture;
use parlor_domain::agent::{Bearer, Caller, Role};
use parlor_domain::channel::Channel;
use parlor_domain::conversation::{Actor, Conversation, Party, ReadError, Viewer, VisitorActor};
use parlor_domain::creation::CreationKey;
use parlor_domain::id::{ChannelId, RoomKey, VisitorKey};
use parlor_domain::security::HostClaims;
use parlor_domain::text::ClientId;
use parlor_domain::visitor::Visitor;
use std::sync::Arc;

/// Anybody on our side with a login of its own, sellers too: for `auth/`.
#[derive(Debug)]
pub struct LoginAuth(pub Caller);

/// Staff: agents, admins, owners, and machines within their scope.
#[derive(Debug)]
pub struct StaffAuth(pub Caller);

/// Admins and owners.
#[derive(Debug)]
pub struct AdminAuth(pub Caller);

/// Owners.
#[derive(Debug)]
pub struct OwnerAuth(pub Caller);

/// A visitor, by key as `visitor_id` in the query or as Bearer, or by a host-site token.
#[derive(Debug)]
pub struct VisitorAuth(pub Arc<Visitor>);

/// A visitor or staff.
#[derive(Debug)]
pub enum PersonAuth {
    /// The customer's side.
    Visitor(Arc<Visitor>),
    /// Our side.
    Staff(Caller),
}

/// A customer or a seller of a marketplace, each known by a verified e-mail address.
#[derive(Debug)]
pub struct PartyAuth(pub Party);

/// The holder of the room key in the path.
#[derive(Debug)]
pub struct RoomAuth {
    /// The room.
    pub conversation: Conversation,
    /// Whose side it is.
    pub actor: Actor,
}

impl VisitorAuth {
    /// As the rules of conversations see it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        actor_of(&self.0)
    }

    /// As reader.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        Viewer::Visitor(self.0.workspace_id, self.0.id)
    }
}

impl PersonAuth {
    /// As reader.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        match self {
            Self::Visitor(visitor) => Viewer::Visitor(visitor.workspace_id, visitor.id),
            Self::Staff(caller) => Viewer::Staff(caller.workspace_id),
        }
    }
}

impl RoomAuth {
    /// As reader.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        Viewer::Visitor(self.conversation.workspace_id, self.conversation.visitor_id)
    }
}

impl StaffAuth {
    /// As the rules of conversations see it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Agent(self.0.actor())
    }

    /// As reader.
    #[must_use]
    pub const fn viewer(&self) -> Viewer {
        Viewer::Staff(self.0.workspace_id)
    }
}

fn actor_of(visitor: &Visitor) -> Actor {
    Actor::Visitor(VisitorActor {
        workspace_id: visitor.workspace_id,
        id: visitor.id,
        name: visitor.name.as_ref().map(|name| name.as_str().to_owned()),
    })
}

/// The bearer token of a request.
///
/// # Errors
/// 401 for an `Authorization` header that is no bearer token.
pub fn bearer(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let Some(header) = request.headers().get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let text = header.to_str().map_err(|_| Problem::unauthenticated())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(Problem::unauthenticated)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(Some(token))
    } else {
        Err(Problem::unauthenticated())
    }
}

fn state_of(request: &HttpRequest) -> Result<web::Data<AppState>, Problem> {
    request.app_data::<web::Data<AppState>>().cloned().ok_or_else(|| Problem::internal(&"no state"))
}

async fn caller(request: &HttpRequest) -> Result<Caller, Problem> {
    let state = state_of(request)?;
    let token = bearer(request)?.ok_or_else(Problem::unauthenticated)?;
    match state.directory.authenticate(token).await? {
        Bearer::Staff(caller) => Ok(caller),
        Bearer::Seller(claims) => seller_of_claims(request, &state, &claims).await,
        // Customers of the host site are known, and have no business here.
        Bearer::Customer(_) => Err(Problem::new(Code::Forbidden, "This is for agents; the token belongs to a customer.")),
    }
}

/// What a caller of at least this role may do here.
fn allowed(request: &HttpRequest, caller: Caller, least: Role) -> Result<Caller, Problem> {
    if caller.role < least {
        let who = match least {
            Role::Seller | Role::Agent => "agents",
            Role::Admin => "admins",
            Role::Owner => "owners",
        };
        return Err(Problem::new(Code::Forbidden, format!("Only {who} may do this.")));
    }
    if request.method() != Method::GET && !caller.may_write() {
        return Err(Problem::new(
            Code::Forbidden,
            "This API key may only read; use one with the scope `write` or `admin`.",
        ));
    }
    Ok(caller)
}

macro_rules! staff_extractor {
    ($name:ident, $least:expr) => {
        impl FromRequest for $name {
            type Error = Problem;
            type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let request = request.clone();
                Box::pin(async move {
                    let caller = caller(&request).await?;
                    allowed(&request, caller, $least).map(Self)
                })
            }
        }
    };
}

staff_extractor!(LoginAuth, Role::Seller);
staff_extractor!(StaffAuth, Role::Agent);
staff_extractor!(AdminAuth, Role::Admin);
staff_extractor!(OwnerAuth, Role::Owner);

/// The visitor that a key proves, however the text is written.
///
/// # Errors
/// 404 `visitor_not_found` for anything that proves nobody.
pub async fn visitor_by_key(state: &AppState, key: &str) -> Result<Arc<Visitor>, Problem> {
    let key: VisitorKey = key.parse().map_err(|_| Problem::from(parlor_domain::visitor::VisitorError::NotFound))?;
    Ok(state.visitors.authenticate(key).await?)
}

/// The visitor of a request: by a key that the family's body or query names, else by what stands in `Authorization`.
/// `None` if nothing is given at all.
///
/// # Errors
/// 404 `visitor_not_found` for a named key that proves nobody, 401 for a wrong `Authorization`.
pub async fn visitor_of(request: &HttpRequest, state: &AppState, named: Option<&str>) -> Result<Option<Arc<Visitor>>, Problem> {
    if let Some(key) = named.filter(|key| !key.trim().is_empty()) {
        return visitor_by_key(state, key.trim()).await.map(Some);
    }
    let Some(token) = bearer(request)? else { return Ok(None) };
    match known(request, state, token).await? {
        Known::Visitor(visitor) => Ok(Some(visitor)),
        Known::Agent(_) => Err(Problem::new(
            Code::Forbidden,
            "This is the customer's side; agents use the paths under /api/admin/.",
        )),
    }
}

/// Whom a bearer token proves.
enum Known {
    Visitor(Arc<Visitor>),
    Agent(Caller),
}

async fn known(request: &HttpRequest, state: &AppState, token: &str) -> Result<Known, Problem> {
    if let Ok(key) = token.parse::<VisitorKey>() {
        return match state.visitors.authenticate(key).await {
            Ok(visitor) => Ok(Known::Visitor(visitor)),
            Err(parlor_domain::visitor::VisitorError::NotFound) => Err(Problem::unauthenticated()),
            Err(error) => Err(error.into()),
        };
    }
    Ok(match state.directory.authenticate(token).await? {
        Bearer::Customer(claims) => {
            let channel = channel_for(request, state, None).await?;
            Known::Visitor(state.visitors.of_claims(&channel, &claims).await?)
        }
        Bearer::Seller(claims) => Known::Agent(seller_of_claims(request, state, &claims).await?),
        Bearer::Staff(caller) => Known::Agent(caller),
    })
}

/// Whoever may write in some conversation: a visitor or the holder of a room key, a seller, staff, a machine that may write. By a
/// visitor key that body or query name (`named`), else by what stands in `Authorization`.
///
/// # Errors
/// 401 without proof, 403 for a machine that may only read, 404 `visitor_not_found` for a named key that proves nobody.
pub async fn writer_of(request: &HttpRequest, state: &AppState, named: Option<&str>) -> Result<Identity, Problem> {
    let visitor = |visitor| {
        Identity::Visitor(VisitorLogin {
            visitor,
            key: None,
            expires_at: None,
        })
    };
    if let Some(key) = named.filter(|key| !key.trim().is_empty()) {
        return visitor_by_key(state, key.trim()).await.map(visitor);
    }
    let token = bearer(request)?.ok_or_else(Problem::unauthenticated)?;
    // A key looks the same whether it is a visitor's or a room's.
    if let Ok(key) = token.parse::<RoomKey>() {
        match state.reader.by_room_key(key).await {
            Ok(room) => return Ok(Identity::Room(RoomHolder::from(&room))),
            Err(ReadError::NotFound) => {}
            Err(ReadError::Repository(error)) => return Err(error.into()),
        }
    }
    match known(request, state, token).await? {
        Known::Visitor(found) => Ok(visitor(found)),
        Known::Agent(caller) if caller.role == Role::Seller => Ok(Identity::Seller(caller)),
        Known::Agent(caller) => allowed(request, caller, Role::Agent).map(Identity::Agent),
    }
}

/// A seller of the host site, who is made at first sight.
async fn seller_of_claims(request: &HttpRequest, state: &AppState, claims: &HostClaims) -> Result<Caller, Problem> {
    let channel = channel_for(request, state, None).await?;
    let (sellers, claims) = (state.sellers.clone(), claims.clone());
    // A new address is told to all that the seller sells, whether the caller waits for it or not.
    Ok(to_the_end(async move { sellers.of_claims(channel.workspace_id, &claims).await }).await??)
}

fn party(known: Known) -> Result<Party, Problem> {
    match known {
        Known::Visitor(visitor) => {
            let email = visitor.email.as_ref().filter(|email| email.verified).map(|email| email.value.clone());
            let email = email.ok_or_else(|| {
                let detail =
                    "The two sides know one another by verified e-mail addresses, and you have none: log in with a token of the host site that has `email`.";
                Problem::new(Code::Forbidden, detail)
            })?;
            Ok(Party::Customer(visitor, email))
        }
        Known::Agent(caller) => {
            let email = caller.email.clone().filter(|_| caller.machine.is_none());
            let email = email.ok_or_else(|| Problem::new(Code::Forbidden, "This is for customers and sellers; API keys use the paths under /api/admin/."))?;
            Ok(Party::Seller(caller.actor(), email))
        }
    }
}

/// The channel that a stranger's request belongs to: named in query or body (`named`) or by `X-Parlor-Channel`, else by its origin.
///
/// # Errors
/// 404 for a channel that does not exist.
pub async fn channel_for(request: &HttpRequest, state: &AppState, named: Option<&str>) -> Result<Channel, Problem> {
    let header = request.headers().get("x-parlor-channel").and_then(|value| value.to_str().ok());
    let query = web::Query::<ChannelQuery>::from_query(request.query_string())
        .ok()
        .and_then(|query| query.into_inner().channel);
    let named = named.map(str::to_owned).or(query).or_else(|| header.map(str::to_owned));
    let id = named.map(|text| PathId::parse::<ChannelId>(&text, "channel")).transpose()?;
    Ok(state.channels.resolve(id, request_origin(request)).await?)
}

#[derive(serde::Deserialize)]
struct ChannelQuery {
    channel: Option<String>,
}

#[derive(serde::Deserialize)]
struct VisitorQuery {
    visitor_id: Option<String>,
}

/// `visitor_id` in the query.
fn named_in_query(request: &HttpRequest) -> Option<String> {
    web::Query::<VisitorQuery>::from_query(request.query_string())
        .ok()
        .and_then(|query| query.into_inner().visitor_id)
}

impl FromRequest for VisitorAuth {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let state = state_of(&request)?;
            let named = named_in_query(&request);
            visitor_of(&request, &state, named.as_deref())
                .await?
                .map(Self)
                .ok_or_else(Problem::unauthenticated)
        })
    }
}

impl FromRequest for PersonAuth {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let state = state_of(&request)?;
            // Staff first: for staff a `visitor_id` in the query is a filter, not a proof.
            if let Some(token) = bearer(&request)?
                && token.parse::<VisitorKey>().is_err()
                && let Bearer::Staff(caller) = state.directory.authenticate(token).await?
            {
                return allowed(&request, caller, Role::Agent).map(Self::Staff);
            }
            let named = named_in_query(&request);
            visitor_of(&request, &state, named.as_deref())
                .await?
                .map(Self::Visitor)
                .ok_or_else(Problem::unauthenticated)
        })
    }
}

impl FromRequest for PartyAuth {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let state = state_of(&request)?;
            let token = bearer(&request)?.ok_or_else(Problem::unauthenticated)?;
            party(known(&request, &state, token).await?).map(Self)
        })
    }
}

impl FromRequest for RoomAuth {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let state = state_of(&request)?;
            let key: RoomKey = PathId::parse(request.match_info().get("id").unwrap_or_default(), "room")?;
            let conversation = state.reader.by_room_key(key).await.map_err(|error| match error {
                ReadError::NotFound => Problem::not_found("room"),
                ReadError::Repository(error) => error.into(),
            })?;
            let actor = Actor::Visitor(VisitorActor {
                workspace_id: conversation.workspace_id,
                id: conversation.visitor_id,
                name: conversation.customer_name.clone(),
            });
            Ok(Self { conversation, actor })
        })
    }
}

/// The `Idempotency-Key` of a request as it was written. One that cannot be read is no missing one: the repeat would be stored twice.
///
/// # Errors
/// 400 for a key that is not of visible ASCII.
pub fn idempotency_text(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let header = request.headers().get("idempotency-key").map(|value| value.to_str());
    header
        .transpose()
        .map_err(|_| Problem::field("Idempotency-Key", "must be 1 to 64 visible characters"))
}

/// The `Idempotency-Key` of a creation, together with who calls and what is asked for.
///
/// # Errors
/// 400 for a key that is not 1–64 characters.
pub fn idempotency_key(request: &HttpRequest, kind: &str, caller: &str, content: &[u8]) -> Result<Option<CreationKey>, Problem> {
    let Some(text) = idempotency_text(request)? else { return Ok(None) };
    let key = ClientId::parse(text).map_err(|error| Problem::field("Idempotency-Key", error.to_string()))?;
    // Behind one address are many people; a client that repeats is the same client.
    let client = request
        .headers()
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    Ok(Some(CreationKey::new(kind, &format!("{caller}\n{client}"), key.as_str(), content)))
}
