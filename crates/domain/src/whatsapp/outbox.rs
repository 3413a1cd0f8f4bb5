//! The way out: one message of a customer at a time, in order, each part at most once.
//!
//! A part is noted as being sent before its request is made. Where no answer comes, nobody knows what became of it, and it is not
//! sent again by itself: the platform has no key by which it would know a repeat.

use super::errors::{Verdict, label_of, verdict_of};
use super::gateway::{FileToSend, GraphError, SendFailure};
use super::outgoing::{OutgoingContent, OutgoingMessage, Recipient};
use super::parts::{PartContent, parts_of};
use super::receiving::callback_of;
use super::service::{Settled, Trade, WhatsappService, Work, cleaned, message_of};
use super::{Contact, Number};
use crate::attachment::AttachedFile;
use crate::clock::Timestamp;
use crate::conversation::{Action, Actor, CommandError, Conversation, DeliveryReport, ExternalId, Outcome, PartReport};
use crate::job::Job;
use crate::message::{DeliveryError, Message, MessageKind, MessageStatus, PartState};
use std::sync::Arc;
use std::time::Duration;

/// How often something temporary is tried again.
const TEMPORARY_TRIES: i32 = 5;
/// The first wait when one customer is written to too fast; it doubles.
const SLOW_DOWN: Duration = Duration::from_secs(6);
/// So often, which is a little more than three minutes in all: once more would pass five.
const SLOW_DOWN_TRIES: i32 = 5;
/// About how long a number waits whose token is refused, until it is tried again.
const CREDENTIALS_WAIT: Duration = Duration::from_secs(60);
/// After how long work is looked at again that changed under our hands: longer than a claim holds.
const LOOK_AGAIN: Duration = Duration::from_secs(16);
/// How long a template waits for its number.
const TEMPLATE_WAITS: Duration = Duration::from_secs(24 * 60 * 60);

/// What one part's request means for the rest.
enum Step {
    /// The next one.
    Next(Arc<Message>),
    /// Nothing more of this message goes out.
    Stop,
    /// All that is left waits.
    Wait(Settled),
}

impl WhatsappService {
    /// Sends what is left of a message.
    ///
    /// # Errors
    /// What [`CommandError`] says; the job is tried again.
    pub async fn send(&self, job: &Job) -> Result<Settled, CommandError> {
        let Some(id) = message_of(job) else { return self.done(job).await };
        let Some(work) = self.work(job, id).await? else { return self.done(job).await };
        // Taken back before it went out, or over in another way.
        let gone = work.message.deleted_at.is_some() || work.conversation.deleted_at.is_some();
        if gone || work.message.delivery.is_none() || work.message.status == MessageStatus::Failed {
            return self.done(job).await;
        }
        if work.channel.deleted_at.is_some() {
            self.fail_all(&work.conversation, &work.message, "the number of this conversation is not in use any more")
                .await?;
            return self.done(job).await;
        }
        let now = self.clock.now();
        if work.number.access_token.is_none() {
            self.settle_all(&work.conversation, &work.message, |place| part_report(place, PartState::Logged, now))
                .await?;
            return self.done(job).await;
        }
        if let Some(left) = self.rests.left(work.number.channel_id, Trade::Sending, now) {
            // Not all in the same moment.
            return Ok(Settled::Rest(left + self.about(Duration::from_secs(2))));
        }
        match self.send_parts(job, &work).await? {
            Some(later) => Ok(later),
            None => self.done(job).await,
        }
    }

    async fn send_parts(&self, job: &Job, work: &Work) -> Result<Option<Settled>, CommandError> {
        let parts = parts_of(&work.message);
        let mut message = Arc::new(work.message.clone());
        for (place, content) in parts.iter().enumerate() {
            let state = message.delivery.as_ref().and_then(|delivery| delivery.parts.get(place)).map(|part| part.state);
            match state.unwrap_or(PartState::Queued) {
                PartState::Queued => {}
                PartState::Sending => {
                    // Whoever was sending it is gone, and with it the answer.
                    message = self.report(work, place, PartState::Unknown, None, None).await?;
                    continue;
                }
                _ => continue,
            }
            if let Some(refusal) = self.too_late(work) {
                self.fail(work, place, refusal, false).await?;
                return Ok(None);
            }
            match self.send_part(job, work, place, parts.len(), content).await? {
                Step::Next(newer) => message = newer,
                Step::Stop => return Ok(None),
                Step::Wait(settled) => return Ok(Some(settled)),
            }
        }
        Ok(None)
    }

    /// The customer's time may run out while a message waits.
    fn too_late(&self, work: &Work) -> Option<GraphError> {
        let now = self.clock.now();
        let late = if work.message.kind == MessageKind::Template {
            now.since(work.message.created_at) > TEMPLATE_WAITS
        } else {
            !work.conversation.whatsapp.as_ref().is_some_and(|thread| thread.is_open(now))
        };
        late.then(|| GraphError {
            code: 131_047,
            message: "the customer's 24 hours were over before this could be sent".to_owned(),
            foreign: false,
        })
    }

    async fn send_part(&self, job: &Job, work: &Work, place: usize, of: usize, content: &PartContent) -> Result<Step, CommandError> {
        let Some(contact) = self.store.read().await?.contacts().find(work.conversation.visitor_id).await? else {
            return self.unreachable(work, place).await;
        };
        let Some(to) = recipient(&contact) else {
            return self.unreachable(work, place).await;
        };
        // Taking a file up may be repeated; only the message itself may not.
        let content = match self.content(&work.number, content).await {
            Ok(content) => content,
            Err(failure) => return self.failed(job, work, place, failure, &to).await,
        };
        let reply_to = match work.message.reply_to.filter(|_| place == 0) {
            Some(answered) => self.external_id_of(work, answered).await?,
            None => None,
        };
        let outgoing = OutgoingMessage {
            to: to.clone(),
            content,
            reply_to,
            callback_data: Some(callback_of(work.conversation.id, work.message.id, place)),
        };
        match self.begin_part(work, place, of).await {
            Ok(()) => {}
            // Taken back, run out of time, or begun by another node in this moment: the next look tells.
            Err(CommandError::Conflict(_) | CommandError::WindowClosed) => return Ok(Step::Wait(Settled::Rest(LOOK_AGAIN))),
            Err(error) => return Err(error),
        }
        match self.gateway.send(&work.number, &outgoing).await {
            Ok(accepted) => {
                metrics::counter!("parlor_whatsapp_sends_total", "result" => "sent").increment(1);
                let newer = self.report(work, place, PartState::Sent, Some(accepted.external_id.clone()), None).await?;
                self.rests.end(work.number.channel_id, Trade::Sending);
                self.healthy(&work.channel).await?;
                let external_id = ExternalId {
                    channel_id: work.number.channel_id,
                    id: accepted.external_id,
                };
                self.settle_early(&external_id).await?;
                Ok(Step::Next(newer))
            }
            Err(failure) => self.failed(job, work, place, failure, &to).await,
        }
    }

    /// Notes that the request is about to be made.
    async fn begin_part(&self, work: &Work, place: usize, of: usize) -> Result<(), CommandError> {
        let report = DeliveryReport {
            message: work.message.id,
            channel_id: work.number.channel_id,
            parts: Some(of),
            report: Some(part_report(place, PartState::Sending, self.clock.now())),
            closes_window: false,
        };
        let system = Actor::System(work.message.workspace_id);
        self.submit(system, work.conversation.id, Action::Report(report)).await.map(drop)
    }

    async fn failed(&self, job: &Job, work: &Work, place: usize, failure: SendFailure, to: &Recipient) -> Result<Step, CommandError> {
        let words = failure.words();
        let error = match failure {
            SendFailure::Unknown(words) => {
                metrics::counter!("parlor_whatsapp_sends_total", "result" => "unknown").increment(1);
                tracing::warn!(message = %work.message.id, part = place, words, "no answer from WhatsApp; whether it took the message is not known");
                let newer = self.report(work, place, PartState::Unknown, None, None).await?;
                return Ok(Step::Next(newer));
            }
            SendFailure::Unreached(words) => {
                metrics::counter!("parlor_whatsapp_sends_total", "result" => "unreached").increment(1);
                tracing::warn!(words, "WhatsApp cannot be reached; messages wait");
                self.report(work, place, PartState::Queued, None, None).await?;
                let rest = self.rests.begin(work.number.channel_id, Trade::Sending, self.clock.now());
                return Ok(Step::Wait(Settled::Rest(self.about(rest * 2))));
            }
            SendFailure::Refused(error) => error,
        };
        metrics::counter!("parlor_whatsapp_sends_total", "result" => label_of(&error)).increment(1);
        let wait = match verdict_of(&error) {
            Verdict::Fail => None,
            Verdict::WindowClosed => {
                self.fail(work, place, error, true).await?;
                return Ok(Step::Stop);
            }
            Verdict::OurMistake => {
                tracing::error!(message = %work.message.id, code = error.code, words, "WhatsApp found a request of ours wrong; please report this");
                None
            }
            Verdict::SlowDown if job.attempts < SLOW_DOWN_TRIES => {
                let wait = SLOW_DOWN * (1 << job.attempts.clamp(0, SLOW_DOWN_TRIES));
                Some(Settled::Later(wait, words))
            }
            Verdict::Temporary if job.attempts < TEMPORARY_TRIES => {
                let wait = Duration::from_secs(2 << job.attempts.clamp(0, TEMPORARY_TRIES));
                Some(Settled::Later(self.about(wait), words))
            }
            Verdict::SlowDown | Verdict::Temporary => None,
            Verdict::PauseNumber => {
                let rest = self.rests.begin(work.number.channel_id, Trade::Sending, self.clock.now());
                Some(Settled::Rest(self.about(rest * 2)))
            }
            Verdict::Restricted => {
                self.unhealthy(&work.channel, error.code, &error.message).await?;
                None
            }
            Verdict::Credentials => {
                self.unhealthy(&work.channel, error.code, &error.message).await?;
                self.rests.begin(work.number.channel_id, Trade::Sending, self.clock.now());
                Some(Settled::Rest(self.about(CREDENTIALS_WAIT)))
            }
            Verdict::NeedsPhone => {
                // It may have become known meanwhile.
                let known = self.store.read().await?.contacts().find(work.conversation.visitor_id).await?;
                let phone_is_new = matches!(to, Recipient::User(_)) && known.is_some_and(|known| known.customer.phone_id.is_some());
                phone_is_new.then_some(Settled::Rest(Duration::ZERO))
            }
        };
        match wait {
            Some(settled) => {
                self.report(work, place, PartState::Queued, None, None).await?;
                Ok(Step::Wait(settled))
            }
            None => {
                self.fail(work, place, error, false).await?;
                Ok(Step::Stop)
            }
        }
    }

    /// Nothing more of a message goes out: every part that waits gets this report. What may be on its way stays unknown.
    async fn settle_all(&self, conversation: &Conversation, message: &Message, report: impl Fn(usize) -> PartReport) -> Result<(), CommandError> {
        let parts = message.delivery.as_ref().map(|delivery| delivery.parts.clone()).unwrap_or_default();
        for (place, part) in parts.iter().enumerate() {
            let report = match part.state {
                PartState::Queued => report(place),
                PartState::Sending => part_report(place, PartState::Unknown, self.clock.now()),
                _ => continue,
            };
            let report = DeliveryReport {
                message: message.id,
                channel_id: conversation.channel_id,
                parts: None,
                report: Some(report),
                closes_window: false,
            };
            let system = Actor::System(conversation.workspace_id);
            self.submit(system, conversation.id, Action::Report(report)).await?;
        }
        Ok(())
    }

    async fn fail_all(&self, conversation: &Conversation, message: &Message, why: &str) -> Result<(), CommandError> {
        let now = self.clock.now();
        self.settle_all(conversation, message, |place| PartReport {
            error: Some(DeliveryError {
                code: 0,
                message: why.to_owned(),
            }),
            ..part_report(place, PartState::Failed, now)
        })
        .await
    }

    /// Gives a message up that could not even be tried, time and again.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn give_up(&self, job: &Job) -> Result<(), CommandError> {
        let read = self.store.read().await?;
        let conversation = read.conversations().find(job.workspace_id, job.conversation_id).await?;
        if let (Some(conversation), Some(id)) = (conversation, message_of(job))
            && let Some(message) = read.messages().find(conversation.id, id).await?
        {
            drop(read);
            self.fail_all(&conversation, &message, "this could not be sent; the server's log says why")
                .await?;
        }
        self.done(job).await.map(drop)
    }

    async fn unreachable(&self, work: &Work, place: usize) -> Result<Step, CommandError> {
        let error = GraphError {
            code: 0,
            message: "this customer writes in another conversation now; answer there".to_owned(),
            foreign: false,
        };
        self.fail(work, place, error, false).await?;
        Ok(Step::Stop)
    }

    async fn fail(&self, work: &Work, place: usize, error: GraphError, closes_window: bool) -> Result<(), CommandError> {
        let mut report = part_report(place, PartState::Failed, self.clock.now());
        report.error = Some(DeliveryError {
            code: error.code,
            message: cleaned(&error.message),
        });
        let report = DeliveryReport {
            message: work.message.id,
            channel_id: work.number.channel_id,
            parts: None,
            report: Some(report),
            closes_window,
        };
        let system = Actor::System(work.message.workspace_id);
        self.submit(system, work.conversation.id, Action::Report(report)).await.map(drop)
    }

    pub(super) async fn report(
        &self,
        work: &Work,
        place: usize,
        state: PartState,
        external_id: Option<String>,
        error: Option<DeliveryError>,
    ) -> Result<Arc<Message>, CommandError> {
        let report = DeliveryReport {
            message: work.message.id,
            channel_id: work.number.channel_id,
            parts: None,
            report: Some(PartReport {
                external_id,
                error,
                ..part_report(place, state, self.clock.now())
            }),
            closes_window: false,
        };
        let done = self
            .submit(Actor::System(work.message.workspace_id), work.conversation.id, Action::Report(report))
            .await?;
        match done.outcome {
            Outcome::MessageChanged(message) => Ok(message),
            _ => Err(CommandError::Failed),
        }
    }

    /// What the request carries; a file is taken up first.
    async fn content(&self, number: &Number, part: &PartContent) -> Result<OutgoingContent, SendFailure> {
        Ok(match part {
            PartContent::Text(text) => OutgoingContent::Text(text.clone()),
            PartContent::Template(call) => OutgoingContent::Template(call.clone()),
            PartContent::Interactive(choices, text) => OutgoingContent::Interactive(choices.clone(), text.clone()),
            PartContent::File { file, kind, caption } => OutgoingContent::Media {
                kind: *kind,
                media_id: self.take_up(number, file, *kind).await?,
                caption: caption.clone(),
                file_name: (*kind == super::MediaKind::Document).then(|| file.name.as_str().to_owned()),
            },
        })
    }

    async fn take_up(&self, number: &Number, file: &AttachedFile, kind: super::MediaKind) -> Result<String, SendFailure> {
        let unreadable = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, file = %file.id, "a file that shall be sent cannot be read");
            SendFailure::Refused(GraphError {
                code: 131_053,
                message: "the file cannot be read any more".to_owned(),
                foreign: false,
            })
        };
        let (attachment, stored) = self.attachments.open(file.id).await.map_err(|error| unreadable(&error))?;
        let to_send = FileToSend {
            name: attachment.file.name.clone(),
            mime: attachment.file.mime.clone(),
            kind,
            size: stored.size,
            chunks: stored.chunks,
        };
        match self.gateway.upload(number, to_send).await {
            // That a file was taken up twice hurts nobody.
            Err(SendFailure::Unknown(words)) => Err(SendFailure::Unreached(words)),
            taken => taken,
        }
    }

    /// What the platform calls a message of the same conversation.
    async fn external_id_of(&self, work: &Work, message: crate::id::MessageId) -> Result<Option<String>, CommandError> {
        let found = self.store.read().await?.messages().find(work.conversation.id, message).await?;
        Ok(found.and_then(|found| found.external_id().map(str::to_owned)))
    }
}

/// By phone number while it is known.
pub(super) fn recipient(contact: &Contact) -> Option<Recipient> {
    let by_phone = contact.customer.phone_id.clone().map(Recipient::Phone);
    by_phone.or_else(|| contact.customer.user_id.clone().map(Recipient::User))
}

const fn part_report(part: usize, state: PartState, at: Timestamp) -> PartReport {
    PartReport {
        part,
        state,
        external_id: None,
        at,
        error: None,
    }
}
