//! `/api/live-chat`: agents talk with customers on WhatsApp, with clients that know numbers as ids; and the platform's webhook.
//! snake_case.

mod conversations;
mod messages;
mod send;
mod shape;
pub mod webhook;

pub use conversations::*;
pub use messages::*;
pub use send::*;
pub use shape::*;

use crate::routes::Routes;

/// The paths of this family.
pub fn routes(config: &mut impl Routes) {
    config.add(list_live_conversations).add(list_live_messages).add(send_live_message);
    webhook::routes(config);
}
