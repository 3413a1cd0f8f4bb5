//! The writer's batch: one round trip on Postgres, one immediate transaction on SQLite.
//!
//! Both are tried without looking for client ids first: the unique index finds a repeat, which is rare. Then nothing is
//! written, the items with a taken client id are found and left out, and the rest is tried again.

mod postgres;
mod sqlite;

pub use postgres::PostgresLanes;

use super::conversation_store::by_keys;
use super::error::failure;
use super::store::SeaOrmStore;
use parlor_domain::conversation::{AgentMark, CommitItem, CommitOutcome, MessageKey};
use parlor_domain::id::{AgentId, ConversationId};
use parlor_domain::store::RepositoryError;
use sea_orm::QuerySelect;
use sea_orm::prelude::Uuid;
use std::collections::{HashMap, HashSet};

/// How often a batch is tried. Each time somebody else must have taken another client id meanwhile.
const TRIES: usize = 4;
/// Client ids in one look-up.
const SOME: usize = 100;

/// Writes a batch and tells what became of each item.
pub async fn commit(store: &SeaOrmStore, batch: &[CommitItem]) -> Result<Vec<CommitOutcome>, RepositoryError> {
    let mut open: Vec<&CommitItem> = batch.iter().collect();
    // Rows are locked in the same order by all, so that two batches never wait for one another in a circle.
    open.sort_unstable_by_key(|item| item.conversation.id);
    let mut taken: HashSet<ConversationId> = HashSet::new();
    for _ in 0..TRIES {
        match attempt(store, &open).await {
            Ok(stored) => return Ok(batch.iter().map(|item| outcome(item, &stored, &taken)).collect()),
            Err(RepositoryError::Conflict) => {
                let found = with_taken_client_id(store, &open).await?;
                if found.is_empty() {
                    return Err(RepositoryError::Failed("the id of a message or job, or a message's place, is taken".to_owned()));
                }
                open.retain(|item| !found.contains(&item.conversation.id));
                taken.extend(found);
            }
            Err(error) => return Err(error),
        }
    }
    Err(RepositoryError::Unavailable("client ids were taken again and again".to_owned()))
}

fn outcome(item: &CommitItem, stored: &HashSet<Uuid>, taken: &HashSet<ConversationId>) -> CommitOutcome {
    if stored.contains(&item.conversation.id.0) {
        CommitOutcome::Stored
    } else if taken.contains(&item.conversation.id) {
        CommitOutcome::ClientIdTaken
    } else {
        CommitOutcome::Stale
    }
}

/// Writes all items whose version still holds, and answers their ids; or, with a conflict, nothing.
async fn attempt(store: &SeaOrmStore, items: &[&CommitItem]) -> Result<HashSet<Uuid>, RepositoryError> {
    if items.is_empty() {
        return Ok(HashSet::new());
    }
    match &store.postgres {
        Some(postgres) => postgres.lanes.write(items).await,
        None => sqlite::write(&store.writer, items).await,
    }
}

async fn with_taken_client_id(store: &SeaOrmStore, items: &[&CommitItem]) -> Result<HashSet<ConversationId>, RepositoryError> {
    use super::entity::message::Column;
    let keys: Vec<MessageKey> = items
        .iter()
        .flat_map(|item| &item.inserted)
        .filter_map(|message| {
            Some(MessageKey::ClientId(
                message.conversation_id,
                message.sender.author(),
                message.client_id.clone()?,
            ))
        })
        .collect();
    let mut taken = HashSet::new();
    for some in keys.iter().collect::<Vec<_>>().chunks(SOME) {
        let conversations = by_keys(some).select_only().column(Column::ConversationId).into_tuple::<Uuid>();
        taken.extend(conversations.all(&store.writer).await.map_err(failure)?.into_iter().map(ConversationId));
    }
    Ok(taken)
}

/// The furthest mark of each agent in each conversation: one statement may touch a row only once.
fn furthest_marks<'a>(items: &[&'a CommitItem]) -> Vec<&'a AgentMark> {
    let mut furthest: HashMap<(ConversationId, AgentId), &AgentMark> = HashMap::new();
    for mark in items.iter().flat_map(|item| &item.agent_marks) {
        let known = furthest.entry((mark.conversation_id, mark.agent_id)).or_insert(mark);
        if mark.mark.seq > known.mark.seq {
            *known = mark;
        }
    }
    let mut marks: Vec<_> = furthest.into_values().collect();
    marks.sort_unstable_by_key(|mark| (mark.conversation_id, mark.agent_id));
    marks
}
