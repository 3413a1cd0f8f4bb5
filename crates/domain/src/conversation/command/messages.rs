//! Saying something, saying it in other words, taking it back.

use super::{Actor, Deciding, NOT_YOURS, NewMessage};
use crate::agent::Role;
use crate::attachment::AttachedFile;
use crate::clock::Timestamp;
use crate::conversation::{Change, CommandError, Conversation, Handler, Outcome, Status};
use crate::event::MessageChange;
use crate::id::{KeyHash, MessageId};
use crate::message::{Delivery, Message, MessageKind, MessageStatus, Sender, SenderKind, Side};
use crate::text::{ClientId, MessageText};
use serde_json::json;
use std::sync::Arc;

/// A message that has no place yet.
pub(super) struct Draft<'a> {
    pub(super) id: MessageId,
    pub(super) sender: Sender,
    pub(super) kind: MessageKind,
    pub(super) text: &'a str,
    pub(super) payload: Option<serde_json::Value>,
    pub(super) content: KeyHash,
    pub(super) private: bool,
    pub(super) reply_to: Option<MessageId>,
    pub(super) client_id: Option<&'a ClientId>,
    pub(super) sent_at: Option<Timestamp>,
    pub(super) metadata: Option<&'a serde_json::Value>,
    pub(super) attachments: Vec<AttachedFile>,
    pub(super) delivery: Option<Delivery>,
}

impl<'a> Draft<'a> {
    /// Words, and nothing else.
    pub(super) fn text(id: MessageId, sender: Sender, text: &'a str) -> Self {
        Self {
            id,
            sender,
            kind: MessageKind::Text,
            text,
            payload: None,
            content: Message::content_hash(MessageKind::Text, text, None, None, false),
            private: false,
            reply_to: None,
            client_id: None,
            sent_at: None,
            metadata: None,
            attachments: Vec::new(),
            delivery: None,
        }
    }
}

impl Deciding<'_> {
    /// A visitor's message reopens; an agent's first reply takes over. Either way it is one command and one number.
    pub(super) fn send(&self, new: &NewMessage) -> Result<Change, CommandError> {
        if let Some(first) = &self.facts.stored_first {
            // The platform may tell a thing again in other words; it is the same thing.
            return if new.external_id.is_some() || first.content == new.content() {
                Ok(self.nothing(Outcome::Repeated(Arc::clone(first))))
            } else {
                Err(CommandError::ClientIdReused)
            };
        }
        if new.reply_to.is_some() {
            let answered = self.facts.message.as_ref().ok_or(CommandError::ReplyToUnknown)?;
            if answered.private && !new.private {
                return Err(CommandError::ReplyToUnknown);
            }
        }
        if new.private && new.proposal.is_some() {
            return Err(CommandError::Conflict("a note proposes nothing; send the offer or appointment as a message"));
        }
        self.must_own_the_files(new)?;
        let delivery = self.delivery_of(new)?;
        let mut after = Conversation::clone(self.before);
        if !new.private {
            self.takes_part(&mut after);
            self.opens_window(&mut after, new);
            self.owe_answer(&mut after);
        }
        let message = self.place(
            &mut after,
            Draft {
                id: new.id,
                sender: self.actor.sender(),
                kind: new.kind(),
                text: new.text.as_str(),
                payload: match &new.proposal {
                    Some(proposal) => Some(proposal.payload(self.now)),
                    None => new.structured.as_ref().and_then(|structured| structured.payload.clone()),
                },
                content: new.content(),
                private: new.private,
                reply_to: new.reply_to,
                client_id: new.client_id.as_ref(),
                sent_at: new.sent_at,
                metadata: new.metadata.as_ref(),
                attachments: new.attachments.iter().map(|attachment| attachment.file.clone()).collect(),
                delivery,
            },
        );
        let agent_mark = if new.private { None } else { self.read_to_the_head(&mut after) };
        let expiry = self.expiry_of(&message);
        let of_channel = self.work_of_channel(&message, new.media_follows);
        let mut change = self.decided(after, !new.private, Outcome::Stored(Arc::new(message)));
        change.agent_mark = agent_mark;
        change.jobs.extend(expiry);
        change.jobs.extend(of_channel);
        change.external_id = new.external_id.clone().map(|id| (id, 0));
        Ok(change)
    }

    /// What it means that somebody says or decides something for all to see.
    pub(super) fn takes_part(&self, after: &mut Conversation) {
        match self.actor {
            Actor::Visitor(_) => {
                after.set_status(Status::Open, None);
            }
            Actor::Agent(agent) if !agent.machine && after.handler.assignee().is_none() => {
                after.set_handler(Handler::Agent(agent.id));
            }
            Actor::Agent(_) | Actor::Assistant(_) | Actor::Reported(_) | Actor::System(_) => {}
        }
    }

    /// A visitor's message to the assistant: it owes an answer, one for all questions that come until it looks. What came so late
    /// that the platform would not take the answer is a person's.
    pub(super) fn owe_answer(&self, after: &mut Conversation) {
        if after.handler == Handler::Assistant && after.whatsapp.as_ref().is_some_and(|thread| !thread.is_open(self.now)) {
            after.set_handler(Handler::Queue);
            return;
        }
        if matches!(self.actor, Actor::Visitor(_)) && after.handler == Handler::Assistant && after.answer_id.is_none() {
            after.answer_id = Some(MessageId(self.fresh.id));
        }
    }

    /// Gives a message its place and numbers, and counts it.
    pub(super) fn place(&self, after: &mut Conversation, new: Draft<'_>) -> Message {
        if new.private {
            after.staff_rev += 1;
        } else {
            after.rev += 1;
            after.staff_rev += 1;
            after.last_seq += 1;
            match new.sender.kind.side() {
                Side::Visitor => after.inbound_count += 1,
                Side::Agent => after.outbound_count += 1,
            }
            after.last_message_at = self.now;
            after.last_message = Some(Conversation::preview_of(new.text));
        }
        Message {
            id: new.id,
            workspace_id: after.workspace_id,
            conversation_id: after.id,
            seq: after.last_seq,
            rev: (!new.private).then_some(after.rev),
            staff_rev: after.staff_rev,
            made_rev: (!new.private).then_some(after.rev),
            made_staff_rev: after.staff_rev,
            sender: new.sender,
            kind: new.kind,
            text: new.text.to_owned(),
            payload: new.payload,
            reply_to: new.reply_to,
            reactions: Vec::new(),
            metadata: new.metadata.cloned(),
            client_id: new.client_id.map(|id| id.as_str().to_owned()),
            content: new.content,
            status: new.delivery.as_ref().map_or(MessageStatus::Sent, Delivery::status),
            attachments: new.attachments,
            delivery: new.delivery,
            private: new.private,
            inbound_count: after.inbound_count,
            outbound_count: after.outbound_count,
            sent_at: new.sent_at,
            created_at: self.now,
            edited_at: None,
            deleted_at: None,
        }
    }

    pub(super) fn edit(&self, text: &MessageText) -> Result<Change, CommandError> {
        let message = self.named_message()?;
        let admin = matches!(self.actor, Actor::Agent(agent) if agent.role >= Role::Admin);
        if !(self.actor.wrote(message) || admin) {
            return Err(CommandError::Forbidden(NOT_YOURS));
        }
        if message.deleted_at.is_some() {
            return Err(CommandError::Conflict("a deleted message cannot be edited"));
        }
        if message.status != MessageStatus::Failed && message.delivery.is_some() && message.sender.kind != SenderKind::Visitor {
            return Err(CommandError::Conflict("what goes out over WhatsApp cannot be edited; write another message"));
        }
        if message.text == text.as_str() {
            return Ok(self.nothing(Outcome::MessageChanged(Arc::clone(message))));
        }
        let mut edited = Message::clone(message);
        edited.text = text.as_str().to_owned();
        edited.edited_at = Some(self.now);
        Ok(self.message_changed(edited, MessageChange::Edited))
    }

    pub(super) fn delete_message(&self) -> Result<Change, CommandError> {
        let message = self.named_message()?;
        let admin = matches!(self.actor, Actor::Agent(agent) if agent.role >= Role::Admin);
        if !(self.actor.wrote(message) || admin) {
            return Err(CommandError::Forbidden(NOT_YOURS));
        }
        if message.deleted_at.is_some() {
            return Ok(self.nothing(Outcome::MessageChanged(Arc::clone(message))));
        }
        let mut deleted = Message::clone(message);
        deleted.delete(self.now);
        let mut change = self.message_changed(deleted, MessageChange::Deleted);
        change.finished_jobs.extend(Self::expiry_ended(message));
        change.audit = Some(self.audit("message.delete", json!({"message": message.id})));
        Ok(change)
    }

    pub(super) fn react(&self, emoji: Option<&str>) -> Result<Change, CommandError> {
        let message = self.named_message()?;
        if message.deleted_at.is_some() {
            return Err(CommandError::Conflict("a deleted message takes no reaction"));
        }
        let mut changed = Message::clone(message);
        if !changed.react(self.actor.side(), emoji) {
            return Ok(self.nothing(Outcome::MessageChanged(Arc::new(changed))));
        }
        let told = self.reaction_told(&changed);
        let mut change = self.message_changed(changed, MessageChange::Reaction);
        change.jobs.extend(told);
        Ok(change)
    }

    /// A known message in a new form: one number, the public one only if customers see the message.
    pub(super) fn message_changed(&self, message: Message, kind: MessageChange) -> Change {
        self.message_changed_in(Conversation::clone(self.before), message, kind)
    }

    /// The same, when something of the conversation changes with it.
    pub(super) fn message_changed_in(&self, mut after: Conversation, mut message: Message, kind: MessageChange) -> Change {
        after.staff_rev += 1;
        message.staff_rev = after.staff_rev;
        if !message.private {
            after.rev += 1;
            message.rev = Some(after.rev);
            if message.seq == after.last_seq {
                after.last_message = message.deleted_at.is_none().then(|| Conversation::preview_of(&message.text));
            }
        }
        let public = !message.private;
        let mut change = self.decided(after, public, Outcome::MessageChanged(Arc::new(message)));
        change.message_change = Some(kind);
        change
    }
}
