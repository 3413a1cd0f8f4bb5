//! What people do with conversations: most of it is one command for the writer.

mod begin;
mod marketplace;
mod saving;
mod stored;

pub(crate) use begin::new_conversation;
pub use begin::{BeginConversation, BeginError, Begun, Starter};
pub use marketplace::{ConversationRef, MarketplaceConversation, MessageRef, Party};
pub use saving::{Save, SaveError, Saved, SavedMessage};
pub use stored::{ChatRef, ChatsOfVisitor, StoredChat, Told, ToldAll};

use super::change::Outcome;
use super::command::{Action, Actor, AgentActor, Command, NewMessage, NewMove, Structured};
use super::error::CommandError;
use super::model::{Conversation, Status};
use super::store::MessageKey;
use super::writer::{ConversationWriter, Done};
use crate::agent::{Agent, Role};
use crate::attachment::{Attachment, MAX_FILES};
use crate::clock::{Clock, Timestamp};
use crate::event::EventBus;
use crate::id::{AgentId, AttachmentId, ConversationId, Ids, MessageId, WorkspaceId};
use crate::job::Job;
use crate::message::{Message, MessageKind, Move, Proposal};
use crate::security::SecretBox;
use crate::store::{RepositoryError, Store};
use crate::text::{ClientId, Label, Line, MessageText};
use crate::visitor::VisitorService;
use std::sync::Arc;

/// A message that shall be sent.
#[derive(Debug, Clone)]
pub struct SendMessage {
    /// What it says.
    pub text: MessageText,
    /// The offer or appointment that it is.
    pub proposal: Option<Proposal>,
    /// The content of another kind.
    pub structured: Option<Structured>,
    /// Its files.
    pub attachments: Vec<AttachmentId>,
    /// Whether only agents shall see it.
    pub private: bool,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The client's own id.
    pub client_id: Option<ClientId>,
    /// What the sender's clock said.
    pub sent_at: Option<Timestamp>,
}

impl SendMessage {
    /// Words, and nothing else.
    #[must_use]
    pub const fn text(text: MessageText) -> Self {
        Self {
            text,
            proposal: None,
            structured: None,
            attachments: Vec::new(),
            private: false,
            reply_to: None,
            client_id: None,
            sent_at: None,
        }
    }
}

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

    /// Says or proposes something. `reply_to` must be a message of the conversation that the other readers see, too.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn send_message(&self, actor: Actor, conversation_id: ConversationId, message: SendMessage) -> Result<Sent, CommandError> {
        let attachments = self.files(actor.workspace(), conversation_id, &message.attachments).await?;
        let message = NewMessage {
            proposal: message.proposal,
            structured: message.structured,
            attachments,
            private: message.private,
            reply_to: message.reply_to,
            client_id: message.client_id,
            sent_at: message.sent_at,
            ..NewMessage::text(MessageId(self.ids.ordered()), message.text)
        };
        if let Some(sent) = self.sent_with_files(&actor, conversation_id, &message).await? {
            return Ok(sent);
        }
        let done = self.submit(actor, conversation_id, Action::Send(message)).await?;
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

    /// The files that a message names, in its order.
    async fn files(&self, workspace: WorkspaceId, conversation: ConversationId, ids: &[AttachmentId]) -> Result<Vec<Attachment>, CommandError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        if ids.len() > MAX_FILES {
            return Err(CommandError::AttachmentUnknown);
        }
        let found = self.store.read().await?.attachments().find_many(workspace, conversation, ids).await?;
        let mut files: Vec<Attachment> = Vec::with_capacity(ids.len());
        for id in ids {
            let file = found.iter().find(|file| file.file.id == *id).ok_or(CommandError::AttachmentUnknown)?;
            if files.iter().any(|other| other.file.id == *id) {
                return Err(CommandError::AttachmentUnknown);
            }
            files.push(file.clone());
        }
        Ok(files)
    }

    /// A file is sent once. Who sends a message with one again gets the first message, before its files are looked at as used ones.
    async fn sent_with_files(&self, actor: &Actor, conversation: ConversationId, message: &NewMessage) -> Result<Option<Sent>, CommandError> {
        let used = message.attachments.iter().any(|file| file.message_id.is_some());
        let (true, Some(client_id)) = (used, &message.client_id) else {
            return Ok(None);
        };
        let key = MessageKey::ClientId(conversation, actor.author(), client_id.as_str().to_owned());
        let Some(first) = self.writer.stored(key).await? else { return Ok(None) };
        if first.content != message.content() {
            return Err(CommandError::ClientIdReused);
        }
        let known = self.store.read().await?.conversations().find(actor.workspace(), conversation).await?;
        let known = known.filter(|known| known.deleted_at.is_none()).ok_or(CommandError::ConversationNotFound)?;
        Ok(Some(Sent {
            message: Arc::new(first),
            conversation: Arc::new(known),
            repeated: true,
        }))
    }

    /// Decides about an offer or appointment, or takes an own one back. Of two who decide at the same moment one gets
    /// [`CommandError::Conflict`].
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn move_proposal(&self, actor: Actor, conversation: ConversationId, message: MessageId, action: Move) -> Result<Sent, CommandError> {
        self.change_message(actor, conversation, self.new_move(message, action)).await
    }

    fn new_move(&self, message: MessageId, action: Move) -> Action {
        Action::Move(NewMove {
            message,
            action,
            line_id: MessageId(self.ids.ordered()),
            answer_id: MessageId(self.ids.ordered()),
        })
    }

    /// Lets an offer run out, if it is still open. Its job ends with it.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn expire_offer(&self, job: &Job) -> Result<(), CommandError> {
        let action = self.new_move(MessageId(job.id.0), Move::Expire);
        let done = self.submit(Actor::System(job.workspace_id), job.conversation_id, action).await;
        match done.map(|done| done.outcome) {
            Ok(Outcome::MessageChanged(_)) => Ok(()),
            // Another clock is ahead of this one: a little later.
            Ok(_) if self.is_open_offer(job).await? => Err(CommandError::Unavailable),
            // It was decided or deleted meanwhile.
            Ok(_) | Err(CommandError::ConversationNotFound | CommandError::MessageNotFound | CommandError::Conflict(_)) => {
                let work = self.store.begin().await?;
                work.jobs().delete(job.id).await?;
                Ok(work.commit().await?)
            }
            Err(error) => Err(error),
        }
    }

    /// What was sent before under a client id, if it was.
    ///
    /// # Errors
    /// [`CommandError::ClientIdReused`] if it said something else, or what storage says.
    pub async fn sent_before(
        &self,
        actor: &Actor,
        conversation: &Conversation,
        text: &MessageText,
        client_id: &ClientId,
    ) -> Result<Option<Sent>, CommandError> {
        let key = MessageKey::ClientId(conversation.id, actor.author(), client_id.as_str().to_owned());
        let Some(message) = self.writer.stored(key).await? else { return Ok(None) };
        let content = Message::content_hash(MessageKind::Text, text.as_str(), None, None, false);
        if message.content != content {
            return Err(CommandError::ClientIdReused);
        }
        Ok(Some(Sent {
            message: Arc::new(message),
            conversation: Arc::new(conversation.clone()),
            repeated: true,
        }))
    }

    /// What a caller sent before under a client id, whatever it says: to see it before work is done for a repeat.
    ///
    /// # Errors
    /// What storage says.
    pub async fn sent_under(&self, actor: &Actor, conversation: ConversationId, client_id: &ClientId) -> Result<Option<Message>, CommandError> {
        let key = MessageKey::ClientId(conversation, actor.author(), client_id.as_str().to_owned());
        Ok(self.writer.stored(key).await?)
    }

    async fn is_open_offer(&self, job: &Job) -> Result<bool, CommandError> {
        let offer = self.writer.stored(MessageKey::Id(job.conversation_id, MessageId(job.id.0))).await?;
        Ok(offer.is_some_and(|offer| offer.offer_ends_at().is_some()))
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
            let read = self.store.read().await?;
            let known = read.agents().find(agent.workspace_id, to).await?;
            let known = known.filter(Agent::is_active).ok_or(AssignError::AgentNotFound)?;
            if known.role == Role::Seller {
                // A seller gets back what it sells, and nothing else.
                let sold = read.conversations().find(agent.workspace_id, conversation).await?;
                sold.filter(|sold| sold.is_sold_by(to)).ok_or(AssignError::AgentNotFound)?;
            }
        }
        let workspace = agent.workspace_id;
        let assigned = self.submit(Actor::Agent(agent), conversation, Action::Assign(to)).await?.conversation;
        if let Some(to) = to {
            // Whoever was deactivated between the look and the commit must not keep it.
            let known = self.store.read().await?.agents().find(workspace, to).await?;
            if !known.is_some_and(|known| known.is_active()) {
                self.submit(Actor::System(workspace), conversation, Action::Release(to)).await?;
                return Err(AssignError::AgentNotFound);
            }
        }
        Ok(assigned)
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
    pub async fn set_flag(&self, actor: Actor, conversation: ConversationId, flag: Option<Option<Line>>) -> Result<Arc<Conversation>, CommandError> {
        Ok(self.submit(actor, conversation, Action::SetFlag(flag)).await?.conversation)
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
    pub async fn delete(&self, actor: Actor, conversation: ConversationId) -> Result<(), CommandError> {
        self.submit(actor, conversation, Action::DeleteConversation).await.map(drop)
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
    /// The agent does not exist here, is deactivated, or sells other things.
    #[error("no such agent")]
    AgentNotFound,
    /// The command was refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}
