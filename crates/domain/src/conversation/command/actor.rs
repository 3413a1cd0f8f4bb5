//! Who acts.

use crate::agent::Role;
use crate::id::{AgentId, VisitorId, WorkspaceId};
use crate::message::{AuthorId, Message, Sender, SenderKind, Side};
use uuid::Uuid;

/// A visitor who acts, as its credential proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitorActor {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Who.
    pub id: VisitorId,
    /// The name that its messages carry.
    pub name: Option<String>,
}

/// An agent or machine who acts, as its credential proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentActor {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Who; a machine's is the id of its key.
    pub id: AgentId,
    /// The name that its messages carry.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// A machine writes like an agent, but never takes a conversation over.
    pub machine: bool,
}

/// The assistant of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssistantActor {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// The name that its messages carry.
    pub name: Option<String>,
}

/// Somebody whom a browser speaks for, without proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedActor {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Whose conversation.
    pub visitor_id: VisitorId,
    /// Whether it is the visitor, or an assistant of the page.
    pub side: Side,
    /// The visitor's name, on the visitor's messages.
    pub name: Option<String>,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The customer's side.
    Visitor(VisitorActor),
    /// Our side.
    Agent(AgentActor),
    /// The assistant.
    Assistant(AssistantActor),
    /// What a browser claims.
    Reported(ReportedActor),
    /// The server itself: wake-ups, consequences of other changes.
    System(WorkspaceId),
}

impl Actor {
    /// Where it acts.
    #[must_use]
    pub const fn workspace(&self) -> WorkspaceId {
        match self {
            Self::Visitor(visitor) => visitor.workspace_id,
            Self::Agent(agent) => agent.workspace_id,
            Self::Assistant(assistant) => assistant.workspace_id,
            Self::Reported(reported) => reported.workspace_id,
            Self::System(workspace) => *workspace,
        }
    }

    /// Which side it is on.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::Visitor(_) => Side::Visitor,
            Self::Reported(reported) => reported.side,
            Self::Agent(_) | Self::Assistant(_) | Self::System(_) => Side::Agent,
        }
    }

    /// Under whose name its client ids are unique.
    #[must_use]
    pub fn author(&self) -> AuthorId {
        match self {
            Self::Visitor(visitor) => visitor.id.into(),
            Self::Agent(agent) => agent.id.into(),
            Self::Assistant(_) => AuthorId::ASSISTANT,
            Self::Reported(_) => AuthorId::REPORTED,
            Self::System(_) => AuthorId::SYSTEM,
        }
    }

    pub(super) fn uuid(&self) -> Option<Uuid> {
        match self {
            Self::Visitor(visitor) => Some(visitor.id.0),
            Self::Agent(agent) => Some(agent.id.0),
            Self::Assistant(_) | Self::Reported(_) | Self::System(_) => None,
        }
    }

    pub(in crate::conversation) fn sender(&self) -> Sender {
        match self {
            Self::Visitor(visitor) => Sender {
                kind: SenderKind::Visitor,
                id: Some(visitor.id.0),
                name: visitor.name.clone(),
                reported: false,
            },
            Self::Agent(agent) => Sender {
                kind: SenderKind::Agent,
                id: Some(agent.id.0),
                name: Some(agent.name.clone()),
                reported: false,
            },
            Self::Assistant(assistant) => Sender {
                kind: SenderKind::Assistant,
                id: None,
                name: assistant.name.clone(),
                reported: false,
            },
            Self::Reported(reported) => match reported.side {
                Side::Visitor => Sender {
                    kind: SenderKind::Visitor,
                    id: Some(reported.visitor_id.0),
                    name: reported.name.clone(),
                    reported: true,
                },
                Side::Agent => Sender {
                    kind: SenderKind::Assistant,
                    id: None,
                    name: None,
                    reported: true,
                },
            },
            Self::System(_) => Sender {
                kind: SenderKind::System,
                id: None,
                name: None,
                reported: false,
            },
        }
    }

    /// Whether a message is its own.
    pub(super) fn wrote(&self, message: &Message) -> bool {
        !message.sender.reported && message.sender.id.is_some() && message.sender.id == self.uuid()
    }
}
