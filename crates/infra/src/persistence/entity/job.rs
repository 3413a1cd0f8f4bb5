use crate::persistence::error::unreadable;
use crate::persistence::timestamp::StoredTime;
use parlor_domain::id::{ConversationId, JobId, WorkspaceId};
use parlor_domain::job::{Claim, Job, JobKind};
use parlor_domain::store::RepositoryError;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub conversation_id: Uuid,
    pub kind: String,
    pub payload: Option<Json>,
    pub attempts: i32,
    pub run_at: StoredTime,
    pub claimed_by: Option<Uuid>,
    pub claimed_until: Option<StoredTime>,
    pub last_error: Option<String>,
    pub dead_at: Option<StoredTime>,
    pub created_at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Job> for Model {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id.0,
            workspace_id: job.workspace_id.0,
            conversation_id: job.conversation_id.0,
            kind: job.kind.as_str().to_owned(),
            payload: job.payload.clone(),
            attempts: job.attempts,
            run_at: job.run_at.into(),
            claimed_by: job.claim.map(|claim| claim.by),
            claimed_until: job.claim.map(|claim| claim.until.into()),
            last_error: job.last_error.clone(),
            dead_at: job.dead_at.map(Into::into),
            created_at: job.created_at.into(),
        }
    }
}

impl TryFrom<Model> for Job {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        let claim = row.claimed_by.zip(row.claimed_until);
        Ok(Self {
            id: JobId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            conversation_id: ConversationId(row.conversation_id),
            kind: JobKind::from_word(&row.kind).ok_or_else(|| unreadable("job.kind"))?,
            payload: row.payload,
            attempts: row.attempts,
            run_at: row.run_at.into(),
            claim: claim.map(|(by, until)| Claim { by, until: until.into() }),
            last_error: row.last_error,
            dead_at: row.dead_at.map(Into::into),
            created_at: row.created_at.into(),
        })
    }
}
