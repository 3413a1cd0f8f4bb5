use super::entity::job::{ActiveModel, Column, Entity, Model};
use super::error::failure;
use super::rows::{Direction, Literally, all, insert_new, keyset, rows};
use super::store::{Connection, SeaOrmRepositories};
use super::timestamp::StoredTime;
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{JobId, WorkspaceId};
use parlor_domain::job::{Claim, Job, JobKind, JobRepository};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::store::RepositoryError;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Select, Set, Statement};

/// What may be handed out: `$1` is now. Those of one conversation and of a kind that runs in order one after another; one
/// that nobody tries any more does not hold up the others.
const DUE: &str = "SELECT id FROM job WHERE dead_at IS NULL AND run_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1) \
     AND (kind IN ('offer_expiry', 'whatsapp_media') OR NOT EXISTS (SELECT 1 FROM job AS earlier WHERE earlier.conversation_id = job.conversation_id \
     AND earlier.kind = job.kind AND earlier.id < job.id AND earlier.dead_at IS NULL))";

/// Looks whether anything may be handed out, without writing.
pub(super) fn look(backend: DbBackend, now: Timestamp) -> Statement {
    Statement::from_sql_and_values(backend, format!("{DUE} LIMIT 1"), [now.millis().into()])
}

/// Hands out. On Postgres what another caller takes at the same time is passed over; the array makes sure that the rows
/// are chosen once, whatever the plan.
fn take(backend: DbBackend, now: Timestamp, claim: Claim, limit: usize) -> Statement {
    let due = format!("{DUE} ORDER BY run_at, id LIMIT $4");
    let chosen = match backend {
        DbBackend::Sqlite => format!("IN ({due})"),
        _ => format!("= ANY (ARRAY({due} FOR UPDATE SKIP LOCKED))"),
    };
    Statement::from_sql_and_values(
        backend,
        format!("UPDATE job SET claimed_by = $2, claimed_until = $3 WHERE id {chosen} RETURNING *"),
        [
            now.millis().into(),
            claim.by.into(),
            claim.until.millis().into(),
            rows(limit).cast_signed().into(),
        ],
    )
}

pub(super) fn dead(workspace: WorkspaceId) -> Select<Entity> {
    Entity::find().filter(Column::WorkspaceId.eq(workspace.0)).literally("dead_at IS NOT NULL")
}

/// No claim.
fn free() -> ActiveModel {
    ActiveModel {
        claimed_by: Set(None),
        claimed_until: Set(None),
        ..Default::default()
    }
}

#[async_trait]
impl<C: Connection> JobRepository for SeaOrmRepositories<C> {
    async fn find(&self, workspace: WorkspaceId, id: JobId) -> Result<Option<Job>, RepositoryError> {
        let one = Entity::find_by_id(id.0).filter(Column::WorkspaceId.eq(workspace.0));
        one.one(&self.db).await.map_err(failure)?.map(Job::try_from).transpose()
    }

    async fn insert(&self, job: &Job) -> Result<(), RepositoryError> {
        insert_new::<ActiveModel, _, _>(&self.db, Model::from(job)).await
    }

    async fn any_due(&self, now: Timestamp) -> Result<bool, RepositoryError> {
        let found = self.db.query_one_raw(look(self.db.get_database_backend(), now)).await;
        Ok(found.map_err(failure)?.is_some())
    }

    async fn claim_due(&self, now: Timestamp, claim: Claim, limit: usize) -> Result<Vec<Job>, RepositoryError> {
        let taken = Entity::find().from_raw_sql(take(self.db.get_database_backend(), now, claim, limit));
        let mut jobs: Vec<Job> = all(taken.all(&self.db).await.map_err(failure)?)?;
        jobs.sort_unstable_by_key(|job| (job.run_at, job.id));
        Ok(jobs)
    }

    async fn renew(&self, id: JobId, claim: Claim) -> Result<bool, RepositoryError> {
        let longer = ActiveModel {
            claimed_until: Set(Some(claim.until.into())),
            ..Default::default()
        };
        let own = Entity::update_many()
            .set(longer)
            .filter(Column::Id.eq(id.0))
            .filter(Column::ClaimedBy.eq(claim.by));
        own.exec(&self.db).await.map(|done| done.rows_affected == 1).map_err(failure)
    }

    async fn give_back(&self, id: JobId, by: Uuid, run_at: Timestamp, error: &str, dead_at: Option<Timestamp>) -> Result<(), RepositoryError> {
        let again = ActiveModel {
            run_at: Set(run_at.into()),
            last_error: Set(Some(error.to_owned())),
            dead_at: Set(dead_at.map(Into::into)),
            ..free()
        };
        let own = Entity::update_many()
            .set(again)
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .filter(Column::Id.eq(id.0))
            .filter(Column::ClaimedBy.eq(by));
        own.exec(&self.db).await.map(drop).map_err(failure)
    }

    async fn delete(&self, id: JobId) -> Result<(), RepositoryError> {
        Entity::delete_by_id(id.0).exec(&self.db).await.map(drop).map_err(failure)
    }

    async fn waiting(&self, kind: JobKind) -> Result<u64, RepositoryError> {
        let of_kind = Entity::find().filter(Column::Kind.eq(kind.as_str())).literally("dead_at IS NULL");
        of_kind.count(&self.db).await.map_err(failure)
    }

    async fn free_all(&self) -> Result<(), RepositoryError> {
        let claimed = Entity::update_many().set(free()).filter(Column::ClaimedBy.is_not_null());
        claimed.exec(&self.db).await.map(drop).map_err(failure)
    }

    async fn list_dead(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Job>, RepositoryError> {
        let select = keyset(dead(workspace), (Column::DeadAt, Column::Id), Direction::Falling, after).limit(rows(limit.get() + 1));
        let found = all(select.all(&self.db).await.map_err(failure)?)?;
        Ok(Page::from_rows(found, limit, |job: &Job| Cursor {
            value: job.dead_at.unwrap_or_default().millis(),
            id: job.id.0,
        }))
    }

    async fn replay(&self, workspace: WorkspaceId, id: JobId, now: Timestamp) -> Result<bool, RepositoryError> {
        let anew = ActiveModel {
            attempts: Set(0),
            run_at: Set(StoredTime::from(now)),
            dead_at: Set(None),
            ..free()
        };
        let one = Entity::update_many()
            .set(anew)
            .filter(Column::Id.eq(id.0))
            .filter(Column::WorkspaceId.eq(workspace.0))
            .literally("dead_at IS NOT NULL");
        one.exec(&self.db).await.map(|done| done.rows_affected == 1).map_err(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_domain::job::JobKind;

    /// The statement spells them out, so that its plan knows them.
    #[test]
    fn what_does_not_run_in_order_is_handed_out_beside_others() {
        let kinds = [
            JobKind::AssistantAnswer,
            JobKind::OfferExpiry,
            JobKind::WhatsappSend,
            JobKind::WhatsappMedia,
            JobKind::WhatsappRead,
            JobKind::WhatsappReaction,
        ];
        for kind in kinds {
            assert_eq!(DUE.contains(&format!("'{}'", kind.as_str())), !kind.runs_in_order(), "{kind:?}");
        }
    }
}
