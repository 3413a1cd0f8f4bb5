//! Sessions over HTTP: a GET takes what waits, a POST brings what the client says.

use super::Refusal;
use super::packet::{Incoming, MAX_PAYLOAD, SEPARATOR, Unreadable};
use super::session::Session;
use crate::ws::Close;
use actix_web::http::Method;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// So much of a refused body is read, and for so long.
const MAX_DRAINED: usize = 16 * 1024 * 1024;
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// An answer with packets.
pub fn packets(body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=UTF-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(body.into())
}

/// Answers a poll.
///
/// # Errors
/// Another one waits, or the session is on a WebSocket.
pub async fn poll(session: &Session) -> Result<HttpResponse, Refusal> {
    if !session.answers(&Method::GET) {
        return Err(Refusal::BadRequest);
    }
    let request = session.begin_poll().map_err(|_| Refusal::BadRequest)?;
    session.allow().await;
    let body = session.poll().await;
    request.done();
    Ok(packets(body))
}

/// Takes a body of packets.
///
/// # Errors
/// Another one is being taken, it is too large or unreadable, or the session is on a WebSocket.
pub async fn post(session: &Session, mut payload: web::Payload) -> Result<HttpResponse, Refusal> {
    let Some(post) = session.answers(&Method::POST).then(|| session.begin_post().ok()).flatten() else {
        drain(&mut payload, DRAIN_WITHIN).await;
        return Err(Refusal::BadRequest);
    };
    session.allow().await;
    let taken = take(session, &mut payload).await;
    post.done();
    if taken.is_err() {
        drain(&mut payload, DRAIN_WITHIN).await;
    }
    // The type is the reference server's: some browsers offer plain text for download.
    let ok = || {
        HttpResponse::Ok()
            .content_type("text/html")
            .insert_header((CACHE_CONTROL, "no-store"))
            .body("ok")
    };
    taken.map(|()| ok())
}

async fn take(session: &Session, payload: &mut web::Payload) -> Result<(), Refusal> {
    let mut body = BytesMut::new();
    loop {
        let bytes = tokio::select! {
            bytes = payload.next() => bytes,
            () = session.ended() => return Err(Refusal::BadRequest),
        };
        let Some(bytes) = bytes else { break };
        // Half a body is lost, and with it the order.
        let Ok(bytes) = bytes else {
            session.cut(Close::Normal);
            return Err(Refusal::BadRequest);
        };
        if body.len() + bytes.len() > MAX_PAYLOAD {
            session.cut(Close::TooLarge);
            return Err(Refusal::TooLarge);
        }
        body.extend_from_slice(&bytes);
    }
    let body = body.freeze();
    for packet in body.split(|byte| *byte == SEPARATOR) {
        let packet = std::str::from_utf8(packet).map_err(|_| Unreadable).and_then(|text| Incoming::read(text, true));
        session.receive(packet).await.map_err(|Unreadable| Refusal::BadRequest)?;
        if session.has_ended() {
            break;
        }
    }
    Ok(())
}

/// Throws away the rest of a body: a client that is still writing would not see the answer.
async fn drain(payload: &mut web::Payload, within: Duration) {
    let mut left = MAX_DRAINED;
    let _ = timeout(within, async {
        while left > 0
            && let Some(Ok(bytes)) = payload.next().await
        {
            left = left.saturating_sub(bytes.len());
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::FromRequest;
    use actix_web::dev::Payload;
    use actix_web::error::PayloadError;
    use actix_web::test::TestRequest;
    use futures_util::stream::{self, Stream};
    use std::pin::Pin;

    #[tokio::test]
    async fn a_refused_body_is_not_waited_for_for_ever() {
        let endless: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(stream::pending());
        let request = TestRequest::default().to_http_request();
        let mut payload = web::Payload::from_request(&request, &mut Payload::from(endless)).await.unwrap();
        let drained = timeout(Duration::from_secs(5), drain(&mut payload, Duration::from_millis(1))).await;
        assert_eq!(drained, Ok(()));
    }
}
