//! Agents and their logins.

use super::View;
use super::state::{Direction, State, insert_new, page_of, refuse_if, remove_where, write};
use async_trait::async_trait;
use parlor_domain::agent::{Agent, AgentRepository, Login, LoginRepository, Role};
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{AgentId, LoginId, WorkspaceId};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::store::RepositoryError;
use parlor_domain::text::Email;

fn username(agent: &Agent) -> Option<String> {
    agent.username.as_ref().map(|name| name.as_str().to_lowercase())
}

fn has_email(agent: &Agent, email: &str) -> bool {
    agent.email.as_str().to_lowercase() == email.to_lowercase()
}

fn refuse_taken_names(state: &State, agent: &Agent) -> Result<(), RepositoryError> {
    let one_workspace = |other: &Agent| other.workspace_id == agent.workspace_id;
    let same = |other: &Agent| {
        has_email(other, agent.email.as_str()) && (one_workspace(other) || !other.unclaimed && !agent.unclaimed)
            || agent.username.is_some() && username(other) == username(agent)
            || agent.external_id.is_some() && other.external_id == agent.external_id
    };
    refuse_if(state.agents.values().any(|other| other.id != agent.id && same(other)))
}

#[async_trait]
impl AgentRepository for View {
    async fn find_any(&self, id: AgentId) -> Result<Option<Agent>, RepositoryError> {
        Ok(self.look(|state| state.agents.get(&id).cloned()))
    }

    async fn find(&self, workspace: WorkspaceId, id: AgentId) -> Result<Option<Agent>, RepositoryError> {
        Ok(self.look(|state| state.agents.get(&id).filter(|agent| agent.workspace_id == workspace).cloned()))
    }

    async fn find_for_update(&self, workspace: WorkspaceId, id: AgentId) -> Result<Option<Agent>, RepositoryError> {
        AgentRepository::find(self, workspace, id).await
    }

    async fn find_by_login(&self, name: &str) -> Result<Option<Agent>, RepositoryError> {
        let name = name.to_lowercase();
        let is_it = |agent: &&Agent| !agent.unclaimed && (has_email(agent, &name) || username(agent).as_deref() == Some(&name));
        Ok(self.look(|state| state.agents.values().find(is_it).cloned()))
    }

    async fn find_by_email(&self, workspace: WorkspaceId, email: &Email) -> Result<Option<Agent>, RepositoryError> {
        let is_it = |agent: &&Agent| agent.workspace_id == workspace && has_email(agent, email.as_str());
        Ok(self.look(|state| state.agents.values().find(is_it).cloned()))
    }

    async fn find_by_external_id(&self, external_id: &str) -> Result<Option<Agent>, RepositoryError> {
        let is_it = |agent: &&Agent| agent.external_id.as_ref().is_some_and(|id| id.as_str() == external_id);
        Ok(self.look(|state| state.agents.values().find(is_it).cloned()))
    }

    async fn list(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Agent>, RepositoryError> {
        let agents = self.look(|state| state.agents.values().filter(|agent| agent.workspace_id == workspace).cloned().collect());
        Ok(page_of(agents, Direction::Rising, after, limit, |agent| Cursor {
            value: agent.created_at.millis(),
            id: agent.id.0,
        }))
    }

    async fn count_owners(&self, workspace: WorkspaceId) -> Result<u64, RepositoryError> {
        let is_owner = |agent: &&Agent| agent.workspace_id == workspace && agent.role == Role::Owner && agent.is_active();
        Ok(self.look(|state| state.agents.values().filter(is_owner).count() as u64))
    }

    async fn any(&self) -> Result<bool, RepositoryError> {
        Ok(self.look(|state| state.agents.values().any(|agent| agent.role != Role::Seller)))
    }

    async fn insert(&self, agent: &Agent) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_taken_names(state, agent)?;
            insert_new(&mut state.agents, agent.id, agent.clone())
        })
        .await
    }

    async fn update(&self, agent: &Agent) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_taken_names(state, agent)?;
            write(&mut state.agents, &agent.id, agent);
            Ok(())
        })
        .await
    }

    async fn delete_unclaimed(&self, id: AgentId) -> Result<bool, RepositoryError> {
        let is_it = |agent: &Agent| agent.id == id && agent.unclaimed;
        Ok(self.change(|state| remove_where(&mut state.agents, is_it)).await == 1)
    }
}

#[async_trait]
impl LoginRepository for View {
    async fn find(&self, id: LoginId) -> Result<Option<Login>, RepositoryError> {
        Ok(self.look(|state| state.logins.get(&id).cloned()))
    }

    async fn insert(&self, login: &Login) -> Result<(), RepositoryError> {
        self.change(|state| insert_new(&mut state.logins, login.id, login.clone())).await
    }

    async fn rotate(&self, id: LoginId, generation: i64, expires_at: Timestamp) -> Result<bool, RepositoryError> {
        Ok(self
            .change(|state| {
                let newest = state
                    .logins
                    .get_mut(&id)
                    .filter(|login| login.generation == generation && login.ended_at.is_none());
                newest
                    .map(|login| (login.generation, login.expires_at) = (generation + 1, expires_at))
                    .is_some()
            })
            .await)
    }

    async fn end(&self, id: LoginId, at: Timestamp) -> Result<(), RepositoryError> {
        self.change(|state| {
            if let Some(login) = state.logins.get_mut(&id) {
                login.ended_at.get_or_insert(at);
            }
        })
        .await;
        Ok(())
    }

    async fn end_all(&self, agent: AgentId, keep: Option<LoginId>, at: Timestamp) -> Result<(), RepositoryError> {
        self.change(|state| {
            for login in state.logins.values_mut().filter(|login| login.agent_id == agent && Some(login.id) != keep) {
                login.ended_at.get_or_insert(at);
            }
        })
        .await;
        Ok(())
    }

    async fn set_auth_version(&self, id: LoginId, auth_version: i64) -> Result<(), RepositoryError> {
        self.change(|state| {
            if let Some(login) = state.logins.get_mut(&id) {
                login.auth_version = auth_version;
            }
        })
        .await;
        Ok(())
    }

    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError> {
        let is_over = |login: &Login| login.expires_at < before || login.ended_at.is_some_and(|at| at < before);
        Ok(self.change(|state| remove_where(&mut state.logins, is_over)).await)
    }
}
