//! Chats: `/api/chats`. STEP 1 makes a visitor, STEP 2 a session with its conversation, STEP 3 is
//! asking the assistant. Every answer stands in an envelope.

mod ask;
mod caller;
mod chat;
mod follow;
mod messages;
mod sessions;
mod stream;
mod ui_message_stream;
mod visitors;

pub use ask::{AskBody, AskRequest, PlainQuestion, TransportQuestion, UiMessage, UiPart};
pub use caller::ChatCaller;
pub use chat::*;
pub use messages::*;
pub use sessions::*;
pub use stream::*;
pub use visitors::*;

use crate::routes::Routes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
pub fn routes(config: &mut impl Routes) {
    config
        .add(create_visitor)
        .add(list_visitor_profiles)
        .add(validate_visitor)
        .add(get_visitor_profile)
        .add(edit_visitor_profile)
        .add(identify_visitor)
        .add(create_session)
        .add(list_sessions)
        .add(get_session)
        .add(end_session)
        .add(ask_assistant)
        .add(stream_answer)
        .add(stop_answer)
        .add(resume_answer)
        .add(resume_answer_of_sdk)
        .add(list_chat_messages);
}
