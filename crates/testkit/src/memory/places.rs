//! Workspaces and channels.

use super::View;
use super::state::{insert_new, refuse_if, write};
use async_trait::async_trait;
use parlor_domain::channel::{Channel, ChannelRepository};
use parlor_domain::id::{ChannelId, WorkspaceId};
use parlor_domain::store::RepositoryError;
use parlor_domain::whatsapp::WhatsappHealth;
use parlor_domain::workspace::{Workspace, WorkspaceRepository};

fn same_name(one: &Workspace, other: &Workspace) -> bool {
    one.id != other.id && one.name == other.name
}

/// Whether both are one WhatsApp number, and both in use.
fn same_number(one: &Channel, other: &Channel) -> bool {
    let number_of = |channel: &Channel| {
        let settings = channel.whatsapp.as_ref().filter(|_| channel.deleted_at.is_none());
        settings.map(|settings| settings.phone_number_id.clone())
    };
    one.id != other.id && number_of(one).is_some() && number_of(one) == number_of(other)
}

#[async_trait]
impl WorkspaceRepository for View {
    async fn find(&self, id: WorkspaceId) -> Result<Option<Workspace>, RepositoryError> {
        Ok(self.look(|state| state.workspaces.get(&id).cloned()))
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<Workspace>, RepositoryError> {
        Ok(self.look(|state| state.workspaces.values().find(|workspace| workspace.name.as_str() == name).cloned()))
    }

    async fn list(&self) -> Result<Vec<Workspace>, RepositoryError> {
        let mut all: Vec<Workspace> = self.look(|state| state.workspaces.values().cloned().collect());
        all.sort_by_key(|workspace| (workspace.created_at, workspace.id));
        Ok(all)
    }

    async fn insert(&self, workspace: &Workspace) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(state.workspaces.values().any(|other| same_name(other, workspace)))?;
            insert_new(&mut state.workspaces, workspace.id, workspace.clone())
        })
        .await
    }

    async fn next_conversation_number(&self, id: WorkspaceId) -> Result<i64, RepositoryError> {
        Ok(self
            .change(|state| {
                let last = state.conversation_numbers.entry(id).or_default();
                *last += 1;
                *last
            })
            .await)
    }

    async fn update(&self, workspace: &Workspace) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(state.workspaces.values().any(|other| same_name(other, workspace)))?;
            write(&mut state.workspaces, &workspace.id, workspace);
            Ok(())
        })
        .await
    }
}

impl View {
    fn open_channels(&self, chosen: impl Fn(&Channel) -> bool) -> Vec<Channel> {
        let is_open = |channel: &&Channel| channel.deleted_at.is_none() && chosen(channel);
        let mut channels: Vec<Channel> = self.look(|state| state.channels.values().filter(is_open).cloned().collect());
        channels.sort_by_key(|channel| (channel.created_at, channel.id));
        channels
    }
}

#[async_trait]
impl ChannelRepository for View {
    async fn find_any(&self, id: ChannelId) -> Result<Option<Channel>, RepositoryError> {
        Ok(self.look(|state| state.channels.get(&id).cloned()))
    }

    async fn find(&self, workspace: WorkspaceId, id: ChannelId) -> Result<Option<Channel>, RepositoryError> {
        Ok(self.look(|state| state.channels.get(&id).filter(|channel| channel.workspace_id == workspace).cloned()))
    }

    async fn find_for_update(&self, workspace: WorkspaceId, id: ChannelId) -> Result<Option<Channel>, RepositoryError> {
        ChannelRepository::find(self, workspace, id).await
    }

    async fn list(&self, workspace: WorkspaceId) -> Result<Vec<Channel>, RepositoryError> {
        Ok(self.open_channels(|channel| channel.workspace_id == workspace))
    }

    async fn list_all(&self) -> Result<Vec<Channel>, RepositoryError> {
        Ok(self.open_channels(|_| true))
    }

    async fn insert(&self, channel: &Channel) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(state.channels.values().any(|other| same_number(other, channel)))?;
            insert_new(&mut state.channels, channel.id, channel.clone())
        })
        .await
    }

    async fn update(&self, channel: &Channel) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(state.channels.values().any(|other| same_number(other, channel)))?;
            if let Some(stored) = state.channels.get_mut(&channel.id) {
                let health = stored.whatsapp_health.take();
                stored.clone_from(channel);
                stored.whatsapp_health = health;
            }
            Ok(())
        })
        .await
    }

    async fn set_health(&self, id: ChannelId, health: Option<&WhatsappHealth>) -> Result<(), RepositoryError> {
        self.change(|state| {
            if let Some(stored) = state.channels.get_mut(&id) {
                stored.whatsapp_health = health.cloned();
            }
        })
        .await;
        Ok(())
    }
}
