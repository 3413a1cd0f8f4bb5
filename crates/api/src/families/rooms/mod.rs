//! Rooms: `/api/public/chat-rooms`, conversations as their customer sees them. Bare objects; the room key in the path is the proof.

mod messages;
mod room;

pub use messages::*;
pub use room::*;

use crate::routes::Routes;

/// The paths of this family.
pub fn routes(config: &mut impl Routes) {
    config
        .add(create_room)
        .add(list_own_rooms)
        .add(get_own_room)
        .add(send_room_message)
        .add(get_room_messages)
        .add(mark_room_as_read)
        .add(delete_own_message)
        .add(act_on_own_message);
}
