use crate::extract::{StaffAuth, bearer};
use crate::families::shared::ProvenVisitor;
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{FromRequest, HttpRequest};
use parlor_domain::agent::Bearer;
use parlor_domain::conversation::{Conversation, Viewer};
use parlor_domain::id::{RoomKey, SessionId, VisitorId, VisitorKey};
use parlor_domain::session::{Session, SessionError};
use uuid::Uuid;

/// Who calls a path that visitors and agents share. It decides by which ids things are named: by keys, or by internal ids.
#[derive(Debug)]
pub enum ChatCaller {
    /// The customer's side.
    Visitor(ProvenVisitor),
    /// Our side.
    Staff(StaffAuth),
}

impl ChatCaller {
    /// Who calls. For staff the named `visitor_id` is no proof, and ignored here.
    ///
    /// # Errors
    /// 401 without a credential or with a wrong one, 404 for a named key that proves nobody.
    pub async fn of(request: &HttpRequest, state: &AppState, named: Option<&str>) -> Result<Self, Problem> {
        if let Some(staff) = staff_of(request, state).await? {
            return Ok(Self::Staff(staff));
        }
        ProvenVisitor::of(request, state, named)
            .await?
            .map(Self::Visitor)
            .ok_or_else(Problem::unauthenticated)
    }

    /// As reader.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        match self {
            Self::Visitor(proven) => Viewer::Visitor(proven.visitor.workspace_id, proven.visitor.id),
            Self::Staff(staff) => staff.viewer(),
        }
    }

    /// What this caller calls a visitor.
    #[must_use]
    pub fn name_of_visitor(&self, id: VisitorId) -> Option<Uuid> {
        match self {
            Self::Visitor(proven) => proven.key.map(|key| key.expose()),
            Self::Staff(_) => Some(id.0),
        }
    }

    /// What this caller calls a session's conversation.
    #[must_use]
    pub fn name_of_conversation(&self, session: &Session, room: Option<RoomKey>) -> Option<Uuid> {
        match self {
            Self::Visitor(_) => room.map(|room| room.expose()),
            Self::Staff(_) => Some(session.conversation_id.0),
        }
    }

    /// A session that this caller may see, with its conversation.
    ///
    /// # Errors
    /// 404 `session_not_found`, 403 `visitor_mismatch`.
    pub async fn session(&self, state: &AppState, id: &str) -> Result<(Session, Conversation), Problem> {
        let id: SessionId = id.trim().parse().map_err(|_| SessionError::NotFound)?;
        Ok(match self {
            Self::Visitor(proven) => state.sessions.of_visitor(&proven.visitor, id).await?,
            Self::Staff(staff) => state.sessions.of_workspace(staff.0.workspace_id, id).await?,
        })
    }
}

/// Staff, if the request carries a token of staff. Visitor keys and customers' tokens are left for others to judge.
///
/// # Errors
/// 401 for a token of nobody, 403 for staff without the right.
pub async fn staff_of(request: &HttpRequest, state: &AppState) -> Result<Option<StaffAuth>, Problem> {
    let Some(token) = bearer(request)?.filter(|token| token.parse::<VisitorKey>().is_err()) else {
        return Ok(None);
    };
    match state.directory.authenticate(token).await? {
        Bearer::Staff(_) => StaffAuth::extract(request).await.map(Some),
        Bearer::Customer(_) | Bearer::Seller(_) => Ok(None),
    }
}
