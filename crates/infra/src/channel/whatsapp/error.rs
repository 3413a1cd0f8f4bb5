//! What a request's end means: refused, never reached, or nobody knows.
//!
//! The platform has no key by which it would know a repeat, so a message is only sent again when it surely was not taken:
//!
//! - No connection was made (name, address, TCP, TLS): nothing was written.
//! - An answer came that is an objection of the platform, or of something before it that turns requests away: 3xx and 4xx, 503
//!   (whoever says so does not work right now) and 502 (its gateway has nobody behind it).
//! - All else may have been taken: a connection that broke, a time that ran out, 500 and 504 without a word of the platform (its
//!   work began), and a success that names no message.

use super::client::Answer;
use crate::outgoing::is_forbidden;
use parlor_domain::whatsapp::{Accepted, Answered, GraphError, Number, SendFailure};
use reqwest::StatusCode;
use serde_json::Value;
use std::error::Error;

/// The most characters of the platform's words.
const MOST_WORDS: usize = 1_000;

pub(super) fn unreached(words: &str) -> SendFailure {
    SendFailure::Unreached(words.to_owned())
}

/// An objection that is not the platform's own.
pub(super) fn foreign(words: impl Into<String>) -> SendFailure {
    SendFailure::Refused(GraphError {
        code: 0,
        message: words.into(),
        foreign: true,
    })
}

/// As the platform would say it: it could not tell who asks.
pub(super) fn no_token() -> SendFailure {
    SendFailure::Refused(GraphError {
        code: 0,
        message: "the number has no access token".to_owned(),
        foreign: false,
    })
}

pub(super) fn too_slow() -> SendFailure {
    SendFailure::Unknown("WhatsApp did not answer in time".to_owned())
}

/// The words name neither address nor cause: both would tell whoever sets addresses about the network behind us. They are in the log.
pub(super) fn not_sent(error: reqwest::Error) -> SendFailure {
    let (forbidden, no_request, no_connection) = (is_forbidden(&error), error.is_builder(), error.is_connect());
    let error = error.without_url();
    tracing::warn!(cause = root(&error), "a request to WhatsApp got no answer");
    match () {
        () if forbidden => unreached("the platform's address is private"),
        () if no_request => unreached("the access token or the platform's address cannot be used"),
        () if no_connection => unreached("WhatsApp could not be reached"),
        () => SendFailure::Unknown("the connection to WhatsApp broke before an answer came".to_owned()),
    }
}

fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

impl Answer {
    /// The platform's objection, if it has one.
    pub(super) fn objection(&self, number: &Number) -> Option<SendFailure> {
        let error = self.json.as_ref()?.get("error")?.as_object()?;
        let code = error.get("code");
        let code = code.and_then(Value::as_i64).or_else(|| code?.as_str()?.parse().ok());
        let words = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let (message, details) = (words(error.get("message")), words(error.get("error_data").and_then(|data| data.get("details"))));
        let message = match (message.as_str(), details.as_str()) {
            ("", "") => format!("WhatsApp answered {} without a word", self.status.as_u16()),
            ("", _) => details,
            (_, details) if details.is_empty() || message.contains(details) => message,
            _ => format!("{message}: {details}"),
        };
        Some(SendFailure::Refused(GraphError {
            code: code.unwrap_or_default(),
            message: without_secrets(&message, number),
            foreign: code.is_none(),
        }))
    }

    /// The JSON of a success. For requests that may be repeated: whatever else came is a refusal.
    pub(super) fn good(self, number: &Number) -> Answered<Value> {
        if let Some(objection) = self.objection(number) {
            return Err(objection);
        }
        let status = self.status;
        self.json.filter(|_| status.is_success()).ok_or_else(|| bare(status))
    }
}

/// An answer that only has its status to go by.
pub(super) fn bare(status: StatusCode) -> SendFailure {
    let what = if status.is_redirection() { ", which is not followed" } else { "" };
    foreign(format!("HTTP {}{what}, without a word of WhatsApp", status.as_u16()))
}

/// Whether a message was taken.
pub(super) fn whether_accepted(answer: &Answer, number: &Number) -> Answered<Accepted> {
    if let Some(objection) = answer.objection(number) {
        return Err(objection);
    }
    let status = answer.status;
    let id = answer.json.as_ref().and_then(|json| json.pointer("/messages/0/id")).and_then(Value::as_str);
    match id.filter(|id| status.is_success() && !id.is_empty()) {
        Some(id) => Ok(Accepted { external_id: id.to_owned() }),
        None if status.is_success() => Err(SendFailure::Unknown("WhatsApp answered without an id of the message".to_owned())),
        None if turned_away(status) => Err(bare(status)),
        None => Err(SendFailure::Unknown(format!("WhatsApp answered HTTP {} and nothing else", status.as_u16()))),
    }
}

/// Whether this status says that the request went no further.
fn turned_away(status: StatusCode) -> bool {
    status.is_redirection() || status.is_client_error() || matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE)
}

/// Nobody should say our token back to us, least of all where agents read it.
fn without_secrets(words: &str, number: &Number) -> String {
    let token = number.access_token.as_ref().map(|token| token.expose()).filter(|token| !token.is_empty());
    let clean = token.map_or_else(|| words.to_owned(), |token| words.replace(token, "…"));
    clean.chars().take(MOST_WORDS).collect()
}
