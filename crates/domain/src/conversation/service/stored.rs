//! Stored chats: a widget that holds its chat itself tells it here, message by message or as a whole.
//!
//! The client's own id of a chat is what one writes by. Who knows it may append, and reads nothing.

use super::{BeginConversation, BeginError, Begun, ConversationService, Sent, Starter};
use crate::channel::Channel;
use crate::clock::Timestamp;
use crate::conversation::change::Outcome;
use crate::conversation::command::{Action, Actor, ReportedActor, ToldMessage, VisitorActor};
use crate::conversation::{CommandError, Conversation, ConversationFilter, ConversationKind, ReadError};
use crate::creation::CreationKey;
use crate::id::{ConversationId, MessageId, RoomKey, VisitorId, VisitorKey, WorkspaceId};
use crate::message::{Message, Side};
use crate::page::{Cursor, Limit, Page};
use crate::store::RepositoryError;
use crate::text::{ClientId, InvalidText, MessageText};
use crate::visitor::Visitor;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What a browser calls its chat: 1–200 characters without control characters. Who knows it may write, so its `Debug` shows
/// no more than the log.
#[derive(Clone, PartialEq, Eq)]
pub struct ChatRef(String);

impl ChatRef {
    /// The most characters it may have.
    pub const MAX: usize = 200;

    /// Takes an id that keeps the rules, as it is.
    ///
    /// # Errors
    /// What [`InvalidText`] says.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        if raw.chars().all(char::is_whitespace) {
            return Err(InvalidText::Empty);
        }
        if raw.chars().any(char::is_control) {
            return Err(InvalidText::Shape("must not contain control characters"));
        }
        match raw.chars().count() {
            actual if actual > Self::MAX => Err(InvalidText::TooLong { max: Self::MAX, actual }),
            _ => Ok(Self(raw.to_owned())),
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is too short to be known only by whom it was told: fewer than 16 characters.
    #[must_use]
    pub fn can_be_guessed(&self) -> bool {
        self.0.chars().count() < 16
    }

    /// Its first eight characters: what logs show of it.
    #[must_use]
    pub fn for_log(&self) -> &str {
        self.0.char_indices().nth(8).map_or(self.0.as_str(), |(end, _)| self.0.split_at(end).0)
    }
}

impl fmt::Debug for ChatRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChatRef({}…)", self.for_log())
    }
}

/// A message of a stored chat, as its browser tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Who said it: the visitor, or on our side the page's own assistant.
    pub side: Side,
    /// What.
    pub text: MessageText,
    /// The client's own id of it.
    pub client_id: Option<ClientId>,
    /// What the browser's clock said.
    pub sent_at: Option<Timestamp>,
}

/// A stored chat that is there now.
#[derive(Debug, Clone)]
pub struct StoredChat {
    /// The chat.
    pub conversation: Arc<Conversation>,
    /// The key of a visitor that was made with it.
    pub key: Option<VisitorKey>,
    /// Whether it was made now.
    pub made: bool,
}

/// A visitor and its stored chats, each with its newest messages.
#[derive(Debug, Clone)]
pub struct ChatsOfVisitor {
    /// Who.
    pub visitor: Visitor,
    /// The chats, newest activity first.
    pub chats: Vec<(Conversation, Vec<Message>)>,
}

impl ConversationService {
    /// The stored chat that is called so, by its browser or by its room key. `visitor` is whoever was proven.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] if it is another visitor's, was deleted, or if that is the room key of no stored chat. An id that
    /// nothing has is no error.
    pub async fn find_stored_chat(&self, workspace: WorkspaceId, chat: &ChatRef, visitor: Option<VisitorId>) -> Result<Option<Conversation>, ReadError> {
        let read = self.store.read().await?;
        // The room key first: so nobody can catch what is meant for a chat by naming another one after its key.
        let by_key = match chat.as_str().parse::<RoomKey>() {
            Ok(key) => read.conversations().find_by_room_key(key).await?,
            Err(_) => None,
        };
        let found = match by_key {
            Some(found) => Some(found),
            None => {
                read.conversations()
                    .find_by_client_ref(workspace, ConversationKind::Stored, chat.as_str())
                    .await?
            }
        };
        let Some(found) = found else { return Ok(None) };
        let theirs = found.kind == ConversationKind::Stored && found.deleted_at.is_none() && visitor.is_none_or(|visitor| visitor == found.visitor_id);
        if theirs { Ok(Some(found)) } else { Err(ReadError::NotFound) }
    }

    /// Begins a stored chat under an id that [`Self::find_stored_chat`] did not find. If somebody was faster it is that one,
    /// unless it is another visitor's.
    ///
    /// # Errors
    /// What [`BeginError`] says; [`CommandError::ConversationNotFound`] for another visitor's.
    pub async fn begin_stored_chat(
        &self,
        channel: &Channel,
        chat: Option<&ChatRef>,
        starter: Starter,
        once: Option<CreationKey>,
    ) -> Result<StoredChat, BeginError> {
        let known = match &starter {
            Starter::Known(visitor, _) => Some(visitor.id),
            Starter::New(_) => None,
        };
        let begin = BeginConversation {
            starter,
            kind: ConversationKind::Stored,
            client_ref: chat.map(|chat| chat.as_str().to_owned()),
            subject: None,
            metadata: None,
            message: None,
        };
        match (self.begin(channel, begin, once).await, chat) {
            (Ok(begun), _) => Ok(begun.into()),
            (Err(BeginError::Repository(RepositoryError::Conflict)), Some(chat)) => match self.find_stored_chat(channel.workspace_id, chat, known).await {
                Ok(Some(conversation)) => Ok(StoredChat {
                    conversation: Arc::new(conversation),
                    key: None,
                    made: false,
                }),
                Ok(None) | Err(ReadError::NotFound) => Err(CommandError::ConversationNotFound.into()),
                Err(ReadError::Repository(error)) => Err(error.into()),
            },
            (Err(error), _) => Err(error),
        }
    }

    /// The stored chat that this `Idempotency-Key` made before.
    ///
    /// # Errors
    /// What [`BeginError`] says.
    pub async fn stored_chat_made_before(&self, once: CreationKey) -> Result<Option<StoredChat>, BeginError> {
        Ok(self.begun_before(once).await?.map(StoredChat::from))
    }

    /// Stores one message as it is said. It is known again by its client id only.
    ///
    /// # Errors
    /// What [`CommandError`] says.
    pub async fn tell(&self, chat: &Conversation, visitor: Option<&Visitor>, told: Told) -> Result<Sent, CommandError> {
        self.submit_told(chat, visitor, told, None).await
    }

    /// Stores what is not stored yet of a chat that is told as a whole: messages are known again by client id, or without one
    /// on either side by who said what, and the place among equal ones. One answer for each, in their order.
    pub async fn tell_all(&self, chat: &Conversation, visitor: Option<&Visitor>, told: Vec<Told>) -> Vec<Result<Sent, CommandError>> {
        let mut places: HashMap<(Side, MessageText), usize> = HashMap::new();
        let submitted = told.into_iter().map(|told| {
            let place = places.entry((told.side, told.text.clone())).or_default();
            *place += 1;
            self.submit_told(chat, visitor, told, Some(*place))
        });
        // All are with the writer before the first is answered: one lane keeps their order, and takes them as one batch.
        join_all(submitted).await
    }

    async fn submit_told(&self, chat: &Conversation, visitor: Option<&Visitor>, told: Told, equal: Option<usize>) -> Result<Sent, CommandError> {
        let actor = match visitor {
            Some(visitor) if told.side == Side::Visitor => Actor::Visitor(VisitorActor {
                workspace_id: visitor.workspace_id,
                id: visitor.id,
                name: visitor.name.as_ref().map(|name| name.as_str().to_owned()),
            }),
            _ => Actor::Reported(ReportedActor {
                workspace_id: chat.workspace_id,
                visitor_id: chat.visitor_id,
                side: told.side,
                name: chat.customer_name.clone(),
            }),
        };
        let message = ToldMessage {
            id: MessageId(self.ids.ordered()),
            text: told.text,
            client_id: told.client_id,
            sent_at: told.sent_at,
            equal,
        };
        let done = self.submit(actor, chat.id, Action::Tell(message)).await?;
        let (message, repeated) = match done.outcome {
            Outcome::Stored(message) => (message, false),
            Outcome::Repeated(message) => (message, true),
            Outcome::Changed | Outcome::MessageChanged(_) | Outcome::Unchanged => return Err(CommandError::Failed),
        };
        Ok(Sent {
            message,
            conversation: done.conversation,
            repeated,
        })
    }

    /// A page of the workspace's stored chats, newest activity first, gathered by visitor; of each the newest `messages`.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn stored_chats(
        &self,
        workspace: WorkspaceId,
        after: Option<Cursor>,
        limit: Limit,
        messages: usize,
    ) -> Result<Page<ChatsOfVisitor>, RepositoryError> {
        let filter = ConversationFilter {
            kind: Some(ConversationKind::Stored),
            ..ConversationFilter::default()
        };
        let read = self.store.read().await?;
        let page = read.conversations().list(workspace, &filter, after, limit).await?;
        let ids: Vec<ConversationId> = page.items.iter().map(|chat| chat.id).collect();
        let mut whose: Vec<VisitorId> = page.items.iter().map(|chat| chat.visitor_id).collect();
        whose.sort_unstable();
        whose.dedup();
        let mut people: HashMap<VisitorId, Visitor> = HashMap::new();
        for visitor in read.visitors().find_many(workspace, &whose).await? {
            people.insert(visitor.id, visitor);
        }
        let mut said: HashMap<ConversationId, Vec<Message>> = HashMap::new();
        for message in read.messages().newest_of(&ids, messages).await? {
            said.entry(message.conversation_id).or_default().push(message);
        }
        let mut items: Vec<ChatsOfVisitor> = Vec::new();
        for chat in page.items {
            let messages = said.remove(&chat.id).unwrap_or_default();
            if let Some(known) = items.iter_mut().find(|known| known.visitor.id == chat.visitor_id) {
                known.chats.push((chat, messages));
            } else if let Some(visitor) = people.remove(&chat.visitor_id) {
                items.push(ChatsOfVisitor {
                    visitor,
                    chats: vec![(chat, messages)],
                });
            }
        }
        Ok(Page { items, next: page.next })
    }
}

impl From<Begun> for StoredChat {
    fn from(begun: Begun) -> Self {
        Self {
            conversation: begun.conversation,
            key: begun.key,
            made: !begun.repeated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chat_ids_are_free_texts_of_which_logs_show_the_beginning() {
        for good in ["x", "chat_17", "a/b c", "日本日本日本日本日本", &"é".repeat(200)] {
            assert_eq!(ChatRef::parse(good).map(|chat| chat.as_str().to_owned()), Ok(good.to_owned()));
        }
        for wrong in ["", " ", "a\nb", "a\0b", "a\u{9f}b", &"é".repeat(201)] {
            assert!(ChatRef::parse(wrong).is_err(), "{wrong:?}");
        }
        let log = |text: &str| ChatRef::parse(text).map(|chat| format!("{} {chat:?}", chat.for_log()));
        assert_eq!(log("1234567890"), Ok("12345678 ChatRef(12345678…)".to_owned()));
        assert_eq!(log("日本日本日本日本日本"), Ok("日本日本日本日本 ChatRef(日本日本日本日本…)".to_owned()));
        assert_eq!(log("1234"), Ok("1234 ChatRef(1234…)".to_owned()));
        let guessed = |text: &str| ChatRef::parse(text).map(|chat| chat.can_be_guessed());
        assert_eq!((guessed("123456789012345"), guessed("1234567890123456")), (Ok(true), Ok(false)));
    }
}
