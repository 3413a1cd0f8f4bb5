use super::sellers::{Moved, insert_or_claim, take_address, tell_customers};
use super::{API_KEY_PREFIX, Agent, AgentSettings, ApiKey, ApiScope, Caller, Role};
use crate::clock::Clock;
use crate::conversation::{Action, Actor, Command, ConversationWriter};
use crate::event::{AccessChange, DomainEvent, EventBus};
use crate::id::{AgentId, ApiKeyId, Ids, KeyHash, WorkspaceId};
use crate::page::{Cursor, Limit, Page};
use crate::security::{Password, PasswordHasher, SecurityError};
use crate::store::{RepositoryError, Store};
use crate::text::{Email, Line, Name};
use std::sync::Arc;

/// Why an agent could not be made or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AgentError {
    /// There is none with this id here.
    #[error("no such agent")]
    NotFound,
    /// E-mail address, user name or external id belong to another agent of the server.
    #[error("another agent has this e-mail address, user name or external id")]
    Taken,
    /// Only an owner may make, change or remove owners.
    #[error("only an owner may do this to an owner")]
    OwnersOnly,
    /// A workspace keeps at least one owner.
    #[error("this is the last owner of the workspace")]
    LastOwner,
    /// A helper failed; the cause is in the log.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// A new agent.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// Where to write to; also the name to log in with.
    pub email: Email,
    /// What visitors and colleagues see.
    pub name: Name,
    /// What it may do.
    pub role: Role,
    /// Another name to log in with.
    pub username: Option<Name>,
    /// The host site's id of the person.
    pub external_id: Option<Line>,
    /// A first password; without it an invitation sets one.
    pub password: Option<Password>,
}

/// What shall be different; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct EditAgent {
    /// The address.
    pub email: Option<Email>,
    /// The name.
    pub name: Option<Name>,
    /// What it may do.
    pub role: Option<Role>,
    /// Another name to log in with; `Some(None)` takes it away.
    pub username: Option<Option<Name>>,
    /// The host site's id; `Some(None)` takes it away.
    pub external_id: Option<Option<Line>>,
}

/// Agents and keys of machines.
pub struct AgentService {
    store: Arc<dyn Store>,
    bus: Arc<dyn EventBus>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    hasher: Arc<dyn PasswordHasher>,
    writer: Arc<ConversationWriter>,
}

impl AgentService {
    /// Makes the service.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        bus: Arc<dyn EventBus>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        hasher: Arc<dyn PasswordHasher>,
        writer: Arc<ConversationWriter>,
    ) -> Self {
        Self {
            store,
            bus,
            clock,
            ids,
            hasher,
            writer,
        }
    }

    /// Those of a workspace, oldest first.
    ///
    /// # Errors
    /// What [`AgentError`] says.
    pub async fn list(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Agent>, AgentError> {
        Ok(self.store.read().await?.agents().list(workspace, after, limit).await?)
    }

    /// One of a workspace.
    ///
    /// # Errors
    /// What [`AgentError`] says.
    pub async fn get(&self, workspace: WorkspaceId, id: AgentId) -> Result<Agent, AgentError> {
        self.store.read().await?.agents().find(workspace, id).await?.ok_or(AgentError::NotFound)
    }

    /// The one with this e-mail address or user name, on the whole server: for the operator's shell.
    ///
    /// # Errors
    /// What [`AgentError`] says.
    pub async fn find_by_login(&self, name: &str) -> Result<Agent, AgentError> {
        self.store.read().await?.agents().find_by_login(name).await?.ok_or(AgentError::NotFound)
    }

    /// Makes one. `by` is `None` for the operator's shell, which may make owners.
    ///
    /// # Errors
    /// What [`AgentError`] says.
    pub async fn create(&self, workspace: WorkspaceId, by: Option<&Caller>, new: NewAgent) -> Result<Agent, AgentError> {
        may_touch(by, Role::Agent, new.role)?;
        let password = match new.password {
            Some(password) => Some(self.hasher.hash(password).await?),
            None => None,
        };
        let now = self.clock.now();
        let agent = Agent {
            id: AgentId(self.ids.ordered()),
            workspace_id: workspace,
            email: new.email,
            username: new.username,
            name: new.name,
            role: new.role,
            external_id: new.external_id,
            password,
            auth_version: 1,
            settings: AgentSettings::default(),
            created_at: now,
            updated_at: now,
            unclaimed: false,
            deactivated_at: None,
        };
        let work = self.store.begin().await?;
        let agent = insert_or_claim(&*work, agent).await.map_err(taken)?;
        work.invitations().delete_of(agent.id).await?;
        work.commit().await?;
        self.bus.publish(DomainEvent::Access(AccessChange::AgentChanged(agent.id)));
        Ok(agent)
    }

    /// Changes one.
    ///
    /// # Errors
    /// What [`AgentError`] says.
    pub async fn edit(&self, by: &Caller, id: AgentId, edit: EditAgent) -> Result<Agent, AgentError> {
        let work = self.store.begin().await?;
        let mut agent = work.agents().find_for_update(by.workspace_id, id).await?.ok_or(AgentError::NotFound)?;
        may_touch(Some(by), agent.role, edit.role.unwrap_or(agent.role))?;
        let was_owner = agent.role == Role::Owner && agent.is_active();
        let (email, role) = (agent.email.clone(), agent.role);
        // A repeat tells what an earlier attempt could not.
        let tells = edit.email.is_some();
        agent.email = edit.email.unwrap_or(agent.email);
        agent.name = edit.name.unwrap_or(agent.name);
        agent.role = edit.role.unwrap_or(agent.role);
        agent.username = edit.username.unwrap_or(agent.username);
        agent.external_id = edit.external_id.unwrap_or(agent.external_id);
        agent.updated_at = self.clock.now();
        if was_owner && agent.role != Role::Owner && work.agents().count_owners(by.workspace_id).await? <= 1 {
            return Err(AgentError::LastOwner);
        }
        let moved = if agent.email == email {
            Moved::default()
        } else {
            take_address(&*work, &agent).await?
        };
        agent.unclaimed &= agent.role == Role::Seller;
        work.agents().update(&agent).await.map_err(taken)?;
        if agent.email != email || agent.role != role {
            // A link that was made for less, or sent elsewhere, must not set the password of what the agent is now.
            work.invitations().delete_of(id).await?;
        }
        work.commit().await?;
        self.bus.publish(DomainEvent::Access(AccessChange::AgentChanged(id)));
        if tells {
            tell_customers(&*self.store, &self.writer, &agent, moved).await?;
        }
        Ok(agent)
    }

    /// Changes what an agent may change of itself.
    ///
    /// # Errors
    /// What [`AgentError`] says.
    pub async fn edit_own(&self, workspace: WorkspaceId, id: AgentId, name: Option<Name>, settings: Option<AgentSettings>) -> Result<Agent, AgentError> {
        let work = self.store.begin().await?;
        let mut agent = work.agents().find_for_update(workspace, id).await?.ok_or(AgentError::NotFound)?;
        agent.name = name.unwrap_or(agent.name);
        agent.settings = settings.unwrap_or(agent.settings);
        agent.updated_at = self.clock.now();
        work.agents().update(&agent).await.map_err(taken)?;
        work.commit().await?;
        self.bus.publish(DomainEvent::Access(AccessChange::AgentChanged(id)));
        Ok(agent)
    }

    /// Takes all rights of an agent away, at once. What it wrote stays; its conversations go to the queue. May be repeated:
    /// that gives back what a first attempt could not.
    ///
    /// # Errors
    /// What [`AgentError`] says.
    pub async fn deactivate(&self, by: &Caller, id: AgentId) -> Result<(), AgentError> {
        let now = self.clock.now();
        let work = self.store.begin().await?;
        let mut agent = work.agents().find_for_update(by.workspace_id, id).await?.ok_or(AgentError::NotFound)?;
        may_touch(Some(by), agent.role, agent.role)?;
        if !agent.is_active() {
            drop(work);
            return self.release_conversations(by.workspace_id, id).await;
        }
        if agent.role == Role::Owner && work.agents().count_owners(by.workspace_id).await? <= 1 {
            return Err(AgentError::LastOwner);
        }
        agent.deactivated_at = Some(now);
        agent.auth_version += 1;
        agent.updated_at = now;
        work.agents().update(&agent).await.map_err(taken)?;
        work.invitations().delete_of(id).await?;
        work.logins().end_all(id, None, now).await?;
        work.commit().await?;
        self.bus.publish(DomainEvent::Access(AccessChange::AgentChanged(id)));
        self.release_conversations(by.workspace_id, id).await
    }

    /// Gives an agent's conversations back to the queue.
    async fn release_conversations(&self, workspace: WorkspaceId, id: AgentId) -> Result<(), AgentError> {
        loop {
            let held = self.store.read().await?.conversations().assigned_to(workspace, id).await?;
            if held.is_empty() {
                return Ok(());
            }
            let mut released = false;
            for conversation_id in held {
                let command = Command {
                    conversation_id,
                    actor: Actor::System(workspace),
                    action: Action::Release(id),
                };
                released |= self.writer.submit(command).await.is_ok();
            }
            if !released {
                return Err(RepositoryError::Unavailable("conversations could not be given back".to_owned()).into());
            }
        }
    }

    /// Keys of machines, oldest first.
    ///
    /// # Errors
    /// What [`AgentError`] says.
    pub async fn list_api_keys(&self, workspace: WorkspaceId) -> Result<Vec<ApiKey>, AgentError> {
        Ok(self.store.read().await?.api_keys().list(workspace).await?)
    }

    /// Makes a key; its secret is in this answer only.
    ///
    /// # Errors
    /// What [`AgentError`] says.
    pub async fn create_api_key(&self, workspace: WorkspaceId, name: Name, scope: ApiScope) -> Result<(ApiKey, String), AgentError> {
        let secret = format!("{API_KEY_PREFIX}{}{}", self.ids.random().simple(), self.ids.random().simple());
        let hash = KeyHash::of(secret.as_bytes());
        let key = ApiKey {
            id: ApiKeyId(self.ids.ordered()),
            workspace_id: workspace,
            name,
            scope,
            secret: hash,
            created_at: self.clock.now(),
            revoked_at: None,
        };
        let work = self.store.begin().await?;
        work.api_keys().insert(&key).await?;
        work.commit().await?;
        Ok((key, secret))
    }

    /// Revokes a key, at once.
    ///
    /// # Errors
    /// What [`AgentError`] says.
    pub async fn revoke_api_key(&self, workspace: WorkspaceId, id: ApiKeyId) -> Result<(), AgentError> {
        let work = self.store.begin().await?;
        if !work.api_keys().revoke(workspace, id, self.clock.now()).await? {
            return Err(AgentError::NotFound);
        }
        work.commit().await?;
        self.bus.publish(DomainEvent::Access(AccessChange::ApiKeyRevoked(workspace)));
        Ok(())
    }
}

/// Owners are made, changed and removed by owners only.
fn may_touch(by: Option<&Caller>, was: Role, becomes: Role) -> Result<(), AgentError> {
    let owner = by.is_none_or(|caller| caller.role == Role::Owner);
    if owner || (was != Role::Owner && becomes != Role::Owner) {
        Ok(())
    } else {
        Err(AgentError::OwnersOnly)
    }
}

fn taken(error: RepositoryError) -> AgentError {
    match error {
        RepositoryError::Conflict => AgentError::Taken,
        other => other.into(),
    }
}
