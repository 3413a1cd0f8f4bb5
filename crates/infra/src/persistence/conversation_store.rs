//! Where the writer reads; its commits are in `commit/`.

use super::commit;
use super::entity::{conversation, message};
use super::error::failure;
use super::rows::all;
use super::store::SeaOrmStore;
use async_trait::async_trait;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation, ConversationStore, MessageKey};
use parlor_domain::id::ConversationId;
use parlor_domain::message::Message;
use parlor_domain::store::RepositoryError;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, Select};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Keys in one statement: SQLite takes alternatives only to a depth of 1,000.
const SOME: usize = 100;

/// How long a read may take.
const PATIENCE: Duration = Duration::from_secs(12);

/// The messages that some keys of one kind point to, all of them by one index.
pub(super) fn by_keys(keys: &[&MessageKey]) -> Select<message::Entity> {
    use message::Column;
    let any = keys.iter().fold(Condition::any(), |any, key| {
        let one = Condition::all();
        any.add(match key {
            MessageKey::Id(conversation, id) => one.add(Column::Id.eq(id.0)).add(Column::ConversationId.eq(conversation.0)),
            MessageKey::Place(conversation, seq) => one
                .add(Column::ConversationId.eq(conversation.0))
                .add(Column::Seq.eq(*seq))
                .add(sea_orm::sea_query::Expr::cust("NOT private")),
            MessageKey::ClientId(conversation, author, client_id) => one
                .add(Column::ConversationId.eq(conversation.0))
                .add(Column::AuthorId.eq(author.0))
                .add(Column::ClientId.eq(client_id.as_str())),
        })
    });
    message::Entity::find().filter(any)
}

/// The keys that point to a message.
fn keys_of(message: &Message) -> impl Iterator<Item = MessageKey> {
    let conversation = message.conversation_id;
    let place = (!message.private).then_some(MessageKey::Place(conversation, message.seq));
    let client_id = message
        .client_id
        .as_ref()
        .map(|id| MessageKey::ClientId(conversation, message.sender.author(), id.clone()));
    [Some(MessageKey::Id(conversation, message.id)), place, client_id].into_iter().flatten()
}

/// A lane waits for its reads: one that never ends would stop all conversations of the lane.
async fn patiently<T>(read: impl Future<Output = Result<T, RepositoryError>>) -> Result<T, RepositoryError> {
    let unanswered = |_| RepositoryError::Unavailable("the database does not answer".to_owned());
    tokio::time::timeout(PATIENCE, read).await.map_err(unanswered)?
}

async fn rows_of(store: &SeaOrmStore, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError> {
    let mut found = Vec::with_capacity(ids.len());
    for some in ids.chunks(SOME) {
        let select = conversation::Entity::find().filter(conversation::Column::Id.is_in(some.iter().map(|id| id.0)));
        found.extend(all::<_, Conversation>(select.all(&store.reader).await.map_err(failure)?)?);
    }
    Ok(found)
}

async fn messages_of(store: &SeaOrmStore, keys: &[MessageKey]) -> Result<Vec<(MessageKey, Message)>, RepositoryError> {
    let mut found = HashMap::new();
    for kind in [
        |key: &&MessageKey| matches!(key, MessageKey::Id(..)),
        |key: &&MessageKey| matches!(key, MessageKey::Place(..)),
        |key: &&MessageKey| matches!(key, MessageKey::ClientId(..)),
    ] {
        let keys: Vec<&MessageKey> = keys.iter().filter(kind).collect();
        for some in keys.chunks(SOME) {
            for message in all::<_, Message>(by_keys(some).all(&store.reader).await.map_err(failure)?)? {
                found.insert(message.id, message);
            }
        }
    }
    let wanted: HashSet<&MessageKey> = keys.iter().collect();
    Ok(found
        .values()
        .flat_map(|message| keys_of(message).filter(|key| wanted.contains(key)).map(|key| (key, message.clone())))
        .collect())
}

#[async_trait]
impl ConversationStore for SeaOrmStore {
    async fn load(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError> {
        patiently(rows_of(self, ids)).await
    }

    async fn load_messages(&self, keys: &[MessageKey]) -> Result<Vec<(MessageKey, Message)>, RepositoryError> {
        patiently(messages_of(self, keys)).await
    }

    async fn commit(&self, batch: &[CommitItem]) -> Result<Vec<CommitOutcome>, RepositoryError> {
        commit::commit(self, batch).await
    }
}
