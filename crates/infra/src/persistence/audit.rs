use super::entity::audit_entry::{ActiveModel, Column, Entity, Model};
use super::error::failure;
use super::rows::{Direction, insert_new, keyset};
use super::store::{Connection, SeaOrmRepositories};
use async_trait::async_trait;
use parlor_domain::audit::{AuditEntry, AuditRepository};
use parlor_domain::id::WorkspaceId;
use parlor_domain::store::RepositoryError;
use sea_orm::prelude::Uuid;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

/// The most lines that one answer has.
const MOST: u64 = 100;

#[async_trait]
impl<C: Connection> AuditRepository for SeaOrmRepositories<C> {
    async fn insert(&self, entry: &AuditEntry) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::from(entry)).await
    }

    async fn list_for(&self, workspace: WorkspaceId, target: Uuid) -> Result<Vec<AuditEntry>, RepositoryError> {
        let select = Entity::find().filter(Column::WorkspaceId.eq(workspace.0)).filter(Column::TargetId.eq(target));
        let select = keyset(select, (Column::At, Column::Id), Direction::Rising, None).limit(MOST);
        Ok(select.all(&self.db).await.map_err(failure)?.into_iter().map(Into::into).collect())
    }
}
