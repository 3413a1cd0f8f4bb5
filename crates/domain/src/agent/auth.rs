use super::sellers::insert_or_claim;
use super::{Agent, AgentSettings, Invitation, Login, Role};
use crate::clock::{Clock, Timestamp};
use crate::event::{AccessChange, DomainEvent, EventBus};
use crate::id::{AgentId, Ids, InvitationId, KeyHash, LoginId, WorkspaceId};
use crate::security::{AccessClaims, InvalidToken, Password, PasswordHasher, RefreshClaims, SecurityError, Tokens};
use crate::store::{RepositoryError, Store};
use crate::text::{Email, Name};
use std::sync::Arc;
use std::time::Duration;

/// How long an access token is good. Short, since another node learns of its end only by asking.
pub const ACCESS_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long a refresh token is good; each refresh begins anew.
pub const REFRESH_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long an invitation or first-owner link is good.
pub const INVITATION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Why nobody is logged in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthError {
    /// Unknown user, wrong password, no password yet, or deactivated: not told apart.
    #[error("user name or password is wrong")]
    WrongCredentials,
    /// The refresh token is wrong, run out, or its login has ended.
    #[error("the refresh token is not valid")]
    InvalidToken,
    /// The old password is wrong.
    #[error("the old password is wrong")]
    WrongPassword,
    /// This login has no password to change: it came by a host-site token or an API key.
    #[error("this login has no password")]
    NoPassword,
    /// A helper failed; the cause is in the log.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Why a link sets no password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SetupError {
    /// Unknown, used or run out.
    #[error("the link is not valid any more")]
    InvalidLink,
    /// The invitation is for another address.
    #[error("the invitation is for another e-mail address")]
    OtherEmail,
    /// Another agent of the server has the address.
    #[error("an agent with this e-mail address exists")]
    EmailTaken,
    /// A helper failed; the cause is in the log.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What a login gives.
#[derive(Debug, Clone)]
pub struct LoginTokens {
    /// For the `Authorization` header.
    pub access: String,
    /// How long it is good.
    pub expires_in: Duration,
    /// For the next pair; good once.
    pub refresh: String,
    /// How long it is good.
    pub refresh_expires_in: Duration,
    /// Who logged in.
    pub agent: Agent,
}

/// Logging in and out, and setting passwords.
pub struct AuthService {
    store: Arc<dyn Store>,
    bus: Arc<dyn EventBus>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    hasher: Arc<dyn PasswordHasher>,
    tokens: Arc<dyn Tokens>,
}

impl AuthService {
    /// Makes the service.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        bus: Arc<dyn EventBus>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        hasher: Arc<dyn PasswordHasher>,
        tokens: Arc<dyn Tokens>,
    ) -> Self {
        Self {
            store,
            bus,
            clock,
            ids,
            hasher,
            tokens,
        }
    }

    /// Logs an agent in by e-mail address or user name. An unknown user takes as long as a wrong password.
    ///
    /// # Errors
    /// What [`AuthError`] says.
    pub async fn login(&self, name: &str, password: Password) -> Result<LoginTokens, AuthError> {
        let agent = self.store.read().await?.agents().find_by_login(name.trim()).await?.filter(Agent::is_active);
        let hash = agent.as_ref().and_then(|agent| agent.password.clone());
        let right = self.hasher.verify(password, hash).await?;
        let agent = agent.filter(|_| right).ok_or(AuthError::WrongCredentials)?;
        self.begin(agent).await
    }

    /// Begins a login for an agent whose proof was checked, for example by the operator's shell.
    ///
    /// # Errors
    /// What [`AuthError`] says.
    pub async fn begin(&self, agent: Agent) -> Result<LoginTokens, AuthError> {
        let now = self.clock.now();
        let login = Login {
            id: LoginId(self.ids.ordered()),
            agent_id: agent.id,
            auth_version: agent.auth_version,
            generation: 1,
            created_at: now,
            expires_at: now.plus(REFRESH_LIFETIME),
            ended_at: None,
        };
        let work = self.store.begin().await?;
        work.logins().insert(&login).await?;
        work.commit().await?;
        self.sign(agent, login.id, 1, now)
    }

    /// Gives the next pair of tokens. A refresh token that is used twice ends its whole login: one of the two users stole it.
    ///
    /// # Errors
    /// What [`AuthError`] says.
    pub async fn refresh(&self, token: &str) -> Result<LoginTokens, AuthError> {
        let now = self.clock.now();
        let claims = self.tokens.verify_refresh(token, now).map_err(|_: InvalidToken| AuthError::InvalidToken)?;
        let work = self.store.begin().await?;
        let login = work
            .logins()
            .find(claims.login_id)
            .await?
            .filter(|login| login.ended_at.is_none())
            .ok_or(AuthError::InvalidToken)?;
        let agent = work.agents().find_any(login.agent_id).await?;
        let agent = agent
            .filter(|agent| agent.is_active() && agent.auth_version == login.auth_version)
            .ok_or(AuthError::InvalidToken)?;
        if !work.logins().rotate(login.id, claims.generation, now.plus(REFRESH_LIFETIME)).await? {
            work.logins().end(login.id, now).await?;
            work.commit().await?;
            self.bus.publish(DomainEvent::Access(AccessChange::LoginEnded(login.id)));
            tracing::warn!(agent = %agent.id, login = %login.id, "a refresh token was used twice; its login was ended");
            return Err(AuthError::InvalidToken);
        }
        work.commit().await?;
        self.sign(agent, login.id, claims.generation + 1, now)
    }

    /// Ends the login that a refresh token belongs to, even if the token was used.
    ///
    /// # Errors
    /// What [`AuthError`] says.
    pub async fn logout_by_refresh(&self, token: &str) -> Result<(), AuthError> {
        let claims = self
            .tokens
            .verify_refresh(token, self.clock.now())
            .map_err(|_: InvalidToken| AuthError::InvalidToken)?;
        self.logout(claims.login_id).await
    }

    /// Ends a login.
    ///
    /// # Errors
    /// What [`AuthError`] says.
    pub async fn logout(&self, login: LoginId) -> Result<(), AuthError> {
        let work = self.store.begin().await?;
        work.logins().end(login, self.clock.now()).await?;
        work.commit().await?;
        self.bus.publish(DomainEvent::Access(AccessChange::LoginEnded(login)));
        Ok(())
    }

    /// Sets another password and ends all other logins of the agent.
    ///
    /// # Errors
    /// What [`AuthError`] says.
    pub async fn change_password(&self, workspace: WorkspaceId, agent: AgentId, keep: Option<LoginId>, old: Password, new: Password) -> Result<(), AuthError> {
        let known = self.store.read().await?.agents().find(workspace, agent).await?.ok_or(AuthError::NoPassword)?;
        let hash = known.password.ok_or(AuthError::NoPassword)?;
        if !self.hasher.verify(old, Some(hash.clone())).await? {
            return Err(AuthError::WrongPassword);
        }
        let new = self.hasher.hash(new).await?;
        let now = self.clock.now();
        let work = self.store.begin().await?;
        let mut changed = work.agents().find_for_update(workspace, agent).await?.ok_or(AuthError::NoPassword)?;
        // Somebody was faster: what was proven above is not the password any more.
        if changed.password.as_ref() != Some(&hash) {
            return Err(AuthError::WrongPassword);
        }
        changed.password = Some(new);
        changed.auth_version += 1;
        changed.updated_at = now;
        work.agents().update(&changed).await?;
        work.logins().end_all(agent, keep, now).await?;
        work.invitations().delete_of(agent).await?;
        if let Some(login) = keep {
            work.logins().set_auth_version(login, changed.auth_version).await?;
        }
        work.commit().await?;
        self.bus.publish(DomainEvent::Access(AccessChange::AgentChanged(agent)));
        Ok(())
    }

    /// The token of a link that makes the first owner, if the server has no agent. An earlier link ends.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn first_owner_link(&self, workspace: WorkspaceId) -> Result<Option<String>, RepositoryError> {
        let work = self.store.begin().await?;
        if work.agents().any().await? {
            return Ok(None);
        }
        let (token, invitation) = self.invitation(workspace, None);
        work.invitations().replace(&invitation).await?;
        work.commit().await?;
        Ok(Some(token))
    }

    /// The token of a link that sets an agent's password. An earlier link ends.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn invite(&self, agent: &Agent) -> Result<String, RepositoryError> {
        let (token, invitation) = self.invitation(agent.workspace_id, Some(agent.id));
        let work = self.store.begin().await?;
        work.invitations().replace(&invitation).await?;
        work.commit().await?;
        Ok(token)
    }

    fn invitation(&self, workspace_id: WorkspaceId, agent_id: Option<AgentId>) -> (String, Invitation) {
        let now = self.clock.now();
        let token = format!("setup_{}{}", self.ids.random().simple(), self.ids.random().simple());
        let id = InvitationId(self.ids.ordered());
        let invitation = Invitation {
            id,
            workspace_id,
            agent_id,
            token: KeyHash::of(token.as_bytes()),
            created_at: now,
            expires_at: now.plus(INVITATION_LIFETIME),
        };
        (token, invitation)
    }

    /// Uses a link up: makes the first owner, or sets an invited agent's name and password. Logs in.
    ///
    /// # Errors
    /// What [`SetupError`] says.
    pub async fn set_up(&self, token: &str, email: Email, name: Name, password: Password) -> Result<LoginTokens, SetupError> {
        let now = self.clock.now();
        let hash = KeyHash::of(token.as_bytes());
        // A wrong link is refused before the slow hash is made.
        self.store
            .read()
            .await?
            .invitations()
            .find(hash)
            .await?
            .filter(|link| link.expires_at > now)
            .ok_or(SetupError::InvalidLink)?;
        let password = self.hasher.hash(password).await?;
        let work = self.store.begin().await?;
        let link = work
            .invitations()
            .find(hash)
            .await?
            .filter(|link| link.expires_at > now)
            .ok_or(SetupError::InvalidLink)?;
        if !work.invitations().take(link.id).await? {
            return Err(SetupError::InvalidLink);
        }
        let agent = match link.agent_id {
            None => {
                if work.agents().any().await? {
                    return Err(SetupError::InvalidLink);
                }
                let agent = Agent {
                    id: AgentId(self.ids.ordered()),
                    workspace_id: link.workspace_id,
                    email,
                    username: None,
                    name,
                    role: Role::Owner,
                    external_id: None,
                    password: Some(password),
                    auth_version: 1,
                    settings: AgentSettings::default(),
                    created_at: now,
                    updated_at: now,
                    unclaimed: false,
                    deactivated_at: None,
                };
                insert_or_claim(&*work, agent).await.map_err(taken)?
            }
            Some(id) => {
                let mut agent = work
                    .agents()
                    .find_for_update(link.workspace_id, id)
                    .await?
                    .filter(Agent::is_active)
                    .ok_or(SetupError::InvalidLink)?;
                if agent.email != email {
                    return Err(SetupError::OtherEmail);
                }
                agent.name = name;
                agent.password = Some(password);
                agent.unclaimed = false;
                agent.auth_version += 1;
                agent.updated_at = now;
                work.agents().update(&agent).await.map_err(taken)?;
                work.logins().end_all(id, None, now).await?;
                agent
            }
        };
        work.commit().await?;
        self.bus.publish(DomainEvent::Access(AccessChange::AgentChanged(agent.id)));
        self.begin(agent).await.map_err(|error| match error {
            AuthError::Repository(error) => error.into(),
            AuthError::Security(error) => error.into(),
            _ => SetupError::InvalidLink,
        })
    }

    fn sign(&self, agent: Agent, login_id: LoginId, generation: i64, now: Timestamp) -> Result<LoginTokens, AuthError> {
        let access = AccessClaims {
            agent_id: agent.id,
            login_id,
            auth_version: agent.auth_version,
            expires_at: now.plus(ACCESS_LIFETIME),
        };
        let refresh = RefreshClaims {
            login_id,
            generation,
            expires_at: now.plus(REFRESH_LIFETIME),
        };
        Ok(LoginTokens {
            access: self.tokens.sign_access(&access)?,
            expires_in: ACCESS_LIFETIME,
            refresh: self.tokens.sign_refresh(&refresh)?,
            refresh_expires_in: REFRESH_LIFETIME,
            agent,
        })
    }
}

fn taken(error: RepositoryError) -> SetupError {
    match error {
        RepositoryError::Conflict => SetupError::EmailTaken,
        other => other.into(),
    }
}
