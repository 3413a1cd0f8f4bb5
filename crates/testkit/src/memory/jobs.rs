//! Follow-up work.

use super::View;
use super::state::{Direction, State, insert_new, page_of};
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{JobId, WorkspaceId};
use parlor_domain::job::{Claim, Job, JobKind, JobRepository};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::store::RepositoryError;
use uuid::Uuid;

fn is_due(state: &State, job: &Job, now: Timestamp) -> bool {
    let holds_up = |earlier: &Job| {
        job.kind.runs_in_order()
            && (earlier.conversation_id, earlier.kind) == (job.conversation_id, job.kind)
            && earlier.id < job.id
            && earlier.dead_at.is_none()
    };
    job.dead_at.is_none() && job.run_at <= now && job.claim.is_none_or(|claim| claim.until <= now) && !state.jobs.values().any(holds_up)
}

impl View {
    /// Changes a job if it is the one meant. True if it was.
    async fn change_job(&self, id: JobId, is_meant: impl FnOnce(&Job) -> bool, change: impl FnOnce(&mut Job)) -> bool {
        self.change(|state| {
            let job = state.jobs.get_mut(&id).filter(|job| is_meant(job));
            job.map(change).is_some()
        })
        .await
    }
}

fn is_claimed_by(job: &Job, by: Uuid) -> bool {
    job.claim.is_some_and(|claim| claim.by == by)
}

#[async_trait]
impl JobRepository for View {
    async fn find(&self, workspace: WorkspaceId, id: JobId) -> Result<Option<Job>, RepositoryError> {
        Ok(self.look(|state| state.jobs.get(&id).filter(|job| job.workspace_id == workspace).cloned()))
    }

    async fn insert(&self, job: &Job) -> Result<(), RepositoryError> {
        self.change(|state| insert_new(&mut state.jobs, job.id, job.clone())).await
    }

    async fn any_due(&self, now: Timestamp) -> Result<bool, RepositoryError> {
        Ok(self.look(|state| state.jobs.values().any(|job| is_due(state, job, now))))
    }

    async fn claim_due(&self, now: Timestamp, claim: Claim, limit: usize) -> Result<Vec<Job>, RepositoryError> {
        Ok(self
            .change(|state| {
                let mut due: Vec<Job> = state.jobs.values().filter(|job| is_due(state, job, now)).cloned().collect();
                due.sort_by_key(|job| (job.run_at, job.id));
                due.truncate(limit);
                for job in &mut due {
                    job.claim = Some(claim);
                    state.jobs.insert(job.id, job.clone());
                }
                due
            })
            .await)
    }

    async fn renew(&self, id: JobId, claim: Claim) -> Result<bool, RepositoryError> {
        Ok(self.change_job(id, |job| is_claimed_by(job, claim.by), |job| job.claim = Some(claim)).await)
    }

    async fn give_back(&self, id: JobId, by: Uuid, run_at: Timestamp, error: &str, dead_at: Option<Timestamp>) -> Result<(), RepositoryError> {
        let again = |job: &mut Job| {
            job.attempts += 1;
            job.run_at = run_at;
            job.claim = None;
            job.last_error = Some(error.to_owned());
            job.dead_at = dead_at;
        };
        self.change_job(id, |job| is_claimed_by(job, by), again).await;
        Ok(())
    }

    async fn delete(&self, id: JobId) -> Result<(), RepositoryError> {
        self.change(|state| state.jobs.remove(&id)).await;
        Ok(())
    }

    async fn waiting(&self, kind: JobKind) -> Result<u64, RepositoryError> {
        let waiting = self.look(|state| state.jobs.values().filter(|job| job.kind == kind && job.dead_at.is_none()).count());
        Ok(waiting as u64)
    }

    async fn free_all(&self) -> Result<(), RepositoryError> {
        self.change(|state| state.jobs.values_mut().for_each(|job| job.claim = None)).await;
        Ok(())
    }

    async fn list_dead(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Job>, RepositoryError> {
        let is_listed = |job: &&Job| job.workspace_id == workspace && job.dead_at.is_some();
        let jobs = self.look(|state| state.jobs.values().filter(is_listed).cloned().collect());
        Ok(page_of(jobs, Direction::Falling, after, limit, |job: &Job| Cursor {
            value: job.dead_at.unwrap_or_default().millis(),
            id: job.id.0,
        }))
    }

    async fn replay(&self, workspace: WorkspaceId, id: JobId, now: Timestamp) -> Result<bool, RepositoryError> {
        let anew = |job: &mut Job| {
            job.attempts = 0;
            job.run_at = now;
            job.claim = None;
            job.dead_at = None;
        };
        let is_meant = |job: &Job| job.workspace_id == workspace && job.dead_at.is_some();
        Ok(self.change_job(id, is_meant, anew).await)
    }
}
