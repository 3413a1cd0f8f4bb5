//! Channel: a configured entry point.

mod model;
mod repository;
mod service;

pub use model::{Channel, ChannelKind, IdentityRule, InvalidOrigin, Origin};
pub use repository::ChannelRepository;
pub use service::{ChannelError, ChannelService, EditChannel, NewChannel};
