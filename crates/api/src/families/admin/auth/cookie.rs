//! The only cookie of the product: the refresh token of the inbox page.

use crate::extract::request_origin;
use crate::state::AppState;
use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

const NAME: &str = "parlor_refresh";
/// Sent with the login calls only.
const PATH: &str = "/api/admin/auth/";

/// The cookie that keeps a refresh token; `secure` where the server is reached by https.
pub fn keep(secure: bool, token: String, lifetime: std::time::Duration) -> Cookie<'static> {
    let lifetime = Duration::try_from(lifetime).unwrap_or(Duration::ZERO);
    Cookie::build(NAME, token)
        .path(PATH)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(secure)
        .max_age(lifetime)
        .finish()
}

/// The cookie that makes a browser forget it.
pub fn forget(secure: bool) -> Cookie<'static> {
    keep(secure, String::new(), std::time::Duration::ZERO)
}

/// The refresh token of a request from the server's own pages. Another site's request never acts by a cookie.
pub fn read(request: &HttpRequest, state: &AppState) -> Option<String> {
    request_origin(request).filter(|origin| state.origins.is_own(origin))?;
    request.cookie(NAME).map(|cookie| cookie.value().to_owned()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_no_other_site_and_no_plain_http_sees_the_cookie() {
        let kept = keep(true, "t".to_owned(), std::time::Duration::from_secs(60)).to_string();
        assert_eq!(kept, "parlor_refresh=t; HttpOnly; SameSite=Strict; Secure; Path=/api/admin/auth/; Max-Age=60");
        assert_eq!(
            forget(false).to_string(),
            "parlor_refresh=; HttpOnly; SameSite=Strict; Path=/api/admin/auth/; Max-Age=0"
        );
    }
}
