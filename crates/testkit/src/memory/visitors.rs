//! Visitors, their keys and their sessions.

use super::View;
use super::state::{Direction, State, begins_with, contains, insert_new, page_of, refuse_if, write};
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{ConversationId, KeyHash, SessionId, VisitorId, WorkspaceId};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::session::{Session, SessionRepository};
use parlor_domain::store::RepositoryError;
use parlor_domain::visitor::{Visitor, VisitorFilter, VisitorRepository};

fn refuse_taken_subject(state: &State, visitor: &Visitor) -> Result<(), RepositoryError> {
    let Some(subject) = visitor.verified_subject() else { return Ok(()) };
    let is_taken = |other: &Visitor| other.id != visitor.id && other.workspace_id == visitor.workspace_id && other.verified_subject() == Some(subject);
    refuse_if(state.visitors.values().any(is_taken))
}

fn matches(visitor: &Visitor, filter: &VisitorFilter) -> bool {
    let Some(query) = &filter.query else { return true };
    visitor.name.as_ref().is_some_and(|name| contains(name.as_str(), query))
        || visitor.email.as_ref().is_some_and(|email| begins_with(email.value.as_str(), query))
        || visitor.phone.as_ref().is_some_and(|phone| begins_with(phone.value.as_str(), query))
}

#[async_trait]
impl VisitorRepository for View {
    async fn find(&self, workspace: WorkspaceId, id: VisitorId) -> Result<Option<Visitor>, RepositoryError> {
        Ok(self.look(|state| state.visitors.get(&id).filter(|visitor| visitor.workspace_id == workspace).cloned()))
    }

    async fn find_for_update(&self, workspace: WorkspaceId, id: VisitorId) -> Result<Option<Visitor>, RepositoryError> {
        VisitorRepository::find(self, workspace, id).await
    }

    async fn find_many(&self, workspace: WorkspaceId, ids: &[VisitorId]) -> Result<Vec<Visitor>, RepositoryError> {
        let is_wanted = |visitor: &&Visitor| visitor.workspace_id == workspace && ids.contains(&visitor.id);
        Ok(self.look(|state| state.visitors.values().filter(is_wanted).cloned().collect()))
    }

    async fn find_by_key(&self, key: KeyHash) -> Result<Option<Visitor>, RepositoryError> {
        Ok(self.look(|state| {
            let id = state.visitor_keys.get(&key)?;
            state.visitors.get(id).filter(|visitor| visitor.retired_at.is_none()).cloned()
        }))
    }

    async fn find_by_subject(&self, workspace: WorkspaceId, subject: &str) -> Result<Option<Visitor>, RepositoryError> {
        let is_it = |visitor: &&Visitor| visitor.workspace_id == workspace && visitor.retired_at.is_none() && visitor.verified_subject() == Some(subject);
        Ok(self.look(|state| state.visitors.values().find(is_it).cloned()))
    }

    async fn list(&self, workspace: WorkspaceId, filter: &VisitorFilter, after: Option<Cursor>, limit: Limit) -> Result<Page<Visitor>, RepositoryError> {
        let is_listed = |visitor: &&Visitor| visitor.workspace_id == workspace && visitor.retired_at.is_none() && matches(visitor, filter);
        let visitors = self.look(|state| state.visitors.values().filter(is_listed).cloned().collect());
        Ok(page_of(visitors, Direction::Falling, after, limit, |visitor| Cursor {
            value: visitor.created_at.millis(),
            id: visitor.id.0,
        }))
    }

    async fn insert(&self, visitor: &Visitor) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_taken_subject(state, visitor)?;
            insert_new(&mut state.visitors, visitor.id, visitor.clone())
        })
        .await
    }

    async fn update(&self, visitor: &Visitor) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_taken_subject(state, visitor)?;
            write(&mut state.visitors, &visitor.id, visitor);
            Ok(())
        })
        .await
    }

    async fn touch(&self, id: VisitorId, at: Timestamp) -> Result<(), RepositoryError> {
        self.change(|state| {
            if let Some(visitor) = state.visitors.get_mut(&id) {
                visitor.last_seen_at = visitor.last_seen_at.max(at);
            }
        })
        .await;
        Ok(())
    }

    async fn insert_key(&self, visitor: VisitorId, key: KeyHash, _at: Timestamp) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(state.visitor_keys.contains_key(&key))?;
            state.visitor_keys.insert(key, visitor);
            Ok(())
        })
        .await
    }

    async fn delete_keys(&self, visitor: VisitorId) -> Result<u64, RepositoryError> {
        Ok(self
            .change(|state| {
                let before = state.visitor_keys.len();
                state.visitor_keys.retain(|_, holder| *holder != visitor);
                (before - state.visitor_keys.len()) as u64
            })
            .await)
    }
}

#[async_trait]
impl SessionRepository for View {
    async fn find_any(&self, id: SessionId) -> Result<Option<Session>, RepositoryError> {
        Ok(self.look(|state| state.sessions.get(&id).cloned()))
    }

    async fn list(&self, workspace: WorkspaceId, visitor: VisitorId, after: Option<Cursor>, limit: Limit) -> Result<Page<Session>, RepositoryError> {
        let is_listed = |session: &&Session| session.workspace_id == workspace && session.visitor_id == visitor;
        let sessions = self.look(|state| state.sessions.values().filter(is_listed).cloned().collect());
        Ok(page_of(sessions, Direction::Falling, after, limit, |session| Cursor {
            value: session.created_at.millis(),
            id: session.id.0,
        }))
    }

    async fn find_latest(&self, workspace: WorkspaceId, conversation: ConversationId) -> Result<Option<Session>, RepositoryError> {
        let is_there = |session: &&Session| session.workspace_id == workspace && session.conversation_id == conversation;
        Ok(self.look(|state| {
            state
                .sessions
                .values()
                .filter(is_there)
                .max_by_key(|session| (session.created_at, session.id))
                .cloned()
        }))
    }

    async fn insert(&self, session: &Session) -> Result<(), RepositoryError> {
        self.change(|state| insert_new(&mut state.sessions, session.id, session.clone())).await
    }

    async fn touch(&self, id: SessionId, at: Timestamp) -> Result<(), RepositoryError> {
        self.change(|state| {
            if let Some(session) = state.sessions.get_mut(&id) {
                session.last_active_at = at;
            }
        })
        .await;
        Ok(())
    }

    async fn end(&self, id: SessionId, at: Timestamp) -> Result<(), RepositoryError> {
        self.change(|state| {
            if let Some(session) = state.sessions.get_mut(&id) {
                session.end(at);
            }
        })
        .await;
        Ok(())
    }

    async fn move_to_visitor(&self, workspace: WorkspaceId, from: VisitorId, to: VisitorId) -> Result<u64, RepositoryError> {
        Ok(self
            .change(|state| {
                let moving = state
                    .sessions
                    .values_mut()
                    .filter(|session| session.workspace_id == workspace && session.visitor_id == from);
                moving.map(|session| session.visitor_id = to).count() as u64
            })
            .await)
    }
}
