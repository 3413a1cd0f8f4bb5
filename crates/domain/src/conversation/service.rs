use super::change::{Facts, Outcome};
use super::command::{Action, Actor, AgentActor, Command, NewMessage, VisitorActor, apply};
use super::error::CommandError;
use super::model::{Conversation, ConversationKind, Handler, ReadMark, Status, Subject};
use super::writer::{ConversationWriter, Done};
use crate::channel::{Channel, IdentityRule};
use crate::clock::{Clock, Timestamp};
use crate::creation::{Creation, CreationKey, REMEMBERED_FOR, claim};
use crate::event::{ConversationChange, ConversationEvent, DomainEvent, EventBus};
use crate::id::{AgentId, AuditId, ConversationId, Ids, MessageId, RoomKey, VisitorKey, WorkspaceId};
use crate::message::Message;
use crate::security::{SecretBox, SecurityError};
use crate::store::{RepositoryError, Store, UnitOfWork};
use crate::text::{ClientId, Label, Line, MessageText};
use crate::visitor::{EditVisitor, NewVisitor, Visitor, VisitorError, VisitorService, card};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// A message that was asked to be sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The message as it is now.
    pub message: Arc<Message>,
    /// The conversation after it.
    pub conversation: Arc<Conversation>,
    /// Whether it was stored before, under the same client id.
    pub repeated: bool,
}

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

/// A conversation in its first state: handled by the queue.
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
        status: Status::Open,
        snoozed_until: None,
        handler: Handler::Queue,
        handler_version: 1,
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

/// What people do with conversations.
pub struct ConversationService {
    store: Arc<dyn Store>,
    writer: Arc<ConversationWriter>,
    visitors: Arc<VisitorService>,
    bus: Arc<dyn EventBus>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    secrets: Arc<dyn SecretBox>,
}

impl ConversationService {
    /// Makes the service.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        writer: Arc<ConversationWriter>,
        visitors: Arc<VisitorService>,
        bus: Arc<dyn EventBus>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        secrets: Arc<dyn SecretBox>,
    ) -> Self {
        Self {
            store,
            writer,
            visitors,
            bus,
            clock,
            ids,
            secrets,
        }
    }

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
        first.subject = begin.subject;
        first.metadata = begin.metadata;
        let mut conversation = Arc::new(first);
        let mut message = None;
        if let Some((text, client_id)) = begin.message {
            let actor = Actor::Visitor(VisitorActor {
                workspace_id: visitor.workspace_id,
                id: visitor.id,
                name: conversation.customer_name.clone(),
            });
            let action = Action::Send(NewMessage {
                id: MessageId(self.ids.ordered()),
                text,
                private: false,
                reply_to: None,
                client_id,
                sent_at: None,
            });
            let command = Command {
                conversation_id: conversation.id,
                actor,
                action,
            };
            let change = apply(&conversation, &command, &Facts::default(), now, AuditId(self.ids.ordered()))?;
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
        work.commit().await?;
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

    async fn begun_before(&self, once: CreationKey) -> Result<Option<Begun>, BeginError> {
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

    /// Says something. `reply_to` must be a message of the conversation that the other readers see, too.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    #[expect(clippy::too_many_arguments, reason = "each is one field of the message")]
    pub async fn send_message(
        &self,
        actor: Actor,
        conversation_id: ConversationId,
        text: MessageText,
        private: bool,
        reply_to: Option<MessageId>,
        client_id: Option<ClientId>,
        sent_at: Option<Timestamp>,
    ) -> Result<Sent, CommandError> {
        let id = MessageId(self.ids.ordered());
        let done = self
            .submit(
                actor,
                conversation_id,
                Action::Send(NewMessage {
                    id,
                    text,
                    private,
                    reply_to,
                    client_id,
                    sent_at,
                }),
            )
            .await?;
        match done.outcome {
            Outcome::Stored(message) => Ok(Sent {
                message,
                conversation: done.conversation,
                repeated: false,
            }),
            Outcome::Repeated(message) => Ok(Sent {
                message,
                conversation: done.conversation,
                repeated: true,
            }),
            Outcome::Changed | Outcome::MessageChanged(_) | Outcome::Unchanged => Err(CommandError::Failed),
        }
    }

    /// Says it in other words.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn edit_message(&self, actor: Actor, conversation: ConversationId, message: MessageId, text: MessageText) -> Result<Sent, CommandError> {
        self.change_message(actor, conversation, Action::Edit(message, text)).await
    }

    /// Takes a message back.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn delete_message(&self, actor: Actor, conversation: ConversationId, message: MessageId) -> Result<Sent, CommandError> {
        self.change_message(actor, conversation, Action::Delete(message)).await
    }

    /// Puts a sign on a message; `None` takes it away.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn react(&self, actor: Actor, conversation: ConversationId, message: MessageId, emoji: Option<String>) -> Result<Sent, CommandError> {
        self.change_message(actor, conversation, Action::React(message, emoji)).await
    }

    async fn change_message(&self, actor: Actor, conversation: ConversationId, action: Action) -> Result<Sent, CommandError> {
        let done = self.submit(actor, conversation, action).await?;
        match done.outcome {
            Outcome::MessageChanged(message) => Ok(Sent {
                message,
                conversation: done.conversation,
                repeated: false,
            }),
            Outcome::Stored(_) | Outcome::Repeated(_) | Outcome::Changed | Outcome::Unchanged => Err(CommandError::Failed),
        }
    }

    /// The caller's side has read up to a place; `None` is the head.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn mark_read(&self, actor: Actor, conversation: ConversationId, up_to: Option<i64>) -> Result<Arc<Conversation>, CommandError> {
        Ok(self.submit(actor, conversation, Action::MarkRead(up_to)).await?.conversation)
    }

    /// The caller's client has received up to a place; `None` is the head.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn mark_delivered(&self, actor: Actor, conversation: ConversationId, up_to: Option<i64>) -> Result<Arc<Conversation>, CommandError> {
        Ok(self.submit(actor, conversation, Action::MarkDelivered(up_to)).await?.conversation)
    }

    /// Gives it to an active agent of the workspace, or back to the queue.
    ///
    /// # Errors
    /// [`AssignError::AgentNotFound`], or what [`CommandError`] says.
    pub async fn assign(&self, agent: AgentActor, conversation: ConversationId, to: Option<AgentId>) -> Result<Arc<Conversation>, AssignError> {
        if let Some(to) = to {
            let known = self.store.read().await?.agents().find(agent.workspace_id, to).await?;
            known
                .filter(|known| known.is_active() && known.role >= crate::agent::Role::Agent)
                .ok_or(AssignError::AgentNotFound)?;
        }
        Ok(self.submit(Actor::Agent(agent), conversation, Action::Assign(to)).await?.conversation)
    }

    /// The agent takes it.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn take_over(&self, agent: AgentActor, conversation: ConversationId) -> Result<Arc<Conversation>, CommandError> {
        Ok(self.submit(Actor::Agent(agent), conversation, Action::TakeOver).await?.conversation)
    }

    /// Lets the assistant answer. `available` says whether the channel has one.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn hand_to_assistant(&self, agent: AgentActor, conversation: ConversationId, available: bool) -> Result<Arc<Conversation>, CommandError> {
        Ok(self
            .submit(Actor::Agent(agent), conversation, Action::HandToAssistant { available })
            .await?
            .conversation)
    }

    /// Sets where the work stands. `until` goes with [`Status::Snoozed`].
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn set_status(
        &self,
        agent: AgentActor,
        conversation: ConversationId,
        status: Status,
        until: Option<Timestamp>,
    ) -> Result<Arc<Conversation>, CommandError> {
        Ok(self
            .submit(Actor::Agent(agent), conversation, Action::SetStatus(status, until))
            .await?
            .conversation)
    }

    /// Puts up the flag (with or without a reason) or takes it down.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn set_flag(&self, agent: AgentActor, conversation: ConversationId, flag: Option<Option<Line>>) -> Result<Arc<Conversation>, CommandError> {
        Ok(self.submit(Actor::Agent(agent), conversation, Action::SetFlag(flag)).await?.conversation)
    }

    /// Replaces the labels.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn set_labels(&self, agent: AgentActor, conversation: ConversationId, labels: Vec<Label>) -> Result<Arc<Conversation>, CommandError> {
        Ok(self.submit(Actor::Agent(agent), conversation, Action::SetLabels(labels)).await?.conversation)
    }

    /// Removes it for both parties; admins still see it until it is erased.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn delete(&self, agent: AgentActor, conversation: ConversationId) -> Result<(), CommandError> {
        self.submit(Actor::Agent(agent), conversation, Action::DeleteConversation).await.map(drop)
    }

    /// Opens the snoozed conversations whose time has come; answers how many.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn wake_snoozed(&self) -> Result<usize, RepositoryError> {
        let due = self.store.read().await?.conversations().snoozed_before(self.clock.now(), 500).await?;
        let mut woken = 0;
        for (workspace, conversation) in due {
            let done = self.submit(Actor::System(workspace), conversation, Action::Wake).await;
            woken += usize::from(done.is_ok_and(|done| done.outcome == Outcome::Changed));
        }
        Ok(woken)
    }

    async fn submit(&self, actor: Actor, conversation_id: ConversationId, action: Action) -> Result<Done, CommandError> {
        self.writer
            .submit(Command {
                conversation_id,
                actor,
                action,
            })
            .await
    }
}

/// Why a conversation was not assigned.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AssignError {
    /// The agent does not exist here, is deactivated, or is a seller.
    #[error("no such agent")]
    AgentNotFound,
    /// The command was refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}
