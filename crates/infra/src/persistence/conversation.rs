use super::entity::conversation::{ActiveModel, Column, Entity, Model};
use super::entity::{agent_mark, attachment, delivery, job, message, session, visitor};
use super::error::failure;
use super::rows::{Direction, Literally, all, containing, insert_new, keyset, locked, locked_for_deletion, rows};
use super::store::{Connection, SeaOrmRepositories};
use super::timestamp::StoredTime;
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{
    AgentMark, AgentMarkRepository, AssigneeFilter, Conversation, ConversationFilter, ConversationKind, ConversationRepository, HandledBy, PartyId, ReadMark,
    Seller, Status,
};
use parlor_domain::id::{AgentId, ConversationId, RoomKey, VisitorId, WorkspaceId};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::store::RepositoryError;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Set};

/// The most ids that one answer about an agent has.
const MOST_ASSIGNED: u64 = 500;

fn of(workspace: WorkspaceId) -> Select<Entity> {
    Entity::find().filter(Column::WorkspaceId.eq(workspace.0))
}

/// What agents see of a workspace. Each of the common filters has an index that is already in the list's order.
pub(super) fn list(backend: DbBackend, workspace: WorkspaceId, filter: &ConversationFilter, after: Option<Cursor>, limit: Limit) -> Select<Entity> {
    let mut select = of(workspace)
        .literally(if filter.empty { "last_seq = 0" } else { "last_seq > 0" })
        .literally(if filter.deleted { "deleted_at IS NOT NULL" } else { "deleted_at IS NULL" });
    if let Some(status) = filter.status {
        select = select.filter(Column::Status.eq(status.as_str()));
        if status != Status::Resolved {
            select = select.literally("status <> 'resolved'");
        }
    }
    select = match filter.assignee {
        Some(AssigneeFilter::Nobody) => select.literally("assignee_id IS NULL"),
        Some(AssigneeFilter::Agent(agent)) => select.filter(Column::AssigneeId.eq(agent.0)).literally("assignee_id IS NOT NULL"),
        None => select,
    };
    if let Some(channel) = filter.channel {
        select = select.filter(Column::ChannelId.eq(channel.0));
    }
    if let Some(kind) = filter.kind {
        select = select.filter(Column::Kind.eq(kind.as_str()));
    }
    select = match filter.handled_by {
        Some(HandledBy::Human) => select.literally("handler <> 'assistant'"),
        Some(handler) => select.filter(Column::Handler.eq(handler.as_str())),
        None => select,
    };
    select = match filter.unread {
        Some(true) => select.literally("inbound_count > team_mark_count"),
        Some(false) => select.literally("inbound_count <= team_mark_count"),
        None => select,
    };
    select = match filter.flagged {
        Some(true) => select.literally("flag_at IS NOT NULL"),
        Some(false) => select.literally("flag_at IS NULL"),
        None => select,
    };
    if let Some(label) = &filter.label {
        // JSON is the one thing that the two have no common words for.
        let sql = match backend {
            DbBackend::Sqlite => "EXISTS (SELECT 1 FROM json_each(labels) AS label WHERE label.value = ?)",
            _ => "EXISTS (SELECT 1 FROM jsonb_array_elements_text(labels) AS label (value) WHERE label.value = $1)",
        };
        select = select.filter(Expr::cust_with_values(sql, [label.as_str()]));
    }
    if let Some(query) = &filter.query {
        select = select.filter(asked_for(workspace, query));
    }
    keyset(select, (Column::LastMessageAt, Column::Id), Direction::Falling, after).limit(rows(limit.get() + 1))
}

fn asked_for(workspace: WorkspaceId, query: &str) -> Condition {
    let callers = visitor::Entity::find()
        .select_only()
        .column(visitor::Column::Id)
        .filter(visitor::Column::WorkspaceId.eq(workspace.0))
        .filter(visitor::Column::Phone.eq(query))
        .into_query();
    Condition::any()
        .add(Column::CustomerKey.like(containing(&query.to_lowercase())))
        .add(Column::CustomerEmail.eq(query.to_lowercase()))
        .add(Column::SubjectTitle.eq(query))
        .add(Column::ClientRef.eq(query))
        .add(Column::VisitorId.in_subquery(callers))
}

/// What a visitor has, empty ones included.
pub(super) fn list_of_visitor(workspace: WorkspaceId, visitor: VisitorId, after: Option<Cursor>, limit: Limit) -> Select<Entity> {
    let select = of(workspace).filter(Column::VisitorId.eq(visitor.0)).literally("deleted_at IS NULL");
    keyset(select, (Column::LastMessageAt, Column::Id), Direction::Falling, after).limit(rows(limit.get() + 1))
}

/// What a party of the marketplace has.
pub(super) fn list_of_party(workspace: WorkspaceId, party: PartyId, after: Option<Cursor>, limit: Limit) -> Select<Entity> {
    let select = of(workspace)
        .filter(Column::Kind.eq(ConversationKind::Marketplace.as_str()))
        .literally("last_seq > 0 AND deleted_at IS NULL");
    let select = match party {
        PartyId::Customer(visitor) => select.filter(Column::VisitorId.eq(visitor.0)),
        PartyId::Seller(agent) => select.filter(Column::SellerId.eq(agent.0)).literally("seller_id IS NOT NULL"),
    };
    keyset(select, (Column::LastMessageAt, Column::Id), Direction::Falling, after).limit(rows(limit.get() + 1))
}

/// What one sells, deleted and empty ones included.
pub(super) fn sold_by(workspace: WorkspaceId, seller: AgentId) -> Select<Entity> {
    of(workspace).filter(Column::SellerId.eq(seller.0)).literally("seller_id IS NOT NULL")
}

/// What a client calls so.
pub(super) fn called(workspace: WorkspaceId, kind: ConversationKind, client_ref: &str) -> Select<Entity> {
    of(workspace)
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::ClientRef.eq(client_ref))
        .literally("client_ref IS NOT NULL")
}

/// What has this number.
pub(super) fn numbered(workspace: WorkspaceId, number: i64) -> Select<Entity> {
    of(workspace).filter(Column::Number.eq(number)).literally("number IS NOT NULL")
}

/// What goes on over WhatsApp, newest activity first.
pub(super) fn on_whatsapp(workspace: WorkspaceId, phone_number_id: Option<&str>, offset: usize, limit: usize) -> Select<Entity> {
    let mut select = of(workspace).literally("whatsapp_number_id IS NOT NULL AND last_seq > 0 AND deleted_at IS NULL");
    if let Some(id) = phone_number_id {
        select = select.filter(Column::WhatsappNumberId.eq(id));
    }
    keyset(select, (Column::LastMessageAt, Column::Id), Direction::Falling, None)
        .offset(rows(offset))
        .limit(rows(limit))
}

fn by_activity(conversation: &Conversation) -> Cursor {
    Cursor {
        value: conversation.last_message_at.millis(),
        id: conversation.id.0,
    }
}

#[async_trait]
impl<C: Connection> ConversationRepository for SeaOrmRepositories<C> {
    async fn find(&self, workspace: WorkspaceId, id: ConversationId) -> Result<Option<Conversation>, RepositoryError> {
        of(workspace)
            .filter(Column::Id.eq(id.0))
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Conversation::try_from)
            .transpose()
    }

    async fn find_by_room_key(&self, key: RoomKey) -> Result<Option<Conversation>, RepositoryError> {
        let found = Entity::find().filter(Column::RoomKey.eq(key.expose())).one(&self.db).await.map_err(failure)?;
        found.map(Conversation::try_from).transpose()
    }

    async fn find_by_client_ref(&self, workspace: WorkspaceId, kind: ConversationKind, client_ref: &str) -> Result<Option<Conversation>, RepositoryError> {
        let found = called(workspace, kind, client_ref).one(&self.db).await.map_err(failure)?;
        found.map(Conversation::try_from).transpose()
    }

    async fn find_by_number(&self, workspace: WorkspaceId, number: i64) -> Result<Option<Conversation>, RepositoryError> {
        let found = numbered(workspace, number).one(&self.db).await.map_err(failure)?;
        found.map(Conversation::try_from).transpose()
    }

    async fn list_on_whatsapp(
        &self,
        workspace: WorkspaceId,
        phone_number_id: Option<&str>,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Conversation>, RepositoryError> {
        all(on_whatsapp(workspace, phone_number_id, offset, limit).all(&self.db).await.map_err(failure)?)
    }

    async fn list(
        &self,
        workspace: WorkspaceId,
        filter: &ConversationFilter,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Page<Conversation>, RepositoryError> {
        let select = list(self.db.get_database_backend(), workspace, filter, after, limit);
        Ok(Page::from_rows(all(select.all(&self.db).await.map_err(failure)?)?, limit, by_activity))
    }

    async fn list_of_visitor(
        &self,
        workspace: WorkspaceId,
        visitor: VisitorId,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Page<Conversation>, RepositoryError> {
        let select = list_of_visitor(workspace, visitor, after, limit);
        Ok(Page::from_rows(all(select.all(&self.db).await.map_err(failure)?)?, limit, by_activity))
    }

    async fn list_of_party(&self, workspace: WorkspaceId, party: PartyId, after: Option<Cursor>, limit: Limit) -> Result<Page<Conversation>, RepositoryError> {
        let select = list_of_party(workspace, party, after, limit);
        Ok(Page::from_rows(all(select.all(&self.db).await.map_err(failure)?)?, limit, by_activity))
    }

    async fn room_keys(&self, workspace: WorkspaceId, ids: &[ConversationId]) -> Result<Vec<(ConversationId, RoomKey)>, RepositoryError> {
        let mut keys = Vec::with_capacity(ids.len());
        for some in ids.chunks(SOME) {
            let select = of(workspace)
                .filter(Column::Id.is_in(some.iter().map(|id| id.0)))
                .select_only()
                .columns([Column::Id, Column::RoomKey]);
            let found: Vec<(Uuid, Uuid)> = select.into_tuple().all(&self.db).await.map_err(failure)?;
            keys.extend(found.into_iter().map(|(id, key)| (ConversationId(id), RoomKey::new(key))));
        }
        Ok(keys)
    }

    async fn assigned_to(&self, workspace: WorkspaceId, agent: AgentId) -> Result<Vec<ConversationId>, RepositoryError> {
        let select = of(workspace)
            .filter(Column::AssigneeId.eq(agent.0))
            .literally("assignee_id IS NOT NULL AND deleted_at IS NULL")
            .limit(MOST_ASSIGNED);
        let ids: Vec<Uuid> = select.select_only().column(Column::Id).into_tuple().all(&self.db).await.map_err(failure)?;
        Ok(ids.into_iter().map(ConversationId).collect())
    }

    async fn snoozed_before(&self, now: Timestamp, limit: usize) -> Result<Vec<(WorkspaceId, ConversationId)>, RepositoryError> {
        let due = Entity::find()
            .filter(Column::SnoozedUntil.lte(StoredTime::from(now)))
            .literally("snoozed_until IS NOT NULL AND deleted_at IS NULL")
            .filter(Column::Status.eq(Status::Snoozed.as_str()))
            .order_by_asc(Column::SnoozedUntil)
            .limit(rows(limit));
        let ids: Vec<(Uuid, Uuid)> = due
            .select_only()
            .columns([Column::WorkspaceId, Column::Id])
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(failure)?;
        Ok(ids.into_iter().map(|(workspace, id)| (WorkspaceId(workspace), ConversationId(id))).collect())
    }

    async fn insert(&self, conversation: &Conversation) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::try_from(conversation)?).await
    }

    async fn move_to_visitor(&self, workspace: WorkspaceId, from: VisitorId, to: VisitorId, at: Timestamp) -> Result<Vec<ConversationId>, RepositoryError> {
        // Locked in the order of a commit, so that neither waits for the other in a circle.
        let theirs = locked(of(workspace).filter(Column::VisitorId.eq(from.0)).order_by_asc(Column::Id));
        let ids: Vec<Uuid> = theirs.select_only().column(Column::Id).into_tuple().all(&self.db).await.map_err(failure)?;
        for some in ids.chunks(SOME) {
            let moved = ActiveModel {
                visitor_id: Set(to.0),
                updated_at: Set(at.into()),
                ..Default::default()
            };
            let conversations = Entity::update_many()
                .set(moved)
                .col_expr(Column::Version, Expr::col(Column::Version).add(1))
                .filter(Column::Id.is_in(some.iter().copied()));
            conversations.exec(&self.db).await.map_err(failure)?;
            let renamed = message::ActiveModel {
                author_id: Set(to.0),
                sender_id: Set(Some(to.0)),
                ..Default::default()
            };
            let messages = message::Entity::update_many()
                .set(renamed)
                .filter(message::Column::ConversationId.is_in(some.iter().copied()))
                .filter(message::Column::AuthorId.eq(from.0))
                .literally("NOT private");
            messages.exec(&self.db).await.map_err(failure)?;
        }
        Ok(ids.into_iter().map(ConversationId).collect())
    }

    async fn move_to_seller(&self, workspace: WorkspaceId, from: AgentId, to: &Seller) -> Result<Vec<ConversationId>, RepositoryError> {
        // Locked in the order of a commit, so that neither waits for the other in a circle.
        let theirs = locked(sold_by(workspace, from).order_by_asc(Column::Id));
        let ids: Vec<Uuid> = theirs.select_only().column(Column::Id).into_tuple().all(&self.db).await.map_err(failure)?;
        for some in ids.chunks(SOME) {
            let moved = ActiveModel {
                seller_id: Set(Some(to.id.0)),
                seller_email: Set(Some(to.email.clone())),
                ..Default::default()
            };
            let conversations = Entity::update_many()
                .set(moved)
                .col_expr(Column::Version, Expr::col(Column::Version).add(1))
                .filter(Column::Id.is_in(some.iter().copied()));
            conversations.exec(&self.db).await.map_err(failure)?;
        }
        Ok(ids.into_iter().map(ConversationId).collect())
    }

    async fn erase(&self, empty_before: Timestamp, deleted_before: Timestamp, limit: usize) -> Result<u64, RepositoryError> {
        let empty = Entity::find()
            .literally("last_seq = 0")
            .filter(Column::CreatedAt.lt(StoredTime::from(empty_before)));
        let mut ids = self.some_to_erase(empty, limit).await?;
        let deleted = Entity::find()
            .literally("deleted_at IS NOT NULL")
            .filter(Column::DeletedAt.lt(StoredTime::from(deleted_before)));
        ids.extend(self.some_to_erase(deleted, limit - ids.len()).await?);
        ids.sort_unstable();
        ids.dedup();
        for some in ids.chunks(SOME) {
            let some = || some.iter().copied();
            // By two indexes: none has public messages and notes together.
            for part in ["NOT private", "private"] {
                let messages = message::Entity::delete_many()
                    .filter(message::Column::ConversationId.is_in(some()))
                    .literally(part);
                messages.exec(&self.db).await.map_err(failure)?;
            }
            agent_mark::Entity::delete_many()
                .filter(agent_mark::Column::ConversationId.is_in(some()))
                .exec(&self.db)
                .await
                .map_err(failure)?;
            session::Entity::delete_many()
                .filter(session::Column::ConversationId.is_in(some()))
                .exec(&self.db)
                .await
                .map_err(failure)?;
            job::Entity::delete_many()
                .filter(job::Column::ConversationId.is_in(some()))
                .exec(&self.db)
                .await
                .map_err(failure)?;
            delivery::Entity::delete_many()
                .filter(delivery::Column::ConversationId.is_in(some()))
                .exec(&self.db)
                .await
                .map_err(failure)?;
            // Their bytes are elsewhere: whoever removes those removes the rows.
            let gone = attachment::ActiveModel {
                deleted_at: Set(Some(deleted_before.into())),
                ..Default::default()
            };
            attachment::Entity::update_many()
                .set(gone)
                .filter(attachment::Column::ConversationId.is_in(some()))
                .filter(attachment::Column::DeletedAt.is_null())
                .exec(&self.db)
                .await
                .map_err(failure)?;
            Entity::delete_many().filter(Column::Id.is_in(some())).exec(&self.db).await.map_err(failure)?;
        }
        Ok(ids.len() as u64)
    }
}

/// Ids in one statement.
const SOME: usize = 500;

impl<C: Connection> SeaOrmRepositories<C> {
    /// Locked, so that a message that is being written keeps its conversation: its commit or this comes first.
    async fn some_to_erase(&self, select: Select<Entity>, limit: usize) -> Result<Vec<Uuid>, RepositoryError> {
        locked_for_deletion(select.limit(rows(limit)))
            .select_only()
            .column(Column::Id)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(failure)
    }
}

#[async_trait]
impl<C: Connection> AgentMarkRepository for SeaOrmRepositories<C> {
    async fn find(&self, conversation: ConversationId, agent: AgentId) -> Result<ReadMark, RepositoryError> {
        let found = agent_mark::Entity::find_by_id((conversation.0, agent.0)).one(&self.db).await.map_err(failure)?;
        Ok(found.map(|row| AgentMark::from(row).mark).unwrap_or_default())
    }

    async fn find_many(&self, conversations: &[ConversationId], agent: AgentId) -> Result<Vec<AgentMark>, RepositoryError> {
        let mut marks = Vec::new();
        for some in conversations.chunks(SOME) {
            let select = agent_mark::Entity::find()
                .filter(agent_mark::Column::AgentId.eq(agent.0))
                .filter(agent_mark::Column::ConversationId.is_in(some.iter().map(|id| id.0)));
            marks.extend(select.all(&self.db).await.map_err(failure)?.into_iter().map(AgentMark::from));
        }
        Ok(marks)
    }
}
