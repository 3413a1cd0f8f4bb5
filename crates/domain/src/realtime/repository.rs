use crate::clock::Timestamp;
use crate::id::{AgentId, ConversationId, KeyHash, LoginId, VisitorId, WorkspaceId};
use crate::store::RepositoryError;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Whom a ticket lets in, as its login proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TicketHolder {
    /// An agent by its login.
    Agent {
        /// Who.
        agent_id: AgentId,
        /// Which login ends it.
        login_id: LoginId,
        /// At which version of the agent.
        auth_version: i64,
        /// Until when the token was good.
        expires_at: Timestamp,
    },
    /// An agent by a host-site token.
    HostAgent {
        /// Who.
        agent_id: AgentId,
        /// At which version of the agent.
        auth_version: i64,
        /// Until when the token was good.
        expires_at: Timestamp,
    },
    /// A visitor.
    Visitor {
        /// Where.
        workspace_id: WorkspaceId,
        /// Who.
        visitor_id: VisitorId,
        /// Until when, if a host-site token was the proof.
        expires_at: Option<Timestamp>,
    },
    /// The holder of a room key, for that room.
    Room {
        /// Where.
        workspace_id: WorkspaceId,
        /// Who.
        visitor_id: VisitorId,
        /// Which room.
        conversation_id: ConversationId,
    },
}

/// A ticket as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Hash of the value that the client got.
    pub hash: KeyHash,
    /// Whom it lets in.
    pub holder: TicketHolder,
    /// The `Origin` it was asked from, if there was one; only from there it is good.
    pub origin: Option<String>,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// Keeps tickets.
#[async_trait]
pub trait TicketRepository: Send + Sync {
    /// Adds one.
    async fn insert(&self, ticket: &Ticket) -> Result<(), RepositoryError>;
    /// Uses one up: of two at once, one gets it.
    async fn take(&self, hash: KeyHash) -> Result<Option<Ticket>, RepositoryError>;
    /// Forgets those that ran out before `before`.
    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError>;
}
