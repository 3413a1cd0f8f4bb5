//! The writer's side: load and commit.

use super::MemoryStore;
use super::messages::{Collision, collision};
use super::state::State;
use async_trait::async_trait;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation, ConversationStore, ExternalId, MessageKey};
use parlor_domain::id::{AttachmentId, ConversationId};
use parlor_domain::message::Message;
use parlor_domain::store::RepositoryError;
use std::collections::HashSet;
use std::sync::Arc;

fn find<'a>(state: &'a State, key: &MessageKey) -> Option<&'a Message> {
    match key {
        MessageKey::Id(conversation, id) => state.messages_of(*conversation).iter().find(|message| message.id == *id),
        MessageKey::Place(conversation, seq) => state.messages_of(*conversation).iter().find(|message| !message.private && message.seq == *seq),
        MessageKey::ClientId(conversation, author, client_id) => state
            .messages_of(*conversation)
            .iter()
            .find(|message| message.client_id.as_ref() == Some(client_id) && message.sender.author() == *author),
        MessageKey::ExternalId(external_id) => {
            let naming = state.names.get(external_id)?;
            state.messages_of(naming.conversation_id).iter().find(|message| message.id == naming.message_id)
        }
        MessageKey::Equal(conversation, sender, content, number) => {
            let is_equal = |message: &&Message| !message.private && message.sender.kind == *sender && message.content == *content;
            let mut equal: Vec<&Message> = state.messages_of(*conversation).iter().filter(is_equal).collect();
            equal.sort_by_key(|message| message.seq);
            equal.get(number.checked_sub(1)?).copied()
        }
    }
}

/// What shall become of an item. Items are of different conversations, so one decision depends on another only by the platforms'
/// names: `named` are those that the items before it take.
fn decide<'a>(state: &State, item: &'a CommitItem, named: &mut HashSet<&'a ExternalId>) -> Result<CommitOutcome, RepositoryError> {
    if state
        .conversations
        .get(&item.conversation.id)
        .is_none_or(|stored| stored.version != item.base_version)
    {
        return Ok(CommitOutcome::Stale);
    }
    let name_taken = item
        .named
        .iter()
        .any(|naming| state.names.contains_key(&naming.external_id) || named.contains(&naming.external_id));
    let job_taken = item.jobs.iter().any(|job| state.jobs.contains_key(&job.id));
    match collision(state, item.inserted.iter().map(Arc::as_ref)) {
        Some(Collision::ClientId) => Ok(CommitOutcome::ClientIdTaken),
        None if name_taken => Ok(CommitOutcome::ClientIdTaken),
        None if !job_taken => {
            named.extend(item.named.iter().map(|naming| &naming.external_id));
            Ok(CommitOutcome::Stored)
        }
        None | Some(Collision::Row) => Err(RepositoryError::Failed("the id of a message or job, or a message's place, is taken".to_owned())),
    }
}

fn store(state: &mut State, item: &CommitItem) {
    let id = item.conversation.id;
    let messages = state.messages.entry(id).or_default();
    messages.extend(item.inserted.iter().map(|message| Message::clone(message)));
    for changed in &item.updated {
        if let Some(message) = messages.iter_mut().find(|message| message.id == changed.id) {
            message.clone_from(changed);
        }
    }
    state.names.extend(item.named.iter().map(|naming| (naming.external_id.clone(), naming.clone())));
    for file in state.attachments.values_mut().filter(|file| file.conversation_id == id) {
        let attached = item.attached.iter().find(|(attached, _)| *attached == file.file.id);
        file.message_id = file.message_id.or(attached.map(|(_, message)| *message));
        if file.message_id.is_some_and(|message| item.detached.contains(&message)) {
            file.deleted_at.get_or_insert(item.conversation.updated_at);
        }
    }
    for mark in &item.agent_marks {
        let stored = state.agent_marks.entry((mark.conversation_id, mark.agent_id)).or_insert(*mark);
        if mark.mark.seq > stored.mark.seq {
            *stored = *mark;
        }
    }
    state.audit.extend(item.audit.iter().cloned());
    state.jobs.extend(item.jobs.iter().map(|job| (job.id, job.clone())));
    state.jobs.retain(|job, _| !item.finished_jobs.contains(job));
    state.conversations.insert(id, item.conversation.clone());
}

#[async_trait]
impl ConversationStore for MemoryStore {
    async fn load(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError> {
        Ok(self
            .view()
            .look(|state| ids.iter().filter_map(|id| state.conversations.get(id).cloned()).collect()))
    }

    async fn load_messages(&self, keys: &[MessageKey]) -> Result<Vec<(MessageKey, Message)>, RepositoryError> {
        Ok(self
            .view()
            .look(|state| keys.iter().filter_map(|key| Some((key.clone(), find(state, key)?.clone()))).collect()))
    }

    async fn used_files(&self, ids: &[AttachmentId]) -> Result<Vec<AttachmentId>, RepositoryError> {
        Ok(self.view().look(|state| {
            let waits = |id: &AttachmentId| {
                state
                    .attachments
                    .get(id)
                    .is_some_and(|file| file.message_id.is_none() && file.deleted_at.is_none())
            };
            ids.iter().copied().filter(|id| !waits(id)).collect()
        }))
    }

    async fn commit(&self, batch: &[CommitItem]) -> Result<Vec<CommitOutcome>, RepositoryError> {
        self.view()
            .change(|state| {
                let mut named = HashSet::new();
                // All is decided before anything is written, so that a refusal leaves nothing of the batch.
                let outcomes = batch.iter().map(|item| decide(state, item, &mut named)).collect::<Result<Vec<_>, _>>()?;
                for (item, _) in batch.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == CommitOutcome::Stored) {
                    store(state, item);
                }
                Ok(outcomes)
            })
            .await
    }
}
