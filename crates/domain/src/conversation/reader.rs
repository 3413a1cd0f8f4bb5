use super::error::ReadError;
use super::model::{AgentMark, Audience, Conversation, ConversationKind, ReadMark};
use super::repository::ConversationFilter;
use super::service::ConversationRef;
use crate::id::{AgentId, ConversationId, RoomKey, VisitorId, WorkspaceId};
use crate::message::{HistoryPage, HistoryQuery, HistoryWindow, Message};
use crate::page::{Cursor, Limit, Page};
use crate::session::Session;
use crate::store::{RepositoryError, Store};
use crate::visitor::Visitor;
use std::sync::Arc;

/// More changes than this are not sent again one by one: the client loads the history instead.
pub const MAX_CATCHUP: usize = 500;

/// Who reads, as its credential proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// A visitor.
    Visitor(WorkspaceId, VisitorId),
    /// A seller, in what it sells.
    Seller(WorkspaceId, AgentId),
    /// Staff of a workspace.
    Staff(WorkspaceId),
}

impl Viewer {
    /// As which audience it counts.
    #[must_use]
    pub const fn audience(self) -> Audience {
        match self {
            Self::Visitor(..) | Self::Seller(..) => Audience::Public,
            Self::Staff(_) => Audience::Staff,
        }
    }

    const fn workspace(self) -> WorkspaceId {
        match self {
            Self::Visitor(workspace, _) | Self::Seller(workspace, _) | Self::Staff(workspace) => workspace,
        }
    }

    fn sees(self, conversation: &Conversation) -> bool {
        conversation.workspace_id == self.workspace()
            && match self {
                Self::Visitor(_, visitor) => conversation.visitor_id == visitor,
                Self::Seller(_, agent) => conversation.is_sold_by(agent),
                Self::Staff(_) => true,
            }
    }
}

/// A part of a conversation with the numbers to go on from.
#[derive(Debug, Clone)]
pub struct History {
    /// The conversation, read before the messages: its head is where a resume or the next poll begins.
    pub conversation: Conversation,
    /// The messages.
    pub page: HistoryPage,
}

/// What changed since a number.
#[derive(Debug, Clone)]
pub struct Catchup {
    /// The conversation, read before the messages.
    pub conversation: Conversation,
    /// Messages made or changed since, up to the conversation's head, by number rising, each once.
    pub messages: Vec<Message>,
    /// Whether the conversation itself is to be told: it changed since and no message has its number, or nothing else
    /// has the number of the head.
    pub tell_conversation: Option<i64>,
    /// Too much changed, or the number is not one of ours: nothing is told, the history must be loaded.
    pub reset: bool,
}

/// Reads conversations for callers, each within its rights.
pub struct ConversationReader {
    store: Arc<dyn Store>,
}

impl ConversationReader {
    /// Makes the reader.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// One conversation that is not deleted.
    ///
    /// # Errors
    /// What [`ReadError`] says.
    pub async fn get(&self, viewer: Viewer, id: ConversationId) -> Result<Conversation, ReadError> {
        let found = self.store.read().await?.conversations().find(viewer.workspace(), id).await?;
        found
            .filter(|conversation| viewer.sees(conversation) && conversation.deleted_at.is_none())
            .ok_or(ReadError::NotFound)
    }

    /// One conversation of a workspace, deleted or not: for admins.
    ///
    /// # Errors
    /// What [`ReadError`] says.
    pub async fn get_any(&self, workspace: WorkspaceId, id: ConversationId) -> Result<Conversation, ReadError> {
        self.store.read().await?.conversations().find(workspace, id).await?.ok_or(ReadError::NotFound)
    }

    /// The conversation that a room key proves.
    ///
    /// # Errors
    /// What [`ReadError`] says.
    pub async fn by_room_key(&self, key: RoomKey) -> Result<Conversation, ReadError> {
        let found = self.store.read().await?.conversations().find_by_room_key(key).await?;
        found.filter(|conversation| conversation.deleted_at.is_none()).ok_or(ReadError::NotFound)
    }

    /// One conversation that is not deleted, by what both of its parties call it: the id that its client chose, else ours.
    ///
    /// # Errors
    /// What [`ReadError`] says.
    pub async fn by_name(&self, viewer: Viewer, named: &ConversationRef) -> Result<Conversation, ReadError> {
        let read = self.store.read().await?;
        let conversations = read.conversations();
        let workspace = viewer.workspace();
        let chosen = conversations
            .find_by_client_ref(workspace, ConversationKind::Marketplace, named.as_str())
            .await?
            // Whoever names an own one after somebody's must not stand before it.
            .filter(|chosen| viewer.sees(chosen));
        let found = match (chosen, named.as_str().parse()) {
            (None, Ok(id)) => {
                let found = conversations.find(workspace, id).await?;
                // One that has a name of its own is not called by ours.
                found.filter(|found| found.kind != ConversationKind::Marketplace || found.client_ref.is_none())
            }
            (chosen, _) => chosen,
        };
        found
            .filter(|conversation| viewer.sees(conversation) && conversation.deleted_at.is_none())
            .ok_or(ReadError::NotFound)
    }

    /// One conversation on WhatsApp that is not deleted, by its number in the workspace: for staff.
    ///
    /// # Errors
    /// What [`ReadError`] says.
    pub async fn by_number(&self, workspace: WorkspaceId, number: i64) -> Result<Conversation, ReadError> {
        let found = self.store.read().await?.conversations().find_by_number(workspace, number).await?;
        found.filter(|conversation| conversation.deleted_at.is_none()).ok_or(ReadError::NotFound)
    }

    /// The conversations on WhatsApp, of one number of ours or of all, newest activity first: for staff.
    ///
    /// # Errors
    /// What [`RepositoryError`] says.
    pub async fn on_whatsapp(
        &self,
        workspace: WorkspaceId,
        phone_number_id: Option<&str>,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Conversation>, RepositoryError> {
        let read = self.store.read().await?;
        read.conversations().list_on_whatsapp(workspace, phone_number_id, offset, limit).await
    }

    /// What people and the assistant said in a conversation: the `limit` that stand before the newest `offset`, by place rising.
    ///
    /// # Errors
    /// What [`RepositoryError`] says.
    pub async fn said(&self, conversation: ConversationId, offset: usize, limit: usize) -> Result<Vec<Message>, RepositoryError> {
        self.store.read().await?.messages().newest_said(conversation, offset, limit).await
    }

    /// A page of the workspace's conversations, with the reader's own marks.
    ///
    /// # Errors
    /// What [`RepositoryError`] says.
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        agent: AgentId,
        filter: &ConversationFilter,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Page<(Conversation, ReadMark)>, RepositoryError> {
        let read = self.store.read().await?;
        let page = read.conversations().list(workspace, filter, after, limit).await?;
        let ids: Vec<_> = page.items.iter().map(|conversation| conversation.id).collect();
        let marks = read.agent_marks().find_many(&ids, agent).await?;
        Ok(page.map(|conversation| {
            let mark = mark_in(&marks, conversation.id);
            (conversation, mark)
        }))
    }

    /// A page of a visitor's conversations.
    ///
    /// # Errors
    /// What [`RepositoryError`] says.
    pub async fn list_of_visitor(
        &self,
        workspace: WorkspaceId,
        visitor: VisitorId,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Page<Conversation>, RepositoryError> {
        self.store.read().await?.conversations().list_of_visitor(workspace, visitor, after, limit).await
    }

    /// The newest public messages of a conversation, by place rising.
    ///
    /// # Errors
    /// What [`RepositoryError`] says.
    pub async fn newest(&self, conversation: ConversationId, most: usize) -> Result<Vec<Message>, RepositoryError> {
        self.store.read().await?.messages().newest_of(&[conversation], most).await
    }

    /// How far an agent has read.
    ///
    /// # Errors
    /// What [`RepositoryError`] says.
    pub async fn own_mark(&self, conversation: ConversationId, agent: AgentId) -> Result<ReadMark, RepositoryError> {
        self.store.read().await?.agent_marks().find(conversation, agent).await
    }

    /// The visitor and the newest session of a conversation, for agents.
    ///
    /// # Errors
    /// What [`RepositoryError`] says.
    pub async fn people(&self, conversation: &Conversation) -> Result<(Option<Visitor>, Option<Session>), RepositoryError> {
        let read = self.store.read().await?;
        let visitor = read.visitors().find(conversation.workspace_id, conversation.visitor_id).await?;
        let session = read.sessions().find_latest(conversation.workspace_id, conversation.id).await?;
        Ok((visitor, session))
    }

    /// A page of the history.
    ///
    /// # Errors
    /// What [`ReadError`] says.
    pub async fn history(&self, viewer: Viewer, id: ConversationId, window: HistoryWindow, limit: Limit) -> Result<History, ReadError> {
        let conversation = self.get(viewer, id).await?;
        let page = self
            .store
            .read()
            .await?
            .messages()
            .history(
                id,
                HistoryQuery {
                    audience: viewer.audience(),
                    window,
                    limit,
                },
            )
            .await?;
        Ok(History { conversation, page })
    }

    /// The net effect of everything after number `after`, for a client that resumes.
    ///
    /// # Errors
    /// What [`ReadError`] says.
    pub async fn catch_up(&self, viewer: Viewer, id: ConversationId, after: i64) -> Result<Catchup, ReadError> {
        self.changes(viewer, id, after, MAX_CATCHUP).await
    }

    /// Changes after number `after`, the first `limit` of them, for a client that polls; and the number up to which
    /// nothing is missing, from which it asks again. With `reset` the number is not one of ours.
    ///
    /// # Errors
    /// What [`ReadError`] says.
    pub async fn poll(&self, viewer: Viewer, id: ConversationId, after: i64, limit: Limit) -> Result<(Catchup, i64), ReadError> {
        let audience = viewer.audience();
        let conversation = self.get(viewer, id).await?;
        let head = conversation.head_rev(audience);
        if after < 0 || after > head {
            return Ok((
                Catchup {
                    conversation,
                    messages: Vec::new(),
                    tell_conversation: None,
                    reset: true,
                },
                head,
            ));
        }
        let mut messages = self.store.read().await?.messages().changed_after(id, audience, after, limit.get() + 1).await?;
        // What changed after the head was read is for the next call.
        messages.retain(|message| number_of(message, audience).is_some_and(|number| number <= head));
        let more = messages.len() > limit.get();
        messages.truncate(limit.get());
        let last = messages.last().and_then(|message| number_of(message, audience));
        let up_to = if more { last.unwrap_or(head) } else { head };
        let own = conversation.own_rev(audience);
        let tell_conversation = (own > after && own <= up_to).then_some(own);
        Ok((
            Catchup {
                conversation,
                messages,
                tell_conversation,
                reset: false,
            },
            up_to,
        ))
    }

    async fn changes(&self, viewer: Viewer, id: ConversationId, after: i64, most: usize) -> Result<Catchup, ReadError> {
        let audience = viewer.audience();
        let conversation = self.get(viewer, id).await?;
        let head = conversation.head_rev(audience);
        let reset = |conversation| Catchup {
            conversation,
            messages: Vec::new(),
            tell_conversation: None,
            reset: true,
        };
        if after < 0 || after > head {
            return Ok(reset(conversation));
        }
        if after == head {
            return Ok(Catchup {
                conversation,
                messages: Vec::new(),
                tell_conversation: None,
                reset: false,
            });
        }
        let mut messages = self.store.read().await?.messages().changed_after(id, audience, after, most + 1).await?;
        if messages.len() > most {
            return Ok(reset(conversation));
        }
        // What changed after the head was read comes live.
        messages.retain(|message| number_of(message, audience).is_some_and(|number| number <= head));
        let has = |number: i64| messages.iter().any(|message| number_of(message, audience) == Some(number));
        let own = conversation.own_rev(audience);
        let tell_conversation = if !has(head) {
            // The message of the head changed again meanwhile. The last number told must be the head's all the same.
            Some(head)
        } else if own > after {
            // A message may have its number, and bring less than all that changed before: then it is told at an earlier
            // number that nothing else has, if there is one. If there is none, nothing else of it changed.
            (after + 1..=own).rev().find(|number| !has(*number))
        } else {
            None
        };
        Ok(Catchup {
            conversation,
            messages,
            tell_conversation,
            reset: false,
        })
    }
}

/// The number of a message's latest change as the audience counts.
fn number_of(message: &Message, audience: Audience) -> Option<i64> {
    match audience {
        Audience::Public => message.rev,
        Audience::Staff => Some(message.staff_rev),
    }
}

fn mark_in(marks: &[AgentMark], conversation: ConversationId) -> ReadMark {
    marks
        .iter()
        .find(|mark| mark.conversation_id == conversation)
        .map(|mark| mark.mark)
        .unwrap_or_default()
}
