use crate::extract::{AdminAuth, PageQuery, PathId};
use crate::families::shared::{CommonProblems, ListResponse, NotFoundProblem, QueryProblems, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, get, post, web};
use parlor_domain::job::{Job, JobKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// What kind of follow-up work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKindWord {
    /// The assistant answers.
    AssistantAnswer,
    /// An offer's time runs out.
    OfferExpiry,
    /// A message goes out over WhatsApp.
    WhatsappSend,
    /// The file of a message that came in over WhatsApp is fetched.
    WhatsappMedia,
    /// The customer is shown that we have read.
    WhatsappRead,
    /// Our sign on a message is told to the customer.
    WhatsappReaction,
}

impl From<JobKind> for JobKindWord {
    fn from(kind: JobKind) -> Self {
        match kind {
            JobKind::AssistantAnswer => Self::AssistantAnswer,
            JobKind::OfferExpiry => Self::OfferExpiry,
            JobKind::WhatsappSend => Self::WhatsappSend,
            JobKind::WhatsappMedia => Self::WhatsappMedia,
            JobKind::WhatsappRead => Self::WhatsappRead,
            JobKind::WhatsappReaction => Self::WhatsappReaction,
        }
    }
}

/// Where follow-up work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStateWord {
    /// It failed too often; nobody tries any more.
    #[default]
    Dead,
}

/// Which jobs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// Where they stand; `dead` without it.
    #[serde(default)]
    #[param(inline, nullable = false)]
    #[expect(dead_code, reason = "the only state that is listed")]
    state: Option<JobStateWord>,
}

/// Work that follows from something that was stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobResponse {
    /// Names it.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000d2")]
    id: Uuid,
    /// What kind.
    kind: JobKindWord,
    /// Where.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000a1")]
    conversation_id: Uuid,
    /// How often it was tried and failed.
    #[schema(example = 5)]
    attempts: i32,
    /// Why the last try failed.
    #[schema(example = "the database is not available")]
    last_error: Option<String>,
    /// When it was made.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    created_at: String,
    /// Since when nobody tries any more; null: it will be tried.
    #[schema(example = "2026-11-20T10:00:00.000Z", format = DateTime)]
    dead_at: Option<String>,
}

impl JobResponse {
    fn new(job: &Job) -> Self {
        Self {
            id: job.id.0,
            kind: job.kind.into(),
            conversation_id: job.conversation_id.0,
            attempts: job.attempts,
            last_error: job.last_error.clone(),
            created_at: job.created_at.to_rfc3339(),
            dead_at: job.dead_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// List jobs that gave up
///
/// Newest first.
#[utoipa::path(path = "/api/admin/jobs/", tag = "Workspace", security(("staff" = [])), params(JobQuery, PageQuery), responses(
    (status = 200, description = "One page", body = ListResponse<JobResponse>),
    CommonProblems, QueryProblems, StaffProblems
))]
#[get("/api/admin/jobs")]
pub async fn list_jobs(auth: AdminAuth, _: web::Query<JobQuery>, page: web::Query<PageQuery>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (cursor, limit) = page.parse()?;
    let found = state.store.read().await?.jobs().list_dead(auth.0.workspace_id, cursor, limit).await?;
    Ok(HttpResponse::Ok().json(ListResponse::new(found.map(|job| JobResponse::new(&job)))))
}

/// Try a job again
///
/// Its attempts are counted anew. Only for one that gave up.
#[utoipa::path(path = "/api/admin/jobs/{id}/replay/", tag = "Workspace", security(("staff" = [])), params(("id" = Uuid, Path, description = "The job")), responses(
    (status = 200, description = "The job as it waits now", body = JobResponse),
    CommonProblems, StaffProblems, NotFoundProblem
))]
#[post("/api/admin/jobs/{id}/replay")]
pub async fn replay_job(auth: AdminAuth, id: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = PathId::parse(&id, "job")?;
    let unknown = || Problem::not_found("job");
    let work = state.store.begin().await?;
    if !work.jobs().replay(auth.0.workspace_id, id, state.clock.now()).await? {
        return Err(unknown());
    }
    // Read before the commit: afterwards it may be done, and gone, at any moment.
    let job = work.jobs().find(auth.0.workspace_id, id).await?.ok_or_else(unknown)?;
    work.commit().await?;
    Ok(HttpResponse::Ok().json(JobResponse::new(&job)))
}
