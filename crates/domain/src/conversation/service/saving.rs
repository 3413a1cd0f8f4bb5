//! A client of the marketplace saves its conversation as it holds it: what is new in it is stored, what it may decide is
//! decided, and nothing else is believed.

use super::marketplace::{Found, authors};
use super::{BeginConversation, BeginError, ConversationRef, ConversationService, MarketplaceConversation, MessageRef, Party, SendMessage, Sent, Starter};
use crate::agent::{SellerError, SellerService};
use crate::channel::Channel;
use crate::clock::Timestamp;
use crate::conversation::command::{Action, SubjectEdit};
use crate::conversation::{CommandError, Conversation, ConversationKind, MessageKey, Subject};
use crate::creation::CreationKey;
use crate::id::MessageId;
use crate::message::{Message, Move, Proposal, ProposalStatus, Side};
use crate::store::RepositoryError;
use crate::text::{ClientId, Email, InvalidText, Line, MessageText, Name};
use crate::visitor::EditVisitor;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::sync::Arc;

/// So many messages of a save are with the writer at once: fewer than a batch, so others find room in between.
const SAVED_AT_ONCE: usize = 200;

const PAYLOAD_TOO_LARGE: InvalidText = InvalidText::Shape("has a payload of more than 8000 bytes as JSON");

/// A message in what a client saves.
#[derive(Debug, Clone)]
pub struct SavedMessage {
    /// What the client calls it.
    pub reference: MessageRef,
    /// Whose side it says to be from; `None` is a line of the server.
    pub side: Option<Side>,
    /// What it says. Checked only if it is to be stored.
    pub text: Result<MessageText, InvalidText>,
    /// The offer or appointment that it is.
    pub proposal: Option<Proposal>,
    /// What the sender's clock said.
    pub sent_at: Option<Timestamp>,
}

/// What a client saves of a conversation.
#[derive(Debug, Clone)]
pub struct Save {
    /// What the client calls the conversation; without it one begins under our id.
    pub reference: Option<ConversationRef>,
    /// The seller's address, if it begins now.
    pub seller: Option<Email>,
    /// What it is about, if it begins now.
    pub subject: Option<Subject>,
    /// What is different about that, if it is known.
    pub subject_edit: SubjectEdit,
    /// The messages that the client holds, in its order.
    pub messages: Vec<SavedMessage>,
    /// Whether the caller's side has read them all.
    pub read: bool,
    /// A flag to be put up, with its reason.
    pub flag: Option<Option<Line>>,
    /// What a customer calls itself, for one whom the host site's token does not name.
    pub customer_name: Option<Name>,
    /// Under which key it began, if it is to begin only once.
    pub once: Option<CreationKey>,
}

/// What became of a save.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The conversation now.
    pub conversation: MarketplaceConversation,
    /// Whether it began now.
    pub made: bool,
    /// How many messages were left out: of the other side, that nobody here knows; or own ones whose number says something else.
    pub ignored: usize,
}

/// Why a conversation was not saved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SaveError {
    /// The id belongs to other people.
    #[error("this id belongs to other people")]
    IdTaken,
    /// One that begins names no seller.
    #[error("a conversation that begins names its seller")]
    SellerMissing,
    /// The seller cannot be reached.
    #[error(transparent)]
    Seller(#[from] SellerError),
    /// Only a customer begins a conversation.
    #[error("a conversation begins with its customer")]
    CustomerBegins,
    /// A message that is to be stored is no message: which one, and why.
    #[error("message {0}: {1}")]
    Message(usize, InvalidText),
    /// The conversation did not begin.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// Something in it was refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What a save means for one conversation.
#[derive(Default)]
struct Plan {
    /// Own messages that are not stored.
    send: Vec<SendMessage>,
    /// Moves of messages that are.
    moves: Vec<(MessageId, Move)>,
    /// Own offers that are sent and taken back at once: by client id.
    withdrawn: Vec<ClientId>,
    /// The last place of the known ones.
    known_to: i64,
    ignored: usize,
}

impl ConversationService {
    /// Saves what a client holds: begins the conversation if nobody knows it, stores own messages that are new, lets offers move
    /// on whose status differs, and moves the own read mark. It may be repeated; what one part refuses does not undo the others.
    ///
    /// # Errors
    /// What [`SaveError`] says.
    pub async fn marketplace_save(&self, sellers: &SellerService, party: &Party, channel: &Channel, save: Save) -> Result<Saved, SaveError> {
        let (found, made) = match &save.reference {
            Some(named) => match self.named_or_error(party, named).await? {
                Some(found) => (found, false),
                None => self.begin_marketplace(sellers, party, channel, &save).await?,
            },
            None => self.begin_marketplace(sellers, party, channel, &save).await?,
        };
        let plan = self.plan(party, &found, &save).await?;
        let ignored = plan.ignored;
        let outcome = self.carry_out(party, &found, plan, &save, made).await;
        let now = self.store.read().await?.conversations().find(found.workspace_id, found.id).await?;
        outcome?;
        let now = now.filter(|now| now.deleted_at.is_none()).ok_or(CommandError::ConversationNotFound)?;
        Ok(Saved {
            conversation: self.with_newest(now).await?,
            made,
            ignored,
        })
    }

    async fn named_or_error(&self, party: &Party, named: &ConversationRef) -> Result<Option<Conversation>, SaveError> {
        match self.named(party, named).await? {
            Found::Own(found) => Ok(Some(*found)),
            Found::Nowhere => Ok(None),
            Found::Others => Err(SaveError::IdTaken),
            Found::Deleted => Err(CommandError::ConversationNotFound.into()),
        }
    }

    async fn begin_marketplace(&self, sellers: &SellerService, party: &Party, channel: &Channel, save: &Save) -> Result<(Conversation, bool), SaveError> {
        let Party::Customer(visitor, _) = party else {
            return Err(SaveError::CustomerBegins);
        };
        // What could not be stored begins no conversation.
        for (place, message) in save.messages.iter().enumerate() {
            if message.side == Some(party.side())
                && let Err(error) = &message.text
            {
                return Err(SaveError::Message(place, error.clone()));
            }
        }
        let begin = BeginConversation {
            starter: Starter::Known(
                Arc::clone(visitor),
                EditVisitor {
                    name: save.customer_name.clone().filter(|_| visitor.name.is_none()).map(Some),
                    ..EditVisitor::default()
                },
            ),
            kind: ConversationKind::Marketplace,
            client_ref: save.reference.as_ref().map(|named| named.as_str().to_owned()),
            seller: Some(
                sellers
                    .by_email(party.workspace(), save.seller.as_ref().ok_or(SaveError::SellerMissing)?)
                    .await?,
            ),
            subject: save.subject.clone(),
            metadata: None,
            message: None,
        };
        match (self.begin(channel, begin, save.once).await, &save.reference) {
            (Ok(begun), _) => Ok((Conversation::clone(&begun.conversation), !begun.repeated)),
            // Somebody was faster, perhaps the same client.
            (Err(BeginError::Repository(RepositoryError::Conflict)), Some(named)) => match self.named_or_error(party, named).await? {
                Some(found) => Ok((found, false)),
                None => Err(RepositoryError::Unavailable("the id was taken at this moment".to_owned()).into()),
            },
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Compares what the client holds with what is stored.
    async fn plan(&self, party: &Party, conversation: &Conversation, save: &Save) -> Result<Plan, SaveError> {
        let own = party.side();
        let mut keys = Vec::with_capacity(save.messages.len());
        for message in &save.messages {
            keys.extend(keys_of(conversation, party, message));
        }
        let mut known: HashMap<MessageKey, Message> = HashMap::new();
        for some in keys.chunks(SAVED_AT_ONCE) {
            known.extend(self.writer.stored_many(some).await?);
        }
        let mut plan = Plan::default();
        for (place, message) in save.messages.iter().enumerate() {
            let stored = keys_of(conversation, party, message).iter().find_map(|key| known.get(key));
            let stored = stored.filter(|stored| !stored.private && stored.sender.kind.side() == message.side.unwrap_or(Side::Agent));
            let claimed = message.proposal.as_ref().and_then(Proposal::claimed_status);
            if let Some(stored) = stored {
                plan.known_to = plan.known_to.max(stored.seq);
                // Its number was given twice: what was first counts, and the client is to know.
                let as_sent = stored.deleted_at.is_none() && stored.edited_at.is_none();
                let other_words = message.text.as_ref().is_ok_and(|text| text.as_str() != stored.text);
                if as_sent && other_words && message.side == Some(own) {
                    plan.ignored += 1;
                }
                let status = stored.proposal_status().filter(|_| stored.deleted_at.is_none());
                let moved = claimed.filter(|claimed| status.is_some_and(|now| now != *claimed));
                let action = moved.and_then(Move::towards);
                // Of an own one only its author's move is meant; whatever else the client holds there is old.
                plan.moves.extend(
                    action
                        .filter(|action| (*action == Move::Withdraw) == (stored.sender.author() == party.author()))
                        .map(|action| (stored.id, action)),
                );
                continue;
            }
            let MessageRef::ClientId(client_id) = &message.reference else {
                plan.ignored += 1;
                continue;
            };
            if message.side != Some(own) {
                plan.ignored += 1;
                continue;
            }
            let text = message.text.clone().map_err(|error| SaveError::Message(place, error))?;
            if message.proposal.as_ref().is_some_and(|proposal| !proposal.fits()) {
                return Err(SaveError::Message(place, PAYLOAD_TOO_LARGE));
            }
            if claimed == Some(ProposalStatus::Withdrawn) {
                plan.withdrawn.push(client_id.clone());
            }
            plan.send.push(SendMessage {
                proposal: message.proposal.clone(),
                client_id: Some(client_id.clone()),
                sent_at: message.sent_at,
                ..SendMessage::text(text)
            });
        }
        Ok(plan)
    }

    async fn carry_out(&self, party: &Party, found: &Conversation, plan: Plan, save: &Save, made: bool) -> Result<(), SaveError> {
        let id = found.id;
        let Plan {
            send,
            mut moves,
            withdrawn,
            known_to,
            ignored: _,
        } = plan;
        let mut failure: Option<CommandError> = None;
        let mut read_to = known_to;
        let mut send = send.into_iter();
        while send.len() > 0 && failure.is_none() {
            // All of them are with the writer before the first is answered: one lane keeps their order, and takes them as one batch.
            let some: Vec<_> = send.by_ref().take(SAVED_AT_ONCE).map(|one| self.send_message(party.actor(), id, one)).collect();
            for answer in join_all(some).await {
                match answer {
                    Ok(Sent { message, .. }) => {
                        read_to = read_to.max(message.seq);
                        let taken_back = message.client_id.as_ref().is_some_and(|id| withdrawn.iter().any(|gone| gone.as_str() == id));
                        if taken_back && message.proposal_status().is_some_and(ProposalStatus::is_open) {
                            moves.push((message.id, Move::Withdraw));
                        }
                    }
                    // Another device was faster with this one, in other words: what was first counts.
                    Err(CommandError::ClientIdReused) => {}
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let mut actions: Vec<Action> = moves.into_iter().map(|(message, action)| self.new_move(message, action)).collect();
        if !made && save.subject_edit != SubjectEdit::default() {
            actions.push(Action::SetSubject(save.subject_edit.clone()));
        }
        // Why it is flagged is not forgotten because a client does not know it.
        if let Some(reason) = save.flag.as_ref().filter(|reason| reason.is_some() || found.flag.is_none()) {
            actions.push(Action::SetFlag(Some(reason.clone())));
        }
        if save.read && read_to > 0 {
            actions.push(Action::MarkRead(Some(read_to)));
        }
        let mut refused = None;
        let mut actions = actions.into_iter();
        while actions.len() > 0 {
            let some: Vec<_> = actions
                .by_ref()
                .take(SAVED_AT_ONCE)
                .map(|action| self.submit(party.actor(), id, action))
                .collect();
            for error in join_all(some).await.into_iter().filter_map(Result::err) {
                // What is wrong with one says nothing of the others; what is wrong with the server does.
                if matches!(error, CommandError::Busy | CommandError::Unavailable | CommandError::Failed) {
                    return Err(error.into());
                }
                refused = refused.or(Some(error));
            }
        }
        refused.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Under which keys a message that a client holds may be stored.
fn keys_of(conversation: &Conversation, party: &Party, message: &SavedMessage) -> Vec<MessageKey> {
    let id = conversation.id;
    match &message.reference {
        MessageRef::Id(named) => vec![MessageKey::Id(id, *named)],
        MessageRef::Place(seq) => vec![MessageKey::Place(id, *seq)],
        MessageRef::ClientId(client_id) => {
            let own = message.side == Some(party.side());
            let author = if own {
                Some(party.author())
            } else {
                authors(conversation, message.side.unwrap_or(Side::Agent)).find(|author| *author != party.author())
            };
            author
                .map(|author| MessageKey::ClientId(id, author, client_id.as_str().to_owned()))
                .into_iter()
                .collect()
        }
    }
}
