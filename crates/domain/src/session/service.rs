use super::Session;
use crate::channel::{Channel, IdentityRule};
use crate::clock::Clock;
use crate::conversation::{Conversation, ConversationKind, new_conversation};
use crate::creation::{Creation, CreationKey, REMEMBERED_FOR, claim};
use crate::id::{ConversationId, Ids, RoomKey, SessionId, VisitorId, WorkspaceId};
use crate::page::{Cursor, Limit, Page};
use crate::security::{SecretBox, SecurityError};
use crate::store::{RepositoryError, Store};
use crate::text::Metadata;
use crate::visitor::Visitor;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Why there is no session.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    /// There is none for this caller.
    #[error("no such session")]
    NotFound,
    /// It is another visitor's.
    #[error("this session belongs to another visitor")]
    VisitorMismatch,
    /// It has ended.
    #[error("this session has ended")]
    Ended,
    /// There is no such conversation of this visitor.
    #[error("no such conversation")]
    ConversationNotFound,
    /// The channel wants a signed token of the host site first.
    #[error("this channel wants visitors to identify themselves first")]
    IdentityRequired,
    /// The `Idempotency-Key` was used for another content.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// A helper failed; the cause is in the log.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// A visit that begins.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The conversation that goes on in it; without it a new one begins.
    pub room: Option<RoomKey>,
    /// What the page attached.
    pub metadata: Option<Metadata>,
}

/// How often the use of a session is noted.
const NOTED_EVERY: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
struct Remembered {
    session: SessionId,
}

/// Visits.
pub struct SessionService {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    secrets: Arc<dyn SecretBox>,
}

impl SessionService {
    /// Makes the service.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, secrets: Arc<dyn SecretBox>) -> Self {
        Self { store, clock, ids, secrets }
    }

    /// Begins a visit, in a conversation of the visitor or in a new one made with it. `channel` is the visitor's.
    ///
    /// # Errors
    /// What [`SessionError`] says.
    pub async fn create(
        &self,
        visitor: &Visitor,
        channel: &Channel,
        new: NewSession,
        once: Option<CreationKey>,
    ) -> Result<(Session, Conversation), SessionError> {
        if let Some(once) = once
            && let Some(made) = self.made_before(visitor, once).await?
        {
            return Ok(made);
        }
        if channel.identity == IdentityRule::Required && !visitor.is_verified() {
            return Err(SessionError::IdentityRequired);
        }
        let now = self.clock.now();
        let known = match new.room {
            Some(room) => {
                let found = self.store.read().await?.conversations().find_by_room_key(room).await?;
                let own = found.filter(|conversation| conversation.visitor_id == visitor.id && conversation.deleted_at.is_none());
                Some(own.ok_or(SessionError::ConversationNotFound)?)
            }
            None => None,
        };
        let begins = known.is_none();
        let conversation = known.unwrap_or_else(|| new_conversation(&*self.ids, channel, visitor, ConversationKind::Chat, now));
        let session = Session {
            id: SessionId(self.ids.random()),
            workspace_id: visitor.workspace_id,
            visitor_id: visitor.id,
            conversation_id: conversation.id,
            metadata: new.metadata,
            created_at: now,
            last_active_at: now,
            ended_at: None,
        };
        let work = self.store.begin().await?;
        if let Some(once) = once {
            let plain = serde_json::to_vec(&Remembered { session: session.id }).map_err(|error| SecurityError(error.to_string()))?;
            let creation = Creation {
                key: once,
                sealed: self.secrets.seal(&plain)?,
                created_at: now,
            };
            if !claim(&*work, &creation).await? {
                drop(work);
                return self.made_before(visitor, once).await?.ok_or(SessionError::KeyReused);
            }
        }
        // The credential may be seconds old: what is made for a visitor that became part of another one would be lost.
        let present = work.visitors().find_for_update(visitor.workspace_id, visitor.id).await?;
        present.filter(|visitor| visitor.retired_at.is_none()).ok_or(SessionError::NotFound)?;
        if begins {
            work.conversations().insert(&conversation).await?;
        }
        work.sessions().insert(&session).await?;
        work.commit().await?;
        Ok((session, conversation))
    }

    async fn made_before(&self, visitor: &Visitor, once: CreationKey) -> Result<Option<(Session, Conversation)>, SessionError> {
        let found = self
            .store
            .read()
            .await?
            .creations()
            .find(once.id, self.clock.now().minus(REMEMBERED_FOR))
            .await?;
        let Some(creation) = found else { return Ok(None) };
        if creation.key.content != once.content {
            return Err(SessionError::KeyReused);
        }
        let plain = self.secrets.open(&creation.sealed)?;
        let remembered: Remembered = serde_json::from_slice(&plain).map_err(|error| SecurityError(error.to_string()))?;
        self.of_visitor(visitor, remembered.session).await.map(Some)
    }

    /// A session with its conversation, for the visitor whose it is.
    ///
    /// # Errors
    /// What [`SessionError`] says.
    pub async fn of_visitor(&self, visitor: &Visitor, id: SessionId) -> Result<(Session, Conversation), SessionError> {
        let session = self.store.read().await?.sessions().find_any(id).await?.ok_or(SessionError::NotFound)?;
        if session.visitor_id != visitor.id {
            // Nobody meets a random id by guessing, so telling it apart tells nothing.
            return Err(SessionError::VisitorMismatch);
        }
        self.with_conversation(session).await
    }

    /// A session with its conversation, for agents of its workspace.
    ///
    /// # Errors
    /// What [`SessionError`] says.
    pub async fn of_workspace(&self, workspace: WorkspaceId, id: SessionId) -> Result<(Session, Conversation), SessionError> {
        let session = self.store.read().await?.sessions().find_any(id).await?;
        let session = session.filter(|session| session.workspace_id == workspace).ok_or(SessionError::NotFound)?;
        self.with_conversation(session).await
    }

    async fn with_conversation(&self, session: Session) -> Result<(Session, Conversation), SessionError> {
        let found = self
            .store
            .read()
            .await?
            .conversations()
            .find(session.workspace_id, session.conversation_id)
            .await?;
        let conversation = found.filter(|conversation| conversation.deleted_at.is_none()).ok_or(SessionError::NotFound)?;
        Ok((session, conversation))
    }

    /// A visitor's sessions with their conversations' room keys, newest first.
    ///
    /// # Errors
    /// What [`SessionError`] says.
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        visitor: VisitorId,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Page<(Session, Option<RoomKey>)>, SessionError> {
        let read = self.store.read().await?;
        let page = read.sessions().list(workspace, visitor, after, limit).await?;
        let mut ids: Vec<ConversationId> = page.items.iter().map(|session| session.conversation_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let rooms = read.conversations().room_keys(workspace, &ids).await?;
        Ok(page.map(|session| {
            let room = rooms.iter().find(|(id, _)| *id == session.conversation_id).map(|(_, room)| *room);
            (session, room)
        }))
    }

    /// The visitor uses a session. Noted once a minute, so that it costs nothing.
    ///
    /// # Errors
    /// What [`SessionError`] says.
    pub async fn touch(&self, session: &Session) -> Result<(), SessionError> {
        let now = self.clock.now();
        if now.since(session.last_active_at) < NOTED_EVERY {
            return Ok(());
        }
        let work = self.store.begin().await?;
        work.sessions().touch(session.id, now).await?;
        work.visitors().touch(session.visitor_id, now).await?;
        Ok(work.commit().await?)
    }

    /// Ends a session. Its conversation goes on.
    ///
    /// # Errors
    /// What [`SessionError`] says.
    pub async fn end(&self, mut session: Session) -> Result<Session, SessionError> {
        let now = self.clock.now();
        let work = self.store.begin().await?;
        work.sessions().end(session.id, now).await?;
        work.commit().await?;
        session.end(now);
        Ok(session)
    }
}
