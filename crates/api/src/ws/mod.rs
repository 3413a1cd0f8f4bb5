//! Sockets: one JSON protocol for the widget, the agents' inbox and other clients. docs/websocket.md is the guide.

mod asyncapi;
mod close;
mod commands;
pub(crate) mod connection;
pub(crate) mod hub;
pub(crate) mod identity;
pub(crate) mod limit;
pub(crate) mod login;
pub mod protocol;
mod queue;
mod session;
mod tickets;
pub(crate) mod wire;
mod yaml;

pub use asyncapi::{asyncapi_document, asyncapi_yaml};
pub use close::Close;
pub use connection::remember_socket;
pub use hub::{Hub, HubDependencies, Task};

use crate::extract::{ClientAddress, request_origin};
use crate::problem::{Code, Problem};
use crate::routes::Routes;
use crate::state::AppState;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use queue::Queue;
use serde::Deserialize;
use session::{Arrival, Door};
use std::sync::Arc;

/// The HTTP calls that belong to sockets.
pub fn routes(config: &mut impl Routes) {
    config.add(tickets::create_realtime_ticket);
}

/// The doors, and the document about them.
pub fn sockets(config: &mut web::ServiceConfig) {
    config
        .route("/ws", web::get().to(main_door))
        .route("/ws/admin/chat", web::get().to(admin_door))
        .route("/ws/chat/{room_id}", web::get().to(room_door))
        .route("/api/asyncapi.json", web::get().to(asyncapi::document))
        .route("/api/docs/asyncapi", web::get().to(asyncapi::page));
}

#[derive(Debug, Default, Deserialize)]
struct SocketQuery {
    ticket: Option<String>,
    token: Option<String>,
    channel: Option<String>,
}

async fn main_door(request: HttpRequest, payload: web::Payload, address: ClientAddress, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    open(&request, payload, address, state, Door::Main).await
}

async fn admin_door(request: HttpRequest, payload: web::Payload, address: ClientAddress, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    open(&request, payload, address, state, Door::AdminChat).await
}

async fn room_door(
    request: HttpRequest,
    payload: web::Payload,
    address: ClientAddress,
    state: web::Data<AppState>,
    room: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    open(&request, payload, address, state, Door::Room(room.into_inner())).await
}

async fn open(request: &HttpRequest, payload: web::Payload, address: ClientAddress, state: web::Data<AppState>, door: Door) -> Result<HttpResponse, Problem> {
    if request.headers().contains_key(header::ORIGIN) && !request_origin(request).is_some_and(|origin| state.origins.allows(origin)) {
        return Err(Problem::new(
            Code::Forbidden,
            "Pages of this origin may not open sockets here; add the origin to a channel.",
        ));
    }
    if *state.hub.stopping().borrow() {
        return Err(Problem::new(Code::Unavailable, "The server is stopping; try again in a moment."));
    }
    state.limits.connections.check(&address.network())?;
    let SocketQuery { ticket, token, channel } = web::Query::from_query(request.query_string()).map(web::Query::into_inner).unwrap_or_default();
    let queue = Arc::new(Queue::default());
    let open = state.hub.count_socket();
    let (response, inlet) = connection::upgrade(request, payload, Arc::clone(&queue), open).await?;
    let origin = request_origin(request).map(str::to_owned);
    // A wrong login is answered on the socket: browsers cannot read the HTTP errors of a failed upgrade.
    actix_web::rt::spawn(session::run(
        Arrival {
            state,
            door,
            ticket,
            token,
            channel,
            origin,
        },
        inlet,
        queue,
    ));
    Ok(response)
}
