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
use crate::store::{Repositories, RepositoryError};
use crate::text::{ClientId, InvalidText, MessageText};
use crate::visitor::Visitor;
use futures_util::future::join_all;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// So many messages of a chat that is told as a whole are with the writer at once: fewer than a batch, so others find room in between.
const TOLD_AT_ONCE: usize = 200;

/// So many chats of a page are read at once, since each may have a megabyte and more to say.
const READ_AT_ONCE: usize = 5;

/// So many bytes of text a page shows of one chat.
const CHAT_BYTES: usize = 1024 * 1024;

/// So many bytes of text one page shows.
const PAGE_BYTES: usize = 4 * CHAT_BYTES;

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

/// Those of one text and one side in a chat that is told as a whole.
#[derive(Default)]
struct Equals {
    /// How many were told so far.
    told: usize,
    /// Which messages they are, as far as they were answered.
    stored: HashSet<MessageId>,
}

/// What became of a chat that was told as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToldAll {
    /// Whose messages were stored now, in their order.
    pub stored: Vec<Side>,
    /// How many were stored before.
    pub known: usize,
    /// How many were left out: their client id was stored with other content.
    pub refused: usize,
    /// Why the rest was not stored.
    pub failure: Option<CommandError>,
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
            seller: None,
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
    /// on either side by who said what, and the place among equal ones.
    pub async fn tell_all(&self, chat: &Conversation, visitor: Option<&Visitor>, told: Vec<Told>) -> ToldAll {
        let mut equals: HashMap<(Side, MessageText), Equals> = HashMap::new();
        let mut ids: HashSet<ClientId> = HashSet::new();
        let mut done = ToldAll::default();
        let mut told = told.into_iter();
        // What stops one message stops those behind it, too: stored without it they would stand before it for ever.
        while done.failure.is_none() {
            let (mut contents, mut submitted) = (Vec::new(), Vec::new());
            for told in told.by_ref().take(TOLD_AT_ONCE) {
                if told.client_id.as_ref().is_some_and(|id| !ids.insert(id.clone())) {
                    done.known += 1;
                    continue;
                }
                let content = (told.side, told.text.clone());
                let equals = equals.entry(content.clone()).or_default();
                equals.told += 1;
                contents.push(content);
                submitted.push(self.submit_told(chat, visitor, told, Some((equals.told, equals.stored.len()))));
            }
            if submitted.is_empty() && told.len() == 0 {
                break;
            }
            // All of them are with the writer before the first is answered: one lane keeps their order, and takes them as one batch.
            for (answer, content) in join_all(submitted).await.into_iter().zip(contents) {
                let side = content.0;
                let equals = equals.entry(content).or_default();
                match answer {
                    Ok(sent) => {
                        equals.stored.insert(sent.message.id);
                        if sent.repeated {
                            done.known += 1;
                        } else {
                            done.stored.push(side);
                        }
                    }
                    Err(CommandError::ClientIdReused) => {
                        equals.told -= 1;
                        done.refused += 1;
                    }
                    Err(error) => done.failure = done.failure.or(Some(error)),
                }
            }
        }
        done
    }

    /// `equal` is the place among equal ones, and how many of those before it are stored for certain.
    async fn submit_told(&self, chat: &Conversation, visitor: Option<&Visitor>, told: Told, equal: Option<(usize, usize)>) -> Result<Sent, CommandError> {
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
            equal: equal.map(|(place, _)| place),
            equal_stored: equal.map_or(0, |(_, stored)| stored),
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

    /// A page of the workspace's stored chats, newest activity first, gathered by visitor; of each the newest `messages`, but no
    /// more than some megabytes of them: then the page ends earlier.
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
        let Page { items: chats, next } = with_messages(&*read, page, messages).await?;
        let mut whose: Vec<VisitorId> = chats.iter().map(|(chat, _)| chat.visitor_id).collect();
        whose.sort_unstable();
        whose.dedup();
        let mut people: HashMap<VisitorId, Visitor> = HashMap::new();
        for visitor in read.visitors().find_many(workspace, &whose).await? {
            people.insert(visitor.id, visitor);
        }
        let mut items: Vec<ChatsOfVisitor> = Vec::new();
        for (chat, messages) in chats {
            if let Some(known) = items.iter_mut().find(|known| known.visitor.id == chat.visitor_id) {
                known.chats.push((chat, messages));
            } else if let Some(visitor) = people.remove(&chat.visitor_id) {
                items.push(ChatsOfVisitor {
                    visitor,
                    chats: vec![(chat, messages)],
                });
            }
        }
        Ok(Page { items, next })
    }
}

/// The chats of a page with their newest messages, as far as [`PAGE_BYTES`] go.
pub(super) async fn with_messages(
    read: &dyn Repositories,
    page: Page<Conversation>,
    each: usize,
) -> Result<Page<(Conversation, Vec<Message>)>, RepositoryError> {
    let mut items: Vec<(Conversation, Vec<Message>)> = Vec::with_capacity(page.items.len());
    let mut spent = 0;
    for some in page.items.chunks(READ_AT_ONCE) {
        let ids: Vec<ConversationId> = some.iter().map(|chat| chat.id).collect();
        let mut said: HashMap<ConversationId, Vec<Message>> = HashMap::new();
        for message in read.messages().newest_of(&ids, each).await? {
            said.entry(message.conversation_id).or_default().push(message);
        }
        for chat in some {
            let mut messages = said.remove(&chat.id).unwrap_or_default();
            spent += keep_newest(&mut messages, CHAT_BYTES);
            if spent > PAGE_BYTES
                && let Some((last, _)) = items.last()
            {
                let next = Some(Cursor {
                    value: last.last_message_at.millis(),
                    id: last.id.0,
                });
                return Ok(Page { items, next });
            }
            items.push((chat.clone(), messages));
        }
    }
    Ok(Page { items, next: page.next })
}

/// Leaves out the oldest messages until the texts of the others have no more than so many bytes. Answers how many they have.
fn keep_newest(messages: &mut Vec<Message>, most: usize) -> usize {
    // An appointment is shown with its payload twice, as old clients know it.
    let length = |message: &Message| message.text.len() + message.payload.as_ref().map_or(0, |payload| 2 * payload.to_string().len());
    let mut bytes: usize = messages.iter().map(length).sum();
    let old = messages.iter().take_while(|message| {
        let too_many = bytes > most;
        if too_many {
            bytes -= length(message);
        }
        too_many
    });
    let old = old.count();
    messages.drain(..old);
    bytes
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
