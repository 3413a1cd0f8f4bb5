//! A conversation that begins: visitor, conversation and first message become visible together.

use super::ConversationService;
use crate::agent::Agent;
use crate::channel::{Channel, IdentityRule};
use crate::clock::Timestamp;
use crate::conversation::{
    Action, Actor, Command, CommandError, Conversation, ConversationKind, Facts, Fresh, Handler, NewMessage, Outcome, ReadMark, Seller, Status, Subject,
    VisitorActor, apply,
};
use crate::creation::{Creation, CreationKey, REMEMBERED_FOR, claim};
use crate::event::{ConversationChange, ConversationEvent, DomainEvent};
use crate::id::{ConversationId, Ids, MessageId, RoomKey, VisitorKey, WorkspaceId};
use crate::message::Message;
use crate::security::SecurityError;
use crate::store::{RepositoryError, UnitOfWork};
use crate::text::{ClientId, MessageText};
use crate::visitor::{EditVisitor, NewVisitor, Visitor, VisitorError, card};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// Who begins a conversation.
#[derive(Debug, Clone)]
pub enum Starter {
    /// A visitor that has a key. What it typed about itself now is taken over.
    Known(Arc<Visitor>, EditVisitor),
    /// Somebody new, made together with the conversation.
    New(NewVisitor),
}

/// A conversation that begins.
#[derive(Debug, Clone)]
pub struct BeginConversation {
    /// Who begins it.
    pub starter: Starter,
    /// The door.
    pub kind: ConversationKind,
    /// What the client calls it, in families where clients choose ids. [`RepositoryError::Conflict`] if that is taken.
    pub client_ref: Option<String>,
    /// Who sells, in a marketplace: the conversation begins with this agent.
    pub seller: Option<Seller>,
    /// What it is about.
    pub subject: Option<Subject>,
    /// Facts the client attached.
    pub metadata: Option<serde_json::Value>,
    /// The first message.
    pub message: Option<(MessageText, Option<ClientId>)>,
}

/// A conversation that began.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Who began it.
    pub visitor: Visitor,
    /// The new visitor's key; `None` for one who had a key.
    pub key: Option<VisitorKey>,
    /// The conversation.
    pub conversation: Arc<Conversation>,
    /// Whether it had begun before, under the same `Idempotency-Key`.
    pub repeated: bool,
}

/// Why a conversation did not begin.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BeginError {
    /// The channel wants a signed token of the host site first.
    #[error("this channel wants visitors to identify themselves first")]
    IdentityRequired,
    /// The `Idempotency-Key` was used for another content.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// The visitor could not be changed.
    #[error(transparent)]
    Visitor(#[from] VisitorError),
    /// The first message was refused.
    #[error(transparent)]
    Message(#[from] CommandError),
    /// A helper failed; the cause is in the log.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What is remembered of a beginning. It holds a key, so it is stored encrypted.
#[derive(Serialize, Deserialize)]
struct Remembered {
    workspace: WorkspaceId,
    conversation: ConversationId,
    key: Option<Uuid>,
}

/// A conversation in its first state.
#[must_use]
pub(crate) fn new_conversation(ids: &dyn Ids, channel: &Channel, visitor: &Visitor, kind: ConversationKind, now: Timestamp) -> Conversation {
    let (customer_name, customer_email) = card(visitor);
    Conversation {
        id: ConversationId(ids.ordered()),
        workspace_id: visitor.workspace_id,
        channel_id: channel.id,
        visitor_id: visitor.id,
        room_key: RoomKey::new(ids.random()),
        kind,
        client_ref: None,
        seller: None,
        whatsapp: None,
        status: Status::Open,
        snoozed_until: None,
        handler: kind.first_handler(&channel.assistant),
        handler_version: 1,
        answer_id: None,
        answers: 0,
        subject: None,
        flag: None,
        labels: Vec::new(),
        customer_name,
        customer_email,
        metadata: None,
        version: 1,
        last_seq: 0,
        rev: 0,
        staff_rev: 0,
        changed_rev: 0,
        changed_staff_rev: 0,
        inbound_count: 0,
        outbound_count: 0,
        last_message_at: now,
        last_message: None,
        team_mark: ReadMark::default(),
        visitor_mark: ReadMark::default(),
        visitor_delivered: 0,
        team_delivered: 0,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    }
}

impl ConversationService {
    /// Begins a conversation: visitor, conversation and first message become visible together.
    ///
    /// # Errors
    /// What [`BeginError`] says.
    pub async fn begin(&self, channel: &Channel, begin: BeginConversation, once: Option<CreationKey>) -> Result<Begun, BeginError> {
        if let Some(once) = once
            && let Some(begun) = self.begun_before(once).await?
        {
            return Ok(begun);
        }
        let known = match &begin.starter {
            Starter::Known(visitor, _) => Some(visitor),
            Starter::New(_) => None,
        };
        if known.is_some_and(|visitor| visitor.workspace_id != channel.workspace_id) {
            return Err(VisitorError::NotFound.into());
        }
        if channel.identity == IdentityRule::Required && !known.is_some_and(|visitor| visitor.is_verified()) {
            return Err(BeginError::IdentityRequired);
        }
        let now = self.clock.now();
        let (visitor, key) = match begin.starter {
            Starter::Known(visitor, edit) => {
                let changes = edit.name.is_some() || edit.email.is_some();
                let visitor = if changes {
                    self.visitors.edit(visitor.workspace_id, visitor.id, edit).await?
                } else {
                    Visitor::clone(&visitor)
                };
                (visitor, None)
            }
            Starter::New(new) => {
                let (visitor, key) = self.visitors.compose(channel, new, now);
                (visitor, Some(key))
            }
        };
        let mut first = new_conversation(&*self.ids, channel, &visitor, begin.kind, now);
        first.client_ref = begin.client_ref;
        if let Some(seller) = begin.seller {
            first.handler = Handler::Agent(seller.id);
            first.seller = Some(seller);
        }
        first.subject = begin.subject;
        first.metadata = begin.metadata;
        let mut conversation = Arc::new(first);
        let mut message = None;
        let mut jobs = Vec::new();
        if let Some((text, client_id)) = begin.message {
            let actor = Actor::Visitor(VisitorActor {
                workspace_id: visitor.workspace_id,
                id: visitor.id,
                name: conversation.customer_name.clone(),
            });
            let action = Action::Send(NewMessage {
                client_id,
                ..NewMessage::text(MessageId(self.ids.ordered()), text)
            });
            let command = Command {
                conversation_id: conversation.id,
                actor,
                action,
            };
            let change = apply(&conversation, &command, &Facts::default(), now, Fresh::from(&*self.ids))?;
            jobs.extend(change.jobs.into_iter().map(|job| self.writer.claimed(job, now)));
            conversation = change.conversation;
            if let Outcome::Stored(stored) = change.outcome {
                message = Some(stored);
            }
        }
        let work = self.store.begin().await?;
        if key.is_none() {
            // The credential may be seconds old: what is made for a visitor that became part of another one would be lost.
            let present = work.visitors().find_for_update(visitor.workspace_id, visitor.id).await?;
            present.filter(|visitor| visitor.retired_at.is_none()).ok_or(VisitorError::NotFound)?;
        }
        if let Some(seller) = &conversation.seller {
            // It may have been deactivated since it was looked up.
            let known = work.agents().find_for_update(conversation.workspace_id, seller.id).await?;
            known
                .filter(Agent::is_active)
                .ok_or(CommandError::Conflict("this seller takes no conversations any more"))?;
        }
        if let Some(once) = once {
            let remembered = Remembered {
                workspace: visitor.workspace_id,
                conversation: conversation.id,
                key: key.map(|key| key.expose()),
            };
            let plain = serde_json::to_vec(&remembered).map_err(|error| SecurityError(error.to_string()))?;
            let creation = Creation {
                key: once,
                sealed: self.secrets.seal(&plain)?,
                created_at: now,
            };
            if !claim(&*work, &creation).await? {
                drop(work);
                return self.begun_before(once).await?.ok_or(BeginError::KeyReused);
            }
        }
        self.insert(&*work, &visitor, key, &conversation, message.as_deref(), now).await?;
        for job in &jobs {
            work.jobs().insert(job).await?;
        }
        work.commit().await?;
        jobs.into_iter().for_each(|job| self.writer.begin(job));
        if let Some(message) = message {
            self.bus.publish(DomainEvent::Conversation(ConversationEvent {
                rev: Some(conversation.rev),
                staff_rev: conversation.staff_rev,
                at: now,
                change: ConversationChange::NewMessage(message),
                conversation: Arc::clone(&conversation),
            }));
        }
        Ok(Begun {
            visitor,
            key,
            conversation,
            repeated: false,
        })
    }

    async fn insert(
        &self,
        work: &dyn UnitOfWork,
        visitor: &Visitor,
        key: Option<VisitorKey>,
        conversation: &Conversation,
        message: Option<&Message>,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        if let Some(key) = key {
            work.visitors().insert(visitor).await?;
            work.visitors().insert_key(visitor.id, key.hash(), now).await?;
        }
        work.conversations().insert(conversation).await?;
        if let Some(message) = message {
            work.messages().insert(std::slice::from_ref(message)).await?;
        }
        Ok(())
    }

    pub(super) async fn begun_before(&self, once: CreationKey) -> Result<Option<Begun>, BeginError> {
        let read = self.store.read().await?;
        let Some(creation) = read.creations().find(once.id, self.clock.now().minus(REMEMBERED_FOR)).await? else {
            return Ok(None);
        };
        if creation.key.content != once.content {
            return Err(BeginError::KeyReused);
        }
        let plain = self.secrets.open(&creation.sealed)?;
        let remembered: Remembered = serde_json::from_slice(&plain).map_err(|error| SecurityError(error.to_string()))?;
        let found = read.conversations().find(remembered.workspace, remembered.conversation).await?;
        let conversation = found
            .filter(|conversation| conversation.deleted_at.is_none())
            .ok_or(CommandError::ConversationNotFound)?;
        let visitor = read
            .visitors()
            .find(remembered.workspace, conversation.visitor_id)
            .await?
            .ok_or(VisitorError::NotFound)?;
        Ok(Some(Begun {
            visitor,
            key: remembered.key.map(VisitorKey::new),
            conversation: Arc::new(conversation),
            repeated: true,
        }))
    }
}
