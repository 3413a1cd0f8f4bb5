//! Messages, for reading and for conversations that begin with some.

use super::state::{State, refuse_if};
use super::{View, history};
use async_trait::async_trait;
use parlor_domain::conversation::Audience;
use parlor_domain::id::{ConversationId, MessageId};
use parlor_domain::message::{HistoryPage, HistoryQuery, Message, MessageRepository, SenderKind};
use parlor_domain::store::RepositoryError;

/// What storing a message would break.
pub(super) enum Collision {
    /// The author used its client id in this conversation.
    ClientId,
    /// Its id or its place is taken.
    Row,
}

/// What stands in the way of `message`, if it is `other`.
fn between(other: &Message, message: &Message) -> Option<Collision> {
    if message.client_id.is_some() && other.client_id == message.client_id && other.sender.author() == message.sender.author() {
        Some(Collision::ClientId)
    } else if other.id == message.id || !message.private && !other.private && other.seq == message.seq {
        Some(Collision::Row)
    } else {
        None
    }
}

/// Why these messages cannot be stored beside what is there and one another; a client id is named first.
pub(super) fn collision<'a>(state: &State, messages: impl Iterator<Item = &'a Message>) -> Option<Collision> {
    let mut before: Vec<&Message> = Vec::new();
    let mut found = None;
    for message in messages {
        let beside = before.iter().copied().filter(|other| other.conversation_id == message.conversation_id);
        for other in state.messages_of(message.conversation_id).iter().chain(beside) {
            match between(other, message) {
                Some(Collision::ClientId) => return Some(Collision::ClientId),
                Some(Collision::Row) => found = Some(Collision::Row),
                None => {}
            }
        }
        before.push(message);
    }
    found
}

#[async_trait]
impl MessageRepository for View {
    async fn find(&self, conversation: ConversationId, id: MessageId) -> Result<Option<Message>, RepositoryError> {
        Ok(self.look(|state| state.messages_of(conversation).iter().find(|message| message.id == id).cloned()))
    }

    async fn history(&self, conversation: ConversationId, query: HistoryQuery) -> Result<HistoryPage, RepositoryError> {
        Ok(self.look(|state| history::page(state.messages_of(conversation), query)))
    }

    async fn changed_after(&self, conversation: ConversationId, audience: Audience, after: i64, limit: usize) -> Result<Vec<Message>, RepositoryError> {
        Ok(self.look(|state| history::changed_after(state.messages_of(conversation), audience, after, limit)))
    }

    async fn newest_of(&self, conversations: &[ConversationId], each: usize) -> Result<Vec<Message>, RepositoryError> {
        let mut ids = conversations.to_vec();
        ids.sort_unstable();
        ids.dedup();
        Ok(self.look(|state| {
            let newest = ids.iter().flat_map(|id| {
                let mut public: Vec<&Message> = state.messages_of(*id).iter().filter(|message| !message.private).collect();
                public.sort_by_key(|message| message.seq);
                public.split_off(public.len().saturating_sub(each))
            });
            newest.cloned().collect()
        }))
    }

    async fn newest_said(&self, conversation: ConversationId, offset: usize, limit: usize) -> Result<Vec<Message>, RepositoryError> {
        let is_said = |message: &&Message| !message.private && message.sender.kind != SenderKind::System;
        Ok(self.look(|state| {
            let mut said: Vec<&Message> = state.messages_of(conversation).iter().filter(is_said).collect();
            said.sort_by_key(|message| message.seq);
            said.truncate(said.len().saturating_sub(offset));
            said.split_off(said.len().saturating_sub(limit)).into_iter().cloned().collect()
        }))
    }

    async fn insert(&self, messages: &[Message]) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(collision(state, messages.iter()).is_some())?;
            for message in messages {
                state.messages.entry(message.conversation_id).or_default().push(message.clone());
            }
            Ok(())
        })
        .await
    }
}
