use super::must_see_deleted;
use crate::extract::{Fields, PageQuery, StaffAuth};
use crate::families::shared::{CommonProblems, HandledByWord, KindWord, ListResponse, OwnConversationRow, QueryProblems, StaffProblems, StatusWord};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, get, web};
use parlor_domain::conversation::{AssigneeFilter, ConversationFilter};
use parlor_domain::id::{AgentId, ChannelId};
use parlor_domain::text::{Label, Line};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

/// Which conversations; all that is given must hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConversationQuery {
    /// With this status.
    #[param(nullable = false)]
    status: Option<StatusWord>,
    /// `me`, `none` (the assistant's and the queue's), or an agent's id.
    #[param(nullable = false, example = "me")]
    assignee: Option<String>,
    /// Through this channel.
    #[param(nullable = false)]
    channel: Option<Uuid>,
    /// Begun by this door.
    #[param(nullable = false)]
    kind: Option<KindWord>,
    /// Handled so; `human` is `queue` or `agent`.
    #[param(nullable = false)]
    handled_by: Option<HandledByWord>,
    /// With (or without) messages that the team has not read.
    #[param(nullable = false)]
    unread: Option<bool>,
    /// With (or without) a flag.
    #[param(nullable = false)]
    flagged: Option<bool>,
    /// With this label.
    #[param(nullable = false, max_length = 50)]
    label: Option<String>,
    /// Those without any message, instead of those with.
    #[param(nullable = false)]
    empty: Option<bool>,
    /// Deleted ones, instead of the others; for admins.
    #[param(nullable = false)]
    deleted: Option<bool>,
    /// Part of the customer's name; or exactly the e-mail address, phone number or subject.
    #[param(nullable = false, max_length = 500)]
    q: Option<String>,
}

impl ConversationQuery {
    fn parse(self, me: AgentId) -> Result<ConversationFilter, Problem> {
        let mut fields = Fields::new();
        let assignee = self.assignee.as_deref().and_then(|text| match text {
            "me" => Some(AssigneeFilter::Agent(me)),
            "none" => Some(AssigneeFilter::Nobody),
            id => fields
                .parsed("assignee", id.parse().map_err(|_| "must be me, none or an agent's id"))
                .map(AssigneeFilter::Agent),
        });
        let label = fields.optional("label", self.label.as_deref(), Label::parse).map(Label::into_string);
        let query = fields.optional("q", self.q.as_deref(), Line::parse).map(Line::into_string);
        fields.finish()?;
        Ok(ConversationFilter {
            status: self.status.map(Into::into),
            assignee,
            channel: self.channel.map(ChannelId),
            kind: self.kind.map(Into::into),
            handled_by: self.handled_by.map(Into::into),
            unread: self.unread,
            flagged: self.flagged,
            label,
            empty: self.empty.unwrap_or_default(),
            deleted: self.deleted.unwrap_or_default(),
            query,
        })
    }
}

/// List conversations
///
/// All of the workspace, newest activity first. Conversations without a message are in no list unless asked for.
#[utoipa::path(path = "/api/admin/chat-rooms/", tag = "Conversations", security(("staff" = [])), params(ConversationQuery, PageQuery), responses(
    (status = 200, description = "One page", body = ListResponse<OwnConversationRow>),
    CommonProblems, QueryProblems, StaffProblems
))]
#[get("/api/admin/chat-rooms")]
pub async fn list_conversations(
    auth: StaffAuth,
    query: web::Query<ConversationQuery>,
    page: web::Query<PageQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let filter = query.into_inner().parse(auth.0.id)?;
    let (cursor, limit) = page.parse()?;
    if filter.deleted {
        must_see_deleted(&auth.0)?;
    }
    let found = state.reader.list(auth.0.workspace_id, auth.0.id, &filter, cursor, limit).await?;
    Ok(HttpResponse::Ok().json(ListResponse::new(
        found.map(|(conversation, mark)| OwnConversationRow::new(&conversation, mark)),
    )))
}
