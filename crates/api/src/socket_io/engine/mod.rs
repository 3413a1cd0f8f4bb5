//! Engine.IO, revision 4: sessions that go over HTTP requests or a WebSocket, whichever a client can have. What is said in them
//! is nobody's business here.

mod heart;
mod packet;
mod polling;
mod session;
mod socket;
mod websocket;

pub use socket::{Arrival, Sender, Socket};

use super::door;
use crate::extract::{ClientAddress, request_origin};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::ws::Close;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use packet::Outgoing;
use serde::Deserialize;
use serde_json::json;
use session::{Session, Transport};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the client of an ended session may take to hear what waits.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// When the server stops: how long the door may finish what it does.
const FINISH_WITHIN: Duration = Duration::from_secs(2);

/// All sessions of this node.
#[derive(Default)]
pub struct Engine {
    sessions: Mutex<HashMap<String, Arc<Session>>>,
}

impl Engine {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, sid: &str) -> Option<Arc<Session>> {
        self.lock().get(sid).cloned()
    }
}

/// Whether a request is a poll or POST that a session answers. Sessions have an allowance of their own; what is refused has none.
#[must_use]
pub fn is_in_session(request: &HttpRequest, state: &AppState) -> bool {
    let Ok(query) = Query::read(request.query_string()) else { return false };
    let session = query.sid.as_deref().and_then(|sid| state.engine.find(sid));
    query.over_websocket() == Ok(false) && comes_from_allowed_page(request, state) && session.is_some_and(|session| session.answers(request.method()))
}

/// Why a request is refused, in the protocol's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such transport.
    #[error("Transport unknown")]
    TransportUnknown,
    /// There is no such session.
    #[error("Session ID unknown")]
    SessionUnknown,
    /// The method does nothing here.
    #[error("Bad handshake method")]
    BadMethod,
    /// Anything else.
    #[error("Bad request")]
    BadRequest,
    /// The body is too large.
    #[error("Payload too large")]
    TooLarge,
    /// Pages of this origin may not come here.
    #[error("Forbidden")]
    Forbidden,
    /// Not revision 4.
    #[error("Unsupported protocol version")]
    VersionUnsupported,
}

impl Refusal {
    const fn code(self) -> u8 {
        match self {
            Self::TransportUnknown => 0,
            Self::SessionUnknown => 1,
            Self::BadMethod => 2,
            Self::BadRequest | Self::TooLarge => 3,
            Self::Forbidden => 4,
            Self::VersionUnsupported => 5,
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let body = json!({"code": self.code(), "message": self.to_string()});
        HttpResponse::build(self.status_code())
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(body)
    }
}

const POLLING: &str = "polling";
const WEBSOCKET: &str = "websocket";

#[derive(Debug, Default, Deserialize)]
struct Query {
    #[serde(rename = "EIO")]
    version: Option<String>,
    transport: Option<String>,
    sid: Option<String>,
    token: Option<String>,
    channel: Option<String>,
}

impl Query {
    fn read(query: &str) -> Result<Self, Refusal> {
        web::Query::from_query(query).map(web::Query::into_inner).map_err(|_| Refusal::BadRequest)
    }

    /// The transport, if it and the version are known.
    fn over_websocket(&self) -> Result<bool, Refusal> {
        let over_websocket = match self.transport.as_deref() {
            Some(POLLING) => false,
            Some(WEBSOCKET) => true,
            _ => return Err(Refusal::TransportUnknown),
        };
        match self.version.as_deref() {
            Some("4") => Ok(over_websocket),
            _ => Err(Refusal::VersionUnsupported),
        }
    }
}

fn comes_from_allowed_page(request: &HttpRequest, state: &AppState) -> bool {
    !request.headers().contains_key(header::ORIGIN) || request_origin(request).is_some_and(|origin| state.origins.allows(origin))
}

/// Answers every request of every session.
///
/// # Errors
/// A [`Refusal`], or a problem where a limit says so.
pub async fn handle(request: HttpRequest, payload: web::Payload, address: ClientAddress, state: web::Data<AppState>) -> Result<HttpResponse, actix_web::Error> {
    if !comes_from_allowed_page(&request, &state) {
        return Err(Refusal::Forbidden.into());
    }
    let query = Query::read(request.query_string())?;
    let over_websocket = query.over_websocket()?;
    let Some(sid) = &query.sid else {
        return open(&request, payload, address, state, query, over_websocket).await;
    };
    let session = state.engine.find(sid).ok_or(Refusal::SessionUnknown)?;
    let answer = match *request.method() {
        Method::GET if over_websocket && websocket::is_wanted(&request) => {
            let counted = state.hub.count_socket();
            websocket::join(session, &request, payload, counted).await
        }
        _ if over_websocket => Err(Refusal::BadRequest),
        Method::GET => polling::poll(&session).await,
        Method::POST => polling::post(&session, payload).await,
        _ => Err(Refusal::BadMethod),
    };
    Ok(answer?)
}

/// Opens a session.
async fn open(
    request: &HttpRequest,
    payload: web::Payload,
    address: ClientAddress,
    state: web::Data<AppState>,
    query: Query,
    over_websocket: bool,
) -> Result<HttpResponse, actix_web::Error> {
    if request.method() != Method::GET {
        return Err(Refusal::BadMethod.into());
    }
    if over_websocket && !websocket::is_wanted(request) {
        return Err(Refusal::BadRequest.into());
    }
    if *state.hub.stopping().borrow() {
        return Err(Problem::new(Code::Unavailable, "The server is stopping; try again in a moment.").into());
    }
    state.limits.connections.check(&address.network())?;
    // 122 random bits: nobody guesses a session.
    let sid = state.ids.random().simple().to_string();
    let (transport, upgrades) = if over_websocket {
        (Transport::WebSocket, &[][..])
    } else {
        (Transport::Polling, &[WEBSOCKET][..])
    };
    let terms = Outgoing::open(&sid, upgrades);
    let (session, messages) = Session::new(sid, transport, &state.limits.config);
    let session = Arc::new(session);
    let counted = Arc::new(state.hub.count_socket());
    let response = if over_websocket {
        session.send(terms);
        websocket::begin(Arc::clone(&session), request, payload, Arc::clone(&counted)).await?
    } else {
        let mut body = Vec::new();
        terms.append_to(&mut body);
        polling::packets(body)
    };
    let arrival = Arrival {
        origin: request_origin(request).map(str::to_owned),
        token: query.token.filter(|_| state.settings.query_tokens),
        channel: query.channel,
    };
    state.engine.lock().insert(session.sid().to_owned(), Arc::clone(&session));
    let socket = Socket::new(arrival, Arc::clone(&session), messages);
    actix_web::rt::spawn(live(state.clone(), session, counted));
    actix_web::rt::spawn(door::serve(state, socket));
    Ok(response)
}

/// The life of a session, whatever its transport. It counts as a socket until its client heard the end of it.
async fn live<G>(state: web::Data<AppState>, session: Arc<Session>, _counted: G) {
    let mut stopping = state.hub.stopping();
    tokio::select! {
        () = session.ended() => {}
        () = session.beat() => session.cut(Close::Silent),
        _ = stopping.wait_for(|stopping| *stopping) => {
            let _ = tokio::time::timeout(FINISH_WITHIN, session.ended()).await;
            session.close(Close::GoingAway);
        }
    }
    let _ = tokio::time::timeout(CLOSE_WITHIN, session.told()).await;
    state.engine.lock().remove(session.sid());
}
