//! Marketplace: a customer and a seller talk about a listing. Clients choose the ids and hold the conversation themselves;
//! how they save it is in `saving`.

use super::stored::with_messages;
use super::{ConversationService, Sent};
use crate::conversation::command::{Actor, AgentActor, VisitorActor};
use crate::conversation::{CommandError, Conversation, ConversationKind, MessageKey, PartyId, ReadError, Viewer};
use crate::id::{ConversationId, MessageId, WorkspaceId};
use crate::message::{AuthorId, Message, Move, Side};
use crate::page::{Cursor, Limit, Page};
use crate::store::RepositoryError;
use crate::text::{ClientId, Email, InvalidText, Line};
use crate::visitor::Visitor;
use std::sync::Arc;

/// So many of a conversation's newest messages go with it.
pub const EMBEDDED: usize = 100;

/// What both sides call a conversation: the id that its client chose (1–200 characters without control characters), else ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRef(String);

impl ConversationRef {
    /// Takes an id that keeps the rules, as it is.
    ///
    /// # Errors
    /// What [`InvalidText`] says.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        // The same rules as for the other family whose clients choose ids.
        super::ChatRef::parse(raw).map(|chat| Self(chat.as_str().to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a client of this family names a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MessageRef {
    /// By our id.
    Id(MessageId),
    /// By its author's own id.
    ClientId(ClientId),
    /// By its place: it was made elsewhere.
    Place(i64),
}

/// One of the two, as its credential proved.
#[derive(Debug, Clone)]
pub enum Party {
    /// A verified customer with the e-mail address that the host site vouched for.
    Customer(Arc<Visitor>, Email),
    /// A seller, or an agent in what it sells, with its e-mail address.
    Seller(AgentActor, Email),
}

impl Party {
    /// Where.
    #[must_use]
    pub fn workspace(&self) -> WorkspaceId {
        match self {
            Self::Customer(visitor, _) => visitor.workspace_id,
            Self::Seller(agent, _) => agent.workspace_id,
        }
    }

    /// The address by which the other side knows it.
    #[must_use]
    pub const fn email(&self) -> &Email {
        match self {
            Self::Customer(_, email) | Self::Seller(_, email) => email,
        }
    }

    /// On which side.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::Customer(..) => Side::Visitor,
            Self::Seller(..) => Side::Agent,
        }
    }

    /// As the rules of conversations see it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Customer(visitor, _) => Actor::Visitor(VisitorActor {
                workspace_id: visitor.workspace_id,
                id: visitor.id,
                name: visitor.name.as_ref().map(|name| name.as_str().to_owned()),
            }),
            Self::Seller(agent, _) => Actor::Agent(agent.clone()),
        }
    }

    /// As reader.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        match self {
            Self::Customer(visitor, _) => Viewer::Visitor(visitor.workspace_id, visitor.id),
            Self::Seller(agent, _) => Viewer::Seller(agent.workspace_id, agent.id),
        }
    }

    fn id(&self) -> PartyId {
        match self {
            Self::Customer(visitor, _) => PartyId::Customer(visitor.id),
            Self::Seller(agent, _) => PartyId::Seller(agent.id),
        }
    }

    pub(super) fn author(&self) -> AuthorId {
        match self {
            Self::Customer(visitor, _) => visitor.id.into(),
            Self::Seller(agent, _) => agent.id.into(),
        }
    }

    fn is_in(&self, conversation: &Conversation) -> bool {
        match self {
            Self::Customer(visitor, _) => conversation.visitor_id == visitor.id,
            Self::Seller(agent, _) => conversation.is_sold_by(agent.id),
        }
    }
}

/// A conversation with its newest messages.
#[derive(Debug, Clone)]
pub struct MarketplaceConversation {
    /// The conversation.
    pub conversation: Conversation,
    /// The newest [`EMBEDDED`] messages, oldest first.
    pub messages: Vec<Message>,
}

/// Where a named conversation was found.
pub(super) enum Found {
    Own(Box<Conversation>),
    Deleted,
    Others,
    Nowhere,
}

impl ConversationService {
    /// A page of a party's conversations, newest activity first, with their newest messages; it ends earlier after some
    /// megabytes of text.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn marketplace_list(&self, party: &Party, after: Option<Cursor>, limit: Limit) -> Result<Page<MarketplaceConversation>, RepositoryError> {
        let read = self.store.read().await?;
        let page = read.conversations().list_of_party(party.workspace(), party.id(), after, limit).await?;
        let page = with_messages(&*read, page, EMBEDDED).await?;
        Ok(page.map(|(conversation, messages)| MarketplaceConversation { conversation, messages }))
    }

    /// A party's own conversation.
    ///
    /// # Errors
    /// What [`ReadError`] says.
    pub async fn marketplace_find(&self, party: &Party, named: &ConversationRef) -> Result<Conversation, ReadError> {
        match self.named(party, named).await? {
            Found::Own(conversation) => Ok(*conversation),
            Found::Deleted | Found::Others | Found::Nowhere => Err(ReadError::NotFound),
        }
    }

    /// A marketplace conversation of a workspace, whoever's: for admins.
    ///
    /// # Errors
    /// What [`ReadError`] says.
    pub async fn marketplace_find_any(&self, workspace: WorkspaceId, named: &ConversationRef) -> Result<Conversation, ReadError> {
        let found = self.anybodys(workspace, named).await?;
        found.filter(|found| found.deleted_at.is_none()).ok_or(ReadError::NotFound)
    }

    /// A conversation with its newest messages.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn with_newest(&self, conversation: Conversation) -> Result<MarketplaceConversation, RepositoryError> {
        let read = self.store.read().await?;
        let one = Page {
            items: vec![conversation.clone()],
            next: None,
        };
        let messages = with_messages(&*read, one, EMBEDDED).await?.items.pop().map(|(_, messages)| messages);
        Ok(MarketplaceConversation {
            conversation,
            messages: messages.unwrap_or_default(),
        })
    }

    /// The message that a client of this family names. Both parties choose ids, so the one of the side that is meant counts first.
    ///
    /// # Errors
    /// [`CommandError::MessageNotFound`], or what storage says.
    pub async fn marketplace_message(&self, conversation: &Conversation, named: &MessageRef, meant: Side) -> Result<Message, CommandError> {
        let keys: Vec<MessageKey> = match named {
            MessageRef::Id(id) => vec![MessageKey::Id(conversation.id, *id)],
            MessageRef::Place(seq) => vec![MessageKey::Place(conversation.id, *seq)],
            MessageRef::ClientId(id) => authors(conversation, meant)
                .map(|author| MessageKey::ClientId(conversation.id, author, id.as_str().to_owned()))
                .collect(),
        };
        for key in keys {
            if let Some(found) = self.writer.stored(key).await?.filter(|found| !found.private) {
                return Ok(found);
            }
        }
        Err(CommandError::MessageNotFound)
    }

    /// Decides about a message that a client of this family names, or takes an own one back.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn marketplace_move(&self, actor: Actor, conversation: &Conversation, named: &MessageRef, action: Move) -> Result<Sent, CommandError> {
        let meant = match (&action, actor.side()) {
            (Move::Withdraw, own) => own,
            (_, Side::Visitor) => Side::Agent,
            (_, Side::Agent) => Side::Visitor,
        };
        let message = self.marketplace_message(conversation, named, meant).await?;
        self.move_proposal(actor, conversation.id, message.id, action).await
    }

    async fn anybodys(&self, workspace: WorkspaceId, named: &ConversationRef) -> Result<Option<Conversation>, RepositoryError> {
        let read = self.store.read().await?;
        let conversations = read.conversations();
        if let Some(found) = conversations
            .find_by_client_ref(workspace, ConversationKind::Marketplace, named.as_str())
            .await?
        {
            return Ok(Some(found));
        }
        let Ok(id) = named.as_str().parse::<ConversationId>() else { return Ok(None) };
        let found = conversations.find(workspace, id).await?;
        // One that has a name of its own is not called by ours.
        Ok(found.filter(|found| found.kind == ConversationKind::Marketplace && found.client_ref.is_none()))
    }

    pub(super) async fn named(&self, party: &Party, named: &ConversationRef) -> Result<Found, RepositoryError> {
        Ok(match self.anybodys(party.workspace(), named).await? {
            None => Found::Nowhere,
            Some(found) if !party.is_in(&found) => Found::Others,
            Some(found) if found.deleted_at.is_some() => Found::Deleted,
            Some(found) => Found::Own(Box::new(found)),
        })
    }

    /// Puts up a flag for the workspace's agents to see.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn marketplace_flag(&self, party: &Party, conversation: ConversationId, reason: Option<Line>) -> Result<Arc<Conversation>, CommandError> {
        self.set_flag(party.actor(), conversation, Some(reason)).await
    }
}

/// The authors who choose numbers in this family, the side that is meant first.
pub(super) fn authors(conversation: &Conversation, meant: Side) -> impl Iterator<Item = AuthorId> + use<> {
    let customer = AuthorId::from(conversation.visitor_id);
    let seller = conversation.seller.as_ref().map(|seller| AuthorId::from(seller.id));
    let (first, second) = match meant {
        Side::Visitor => (Some(customer), seller),
        Side::Agent => (seller, Some(customer)),
    };
    first.into_iter().chain(second)
}
