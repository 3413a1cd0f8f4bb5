use crate::build::{a_channel, a_conversation, a_visitor, a_visitor_key, a_workspace, an_agent, now};
use parlor_domain::agent::{Agent, Role};
use parlor_domain::channel::Channel;
use parlor_domain::conversation::Conversation;
use parlor_domain::id::VisitorKey;
use parlor_domain::store::{RepositoryError, Store};
use parlor_domain::visitor::Visitor;
use parlor_domain::workspace::Workspace;

/// One of each: a workspace with a channel, through which a visitor began a conversation, and an agent.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// The tenant.
    pub workspace: Workspace,
    /// Its entry point.
    pub channel: Channel,
    /// Who came in.
    pub visitor: Visitor,
    /// What proves the visitor.
    pub visitor_key: VisitorKey,
    /// Who answers, with role `agent`.
    pub agent: Agent,
    /// The visitor's conversation, without a message, in the queue.
    pub conversation: Conversation,
}

impl Fixture {
    /// Makes them, with ids and names of their own.
    #[must_use]
    pub fn new() -> Self {
        let workspace = a_workspace();
        let channel = a_channel(&workspace);
        let visitor = a_visitor(&channel);
        let agent = an_agent(&workspace, Role::Agent);
        let conversation = a_conversation(&visitor);
        Self {
            workspace,
            channel,
            visitor,
            visitor_key: a_visitor_key(),
            agent,
            conversation,
        }
    }

    /// Makes and stores them.
    ///
    /// # Errors
    /// What the store says.
    pub async fn stored(store: &dyn Store) -> Result<Self, RepositoryError> {
        let fixture = Self::new();
        fixture.store(store).await?;
        Ok(fixture)
    }

    /// Stores them.
    ///
    /// # Errors
    /// What the store says.
    pub async fn store(&self, store: &dyn Store) -> Result<(), RepositoryError> {
        let work = store.begin().await?;
        work.workspaces().insert(&self.workspace).await?;
        work.channels().insert(&self.channel).await?;
        work.visitors().insert(&self.visitor).await?;
        work.visitors().insert_key(self.visitor.id, self.visitor_key.hash(), now()).await?;
        work.agents().insert(&self.agent).await?;
        work.conversations().insert(&self.conversation).await?;
        work.commit().await
    }
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new()
    }
}
