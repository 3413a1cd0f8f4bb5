//! Who is at the other end of a socket.

use super::protocol::{IdentityKind, IdentityShown};
use parlor_domain::agent::Caller;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Actor, Audience, Conversation, Viewer, VisitorActor};
use parlor_domain::event::Participant;
use parlor_domain::id::{ConversationId, LoginId, VisitorId, VisitorKey, WorkspaceId};
use parlor_domain::message::Side;
use parlor_domain::visitor::Visitor;
use std::sync::Arc;
use uuid::Uuid;

/// The holder of a room key, for that room only.
#[derive(Debug, Clone)]
pub struct RoomHolder {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Which room.
    pub conversation_id: ConversationId,
    /// Whose room it is; another visitor's after that one was identified.
    pub visitor_id: VisitorId,
    /// The name that its messages carry.
    pub name: Option<String>,
}

impl From<&Conversation> for RoomHolder {
    fn from(conversation: &Conversation) -> Self {
        Self {
            workspace_id: conversation.workspace_id,
            conversation_id: conversation.id,
            visitor_id: conversation.visitor_id,
            name: conversation.customer_name.clone(),
        }
    }
}

/// A visitor, and how long the proof is good.
#[derive(Debug, Clone)]
pub struct VisitorLogin {
    /// Who.
    pub visitor: Arc<Visitor>,
    /// The key, if that was the proof.
    pub key: Option<VisitorKey>,
    /// Until when, if a host-site token was the proof.
    pub expires_at: Option<Timestamp>,
}

/// Who is logged in.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Staff.
    Agent(Caller),
    /// A seller, or an agent in what it sells: on our side, and as a reader one of the two parties.
    Seller(Caller),
    /// A visitor, in all of its conversations.
    Visitor(VisitorLogin),
    /// The holder of a room key.
    Room(RoomHolder),
}

impl Identity {
    /// Where.
    #[must_use]
    pub fn workspace(&self) -> WorkspaceId {
        match self {
            Self::Agent(caller) | Self::Seller(caller) => caller.workspace_id,
            Self::Visitor(login) => login.visitor.workspace_id,
            Self::Room(room) => room.workspace_id,
        }
    }

    /// The internal id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::Agent(caller) | Self::Seller(caller) => caller.id.0,
            Self::Visitor(login) => login.visitor.id.0,
            Self::Room(room) => room.visitor_id.0,
        }
    }

    /// On which side.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::Agent(_) | Self::Seller(_) => Side::Agent,
            Self::Visitor(_) | Self::Room(_) => Side::Visitor,
        }
    }

    /// As which audience it counts.
    #[must_use]
    pub const fn audience(&self) -> Audience {
        match self {
            Self::Agent(_) => Audience::Staff,
            Self::Seller(_) | Self::Visitor(_) | Self::Room(_) => Audience::Public,
        }
    }

    /// Until when the login is good.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Agent(caller) | Self::Seller(caller) => caller.expires_at,
            Self::Visitor(login) => login.expires_at,
            Self::Room(_) => None,
        }
    }

    /// What tells one login of a person from another.
    #[must_use]
    pub fn proof(&self) -> (Option<LoginId>, Option<VisitorKey>, Option<Timestamp>) {
        match self {
            Self::Agent(caller) | Self::Seller(caller) => (caller.login_id, None, caller.expires_at),
            Self::Visitor(login) => (None, login.key, login.expires_at),
            Self::Room(_) => (None, None, None),
        }
    }

    /// As reader.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        match self {
            Self::Agent(caller) => Viewer::Staff(caller.workspace_id),
            Self::Seller(caller) => Viewer::Seller(caller.workspace_id, caller.id),
            Self::Visitor(login) => Viewer::Visitor(login.visitor.workspace_id, login.visitor.id),
            Self::Room(room) => Viewer::Visitor(room.workspace_id, room.visitor_id),
        }
    }

    /// As the rules of conversations see it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Agent(caller) | Self::Seller(caller) => Actor::Agent(caller.actor()),
            Self::Visitor(login) => {
                let visitor = &login.visitor;
                Actor::Visitor(VisitorActor {
                    workspace_id: visitor.workspace_id,
                    id: visitor.id,
                    name: self.name(),
                })
            }
            Self::Room(room) => Actor::Visitor(VisitorActor {
                workspace_id: room.workspace_id,
                id: room.visitor_id,
                name: room.name.clone(),
            }),
        }
    }

    /// Whether it is one of the two between whom a conversation is: the visitor, the holder of its room key, or the seller.
    #[must_use]
    pub fn is_party_of(&self, conversation: &Conversation) -> bool {
        match self {
            Self::Agent(_) => false,
            Self::Seller(caller) => conversation.is_sold_by(caller.id),
            Self::Visitor(login) => conversation.visitor_id == login.visitor.id,
            Self::Room(room) => conversation.id == room.conversation_id,
        }
    }

    /// As others see who types or is there.
    #[must_use]
    pub fn participant(&self) -> Participant {
        Participant {
            side: self.side(),
            id: self.id(),
            name: self.name(),
        }
    }

    /// As it is told who it is.
    #[must_use]
    pub fn shown(&self) -> IdentityShown {
        let kind = match self.side() {
            Side::Agent => IdentityKind::Agent,
            Side::Visitor => IdentityKind::Visitor,
        };
        IdentityShown { kind, id: self.id() }
    }

    fn name(&self) -> Option<String> {
        match self {
            Self::Agent(caller) | Self::Seller(caller) => Some(caller.name.as_str().to_owned()),
            Self::Visitor(login) => login.visitor.name.as_ref().map(|name| name.as_str().to_owned()),
            Self::Room(room) => room.name.clone(),
        }
    }
}
