//! The only cookie of the product: the refresh token of the inbox page.

use crate::extract::request_origin;
use crate::state::AppState;
use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

const NAME: &str = "parlor_refresh";
/// Sent with the login calls only.
const PATH: &str = "/api/admin/auth/";

/// The cookie that keeps a refresh token.
pub fn keep(state: &AppState, token: String, lifetime: std::time::Duration) -> Cookie<'static> {
    cookie(state, token, Duration::try_from(lifetime).unwrap_or(Duration::ZERO))
}

/// The cookie that makes a browser forget it.
pub fn forget(state: &AppState) -> Cookie<'static> {
    cookie(state, String::new(), Duration::ZERO)
}

/// The refresh token of a request from the server's own pages. Another site's request never acts by a cookie.
pub fn read(request: &HttpRequest, state: &AppState) -> Option<String> {
    request_origin(request).filter(|origin| state.origins.is_own(origin))?;
    request.cookie(NAME).map(|cookie| cookie.value().to_owned()).filter(|token| !token.is_empty())
}

fn cookie(state: &AppState, value: String, lifetime: Duration) -> Cookie<'static> {
    Cookie::build(NAME, value).path(PATH).http_only(true).same_site(SameSite::Strict).secure(state.settings.secure).max_age(lifetime).finish()
}
