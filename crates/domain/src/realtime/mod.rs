//! What sockets need of storage: single-use tickets.

mod repository;
mod service;

pub use repository::{Ticket, TicketHolder, TicketRepository};
pub use service::{TICKET_LIFETIME, TicketError, TicketService};
