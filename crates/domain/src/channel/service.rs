use super::{Channel, ChannelKind, IdentityRule, Origin};
use crate::assistant::{AssistantSettings, ModelKey};
use crate::cache::Cache;
use crate::clock::Clock;
use crate::event::{AccessChange, DomainEvent, EventBus, EventSubscriber};
use crate::id::{ChannelId, Ids, WorkspaceId};
use crate::security::{SecretBox, SecurityError};
use crate::store::{RepositoryError, Store};
use crate::text::Name;
use std::sync::Arc;

/// Why an entry point could not be found or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChannelError {
    /// There is none with this id here.
    #[error("no such channel")]
    NotFound,
    /// Somebody else changed the assistant's settings meanwhile.
    #[error("the assistant's settings changed meanwhile")]
    Changed,
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
        } = new;
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
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let work = self.store.begin().await?;
        work.channels().insert(&channel).await?;
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
        let known = work.channels().find(workspace, id).await?;
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
        channel.updated_at = self.clock.now();
        work.channels().update(&channel).await?;
        work.commit().await?;
        self.changed(workspace);
        Ok(channel)
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

impl EventSubscriber for ChannelService {
    fn deliver(&self, event: &Arc<DomainEvent>) {
        if matches!(**event, DomainEvent::Access(AccessChange::ChannelsChanged(_))) {
            self.all.clear();
        }
    }
}
