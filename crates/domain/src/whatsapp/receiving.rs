//! What the platform tells is stored before it is answered; everything else follows.

use super::incoming::{CustomerMove, Incoming, IncomingMessage, ReceivedItem, StatusNotice, StatusWord};
use super::repository::{EarlyNotice, Notice};
use super::service::WhatsappService;
use super::{Contact, Customer};
use crate::channel::Channel;
use crate::conversation::{
    Action, Actor, CommandError, Conversation, DeliveryReport, ExternalId, Naming, NewMessage, Outcome, PartReport, Structured, VisitorActor,
};
use crate::id::{ConversationId, MessageId};
use crate::message::{MessageKind, PartState};
use crate::text::{InvalidText, MessageText};
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// How long a status that was told too early waits for its message.
const STATUSES_KEPT: Duration = Duration::from_secs(600);
/// How long a change that was told too early waits: a message may come days late.
const CHANGES_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// So many customers of one delivery are stored at a time.
const AT_A_TIME: usize = 64;
/// The code by which the platform says that the customer's 24 hours are over.
const WINDOW_CLOSED: i64 = 131_047;

impl WhatsappService {
    /// Stores what a delivery tells about one number: each on its own, those of one customer in their order. What cannot be used is
    /// logged and left out.
    ///
    /// # Errors
    /// Something could not be stored; the platform tells all of it again, and what is stored stays stored once.
    pub async fn receive(&self, channel: &Channel, items: Vec<ReceivedItem>) -> Result<(), CommandError> {
        let mut lines: HashMap<String, Vec<ReceivedItem>> = HashMap::new();
        for item in items {
            lines.entry(whose(&item)).or_default().push(item);
        }
        let taken = stream::iter(lines.into_values().map(|line| self.take_line(channel, line)));
        let taken: Vec<Result<(), CommandError>> = taken.buffer_unordered(AT_A_TIME).collect().await;
        taken.into_iter().collect()
    }

    async fn take_line(&self, channel: &Channel, line: Vec<ReceivedItem>) -> Result<(), CommandError> {
        for item in line {
            self.take(channel, item).await?;
        }
        Ok(())
    }

    async fn take(&self, channel: &Channel, item: ReceivedItem) -> Result<(), CommandError> {
        let taken = match item {
            ReceivedItem::Message(message) if message.content.target().is_some() => self.take_change(channel, message.content).await,
            ReceivedItem::Message(message) => self.take_message(channel, message).await,
            ReceivedItem::Moved(moved) => self.take_move(channel, moved).await,
            ReceivedItem::Status(notice) => self.take_status(channel, notice).await,
        };
        match taken {
            Err(error @ (CommandError::Busy | CommandError::Unavailable | CommandError::Failed)) => Err(error),
            Err(error) => {
                tracing::warn!(%error, channel = %channel.id, "something that WhatsApp told could not be used");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn take_message(&self, channel: &Channel, message: IncomingMessage) -> Result<(), CommandError> {
        let phone = message.from.shortened();
        tracing::info!(from = %phone, "Incoming Message");
        let external_id = ExternalId {
            channel_id: channel.id,
            id: message.id,
        };
        let mut known = self.contact_of(channel, &message.from).await?;
        let mut new = self
            .message(&known.contact, message.content, message.reply_to, message.metadata, channel)
            .await?;
        new.sent_at = message.sent_at;
        new.external_id = Some(external_id.clone());
        let sent = match self.send_of(&known.contact, new.clone()).await {
            // An admin has removed the conversation: another one begins.
            Err(CommandError::ConversationNotFound) => {
                known = self.begin_again(channel, known.contact).await?;
                new.reply_to = None;
                self.send_of(&known.contact, new).await?
            }
            sent => sent?,
        };
        let (Outcome::Stored(stored), Some(thread)) = (&sent.outcome, &sent.conversation.whatsapp) else {
            return Ok(());
        };
        let (number, message_number) = (thread.number, thread.message_number(stored.seq));
        if known.begun {
            tracing::info!("Created new conversation ID: {number} for {phone}");
        } else {
            tracing::info!("Updated conversation ID: {number} for {phone}");
        }
        tracing::info!("Saved message to database: conversation_id={number}, message_id={message_number}");
        if thread.customer_phone != known.contact.customer.phone_id {
            // Telling the conversation failed when the contact learned it.
            let phone = known.contact.customer.phone_id.clone();
            self.submit(Actor::System(channel.workspace_id), sent.conversation.id, Action::SetCustomerPhone(phone))
                .await?;
        }
        self.settle_early(&external_id).await
    }

    async fn send_of(&self, contact: &Contact, new: NewMessage) -> Result<crate::conversation::Done, CommandError> {
        let actor = Actor::Visitor(VisitorActor {
            workspace_id: contact.workspace_id,
            id: contact.visitor_id,
            name: Some(contact.customer.label()),
        });
        self.submit(actor, contact.conversation_id, Action::Send(new)).await
    }

    async fn message(
        &self,
        contact: &Contact,
        content: Incoming,
        reply_to: Option<String>,
        mut metadata: Map<String, Value>,
        channel: &Channel,
    ) -> Result<NewMessage, CommandError> {
        let (text, structured, media) = match content {
            Incoming::Text(text) => (text, None, None),
            Incoming::Media(notice, text) => (text, None, Some(notice)),
            Incoming::Structured { kind, text, payload } => (text, Some(Structured { kind, payload }), None),
            Incoming::Reaction { .. } | Incoming::Edit { .. } | Incoming::Revoke { .. } => return Err(CommandError::MessageNotFound),
        };
        let mut answered = None;
        if let Some(id) = reply_to {
            match self.named(channel, &id).await? {
                Some(naming) if naming.conversation_id == contact.conversation_id => answered = Some(naming.message_id),
                // What it answers was never here; agents still see that it is an answer.
                _ => drop(metadata.insert("reply_to_unknown".to_owned(), json!(id))),
            }
        }
        let media_follows = media.is_some();
        if let Some(notice) = media {
            metadata.insert("media".to_owned(), json!(notice));
        }
        let text = MessageText::parse(&text).map_err(|error| unusable(&error))?;
        Ok(NewMessage {
            structured,
            metadata: (!metadata.is_empty()).then_some(Value::Object(metadata)),
            media_follows,
            reply_to: answered,
            ..NewMessage::text(MessageId(self.ids.ordered()), text)
        })
    }

    pub(super) async fn named(&self, channel: &Channel, id: &str) -> Result<Option<Naming>, CommandError> {
        let external_id = ExternalId {
            channel_id: channel.id,
            id: id.to_owned(),
        };
        Ok(self.store.read().await?.deliveries().find(&external_id).await?)
    }

    /// A reaction, an edit, a message taken back: it may come before the message.
    async fn take_change(&self, channel: &Channel, change: Incoming) -> Result<(), CommandError> {
        let Some(target) = change.target().map(str::to_owned) else { return Ok(()) };
        match self.named(channel, &target).await? {
            Some(naming) => self.change(&naming, change).await,
            None => self.keep_early(channel, target, Notice::Change(change)).await,
        }
    }

    async fn change(&self, naming: &Naming, change: Incoming) -> Result<(), CommandError> {
        let Some(conversation) = self.conversation(naming).await? else {
            return Ok(());
        };
        let actor = Actor::Visitor(VisitorActor {
            workspace_id: conversation.workspace_id,
            id: conversation.visitor_id,
            name: conversation.customer_name.clone(),
        });
        let action = match change {
            Incoming::Reaction { emoji, .. } => Action::React(naming.message_id, emoji),
            Incoming::Edit { text, .. } => Action::Edit(naming.message_id, MessageText::parse(&text).map_err(|error| unusable(&error))?),
            Incoming::Revoke { .. } => Action::Delete(naming.message_id),
            Incoming::Text(_) | Incoming::Media(..) | Incoming::Structured { .. } => return Ok(()),
        };
        self.submit(actor, conversation.id, action).await.map(drop)
    }

    async fn conversation(&self, naming: &Naming) -> Result<Option<Conversation>, CommandError> {
        Ok(self
            .store
            .read()
            .await?
            .conversations()
            .find(naming.workspace_id, naming.conversation_id)
            .await?)
    }

    async fn take_status(&self, channel: &Channel, notice: StatusNotice) -> Result<(), CommandError> {
        if let Some(naming) = self.named(channel, &notice.id).await? {
            return self
                .report_status(channel, naming.conversation_id, naming.message_id, naming.part, notice)
                .await;
        }
        // The answer to our request may have been lost: what we gave along tells the message all the same.
        if let Some((conversation, message, part)) = notice.callback_data.as_deref().and_then(read_callback) {
            let read = self.store.read().await?;
            let found = read.conversations().find(channel.workspace_id, conversation).await?;
            if found.is_some_and(|found| found.channel_id == channel.id) && read.messages().find(conversation, message).await?.is_some() {
                return self.report_status(channel, conversation, message, part, notice).await;
            }
        }
        self.keep_early(channel, notice.id.clone(), Notice::Status(notice)).await
    }

    async fn report_status(
        &self,
        channel: &Channel,
        conversation: ConversationId,
        message: MessageId,
        part: usize,
        notice: StatusNotice,
    ) -> Result<(), CommandError> {
        let state = match notice.status {
            StatusWord::Sent => PartState::Sent,
            StatusWord::Delivered => PartState::Delivered,
            StatusWord::Read => PartState::Read,
            StatusWord::Failed => PartState::Failed,
        };
        let closes_window = notice.error.as_ref().is_some_and(|error| error.code == WINDOW_CLOSED);
        let report = DeliveryReport {
            message,
            channel_id: channel.id,
            parts: None,
            report: Some(PartReport {
                part,
                state,
                external_id: Some(notice.id),
                at: notice.at.unwrap_or_else(|| self.clock.now()),
                error: notice.error,
            }),
            closes_window,
        };
        self.submit(Actor::System(channel.workspace_id), conversation, Action::Report(report))
            .await
            .map(drop)
    }

    /// Keeps what is not known yet; whatever became known in this moment is settled at once.
    async fn keep_early(&self, channel: &Channel, id: String, notice: Notice) -> Result<(), CommandError> {
        let external_id = ExternalId { channel_id: channel.id, id };
        let early = EarlyNotice {
            id: self.ids.ordered(),
            external_id: external_id.clone(),
            notice,
            received_at: self.clock.now(),
        };
        let work = self.store.begin().await?;
        work.deliveries().keep_early(&early).await?;
        work.commit().await?;
        if self.named(channel, &external_id.id).await?.is_some() {
            self.settle_early(&external_id).await?;
        }
        Ok(())
    }

    /// Does what was told about a message before it was known.
    pub(super) async fn settle_early(&self, external_id: &ExternalId) -> Result<(), CommandError> {
        let read = self.store.read().await?;
        let early = read.deliveries().list_early(external_id).await?;
        if early.is_empty() {
            return Ok(());
        }
        let naming = read.deliveries().find(external_id).await?;
        let Some(naming) = naming else { return Ok(()) };
        let channel = read.channels().find(naming.workspace_id, external_id.channel_id).await?;
        let Some(channel) = channel else { return Ok(()) };
        drop(read);
        for one in early {
            let done = match one.notice {
                Notice::Status(notice) => {
                    self.report_status(&channel, naming.conversation_id, naming.message_id, naming.part, notice)
                        .await
                }
                Notice::Change(change) => self.change(&naming, change).await,
            };
            match done {
                Ok(()) => {}
                // It stays, and is tried again: doing a thing twice changes nothing.
                Err(error @ (CommandError::Busy | CommandError::Unavailable | CommandError::Failed)) => {
                    tracing::warn!(%error, message = %naming.message_id, "what WhatsApp told early waits");
                    return Ok(());
                }
                Err(error) => tracing::warn!(%error, message = %naming.message_id, "what WhatsApp told early could not be used"),
            }
            let work = self.store.begin().await?;
            work.deliveries().delete_early(one.id).await?;
            work.commit().await?;
        }
        Ok(())
    }

    /// Settles what waits for messages that are known by now, and forgets what waited too long. Answers how many were forgotten.
    ///
    /// # Errors
    /// Storage failed; the rest is tried at the next call.
    pub async fn tend_early(&self) -> Result<u64, CommandError> {
        let known = self.store.read().await?.deliveries().known_early(100).await?;
        for external_id in known {
            self.settle_early(&external_id).await?;
        }
        let now = self.clock.now();
        let work = self.store.begin().await?;
        let forgotten = work.deliveries().forget_early(now.minus(STATUSES_KEPT), now.minus(CHANGES_KEPT)).await?;
        work.commit().await?;
        Ok(forgotten)
    }

    /// A customer has another number or id: the contact and its conversation stay, and a line says so.
    async fn take_move(&self, channel: &Channel, moved: CustomerMove) -> Result<(), CommandError> {
        if self.named(channel, &moved.id).await?.is_some() {
            // Told again: meanwhile the customer may have moved on, or back.
            return Ok(());
        }
        let Some((contact, new_phone)) = self.rekey(channel, &moved).await? else {
            tracing::info!(from = %moved.before.shortened(), "a customer whom nobody knows has another number");
            return Ok(());
        };
        let text = match new_phone {
            Some(phone) => format!("The customer has another phone number: {phone}."),
            None => "The customer has another WhatsApp identity.".to_owned(),
        };
        let line = NewMessage {
            structured: Some(Structured {
                kind: MessageKind::System,
                payload: None,
            }),
            external_id: Some(ExternalId {
                channel_id: channel.id,
                id: moved.id,
            }),
            sent_at: moved.sent_at,
            ..NewMessage::text(MessageId(self.ids.ordered()), MessageText::parse(&text).map_err(|error| unusable(&error))?)
        };
        self.submit(Actor::System(channel.workspace_id), contact.conversation_id, Action::Send(line))
            .await
            .map(drop)
    }
}

/// Those of one customer, and those about one message, keep their order.
fn whose(item: &ReceivedItem) -> String {
    let name = |customer: &Customer| customer.user_id.clone().or_else(|| customer.phone_id.clone()).unwrap_or_default();
    match item {
        ReceivedItem::Message(message) => name(&message.from),
        ReceivedItem::Moved(moved) => name(&moved.before),
        ReceivedItem::Status(notice) => notice.id.clone(),
    }
}

fn unusable(error: &InvalidText) -> CommandError {
    tracing::warn!(%error, "a text that WhatsApp told cannot be stored");
    CommandError::Conflict("its text cannot be stored")
}

/// What goes along with a part of a message and comes back with its statuses.
pub(super) fn callback_of(conversation: ConversationId, message: MessageId, part: usize) -> String {
    format!("{conversation}:{message}:{part}")
}

fn read_callback(data: &str) -> Option<(ConversationId, MessageId, usize)> {
    let mut parts = data.split(':');
    let read = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn what_goes_along_comes_back() {
        let (conversation, message) = (ConversationId(Uuid::from_u128(1)), MessageId(Uuid::from_u128(2)));
        assert_eq!(read_callback(&callback_of(conversation, message, 3)), Some((conversation, message, 3)));
        for wrong in ["", "a:b:c", "campaign-7", "1:2:3:4"] {
            assert_eq!(read_callback(wrong), None, "{wrong}");
        }
    }
}
