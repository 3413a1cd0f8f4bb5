use super::{Agent, ApiKey, ApiScope, Login, Role};
use crate::cache::Cache;
use crate::clock::{Clock, Timestamp};
use crate::conversation::AgentActor;
use crate::event::{AccessChange, DomainEvent, EventBus, EventSubscriber};
use crate::id::{AgentId, KeyHash, LoginId, WorkspaceId};
use crate::realtime::TicketHolder;
use crate::security::{HostClaims, HostTokens, InvalidToken, Tokens};
use crate::store::{RepositoryError, Store};
use crate::text::{Email, Line, Name};
use std::sync::Arc;

/// Why a credential opens nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthenticationError {
    /// It was right and has run out.
    #[error("the token has expired")]
    Expired,
    /// It is wrong, revoked, or its owner is gone.
    #[error("the token is not valid")]
    Invalid,
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl From<InvalidToken> for AuthenticationError {
    fn from(error: InvalidToken) -> Self {
        match error {
            InvalidToken::Expired => Self::Expired,
            InvalidToken::Invalid => Self::Invalid,
        }
    }
}

/// Somebody on our side who proved to be it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Who; a machine's is the id of its key.
    pub id: AgentId,
    /// The name.
    pub name: Name,
    /// The e-mail address; machines have none.
    pub email: Option<Email>,
    /// What it may do.
    pub role: Role,
    /// The scope, if it is a machine.
    pub machine: Option<ApiScope>,
    /// The login that its token belongs to, if it is ours.
    pub login_id: Option<LoginId>,
    /// At which version of the agent the token was good.
    pub auth_version: i64,
    /// Until when the token is good.
    pub expires_at: Option<Timestamp>,
    /// The host site's id of the agent, if its token was the proof: good only while it is the agent's.
    pub host_subject: Option<Line>,
}

impl Caller {
    /// As the rules of conversations see it.
    #[must_use]
    pub fn actor(&self) -> AgentActor {
        AgentActor {
            workspace_id: self.workspace_id,
            id: self.id,
            name: self.name.as_str().to_owned(),
            role: self.role,
            machine: self.machine.is_some(),
        }
    }

    /// Whether it may change anything.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.machine != Some(ApiScope::Read)
    }

    /// Whether it works in conversations: everybody on our side but sellers.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.role >= Role::Agent
    }

    pub(super) fn of_agent(agent: &Agent, login_id: Option<LoginId>, expires_at: Option<Timestamp>) -> Self {
        Self {
            workspace_id: agent.workspace_id,
            id: agent.id,
            name: agent.name.clone(),
            email: Some(agent.email.clone()),
            role: agent.role,
            machine: None,
            login_id,
            auth_version: agent.auth_version,
            expires_at,
            host_subject: if login_id.is_none() { agent.external_id.clone() } else { None },
        }
    }

    fn of_machine(key: &ApiKey) -> Self {
        let role = if key.scope == ApiScope::Admin { Role::Admin } else { Role::Agent };
        Self {
            workspace_id: key.workspace_id,
            id: AgentId(key.id.0),
            name: key.name.clone(),
            email: None,
            role,
            machine: Some(key.scope),
            login_id: None,
            auth_version: 0,
            expires_at: None,
            host_subject: None,
        }
    }
}

/// What a bearer token proved.
#[derive(Debug, Clone)]
pub enum Bearer {
    /// Somebody on our side.
    Staff(Caller),
    /// A customer of the host site.
    Customer(HostClaims),
    /// A seller of the host site whom nobody here knows yet, or not by this address.
    Seller(HostClaims),
}

/// What all secrets of API keys begin with.
pub const API_KEY_PREFIX: &str = "parlor_";

/// Tells who a token belongs to. What ends a token is in force here at once and elsewhere within five seconds.
pub struct AgentDirectory {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tokens: Arc<dyn Tokens>,
    host: Option<Arc<dyn HostTokens>>,
    agents: Cache<AgentId, Option<Arc<Agent>>>,
    logins: Cache<LoginId, Option<Arc<Login>>>,
    machines: Cache<KeyHash, Option<Arc<ApiKey>>>,
    hosts: Cache<String, Option<Arc<Agent>>>,
}

impl AgentDirectory {
    /// Makes the directory; `host` checks tokens of the host site, if it has any.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, bus: &dyn EventBus, clock: Arc<dyn Clock>, tokens: Arc<dyn Tokens>, host: Option<Arc<dyn HostTokens>>) -> Arc<Self> {
        const ROOM: usize = 10_000;
        let directory = Arc::new(Self {
            agents: Cache::new(Arc::clone(&clock), ROOM),
            logins: Cache::new(Arc::clone(&clock), ROOM),
            machines: Cache::new(Arc::clone(&clock), ROOM),
            hosts: Cache::new(Arc::clone(&clock), ROOM),
            store,
            clock,
            tokens,
            host,
        });
        let subscriber: Arc<dyn EventSubscriber> = directory.clone();
        bus.subscribe(Arc::downgrade(&subscriber));
        directory
    }

    /// Who a bearer token belongs to: an API key, one of our access tokens, or a host site's token.
    ///
    /// # Errors
    /// What [`AuthenticationError`] says.
    pub async fn authenticate(&self, token: &str) -> Result<Bearer, AuthenticationError> {
        if token.starts_with(API_KEY_PREFIX) {
            return self.machine(token).await.map(Bearer::Staff);
        }
        let now = self.clock.now();
        match self.tokens.verify_access(token, now) {
            Ok(claims) => {
                let caller = self.by_login(claims.agent_id, claims.login_id, claims.auth_version, claims.expires_at).await?;
                Ok(Bearer::Staff(caller))
            }
            Err(InvalidToken::Expired) => Err(AuthenticationError::Expired),
            Err(InvalidToken::Invalid) => {
                let host = self.host.as_ref().ok_or(AuthenticationError::Invalid)?;
                let claims = checked(host.verify(token, now).await?)?;
                match self.by_external_id(&claims.subject).await? {
                    // The host site says another address now: that is looked at where sellers are made.
                    Some(agent) if agent.is_active() && moves(&agent, &claims) => Ok(Bearer::Seller(claims)),
                    Some(agent) if agent.is_active() => Ok(Bearer::Staff(Caller::of_agent(&agent, None, Some(claims.expires_at)))),
                    // The claims of a deactivated agent do not make it a customer.
                    Some(_) => Err(AuthenticationError::Invalid),
                    None if claims.role.as_deref() == Some("seller") => Ok(Bearer::Seller(claims)),
                    None => Ok(Bearer::Customer(claims)),
                }
            }
        }
    }

    /// Who holds a ticket, if the rights still stand that it was given for.
    ///
    /// # Errors
    /// What [`AuthenticationError`] says.
    pub async fn of_ticket(&self, holder: &TicketHolder) -> Result<Option<Caller>, AuthenticationError> {
        match *holder {
            TicketHolder::Agent {
                agent_id,
                login_id,
                auth_version,
                expires_at,
            } => self.by_login(agent_id, login_id, auth_version, expires_at).await.map(Some),
            TicketHolder::HostAgent {
                agent_id,
                auth_version,
                expires_at,
            } => {
                let agent = self
                    .agent(agent_id)
                    .await?
                    .filter(|agent| agent.is_active() && agent.auth_version == auth_version);
                let agent = agent.filter(|agent| agent.external_id.is_some());
                agent
                    .map(|agent| Some(Caller::of_agent(&agent, None, Some(expires_at))))
                    .ok_or(AuthenticationError::Invalid)
            }
            TicketHolder::Visitor { .. } | TicketHolder::Room { .. } => Ok(None),
        }
    }

    /// Whether a caller's rights still stand, with its role as it is now.
    ///
    /// # Errors
    /// What [`AuthenticationError`] says.
    pub async fn renew(&self, caller: &Caller) -> Result<Caller, AuthenticationError> {
        if caller.machine.is_some() {
            let keys = self.store.read().await?.api_keys().list(caller.workspace_id).await?;
            return keys
                .iter()
                .find(|key| key.id.0 == caller.id.0)
                .map(Caller::of_machine)
                .ok_or(AuthenticationError::Invalid);
        }
        let expires_at = caller.expires_at;
        if expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(AuthenticationError::Expired);
        }
        match (caller.login_id, expires_at) {
            (Some(login), Some(expires_at)) => self.by_login(caller.id, login, caller.auth_version, expires_at).await,
            _ => {
                let agent = self
                    .agent(caller.id)
                    .await?
                    .filter(|agent| agent.is_active() && agent.auth_version == caller.auth_version);
                // The host's token proved its `sub`, and that may be somebody else's by now.
                let agent = agent.filter(|agent| agent.external_id == caller.host_subject);
                agent
                    .map(|agent| Caller::of_agent(&agent, None, expires_at))
                    .ok_or(AuthenticationError::Invalid)
            }
        }
    }

    async fn by_login(&self, agent: AgentId, login: LoginId, auth_version: i64, expires_at: Timestamp) -> Result<Caller, AuthenticationError> {
        let known = self.login(login).await?.ok_or(AuthenticationError::Invalid)?;
        if known.ended_at.is_some() || known.agent_id != agent {
            return Err(AuthenticationError::Invalid);
        }
        let agent = self.agent(agent).await?.filter(|agent| agent.is_active()).ok_or(AuthenticationError::Invalid)?;
        // A login that outlived a password change carries the new version; its tokens may be one behind.
        if agent.auth_version != known.auth_version || auth_version > agent.auth_version {
            return Err(AuthenticationError::Invalid);
        }
        Ok(Caller::of_agent(&agent, Some(login), Some(expires_at)))
    }

    async fn agent(&self, id: AgentId) -> Result<Option<Arc<Agent>>, RepositoryError> {
        let miss = match self.agents.get(&id) {
            Ok(known) => return Ok(known),
            Err(miss) => miss,
        };
        let agent = self.store.read().await?.agents().find_any(id).await?.map(Arc::new);
        self.agents.put(miss, id, agent.clone());
        Ok(agent)
    }

    async fn login(&self, id: LoginId) -> Result<Option<Arc<Login>>, RepositoryError> {
        let miss = match self.logins.get(&id) {
            Ok(known) => return Ok(known),
            Err(miss) => miss,
        };
        let login = self.store.read().await?.logins().find(id).await?.map(Arc::new);
        self.logins.put(miss, id, login.clone());
        Ok(login)
    }

    async fn by_external_id(&self, subject: &str) -> Result<Option<Arc<Agent>>, RepositoryError> {
        let key = subject.to_owned();
        let miss = match self.hosts.get(&key) {
            Ok(known) => return Ok(known),
            Err(miss) => miss,
        };
        let agent = self.store.read().await?.agents().find_by_external_id(subject).await?.map(Arc::new);
        self.hosts.put(miss, key, agent.clone());
        Ok(agent)
    }

    async fn machine(&self, secret: &str) -> Result<Caller, AuthenticationError> {
        let hash = KeyHash::of(secret.as_bytes());
        let key = match self.machines.get(&hash) {
            Ok(known) => known,
            Err(miss) => {
                let key = self.store.read().await?.api_keys().find_by_secret(hash).await?.map(Arc::new);
                self.machines.put(miss, hash, key.clone());
                key
            }
        };
        key.filter(|key| key.revoked_at.is_none())
            .map(|key| Caller::of_machine(&key))
            .ok_or(AuthenticationError::Invalid)
    }
}

/// Whether the host site vouches for another address of a seller.
fn moves(agent: &Agent, claims: &HostClaims) -> bool {
    let vouched = claims
        .email
        .as_deref()
        .filter(|_| claims.email_verified)
        .and_then(|email| Email::parse(email).ok());
    agent.role == Role::Seller && vouched.is_some_and(|email| email != agent.email)
}

/// A subject must be storable as it is: it decides who somebody is.
fn checked(claims: HostClaims) -> Result<HostClaims, AuthenticationError> {
    match Line::parse(&claims.subject) {
        Ok(line) if line.as_str() == claims.subject => Ok(claims),
        _ => Err(AuthenticationError::Invalid),
    }
}

impl EventSubscriber for AgentDirectory {
    fn deliver(&self, event: &Arc<DomainEvent>) {
        let DomainEvent::Access(change) = &**event else { return };
        match change {
            AccessChange::LoginEnded(_) => self.logins.clear(),
            AccessChange::AgentChanged(_) => {
                self.agents.clear();
                self.logins.clear();
                self.hosts.clear();
            }
            AccessChange::ApiKeyRevoked(_) => self.machines.clear(),
            AccessChange::VisitorGone(_) | AccessChange::ConversationMoved(_) | AccessChange::ChannelsChanged(_) => {}
        }
    }
}
