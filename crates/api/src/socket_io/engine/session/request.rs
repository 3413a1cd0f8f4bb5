//! The requests of a session that polls: one of each kind at a time.

use super::{Session, Transport};
use crate::ws::Close;
use actix_web::http::Method;
use std::time::Duration;
use tokio::time::Instant;

/// A request that may not be: one of its kind runs already.
#[derive(Debug, PartialEq, Eq)]
pub struct Overlap;

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Poll,
    Post,
}

/// A request of a session that is being answered.
pub struct Request<'a> {
    session: &'a Session,
    kind: Kind,
    done: bool,
}

impl Request<'_> {
    /// It is answered.
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        *self.session.lock().runs(self.kind) = false;
        self.session.changed.notify_waiters();
        if !self.done {
            // Its client gave up: what was under way is lost, and with it the order.
            self.session.cut(Close::Normal);
        }
    }
}

impl Session {
    /// Whether it answers such a request, once it may ([`Self::allow`]). All else it refuses at once.
    #[must_use]
    pub fn answers(&self, method: &Method) -> bool {
        let inner = self.lock();
        match *method {
            _ if inner.transport == Transport::WebSocket => false,
            Method::GET => true,
            Method::POST => inner.end.is_none(),
            _ => false,
        }
    }

    /// Waits until one more request may be answered. Whoever asks too often is not refused, which would end the session, but waits.
    pub async fn allow(&self) {
        loop {
            let taken = self.lock().requests.as_mut().map_or(Ok(()), |bucket| bucket.take(1.0, Instant::now()));
            match taken {
                Ok(()) => return,
                // A moment more, since the wait is a rounded number.
                Err(wait) => tokio::time::sleep(wait + Duration::from_millis(1)).await,
            }
        }
    }

    /// Begins a poll, which is ended by dropping what this gives.
    ///
    /// # Errors
    /// Another one runs: the session ended.
    pub fn begin_poll(&self) -> Result<Request<'_>, Overlap> {
        self.begin(Kind::Poll)
    }

    /// Begins a POST, which is ended by dropping what this gives.
    ///
    /// # Errors
    /// Another one runs: the session ended.
    pub fn begin_post(&self) -> Result<Request<'_>, Overlap> {
        self.begin(Kind::Post)
    }

    fn begin(&self, kind: Kind) -> Result<Request<'_>, Overlap> {
        if std::mem::replace(self.lock().runs(kind), true) {
            self.cut(Close::BrokenProtocol);
            return Err(Overlap);
        }
        Ok(Request {
            session: self,
            kind,
            done: false,
        })
    }
}
