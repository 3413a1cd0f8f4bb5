use super::entity::attachment::{ActiveModel, Column, Entity, Model};
use super::error::failure;
use super::rows::{Literally, all, insert_new, rows};
use super::store::{Connection, SeaOrmRepositories};
use super::timestamp::StoredTime;
use async_trait::async_trait;
use parlor_domain::attachment::{Attachment, AttachmentRepository};
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{AttachmentId, ConversationId, WorkspaceId};
use parlor_domain::store::RepositoryError;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// Those of a conversation with some ids.
pub(super) fn of(workspace: WorkspaceId, conversation: ConversationId, ids: &[AttachmentId]) -> Select<Entity> {
    Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Column::ConversationId.eq(conversation.0))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.0)))
}

/// Which of some files may still be sent.
pub(super) fn waiting(ids: &[AttachmentId]) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(ids.iter().map(|id| id.0)))
        .literally("message_id IS NULL AND deleted_at IS NULL")
}

/// Those that are deleted, the longest first.
pub(super) fn deleted(limit: usize) -> Select<Entity> {
    Entity::find()
        .literally("deleted_at IS NOT NULL")
        .order_by_asc(Column::DeletedAt)
        .limit(rows(limit))
}

/// Those whose message never came.
pub(super) fn unused(before: Timestamp, limit: usize) -> Select<Entity> {
    Entity::find()
        .literally("message_id IS NULL AND deleted_at IS NULL")
        .filter(Column::CreatedAt.lt(StoredTime::from(before)))
        .order_by_asc(Column::CreatedAt)
        .limit(rows(limit))
}

#[async_trait]
impl<C: Connection> AttachmentRepository for SeaOrmRepositories<C> {
    async fn find_any(&self, id: AttachmentId) -> Result<Option<Attachment>, RepositoryError> {
        let found = Entity::find_by_id(id.0).one(&self.db).await.map_err(failure)?;
        found.map(Attachment::try_from).transpose()
    }

    async fn find_many(&self, workspace: WorkspaceId, conversation: ConversationId, ids: &[AttachmentId]) -> Result<Vec<Attachment>, RepositoryError> {
        all(of(workspace, conversation, ids).all(&self.db).await.map_err(failure)?)
    }

    async fn insert(&self, attachment: &Attachment) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::from(attachment)).await
    }

    async fn removable(&self, unused_before: Timestamp, limit: usize) -> Result<Vec<Attachment>, RepositoryError> {
        let mut found = deleted(limit).all(&self.db).await.map_err(failure)?;
        if found.len() < limit {
            found.extend(unused(unused_before, limit - found.len()).all(&self.db).await.map_err(failure)?);
        }
        all(found)
    }

    async fn delete(&self, id: AttachmentId) -> Result<(), RepositoryError> {
        Entity::delete_by_id(id.0).exec(&self.db).await.map(drop).map_err(failure)
    }
}
