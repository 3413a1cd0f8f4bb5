use super::entity::channel::{ActiveModel, Column, Entity, Model};
use super::error::{failure, to_json};
use super::rows::{all, insert_new, update_unique};
use super::store::{Connection, SeaOrmRepositories};
use async_trait::async_trait;
use parlor_domain::channel::{Channel, ChannelRepository};
use parlor_domain::id::{ChannelId, WorkspaceId};
use parlor_domain::store::RepositoryError;
use parlor_domain::whatsapp::WhatsappHealth;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, NotSet, QueryFilter, QueryOrder, QuerySelect, Select, Set};

fn of(workspace: WorkspaceId) -> Select<Entity> {
    Entity::find().filter(Column::WorkspaceId.eq(workspace.0))
}

fn open(select: Select<Entity>) -> Select<Entity> {
    select
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
}

#[async_trait]
impl<C: Connection> ChannelRepository for SeaOrmRepositories<C> {
    async fn find_any(&self, id: ChannelId) -> Result<Option<Channel>, RepositoryError> {
        Entity::find_by_id(id.0)
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Channel::try_from)
            .transpose()
    }

    async fn find_for_update(&self, workspace: WorkspaceId, id: ChannelId) -> Result<Option<Channel>, RepositoryError> {
        of(workspace)
            .filter(Column::Id.eq(id.0))
            .lock_exclusive()
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Channel::try_from)
            .transpose()
    }

    async fn find(&self, workspace: WorkspaceId, id: ChannelId) -> Result<Option<Channel>, RepositoryError> {
        of(workspace)
            .filter(Column::Id.eq(id.0))
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Channel::try_from)
            .transpose()
    }

    async fn list(&self, workspace: WorkspaceId) -> Result<Vec<Channel>, RepositoryError> {
        all(open(of(workspace)).all(&self.db).await.map_err(failure)?)
    }

    async fn list_all(&self) -> Result<Vec<Channel>, RepositoryError> {
        all(open(Entity::find()).all(&self.db).await.map_err(failure)?)
    }

    async fn insert(&self, channel: &Channel) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::try_from(channel)?).await
    }

    async fn update(&self, channel: &Channel) -> Result<(), RepositoryError> {
        let row = ActiveModel {
            whatsapp_health: NotSet,
            ..Model::try_from(channel)?.into_active_model().reset_all()
        };
        update_unique(&self.db, Entity::update_many().set(row).filter(Column::Id.eq(channel.id.0)))
            .await
            .map(drop)
    }

    async fn set_health(&self, id: ChannelId, health: Option<&WhatsappHealth>) -> Result<(), RepositoryError> {
        let noted = ActiveModel {
            whatsapp_health: Set(health.map(to_json).transpose()?),
            ..Default::default()
        };
        let one = Entity::update_many().set(noted).filter(Column::Id.eq(id.0));
        one.exec(&self.db).await.map(drop).map_err(failure)
    }
}
