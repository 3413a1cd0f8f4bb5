use super::entity::workspace::{ActiveModel, Column, Entity, Model};
use super::error::failure;
use super::rows::{insert_new, update_unique};
use super::store::{Connection, SeaOrmRepositories};
use async_trait::async_trait;
use parlor_domain::id::WorkspaceId;
use parlor_domain::store::RepositoryError;
use parlor_domain::workspace::{Workspace, WorkspaceRepository};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, Statement};

#[async_trait]
impl<C: Connection> WorkspaceRepository for SeaOrmRepositories<C> {
    async fn find(&self, id: WorkspaceId) -> Result<Option<Workspace>, RepositoryError> {
        Ok(Entity::find_by_id(id.0).one(&self.db).await.map_err(failure)?.map(Into::into))
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<Workspace>, RepositoryError> {
        Ok(Entity::find()
            .filter(Column::Name.eq(name))
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Into::into))
    }

    async fn list(&self) -> Result<Vec<Workspace>, RepositoryError> {
        let rows = Entity::find()
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .all(&self.db)
            .await
            .map_err(failure)?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    async fn insert(&self, workspace: &Workspace) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::from(workspace)).await
    }

    async fn next_conversation_number(&self, id: WorkspaceId) -> Result<i64, RepositoryError> {
        let next = Statement::from_sql_and_values(
            self.db.get_database_backend(),
            "UPDATE workspace SET conversation_numbers = conversation_numbers + 1 WHERE id = $1 RETURNING conversation_numbers",
            [id.0.into()],
        );
        let row = self.db.query_one_raw(next).await.map_err(failure)?;
        let row = row.ok_or_else(|| RepositoryError::Failed("a number was asked for in a workspace that is not there".to_owned()))?;
        row.try_get("", "conversation_numbers").map_err(failure)
    }

    async fn update(&self, workspace: &Workspace) -> Result<(), RepositoryError> {
        let row = Model::from(workspace).into_active_model().reset_all();
        update_unique(&self.db, Entity::update_many().set(row).filter(Column::Id.eq(workspace.id.0)))
            .await
            .map(drop)
    }
}
