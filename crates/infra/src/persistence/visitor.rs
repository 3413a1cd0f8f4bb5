use super::entity::visitor::{ActiveModel, Column, Entity, Model};
use super::entity::visitor_key;
use super::error::failure;
use super::rows::{Direction, Literally, all, beginning_with, containing, insert_new, keyset, locked, rows, update_unique};
use super::store::{Connection, SeaOrmRepositories};
use super::timestamp::StoredTime;
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{KeyHash, VisitorId, WorkspaceId};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::store::RepositoryError;
use parlor_domain::visitor::{Visitor, VisitorFilter, VisitorRepository};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait, Select};

fn of(workspace: WorkspaceId) -> Select<Entity> {
    Entity::find().filter(Column::WorkspaceId.eq(workspace.0))
}

/// Visitors of a workspace, newest first.
pub(super) fn list(workspace: WorkspaceId, filter: &VisitorFilter, after: Option<Cursor>, limit: Limit) -> Select<Entity> {
    let mut select = of(workspace).literally("retired_at IS NULL");
    if let Some(query) = &filter.query {
        let query = query.to_lowercase();
        let matches = Condition::any()
            .add(Column::NameKey.like(containing(&query)))
            .add(Column::Email.like(beginning_with(&query)))
            .add(Column::Phone.like(beginning_with(&query)));
        select = select.filter(matches);
    }
    keyset(select, (Column::CreatedAt, Column::Id), Direction::Falling, after).limit(rows(limit.get() + 1))
}

#[async_trait]
impl<C: Connection> VisitorRepository for SeaOrmRepositories<C> {
    async fn find(&self, workspace: WorkspaceId, id: VisitorId) -> Result<Option<Visitor>, RepositoryError> {
        of(workspace)
            .filter(Column::Id.eq(id.0))
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Visitor::try_from)
            .transpose()
    }

    async fn find_for_update(&self, workspace: WorkspaceId, id: VisitorId) -> Result<Option<Visitor>, RepositoryError> {
        locked(of(workspace).filter(Column::Id.eq(id.0)))
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Visitor::try_from)
            .transpose()
    }

    async fn find_by_key(&self, key: KeyHash) -> Result<Option<Visitor>, RepositoryError> {
        let holder = visitor_key::Entity::find()
            .select_only()
            .column(visitor_key::Column::VisitorId)
            .filter(visitor_key::Column::Hash.eq(key.0.to_vec()))
            .into_query();
        let found = Entity::find()
            .filter(Column::Id.in_subquery(holder))
            .filter(Column::RetiredAt.is_null())
            .one(&self.db)
            .await
            .map_err(failure)?;
        found.map(Visitor::try_from).transpose()
    }

    async fn find_many(&self, workspace: WorkspaceId, ids: &[VisitorId]) -> Result<Vec<Visitor>, RepositoryError> {
        let select = of(workspace).filter(Column::Id.is_in(ids.iter().map(|id| id.0)));
        all(select.all(&self.db).await.map_err(failure)?)
    }

    async fn find_by_subject(&self, workspace: WorkspaceId, subject: &str) -> Result<Option<Visitor>, RepositoryError> {
        let select = of(workspace)
            .filter(Column::ExternalId.eq(subject))
            .literally("external_verified AND retired_at IS NULL");
        select.one(&self.db).await.map_err(failure)?.map(Visitor::try_from).transpose()
    }

    async fn list(&self, workspace: WorkspaceId, filter: &VisitorFilter, after: Option<Cursor>, limit: Limit) -> Result<Page<Visitor>, RepositoryError> {
        let found = all(list(workspace, filter, after, limit).all(&self.db).await.map_err(failure)?)?;
        Ok(Page::from_rows(found, limit, |visitor: &Visitor| Cursor {
            value: visitor.created_at.millis(),
            id: visitor.id.0,
        }))
    }

    async fn insert(&self, visitor: &Visitor) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::try_from(visitor)?).await
    }

    async fn update(&self, visitor: &Visitor) -> Result<(), RepositoryError> {
        let row = Model::try_from(visitor)?.into_active_model().reset_all();
        update_unique(&self.db, Entity::update_many().set(row).filter(Column::Id.eq(visitor.id.0)))
            .await
            .map(drop)
    }

    async fn touch(&self, id: VisitorId, at: Timestamp) -> Result<(), RepositoryError> {
        let at = StoredTime::from(at);
        let seen = ActiveModel {
            last_seen_at: sea_orm::Set(at),
            ..Default::default()
        };
        let later = Entity::update_many().set(seen).filter(Column::Id.eq(id.0)).filter(Column::LastSeenAt.lt(at));
        later.exec(&self.db).await.map(drop).map_err(failure)
    }

    async fn insert_key(&self, visitor: VisitorId, key: KeyHash, at: Timestamp) -> Result<(), RepositoryError> {
        let row = visitor_key::Model {
            hash: key.0.to_vec(),
            visitor_id: visitor.0,
            created_at: at.into(),
        };
        insert_new::<visitor_key::ActiveModel, _, _>(&self.db, row).await
    }

    async fn delete_keys(&self, visitor: VisitorId) -> Result<u64, RepositoryError> {
        let keys = visitor_key::Entity::delete_many().filter(visitor_key::Column::VisitorId.eq(visitor.0));
        keys.exec(&self.db).await.map(|done| done.rows_affected).map_err(failure)
    }
}
