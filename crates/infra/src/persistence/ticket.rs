use super::entity::ticket::{ActiveModel, Column, Entity, Model};
use super::error::failure;
use super::rows::insert_new;
use super::store::{Connection, SeaOrmRepositories};
use super::timestamp::StoredTime;
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::id::KeyHash;
use parlor_domain::realtime::{Ticket, TicketRepository};
use parlor_domain::store::RepositoryError;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

#[async_trait]
impl<C: Connection> TicketRepository for SeaOrmRepositories<C> {
    async fn insert(&self, ticket: &Ticket) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::try_from(ticket)?).await
    }

    async fn take(&self, hash: KeyHash) -> Result<Option<Ticket>, RepositoryError> {
        let taken = Entity::delete_many()
            .filter(Column::Hash.eq(hash.0.to_vec()))
            .exec_with_returning(&self.db)
            .await
            .map_err(failure)?;
        taken.into_iter().next().map(Ticket::try_from).transpose()
    }

    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError> {
        let over = Entity::delete_many().filter(Column::ExpiresAt.lt(StoredTime::from(before)));
        over.exec(&self.db).await.map(|done| done.rows_affected).map_err(failure)
    }
}
