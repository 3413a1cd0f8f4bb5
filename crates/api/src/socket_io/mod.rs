//! The Socket.IO door (docs/websocket.md): Engine.IO below, the same events as on the other doors above.

mod door;
mod engine;
mod packet;

pub use door::{
    ERROR, PartyCommand, PartyConversationDeleted, PartyConversationUpdated, PartyEvent, PartyHasRead, PartyMessage, PartyMessageUpdated, PartyMoved,
    PartyRead, PartySent, PartySubscribe, PartySubscribed,
};
pub use engine::{Arrival, Engine, Socket, is_in_session};
pub use packet::{BadPacket, Packet};

#[cfg(test)]
pub(crate) use door::Writer;

use actix_web::web;

/// The one address of the door. Its handler answers every method: Engine.IO has its own words for wrong ones.
pub fn sockets(config: &mut web::ServiceConfig) {
    config.route("/socket.io", web::to(engine::handle));
}
