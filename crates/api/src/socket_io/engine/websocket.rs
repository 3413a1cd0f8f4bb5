//! Sessions over WebSocket: from the beginning, or after a probe.

use super::Refusal;
use super::packet::{Incoming, MAX_PAYLOAD, Outgoing};
use super::session::{Session, Transport};
use crate::problem::Problem;
use crate::socket_io::packet::Message;
use crate::ws::Close;
use crate::ws::connection::{Inlet, Source, shake_hands};
use crate::ws::wire::{self, Incoming as Frame, Reader};
use actix_web::http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long a client may take to move to its WebSocket.
const MOVE_WITHIN: Duration = Duration::from_secs(10);
/// How long a closed socket may take to take what waits.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What one WebSocket is sent: frames of its own, and its session's packets once the session goes over it.
struct Line {
    session: Arc<Session>,
    inner: Mutex<Inner>,
    ended: Notify,
}

#[derive(Default)]
struct Inner {
    own: VecDeque<Bytes>,
    /// Of pings only the latest needs an answer (RFC 6455, 5.5.3).
    pong: Option<Bytes>,
    carries_session: bool,
    close: Option<Close>,
    ended: bool,
    waker: Option<Waker>,
}

impl Line {
    fn new(session: Arc<Session>, carries_session: bool) -> Arc<Self> {
        let inner = Inner {
            carries_session,
            ..Inner::default()
        };
        Arc::new(Self {
            session,
            inner: Mutex::new(inner),
            ended: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn edit(&self, edit: impl FnOnce(&mut Inner)) {
        let waker = {
            let mut inner = self.lock();
            edit(&mut inner);
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn send(&self, packet: &Outgoing) {
        self.edit(|inner| inner.own.push_back(as_frame(packet)));
    }

    /// Takes a frame that says nothing: it costs something, and a ping is answered.
    fn keep_up(&self, frame: &Frame) {
        if self.session.pay(frame.cost())
            && let Frame::Ping(bytes) = frame
        {
            self.edit(|inner| inner.pong = Some(wire::pong(bytes)));
        }
    }

    fn carry_session(&self) {
        self.edit(|inner| inner.carries_session = true);
    }

    fn close(&self, close: Close) {
        self.edit(|inner| inner.close = Some(close));
    }

    fn end(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.ended = true;
        drop(inner);
        self.ended.notify_one();
    }

    /// Waits until the last frame was taken or the socket is gone. For its own task only.
    async fn ended(&self) {
        while !self.lock().ended {
            self.ended.notified().await;
        }
    }
}

fn as_frame(packet: &Outgoing) -> Bytes {
    wire::prefixed_text(packet.kind, &packet.data)
}

impl Source for Line {
    fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut inner = self.lock();
        if inner.ended {
            return Poll::Ready(None);
        }
        let own = inner.own.pop_front().or_else(|| inner.pong.take());
        if own.is_some() {
            return Poll::Ready(own);
        }
        let close = match inner.close {
            Some(close) => close,
            None if inner.carries_session => match self.session.poll_packet(context) {
                Poll::Ready(Ok(packet)) => return Poll::Ready(Some(as_frame(&packet))),
                Poll::Ready(Err(close)) => close,
                Poll::Pending => {
                    inner.waker = Some(context.waker().clone());
                    return Poll::Pending;
                }
            },
            None => {
                inner.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
        };
        self.end(inner);
        Poll::Ready(Some(wire::close(close)))
    }

    fn abandon(&self) {
        let inner = self.lock();
        let carried = inner.carries_session;
        self.end(inner);
        if carried {
            self.session.left();
        }
    }
}

/// Whether a request wants to become a WebSocket.
pub fn is_wanted(request: &HttpRequest) -> bool {
    let upgrade = request.headers().get(UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
}

/// Shakes hands. Any subprotocol will do, since none changes anything: the first one offered is taken, as clients expect of a server.
async fn open<G: Unpin + 'static>(request: &HttpRequest, payload: web::Payload, line: &Arc<Line>, open: G) -> Result<(HttpResponse, Inlet), Refusal> {
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    let first = offered.and_then(|offered| offered.split(',').next()).map(str::trim);
    shake_hands(request, payload, first.as_slice(), Reader::up_to(MAX_PAYLOAD), Arc::clone(line), open)
        .await
        .map_err(|_: Problem| Refusal::BadRequest)
}

/// Opens the WebSocket of a new session. `counted` lives as long as it.
///
/// # Errors
/// The request is no WebSocket upgrade.
pub async fn begin<G: Unpin + 'static>(session: Arc<Session>, request: &HttpRequest, payload: web::Payload, counted: G) -> Result<HttpResponse, Refusal> {
    let line = Line::new(session, true);
    let (response, inlet) = open(request, payload, &line, counted).await?;
    actix_web::rt::spawn(serve(inlet, line));
    Ok(response)
}

/// Opens a WebSocket for a session that has another transport. If that is a WebSocket, this one is closed at once.
///
/// # Errors
/// The request is no WebSocket upgrade.
pub async fn join<G: Unpin + 'static>(session: Arc<Session>, request: &HttpRequest, payload: web::Payload, counted: G) -> Result<HttpResponse, Refusal> {
    let line = Line::new(Arc::clone(&session), false);
    let (response, inlet) = open(request, payload, &line, counted).await?;
    if session.step(Transport::Polling, Transport::Probing) {
        actix_web::rt::spawn(probe(inlet, line));
    } else {
        line.close(Close::BrokenProtocol);
        actix_web::rt::spawn(see_off(inlet, line));
    }
    Ok(response)
}

/// The life of a WebSocket that wants to take a session over.
async fn probe(mut inlet: Inlet, line: Arc<Line>) {
    let moved = tokio::select! {
        moved = timeout(MOVE_WITHIN, take_over(&mut inlet, &line)) => moved.unwrap_or(false),
        () = line.session.ended() => false,
    };
    if moved {
        line.carry_session();
        // What was posted before comes before what this socket brings.
        line.session.posted().await;
        return serve(inlet, line).await;
    }
    // The session goes on as if nobody had tried.
    let _ = line.session.step(Transport::Probing, Transport::Polling) || line.session.step(Transport::Moving, Transport::Polling);
    line.close(Close::BrokenProtocol);
    see_off(inlet, line).await;
}

async fn take_over(inlet: &mut Inlet, line: &Line) -> bool {
    if !says(inlet, line, "2probe").await || !line.session.step(Transport::Probing, Transport::Moving) {
        return false;
    }
    line.send(&Outgoing::PROBE);
    says(inlet, line, "5").await && line.session.step(Transport::Moving, Transport::WebSocket)
}

/// Whether the next thing a client says is this.
async fn says(inlet: &mut Inlet, line: &Line, expected: &str) -> bool {
    loop {
        return match inlet.next().await {
            Ok(Some(Frame::Text(text))) => text == expected,
            Ok(Some(Frame::Binary(_) | Frame::Close) | None) | Err(_) => false,
            Ok(Some(frame)) => {
                line.keep_up(&frame);
                continue;
            }
        };
    }
}

/// The life of a WebSocket that carries its session.
async fn serve(mut inlet: Inlet, line: Arc<Line>) {
    let session = &line.session;
    loop {
        let frame = tokio::select! {
            biased;
            () = session.ended() => break,
            frame = inlet.next() => frame,
        };
        let packet = match frame {
            Ok(Some(Frame::Text(text))) => Incoming::read(&text, false),
            Ok(Some(Frame::Binary(length))) => Ok(Incoming::Message(Message::Binary(length))),
            Ok(Some(Frame::Close) | None) => Ok(Incoming::Close),
            Ok(Some(frame)) => {
                line.keep_up(&frame);
                continue;
            }
            Err(close) => {
                session.cut(close);
                continue;
            }
        };
        metrics::counter!("parlor_frames_received_total").increment(1);
        // What is no packet ends the session, which is seen above.
        let _ = session.receive(packet).await;
    }
    see_off(inlet, line).await;
}

/// Waits until the socket took its last frame, though not for ever.
async fn see_off(inlet: Inlet, line: Arc<Line>) {
    if timeout(CLOSE_WITHIN, line.ended()).await.is_err() {
        inlet.cut();
    }
}
