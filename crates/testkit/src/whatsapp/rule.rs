//! What a test has the stand-in do against its habit.

use super::error::GraphError;
use super::state::Sending;
use crate::model_server::Gate;
use std::time::Duration;

/// What can be asked of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /{version}/{phone_number_id}/messages` with a message.
    Send,
    /// The same with `"status":"read"`.
    MarkRead,
    /// `POST /{version}/{phone_number_id}/media`.
    Upload,
    /// `GET /{version}/{media_id}`.
    MediaInfo,
    /// `GET` of a download link.
    Download,
    /// `GET /{version}/{phone_number_id}`.
    Profile,
    /// Anything else.
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Fails(GraphError),
    Page(u16),
    ClosesUnread,
    Closes,
    AcceptsAndCloses,
    AcceptsThenFails(u32),
    Waits(Duration),
    WaitsFor(Gate),
    Redirects(String),
}

/// How some of the next calls end. A request that is wrong is refused as ever and uses no rule up.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) outcome: Outcome,
    endpoint: Endpoint,
    customer: Option<String>,
    left: usize,
}

impl Rule {
    fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            endpoint: Endpoint::Send,
            customer: None,
            left: 1,
        }
    }

    /// Refused with a code.
    #[must_use]
    pub fn fails(code: u32) -> Self {
        Self::new(Outcome::Fails(GraphError::new(code, "As the test wants it.")))
    }

    /// Refused with a page of a proxy, which is no JSON.
    #[must_use]
    pub fn page(status: u16) -> Self {
        Self::new(Outcome::Page(status))
    }

    /// The connection is closed before the body is read. Rules for one customer never do so: the body says whom it is for.
    #[must_use]
    pub fn closes_unread() -> Self {
        Self::new(Outcome::ClosesUnread)
    }

    /// The connection is closed after the request was read; nothing was accepted.
    #[must_use]
    pub fn closes() -> Self {
        Self::new(Outcome::Closes)
    }

    /// Accepted, with statuses to come, but the connection is closed without an answer.
    #[must_use]
    pub fn accepts_and_closes() -> Self {
        Self::new(Outcome::AcceptsAndCloses)
    }

    /// Accepted; later the status `failed` with this code comes in place of the others.
    #[must_use]
    pub fn accepts_then_fails(code: u32) -> Self {
        Self::new(Outcome::AcceptsThenFails(code))
    }

    /// Done as ever, and answered late.
    #[must_use]
    pub fn waits(time: Duration) -> Self {
        Self::new(Outcome::Waits(time))
    }

    /// Done as ever, and answered when the gate is open.
    #[must_use]
    pub fn waits_for(gate: &Gate) -> Self {
        Self::new(Outcome::WaitsFor(gate.clone()))
    }

    /// Sent elsewhere.
    #[must_use]
    pub fn redirects(url: impl Into<String>) -> Self {
        Self::new(Outcome::Redirects(url.into()))
    }

    /// For so many calls in place of one.
    #[must_use]
    pub const fn times(mut self, times: usize) -> Self {
        self.left = times;
        self
    }

    /// For all calls to come.
    #[must_use]
    pub const fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// For another endpoint than [`Endpoint::Send`].
    #[must_use]
    pub const fn at(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// For one customer only, by phone id or user id.
    #[must_use]
    pub fn to(mut self, customer: impl Into<String>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Whether it says how this call ends.
    pub(super) fn covers(&self, endpoint: Endpoint, sending: Option<&Sending>) -> bool {
        let meant = match (&self.customer, sending) {
            (None, _) => true,
            (Some(customer), Some(sending)) => sending.is_to(customer),
            (Some(_), None) => false,
        };
        self.left > 0 && self.endpoint == endpoint && meant
    }

    pub(super) const fn use_up(&mut self) {
        if self.left < usize::MAX {
            self.left -= 1;
        }
    }
}
