use super::entity::session::{ActiveModel, Column, Entity, Model};
use super::error::failure;
use super::rows::{Direction, insert_new, keyset, rows};
use super::store::{Connection, SeaOrmRepositories};
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{ConversationId, SessionId, VisitorId, WorkspaceId};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::session::{Session, SessionRepository};
use parlor_domain::store::RepositoryError;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Select, Set};

fn of(workspace: WorkspaceId) -> Select<Entity> {
    Entity::find().filter(Column::WorkspaceId.eq(workspace.0))
}

#[async_trait]
impl<C: Connection> SessionRepository for SeaOrmRepositories<C> {
    async fn find_any(&self, id: SessionId) -> Result<Option<Session>, RepositoryError> {
        Ok(Entity::find_by_id(id.0).one(&self.db).await.map_err(failure)?.map(Into::into))
    }

    async fn list(&self, workspace: WorkspaceId, visitor: VisitorId, after: Option<Cursor>, limit: Limit) -> Result<Page<Session>, RepositoryError> {
        let select = of(workspace).filter(Column::VisitorId.eq(visitor.0));
        let select = keyset(select, (Column::CreatedAt, Column::Id), Direction::Falling, after).limit(rows(limit.get() + 1));
        let found = select.all(&self.db).await.map_err(failure)?.into_iter().map(Session::from).collect();
        Ok(Page::from_rows(found, limit, |session: &Session| Cursor {
            value: session.created_at.millis(),
            id: session.id.0,
        }))
    }

    async fn find_latest(&self, workspace: WorkspaceId, conversation: ConversationId) -> Result<Option<Session>, RepositoryError> {
        let select = of(workspace).filter(Column::ConversationId.eq(conversation.0));
        let latest = keyset(select, (Column::CreatedAt, Column::Id), Direction::Falling, None).one(&self.db);
        Ok(latest.await.map_err(failure)?.map(Into::into))
    }

    async fn insert(&self, session: &Session) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::from(session)).await
    }

    async fn touch(&self, id: SessionId, at: Timestamp) -> Result<(), RepositoryError> {
        let used = ActiveModel {
            last_active_at: Set(at.into()),
            ..Default::default()
        };
        let one = Entity::update_many().set(used).filter(Column::Id.eq(id.0));
        one.exec(&self.db).await.map(drop).map_err(failure)
    }

    async fn end(&self, id: SessionId, at: Timestamp) -> Result<(), RepositoryError> {
        let ended = ActiveModel {
            ended_at: Set(Some(at.into())),
            ..Default::default()
        };
        let open = Entity::update_many().set(ended).filter(Column::Id.eq(id.0)).filter(Column::EndedAt.is_null());
        open.exec(&self.db).await.map(drop).map_err(failure)
    }

    async fn move_to_visitor(&self, workspace: WorkspaceId, from: VisitorId, to: VisitorId) -> Result<u64, RepositoryError> {
        let moved = ActiveModel {
            visitor_id: Set(to.0),
            ..Default::default()
        };
        let theirs = Entity::update_many()
            .set(moved)
            .filter(Column::WorkspaceId.eq(workspace.0))
            .filter(Column::VisitorId.eq(from.0));
        theirs.exec(&self.db).await.map(|done| done.rows_affected).map_err(failure)
    }
}
