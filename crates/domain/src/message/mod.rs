//! Message: one thing that was said, in its place.

mod delivery;
mod model;
mod proposal;
mod repository;

pub use delivery::{Delivery, DeliveryError, Part, PartState};
pub use model::{AuthorId, Message, MessageKind, MessageStatus, Reaction, Sender, SenderKind, Side};
pub use proposal::{InvalidProposal, Move, OFFER_STANDS_FOR, Proposal, ProposalStatus, price_of};
pub use repository::{HistoryPage, HistoryQuery, HistoryWindow, MessageRepository};
