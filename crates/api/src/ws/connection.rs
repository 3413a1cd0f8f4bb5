//! Between actix and the rest: frames in, shared bytes out. Everything else knows only [`Inlet`] and the queue, so the
//! transport below can be changed here alone.

use super::close::Close;
use super::hub::OpenSocket;
use super::protocol::SUBPROTOCOL;
use super::queue::Queue;
use super::wire::{Incoming, Reader};
use crate::problem::{Code, Problem};
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Extensions, Payload};
use actix_web::http::header::SEC_WEBSOCKET_PROTOCOL;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::StreamExt;
use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A way to end a socket that takes nothing any more: no close frame reaches it, and actix waits for it for ever.
#[derive(Clone)]
struct Scissors(Arc<dyn Fn() + Send + Sync>);

/// For `HttpServer::on_connect`: keeps a second handle of each socket, by which it can be cut.
pub fn remember_socket(socket: &dyn Any, data: &mut Extensions) {
    #[cfg(unix)]
    if let Some(stream) = socket.downcast_ref::<actix_web::rt::net::TcpStream>() {
        use std::os::fd::AsFd;
        if let Ok(handle) = stream.as_fd().try_clone_to_owned() {
            let stream = std::net::TcpStream::from(handle);
            // A socket that is gone already needs no cut.
            data.insert(Scissors(Arc::new(move || drop(stream.shutdown(std::net::Shutdown::Both)))));
        }
    }
    #[cfg(not(unix))]
    let _ = (socket, data);
}

/// What comes from a client.
pub struct Inlet {
    payload: web::Payload,
    reader: Reader,
    scissors: Option<Scissors>,
}

impl Inlet {
    /// What the next frame brings; `None` when the client is gone. Nothing is lost if it is not waited for to the end.
    ///
    /// # Errors
    /// How to close: the client broke the rules.
    pub async fn next(&mut self) -> Result<Option<Incoming>, Close> {
        loop {
            if let Some(message) = self.reader.next()? {
                return Ok(Some(message));
            }
            match self.payload.next().await {
                Some(Ok(bytes)) => self.reader.push(&bytes),
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }

    /// Ends the socket, whatever it still takes.
    pub fn cut(&self) {
        if let Some(Scissors(cut)) = &self.scissors {
            cut();
        }
    }
}

/// What a socket is to be sent.
pub trait Source: 'static {
    /// The next frame; `None` after the last one.
    fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Bytes>>;

    /// The socket is gone.
    fn abandon(&self);
}

impl Source for Queue {
    fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        Self::poll_next(self, context)
    }

    fn abandon(&self) {
        Self::abandon(self);
    }
}

/// The body of the answer 101: what waits in the source. Whatever counts the socket lives as long.
struct Outlet<S: Source, G: 'static> {
    source: Arc<S>,
    _open: G,
}

impl<S: Source, G: Unpin + 'static> MessageBody for Outlet<S, G> {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let next = self.source.poll_next(context);
        if let Poll::Ready(Some(_)) = next {
            metrics::counter!("parlor_frames_sent_total").increment(1);
        }
        next.map(|bytes| bytes.map(Ok))
    }
}

impl<S: Source, G: 'static> Drop for Outlet<S, G> {
    fn drop(&mut self) {
        // The socket is gone: its task is to know.
        self.source.abandon();
    }
}

/// Shakes hands. The answer is to be returned at once; it carries what is put into the queue.
///
/// # Errors
/// The request is no WebSocket upgrade, or offers only subprotocols that nobody knows.
pub async fn upgrade(request: &HttpRequest, payload: web::Payload, queue: Arc<Queue>, open: OpenSocket) -> Result<(HttpResponse, Inlet), Problem> {
    let offered = request
        .headers()
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .map(|value| value.to_str().unwrap_or_default())
        .collect::<Vec<_>>();
    if !offered.is_empty() && !offered.iter().flat_map(|list| list.split(',')).any(|name| name.trim() == SUBPROTOCOL) {
        return Err(Problem::new(
            Code::InvalidInput,
            format!("None of the offered subprotocols is known; offer {SUBPROTOCOL} or none."),
        ));
    }
    shake_hands(request, payload, &[SUBPROTOCOL], Reader::default(), queue, open).await
}

/// The same with other words: these subprotocols, this reader, this source of what is sent. `open` lives as long as the socket.
///
/// # Errors
/// The request is no WebSocket upgrade.
pub async fn shake_hands<S: Source, G: Unpin + 'static>(
    request: &HttpRequest,
    payload: web::Payload,
    subprotocols: &[&str],
    reader: Reader,
    source: Arc<S>,
    open: G,
) -> Result<(HttpResponse, Inlet), Problem> {
    // Only the handshake is actix-ws's: its reader and writer stay without work.
    let nothing = web::Payload::from_request(request, &mut Payload::None)
        .await
        .map_err(|error| Problem::internal(&error))?;
    let (response, _, _) = actix_ws::handle_with_protocols(request, nothing, subprotocols)
        .map_err(|error| Problem::new(Code::InvalidInput, format!("This address speaks WebSocket: {error}.")))?;
    let scissors = request.conn_data::<Scissors>().cloned();
    let response = response.map_body(|_, _| Outlet { source, _open: open }).map_into_boxed_body();
    Ok((response, Inlet { payload, reader, scissors }))
}
