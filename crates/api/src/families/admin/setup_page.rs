//! The page behind the first-owner link and behind invitations. A plain form that the server makes: it works without
//! script, before there is an inbox to log in to.

use super::auth::SetupRequest;
use crate::extract::ClientAddress;
use crate::families::html::escape;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, get, post, web};
use serde::Deserialize;

/// Nothing but our own style sheet, and the form goes nowhere else.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Deserialize)]
struct Link {
    token: Option<String>,
}

/// The pages of this family. They are no part of the API, so no part of its document.
pub fn pages(config: &mut web::ServiceConfig) {
    config.service(show_setup).service(submit_setup);
}

#[get("/setup")]
async fn show_setup(link: web::Query<Link>) -> HttpResponse {
    let token = link.into_inner().token.unwrap_or_default();
    if token.trim().is_empty() {
        return page(
            StatusCode::BAD_REQUEST,
            "Something is missing",
            "<p>Open this page by the whole link that you were sent, or that the server printed at its first start.</p>",
        );
    }
    form(
        StatusCode::OK,
        &SetupRequest {
            token,
            email: String::new(),
            name: String::new(),
            password: String::new(),
        },
        &[],
    )
}

#[post("/setup")]
async fn submit_setup(address: ClientAddress, sent: Result<web::Form<SetupRequest>, actix_web::Error>, state: web::Data<AppState>) -> HttpResponse {
    let Ok(sent) = sent else {
        return page(
            StatusCode::BAD_REQUEST,
            "Something is missing",
            "<p>The form did not arrive whole. Open the link again and fill it in once more.</p>",
        );
    };
    match sent.carry_out(address, &state).await {
        Ok(tokens) => {
            // Nobody holds this login's tokens; the person logs in anew.
            if let Err(error) = state.auth.logout_by_refresh(&tokens.refresh).await {
                tracing::warn!(%error, "the login of a set-up was left to run out");
            }
            let docs = escape(&format!("{}/api/docs/", state.settings.public_url));
            let who = escape(tokens.agent.email.as_str());
            page(
                StatusCode::OK,
                "You are set up",
                &format!(
                    "<p>Your account <strong>{who}</strong> is ready, and this link is used up.</p><p>Log in with your e-mail address and the password you just chose: <code>POST /api/admin/auth/login/</code>, described in the <a href=\"{docs}\">API's documents</a>.</p>"
                ),
            )
        }
        Err(problem) => refused(&sent, problem),
    }
}

/// The form again, with what is wrong.
fn refused(sent: &SetupRequest, problem: Problem) -> HttpResponse {
    let reasons = if problem.code == Code::InvalidInput && !problem.errors.is_empty() {
        let label = |field: &str| if field == "token" { "This link".to_owned() } else { format!("The {field}") };
        problem
            .errors
            .iter()
            .map(|error| format!("{} {}.", label(&error.field), error.detail))
            .collect()
    } else {
        vec![problem.detail.clone()]
    };
    let mut response = form(problem.code.status(), sent, &reasons);
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn form(status: StatusCode, sent: &SetupRequest, reasons: &[String]) -> HttpResponse {
    let alert = if reasons.is_empty() {
        String::new()
    } else {
        format!(
            "<p role=\"alert\">{}</p>",
            reasons.iter().map(|reason| escape(reason)).collect::<Vec<_>>().join("<br>")
        )
    };
    let (token, email, name) = (escape(&sent.token), escape(&sent.email), escape(&sent.name));
    page(
        status,
        "Set up your account",
        &format!(
            "{alert}<form method=\"post\" action=\"/setup\">\
             <input type=\"hidden\" name=\"token\" value=\"{token}\">\
             <label>E-mail address <input name=\"email\" type=\"email\" value=\"{email}\" required autocomplete=\"username\"></label>\
             <label>Your name, as visitors see it <input name=\"name\" value=\"{name}\" required maxlength=\"200\" autocomplete=\"name\"></label>\
             <label>Password, at least 10 characters <input name=\"password\" type=\"password\" required minlength=\"10\" maxlength=\"200\" autocomplete=\"new-password\"></label>\
             <button>Set up</button></form>"
        ),
    )
}

/// A page. The link's token is in its address, so no other site may learn it and no cache keep it.
fn page(status: StatusCode, title: &str, content: &str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title} – Parlor</title><link rel=\"stylesheet\" href=\"/assets/shared/pages.css\"></head><body><main><h1>{title}</h1>{content}</main></body></html>"
        ))
}
