//! Where the writer reads; its commits are in `commit/`.

use super::attachment::waiting;
use super::commit;
use super::delivery;
use super::entity::{conversation, message};
use super::error::{failure, hash, unreadable};
use super::rows::{Literally, all};
use super::store::SeaOrmStore;
use async_trait::async_trait;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation, ConversationStore, ExternalId, MessageKey, Naming};
use parlor_domain::id::{AttachmentId, ConversationId, KeyHash, MessageId};
use parlor_domain::message::{Message, SenderKind};
use parlor_domain::store::RepositoryError;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
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
                .add(Expr::cust("NOT private")),
            MessageKey::ClientId(conversation, author, client_id) => one
                .add(Column::ConversationId.eq(conversation.0))
                .add(Column::AuthorId.eq(author.0))
                .add(Column::ClientId.eq(client_id.as_str())),
            // `ids_of_equals` and `ids_of_named` find them.
            MessageKey::Equal(..) | MessageKey::ExternalId(..) => one.add(Expr::val(false)),
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

/// The public messages of a conversation with any of some contents, in their order.
pub(super) fn with_content(conversation: ConversationId, contents: &[KeyHash]) -> Select<message::Entity> {
    use message::Column;
    message::Entity::find()
        .filter(Column::ConversationId.eq(conversation.0))
        .filter(Column::Content.is_in(contents.iter().map(|content| content.0.to_vec())))
        .literally("NOT private")
        .order_by_asc(Column::Seq)
}

/// The ids of the messages that some [`MessageKey::Equal`] point to: equal ones are counted in one walk through each conversation.
async fn ids_of_equals(store: &SeaOrmStore, keys: &[MessageKey]) -> Result<HashMap<MessageKey, MessageKey>, RepositoryError> {
    use message::Column;
    let mut contents: HashMap<ConversationId, HashSet<KeyHash>> = HashMap::new();
    let mut wanted = HashSet::new();
    for key in keys {
        if let MessageKey::Equal(conversation, _, content, _) = key {
            contents.entry(*conversation).or_default().insert(*content);
            wanted.insert(key);
        }
    }
    let mut found = HashMap::new();
    for (conversation, contents) in contents {
        let contents: Vec<KeyHash> = contents.into_iter().collect();
        // One walk for as many as may be: each looks at the whole conversation.
        for some in contents.chunks(10 * SOME) {
            let select = with_content(conversation, some)
                .select_only()
                .columns([Column::Id, Column::SenderKind, Column::Content]);
            let rows: Vec<(Uuid, String, Vec<u8>)> = select.into_tuple().all(&store.reader).await.map_err(failure)?;
            let mut counts: HashMap<(SenderKind, KeyHash), usize> = HashMap::new();
            for (id, sender, content) in rows {
                let sender = SenderKind::from_word(&sender).ok_or_else(|| unreadable("message.sender_kind"))?;
                let content = hash("message.content", &content)?;
                let count = counts.entry((sender, content)).or_default();
                *count += 1;
                let key = MessageKey::Equal(conversation, sender, content, *count);
                if wanted.contains(&key) {
                    found.insert(MessageKey::Id(conversation, MessageId(id)), key);
                }
            }
        }
    }
    Ok(found)
}

/// The ids of the messages that some [`MessageKey::ExternalId`] point to; the parts of one message have a name each.
async fn ids_of_named(store: &SeaOrmStore, keys: &[MessageKey]) -> Result<HashMap<MessageKey, Vec<MessageKey>>, RepositoryError> {
    let names: Vec<&ExternalId> = keys
        .iter()
        .filter_map(|key| match key {
            MessageKey::ExternalId(name) => Some(name),
            _ => None,
        })
        .collect();
    let mut found: HashMap<MessageKey, Vec<MessageKey>> = HashMap::new();
    for some in names.chunks(SOME) {
        let rows = delivery::called(some.iter().copied()).all(&store.reader).await.map_err(failure)?;
        for naming in all::<_, Naming>(rows)? {
            let id = MessageKey::Id(naming.conversation_id, naming.message_id);
            found.entry(id).or_default().push(MessageKey::ExternalId(naming.external_id));
        }
    }
    Ok(found)
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

async fn messages_of(store: &SeaOrmStore, wanted: &[MessageKey]) -> Result<Vec<(MessageKey, Message)>, RepositoryError> {
    let equals = ids_of_equals(store, wanted).await?;
    let named = ids_of_named(store, wanted).await?;
    let keys: Vec<&MessageKey> = wanted.iter().chain(equals.keys()).chain(named.keys()).collect();
    let mut found = HashMap::new();
    for kind in [
        |key: &&MessageKey| matches!(key, MessageKey::Id(..)),
        |key: &&MessageKey| matches!(key, MessageKey::Place(..)),
        |key: &&MessageKey| matches!(key, MessageKey::ClientId(..)),
    ] {
        let keys: Vec<&MessageKey> = keys.iter().copied().filter(kind).collect();
        for some in keys.chunks(SOME) {
            for message in all::<_, Message>(by_keys(some).all(&store.reader).await.map_err(failure)?)? {
                found.insert(message.id, message);
            }
        }
    }
    let wanted: HashSet<&MessageKey> = wanted.iter().collect();
    let pointing = |message: &Message| {
        let (own, id) = (keys_of(message), MessageKey::Id(message.conversation_id, message.id));
        let names = named.get(&id).into_iter().flatten().cloned();
        own.chain(equals.get(&id).cloned())
            .chain(names)
            .filter(|key| wanted.contains(key))
            .collect::<Vec<_>>()
    };
    Ok(found
        .values()
        .flat_map(|message| pointing(message).into_iter().map(|key| (key, message.clone())))
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

    async fn used_files(&self, ids: &[AttachmentId]) -> Result<Vec<AttachmentId>, RepositoryError> {
        let found = async { waiting(ids).into_tuple::<Uuid>().all(&self.reader).await.map_err(failure) };
        let waiting = patiently(found).await?;
        Ok(ids.iter().copied().filter(|id| !waiting.contains(&id.0)).collect())
    }

    async fn commit(&self, batch: &[CommitItem]) -> Result<Vec<CommitOutcome>, RepositoryError> {
        commit::commit(self, batch).await
    }
}
