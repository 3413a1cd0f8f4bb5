//! Who listens to what.
use crate::limits_config::Limits;
use parlor_domain::agent::AgentDirectory;
use parlor_domain::clock::Clock;
use parlor_domain::conversation::{ConversationReader, ConversationStore};
use parlor_domain::event::{DomainEvent, EventBus, EventSubscriber};
use parlor_domain::id::Ids;
use parlor_domain::visitor::VisitorService;
use std::pin::Pin;
use std::sync::Arc;

/// What the hub needs of the rest.
pub struct HubDependencies {
    /// Tells what happened, and takes signals.
    pub bus: Arc<dyn EventBus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names of connections, and chance.
    pub ids: Arc<dyn Ids>,
    /// Reads what the bus lost.
    pub reader: Arc<ConversationReader>,
    /// Reads many rows at once, to see whether the bus lost anything.
    pub conversations: Arc<dyn ConversationStore>,
    /// Whether agents' rights still stand.
    pub directory: Arc<AgentDirectory>,
    /// Whether visitors are still there.
    pub visitors: Arc<VisitorService>,
    /// How much a connection may do.
    pub limits: Limits,
    /// Whether this is the only node: then nobody needs to be told again who is online.
    pub alone: bool,
}

/// The sockets of this node.
pub struct Hub {
    #[expect(dead_code, reason = "skeleton")]
    with: HubDependencies,
}

impl Hub {
    /// Makes the hub and lets it listen to the bus.
    #[must_use]
    pub fn new(with: HubDependencies) -> Arc<Self> {
        Arc::new(Self { with })
    }

    /// What must run for as long as the server does; the caller spawns each.
    #[must_use]
    pub fn tasks(self: &Arc<Self>) -> Vec<Pin<Box<dyn Future<Output = ()> + Send>>> {
        Vec::new()
    }

    /// Tells all clients that the server stops, lets running commands finish, and waits (at most ten seconds) until all sockets are closed.
    pub async fn close_all(&self) {}
}

impl EventSubscriber for Hub {
    fn deliver(&self, _: &Arc<DomainEvent>) {}
}
