//! Chats: `/api/chats`. STEP 1 makes a visitor, STEP 2 a session with its conversation, STEP 3 is writing. Every answer stands in
//! an envelope.

mod caller;
mod messages;
mod sessions;
mod visitors;

pub use caller::ChatCaller;
pub use messages::*;
pub use sessions::*;
pub use visitors::*;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// What every answer of this family is wrapped in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Envelope<T> {
    /// Always true; refusals have false.
    #[schema(example = true)]
    pub success: bool,
    /// The answer itself.
    pub data: T,
}

impl<T> Envelope<T> {
    /// Wraps an answer.
    pub const fn new(data: T) -> Self {
        Self { success: true, data }
    }
}

/// The paths of this family.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(create_visitor)
        .service(list_visitor_profiles)
        .service(validate_visitor)
        .service(get_visitor_profile)
        .service(edit_visitor_profile)
        .service(identify_visitor)
        .service(create_session)
        .service(list_sessions)
        .service(get_session)
        .service(end_session)
        .service(list_chat_messages);
}
