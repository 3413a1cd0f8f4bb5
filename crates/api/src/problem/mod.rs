//! What a refusal looks like: RFC 9457 problem details with a stable `code`, the same over HTTP and on sockets.
//!
//! Each error of the domain is turned into one here, in a `match` without `_`: a new refusal does not compile until
//! somebody picks its status. Causes go to the log, once, here; clients see only our words.

mod code;
mod refusals;

pub use code::Code;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, ResponseError};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// What is wrong with one field of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The field, with dots and brackets for what lies inside.
    #[schema(example = "message")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must not be empty")]
    pub detail: String,
}

/// A refusal, as its caller sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemBody {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "about:blank#not_found")]
    pub kind: String,
    /// The kind in words.
    #[schema(example = "Not found")]
    pub title: String,
    /// The HTTP status again.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened and what to do next.
    #[schema(example = "There is no such room. Create one with POST /api/public/chat-rooms/.")]
    pub detail: String,
    /// The stable word for programs.
    pub code: Code,
    /// For invalid input: which fields and why.
    pub errors: Vec<FieldError>,
    /// Names the request in the server's log.
    #[schema(example = "018f6a3e-5b1c-7000-8000-000000000001")]
    pub request_id: Option<String>,
    /// Always false, for callers that look at nothing else.
    #[schema(example = false)]
    pub success: bool,
    /// Only where a family's contract has it beside a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub data: Option<serde_json::Value>,
}

/// A refusal on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The kind.
    pub code: Code,
    /// What happened and what to do next.
    pub detail: String,
    /// Which fields and why.
    pub errors: Vec<FieldError>,
    /// Seconds after which a repeat makes sense.
    pub retry_after: Option<u64>,
    /// The methods that the path has.
    pub allow: Option<String>,
    /// What a family's contract has beside the refusal.
    pub data: Option<serde_json::Value>,
}

impl Problem {
    /// A refusal of a kind.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after = (code == Code::Unavailable).then_some(1);
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after,
            allow: None,
            data: None,
        }
    }

    /// One field is wrong.
    #[must_use]
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError {
            field: field.to_owned(),
            detail: detail.into(),
        }])
    }

    /// Some fields are wrong.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let names = errors
            .iter()
            .map(|error| format!("{} {}", error.field, error.detail))
            .collect::<Vec<_>>()
            .join("; ");
        Self {
            errors,
            ..Self::new(Code::InvalidInput, format!("Correct the input: {names}."))
        }
    }

    /// Nobody is logged in.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(
            Code::Unauthenticated,
            "Authentication required: send a valid credential as `Authorization: Bearer …`.",
        )
    }

    /// There is no such thing for this caller.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}, or it is not yours."))
    }

    /// Too many; try again after a while.
    #[must_use]
    pub fn rate_limited(seconds: u64) -> Self {
        let seconds = seconds.max(1);
        let retry_after = Some(seconds);
        Self {
            retry_after,
            ..Self::new(Code::RateLimited, format!("Too many requests; try again in {seconds} s."))
        }
    }

    /// Our fault. The cause goes to the log and not to the caller.
    #[must_use]
    pub fn internal(cause: &dyn fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(
            Code::Internal,
            "The server failed; nothing was stored, or the same call with the same client id can be repeated safely.",
        )
    }

    /// The same with data that a family's contract has beside it.
    #[must_use]
    pub fn with_data(self, data: serde_json::Value) -> Self {
        Self { data: Some(data), ..self }
    }

    /// As JSON, for the given request.
    #[must_use]
    pub fn body(&self, request_id: Option<String>) -> ProblemBody {
        ProblemBody {
            kind: format!("about:blank#{}", self.code.as_str()),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            code: self.code,
            errors: self.errors.clone(),
            request_id,
            success: false,
            data: self.data.clone(),
        }
    }

    /// As HTTP answer. The request id is put in by [`crate::request_id`], which sees every answer.
    #[must_use]
    pub fn response(&self, request_id: Option<String>) -> HttpResponse {
        let mut response = HttpResponse::build(self.code.status());
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(methods) = &self.allow {
            response.insert_header((header::ALLOW, methods.as_str()));
        }
        if self.code == Code::Unauthenticated {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.body(serde_json::to_vec(&self.body(request_id)).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.response(crate::request_id::current())
    }
}
