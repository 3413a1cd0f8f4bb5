use crate::persistence::timestamp::StoredTime;
use parlor_domain::id::{ConversationId, SessionId, VisitorId, WorkspaceId};
use parlor_domain::session::Session;
use parlor_domain::text::Metadata;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub visitor_id: Uuid,
    pub conversation_id: Uuid,
    pub metadata: Option<Json>,
    pub created_at: StoredTime,
    pub last_active_at: StoredTime,
    pub ended_at: Option<StoredTime>,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Session> for Model {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.0,
            workspace_id: session.workspace_id.0,
            visitor_id: session.visitor_id.0,
            conversation_id: session.conversation_id.0,
            metadata: session.metadata.as_ref().map(|metadata| metadata.value().clone()),
            created_at: session.created_at.into(),
            last_active_at: session.last_active_at.into(),
            ended_at: session.ended_at.map(Into::into),
        }
    }
}

impl From<Model> for Session {
    fn from(row: Model) -> Self {
        Self {
            id: SessionId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            visitor_id: VisitorId(row.visitor_id),
            conversation_id: ConversationId(row.conversation_id),
            metadata: row.metadata.map(Metadata::stored),
            created_at: row.created_at.into(),
            last_active_at: row.last_active_at.into(),
            ended_at: row.ended_at.map(Into::into),
        }
    }
}
