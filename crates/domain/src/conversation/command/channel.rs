//! What goes out over a channel, comes in over it, and what its platform tells about it.

use super::{Actor, Deciding, DeliveryReport, MediaArrival, NewMessage, PartReport};
use crate::clock::Timestamp;
use crate::conversation::change::SignalKind;
use crate::conversation::{Change, CommandError, Conversation, Outcome, ReadMark, WHATSAPP_WINDOW};
use crate::event::MessageChange;
use crate::id::JobId;
use crate::job::{Job, JobKind};
use crate::message::{Delivery, Message, MessageKind, MessageStatus, Part, PartState, Side};
use serde_json::json;
use std::sync::Arc;

/// More parts than this no message has: 10,000 characters and five files.
const MOST_PARTS: usize = 64;

impl Deciding<'_> {
    /// Files are sent once, by who uploaded them, where they were uploaded for.
    pub(super) fn must_own_the_files(&self, new: &NewMessage) -> Result<(), CommandError> {
        let author = self.actor.author();
        let fine = new.attachments.iter().all(|attachment| {
            attachment.conversation_id == self.before.id
                && attachment.uploaded_by == author
                && attachment.waits_for_its_message(self.now)
                && !self.facts.used_files.contains(&attachment.file.id)
        });
        if fine { Ok(()) } else { Err(CommandError::AttachmentUnknown) }
    }

    /// How a message begins its way over the channel; `None` where there is no way to go.
    pub(super) fn delivery_of(&self, new: &NewMessage) -> Result<Option<Delivery>, CommandError> {
        if let Some(external) = &new.external_id {
            return Ok(Some(Delivery::received(external.id.clone())));
        }
        let kind = new.kind();
        let of_channel = matches!(kind, MessageKind::Template | MessageKind::Interactive);
        let Some(thread) = self.before.whatsapp.as_ref().filter(|_| !new.private) else {
            if of_channel {
                return Err(CommandError::Conflict(
                    "templates and choices exist in WhatsApp conversations only, and not in notes",
                ));
            }
            return Ok(None);
        };
        if new.proposal.is_some() {
            return Err(CommandError::Conflict(
                "offers and appointments cannot be sent over WhatsApp; write them as text",
            ));
        }
        match self.actor {
            Actor::Agent(_) if kind != MessageKind::Template && !thread.is_open(self.now) => Err(CommandError::WindowClosed),
            Actor::Agent(_) => Ok(self.goes_out()),
            Actor::Visitor(_) | Actor::Assistant(_) | Actor::Reported(_) | Actor::System(_) => Ok(None),
        }
    }

    /// What our side says on a channel waits for its platform.
    pub(super) fn goes_out(&self) -> Option<Delivery> {
        self.before.whatsapp.as_ref().map(|_| Delivery::waiting())
    }

    /// The work that a message on a channel leaves to do: it goes out, or its file is fetched.
    pub(super) fn work_of_channel(&self, message: &Message, media_follows: bool) -> Option<Job> {
        if media_follows {
            return Some(self.job(JobId(message.id.0), JobKind::WhatsappMedia, None));
        }
        (message.status == MessageStatus::Queued).then(|| self.job(JobId(self.fresh.job), JobKind::WhatsappSend, Some(json!({"message": message.id}))))
    }

    /// Our sign on a message of the channel is told to the customer.
    pub(super) fn reaction_told(&self, message: &Message) -> Option<Job> {
        let ours = self.actor.side() == Side::Agent && message.external_id().is_some();
        ours.then(|| self.job(JobId(self.fresh.job), JobKind::WhatsappReaction, Some(json!({"message": message.id}))))
    }

    /// When our side has read more of what a customer wrote on the channel, the customer is shown it.
    pub(super) fn shown_as_read(&self, after: &Conversation) -> Option<Job> {
        let read_more = after.team_mark.count > self.before.team_mark.count && after.whatsapp.is_some();
        // A message that goes out has an id of this kind already; the place of its work for a mark is beside it.
        (read_more && matches!(self.actor, Actor::Agent(_))).then(|| self.job(JobId(self.fresh.id), JobKind::WhatsappRead, None))
    }

    /// A customer's message opens the time in which words may be sent freely. What counts is when it was written, not when it came.
    pub(super) fn opens_window(&self, after: &mut Conversation, new: &NewMessage) {
        let Some(thread) = &mut after.whatsapp else { return };
        if matches!(self.actor, Actor::Visitor(_)) {
            let end = new.sent_at.unwrap_or(self.now).min(self.now).plus(WHATSAPP_WINDOW);
            thread.window_expires_at = thread.window_expires_at.max(Some(end));
        }
    }

    /// Notes what became of a part of a message. A change that anybody can see has a number; that a request is about to be made
    /// has none.
    pub(super) fn report(&self, report: &DeliveryReport) -> Result<Change, CommandError> {
        let message = self.named_message()?;
        let begins = report.report.as_ref().filter(|part| part.state == PartState::Sending);
        if let Some(part) = begins {
            self.may_go_out(message, part.part)?;
        }
        let mut known = Message::clone(message);
        let Some(delivery) = &mut known.delivery else {
            return Ok(self.nothing(Outcome::MessageChanged(Arc::clone(message))));
        };
        let wanted = report.parts.unwrap_or_default().max(report.report.as_ref().map_or(0, |part| part.part + 1));
        if wanted > MOST_PARTS {
            return Err(CommandError::Conflict("a message has not that many parts"));
        }
        while delivery.parts.len() < wanted {
            delivery.parts.push(Part::queued());
        }
        // An id that the platform has given to another message, or another part, is no name for this one.
        let taken = self.facts.stored_first.is_some();
        let mut named = None;
        if let Some(PartReport {
            part,
            state,
            external_id,
            at,
            error,
        }) = &report.report
            && let Some(place) = delivery.parts.get_mut(*part)
        {
            if let (None, Some(id)) = (&place.external_id, external_id.as_ref().filter(|_| !taken)) {
                place.external_id = Some(id.clone());
                named = Some(*part);
            }
            place.move_to(*state, *at, error.clone());
        }
        known.status = delivery.status();
        if known.status == MessageStatus::Failed {
            note_failure(&mut known);
        }
        Ok(self.reported(message, known, named, report))
    }

    /// A request may be made about a part that waits, of a message that nobody took back, in time. Whoever holds the work sees here that
    /// another one has begun it.
    fn may_go_out(&self, message: &Message, part: usize) -> Result<(), CommandError> {
        let state = message.delivery.as_ref().and_then(|delivery| delivery.parts.get(part)).map(|part| part.state);
        if message.deleted_at.is_some() || !matches!(state, None | Some(PartState::Queued)) {
            return Err(CommandError::Conflict("this part is not waiting any more"));
        }
        let open = self.before.whatsapp.as_ref().is_some_and(|thread| thread.is_open(self.now));
        if open || message.kind == MessageKind::Template {
            Ok(())
        } else {
            Err(CommandError::WindowClosed)
        }
    }

    fn reported(&self, before: &Arc<Message>, known: Message, named: Option<usize>, report: &DeliveryReport) -> Change {
        let visible = known.status != before.status || known.metadata != before.metadata;
        let mut after = Conversation::clone(self.before);
        // Told again, or later than the customer's next message, it says nothing about the window of now.
        let fails_now = known.status == MessageStatus::Failed && before.status != MessageStatus::Failed;
        if report.closes_window && fails_now {
            self.close_window(&mut after, report);
        }
        let mut read_to = None;
        if known.status == MessageStatus::Read && !known.private {
            let mark = ReadMark {
                seq: known.seq,
                count: known.outbound_count,
            };
            read_to = after.move_mark(Side::Visitor, mark).then_some(known.seq);
        }
        if matches!(known.status, MessageStatus::Delivered | MessageStatus::Read) {
            after.visitor_delivered = after.visitor_delivered.max(known.seq);
        }
        let mut change = if visible {
            self.message_changed_in(after, known, MessageChange::Status)
        } else if known == **before && after == **self.before {
            return self.nothing(Outcome::MessageChanged(Arc::clone(before)));
        } else {
            let mut change = Change::nothing(Arc::new(after), Outcome::MessageChanged(Arc::new(known)));
            change.writes = true;
            change
        };
        change.signal = read_to.map(|up_to_seq| SignalKind::Read { up_to_seq });
        change.external_id = report.report.as_ref().and_then(|part| part.external_id.clone()).zip(named).map(|(id, part)| {
            (
                super::ExternalId {
                    channel_id: report.channel_id,
                    id,
                },
                part,
            )
        });
        change
    }

    fn close_window(&self, after: &mut Conversation, report: &DeliveryReport) {
        let told_at = report.report.as_ref().map_or(self.now, |part| part.at);
        let is_meant = |end: Timestamp| self.now < end && end.minus(WHATSAPP_WINDOW) <= told_at;
        if let Some(thread) = &mut after.whatsapp
            && thread.window_expires_at.is_some_and(is_meant)
        {
            thread.window_expires_at = Some(self.now);
        }
    }

    /// The file that a message came with, or why it cannot be had. A message that was taken back meanwhile gets none.
    pub(super) fn add_media(&self, arrival: &MediaArrival) -> Result<Change, CommandError> {
        let message = self.named_message()?;
        if message.deleted_at.is_some() {
            return Err(CommandError::Conflict("a deleted message takes no file"));
        }
        // It came with one, and two nodes may have fetched it.
        if !message.attachments.is_empty() {
            return Ok(self.nothing(Outcome::MessageChanged(Arc::clone(message))));
        }
        let mut known = Message::clone(message);
        match &arrival.file {
            Ok(file) => {
                known.attachments.push(file.clone());
                forget(&mut known, MEDIA_ERROR);
            }
            Err(why) => note(&mut known, MEDIA_ERROR, json!(why)),
        }
        if known == **message {
            return Ok(self.nothing(Outcome::MessageChanged(Arc::clone(message))));
        }
        Ok(self.message_changed(known, MessageChange::Attachment))
    }
}

const MEDIA_ERROR: &str = "media_error";

/// Agents see beside the message why it failed.
fn note_failure(message: &mut Message) {
    let error = message.delivery.as_ref().and_then(Delivery::error).cloned();
    if let Some(error) = error {
        note(message, "error", json!({"code": error.code, "message": error.message}));
    }
}

fn note(message: &mut Message, key: &str, value: serde_json::Value) {
    let metadata = message.metadata.get_or_insert_with(|| json!({}));
    if let Some(facts) = metadata.as_object_mut() {
        facts.insert(key.to_owned(), value);
    }
}

fn forget(message: &mut Message, key: &str) {
    if let Some(facts) = message.metadata.as_mut().and_then(serde_json::Value::as_object_mut) {
        facts.remove(key);
    }
}
