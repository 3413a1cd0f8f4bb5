//! Rooms: `/api/public/chat-rooms`, conversations as their customer sees them. Bare objects; the room key in the path is the proof.

mod messages;
mod room;

pub use messages::*;
pub use room::*;

use utoipa_actix_web::service_config::ServiceConfig;

/// The paths of this family.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(create_room)
        .service(list_own_rooms)
        .service(get_own_room)
        .service(send_room_message)
        .service(get_room_messages)
        .service(mark_room_as_read)
        .service(delete_own_message);
}
