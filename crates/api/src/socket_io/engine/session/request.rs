//! The requests of a session that polls: one of each kind at a time.

use super::Session;
use crate::ws::Close;

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
