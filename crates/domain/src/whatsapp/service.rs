use super::fetching::AT_A_TIME;
use super::gateway::WhatsappGateway;
use super::numbers::{Number, Numbers};
use super::outgoing::{InvalidTemplate, TemplateCall};
use super::settings::WhatsappHealth;
use super::signs::Signs;
use crate::attachment::AttachmentService;
use crate::channel::{Channel, ChannelError, ChannelService};
use crate::clock::{Clock, Timestamp};
use crate::conversation::{Action, Actor, Command, CommandError, Conversation, ConversationWriter, Done, Structured};
use crate::id::{ChannelId, ConversationId, Ids, MessageId, WorkspaceId};
use crate::job::Job;
use crate::message::{Message, MessageKind};
use crate::security::SecurityError;
use crate::store::{RepositoryError, Store};
use crate::text::MessageText;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How a piece of work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is done, and its job is gone.
    Done,
    /// It was tried, and must be tried again after this time, for this reason.
    Later(Duration, String),
    /// It could not even be tried, which counts for nothing; after this time perhaps.
    Rest(Duration),
    /// Nobody tries any more, unless an admin says so.
    Dead(String),
}

/// Why a conversation with a number could not be opened, or a template not be sent.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// The number is none of ours.
    #[error("no such number")]
    UnknownNumber,
    /// The template cannot be sent so.
    #[error(transparent)]
    Template(#[from] InvalidTemplate),
    /// The command was refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Customers on WhatsApp: what they write, and what goes out to them.
pub struct WhatsappService {
    pub(super) store: Arc<dyn Store>,
    pub(super) writer: Arc<ConversationWriter>,
    pub(super) channels: Arc<ChannelService>,
    pub(super) numbers: Numbers,
    pub(super) attachments: Arc<AttachmentService>,
    pub(super) gateway: Arc<dyn WhatsappGateway>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) rests: Rests,
    pub(super) fetches: Semaphore,
    pub(super) signs: Signs,
}

/// Everything that a piece of work about one message needs.
pub(super) struct Work {
    pub(super) conversation: Conversation,
    pub(super) message: Message,
    pub(super) channel: Channel,
    pub(super) number: Number,
}

impl WhatsappService {
    /// Makes the service.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "each is another part of the machine")]
    pub fn new(
        store: Arc<dyn Store>,
        writer: Arc<ConversationWriter>,
        channels: Arc<ChannelService>,
        numbers: Numbers,
        attachments: Arc<AttachmentService>,
        gateway: Arc<dyn WhatsappGateway>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self {
            store,
            writer,
            channels,
            numbers,
            attachments,
            gateway,
            clock,
            ids,
            rests: Rests::default(),
            fetches: Semaphore::new(AT_A_TIME),
            signs: Signs::default(),
        }
    }

    /// Our numbers.
    #[must_use]
    pub const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// The platform.
    #[must_use]
    pub fn gateway(&self) -> &dyn WhatsappGateway {
        &*self.gateway
    }

    /// The content of a message that is a template of the conversation's number, and the words that the customer will read.
    ///
    /// # Errors
    /// What [`OpenError`] says.
    pub async fn compose_template(
        &self,
        workspace: WorkspaceId,
        channel: ChannelId,
        name: &str,
        language: Option<&str>,
        parameters: Vec<String>,
    ) -> Result<(Structured, MessageText), OpenError> {
        let channel = self.channels.of_conversation(workspace, channel).await.map_err(|error| match error {
            ChannelError::Repository(error) => OpenError::Repository(error),
            _ => OpenError::UnknownNumber,
        })?;
        let settings = channel.whatsapp.as_ref().ok_or(OpenError::UnknownNumber)?;
        let template = settings.template(name, language).ok_or_else(|| {
            let known: Vec<String> = settings
                .templates
                .iter()
                .map(|template| format!("{} ({})", template.name, template.language))
                .collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            InvalidTemplate(format!(
                "the number has no such template, or has it in several languages; it has: {known}. An admin adds templates to the channel"
            ))
        })?;
        let (call, text) = TemplateCall::of(template, parameters)?;
        let text = MessageText::parse(&text).map_err(|error| InvalidTemplate(format!("the filled template {error}")))?;
        let payload = serde_json::to_value(call).map_err(|error| InvalidTemplate(error.to_string()))?;
        let structured = Structured {
            kind: MessageKind::Template,
            payload: Some(payload),
        };
        Ok((structured, text))
    }

    pub(super) async fn submit(&self, actor: Actor, conversation_id: ConversationId, action: Action) -> Result<Done, CommandError> {
        self.writer
            .submit(Command {
                conversation_id,
                actor,
                action,
            })
            .await
    }

    /// What a job is about; `None` if it is gone.
    pub(super) async fn work(&self, job: &Job, message: MessageId) -> Result<Option<Work>, CommandError> {
        let read = self.store.read().await?;
        let Some(conversation) = read.conversations().find(job.workspace_id, job.conversation_id).await? else {
            return Ok(None);
        };
        let Some(message) = read.messages().find(conversation.id, message).await? else {
            return Ok(None);
        };
        let Some((channel, number)) = self.number_of(&conversation).await? else {
            return Ok(None);
        };
        Ok(Some(Work {
            conversation,
            message,
            channel,
            number,
        }))
    }

    /// The number that a conversation goes over.
    pub(super) async fn number_of(&self, conversation: &Conversation) -> Result<Option<(Channel, Number)>, CommandError> {
        let channel = match self.channels.of_conversation(conversation.workspace_id, conversation.channel_id).await {
            Ok(channel) => channel,
            Err(ChannelError::Repository(error)) => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let number = self.numbers.number(&channel).map_err(|error| unreadable(&channel, &error))?;
        Ok(number.map(|number| (channel, number)))
    }

    /// The job is done.
    pub(super) async fn done(&self, job: &Job) -> Result<Settled, CommandError> {
        let work = self.store.begin().await?;
        work.jobs().delete(job.id).await?;
        work.commit().await?;
        Ok(Settled::Done)
    }

    /// Notes that a number cannot be used, where admins see it.
    pub(super) async fn unhealthy(&self, channel: &Channel, code: i64, message: &str) -> Result<(), CommandError> {
        tracing::warn!(channel = %channel.id, code, message, "WhatsApp refuses a number: check its access token and its state in the platform's console");
        if channel.whatsapp_health.as_ref().is_some_and(|health| health.code == code) {
            return Ok(());
        }
        let health = WhatsappHealth {
            code,
            message: cleaned(message),
            since: self.clock.now(),
        };
        Ok(self.channels.set_health(channel, Some(health)).await?)
    }

    /// Notes that a number can be used again.
    pub(super) async fn healthy(&self, channel: &Channel) -> Result<(), CommandError> {
        if channel.whatsapp_health.is_none() {
            return Ok(());
        }
        tracing::info!(channel = %channel.id, "WhatsApp takes messages of this number again");
        Ok(self.channels.set_health(channel, None).await?)
    }

    /// Between half of it and the whole, by chance: what failed together does not come back together.
    pub(super) fn about(&self, whole: Duration) -> Duration {
        let (_, low) = self.ids.random().as_u64_pair();
        let part = u32::try_from(low % 1_000).unwrap_or(0);
        whole / 2 + whole / 2_000 * part
    }
}

fn unreadable(channel: &Channel, error: &SecurityError) -> CommandError {
    tracing::error!(%error, channel = %channel.id, "the secrets of a channel cannot be opened; write them again");
    CommandError::Failed
}

/// Foreign words as they may be stored: no U+0000, and not endless.
pub(super) fn cleaned(words: &str) -> String {
    words.chars().filter(|c| *c != '\0').take(500).collect()
}

/// The message that a job is about.
pub(super) fn message_of(job: &Job) -> Option<MessageId> {
    let payload = job.payload.as_ref()?;
    payload.get("message")?.as_str()?.parse().ok()
}

/// Numbers whose sending or fetching rests on this node, and how often that happened in a row.
#[derive(Default)]
pub(super) struct Rests {
    numbers: Mutex<HashMap<(ChannelId, Trade), Rest>>,
}

/// What rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Trade {
    Sending,
    Fetching,
}

#[derive(Debug, Clone, Copy, Default)]
struct Rest {
    until: Timestamp,
    in_a_row: u32,
}

impl Rests {
    /// How much longer it rests.
    pub(super) fn left(&self, channel: ChannelId, trade: Trade, now: Timestamp) -> Option<Duration> {
        let numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = numbers.get(&(channel, trade))?;
        (rest.until > now).then(|| rest.until.since(now))
    }

    /// It rests: for a second, and twice as long each time in a row. Sending rests for a minute at most, fetching for ten: more than 20
    /// failures in an hour, and the platform blocks a number's files for half an hour. Answers for how long.
    pub(super) fn begin(&self, channel: ChannelId, trade: Trade, now: Timestamp) -> Duration {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = numbers.entry((channel, trade)).or_default();
        let most = match trade {
            Trade::Sending => Duration::from_secs(60),
            Trade::Fetching => Duration::from_secs(600),
        };
        let wait = Duration::from_secs(1 << rest.in_a_row.min(10)).min(most);
        // Others of the same moment hit the same wall: they count as one.
        if rest.until <= now {
            rest.in_a_row += 1;
            rest.until = now.plus(wait);
        }
        wait
    }

    /// It works again.
    pub(super) fn end(&self, channel: ChannelId, trade: Trade) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).remove(&(channel, trade));
    }
}
