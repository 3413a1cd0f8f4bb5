use super::payload::read_delivery;
use crate::extract::{read_large_body, to_the_end};
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::AppState;
use actix_web::http::header::HeaderMap;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use futures_util::future::join_all;
use parlor_domain::clock::Timestamp;
use parlor_domain::whatsapp::{Received, ReceivedItem};
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Semaphore;

/// The most bytes of a delivery: the platform's own limit is 3 MiB.
const MAX_DELIVERY: usize = 4 * 1024 * 1024;
/// So many large deliveries are held at a time, 128 MiB in all: whether the platform sent one is not known before it is read in full.
static LARGE: Semaphore = Semaphore::const_new(32);
const SIGNATURE: &str = "x-hub-signature-256";
/// Forgers shall not fill the log.
const MILLIS_BETWEEN_WARNINGS: i64 = 60_000;

/// Deliver what happened on WhatsApp
///
/// The platform calls it. It is stored before the answer; what is told a second time changes nothing.
#[utoipa::path(path = "/api/channels/whatsapp/webhook/", tag = "WhatsApp", security(()),
    request_body(content = Object, description = "The envelope of the WhatsApp Business Platform, up to 4 MiB"),
    params(("X-Hub-Signature-256" = String, Header, description = "`sha256=` and, as 64 hex digits, HMAC-SHA256 of the body's bytes with the app secret of the channel")),
    responses(
        (status = 200, description = "Stored, or nothing to do"),
        (status = 400, description = "It broke off or came too slowly, or is signed, but not the platform's envelope", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "The signature is missing, doubled, malformed or wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body has more than 4 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not stored now; deliver it again after `Retry-After`", body = ProblemBody, content_type = "application/problem+json")))]
#[post("/api/channels/whatsapp/webhook")]
pub async fn receive_whatsapp_delivery(http: HttpRequest, payload: Payload, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    receive(&http, payload, state).await
}

/// Deliver what happened on WhatsApp, on the short path
///
/// The same as `POST /api/channels/whatsapp/webhook/`.
#[utoipa::path(path = "/webhook/", tag = "WhatsApp", security(()),
    request_body(content = Object, description = "The envelope of the WhatsApp Business Platform, up to 4 MiB"),
    params(("X-Hub-Signature-256" = String, Header, description = "`sha256=` and, as 64 hex digits, HMAC-SHA256 of the body's bytes with the app secret of the channel")),
    responses(
        (status = 200, description = "Stored, or nothing to do"),
        (status = 400, description = "It broke off or came too slowly, or is signed, but not the platform's envelope", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "The signature is missing, doubled, malformed or wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body has more than 4 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not stored now; deliver it again after `Retry-After`", body = ProblemBody, content_type = "application/problem+json")))]
#[post("/webhook")]
pub async fn receive_whatsapp_delivery_by_short_path(http: HttpRequest, payload: Payload, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    receive(&http, payload, state).await
}

async fn receive(http: &HttpRequest, payload: Payload, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    let received = take(http, payload, state).await;
    let result = match &received {
        Ok(()) => "stored",
        Err(problem) => match problem.code {
            Code::Unauthenticated => "refused",
            Code::TooLarge => "too_large",
            Code::InvalidInput => "malformed",
            _ => "failed",
        },
    };
    metrics::counter!("parlor_whatsapp_deliveries_total", "result" => result).increment(1);
    received.map(|()| HttpResponse::Ok().finish())
}

async fn take(http: &HttpRequest, payload: Payload, state: Data<AppState>) -> Result<(), Problem> {
    // Whoever forges must at least write a signature before anything is read.
    let Some(signature) = signature(http.headers()) else {
        return Err(refused(state.clock.now(), None));
    };
    let (body, room) = read_large_body(payload.into_inner(), MAX_DELIVERY, &LARGE).await?;
    // What is read in full is also stored in full, even if the caller does not wait for it.
    to_the_end(async move {
        let stored = store(&state, body.freeze(), signature).await;
        drop(room);
        stored
    })
    .await?
}

async fn store(state: &AppState, body: Bytes, signature: [u8; 32]) -> Result<(), Problem> {
    let signed = state.whatsapp.numbers().signed_by(&body, &signature).await.map_err(|error| not_now(&error))?;
    if signed.is_empty() {
        return Err(refused(state.clock.now(), Some(body.len())));
    }
    let told = read_delivery(&body).map_err(|error| {
        tracing::warn!(bytes = body.len(), "a signed WhatsApp delivery cannot be read: {error}");
        Problem::new(Code::InvalidInput, format!("This is no delivery of the WhatsApp Business Platform: {error}."))
    })?;
    note_age(state.clock.now(), &told);
    let stored = join_all(told.into_iter().map(|Received { phone_number_id, items }| {
        let is_it = |number: &str| number == phone_number_id;
        // A number is only served by a secret of its own channel.
        let channel = signed
            .iter()
            .find(|channel| channel.whatsapp.as_ref().is_some_and(|settings| is_it(&settings.phone_number_id)));
        async move {
            let Some(channel) = channel else {
                tracing::warn!(
                    items = items.len(),
                    "WhatsApp told something about a number that no channel with this app secret has; it is left out"
                );
                return Ok(());
            };
            state.whatsapp.receive(channel, items).await
        }
    }));
    stored.await.into_iter().collect::<Result<(), _>>().map_err(|error| not_now(&error))
}

/// The signature, if there is exactly one and it is well formed.
fn signature(headers: &HeaderMap) -> Option<[u8; 32]> {
    let mut given = headers.get_all(SIGNATURE);
    let (Some(one), None) = (given.next(), given.next()) else { return None };
    let digits = one.as_bytes().strip_prefix(b"sha256=")?;
    if digits.len() != 64 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn refused(now: Timestamp, bytes: Option<usize>) -> Problem {
    static NEXT_WARNING: AtomicI64 = AtomicI64::new(0);
    let due = NEXT_WARNING.load(Ordering::Relaxed);
    let next = now.millis().saturating_add(MILLIS_BETWEEN_WARNINGS);
    if now.millis() >= due && NEXT_WARNING.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        tracing::warn!(
            bytes,
            "a WhatsApp delivery without a good signature was refused; if it was the platform's, check the app secret"
        );
    } else {
        tracing::debug!(bytes, "a WhatsApp delivery without a good signature was refused");
    }
    Problem::new(
        Code::Unauthenticated,
        "Send `X-Hub-Signature-256` once: HMAC-SHA256 of the body with the app secret of a channel.",
    )
}

/// The platform delivers all of it again.
fn not_now(cause: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%cause, "a WhatsApp delivery could not be stored; the platform repeats it");
    Problem::new(Code::Unavailable, "The delivery could not be stored right now; deliver it again.")
}

/// Notes how old the newest thing of a delivery is: the platform holds back what it could not deliver.
fn note_age(now: Timestamp, told: &[Received]) {
    let newest = told.iter().flat_map(|received| &received.items).filter_map(|item| match item {
        ReceivedItem::Message(message) => message.sent_at,
        ReceivedItem::Moved(moved) => moved.sent_at,
        ReceivedItem::Status(notice) => notice.at,
    });
    if let Some(newest) = newest.max() {
        metrics::gauge!("parlor_whatsapp_delivery_age_seconds").set(now.since(newest).as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PATHS, is_delivery};
    use super::*;
    use actix_web::http::Method;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn read(values: &[&[u8]]) -> Option<[u8; 32]> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static(SIGNATURE), HeaderValue::from_bytes(value).unwrap());
        }
        signature(&headers)
    }

    #[test]
    fn a_signature_is_sixty_four_hex_digits_once() {
        let good = format!("sha256={}", "0aFf".repeat(16));
        assert_eq!(read(&[good.as_bytes()]).map(|bytes| bytes.to_vec()), Some([0x0a, 0xff].repeat(16)));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[good.as_bytes(), good.as_bytes()]), None, "doubled");
        for wrong in [
            "a".repeat(64),
            format!("sha256={}", "a".repeat(63)),
            format!("sha256={}", "a".repeat(66)),
            format!("sha256={}g", "a".repeat(63)),
            format!("sha256=+{}", "a".repeat(63)),
            format!("SHA256={}", "a".repeat(64)),
            format!("sha1={}", "a".repeat(40)),
            format!("{good}, {good}"),
            "sha256=".to_owned(),
            String::new(),
        ] {
            assert_eq!(read(&[wrong.as_bytes()]), None, "{wrong}");
        }
        let mut foreign = b"sha256=".to_vec();
        foreign.extend([0xe9; 64]);
        assert_eq!(read(&[&foreign]), None, "bytes that are no text");
    }

    #[test]
    fn deliveries_are_not_counted_by_address_and_subscriptions_are() {
        for path in PATHS {
            assert!(is_delivery(&Method::POST, path));
            assert!(!is_delivery(&Method::GET, path));
        }
        assert!(!is_delivery(&Method::POST, "/webhook/other"));
    }
}
