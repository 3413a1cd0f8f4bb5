use super::entity::contact::{ActiveModel, Column, Entity, Model};
use super::error::failure;
use super::rows::{Literally, insert_new, update_unique};
use super::store::{Connection, SeaOrmRepositories};
use async_trait::async_trait;
use parlor_domain::id::{ChannelId, VisitorId};
use parlor_domain::store::RepositoryError;
use parlor_domain::whatsapp::{Contact, ContactRepository};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Select};

/// Who has this user id.
pub(super) fn by_user_id(channel: ChannelId, user_id: &str) -> Select<Entity> {
    Entity::find()
        .filter(Column::ChannelId.eq(channel.0))
        .filter(Column::UserId.eq(user_id))
        .literally("user_id IS NOT NULL")
}

/// Who has this phone id.
pub(super) fn by_phone_id(channel: ChannelId, phone_id: &str) -> Select<Entity> {
    Entity::find()
        .filter(Column::ChannelId.eq(channel.0))
        .filter(Column::PhoneId.eq(phone_id))
        .literally("phone_id IS NOT NULL")
}

#[async_trait]
impl<C: Connection> ContactRepository for SeaOrmRepositories<C> {
    async fn find_by_user_id(&self, channel: ChannelId, user_id: &str) -> Result<Option<Contact>, RepositoryError> {
        Ok(by_user_id(channel, user_id).one(&self.db).await.map_err(failure)?.map(Into::into))
    }

    async fn find_by_phone_id(&self, channel: ChannelId, phone_id: &str) -> Result<Option<Contact>, RepositoryError> {
        Ok(by_phone_id(channel, phone_id).one(&self.db).await.map_err(failure)?.map(Into::into))
    }

    async fn find(&self, visitor: VisitorId) -> Result<Option<Contact>, RepositoryError> {
        Ok(Entity::find_by_id(visitor.0).one(&self.db).await.map_err(failure)?.map(Into::into))
    }

    async fn find_for_update(&self, visitor: VisitorId) -> Result<Option<Contact>, RepositoryError> {
        let one = Entity::find_by_id(visitor.0).lock_exclusive();
        Ok(one.one(&self.db).await.map_err(failure)?.map(Into::into))
    }

    async fn insert(&self, contact: &Contact) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::from(contact)).await
    }

    async fn update(&self, contact: &Contact) -> Result<(), RepositoryError> {
        let row = Model::from(contact).into_active_model().reset_all();
        update_unique(&self.db, Entity::update_many().set(row).filter(Column::VisitorId.eq(contact.visitor_id.0)))
            .await
            .map(drop)
    }
}
