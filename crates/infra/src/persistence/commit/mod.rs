//! The writer's batch: one round trip on Postgres, one immediate transaction on SQLite.
//!
//! Both are tried without looking for client ids and platforms' names first: the unique index finds a repeat, which is rare.
//! Then nothing is written, the items with a taken client id or name are found and left out, and the rest is tried again.

mod postgres;
mod sqlite;

pub use postgres::PostgresLanes;

use super::conversation_store::by_keys;
use super::delivery::called;
use super::error::failure;
use super::store::SeaOrmStore;
use parlor_domain::conversation::{AgentMark, CommitItem, CommitOutcome, MessageKey, Naming};
use parlor_domain::id::{AgentId, ConversationId};
use parlor_domain::store::RepositoryError;
use sea_orm::prelude::Uuid;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use std::collections::{HashMap, HashSet};

/// How often a batch is tried. Each time somebody else must have taken another client id or name meanwhile.
const TRIES: usize = 4;
/// Keys in one look-up.
const SOME: usize = 100;

/// Writes a batch and tells what became of each item.
pub async fn commit(store: &SeaOrmStore, batch: &[CommitItem]) -> Result<Vec<CommitOutcome>, RepositoryError> {
    let mut stored = HashSet::new();
    let mut taken = HashSet::new();
    let mut waiting: Vec<&CommitItem> = batch.iter().collect();
    while !waiting.is_empty() {
        let (mut open, later) = apart(waiting);
        // Rows are locked in the same order by all, so that two batches never wait for one another in a circle.
        open.sort_unstable_by_key(|item| item.conversation.id);
        match write(store, open, &mut taken).await {
            Ok(written) => stored.extend(written),
            // Part of the batch is there already, so it cannot be said that nothing is.
            Err(RepositoryError::Failed(error)) if !stored.is_empty() => return Err(RepositoryError::Unavailable(error)),
            Err(error) => return Err(error),
        }
        waiting = later;
    }
    Ok(batch.iter().map(|item| outcome(item, &stored, &taken)).collect())
}

/// Those that can be written together, and those that want a name which one of the first wants, too: they come after it.
fn apart(items: Vec<&CommitItem>) -> (Vec<&CommitItem>, Vec<&CommitItem>) {
    let mut names = HashSet::new();
    items.into_iter().partition(|item: &&CommitItem| {
        let item = *item;
        let free = !item.named.iter().any(|name| names.contains(&name.external_id));
        if free {
            names.extend(item.named.iter().map(|name| &name.external_id));
        }
        free
    })
}

/// Writes what can be written, and answers the ids; notes what failed for a taken client id or name.
async fn write(store: &SeaOrmStore, mut open: Vec<&CommitItem>, taken: &mut HashSet<ConversationId>) -> Result<HashSet<Uuid>, RepositoryError> {
    for _ in 0..TRIES {
        match attempt(store, &open).await {
            Err(RepositoryError::Conflict) => {
                let mut found = with_taken_client_id(store, &open).await?;
                found.extend(with_taken_name(store, &open).await?);
                if found.is_empty() {
                    return Err(RepositoryError::Failed("the id of a message or job, or a message's place, is taken".to_owned()));
                }
                // An item that is stale, too, is that before all.
                let versions = versions(&store.writer, found.iter().copied()).await?;
                let holds = |item: &&&CommitItem| versions.get(&item.conversation.id.0) == Some(&item.base_version);
                let (failed, rest): (Vec<_>, Vec<_>) = open.into_iter().partition(|item| found.contains(&item.conversation.id));
                taken.extend(failed.iter().filter(holds).map(|item| item.conversation.id));
                open = rest;
            }
            written => return written,
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

/// The items of which a platform's name belongs to a message already.
async fn with_taken_name(store: &SeaOrmStore, items: &[&CommitItem]) -> Result<HashSet<ConversationId>, RepositoryError> {
    use super::entity::delivery::Column;
    let wanted: HashMap<(Uuid, &str), ConversationId> = names(items)
        .into_iter()
        .map(|name| ((name.external_id.channel_id.0, name.external_id.id.as_str()), name.conversation_id))
        .collect();
    let mut taken = HashSet::new();
    for some in names(items).chunks(SOME) {
        let found = called(some.iter().map(|name| &name.external_id)).select_only();
        let rows = found.columns([Column::ChannelId, Column::ExternalId]).into_tuple::<(Uuid, String)>();
        let rows = rows.all(&store.writer).await.map_err(failure)?;
        taken.extend(rows.iter().filter_map(|(channel, id)| wanted.get(&(*channel, id.as_str()))));
    }
    Ok(taken)
}

/// The versions of conversations, as far as they are there.
async fn versions<C: ConnectionTrait>(db: &C, ids: impl Iterator<Item = ConversationId>) -> Result<HashMap<Uuid, i64>, RepositoryError> {
    use super::entity::conversation::{Column, Entity};
    let ids: Vec<Uuid> = ids.map(|id| id.0).collect();
    let mut versions = HashMap::with_capacity(ids.len());
    for some in ids.chunks(sqlite::SOME) {
        let select = Entity::find().filter(Column::Id.is_in(some.iter().copied()));
        let rows = select.select_only().columns([Column::Id, Column::Version]).into_tuple::<(Uuid, i64)>();
        versions.extend(rows.all(db).await.map_err(failure)?);
    }
    Ok(versions)
}

/// What messages are called from now on, each name once, in the order of the names.
fn names<'a>(items: &[&'a CommitItem]) -> Vec<&'a Naming> {
    let place = |name: &&'a Naming| (name.external_id.channel_id, name.external_id.id.as_str());
    let mut names: Vec<&Naming> = items.iter().flat_map(|item| &item.named).collect();
    names.sort_by_key(place);
    names.dedup_by_key(|name| place(&*name));
    names
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
