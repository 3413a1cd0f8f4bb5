//! Marketplace: `/api/conversations`. A customer and a seller talk about a listing, each with clients that hold the conversation
//! themselves and save it as a whole. camelCase, bare objects.
//!
//! The id of a conversation is chosen by its client and the same for both sides. It proves nothing: both sides log in.

mod actions;
mod body;
mod history;
mod list;
mod messages;
mod save;
mod shape;

pub use actions::*;
pub use body::MessageBody;
pub use history::*;
pub use list::*;
pub use messages::*;
pub use save::*;
pub use shape::*;

use crate::extract::{Fields, PartyAuth};
use crate::problem::{Code, Problem};
use crate::routes::Routes;
use crate::state::AppState;
use parlor_domain::conversation::{Conversation, ConversationRef, Party};
use parlor_domain::text::Email;

/// The paths of this family.
pub fn routes(config: &mut impl Routes) {
    config
        .add(list_marketplace_conversations)
        .add(save_marketplace_conversation)
        .add(send_marketplace_message)
        .add(list_marketplace_messages)
        .add(delete_marketplace_conversation)
        .add(mark_marketplace_conversation_read)
        .add(flag_marketplace_conversation)
        .add(act_on_marketplace_message);
}

/// The caller's own conversation that a body names.
async fn own_conversation(state: &AppState, auth: &PartyAuth, id: &str) -> Result<Conversation, Problem> {
    let named = named("conversationId", id)?;
    Ok(state.conversations.marketplace_find(&auth.0, &named).await?)
}

fn named(field: &str, id: &str) -> Result<ConversationRef, Problem> {
    let mut fields = Fields::new();
    let named = fields.parsed(field, ConversationRef::parse(id));
    fields.take(named)
}

/// Whoever is named on the caller's own side must be the caller.
fn must_be_own(party: &Party, field: &str, address: &str) -> Result<(), Problem> {
    if Email::parse(address).is_ok_and(|address| address == *party.email()) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        format!("Not allowed: `{field}` names somebody else than your login; send your own e-mail address, or leave it out."),
    ))
}
