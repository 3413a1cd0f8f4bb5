use crate::clock::Timestamp;
use crate::id::{ConversationId, SessionId, VisitorId, WorkspaceId};
use crate::text::Metadata;

/// Whether messages may come through a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStatus {
    /// They may.
    Active,
    /// They are refused. The conversation goes on in others.
    Ended,
}

/// One visit of one visitor in one client, in one conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names the visit. Proves nothing.
    pub id: SessionId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Who visits.
    pub visitor_id: VisitorId,
    /// Where the visitor talks.
    pub conversation_id: ConversationId,
    /// What the page attached.
    pub metadata: Option<Metadata>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_active_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Session {
    /// Whether messages may come through it.
    #[must_use]
    pub const fn status(&self) -> SessionStatus {
        if self.ended_at.is_some() {
            SessionStatus::Ended
        } else {
            SessionStatus::Active
        }
    }

    /// Ends it; a second time changes nothing.
    pub fn end(&mut self, now: Timestamp) {
        self.ended_at.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_session_ends_once() {
        let mut session = Session {
            id: SessionId(Uuid::nil()),
            workspace_id: WorkspaceId(Uuid::nil()),
            visitor_id: VisitorId(Uuid::nil()),
            conversation_id: ConversationId(Uuid::nil()),
            metadata: None,
            created_at: Timestamp(1),
            last_active_at: Timestamp(1),
            ended_at: None,
        };
        assert_eq!(session.status(), SessionStatus::Active);
        session.end(Timestamp(5));
        session.end(Timestamp(9));
        assert_eq!((session.status(), session.ended_at), (SessionStatus::Ended, Some(Timestamp(5))));
    }
}
