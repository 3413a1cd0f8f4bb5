//! Who opens a socket, and whether its page may.

use super::close::Close;
use super::identity::{Identity, RoomHolder, VisitorLogin};
use crate::extract::to_the_end;
use crate::state::AppState;
use parlor_domain::agent::{AuthenticationError, Bearer, Caller, SellerError};
use parlor_domain::channel::{Channel, ChannelError, Origin};
use parlor_domain::conversation::{ReadError, Viewer};
use parlor_domain::id::{ChannelId, ConversationId, RoomKey, VisitorKey, WorkspaceId};
use parlor_domain::realtime::{TicketError, TicketHolder, TicketService};
use parlor_domain::security::HostClaims;
use parlor_domain::visitor::VisitorError;

/// Nothing is known while the database is away: the client comes back.
fn unavailable(error: &dyn std::fmt::Display) -> Close {
    tracing::warn!(%error, "a socket could not be logged in");
    Close::TooSlow
}

/// The identity that a token proves: a ticket, a visitor key, an agent's access token or a token of the host site.
///
/// # Errors
/// How to close.
pub async fn by_token(state: &AppState, token: &str, origin: Option<&str>, channel: Option<ChannelId>) -> Result<Identity, Close> {
    if TicketService::is_ticket(token) {
        return by_ticket(state, token, origin).await;
    }
    if let Ok(key) = token.parse::<VisitorKey>() {
        let visitor = state.visitors.authenticate(key).await.map_err(no_visitor)?;
        return Ok(Identity::Visitor(VisitorLogin {
            visitor,
            key: Some(key),
            expires_at: None,
        }));
    }
    match state.directory.authenticate(token).await.map_err(no_agent)? {
        Bearer::Staff(caller) => agent(caller),
        // Theirs is the Socket.IO door.
        Bearer::Seller(_) => Err(Close::Forbidden),
        Bearer::Customer(claims) => customer(state, &claims, origin, channel).await,
    }
}

/// The identity that a token proves at the Socket.IO door, where people are parties of their conversations: the customer by a
/// token of the host site, a visitor key or a room key; the seller, or an agent in what it sells, by an own or the host site's token.
///
/// # Errors
/// Why not.
pub async fn party_by_token(state: &AppState, token: &str, origin: Option<&str>, channel: Option<ChannelId>) -> Result<Identity, Close> {
    if let Ok(key) = token.parse::<VisitorKey>() {
        return by_key(state, key).await;
    }
    match state.directory.authenticate(token).await.map_err(no_agent)? {
        Bearer::Staff(caller) if caller.machine.is_none() => Ok(Identity::Seller(caller)),
        Bearer::Staff(_) => Err(Close::Forbidden),
        Bearer::Seller(claims) => {
            let channel = entry_point(state, origin, channel).await?;
            let sellers = state.sellers.clone();
            let seller = to_the_end(async move { sellers.of_claims(channel.workspace_id, &claims).await }).await;
            seller.map_err(|_| Close::TooSlow)?.map(Identity::Seller).map_err(no_seller)
        }
        Bearer::Customer(claims) => customer(state, &claims, origin, channel).await,
    }
}

/// A key looks the same whether it is a visitor's or a room's.
async fn by_key(state: &AppState, key: VisitorKey) -> Result<Identity, Close> {
    match state.visitors.authenticate(key).await {
        Ok(visitor) => Ok(Identity::Visitor(VisitorLogin {
            visitor,
            key: Some(key),
            expires_at: None,
        })),
        Err(VisitorError::NotFound) => match state.reader.by_room_key(RoomKey::new(key.expose())).await {
            Ok(room) => Ok(Identity::Room(RoomHolder::from(&room))),
            Err(ReadError::NotFound) => Err(Close::Unauthenticated),
            Err(ReadError::Repository(error)) => Err(unavailable(&error)),
        },
        Err(error) => Err(no_visitor(error)),
    }
}

async fn customer(state: &AppState, claims: &HostClaims, origin: Option<&str>, channel: Option<ChannelId>) -> Result<Identity, Close> {
    let channel = entry_point(state, origin, channel).await?;
    let visitor = state.visitors.of_claims(&channel, claims).await.map_err(no_visitor)?;
    Ok(Identity::Visitor(VisitorLogin {
        visitor,
        key: None,
        expires_at: Some(claims.expires_at),
    }))
}

/// Where somebody of the host site comes in.
async fn entry_point(state: &AppState, origin: Option<&str>, channel: Option<ChannelId>) -> Result<Channel, Close> {
    state.channels.resolve(channel, origin).await.map_err(|error| match error {
        ChannelError::NotFound
        | ChannelError::LastWebChannel
        | ChannelError::Changed
        | ChannelError::NumberTaken
        | ChannelError::NumberMissing
        | ChannelError::NumberFixed => Close::Forbidden,
        ChannelError::Repository(error) => unavailable(&error),
        ChannelError::Security(error) => unavailable(&error),
    })
}

/// The identity that a ticket stands for, if its rights still stand.
///
/// # Errors
/// How to close.
pub async fn by_ticket(state: &AppState, ticket: &str, origin: Option<&str>) -> Result<Identity, Close> {
    let holder = state.tickets.redeem(ticket, origin).await.map_err(|error| match error {
        TicketError::Invalid => Close::Unauthenticated,
        TicketError::Repository(error) => unavailable(&error),
    })?;
    if let Some(caller) = state.directory.of_ticket(&holder).await.map_err(no_agent)? {
        return agent(caller);
    }
    match holder {
        TicketHolder::Visitor {
            workspace_id,
            visitor_id,
            expires_at,
        } => {
            let visitor = state.visitors.get(workspace_id, visitor_id).await.map_err(no_visitor)?;
            Ok(Identity::Visitor(VisitorLogin {
                visitor: visitor.into(),
                key: None,
                expires_at,
            }))
        }
        TicketHolder::Room {
            workspace_id, conversation_id, ..
        } => {
            let conversation = state.reader.get(Viewer::Staff(workspace_id), conversation_id).await.map_err(no_room)?;
            Ok(Identity::Room(RoomHolder::from(&conversation)))
        }
        TicketHolder::Agent { .. } | TicketHolder::HostAgent { .. } => Err(Close::Unauthenticated),
    }
}

/// The holder of a room key.
///
/// # Errors
/// How to close.
pub async fn by_room_key(state: &AppState, key: &str) -> Result<Identity, Close> {
    let key: RoomKey = key.parse().map_err(|_| Close::NoSuchRoom)?;
    let conversation = state.reader.by_room_key(key).await.map_err(no_room)?;
    Ok(Identity::Room(RoomHolder::from(&conversation)))
}

/// Sellers have the Socket.IO door, and machines have webhooks.
fn agent(caller: Caller) -> Result<Identity, Close> {
    if caller.is_staff() && caller.machine.is_none() {
        Ok(Identity::Agent(caller))
    } else {
        Err(Close::Forbidden)
    }
}

fn no_agent(error: AuthenticationError) -> Close {
    match error {
        AuthenticationError::Expired | AuthenticationError::Invalid => Close::Unauthenticated,
        AuthenticationError::Repository(error) => unavailable(&error),
    }
}

fn no_seller(error: SellerError) -> Close {
    match error {
        SellerError::NoEmail | SellerError::EmailTaken => Close::Forbidden,
        SellerError::Deactivated => Close::Unauthenticated,
        SellerError::Repository(error) => unavailable(&error),
    }
}

fn no_visitor(error: VisitorError) -> Close {
    match error {
        VisitorError::NotFound | VisitorError::KeyReused | VisitorError::Security(_) => Close::Unauthenticated,
        VisitorError::Repository(error) => unavailable(&error),
    }
}

/// How a socket ends whose room cannot be read.
pub fn no_room(error: ReadError) -> Close {
    match error {
        ReadError::NotFound => Close::NoSuchRoom,
        ReadError::Repository(error) => unavailable(&error),
    }
}

/// Whether the page's origin fits the channel of who logged in: a visitor's own one, for agents any of the workspace.
///
/// # Errors
/// How to close.
pub async fn origin_fits(state: &AppState, origin: Option<&str>, identity: &Identity) -> Result<(), Close> {
    let Some(origin) = origin else { return Ok(()) };
    let channel = match identity {
        Identity::Agent(_) | Identity::Seller(_) => None,
        Identity::Visitor(login) => Some(login.visitor.channel_id),
        Identity::Room(room) => Some(channel_of(state, room.workspace_id, room.conversation_id).await?),
    };
    let channels = state.channels.all().await.map_err(|error| unavailable(&error))?;
    let of_workspace = channels.iter().filter(|known| known.workspace_id == identity.workspace());
    let origins: Vec<Origin> = of_workspace
        .filter(|known| channel.is_none_or(|id| id == known.id))
        .flat_map(|known| known.origins.clone())
        .collect();
    if state.origins.allows(origin) && state.origins.fits_channel(origin, &origins) {
        Ok(())
    } else {
        Err(Close::Forbidden)
    }
}

async fn channel_of(state: &AppState, workspace: WorkspaceId, conversation: ConversationId) -> Result<ChannelId, Close> {
    Ok(state.reader.get(Viewer::Staff(workspace), conversation).await.map_err(no_room)?.channel_id)
}
