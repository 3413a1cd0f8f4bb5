//! `/api/admin/chat-rooms`: conversations as agents see them.

mod actions;
mod detail;
mod list;
mod messages;

pub use detail::VisitorCardResponse;

use crate::extract::StaffAuth;
use crate::families::shared::OwnConversationRow;
use crate::problem::{Code, Problem};
use crate::routes::Routes;
use crate::state::AppState;
use actix_web::HttpResponse;
use parlor_domain::agent::{Caller, Role};
use parlor_domain::conversation::Conversation;

/// The paths.
pub fn routes(config: &mut impl Routes) {
    config
        .add(list::list_conversations)
        .add(detail::get_conversation)
        .add(detail::delete_conversation)
        .add(messages::send_agent_message)
        .add(messages::mark_conversation_read)
        .add(messages::list_conversation_messages)
        .add(messages::edit_conversation_message)
        .add(messages::delete_conversation_message)
        .add(messages::react_to_message)
        .add(messages::act_on_message)
        .add(actions::assign_conversation)
        .add(actions::set_conversation_status)
        .add(actions::flag_conversation)
        .add(actions::label_conversation)
        .add(actions::hand_to_assistant)
        .add(actions::take_over_conversation);
}

/// The row for the calling agent.
async fn own_row(state: &AppState, auth: &StaffAuth, conversation: &Conversation) -> Result<HttpResponse, Problem> {
    let mark = state.reader.own_mark(conversation.id, auth.0.id).await?;
    Ok(HttpResponse::Ok().json(OwnConversationRow::new(conversation, mark)))
}

/// Deleted conversations are for admins only.
fn must_see_deleted(caller: &Caller) -> Result<(), Problem> {
    if caller.role >= Role::Admin {
        Ok(())
    } else {
        Err(Problem::new(Code::Forbidden, "Only admins see deleted conversations."))
    }
}
