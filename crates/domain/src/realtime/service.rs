use super::{Ticket, TicketHolder};
use crate::clock::Clock;
use crate::id::{Ids, KeyHash};
use crate::store::{RepositoryError, Store};
use std::sync::Arc;
use std::time::Duration;

/// How long a ticket is good.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(30);

/// Why a ticket lets nobody in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TicketError {
    /// Unknown, used, run out, or asked for from another origin.
    #[error("the ticket is not valid")]
    Invalid,
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Gives and takes single-use tickets.
pub struct TicketService {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// What all tickets begin with, so that other secrets are not looked up as one.
const PREFIX: &str = "ticket_";

impl TicketService {
    /// Makes the service.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store, clock, ids }
    }

    /// Whether a token looks like a ticket.
    #[must_use]
    pub fn is_ticket(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// Gives a ticket.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn issue(&self, holder: TicketHolder, origin: Option<String>) -> Result<String, TicketError> {
        let plain = format!("{PREFIX}{}{}", self.ids.random().simple(), self.ids.random().simple());
        let ticket = Ticket {
            hash: KeyHash::of(plain.as_bytes()),
            holder,
            origin,
            expires_at: self.clock.now().plus(TICKET_LIFETIME),
        };
        let work = self.store.begin().await?;
        work.tickets().insert(&ticket).await?;
        work.commit().await?;
        Ok(plain)
    }

    /// Takes a ticket. It is used up even if it lets nobody in.
    ///
    /// # Errors
    /// What [`TicketError`] says.
    pub async fn redeem(&self, plain: &str, origin: Option<&str>) -> Result<TicketHolder, TicketError> {
        let work = self.store.begin().await?;
        let ticket = work.tickets().take(KeyHash::of(plain.as_bytes())).await?;
        work.commit().await?;
        let now = self.clock.now();
        ticket
            .filter(|ticket| ticket.expires_at > now)
            .filter(|ticket| ticket.origin.as_deref() == origin)
            .map(|ticket| ticket.holder)
            .ok_or(TicketError::Invalid)
    }
}
