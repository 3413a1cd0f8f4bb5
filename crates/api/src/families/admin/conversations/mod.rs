//! `/api/admin/chat-rooms`: conversations as agents see them.

mod actions;
mod detail;
mod list;
mod messages;

pub use detail::VisitorCardResponse;

use crate::extract::StaffAuth;
use crate::families::shared::OwnConversationRow;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::HttpResponse;
use parlor_domain::agent::{Caller, Role};
use parlor_domain::conversation::Conversation;
use utoipa_actix_web::service_config::ServiceConfig;

/// The paths.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(list::list_conversations)
        .service(detail::get_conversation)
        .service(detail::delete_conversation)
        .service(messages::send_agent_message)
        .service(messages::mark_conversation_read)
        .service(messages::list_conversation_messages)
        .service(messages::edit_conversation_message)
        .service(messages::delete_conversation_message)
        .service(messages::react_to_message)
        .service(actions::assign_conversation)
        .service(actions::set_conversation_status)
        .service(actions::flag_conversation)
        .service(actions::label_conversation)
        .service(actions::hand_to_assistant)
        .service(actions::take_over_conversation);
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
