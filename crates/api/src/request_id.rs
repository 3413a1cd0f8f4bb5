//! Every request has an id. It is in the log, in the header `X-Request-Id` and in problem documents.

use crate::problem::{Code, Problem};
use actix_web::HttpMessage;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use tracing_actix_web::RequestId;

tokio::task_local! {
    static CURRENT: String;
}

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request that this task answers.
#[must_use]
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Middleware: makes the id known to the handlers' problems and tells it to the caller. A refusal that is not ours (of
/// the framework, of CORS) becomes a problem document like all others.
///
/// # Errors
/// What the handler fails with.
pub async fn name_requests<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let id = request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default();
    let mut response = CURRENT.scope(id.clone(), next.call(request)).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    let status = response.status();
    // Only the framework refuses in plain text or without a body.
    let is_ours = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/") || kind.as_bytes().starts_with(b"text/html"));
    if !(status.is_client_error() || status.is_server_error()) || is_ours {
        return Ok(response.map_into_left_body());
    }
    let problem = foreign(status);
    Ok(response.map_body(|head, _| {
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut body = problem.body(Some(id));
        body.status = status.as_u16();
        EitherBody::right(actix_web::body::BoxBody::new(serde_json::to_vec(&body).unwrap_or_default()))
    }))
}

/// A refusal that came without words of ours.
fn foreign(status: StatusCode) -> Problem {
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => (Code::NotFound, "There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => (Code::MethodNotAllowed, "This address does not take this method; see the Allow header."),
        StatusCode::PAYLOAD_TOO_LARGE => (Code::TooLarge, "The body is too large; send less at once."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (Code::UnsupportedMediaType, "Send the body with another Content-Type."),
        StatusCode::FORBIDDEN => (Code::Forbidden, "This is not allowed."),
        StatusCode::UNAUTHORIZED => (Code::Unauthenticated, "Authentication required."),
        StatusCode::TOO_MANY_REQUESTS => (Code::RateLimited, "Too many requests; try again later."),
        status if status.is_server_error() => (Code::Internal, "The server failed; the same call can be repeated."),
        _ => (
            Code::InvalidInput,
            "The server does not understand this request; check address, headers and body.",
        ),
    };
    Problem::new(code, detail)
}
