//! Stored chats: `/api/users`, `/api/dashboard`, `/api/debug`. A widget that holds its chat itself, and brings its own assistant,
//! stores here what is said.
//!
//! The chat id is chosen by the widget and is what one writes by: who knows it may append, and reads nothing.

mod data;
mod message;
mod send;
mod sync;
mod users_chats;

pub use data::*;
pub use message::*;
pub use send::*;
pub use sync::*;
pub use users_chats::*;

use crate::extract::{ClientAddress, Fields, channel_for, to_the_end};
use crate::families::shared::{ProvenVisitor, channel_of, visitor_context};
use crate::problem::{Code, Problem};
use crate::routes::Routes;
use crate::state::AppState;
use actix_web::HttpRequest;
use parlor_domain::channel::Channel;
use parlor_domain::conversation::{ChatRef, ReadError, Starter, StoredChat};
use parlor_domain::message::Side;
use parlor_domain::visitor::{EditVisitor, NewVisitor, Visitor};
use std::sync::Arc;
use uuid::Uuid;

/// The paths of this family.
pub fn routes(config: &mut impl Routes) {
    config
        .add(save_user_data)
        .add(send_stored_message)
        .add(send_stored_message_by_old_path)
        .add(sync_stored_chat)
        .add(list_users_chats);
}

/// A chat that somebody writes to.
struct OpenChat {
    /// As the caller calls it.
    name: ChatRef,
    chat: StoredChat,
    /// Who was proven.
    visitor: Option<Arc<Visitor>>,
}

impl OpenChat {
    /// The chat of a path; an unknown one is made.
    async fn of(
        http: &HttpRequest,
        state: &AppState,
        address: ClientAddress,
        chat_id: &str,
        visitor_key: Option<&str>,
        channel: Option<&str>,
    ) -> Result<Self, Problem> {
        let name = chat_id_in_path(chat_id)?;
        let visitor = ProvenVisitor::of(http, state, visitor_key).await?.map(|proven| proven.visitor);
        let channel = channel_named(http, state, visitor.as_deref(), channel).await?;
        let proven = visitor.as_ref().map(|visitor| visitor.id);
        let conversations = state.conversations.clone();
        let known = conversations.find_stored_chat(channel.workspace_id, &name, proven).await.map_err(no_chat)?;
        if let Some(known) = known {
            let chat = StoredChat {
                conversation: Arc::new(known),
                key: None,
                made: false,
            };
            return Ok(Self { name, chat, visitor });
        }
        let starter = match &visitor {
            Some(visitor) => Starter::Known(visitor.clone(), EditVisitor::default()),
            None if name.can_be_guessed() => return Err(chat_unknown()),
            None => {
                state.limits.new_visitor(address)?;
                Starter::New(NewVisitor {
                    context: visitor_context(http, address),
                    ..NewVisitor::default()
                })
            }
        };
        state.limits.new_conversation(address)?;
        let begun = name.clone();
        let chat = to_the_end(async move { conversations.begin_stored_chat(&channel, Some(&begun), starter, None).await }).await??;
        Ok(Self { name, chat, visitor })
    }

    /// The key of a visitor that was made with the chat.
    fn new_key(&self) -> Option<Uuid> {
        self.chat.key.map(|key| key.expose())
    }

    /// The operator sees that something came in, and neither what nor the whole id, by which one writes.
    fn log_saved(&self, side: Side) {
        let role = match side {
            Side::Visitor => "user",
            Side::Agent => "assistant",
        };
        tracing::info!("Message saved to chat {} (role: {role})", self.name.for_log());
    }
}

/// The channel that a chat belongs to: `named` by the body, else the proven visitor's own, else a stranger's.
async fn channel_named(http: &HttpRequest, state: &AppState, visitor: Option<&Visitor>, named: Option<&str>) -> Result<Channel, Problem> {
    let named = named.map(str::trim).filter(|channel| !channel.is_empty());
    match visitor {
        None => channel_for(http, state, named).await,
        Some(visitor) if named.is_none() => channel_of(state, visitor).await,
        Some(visitor) => {
            let channel = channel_for(http, state, named).await?;
            if channel.workspace_id == visitor.workspace_id {
                Ok(channel)
            } else {
                Err(Problem::not_found("channel"))
            }
        }
    }
}

fn chat_id_in_path(chat_id: &str) -> Result<ChatRef, Problem> {
    let mut fields = Fields::new();
    let name = fields.parsed("chat_id", ChatRef::parse(chat_id));
    fields.take(name)
}

fn no_chat(error: ReadError) -> Problem {
    match error {
        ReadError::NotFound => Problem::not_found("chat"),
        ReadError::Repository(error) => error.into(),
    }
}

fn chat_unknown() -> Problem {
    Problem::new(
        Code::ChatUnknown,
        "There is no such chat, and its id is too short to make one for a stranger: call POST /api/users/data with it first, or use an id \
         of at least 16 random characters.",
    )
}
