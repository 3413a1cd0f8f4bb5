//! Sellers of a marketplace: agents who see only what they sell. The host site vouches for them.

use super::{Agent, AgentSettings, AuthenticationError, Caller, Role};
use crate::clock::Clock;
use crate::conversation::{Action, Actor, Command, ConversationWriter, PartyId, Seller};
use crate::event::{AccessChange, DomainEvent, EventBus};
use crate::id::{AgentId, ConversationId, Ids, WorkspaceId};
use crate::page::Limit;
use crate::security::HostClaims;
use crate::store::{Repositories, RepositoryError, Store};
use crate::text::{Email, Line, Name};
use std::sync::Arc;
use std::time::Duration;

/// Why somebody is no seller here.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SellerError {
    /// The token has no verified e-mail address, and sellers are known by theirs.
    #[error("the token has no verified e-mail address, by which sellers are known")]
    NoEmail,
    /// The address belongs to somebody who is no seller here, or to a seller who came with another `sub` before.
    #[error("the e-mail address belongs to somebody else here")]
    EmailTaken,
    /// The seller was deactivated.
    #[error("this seller was deactivated")]
    Deactivated,
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl From<SellerError> for AuthenticationError {
    fn from(error: SellerError) -> Self {
        match error {
            SellerError::Repository(error) => Self::Repository(error),
            SellerError::NoEmail | SellerError::EmailTaken | SellerError::Deactivated => Self::Invalid,
        }
    }
}

/// How often a seller is looked for while others make it.
const ATTEMPTS: usize = 3;

/// So long after a change of an address the next one counts: two tokens with different addresses must not take turns.
pub(crate) const ADDRESS_HOLDS_FOR: Duration = Duration::from_secs(60);

/// Makes and finds sellers.
pub struct SellerService {
    store: Arc<dyn Store>,
    bus: Arc<dyn EventBus>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    writer: Arc<ConversationWriter>,
}

impl SellerService {
    /// Makes the service.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, bus: Arc<dyn EventBus>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, writer: Arc<ConversationWriter>) -> Self {
        Self {
            store,
            bus,
            clock,
            ids,
            writer,
        }
    }

    /// The seller whom a host-site token names: made at first sight, or the one whom nobody has claimed yet under this e-mail address.
    /// The host site vouches for the address anew with each token.
    ///
    /// # Errors
    /// What [`SellerError`] says.
    pub async fn of_claims(&self, workspace: WorkspaceId, claims: &HostClaims) -> Result<Caller, SellerError> {
        let email = claims
            .email
            .as_deref()
            .filter(|_| claims.email_verified)
            .and_then(|email| Email::parse(email).ok());
        let email = email.ok_or(SellerError::NoEmail)?;
        let subject = Line::parse(&claims.subject).map_err(|_| SellerError::EmailTaken)?;
        for _ in 0..ATTEMPTS {
            let known = self.store.read().await?.agents().find_by_external_id(subject.as_str()).await?;
            let seen = match known {
                Some(known) if !known.is_active() => return Err(SellerError::Deactivated),
                Some(known) => self.at_address(known, &email).await?,
                None => self.first_seen(workspace, &subject, &email, claims.name.as_deref()).await?,
            };
            if let Some(agent) = seen {
                return Ok(Caller::of_agent(&agent, None, Some(claims.expires_at)));
            }
        }
        Err(RepositoryError::Unavailable("the seller is being made by another request".to_owned()).into())
    }

    /// Makes or claims a seller. `None` if somebody else was faster.
    async fn first_seen(&self, workspace: WorkspaceId, subject: &Line, email: &Email, name: Option<&str>) -> Result<Option<Agent>, SellerError> {
        let name = name.and_then(|name| Name::parse(name).ok());
        let work = self.store.begin().await?;
        let agent = match work.agents().find_by_email(workspace, email).await? {
            None => {
                let agent = Agent {
                    external_id: Some(subject.clone()),
                    ..self.new_seller(workspace, email, name, false)
                };
                match work.agents().insert(&agent).await {
                    Ok(()) => agent,
                    // The address is somebody's in another workspace, or this is done elsewhere at this moment.
                    Err(RepositoryError::Conflict) => {
                        let same = work.agents().find_by_external_id(subject.as_str()).await?.is_some();
                        return if same { Ok(None) } else { Err(SellerError::EmailTaken) };
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Some(known) if known.role == Role::Seller && known.external_id.is_none() => {
                let mut agent = work.agents().find_for_update(workspace, known.id).await?.ok_or(SellerError::EmailTaken)?;
                if !agent.is_active() {
                    return Err(SellerError::Deactivated);
                }
                if agent.external_id.is_some() || agent.role != Role::Seller || agent.email != *email {
                    return Ok(None);
                }
                agent.external_id = Some(subject.clone());
                // Until now it was called by its address.
                if let Some(name) = name.filter(|_| agent.unclaimed) {
                    agent.name = name;
                }
                agent.unclaimed = false;
                agent.updated_at = self.clock.now();
                match work.agents().update(&agent).await {
                    Ok(()) => agent,
                    Err(RepositoryError::Conflict) => {
                        let same = work.agents().find_by_external_id(subject.as_str()).await?.is_some();
                        return if same { Ok(None) } else { Err(SellerError::EmailTaken) };
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Some(known) if known.external_id.as_ref() == Some(subject) => return Ok(None),
            Some(_) => return Err(SellerError::EmailTaken),
        };
        work.commit().await?;
        self.bus.publish(DomainEvent::Access(AccessChange::AgentChanged(agent.id)));
        Ok(Some(agent))
    }

    /// A known seller whose address may be another one now. If that is somebody else's, it keeps the old one.
    async fn at_address(&self, known: Agent, email: &Email) -> Result<Option<Agent>, SellerError> {
        let now = self.clock.now();
        if known.role != Role::Seller || known.email == *email || now < known.updated_at.plus(ADDRESS_HOLDS_FOR) {
            return Ok(Some(known));
        }
        let work = self.store.begin().await?;
        let Some(mut agent) = work.agents().find_for_update(known.workspace_id, known.id).await? else {
            return Ok(None);
        };
        agent.email = email.clone();
        agent.updated_at = now;
        let moved = take_address(&*work, &agent).await?;
        match work.agents().update(&agent).await {
            Ok(()) => work.commit().await?,
            Err(RepositoryError::Conflict) => return Ok(Some(known)),
            Err(error) => return Err(error.into()),
        }
        self.bus.publish(DomainEvent::Access(AccessChange::AgentChanged(agent.id)));
        tell_customers(&*self.store, &self.writer, &agent, moved).await?;
        Ok(Some(agent))
    }

    /// The agent whom a conversation names as its seller. If nobody has the address, a seller is made who can be claimed later.
    ///
    /// # Errors
    /// [`SellerError::Deactivated`], or what storage says.
    pub async fn by_email(&self, workspace: WorkspaceId, email: &Email) -> Result<Seller, SellerError> {
        for _ in 0..ATTEMPTS {
            if let Some(known) = self.store.read().await?.agents().find_by_email(workspace, email).await? {
                return if known.is_active() {
                    Ok(seller(&known))
                } else {
                    Err(SellerError::Deactivated)
                };
            }
            let agent = self.new_seller(workspace, email, None, true);
            let work = self.store.begin().await?;
            match work.agents().insert(&agent).await {
                Ok(()) => {
                    // Nobody can have heard of it, so nobody is told.
                    work.commit().await?;
                    return Ok(seller(&agent));
                }
                Err(RepositoryError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(RepositoryError::Unavailable("the seller is being made by another request".to_owned()).into())
    }

    fn new_seller(&self, workspace: WorkspaceId, email: &Email, name: Option<Name>, unclaimed: bool) -> Agent {
        let now = self.clock.now();
        Agent {
            id: AgentId(self.ids.ordered()),
            workspace_id: workspace,
            email: email.clone(),
            username: None,
            name: name.unwrap_or_else(|| Name::stored(email.as_str().chars().take(200).collect())),
            role: Role::Seller,
            external_id: None,
            password: None,
            auth_version: 1,
            settings: AgentSettings::default(),
            created_at: now,
            updated_at: now,
            unclaimed,
            deactivated_at: None,
        }
    }
}

/// Adds an agent. If its address was named by a customer, it is that seller from now on, and has what was begun with it.
pub(super) async fn insert_or_claim(work: &dyn Repositories, agent: Agent) -> Result<Agent, RepositoryError> {
    let Some(named) = unclaimed(work, agent.workspace_id, &agent.email).await? else {
        work.agents().insert(&agent).await?;
        return Ok(agent);
    };
    let agent = Agent {
        id: named.id,
        auth_version: named.auth_version + 1,
        created_at: named.created_at,
        ..agent
    };
    work.agents().update(&agent).await?;
    Ok(agent)
}

/// Conversations that were an unclaimed seller's.
#[derive(Default)]
pub(super) struct Moved {
    from: Option<AgentId>,
    conversations: Vec<ConversationId>,
}

/// Takes an agent's new address from an unclaimed seller who has it, with all that was begun with it.
pub(super) async fn take_address(work: &dyn Repositories, agent: &Agent) -> Result<Moved, RepositoryError> {
    let Some(named) = unclaimed(work, agent.workspace_id, &agent.email).await? else {
        return Ok(Moved::default());
    };
    let conversations = work.conversations().move_to_seller(agent.workspace_id, named.id, &seller(agent)).await?;
    work.invitations().delete_of(named.id).await?;
    work.agents().delete_unclaimed(named.id).await?;
    Ok(Moved {
        from: Some(named.id),
        conversations,
    })
}

async fn unclaimed(work: &dyn Repositories, workspace: WorkspaceId, email: &Email) -> Result<Option<Agent>, RepositoryError> {
    let Some(named) = work.agents().find_by_email(workspace, email).await?.filter(|named| named.unclaimed) else {
        return Ok(None);
    };
    let named = work.agents().find_for_update(workspace, named.id).await?;
    Ok(named.filter(|named| named.unclaimed))
}

/// Customers know a seller by its address: the present one on all that it sells. `moved` were another's until now.
pub(super) async fn tell_customers(store: &dyn Store, writer: &ConversationWriter, agent: &Agent, moved: Moved) -> Result<(), RepositoryError> {
    let submit = async |conversation_id, action| {
        let command = Command {
            conversation_id,
            actor: Actor::System(agent.workspace_id),
            action,
        };
        if let Err(error) = writer.submit(command).await {
            tracing::warn!(conversation = %conversation_id, %error, "a conversation shows its seller's old address");
        }
    };
    for id in moved.conversations {
        let row = store.read().await?.conversations().find(agent.workspace_id, id).await?;
        // Whoever stands in meanwhile goes on.
        if row.is_some_and(|row| row.handler.assignee() == moved.from) {
            submit(id, Action::Assign(Some(agent.id))).await;
        }
    }
    let mut after = None;
    loop {
        let read = store.read().await?;
        let party = PartyId::Seller(agent.id);
        let sold = read.conversations().list_of_party(agent.workspace_id, party, after, Limit::MAX).await?;
        drop(read);
        for conversation in sold.items {
            let email = agent.email.as_str().to_owned();
            submit(conversation.id, Action::SetSeller { email }).await;
        }
        after = sold.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn seller(agent: &Agent) -> Seller {
    Seller {
        id: agent.id,
        email: agent.email.as_str().to_owned(),
    }
}
