use super::cookie;
use super::me::AgentResponse;
use crate::extract::{Body, ClientAddress, Fields, LoginAuth, OptionalBody};
use crate::families::shared::{BodyProblems, CommonProblems, StaffProblems};
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::AppState;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, post, web};
use parlor_domain::agent::{AuthError, LoginTokens};
use parlor_domain::security::Password;
use parlor_domain::text::Line;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who logs in. Unknown fields are ignored.
#[derive(Deserialize, ToSchema)]
pub struct LoginRequest {
    /// E-mail address or user name.
    #[schema(example = "omar@example.com")]
    username: String,
    /// The password.
    #[schema(example = "correct horse battery", format = Password)]
    password: String,
    /// Whether to keep the refresh token in a cookie instead of giving it in the body: for the inbox page.
    #[serde(default)]
    #[schema(example = false)]
    cookie: Option<bool>,
}

/// Which login goes on or ends. Unknown fields are ignored.
#[derive(Default, Deserialize, ToSchema)]
pub struct RefreshRequest {
    /// The refresh token; the server's own pages leave it out and have it in their cookie.
    #[serde(default)]
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.e30.x")]
    refresh: Option<String>,
}

impl RefreshRequest {
    fn token(self) -> Option<String> {
        self.refresh.filter(|token| !token.trim().is_empty())
    }
}

/// A pair of tokens.
#[derive(Serialize, ToSchema)]
pub struct LoginResponse {
    /// For `Authorization: Bearer …`.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.e30.x")]
    access: String,
    /// For the next pair; good once. Not there when it is kept in the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.e30.x", nullable = false)]
    refresh: Option<String>,
    /// Seconds that `access` is good.
    #[schema(example = 900)]
    expires_in: u64,
    /// Who logged in.
    agent: AgentResponse,
}

/// The answer to a login: tokens are no business of any cache.
pub fn logged_in(state: &AppState, tokens: LoginTokens, in_cookie: bool) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    let refresh = if in_cookie {
        response.cookie(cookie::keep(state.settings.secure, tokens.refresh, tokens.refresh_expires_in));
        None
    } else {
        Some(tokens.refresh)
    };
    response.json(LoginResponse {
        access: tokens.access,
        refresh,
        expires_in: tokens.expires_in.as_secs(),
        agent: AgentResponse::new(&tokens.agent),
    })
}

/// Log in
///
/// Gives an access token, good for 15 minutes, and a refresh token for the next one. An unknown user and a wrong
/// password are answered alike.
#[utoipa::path(path = "/api/admin/auth/login/", tag = "Login", security(()), request_body = LoginRequest, responses(
    (status = 200, description = "Logged in", body = LoginResponse),
    (status = 401, description = "User name or password is wrong", body = ProblemBody, content_type = "application/problem+json"),
    CommonProblems, BodyProblems
))]
#[post("/api/admin/auth/login")]
pub async fn log_in(address: ClientAddress, request: Body<LoginRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let LoginRequest { username, password, cookie } = request.0;
    let mut fields = Fields::new();
    let username = fields.parsed("username", Line::parse(&username));
    let username = fields.take(username)?;
    state.limits.login(username.as_str(), address)?;
    let tokens = state.auth.login(username.as_str(), Password::attempt(&password)).await?;
    Ok(logged_in(&state, tokens, cookie.unwrap_or_default()))
}

/// Get the next pair of tokens
///
/// A refresh token is good once. Used a second time, it ends its whole login, since one of the two users must have
/// stolen it. The server's own pages may leave it out: then it is read from their cookie, and the next one is put there.
#[utoipa::path(path = "/api/admin/auth/refresh/", tag = "Login", security(()), request_body = Option<RefreshRequest>, responses(
    (status = 200, description = "The next pair", body = LoginResponse),
    (status = 401, description = "The refresh token is missing, wrong, used, or its login has ended", body = ProblemBody, content_type = "application/problem+json"),
    CommonProblems, BodyProblems
))]
#[post("/api/admin/auth/refresh")]
pub async fn refresh_login(request: HttpRequest, body: OptionalBody<RefreshRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    if let Some(token) = body.0.token() {
        return Ok(logged_in(&state, state.auth.refresh(&token).await?, false));
    }
    let missing = || {
        Problem::new(
            Code::Unauthenticated,
            "Authentication required: send the refresh token as `refresh`, or log in again.",
        )
    };
    let token = cookie::read(&request, &state).ok_or_else(missing)?;
    match state.auth.refresh(&token).await {
        Ok(tokens) => Ok(logged_in(&state, tokens, true)),
        Err(error @ AuthError::InvalidToken) => Ok(forgetting(&state, Problem::from(error).error_response())),
        Err(error) => Err(error.into()),
    }
}

/// Log out
///
/// Ends the login that the refresh token (in the body, or in the cookie of the server's own pages) or else the access
/// token belongs to, with all its tokens, at once.
#[utoipa::path(path = "/api/admin/auth/logout/", tag = "Login", security((), ("staff" = [])), request_body = Option<RefreshRequest>, responses(
    (status = 204, description = "The login has ended"),
    CommonProblems, BodyProblems, StaffProblems
))]
#[post("/api/admin/auth/logout")]
pub async fn log_out(request: HttpRequest, body: OptionalBody<RefreshRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let kept = cookie::read(&request, &state);
    let ended = match body.0.token().or_else(|| kept.clone()) {
        Some(token) => state.auth.logout_by_refresh(&token).await.map_err(Problem::from),
        None => end_login_of_bearer(&request, &state).await,
    };
    // The browser keeps its cookie only where the same call may succeed later.
    let spent = kept.is_some() && !ended.as_ref().is_err_and(|problem| problem.code.is_retryable());
    let answer = ended.map_or_else(|problem| problem.error_response(), |()| HttpResponse::NoContent().finish());
    Ok(if spent { forgetting(&state, answer) } else { answer })
}

async fn end_login_of_bearer(request: &HttpRequest, state: &AppState) -> Result<(), Problem> {
    let LoginAuth(caller) = LoginAuth::extract(request).await?;
    let login = caller
        .login_id
        .ok_or_else(|| Problem::new(Code::Forbidden, "This token did not come from a login here, so there is none to end."))?;
    Ok(state.auth.logout(login).await?)
}

fn forgetting(state: &AppState, mut response: HttpResponse) -> HttpResponse {
    if let Err(error) = response.add_cookie(&cookie::forget(state.settings.secure)) {
        tracing::warn!(%error, "a cookie could not be taken back");
    }
    response
}
