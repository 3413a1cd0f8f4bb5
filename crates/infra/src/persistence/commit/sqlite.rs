use super::{furthest_marks, names, versions};
use crate::persistence::entity::{agent_mark, attachment, audit_entry, conversation, delivery, job, message};
use crate::persistence::error::failure;
use crate::persistence::store::begin;
use parlor_domain::conversation::CommitItem;
use parlor_domain::store::RepositoryError;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, InsertMany, IntoActiveModel, QueryFilter, Set};
use std::collections::HashSet;

/// Rows in one statement. Each number of rows is a text of its own to prepare and keep, and larger ones bring little.
pub(super) const SOME: usize = 32;

/// Writes the items whose version still holds in one transaction. No other writer runs beside it, so what it has read holds.
pub async fn write(writer: &DatabaseConnection, items: &[&CommitItem]) -> Result<HashSet<Uuid>, RepositoryError> {
    let transaction = begin(writer).await?;
    match write_in(&transaction, items).await {
        Ok(stored) => transaction.commit().await.map(|()| stored).map_err(failure),
        Err(error) => {
            // What went wrong first is what counts; a full disk has rolled back already.
            if let Err(second) = transaction.rollback().await {
                tracing::warn!(%second, "a transaction could not be rolled back");
            }
            Err(error)
        }
    }
}

async fn write_in(db: &DatabaseTransaction, items: &[&CommitItem]) -> Result<HashSet<Uuid>, RepositoryError> {
    let versions = versions(db, items.iter().map(|item| item.conversation.id)).await?;
    let holds = |item: &&&CommitItem| versions.get(&item.conversation.id.0) == Some(&item.base_version);
    let items: Vec<&CommitItem> = items.iter().filter(holds).copied().collect();

    let inserted = models::<message::Model, _>(items.iter().flat_map(|item| &item.inserted).map(AsRef::as_ref))?;
    insert_all::<message::ActiveModel, _>(db, inserted, |insert| insert).await?;
    let names = names(&items).into_iter().map(delivery::Model::from).collect();
    insert_all::<delivery::ActiveModel, _>(db, names, |insert| insert).await?;
    for changed in items.iter().flat_map(|item| &item.updated) {
        update_message(db, message::Model::try_from(changed.as_ref())?).await?;
    }
    let rows = models::<conversation::Model, _>(items.iter().map(|item| &item.conversation))?;
    insert_all::<conversation::ActiveModel, _>(db, rows, |insert| insert.on_conflict(written_over())).await?;
    let marks = furthest_marks(&items).into_iter().map(agent_mark::Model::from).collect();
    insert_all::<agent_mark::ActiveModel, _>(db, marks, |insert| insert.on_conflict(only_forward())).await?;
    for item in &items {
        write_files(db, item).await?;
    }
    let audit = items.iter().flat_map(|item| &item.audit).map(audit_entry::Model::from).collect();
    insert_all::<audit_entry::ActiveModel, _>(db, audit, |insert| insert).await?;
    let jobs = items.iter().flat_map(|item| &item.jobs).map(job::Model::from).collect();
    insert_all::<job::ActiveModel, _>(db, jobs, |insert| insert).await?;
    delete_jobs(db, &items).await?;
    Ok(items.iter().map(|item| item.conversation.id.0).collect())
}

/// The rows are known to be there, so this is an update of many rows in one statement.
fn written_over() -> OnConflict {
    use conversation::Column;
    OnConflict::column(Column::Id).update_columns(conversation::CHANGEABLE).to_owned()
}

/// A mark that is not ahead of the stored one changes nothing.
fn only_forward() -> OnConflict {
    use agent_mark::{Column, Entity};
    OnConflict::columns([Column::ConversationId, Column::AgentId])
        .update_columns([Column::Seq, Column::Count, Column::At])
        .action_and_where(Expr::col((Entity, Column::Seq)).lt(Expr::col(("excluded", Column::Seq))))
        .to_owned()
}

async fn update_message(db: &DatabaseTransaction, row: message::Model) -> Result<(), RepositoryError> {
    use message::{ActiveModel, Column, Entity};
    let (id, conversation) = (row.id, row.conversation_id);
    let changed = ActiveModel {
        rev: Set(row.rev),
        staff_rev: Set(row.staff_rev),
        text: Set(row.text),
        payload: Set(row.payload),
        attachments: Set(row.attachments),
        reactions: Set(row.reactions),
        metadata: Set(row.metadata),
        status: Set(row.status),
        delivery: Set(row.delivery),
        edited_at: Set(row.edited_at),
        deleted_at: Set(row.deleted_at),
        ..Default::default()
    };
    let one = Entity::update_many()
        .set(changed)
        .filter(Column::Id.eq(id))
        .filter(Column::ConversationId.eq(conversation));
    one.exec(db).await.map(drop).map_err(failure)
}

/// Files find their messages, or go with them.
async fn write_files(db: &DatabaseTransaction, item: &CommitItem) -> Result<(), RepositoryError> {
    use attachment::{ActiveModel, Column, Entity};
    let of_this = Column::ConversationId.eq(item.conversation.id.0);
    for (file, message) in &item.attached {
        let carried = ActiveModel {
            message_id: Set(Some(message.0)),
            ..Default::default()
        };
        let waiting = Entity::update_many()
            .set(carried)
            .filter(Column::Id.eq(file.0))
            .filter(of_this.clone())
            .filter(Column::MessageId.is_null());
        waiting.exec(db).await.map_err(failure)?;
    }
    for message in &item.detached {
        let gone = ActiveModel {
            deleted_at: Set(Some(item.conversation.updated_at.into())),
            ..Default::default()
        };
        let carried = Entity::update_many()
            .set(gone)
            .filter(of_this.clone())
            .filter(Column::MessageId.eq(message.0))
            .filter(Column::DeletedAt.is_null());
        carried.exec(db).await.map_err(failure)?;
    }
    Ok(())
}

async fn delete_jobs(db: &DatabaseTransaction, items: &[&CommitItem]) -> Result<(), RepositoryError> {
    use job::{Column, Entity};
    let finished: Vec<Uuid> = items.iter().flat_map(|item| &item.finished_jobs).map(|id| id.0).collect();
    for some in finished.chunks(SOME) {
        let done = Entity::delete_many().filter(Column::Id.is_in(some.iter().copied()));
        done.exec(db).await.map_err(failure)?;
    }
    Ok(())
}

fn models<'a, M, T>(values: impl Iterator<Item = &'a T>) -> Result<Vec<M>, RepositoryError>
where
    T: 'a,
    M: TryFrom<&'a T, Error = RepositoryError>,
{
    values.map(M::try_from).collect()
}

async fn insert_all<A, M>(db: &DatabaseTransaction, mut rows: Vec<M>, with: impl Fn(InsertMany<A>) -> InsertMany<A>) -> Result<(), RepositoryError>
where
    A: ActiveModelTrait,
    M: IntoActiveModel<A>,
{
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(SOME));
        let statement = with(A::Entity::insert_many(
            std::mem::replace(&mut rows, rest).into_iter().map(IntoActiveModel::into_active_model),
        ));
        statement.exec_without_returning(db).await.map_err(failure)?;
    }
    Ok(())
}
