use super::entity::conversation;
use super::entity::message::{Column, Entity, Model};
use super::error::failure;
use super::rows::{Literally, all, rows};
use super::store::{Connection, SeaOrmRepositories};
use async_trait::async_trait;
use parlor_domain::conversation::Audience;
use parlor_domain::id::{ConversationId, MessageId};
use parlor_domain::message::{HistoryPage, HistoryQuery, Message, MessageRepository, SenderKind};
use parlor_domain::store::RepositoryError;
use sea_orm::sea_query::{Asterisk, Expr, ExprTrait, Query, SelectStatement, UnionType};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select};

pub(super) fn of(conversation: ConversationId) -> Select<Entity> {
    Entity::find().filter(Column::ConversationId.eq(conversation.0))
}

/// Public messages made after a number and not changed since.
///
/// Each number makes at most one message, so those made after `after` stand within as many places of the end as numbers
/// have passed since: a piece of the index on places, and no index on numbers that every send would pay for.
fn made_after(conversation: ConversationId, audience: Audience, after: i64, limit: usize) -> Select<Entity> {
    let made = match audience {
        Audience::Public => Column::MadeRev,
        Audience::Staff => Column::MadeStaffRev,
    };
    let last_known_place = of(conversation)
        .literally("NOT private")
        .select_only()
        .expr(Expr::col(Column::Seq).sub(Expr::col(made)).add(after))
        .order_by(Column::Seq, Order::Desc)
        .limit(1)
        .into_query();
    of(conversation)
        .literally("NOT private AND rev = made_rev")
        .filter(Column::Seq.into_expr().gt(last_known_place))
        .filter(made.gt(after))
        .order_by_asc(Column::Seq)
        .limit(rows(limit))
}

/// What changed after a number and was made before its latest change; for staff also every note.
fn changed_after(conversation: ConversationId, audience: Audience, after: i64, limit: usize) -> Select<Entity> {
    let (changed, rev) = match audience {
        Audience::Public => ("rev <> made_rev", Column::Rev),
        Audience::Staff => ("(private OR rev <> made_rev)", Column::StaffRev),
    };
    of(conversation).literally(changed).filter(rev.gt(after)).order_by_asc(rev).limit(rows(limit))
}

/// Both in one statement, so that both see the same moment: a message that came between two reads would leave a hole.
pub(super) fn since(conversation: ConversationId, audience: Audience, after: i64, limit: usize) -> SelectStatement {
    let part = |rows: Select<Entity>, name: &'static str| Query::select().column(Asterisk).from_subquery(rows.into_query(), name).take();
    let changed = part(changed_after(conversation, audience, after, limit), "changed");
    part(made_after(conversation, audience, after, limit), "made")
        .union(UnionType::All, changed)
        .take()
}

/// The newest public messages of each conversation. Places have no gaps, so where they begin is known without counting, and
/// each conversation costs one piece of the index on places.
pub(super) fn newest_of(conversations: &[ConversationId], each: usize) -> Select<Entity> {
    let after = Expr::col((conversation::Entity, conversation::Column::LastSeq)).sub(i64::try_from(each).unwrap_or(i64::MAX));
    let mut select = Entity::find();
    QuerySelect::query(&mut select).inner_join(
        conversation::Entity,
        Expr::col((conversation::Entity, conversation::Column::Id))
            .equals((Entity, Column::ConversationId))
            .and(Expr::col((Entity, Column::Seq)).gt(after)),
    );
    select
        .literally("NOT private")
        .filter(conversation::Column::Id.is_in(conversations.iter().map(|id| id.0)))
        .order_by_asc(Column::ConversationId)
        .order_by_asc(Column::Seq)
}

/// What people and the assistant said, newest first.
pub(super) fn newest_said(conversation: ConversationId, offset: usize, limit: usize) -> Select<Entity> {
    of(conversation)
        .literally("NOT private")
        .filter(Column::SenderKind.ne(SenderKind::System.as_str()))
        .order_by_desc(Column::Seq)
        .offset(rows(offset))
        .limit(rows(limit))
}

#[async_trait]
impl<C: Connection> MessageRepository for SeaOrmRepositories<C> {
    async fn find(&self, conversation: ConversationId, id: MessageId) -> Result<Option<Message>, RepositoryError> {
        of(conversation)
            .filter(Column::Id.eq(id.0))
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Message::try_from)
            .transpose()
    }

    async fn history(&self, conversation: ConversationId, query: HistoryQuery) -> Result<HistoryPage, RepositoryError> {
        super::history::read(&self.db, conversation, query).await
    }

    async fn changed_after(&self, conversation: ConversationId, audience: Audience, after: i64, limit: usize) -> Result<Vec<Message>, RepositoryError> {
        let statement = self.db.get_database_backend().build(&since(conversation, audience, after, limit));
        let rows = Entity::find().from_raw_sql(statement).all(&self.db).await.map_err(failure)?;
        let mut found: Vec<Message> = all(rows)?;
        found.sort_by_key(|message| match audience {
            Audience::Public => message.rev,
            Audience::Staff => Some(message.staff_rev),
        });
        found.truncate(limit);
        Ok(found)
    }

    async fn newest_of(&self, conversations: &[ConversationId], each: usize) -> Result<Vec<Message>, RepositoryError> {
        all(newest_of(conversations, each).all(&self.db).await.map_err(failure)?)
    }

    async fn newest_said(&self, conversation: ConversationId, offset: usize, limit: usize) -> Result<Vec<Message>, RepositoryError> {
        let mut found = newest_said(conversation, offset, limit).all(&self.db).await.map_err(failure)?;
        found.reverse();
        all(found)
    }

    async fn insert(&self, messages: &[Message]) -> Result<(), RepositoryError> {
        let rows = messages.iter().map(Model::try_from).collect::<Result<Vec<_>, _>>()?;
        // All or none, and a conflict leaves the unit of work usable.
        let savepoint = self.db.begin().await.map_err(failure)?;
        for some in rows.chunks(SOME) {
            let insert = Entity::insert_many(some.iter().cloned().map(IntoActiveModel::into_active_model));
            if let Err(error) = insert.exec_without_returning(&savepoint).await {
                savepoint.rollback().await.map_err(failure)?;
                return Err(failure(error));
            }
        }
        savepoint.commit().await.map_err(failure)
    }
}

/// Rows in one statement.
const SOME: usize = 500;
