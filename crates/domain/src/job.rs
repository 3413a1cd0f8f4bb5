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
    /// A message goes out over WhatsApp. The payload has the `message`.
    WhatsappSend,
    /// The file of a message that came in over WhatsApp is fetched. The job's id is the id of the message.
    WhatsappMedia,
    /// The customer is shown that we have read. What has been read when it runs counts.
    WhatsappRead,
    /// Our sign on a message is told to the customer. The payload has the `message`; the sign that it has when it runs counts.
    WhatsappReaction,
}

impl JobKind {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssistantAnswer => "assistant_answer",
            Self::OfferExpiry => "offer_expiry",
            Self::WhatsappSend => "whatsapp_send",
            Self::WhatsappMedia => "whatsapp_media",
            Self::WhatsappRead => "whatsapp_read",
            Self::WhatsappReaction => "whatsapp_reaction",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "assistant_answer" => Some(Self::AssistantAnswer),
            "offer_expiry" => Some(Self::OfferExpiry),
            "whatsapp_send" => Some(Self::WhatsappSend),
            "whatsapp_media" => Some(Self::WhatsappMedia),
            "whatsapp_read" => Some(Self::WhatsappRead),
            "whatsapp_reaction" => Some(Self::WhatsappReaction),
            _ => None,
        }
    }

    /// Whether those of one conversation wait for one another. An offer that ends next week must not hold up one that ends today, nor
    /// a file that cannot be fetched the next one.
    #[must_use]
    pub const fn runs_in_order(self) -> bool {
        match self {
            Self::AssistantAnswer | Self::WhatsappSend | Self::WhatsappRead | Self::WhatsappReaction => true,
            Self::OfferExpiry | Self::WhatsappMedia => false,
        }
    }

    /// Whether the node whose commit makes it may begin it unseen. Of what must run in order there may be an earlier one that others
    /// work on, unless a conversation never has two.
    #[must_use]
    pub const fn begins_with_its_commit(self) -> bool {
        match self {
            Self::AssistantAnswer | Self::WhatsappMedia => true,
            Self::OfferExpiry | Self::WhatsappSend | Self::WhatsappRead | Self::WhatsappReaction => false,
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
    /// What it is about, if its id and conversation do not say it.
    pub payload: Option<serde_json::Value>,
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
    /// How many of a kind are not done and not given up.
    async fn waiting(&self, kind: JobKind) -> Result<u64, RepositoryError>;
    /// Frees all claims: nobody else can be working on this database.
    async fn free_all(&self) -> Result<(), RepositoryError>;
    /// Those that nobody tries any more, newest first by (`dead_at`, id).
    async fn list_dead(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Job>, RepositoryError>;
    /// Lets a dead one be tried again from `now`, attempts counted anew. False if there is no such dead job.
    async fn replay(&self, workspace: WorkspaceId, id: JobId, now: Timestamp) -> Result<bool, RepositoryError>;
}
