//! Small signs for the customer: that we have read, that somebody writes, what we think of a message.

use super::outbox::recipient;
use super::outgoing::{OutgoingContent, OutgoingMessage};
use super::service::{Settled, WhatsappService, message_of};
use super::{Number, SendFailure, Verdict, verdict_of};
use crate::clock::Timestamp;
use crate::conversation::{CommandError, Conversation};
use crate::id::ConversationId;
use crate::job::Job;
use crate::message::Side;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The sign that somebody writes stays for 25 seconds; it is sent at most this often.
const TYPING_EVERY: Duration = Duration::from_secs(20);
/// How often a sign is tried. It is not worth more.
const TRIES: i32 = 3;

/// When which customers were last shown that somebody writes.
#[derive(Default)]
pub(super) struct Signs {
    typing: Mutex<HashMap<ConversationId, Timestamp>>,
}

impl Signs {
    /// Whether it is time to show it again.
    fn is_due(&self, conversation: ConversationId, now: Timestamp) -> bool {
        let mut typing = self.typing.lock().unwrap_or_else(PoisonError::into_inner);
        typing.retain(|_, at| now.since(*at) < TYPING_EVERY);
        let due = !typing.contains_key(&conversation);
        if due {
            typing.insert(conversation, now);
        }
        due
    }
}

impl WhatsappService {
    /// Shows the customer up to where we have read.
    ///
    /// # Errors
    /// What [`CommandError`] says; the job is tried again.
    pub async fn show_read(&self, job: &Job) -> Result<Settled, CommandError> {
        let read = self.store.read().await?;
        let conversation = read.conversations().find(job.workspace_id, job.conversation_id).await?;
        let Some(conversation) = conversation.filter(|conversation| conversation.deleted_at.is_none()) else {
            return self.done(job).await;
        };
        let newest = read.deliveries().newest_inbound(conversation.id, conversation.team_mark.seq).await?;
        drop(read);
        let (Some(newest), Some(number)) = (newest, self.number_in_use(&conversation).await?) else {
            return self.done(job).await;
        };
        if number.access_token.is_none() {
            return self.done(job).await;
        }
        let shown = self.gateway.mark_read(&number, &newest, false).await;
        self.sign_sent(job, shown).await
    }

    /// Tells the customer our sign on a message.
    ///
    /// # Errors
    /// What [`CommandError`] says; the job is tried again.
    pub async fn react(&self, job: &Job) -> Result<Settled, CommandError> {
        let Some(id) = message_of(job) else { return self.done(job).await };
        let Some(work) = self.work(job, id).await? else { return self.done(job).await };
        let contact = self.store.read().await?.contacts().find(work.conversation.visitor_id).await?;
        let to = contact.as_ref().and_then(recipient);
        let open = work.conversation.whatsapp.as_ref().is_some_and(|thread| thread.is_open(self.clock.now()));
        let in_use = work.number.access_token.is_some() && work.channel.deleted_at.is_none();
        let (Some(to), Some(target), true, true) = (to, work.message.external_id(), open, in_use) else {
            return self.done(job).await;
        };
        let ours = work.message.reactions.iter().find(|reaction| reaction.by == Side::Agent);
        let outgoing = OutgoingMessage {
            to,
            content: OutgoingContent::Reaction {
                target: target.to_owned(),
                emoji: ours.map(|reaction| reaction.emoji.clone()),
            },
            reply_to: None,
            callback_data: None,
        };
        let sent = self.gateway.send(&work.number, &outgoing).await.map(drop);
        self.sign_sent(job, sent).await
    }

    async fn number_in_use(&self, conversation: &Conversation) -> Result<Option<Number>, CommandError> {
        let known = self.number_of(conversation).await?;
        Ok(known.filter(|(channel, _)| channel.deleted_at.is_none()).map(|(_, number)| number))
    }

    async fn sign_sent(&self, job: &Job, sent: Result<(), SendFailure>) -> Result<Settled, CommandError> {
        let Err(failure) = sent else { return self.done(job).await };
        let again = match &failure {
            SendFailure::Refused(error) => matches!(verdict_of(error), Verdict::Temporary | Verdict::SlowDown | Verdict::PauseNumber),
            SendFailure::Unreached(_) | SendFailure::Unknown(_) => true,
        };
        let words = failure.words();
        if again && job.attempts + 1 < TRIES {
            return Ok(Settled::Later(self.about(Duration::from_secs(8 << job.attempts.clamp(0, TRIES))), words));
        }
        tracing::info!(conversation = %job.conversation_id, words, "a sign could not be shown to a customer on WhatsApp");
        self.done(job).await
    }

    /// Shows the customer that somebody of ours writes; not more often than it is worth. The platform also shows the customer's
    /// newest message as read then.
    pub async fn show_typing(&self, conversation: &Conversation) {
        let now = self.clock.now();
        let open = conversation.whatsapp.as_ref().is_some_and(|thread| thread.is_open(now));
        if !open || !self.signs.is_due(conversation.id, now) {
            return;
        }
        if let Err(words) = self.try_typing(conversation).await {
            tracing::debug!(conversation = %conversation.id, words, "that somebody writes could not be shown on WhatsApp");
        }
    }

    async fn try_typing(&self, conversation: &Conversation) -> Result<(), String> {
        let words = |error: CommandError| error.to_string();
        let Some(number) = self.number_in_use(conversation).await.map_err(words)? else {
            return Ok(());
        };
        if number.access_token.is_none() {
            return Ok(());
        }
        let read = self.store.read().await.map_err(|error| error.to_string())?;
        let newest = read.deliveries().newest_inbound(conversation.id, i64::MAX).await;
        drop(read);
        match newest.map_err(|error| error.to_string())? {
            Some(newest) => self.gateway.mark_read(&number, &newest, true).await.map_err(|failure| failure.words()),
            None => Ok(()),
        }
    }
}
