//! Puts the application together: routes, documents, and what every request goes through.

use crate::families::operations::CachedDocument;
use crate::families::{admin, attachments, chats, help, live_chat, marketplace, operations, rooms, stored_chats};
use crate::openapi::{self, AUDIENCES, KnownPaths};
use crate::problem::{Code, Problem};
use crate::request_id::name_requests;
use crate::routes::Routes;
use crate::state::AppState;
use crate::{extract::ClientAddress, socket_io, ws};
use actix_cors::Cors;
use actix_web::HttpMessage;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Uri, uri::PathAndQuery};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, web};
use std::str::FromStr;
use std::sync::LazyLock;
use tracing::Span;
use tracing::field::Empty;
use tracing_actix_web::{RequestId, RootSpanBuilder, TracingLogger};
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::{Config, SwaggerUi, Url as DocumentUrl};

/// The OpenAPI documents, made once.
#[derive(Debug, Clone)]
pub struct Documents {
    /// Everything.
    pub whole: CachedDocument,
    /// One for each audience.
    pub parts: Vec<(&'static str, CachedDocument)>,
    /// Which methods each path has.
    pub paths: KnownPaths,
}

/// Pages and sockets, which OpenAPI does not describe.
const PAGES: [(&str, &[&str]); 11] = [
    ("/setup", &["GET", "POST"]),
    ("/help/{slug}", &["GET"]),
    ("/assets/{folder}/{file}", &["GET"]),
    ("/ws", &["GET"]),
    ("/ws/admin/chat", &["GET"]),
    ("/ws/chat/{room_id}", &["GET"]),
    ("/socket.io", &["GET", "POST"]),
    ("/api/asyncapi.json", &["GET"]),
    ("/api/docs", &["GET"]),
    ("/api/docs/asyncapi", &["GET"]),
    ("/api/docs/{file}", &["GET"]),
];

fn documented(config: &mut impl Routes) {
    chats::routes(config);
    rooms::routes(config);
    marketplace::routes(config);
    attachments::routes(config);
    stored_chats::routes(config);
    live_chat::routes(config);
    ws::routes(config);
    admin::routes(config);
    operations::routes(config);
}

/// The whole OpenAPI document.
#[must_use]
pub fn openapi_document() -> utoipa::openapi::OpenApi {
    let (_, document) = App::new()
        .into_utoipa_app()
        .openapi(openapi::base())
        .configure(|config| documented(config))
        .split_for_parts();
    openapi::without_null_defaults(document)
}

impl Documents {
    /// The documents. The first who asks waits until they are made: a server that nobody asks needs no memory for them.
    #[must_use]
    pub fn get() -> &'static Self {
        static ONE: LazyLock<Documents> = LazyLock::new(Documents::make);
        &ONE
    }

    fn make() -> Self {
        let document = openapi_document();
        let json = |document: &utoipa::openapi::OpenApi| CachedDocument::new(document.to_json().unwrap_or_default());
        Self {
            whole: json(&document),
            parts: AUDIENCES
                .iter()
                .map(|(name, _, tags)| (*name, json(&openapi::with_tags(&document, tags))))
                .collect(),
            paths: KnownPaths::of(&document, &PAGES),
        }
    }
}

fn swagger() -> SwaggerUi {
    let whole = std::iter::once(DocumentUrl::with_primary("Everything", "/api/openapi.json", true));
    let parts = [
        DocumentUrl::new("Widget and customers", "/api/openapi/widget.json"),
        DocumentUrl::new("Agents and admins", "/api/openapi/agents.json"),
        DocumentUrl::new("Marketplace", "/api/openapi/marketplace.json"),
        DocumentUrl::new("WhatsApp", "/api/openapi/whatsapp.json"),
        DocumentUrl::new("Operations", "/api/openapi/operations.json"),
    ];
    SwaggerUi::new("/api/docs/{_:.*}").config(Config::new(whole.chain(parts)).deep_linking(true).persist_authorization(false))
}

/// The application of one worker. `files` adds what the browser gets beside the API.
pub fn application(
    state: web::Data<AppState>,
    files: fn(&mut web::ServiceConfig),
) -> App<impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<impl MessageBody>, Error = actix_web::Error, InitError = ()>> {
    App::new()
        .app_data(state.clone())
        .app_data(web::QueryConfig::default().error_handler(|error, _| Problem::field("query", plain(&error)).into()))
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::not_found("thing").into()))
        .app_data(web::PayloadConfig::new(crate::extract::MAX_BODY))
        .configure(documented)
        .configure(admin::pages)
        .configure(help::pages)
        .configure(ws::sockets)
        .configure(socket_io::sockets)
        .configure(files)
        .route(
            "/api/docs",
            web::get().to(|| async { HttpResponse::Found().insert_header((header::LOCATION, "/api/docs/")).finish() }),
        )
        .service(swagger())
        .default_service(web::to(unknown))
        .wrap(from_fn(count_requests))
        .wrap(cors(&state))
        .wrap(from_fn(name_requests))
        .wrap(TracingLogger::<SafeSpan>::new())
        .wrap(from_fn(trim_slash))
}

/// The reason without the words around it.
fn plain(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    text.strip_prefix("Query deserialize error: ").map(str::to_owned).unwrap_or(text)
}

/// What no route takes: an unknown path, or a known one with a wrong method.
async fn unknown(request: HttpRequest) -> Result<HttpResponse, Problem> {
    match Documents::get().paths.allow(request.path()) {
        Some(allow) => {
            let detail = format!("This address does not take {}; it takes {allow}.", request.method());
            Err(Problem {
                allow: Some(allow),
                ..Problem::new(Code::MethodNotAllowed, detail)
            })
        }
        None => Err(Problem::new(
            Code::NotFound,
            "There is nothing at this address; see /api/docs/ for all addresses.",
        )),
    }
}

fn cors(state: &web::Data<AppState>) -> Cors {
    let exposed = [
        "etag",
        "retry-after",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "link",
        "parlor-ignored",
        "x-request-id",
    ];
    let cors = Cors::default()
        .allowed_methods(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
        // Some versions of the AI SDK name themselves, which browsers ask for where they let a page do it.
        .allowed_headers([
            "authorization",
            "content-type",
            "idempotency-key",
            "last-event-id",
            "user-agent",
            "x-parlor-channel",
        ])
        .expose_headers(exposed)
        .max_age(3600);
    if state.origins.is_any() {
        return cors.allow_any_origin().send_wildcard();
    }
    let state = state.clone();
    // Echoed with credentials since some clients ask for it, though nothing on the customer's side is authorised by what a browser adds.
    cors.allowed_origin_fn(move |origin, _| origin.to_str().is_ok_and(|origin| state.origins.allows(origin)))
        .supports_credentials()
}

/// Counts the requests of an address, and tells what is left.
async fn count_requests<B: MessageBody>(mut request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    // Probes, scrapers and the WhatsApp platform come from few addresses and must always get through.
    let is_probe = request.path().starts_with("/health/") || request.path() == "/metrics";
    if is_probe || live_chat::webhook::is_delivery(request.method(), request.path()) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let address = request.extract::<ClientAddress>().await?;
    let state = request.app_data::<web::Data<AppState>>().cloned();
    // A session of the Socket.IO door that polls makes a request for each thing it says and hears: it has an allowance of its own.
    let is_session = |state: &AppState| request.path() == "/socket.io" && socket_io::is_in_session(request.request(), state);
    let counted = match state {
        Some(state) if !is_session(&state) => state.limits.requests.check(&address.network()),
        _ => Ok(None),
    };
    match counted {
        Ok(left) => {
            let mut response = next.call(request).await?;
            if let Some(left) = left {
                let headers = response.headers_mut();
                headers.insert(HeaderName::from_static("ratelimit-limit"), HeaderValue::from(left.limit));
                headers.insert(HeaderName::from_static("ratelimit-remaining"), HeaderValue::from(left.remaining));
                headers.insert(HeaderName::from_static("ratelimit-reset"), HeaderValue::from(60));
            }
            Ok(response.map_into_left_body())
        }
        Err(problem) => Ok(request.into_response(problem.response(crate::request_id::current())).map_into_right_body()),
    }
}

/// Lets every path answer with its last slash, too. Swagger UI needs it and keeps it. Some versions of the AI SDK add their part
/// of the path behind the last slash of the stream's own address.
async fn trim_slash<B: MessageBody>(mut request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, actix_web::Error> {
    let path = request.path();
    let doubled = path.contains("/chat/stream//");
    if path.len() > 1 && (path.ends_with('/') || doubled) && path != "/api/docs/" {
        let single = if doubled {
            path.replace("/chat/stream//", "/chat/stream/")
        } else {
            path.to_owned()
        };
        let trimmed = match single.trim_end_matches('/') {
            "" => "/",
            trimmed => trimmed,
        };
        let target = match request.uri().query() {
            Some(query) => format!("{trimmed}?{query}"),
            None => trimmed.to_owned(),
        };
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = PathAndQuery::from_str(&target).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            request.match_info_mut().get_mut().update(&uri);
            request.head_mut().uri = uri;
        }
    }
    next.call(request).await
}

/// The span of a request: method, route template, status and id. Never the path or the query, since keys travel in both.
#[derive(Debug)]
pub struct SafeSpan;

impl RootSpanBuilder for SafeSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let route = request.match_pattern().unwrap_or_else(|| "unknown".to_owned());
        let id = request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default();
        request.extensions_mut().insert(Started(std::time::Instant::now(), route.clone()));
        tracing::info_span!("request", method = %request.method(), route, request_id = id, status = Empty)
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, actix_web::Error>) {
        let Ok(response) = outcome else { return };
        let status = response.status().as_u16();
        span.record("status", status);
        let extensions = response.request().extensions();
        let Some(Started(at, route)) = extensions.get::<Started>() else { return };
        let elapsed = at.elapsed();
        metrics::histogram!("parlor_http_request_seconds", "route" => route.clone(), "status" => status.to_string()).record(elapsed);
        tracing::debug!(target: "parlor_api::access", parent: &span, elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), "answered");
    }
}

struct Started(std::time::Instant, String);
