use super::{Channel, ChannelKind, IdentityRule, Origin};
use crate::assistant::{AssistantSettings, ModelKey};
use crate::cache::Cache;
use crate::clock::Clock;
use crate::event::{AccessChange, DomainEvent, EventBus, EventSubscriber};
use crate::id::{ChannelId, Ids, WorkspaceId};
use crate::security::{SecretBox, SecurityError};
use crate::store::{RepositoryError, Store};
use crate::text::Name;
use crate::whatsapp::{WhatsappEdit, WhatsappHealth, WhatsappSecrets, WhatsappSettings};
use std::sync::Arc;

/// Why an entry point could not be found or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChannelError {
    /// There is none with this id here.
    #[error("no such channel")]
    NotFound,
    /// Somebody else changed the same settings meanwhile.
    #[error("the settings changed meanwhile")]
    Changed,
    /// Another channel is the same WhatsApp number.
    #[error("another channel is this WhatsApp number already")]
    NumberTaken,
    /// A WhatsApp channel is a number, and only such a channel is.
    #[error("a channel of kind whatsapp needs the settings of its number, and no other kind has them")]
    NumberMissing,
    /// A channel stays the number that it is: its conversations go over it.
    #[error("a channel stays the WhatsApp number that it is")]
    NumberFixed,
    /// A workspace keeps at least one web channel.
    #[error("this is the last web channel of the workspace")]
    LastWebChannel,
    /// A helper failed; the cause is in the log.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// A new entry point.
#[derive(Debug, Clone)]
pub struct NewChannel {
    /// What kind.
    pub kind: ChannelKind,
    /// How agents call it.
    pub name: Name,
    /// The sites that may use it.
    pub origins: Vec<Origin>,
    /// Whether visitors must prove who they are.
    pub identity: IdentityRule,
    /// Its assistant.
    pub assistant: AssistantSettings,
    /// The assistant's key.
    pub assistant_key: Option<ModelKey>,
    /// The number that it is, on WhatsApp, and its secrets.
    pub whatsapp: Option<(WhatsappSettings, WhatsappSecrets)>,
}

/// What shall be different; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct EditChannel {
    /// How agents call it.
    pub name: Option<Name>,
    /// The sites that may use it.
    pub origins: Option<Vec<Origin>>,
    /// Whether visitors must prove who they are.
    pub identity: Option<IdentityRule>,
    /// Its assistant.
    pub assistant: Option<AssistantSettings>,
    /// The assistant's settings that these were made from: with others in force now, nothing is changed.
    pub assistant_was: Option<AssistantSettings>,
    /// The assistant's key; `Some(None)` takes it away. Without a new one it goes away with a change of the model server's address.
    pub assistant_key: Option<Option<ModelKey>>,
    /// The number that it is, on WhatsApp.
    pub whatsapp: WhatsappEdit,
}

/// Entry points: making them, and telling where a request belongs.
pub struct ChannelService {
    store: Arc<dyn Store>,
    bus: Arc<dyn EventBus>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    secrets: Arc<dyn SecretBox>,
    default: Option<ChannelId>,
    all: Cache<(), Arc<Vec<Channel>>>,
}

impl ChannelService {
    /// Makes the service. `default` is where a stranger's request belongs that names no channel; without it the oldest web channel.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        bus: Arc<dyn EventBus>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        secrets: Arc<dyn SecretBox>,
        default: Option<ChannelId>,
    ) -> Arc<Self> {
        let service = Arc::new(Self {
            store,
            bus,
            all: Cache::new(Arc::clone(&clock), 1),
            clock,
            ids,
            secrets,
            default,
        });
        let subscriber: Arc<dyn EventSubscriber> = service.clone();
        service.bus.subscribe(Arc::downgrade(&subscriber));
        service
    }

    /// All channels of the server that are not deleted, as of at most five seconds ago, oldest first.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn all(&self) -> Result<Arc<Vec<Channel>>, RepositoryError> {
        let miss = match self.all.get(&()) {
            Ok(known) => return Ok(known),
            Err(miss) => miss,
        };
        let channels = Arc::new(self.store.read().await?.channels().list_all().await?);
        self.all.put(miss, (), Arc::clone(&channels));
        Ok(channels)
    }

    /// Where a stranger's request belongs: the named channel, else the one channel that names its origin, else the default.
    ///
    /// # Errors
    /// [`ChannelError::NotFound`] if the named channel does not exist.
    pub async fn resolve(&self, named: Option<ChannelId>, origin: Option<&str>) -> Result<Channel, ChannelError> {
        let channels = self.all().await?;
        let by_id = |id: ChannelId| channels.iter().find(|channel| channel.id == id).cloned();
        if let Some(id) = named {
            return by_id(id).ok_or(ChannelError::NotFound);
        }
        if let Some(origin) = origin {
            let mut fitting = channels.iter().filter(|channel| channel.origins.iter().any(|known| known.as_str() == origin));
            if let (Some(one), None) = (fitting.next(), fitting.next()) {
                return Ok(one.clone());
            }
        }
        let oldest = || channels.iter().find(|channel| channel.kind == ChannelKind::Web).cloned();
        self.default.and_then(by_id).or_else(oldest).ok_or(ChannelError::NotFound)
    }

    /// The channel of a conversation, also one that is out of use.
    ///
    /// # Errors
    /// What [`ChannelError`] says.
    pub async fn of_conversation(&self, workspace: WorkspaceId, id: ChannelId) -> Result<Channel, ChannelError> {
        if let Some(known) = self.all().await?.iter().find(|channel| channel.id == id && channel.workspace_id == workspace) {
            return Ok(known.clone());
        }
        self.store.read().await?.channels().find(workspace, id).await?.ok_or(ChannelError::NotFound)
    }

    /// The plain key of a channel's assistant.
    ///
    /// # Errors
    /// The stored key cannot be opened.
    pub fn assistant_key(&self, channel: &Channel) -> Result<Option<ModelKey>, SecurityError> {
        let Some(sealed) = &channel.assistant_key else { return Ok(None) };
        let plain = self.secrets.open(sealed)?;
        Ok(ModelKey::new(&String::from_utf8_lossy(&plain)))
    }

    /// Those of a workspace, oldest first.
    ///
    /// # Errors
    /// What [`ChannelError`] says.
    pub async fn list(&self, workspace: WorkspaceId) -> Result<Vec<Channel>, ChannelError> {
        Ok(self.store.read().await?.channels().list(workspace).await?)
    }

    /// One of a workspace.
    ///
    /// # Errors
    /// What [`ChannelError`] says.
    pub async fn get(&self, workspace: WorkspaceId, id: ChannelId) -> Result<Channel, ChannelError> {
        let channel = self.store.read().await?.channels().find(workspace, id).await?;
        channel.filter(|channel| channel.deleted_at.is_none()).ok_or(ChannelError::NotFound)
    }

    /// Makes one.
    ///
    /// # Errors
    /// What [`ChannelError`] says.
    pub async fn create(&self, workspace: WorkspaceId, new: NewChannel) -> Result<Channel, ChannelError> {
        let now = self.clock.now();
        let NewChannel {
            kind,
            name,
            origins,
            identity,
            assistant,
            assistant_key,
            whatsapp,
        } = new;
        if whatsapp.is_some() != (kind == ChannelKind::Whatsapp) {
            return Err(ChannelError::NumberMissing);
        }
        let (whatsapp, secrets) = whatsapp.unzip();
        let id = ChannelId(self.ids.ordered());
        let channel = Channel {
            id,
            workspace_id: workspace,
            kind,
            name,
            origins,
            identity,
            assistant,
            assistant_key: assistant_key.map(|key| self.secrets.seal(key.expose().as_bytes())).transpose()?,
            whatsapp,
            whatsapp_secrets: self.seal(&secrets.unwrap_or_default())?,
            whatsapp_health: None,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let work = self.store.begin().await?;
        work.channels().insert(&channel).await.map_err(number_taken)?;
        work.commit().await?;
        self.changed(workspace);
        Ok(channel)
    }

    /// Changes its settings.
    ///
    /// # Errors
    /// What [`ChannelError`] says.
    pub async fn edit(&self, workspace: WorkspaceId, id: ChannelId, edit: EditChannel) -> Result<Channel, ChannelError> {
        let work = self.store.begin().await?;
        let known = work.channels().find_for_update(workspace, id).await?;
        let mut channel = known.filter(|channel| channel.deleted_at.is_none()).ok_or(ChannelError::NotFound)?;
        channel.name = edit.name.unwrap_or(channel.name);
        channel.origins = edit.origins.unwrap_or(channel.origins);
        channel.identity = edit.identity.unwrap_or(channel.identity);
        if edit.assistant_was.is_some_and(|was| was != channel.assistant) {
            return Err(ChannelError::Changed);
        }
        if let Some(assistant) = edit.assistant {
            // A key belongs to its server: no other one may get it.
            if assistant.base_url != channel.assistant.base_url {
                channel.assistant_key = None;
            }
            channel.assistant = assistant;
        }
        if let Some(key) = edit.assistant_key {
            channel.assistant_key = key.map(|key| self.secrets.seal(key.expose().as_bytes())).transpose()?;
        }
        self.edit_number(&mut channel, edit.whatsapp)?;
        channel.updated_at = self.clock.now();
        work.channels().update(&channel).await.map_err(number_taken)?;
        if channel.whatsapp_health.take().is_some() {
            // Whatever was wrong may be mended now: the next message finds out.
            work.channels().set_health(channel.id, None).await?;
        }
        work.commit().await?;
        self.changed(workspace);
        Ok(channel)
    }

    fn edit_number(&self, channel: &mut Channel, edit: WhatsappEdit) -> Result<(), ChannelError> {
        let touched = edit.settings.is_some() || edit.access_token.is_some() || edit.app_secret.is_some() || edit.verify_token.is_some();
        if !touched {
            return Ok(());
        }
        if channel.kind != ChannelKind::Whatsapp {
            return Err(ChannelError::NumberMissing);
        }
        let mut moves = false;
        if edit.settings_were.is_some_and(|were| Some(were) != channel.whatsapp) {
            return Err(ChannelError::Changed);
        }
        if let Some(settings) = edit.settings {
            let known = channel.whatsapp.as_ref().map(|known| &known.phone_number_id);
            if known.is_some_and(|known| *known != settings.phone_number_id) {
                return Err(ChannelError::NumberFixed);
            }
            moves = channel.whatsapp.as_ref().and_then(|known| known.graph_base_url.as_ref()) != settings.graph_base_url.as_ref();
            channel.whatsapp = Some(settings);
        }
        if !moves && edit.access_token.is_none() && edit.app_secret.is_none() && edit.verify_token.is_none() {
            return Ok(());
        }
        let mut secrets = self.number_secrets(channel).unwrap_or_else(|error| {
            // They were sealed with another key of the server, and new ones are the way out.
            tracing::warn!(%error, channel = %channel.id, "the stored secrets of a channel cannot be opened, and are replaced");
            WhatsappSecrets::default()
        });
        if moves {
            // A token belongs to its platform: nobody else may get it.
            secrets.access_token = None;
        }
        secrets.access_token = edit.access_token.unwrap_or(secrets.access_token);
        secrets.app_secret = edit.app_secret.unwrap_or(secrets.app_secret);
        secrets.verify_token = edit.verify_token.unwrap_or(secrets.verify_token);
        channel.whatsapp_secrets = self.seal(&secrets)?;
        Ok(())
    }

    /// A number's own secrets, without the operator's.
    ///
    /// # Errors
    /// The stored secrets cannot be opened.
    pub fn number_secrets(&self, channel: &Channel) -> Result<WhatsappSecrets, SecurityError> {
        let Some(sealed) = &channel.whatsapp_secrets else {
            return Ok(WhatsappSecrets::default());
        };
        serde_json::from_slice(&self.secrets.open(sealed)?).map_err(|error| SecurityError(error.to_string()))
    }

    fn seal(&self, secrets: &WhatsappSecrets) -> Result<Option<Vec<u8>>, SecurityError> {
        if *secrets == WhatsappSecrets::default() {
            return Ok(None);
        }
        let plain = serde_json::to_vec(secrets).map_err(|error| SecurityError(error.to_string()))?;
        self.secrets.seal(&plain).map(Some)
    }

    /// Notes why a number cannot be used right now, or that it can again.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn set_health(&self, channel: &Channel, health: Option<WhatsappHealth>) -> Result<(), RepositoryError> {
        let work = self.store.begin().await?;
        work.channels().set_health(channel.id, health.as_ref()).await?;
        work.commit().await?;
        self.changed(channel.workspace_id);
        Ok(())
    }

    /// Takes it out of use. Its conversations stay.
    ///
    /// # Errors
    /// What [`ChannelError`] says.
    pub async fn delete(&self, workspace: WorkspaceId, id: ChannelId) -> Result<(), ChannelError> {
        let work = self.store.begin().await?;
        let channels = work.channels().list(workspace).await?;
        let mut channel = channels.iter().find(|channel| channel.id == id).cloned().ok_or(ChannelError::NotFound)?;
        let other_web = channels.iter().any(|other| other.id != id && other.kind == ChannelKind::Web);
        if channel.kind == ChannelKind::Web && !other_web {
            return Err(ChannelError::LastWebChannel);
        }
        channel.deleted_at = Some(self.clock.now());
        work.channels().update(&channel).await?;
        work.commit().await?;
        self.changed(workspace);
        Ok(())
    }

    fn changed(&self, workspace: WorkspaceId) {
        self.bus.publish(DomainEvent::Access(AccessChange::ChannelsChanged(workspace)));
    }
}

fn number_taken(error: RepositoryError) -> ChannelError {
    match error {
        RepositoryError::Conflict => ChannelError::NumberTaken,
        other => other.into(),
    }
}

impl EventSubscriber for ChannelService {
    fn deliver(&self, event: &Arc<DomainEvent>) {
        if matches!(**event, DomainEvent::Access(AccessChange::ChannelsChanged(_))) {
            self.all.clear();
        }
    }
}
