//! Working off what commits left to do.

use parlor_api::state::AppState;
use parlor_domain::assistant::Answered;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{CommandError, ConversationWriter};
use parlor_domain::id::JobId;
use parlor_domain::job::{CLAIMED_FOR, Claim, Job, JobKind};
use parlor_domain::store::RepositoryError;
use parlor_domain::whatsapp::Settled;
use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use uuid::Uuid;

/// How often the table is looked at for work that no commit of this node has just made.
const LOOK: Duration = Duration::from_secs(1);
/// How often a claim is renewed.
const RENEW: Duration = Duration::from_secs(5);
/// How many are claimed at a time.
const AT_A_TIME: usize = 32;
/// So many run at a time before the next are claimed.
const MOST_RUNNING: usize = 256;
/// How long a statement may take: a connection that the network dropped without a word would be waited for for ever.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long a piece of work may take; an answer takes two minutes at most, but for its database.
const LONGEST_WORK: Duration = Duration::from_secs(900);
/// How often work is tried before it is given up.
const ATTEMPTS: i32 = 8;
/// The longest time between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

struct Jobs {
    state: Arc<AppState>,
    node: Uuid,
    /// What runs here: work whose claim ran out while the machine stood still is handed out again, perhaps to ourselves.
    running: Mutex<HashSet<JobId>>,
}

/// Works for as long as its task. The jobs of this node's commits are taken over at once, so call it before anything is committed.
pub fn work_off(state: Arc<AppState>, writer: &ConversationWriter) -> impl Future<Output = ()> + Send + use<> {
    let begun = writer.take_jobs();
    let jobs = Arc::new(Jobs {
        state,
        node: writer.node(),
        running: Mutex::default(),
    });
    async move {
        if let Some(begun) = begun {
            jobs.work(begun).await;
        }
    }
}

impl Jobs {
    async fn work(self: Arc<Self>, mut begun: Receiver<Job>) {
        let mut tasks = JoinSet::new();
        let mut claims = JoinSet::new();
        let mut closing = self.state.assistant.live().closing();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // What is claimed now could not be done any more, and would be kept from others.
            if *closing.borrow() {
                while tasks.join_next().await.is_some() {}
                return;
            }
            tokio::select! {
                job = begun.recv() => {
                    let Some(job) = job else { return };
                    if job.claim.is_some() {
                        self.begin(job, true, &mut tasks);
                    } else {
                        look.reset_immediately();
                    }
                }
                // Beside this loop: a slow database must not keep what was just committed waiting.
                _ = look.tick(), if claims.is_empty() => {
                    self.state.assistant.live().tidy();
                    let jobs = self.clone();
                    claims.spawn(async move { jobs.claim().await });
                }
                Some(claimed) = claims.join_next(), if !claims.is_empty() => match claimed {
                    Ok(Ok(due)) => {
                        // A full hand means that there is more: many offers may end at the same moment.
                        let more = due.len() == AT_A_TIME && tasks.len() < MOST_RUNNING;
                        due.into_iter().for_each(|job| self.begin(job, false, &mut tasks));
                        if more {
                            look.reset_immediately();
                        }
                    }
                    Ok(Err(error)) => tracing::warn!(%error, "jobs could not be looked for"),
                    Err(error) => tracing::error!(%error, "looking for jobs ended"),
                },
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                    // The next one of the same conversation may have waited for it.
                    if ended.is_ok_and(JobKind::runs_in_order) {
                        look.reset_immediately();
                    }
                }
                _ = closing.changed() => {}
            }
        }
    }

    fn claim_of(&self, now: Timestamp) -> Claim {
        Claim {
            by: self.node,
            until: now.plus(CLAIMED_FOR),
        }
    }

    async fn claim(&self) -> Result<Vec<Job>, RepositoryError> {
        let now = self.state.clock.now();
        patiently(async {
            // Mostly there is nothing: then nobody waits for the writer.
            if !self.state.store.read().await?.jobs().any_due(now).await? {
                return Ok(Vec::new());
            }
            let work = self.state.store.begin().await?;
            let due = work.jobs().claim_due(now, self.claim_of(now), AT_A_TIME).await?;
            work.commit().await?;
            Ok(due)
        })
        .await
    }

    /// `first`: it was committed a moment ago, so nobody can have tried it.
    fn begin(self: &Arc<Self>, job: Job, first: bool, tasks: &mut JoinSet<JobKind>) {
        if self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(job.id) {
            let jobs = self.clone();
            tasks.spawn(async move {
                // Dropped with the task, whatever ends it.
                let _running = Running(jobs.clone(), job.id);
                jobs.run(&job, first).await;
                job.kind
            });
        }
    }

    async fn run(&self, job: &Job, first: bool) {
        let done = tokio::select! {
            done = self.doing(job, first) => done,
            () = self.hold(job.id) => return,
            () = tokio::time::sleep(LONGEST_WORK) => Err(CommandError::Unavailable),
        };
        if let Err(error) = done {
            tracing::warn!(%error, job = %job.id, kind = job.kind.as_str(), attempts = job.attempts + 1, "a job failed");
            if let Err(error) = self.failed(job, &error).await {
                tracing::warn!(%error, job = %job.id, "a failed job could not be given back; it is found when its claim has run out");
            }
        }
    }

    async fn doing(&self, job: &Job, first: bool) -> Result<(), CommandError> {
        match job.kind {
            JobKind::AssistantAnswer => {
                if self.state.assistant.answer(job, first).await? == Answered::Closing {
                    // Free for whoever starts next.
                    let now = self.state.clock.now();
                    self.renew(job.id, Claim { by: self.node, until: now }).await?;
                }
                Ok(())
            }
            JobKind::OfferExpiry => self.state.conversations.expire_offer(job).await,
            JobKind::WhatsappSend => self.settle(job, self.state.whatsapp.send(job).await?).await,
            JobKind::WhatsappMedia => self.settle(job, self.state.whatsapp.fetch(job).await?).await,
            JobKind::WhatsappRead => self.settle(job, self.state.whatsapp.show_read(job).await?).await,
            JobKind::WhatsappReaction => self.settle(job, self.state.whatsapp.react(job).await?).await,
        }
    }

    /// What work over WhatsApp leaves of its job.
    async fn settle(&self, job: &Job, settled: Settled) -> Result<(), CommandError> {
        let now = self.state.clock.now();
        let (run_at, why, dead_at) = match settled {
            Settled::Done => return Ok(()),
            Settled::Rest(after) => {
                // Held without being worked on: others leave it alone meanwhile, and it does not count as a try.
                let until = now.plus(after);
                self.renew(job.id, Claim { by: self.node, until }).await?;
                return Ok(());
            }
            Settled::Later(after, why) => (now.plus(after), why, None),
            Settled::Dead(why) => (now, why, Some(now)),
        };
        Ok(self.give_back(job, run_at, &why, dead_at).await?)
    }

    /// Holds the claim; returns when it is lost.
    async fn hold(&self, id: JobId) {
        loop {
            tokio::time::sleep(RENEW).await;
            match self.renew(id, self.claim_of(self.state.clock.now())).await {
                Ok(true) => {}
                Ok(false) => {
                    // The work's own commit removes its job a moment before it ends.
                    tokio::time::sleep(RENEW).await;
                    return;
                }
                Err(error) => tracing::warn!(%error, job = %id, "a claim could not be renewed"),
            }
        }
    }

    async fn renew(&self, id: JobId, claim: Claim) -> Result<bool, RepositoryError> {
        patiently(async {
            let work = self.state.store.begin().await?;
            let held = work.jobs().renew(id, claim).await?;
            work.commit().await?;
            Ok(held)
        })
        .await
    }

    async fn failed(&self, job: &Job, error: &CommandError) -> Result<(), RepositoryError> {
        let now = self.state.clock.now();
        let mut dead_at = None;
        if job.attempts + 1 >= ATTEMPTS {
            match job.kind {
                // It ends at a person, and never as a dead job: the conversation would owe it for ever and get no other answer.
                // What could not even be given up is given up at the next try.
                JobKind::AssistantAnswer => {
                    if self.state.assistant.give_up(job).await.is_ok() {
                        return Ok(());
                    }
                }
                // Agents must see that it did not go out; the others behind it go on.
                JobKind::WhatsappSend if !matches!(error, CommandError::Busy | CommandError::Unavailable) => {
                    if self.state.whatsapp.give_up(job).await.is_ok() {
                        return Ok(());
                    }
                }
                // The database will be there again, and then the offer ends. Anything else admins see among the dead ones.
                _ if matches!(error, CommandError::Busy | CommandError::Unavailable) => {}
                _ => dead_at = Some(now),
            }
        }
        let run_at = now.plus(wait_after(job.attempts, self.state.ids.random()));
        self.give_back(job, run_at, &error.to_string(), dead_at).await
    }

    async fn give_back(&self, job: &Job, run_at: Timestamp, why: &str, dead_at: Option<Timestamp>) -> Result<(), RepositoryError> {
        patiently(async {
            let work = self.state.store.begin().await?;
            work.jobs().give_back(job.id, self.node, run_at, why, dead_at).await?;
            work.commit().await
        })
        .await
    }
}

async fn patiently<T>(work: impl Future<Output = Result<T, RepositoryError>>) -> Result<T, RepositoryError> {
    let unanswered = |_| RepositoryError::Unavailable("the database does not answer".to_owned());
    tokio::time::timeout(PATIENCE, work).await.map_err(unanswered)?
}

struct Running(Arc<Jobs>, JobId);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// Doubling from a second, half of it by chance, so that what failed together does not come back together.
fn wait_after(attempts: i32, chance: Uuid) -> Duration {
    let whole = Duration::from_secs(1 << attempts.clamp(0, 9)).min(LONGEST_WAIT);
    let (_, low) = chance.as_u64_pair();
    let part = u32::try_from(low % 1_000).unwrap_or(0);
    whole / 2 + whole / 2_000 * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_stays_within_its_bounds() {
        for chance in [Uuid::nil(), Uuid::max(), Uuid::from_u128(7_777)] {
            for attempts in 0..20 {
                let whole = Duration::from_secs(1 << attempts.min(9)).min(LONGEST_WAIT);
                let wait = wait_after(attempts, chance);
                assert!(wait >= whole / 2 && wait <= whole, "{attempts}: {wait:?}");
            }
        }
    }
}
