use crate::families::shared::{CommonProblems, QueryProblems, RightProblem};
use crate::problem::{Code, FieldError, Problem};
use crate::state::AppState;
use actix_web::http::header::X_CONTENT_TYPE_OPTIONS;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Deserialize;
use utoipa::IntoParams;

/// The longest challenge that is answered.
const MAX_CHALLENGE: usize = 256;

/// What the platform asks with when somebody enters the webhook's address there. Each exactly once; others are ignored.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SubscriptionParams {
    /// `subscribe`.
    #[serde(rename = "hub.mode")]
    #[param(example = "subscribe")]
    pub mode: String,
    /// What is to be answered.
    #[serde(rename = "hub.challenge")]
    #[param(example = "1158201444", max_length = 256)]
    pub challenge: String,
    /// The verify token of a channel, or the operator's.
    #[serde(rename = "hub.verify_token")]
    #[param(example = "a-long-random-word")]
    pub verify_token: String,
}

/// Subscribe the webhook
///
/// The platform calls it when the webhook's address and its verify token are entered there.
#[utoipa::path(path = "/api/channels/whatsapp/webhook/", tag = "WhatsApp", security(()), params(SubscriptionParams), responses(
    (status = 200, description = "The challenge, and nothing else", body = String, content_type = "text/plain"),
    QueryProblems, RightProblem, CommonProblems))]
#[get("/api/channels/whatsapp/webhook")]
pub async fn subscribe_whatsapp_webhook(http: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    subscribe(&http, &state).await
}

/// Subscribe the webhook, on the short path
///
/// The same as `GET /api/channels/whatsapp/webhook/`.
#[utoipa::path(path = "/webhook/", tag = "WhatsApp", security(()), params(SubscriptionParams), responses(
    (status = 200, description = "The challenge, and nothing else", body = String, content_type = "text/plain"),
    QueryProblems, RightProblem, CommonProblems))]
#[get("/webhook")]
pub async fn subscribe_whatsapp_webhook_by_short_path(http: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    subscribe(&http, &state).await
}

async fn subscribe(http: &HttpRequest, state: &AppState) -> Result<HttpResponse, Problem> {
    let asked = read(http.query_string())?;
    if !state.whatsapp.numbers().is_verify_token(&asked.verify_token).await? {
        tracing::warn!("a webhook subscription with a wrong verify token was refused");
        return Err(refused());
    }
    // The challenge is a stranger's text: browsers must not take it for a page.
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(asked.challenge))
}

/// Reads the three parameters. Refusals repeat none of them.
fn read(query: &str) -> Result<SubscriptionParams, Problem> {
    let given: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let mut missing = Vec::new();
    let mut doubled = false;
    let mut only = |name: &str| {
        let mut values = given.iter().filter(|(given, _)| given == name).map(|(_, value)| value.clone().into_owned());
        let value = values.next();
        if value.is_none() {
            missing.push(FieldError {
                field: name.to_owned(),
                detail: "is required".to_owned(),
            });
        }
        doubled |= values.next().is_some();
        value.unwrap_or_default()
    };
    let asked = SubscriptionParams {
        mode: only("hub.mode"),
        challenge: only("hub.challenge"),
        verify_token: only("hub.verify_token"),
    };
    if !missing.is_empty() {
        return Err(Problem::fields(missing));
    }
    if doubled || asked.mode != "subscribe" || asked.challenge.chars().count() > MAX_CHALLENGE {
        return Err(refused());
    }
    Ok(asked)
}

fn refused() -> Problem {
    Problem::new(
        Code::Forbidden,
        "Not subscribed: send hub.mode=subscribe, a challenge of at most 256 characters and the verify token of a channel, each once.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_decoded_and_the_order_is_free() {
        let asked = read("x=1&hub.verify_token=a%26b&hub.challenge=11%2058+%3Cb%3E&hub.mode=subscribe").unwrap();
        assert_eq!((asked.challenge.as_str(), asked.verify_token.as_str()), ("11 58 <b>", "a&b"));
        let longest = format!("hub.mode=subscribe&hub.verify_token=t&hub.challenge={}", "%C3%A9".repeat(256));
        assert!(read(&longest).is_ok());
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_repeated() {
        let missing = read("hub.mode=subscribe&hub.challenge=secret").unwrap_err();
        assert_eq!(missing.code, Code::InvalidInput);
        assert_eq!(missing.errors.first().map(|error| error.field.as_str()), Some("hub.verify_token"));
        assert_eq!(read("").unwrap_err().errors.len(), 3);
        for wrong in [
            "hub.mode=Subscribe&hub.challenge=secret&hub.verify_token=t".to_owned(),
            "hub.mode=unsubscribe&hub.challenge=secret&hub.verify_token=t".to_owned(),
            "hub.mode=subscribe&hub.challenge=secret&hub.challenge=secret&hub.verify_token=t".to_owned(),
            "hub.mode=subscribe&hub.challenge=secret&hub.verify_token=t&hub.verify_token=u".to_owned(),
            format!("hub.mode=subscribe&hub.verify_token=t&hub.challenge=secret{}", "1".repeat(251)),
        ] {
            let refused = read(&wrong).unwrap_err();
            assert_eq!(refused.code, Code::Forbidden, "{wrong}");
            assert!(!refused.detail.contains("secret"));
        }
    }
}
