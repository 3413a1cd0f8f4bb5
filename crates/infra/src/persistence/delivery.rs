//! What platforms call messages, and what they told before the message was known. The names are written by `commit/`.

use super::entity::{delivery, early_notice, message};
use super::error::failure;
use super::rows::{Literally, all, insert_new, rows};
use super::store::{Connection, SeaOrmRepositories};
use super::timestamp::StoredTime;
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{ExternalId, Naming};
use parlor_domain::id::{ChannelId, ConversationId};
use parlor_domain::message::{Message, SenderKind};
use parlor_domain::store::RepositoryError;
use parlor_domain::whatsapp::{DeliveryRepository, EarlyNotice};
use sea_orm::prelude::Uuid;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// Messages that are looked at for one that has a name. All that came in have one.
const FEW: usize = 5;

/// What platforms call so. It is for a few names at a time: SQLite takes alternatives only to a depth of 1,000.
pub(super) fn called<'a>(names: impl Iterator<Item = &'a ExternalId>) -> Select<delivery::Entity> {
    use delivery::Column;
    let any = names.fold(Condition::any(), |any, name| {
        any.add(
            Condition::all()
                .add(Column::ChannelId.eq(name.channel_id.0))
                .add(Column::ExternalId.eq(name.id.as_str())),
        )
    });
    delivery::Entity::find().filter(any)
}

/// The visitor's newest messages up to a place.
pub(super) fn inbound(conversation: ConversationId, up_to_seq: i64) -> Select<message::Entity> {
    use message::Column;
    message::Entity::find()
        .filter(Column::ConversationId.eq(conversation.0))
        .filter(Column::Seq.lte(up_to_seq))
        .filter(Column::SenderKind.eq(SenderKind::Visitor.as_str()))
        .literally("NOT private AND deleted_at IS NULL AND delivery IS NOT NULL")
        .order_by_desc(Column::Seq)
        .limit(rows(FEW))
}

/// What was told about one message.
pub(super) fn told(external_id: &ExternalId) -> Select<early_notice::Entity> {
    use early_notice::Column;
    early_notice::Entity::find()
        .filter(Column::ChannelId.eq(external_id.channel_id.0))
        .filter(Column::ExternalId.eq(external_id.id.as_str()))
}

/// What was told too early and is known by now.
pub(super) fn known(limit: usize) -> Select<early_notice::Entity> {
    use early_notice::Column;
    early_notice::Entity::find()
        .select_only()
        .columns([Column::ChannelId, Column::ExternalId])
        .distinct()
        .literally("EXISTS (SELECT 1 FROM delivery WHERE delivery.channel_id = early_notice.channel_id AND delivery.external_id = early_notice.external_id)")
        .limit(rows(limit))
}

#[async_trait]
impl<C: Connection> DeliveryRepository for SeaOrmRepositories<C> {
    async fn find(&self, external_id: &ExternalId) -> Result<Option<Naming>, RepositoryError> {
        let found = called(std::iter::once(external_id)).one(&self.db).await.map_err(failure)?;
        found.map(Naming::try_from).transpose()
    }

    async fn newest_inbound(&self, conversation: ConversationId, up_to_seq: i64) -> Result<Option<String>, RepositoryError> {
        let newest: Vec<Message> = all(inbound(conversation, up_to_seq).all(&self.db).await.map_err(failure)?)?;
        Ok(newest.iter().find_map(|message| message.external_id().map(str::to_owned)))
    }

    async fn keep_early(&self, notice: &EarlyNotice) -> Result<(), RepositoryError> {
        match insert_new::<early_notice::ActiveModel, _, _>(&self.db, early_notice::Model::try_from(notice)?).await {
            // It says what was kept before.
            Ok(()) | Err(RepositoryError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn list_early(&self, external_id: &ExternalId) -> Result<Vec<EarlyNotice>, RepositoryError> {
        let mut told: Vec<EarlyNotice> = all(told(external_id).all(&self.db).await.map_err(failure)?)?;
        told.sort_unstable_by_key(|notice| (notice.received_at, notice.id));
        Ok(told)
    }

    async fn delete_early(&self, id: Uuid) -> Result<(), RepositoryError> {
        early_notice::Entity::delete_by_id(id).exec(&self.db).await.map(drop).map_err(failure)
    }

    async fn known_early(&self, limit: usize) -> Result<Vec<ExternalId>, RepositoryError> {
        let found: Vec<(Uuid, String)> = known(limit).into_tuple().all(&self.db).await.map_err(failure)?;
        Ok(found
            .into_iter()
            .map(|(channel, id)| ExternalId {
                channel_id: ChannelId(channel),
                id,
            })
            .collect())
    }

    async fn forget_early(&self, statuses_before: Timestamp, changes_before: Timestamp) -> Result<u64, RepositoryError> {
        use early_notice::Column;
        let of = |is_status: bool, before: Timestamp| {
            Condition::all()
                .add(Column::IsStatus.eq(is_status))
                .add(Column::ReceivedAt.lt(StoredTime::from(before)))
        };
        let either = Condition::any().add(of(true, statuses_before)).add(of(false, changes_before));
        let over = early_notice::Entity::delete_many().filter(either);
        over.exec(&self.db).await.map(|done| done.rows_affected).map_err(failure)
    }
}
