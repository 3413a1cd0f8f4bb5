//! The refusals that handlers document, so that each names only what is its own.

use crate::problem::ProblemBody;
use utoipa::IntoResponses;

/// What every path may answer.
#[derive(IntoResponses)]
pub enum CommonProblems {
    /// Too many requests; `Retry-After` says when to try again
    #[response(status = 429, content_type = "application/problem+json")]
    RateLimited(ProblemBody),
    /// Our fault; repeat with the same client id
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody),
    /// Not now; repeat with the same client id after `Retry-After`
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// What every path with a body may answer.
#[derive(IntoResponses)]
pub enum BodyProblems {
    /// The body is not JSON or came too slowly, or a field breaks a rule; `errors` names it
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(ProblemBody),
    /// The body has more than 1 MiB
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// The body is not sent as `application/json`
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(ProblemBody),
}

/// What every path for agents may answer.
#[derive(IntoResponses)]
pub enum StaffProblems {
    /// A credential is missing, wrong or expired
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// The credential does not give this right
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
}

macro_rules! refusal {
    ($(#[$doc:meta])* $name:ident, $status:literal) => {
        $(#[$doc])*
        #[derive(IntoResponses)]
        #[response(status = $status, content_type = "application/problem+json")]
        pub struct $name(pub ProblemBody);
    };
}

refusal!(/// A parameter breaks a rule; `errors` names it
    QueryProblems, 400);
refusal!(/// A credential is wrong or expired
    CredentialProblem, 401);
refusal!(/// The credential does not give this right
    RightProblem, 403);
refusal!(/// There is no such thing, or it is not the caller's
    NotFoundProblem, 404);
refusal!(/// The state forbids it, or a client id or `Idempotency-Key` was used for something else
    ConflictProblem, 409);
