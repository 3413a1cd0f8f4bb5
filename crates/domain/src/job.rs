//! What must happen because a commit happened: rows written in the same transaction, worked off afterwards, and never
//! forgotten.

use crate::clock::Timestamp;
use crate::id::{ConversationId, JobId, WorkspaceId};
use crate::page::{Cursor, Limit, Page};
use crate::store::RepositoryError;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// How long a claim holds unless it is renewed.
pub const CLAIMED_FOR: Duration = Duration::from_secs(15);

/// What kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// The assistant answers. The job's id is the id of the message that it makes.
    AssistantAnswer,
    /// An offer's time runs out. The job's id is the id of the offer.
    OfferExpiry,
}

impl JobKind {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssistantAnswer => "assistant_answer",
            Self::OfferExpiry => "offer_expiry",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "assistant_answer" => Some(Self::AssistantAnswer),
            "offer_expiry" => Some(Self::OfferExpiry),
            _ => None,
        }
    }

    /// Whether those of one conversation wait for one another. An offer that ends next week must not hold up one that ends today.
    #[must_use]
    pub const fn runs_in_order(self) -> bool {
        match self {
            Self::AssistantAnswer => true,
            Self::OfferExpiry => false,
        }
    }
}

/// Who works on it, and until when others leave it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The node, anew at each of its starts.
    pub by: Uuid,
    /// Until when.
    pub until: Timestamp,
}

/// A piece of follow-up work. When it is done, its row is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The job.
    pub id: JobId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Where.
    pub conversation_id: ConversationId,
    /// What kind.
    pub kind: JobKind,
    /// How often it was tried and failed.
    pub attempts: i32,
    /// Not before.
    pub run_at: Timestamp,
    /// Who works on it.
    pub claim: Option<Claim>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// Since when nobody tries any more.
    pub dead_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Keeps jobs. They are added and, when done, removed by [`crate::conversation::ConversationStore::commit`].
///
/// Jobs of one conversation and of a kind that [runs in order](JobKind::runs_in_order) run in order of their ids: a later
/// one is not handed out while an earlier one is still tried.
#[async_trait]
pub trait JobRepository: Send + Sync {
    /// One of a workspace.
    async fn find(&self, workspace: WorkspaceId, id: JobId) -> Result<Option<Job>, RepositoryError>;
    /// Adds one, in the unit of work that begins its conversation.
    async fn insert(&self, job: &Job) -> Result<(), RepositoryError>;
    /// Whether any is due at `now`, not dead, and claimed by nobody (or the claim has run out). Waits for no writer.
    async fn any_due(&self, now: Timestamp) -> Result<bool, RepositoryError>;
    /// Claims those that are due at `now`, not dead, and claimed by nobody (or the claim has run out), oldest first, at most `limit`. No job is handed to two callers.
    async fn claim_due(&self, now: Timestamp, claim: Claim, limit: usize) -> Result<Vec<Job>, RepositoryError>;
    /// Holds a claim longer. False if it is not the caller's any more, or the job is gone.
    async fn renew(&self, id: JobId, claim: Claim) -> Result<bool, RepositoryError>;
    /// Gives a claimed job back after a failure: it is tried again at `run_at`, or never if `dead_at` is given. Counts the attempt.
    async fn give_back(&self, id: JobId, by: Uuid, run_at: Timestamp, error: &str, dead_at: Option<Timestamp>) -> Result<(), RepositoryError>;
    /// Removes one.
    async fn delete(&self, id: JobId) -> Result<(), RepositoryError>;
    /// Frees all claims: nobody else can be working on this database.
    async fn free_all(&self) -> Result<(), RepositoryError>;
    /// Those that nobody tries any more, newest first by (`dead_at`, id).
    async fn list_dead(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Job>, RepositoryError>;
    /// Lets a dead one be tried again from `now`, attempts counted anew. False if there is no such dead job.
    async fn replay(&self, workspace: WorkspaceId, id: JobId, now: Timestamp) -> Result<bool, RepositoryError>;
}
