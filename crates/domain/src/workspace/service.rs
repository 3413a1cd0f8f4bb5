use super::Workspace;
use crate::assistant::AssistantSettings;
use crate::channel::{Channel, ChannelKind, IdentityRule};
use crate::clock::Clock;
use crate::id::{ChannelId, Ids, WorkspaceId};
use crate::store::{RepositoryError, Store};
use crate::text::Name;
use std::sync::Arc;

/// The workspace that the first start makes.
pub const DEFAULT_WORKSPACE: &str = "default";

/// Why a tenant could not be made or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WorkspaceError {
    /// There is none with this id.
    #[error("no such workspace")]
    NotFound,
    /// Another one has the name.
    #[error("a workspace of this name exists")]
    NameTaken,
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Makes and changes tenants.
pub struct WorkspaceService {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl WorkspaceService {
    /// Makes the service.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store, clock, ids }
    }

    /// Makes a tenant with one web channel `Website`.
    ///
    /// # Errors
    /// What [`WorkspaceError`] says.
    pub async fn create(&self, name: Name) -> Result<(Workspace, Channel), WorkspaceError> {
        let now = self.clock.now();
        let workspace = Workspace {
            id: WorkspaceId(self.ids.ordered()),
            name,
            created_at: now,
            updated_at: now,
        };
        let channel = Channel {
            id: ChannelId(self.ids.ordered()),
            workspace_id: workspace.id,
            kind: ChannelKind::Web,
            name: Name::stored("Website".to_owned()),
            origins: Vec::new(),
            assistant: AssistantSettings::default(),
            assistant_key: None,
            whatsapp: None,
            whatsapp_secrets: None,
            whatsapp_health: None,
            identity: IdentityRule::Optional,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let work = self.store.begin().await?;
        work.workspaces().insert(&workspace).await.map_err(|error| match error {
            RepositoryError::Conflict => WorkspaceError::NameTaken,
            other => other.into(),
        })?;
        work.channels().insert(&channel).await?;
        work.commit().await?;
        Ok((workspace, channel))
    }

    /// Makes the tenant `default` if the server has none. Two nodes that start together make one.
    ///
    /// # Errors
    /// What [`WorkspaceError`] says.
    pub async fn ensure_default(&self) -> Result<(), WorkspaceError> {
        if !self.store.read().await?.workspaces().list().await?.is_empty() {
            return Ok(());
        }
        match self.create(Name::stored(DEFAULT_WORKSPACE.to_owned())).await {
            Ok(_) | Err(WorkspaceError::NameTaken) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// All tenants, oldest first.
    ///
    /// # Errors
    /// What [`WorkspaceError`] says.
    pub async fn list(&self) -> Result<Vec<Workspace>, WorkspaceError> {
        Ok(self.store.read().await?.workspaces().list().await?)
    }

    /// One tenant.
    ///
    /// # Errors
    /// What [`WorkspaceError`] says.
    pub async fn get(&self, id: WorkspaceId) -> Result<Workspace, WorkspaceError> {
        self.store.read().await?.workspaces().find(id).await?.ok_or(WorkspaceError::NotFound)
    }

    /// Gives a tenant another name.
    ///
    /// # Errors
    /// What [`WorkspaceError`] says.
    pub async fn rename(&self, id: WorkspaceId, name: Name) -> Result<Workspace, WorkspaceError> {
        let work = self.store.begin().await?;
        let mut workspace = work.workspaces().find(id).await?.ok_or(WorkspaceError::NotFound)?;
        workspace.name = name;
        workspace.updated_at = self.clock.now();
        work.workspaces().update(&workspace).await.map_err(|error| match error {
            RepositoryError::Conflict => WorkspaceError::NameTaken,
            other => other.into(),
        })?;
        work.commit().await?;
        Ok(workspace)
    }
}
