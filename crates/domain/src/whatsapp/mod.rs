//! WhatsApp: customers who write to a number of ours, and our answers on their way to them.

mod contact;
mod customers;
mod errors;
mod fetching;
mod gateway;
mod incoming;
mod numbers;
mod outbox;
mod outgoing;
mod parts;
mod receiving;
mod repository;
mod service;
mod settings;
mod signs;

pub use contact::{Contact, Customer};
pub use errors::{Verdict, verdict_of};
pub use gateway::{Accepted, Answered, FileToSend, GraphError, IncomingMedia, NumberFacts, SendFailure, WhatsappGateway};
pub use incoming::{CustomerMove, Incoming, IncomingMessage, MediaKind, MediaNotice, Received, ReceivedItem, StatusNotice, StatusWord};
pub use numbers::{Number, Numbers, WhatsappDefaults};
pub use outgoing::{Choice, Interactive, InvalidInteractive, InvalidTemplate, OutgoingContent, OutgoingMessage, Recipient, TemplateCall};
pub use repository::{ContactRepository, DeliveryRepository, EarlyNotice, Notice};
pub use service::{OpenError, Settled, WhatsappService};
pub use settings::{
    DEFAULT_GRAPH_URL, DEFAULT_GRAPH_VERSION, InvalidSettings, Secret, Template, WhatsappEdit, WhatsappHealth, WhatsappSecrets, WhatsappSettings,
};
