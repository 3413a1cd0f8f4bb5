use super::{Agent, ApiKey, Invitation, Login};
use crate::clock::Timestamp;
use crate::id::{AgentId, ApiKeyId, InvitationId, KeyHash, LoginId, WorkspaceId};
use crate::page::{Cursor, Limit, Page};
use crate::store::RepositoryError;
use crate::text::Email;
use async_trait::async_trait;

/// Keeps agents, deactivated ones included. User name and external id are unique on the server; an e-mail address is unique in
/// its workspace, and on the server among all but unclaimed ones.
#[async_trait]
pub trait AgentRepository: Send + Sync {
    /// One by id, whatever its workspace; its token named it.
    async fn find_any(&self, id: AgentId) -> Result<Option<Agent>, RepositoryError>;
    /// One of a workspace.
    async fn find(&self, workspace: WorkspaceId, id: AgentId) -> Result<Option<Agent>, RepositoryError>;
    /// The same, and no other unit of work changes it until this one ends.
    async fn find_for_update(&self, workspace: WorkspaceId, id: AgentId) -> Result<Option<Agent>, RepositoryError>;
    /// The one with this e-mail address or user name, upper and lower case being one; never an unclaimed one.
    async fn find_by_login(&self, name: &str) -> Result<Option<Agent>, RepositoryError>;
    /// The one of a workspace with this e-mail address, unclaimed or not.
    async fn find_by_email(&self, workspace: WorkspaceId, email: &Email) -> Result<Option<Agent>, RepositoryError>;
    /// The one with this id of the host site.
    async fn find_by_external_id(&self, external_id: &str) -> Result<Option<Agent>, RepositoryError>;
    /// Those of a workspace, oldest first by `created_at`, then id.
    async fn list(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Agent>, RepositoryError>;
    /// How many active owners a workspace has; in a unit of work they stay so until it ends.
    async fn count_owners(&self, workspace: WorkspaceId) -> Result<u64, RepositoryError>;
    /// Whether the server has any agent but sellers, who come by themselves.
    async fn any(&self) -> Result<bool, RepositoryError>;
    /// Adds one; [`RepositoryError::Conflict`] if a unique value is taken.
    async fn insert(&self, agent: &Agent) -> Result<(), RepositoryError>;
    /// Writes one; [`RepositoryError::Conflict`] if a unique value is taken.
    async fn update(&self, agent: &Agent) -> Result<(), RepositoryError>;
    /// Removes one that is unclaimed. False if it is not.
    async fn delete_unclaimed(&self, id: AgentId) -> Result<bool, RepositoryError>;
}

/// Keeps logins.
#[async_trait]
pub trait LoginRepository: Send + Sync {
    /// One by id.
    async fn find(&self, id: LoginId) -> Result<Option<Login>, RepositoryError>;
    /// Adds one.
    async fn insert(&self, login: &Login) -> Result<(), RepositoryError>;
    /// Moves to the next refresh token if `generation` is still the newest and the login has not ended. False if not: nothing changed.
    async fn rotate(&self, id: LoginId, generation: i64, expires_at: Timestamp) -> Result<bool, RepositoryError>;
    /// Ends one, if it has not ended.
    async fn end(&self, id: LoginId, at: Timestamp) -> Result<(), RepositoryError>;
    /// Ends all of an agent but `keep`.
    async fn end_all(&self, agent: AgentId, keep: Option<LoginId>, at: Timestamp) -> Result<(), RepositoryError>;
    /// Raises `auth_version` of one login, so that it outlives a password change made in it.
    async fn set_auth_version(&self, id: LoginId, auth_version: i64) -> Result<(), RepositoryError>;
    /// Forgets logins that ended or ran out before `before`.
    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError>;
}

/// Keeps links that set a password.
#[async_trait]
pub trait InvitationRepository: Send + Sync {
    /// Adds one, and takes those away that were for the same agent (or, without agent, the same workspace).
    async fn replace(&self, invitation: &Invitation) -> Result<(), RepositoryError>;
    /// Takes those away that are for an agent.
    async fn delete_of(&self, agent: AgentId) -> Result<(), RepositoryError>;
    /// Looks at one without using it.
    async fn find(&self, token: KeyHash) -> Result<Option<Invitation>, RepositoryError>;
    /// Uses one up. False if it is not there any more: of two at once, one gets it.
    async fn take(&self, id: InvitationId) -> Result<bool, RepositoryError>;
    /// Forgets those that ran out before `before`.
    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError>;
}

/// Keeps keys of machines.
#[async_trait]
pub trait ApiKeyRepository: Send + Sync {
    /// The one with this secret, revoked or not.
    async fn find_by_secret(&self, secret: KeyHash) -> Result<Option<ApiKey>, RepositoryError>;
    /// Those of a workspace that are not revoked, oldest first, at most 100.
    async fn list(&self, workspace: WorkspaceId) -> Result<Vec<ApiKey>, RepositoryError>;
    /// Adds one.
    async fn insert(&self, key: &ApiKey) -> Result<(), RepositoryError>;
    /// Revokes one. False if there is none to revoke.
    async fn revoke(&self, workspace: WorkspaceId, id: ApiKeyId, at: Timestamp) -> Result<bool, RepositoryError>;
}
