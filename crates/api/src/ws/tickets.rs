//! Single-use tickets: how a browser logs a socket in without a secret in its URL.

use crate::extract::{bearer, request_origin, visitor_of};
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, post, web};
use parlor_domain::agent::{Bearer, Caller};
use parlor_domain::conversation::ReadError;
use parlor_domain::id::{RoomKey, VisitorKey};
use parlor_domain::realtime::{TICKET_LIFETIME, TicketHolder};
use parlor_domain::visitor::VisitorError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketResponse {
    /// For `?ticket=` of a socket, or as `token` of its `session:hello`. Good once, from the origin that asked for it.
    #[schema(example = "ticket_8f14e45fceea467f9a0c9e1f3a2b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b")]
    pub ticket: String,
    /// For how many seconds.
    #[schema(example = 30)]
    pub expires_in: u64,
}

/// Get a ticket for a socket
///
/// With the usual login as `Authorization: Bearer`: an agent's access token, a visitor key, a token of the host site, or a room key (then for that room only). A visitor key may also stand in the query as `visitor_id`.
#[utoipa::path(
    path = "/api/realtime/tickets",
    tag = "Realtime",
    security(("visitor" = []), ("staff" = [])),
    responses(
        (status = 200, description = "The ticket, good for 30 s and once", body = TicketResponse),
        (status = 401, description = "Nobody is logged in", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "This login opens no socket: sellers have the Socket.IO door, machines have none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such visitor", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not now; try again", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[post("/api/realtime/tickets")]
pub async fn create_realtime_ticket(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let holder = holder(&request, &state).await?;
    let ticket = state.tickets.issue(holder, request_origin(&request).map(str::to_owned)).await?;
    Ok(HttpResponse::Ok().json(TicketResponse {
        ticket,
        expires_in: TICKET_LIFETIME.as_secs(),
    }))
}

async fn holder(request: &HttpRequest, state: &AppState) -> Result<TicketHolder, Problem> {
    if let Some(token) = bearer(request)? {
        if let Ok(key) = token.parse::<VisitorKey>() {
            return by_key(state, key).await;
        }
        match state.directory.authenticate(token).await? {
            Bearer::Staff(caller) => return of_agent(&caller),
            Bearer::Seller(_) => return Err(no_ticket_for_sellers()),
            Bearer::Customer(claims) => {
                let channel = crate::extract::channel_for(request, state, None).await?;
                let visitor = state.visitors.of_claims(&channel, &claims).await?;
                let (workspace_id, visitor_id) = (visitor.workspace_id, visitor.id);
                return Ok(TicketHolder::Visitor {
                    workspace_id,
                    visitor_id,
                    expires_at: Some(claims.expires_at),
                });
            }
        }
    }
    let named = web::Query::<VisitorQuery>::from_query(request.query_string())
        .ok()
        .and_then(|query| query.into_inner().visitor_id);
    let visitor = visitor_of(request, state, named.as_deref()).await?.ok_or_else(Problem::unauthenticated)?;
    Ok(TicketHolder::Visitor {
        workspace_id: visitor.workspace_id,
        visitor_id: visitor.id,
        expires_at: None,
    })
}

#[derive(Deserialize)]
struct VisitorQuery {
    visitor_id: Option<String>,
}

/// A key looks the same whether it is a visitor's or a room's.
async fn by_key(state: &AppState, key: VisitorKey) -> Result<TicketHolder, Problem> {
    match state.visitors.authenticate(key).await {
        Ok(visitor) => Ok(TicketHolder::Visitor {
            workspace_id: visitor.workspace_id,
            visitor_id: visitor.id,
            expires_at: None,
        }),
        Err(VisitorError::NotFound) => match state.reader.by_room_key(RoomKey::new(key.expose())).await {
            Ok(room) => Ok(TicketHolder::Room {
                workspace_id: room.workspace_id,
                visitor_id: room.visitor_id,
                conversation_id: room.id,
            }),
            Err(ReadError::NotFound) => Err(Problem::unauthenticated()),
            Err(ReadError::Repository(error)) => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

fn no_ticket_for_sellers() -> Problem {
    Problem::new(Code::Forbidden, "Sellers have no ticket: the Socket.IO door is theirs.")
}

fn of_agent(caller: &Caller) -> Result<TicketHolder, Problem> {
    if !caller.is_staff() {
        return Err(no_ticket_for_sellers());
    }
    let (agent_id, auth_version) = (caller.id, caller.auth_version);
    match (caller.login_id, caller.expires_at) {
        (Some(login_id), Some(expires_at)) => Ok(TicketHolder::Agent {
            agent_id,
            login_id,
            auth_version,
            expires_at,
        }),
        (None, Some(expires_at)) => Ok(TicketHolder::HostAgent {
            agent_id,
            auth_version,
            expires_at,
        }),
        _ => Err(Problem::new(Code::Forbidden, "A machine has no ticket: sockets are for people.")),
    }
}
