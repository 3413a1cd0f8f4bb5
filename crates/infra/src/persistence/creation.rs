use super::entity::creation::{ActiveModel, Column, Entity, Model};
use super::error::failure;
use super::rows::insert_new;
use super::store::{Connection, SeaOrmRepositories};
use super::timestamp::StoredTime;
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::creation::{Creation, CreationRepository, REMEMBERED_FOR};
use parlor_domain::id::KeyHash;
use parlor_domain::store::RepositoryError;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

#[async_trait]
impl<C: Connection> CreationRepository for SeaOrmRepositories<C> {
    async fn insert(&self, creation: &Creation) -> Result<(), RepositoryError> {
        // What has run out but was not yet swept away does not stand in the way.
        let run_out = StoredTime::from(creation.created_at.minus(REMEMBERED_FOR));
        let forgotten = Entity::delete_many()
            .filter(Column::Id.eq(creation.key.id.0.to_vec()))
            .filter(Column::CreatedAt.lt(run_out));
        forgotten.exec(&self.db).await.map_err(failure)?;
        insert_new::<ActiveModel, _, _>(&self.db, Model::from(creation)).await
    }

    async fn find(&self, id: KeyHash, since: Timestamp) -> Result<Option<Creation>, RepositoryError> {
        let found = Entity::find_by_id(id.0.to_vec())
            .filter(Column::CreatedAt.gte(StoredTime::from(since)))
            .one(&self.db)
            .await
            .map_err(failure)?;
        found.map(Creation::try_from).transpose()
    }

    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError> {
        let over = Entity::delete_many().filter(Column::CreatedAt.lt(StoredTime::from(before)));
        over.exec(&self.db).await.map(|done| done.rows_affected).map_err(failure)
    }
}
