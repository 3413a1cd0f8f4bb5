//! Requests, and answers that are read within limits of time and size.

use super::CloudApi;
use super::error::{no_token, not_sent, too_slow, unreached};
use crate::outgoing::{OutgoingError, Trust};
use parlor_domain::whatsapp::{Answered, Number};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The most that is read of an answer.
const MOST_BYTES: usize = 256 * 1024;

/// How long is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the whole of a request, with its answer.
    pub whole: Duration,
    /// The same where a file travels.
    pub media: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(30),
            media: Duration::from_secs(120),
        }
    }
}

/// What came back: a status at least. The body is JSON, or of no use.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) json: Option<Value>,
}

/// An address of the platform: base, version, and these segments, whatever is in them.
pub(super) fn url(number: &Number, segments: &[&str]) -> Answered<Url> {
    let unusable = || unreached("the platform's address cannot be used");
    // A segment that is empty or a dot would lead to another place than the one that is meant.
    if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return Err(unusable());
    }
    let mut url = base(number)?;
    url.path_segments_mut()
        .map_err(|()| unusable())?
        .pop_if_empty()
        .push(&number.version)
        .extend(segments);
    Ok(url)
}

pub(super) fn base(number: &Number) -> Answered<Url> {
    let mut url = Url::parse(&number.base_url).map_err(|_| unreached("the platform's address cannot be used"))?;
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

impl CloudApi {
    /// A request to an address that the number's settings name.
    pub(super) fn request(&self, method: Method, url: Url, number: &Number) -> Answered<RequestBuilder> {
        let trust = if number.by_operator { Trust::Operator } else { Trust::Settings };
        self.request_to(method, url, number, trust)
    }

    /// The token is in the header alone, which the client marks as not to be shown.
    pub(super) fn request_to(&self, method: Method, url: Url, number: &Number, trust: Trust) -> Answered<RequestBuilder> {
        let token = number.access_token.as_ref().ok_or_else(no_token)?;
        let request = self.client.request(method, url, trust, self.patience.connect).map_err(|error| match error {
            OutgoingError::Setup => unreached("this server cannot make a TLS connection: its certificates cannot be read"),
            OutgoingError::Forbidden | OutgoingError::Exception => unreached("the platform's address is private, or not http(s)"),
        })?;
        Ok(request
            .bearer_auth(token.expose())
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity"))
    }

    /// Makes a request and reads its answer within this time.
    pub(super) async fn ask(&self, request: RequestBuilder, whole: Duration) -> Answered<Answer> {
        let until = Instant::now() + whole;
        let response = send(request, until).await?;
        Ok(read(response, until).await)
    }
}

/// Makes a request; answers when the status is here. The time for the connection is shorter than the whole, so who is out of time was
/// connected, and may have written.
pub(super) async fn send(request: RequestBuilder, until: Instant) -> Answered<Response> {
    match timeout_at(until, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(not_sent(error)),
        Err(_) => Err(too_slow()),
    }
}

/// Reads the rest. What is too long, too late or cut off is no JSON: the status is what is left to go by.
pub(super) async fn read(mut response: Response, until: Instant) -> Answer {
    let status = response.status();
    let mut body = Vec::new();
    while let Ok(Ok(Some(chunk))) = timeout_at(until, response.chunk()).await {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BYTES {
            break;
        }
    }
    let json = serde_json::from_slice(&body).ok().filter(|_| body.len() <= MOST_BYTES);
    Answer { status, json }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use parlor_domain::id::{ChannelId, WorkspaceId};
    use parlor_domain::whatsapp::Secret;
    use uuid::Uuid;

    fn number(base: &str) -> Number {
        Number {
            channel_id: ChannelId(Uuid::nil()),
            workspace_id: WorkspaceId(Uuid::nil()),
            phone_number_id: "830000000000001".to_owned(),
            base_url: base.to_owned(),
            by_operator: true,
            version: "v26.0".to_owned(),
            access_token: Secret::parse("EXAMPLE-TOKEN").ok(),
        }
    }

    #[test]
    fn an_address_is_put_together_of_segments() {
        for (base, segments, whole) in [
            (
                "https://graph.facebook.com",
                &["1", "messages"][..],
                "https://graph.facebook.com/v26.0/1/messages",
            ),
            ("http://127.0.0.1:8080/graph/", &["1"], "http://127.0.0.1:8080/graph/v26.0/1"),
            ("https://graph.example.com/?a=b#c", &["1"], "https://graph.example.com/v26.0/1"),
            (
                "https://graph.example.com",
                &["../x?y=z#é/%2e"],
                "https://graph.example.com/v26.0/..%2Fx%3Fy=z%23%C3%A9%2F%252e",
            ),
        ] {
            assert_eq!(url(&number(base), segments).unwrap().as_str(), whole);
        }
        for (base, segment) in [
            ("https://graph.example.com", ""),
            ("https://graph.example.com", "."),
            ("https://graph.example.com", ".."),
            ("not an address", "1"),
            ("mailto:graph@example.com", "1"),
        ] {
            assert!(url(&number(base), &[segment]).is_err(), "{base} {segment:?}");
        }
    }
}
