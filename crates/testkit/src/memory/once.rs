//! What is used once or remembered for a while (invitations, tickets, creations), API keys, and the audit log.

use super::View;
use super::state::{insert_new, refuse_if, remove_where};
use async_trait::async_trait;
use parlor_domain::agent::{ApiKey, ApiKeyRepository, Invitation, InvitationRepository};
use parlor_domain::audit::{AuditEntry, AuditRepository};
use parlor_domain::clock::Timestamp;
use parlor_domain::creation::{Creation, CreationRepository};
use parlor_domain::id::{AgentId, ApiKeyId, InvitationId, KeyHash, WorkspaceId};
use parlor_domain::realtime::{Ticket, TicketRepository};
use parlor_domain::store::RepositoryError;
use uuid::Uuid;

/// The most lines or keys one answer has.
const MOST: usize = 100;

#[async_trait]
impl InvitationRepository for View {
    async fn replace(&self, invitation: &Invitation) -> Result<(), RepositoryError> {
        let is_older = |other: &Invitation| (other.workspace_id, other.agent_id) == (invitation.workspace_id, invitation.agent_id);
        self.change(|state| {
            remove_where(&mut state.invitations, is_older);
            insert_new(&mut state.invitations, invitation.id, invitation.clone())
        })
        .await
    }

    async fn delete_of(&self, agent: AgentId) -> Result<(), RepositoryError> {
        self.change(|state| remove_where(&mut state.invitations, |invitation| invitation.agent_id == Some(agent)))
            .await;
        Ok(())
    }

    async fn find(&self, token: KeyHash) -> Result<Option<Invitation>, RepositoryError> {
        Ok(self.look(|state| state.invitations.values().find(|invitation| invitation.token == token).cloned()))
    }

    async fn take(&self, id: InvitationId) -> Result<bool, RepositoryError> {
        Ok(self.change(|state| state.invitations.remove(&id).is_some()).await)
    }

    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError> {
        Ok(self
            .change(|state| remove_where(&mut state.invitations, |invitation| invitation.expires_at < before))
            .await)
    }
}

#[async_trait]
impl ApiKeyRepository for View {
    async fn find_by_secret(&self, secret: KeyHash) -> Result<Option<ApiKey>, RepositoryError> {
        Ok(self.look(|state| state.api_keys.values().find(|key| key.secret == secret).cloned()))
    }

    async fn list(&self, workspace: WorkspaceId) -> Result<Vec<ApiKey>, RepositoryError> {
        let is_listed = |key: &&ApiKey| key.workspace_id == workspace && key.revoked_at.is_none();
        let mut keys: Vec<ApiKey> = self.look(|state| state.api_keys.values().filter(is_listed).cloned().collect());
        keys.sort_by_key(|key| (key.created_at, key.id));
        keys.truncate(MOST);
        Ok(keys)
    }

    async fn insert(&self, key: &ApiKey) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(state.api_keys.values().any(|other| other.secret == key.secret))?;
            insert_new(&mut state.api_keys, key.id, key.clone())
        })
        .await
    }

    async fn revoke(&self, workspace: WorkspaceId, id: ApiKeyId, at: Timestamp) -> Result<bool, RepositoryError> {
        Ok(self
            .change(|state| {
                let key = state
                    .api_keys
                    .get_mut(&id)
                    .filter(|key| key.workspace_id == workspace && key.revoked_at.is_none());
                key.map(|key| key.revoked_at = Some(at)).is_some()
            })
            .await)
    }
}

#[async_trait]
impl TicketRepository for View {
    async fn insert(&self, ticket: &Ticket) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(state.tickets.contains_key(&ticket.hash))?;
            state.tickets.insert(ticket.hash, ticket.clone());
            Ok(())
        })
        .await
    }

    async fn take(&self, hash: KeyHash) -> Result<Option<Ticket>, RepositoryError> {
        Ok(self.change(|state| state.tickets.remove(&hash)).await)
    }

    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError> {
        Ok(self
            .change(|state| {
                let count = state.tickets.len();
                state.tickets.retain(|_, ticket| ticket.expires_at >= before);
                (count - state.tickets.len()) as u64
            })
            .await)
    }
}

#[async_trait]
impl CreationRepository for View {
    async fn insert(&self, creation: &Creation) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(state.creations.contains_key(&creation.key.id))?;
            state.creations.insert(creation.key.id, creation.clone());
            Ok(())
        })
        .await
    }

    async fn find(&self, id: KeyHash, since: Timestamp) -> Result<Option<Creation>, RepositoryError> {
        Ok(self.look(|state| state.creations.get(&id).filter(|creation| creation.created_at >= since).cloned()))
    }

    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError> {
        Ok(self
            .change(|state| {
                let count = state.creations.len();
                state.creations.retain(|_, creation| creation.created_at >= before);
                (count - state.creations.len()) as u64
            })
            .await)
    }
}

#[async_trait]
impl AuditRepository for View {
    async fn insert(&self, entry: &AuditEntry) -> Result<(), RepositoryError> {
        self.change(|state| state.audit.push(entry.clone())).await;
        Ok(())
    }

    async fn list_for(&self, workspace: WorkspaceId, target: Uuid) -> Result<Vec<AuditEntry>, RepositoryError> {
        let is_about = |entry: &&AuditEntry| entry.workspace_id == workspace && entry.target_id == target;
        let mut entries: Vec<AuditEntry> = self.look(|state| state.audit.iter().filter(is_about).cloned().collect());
        entries.sort_by_key(|entry| (entry.at, entry.id));
        entries.truncate(MOST);
        Ok(entries)
    }
}
