//! Conversations, for reading and for what begins or ends them, and agents' marks.

use super::View;
use super::state::{Direction, State, contains, insert_new, page_of, refuse_if};
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{
    AgentMark, AgentMarkRepository, AssigneeFilter, Conversation, ConversationFilter, ConversationKind, ConversationRepository, HandledBy, Handler, PartyId,
    ReadMark, Seller, Status,
};
use parlor_domain::id::{AgentId, ConversationId, RoomKey, VisitorId, WorkspaceId};
use parlor_domain::message::SenderKind;
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::store::RepositoryError;

/// The most ids that [`ConversationRepository::assigned_to`] answers.
const MOST_ASSIGNED: usize = 500;

fn matches(state: &State, conversation: &Conversation, filter: &ConversationFilter) -> bool {
    let handler = conversation.handler;
    let assigned = |wanted| match wanted {
        AssigneeFilter::Nobody => handler.assignee().is_none(),
        AssigneeFilter::Agent(agent) => handler == Handler::Agent(agent),
    };
    let handled = |wanted| handler.for_agent() == wanted || wanted == HandledBy::Human && handler.for_visitor() == HandledBy::Human;
    (conversation.last_seq == 0) == filter.empty
        && conversation.deleted_at.is_some() == filter.deleted
        && filter.status.is_none_or(|wanted| conversation.status == wanted)
        && filter.assignee.is_none_or(assigned)
        && filter.channel.is_none_or(|wanted| conversation.channel_id == wanted)
        && filter.kind.is_none_or(|wanted| conversation.kind == wanted)
        && filter.handled_by.is_none_or(handled)
        && filter.unread.is_none_or(|wanted| (conversation.unread_by_team() > 0) == wanted)
        && filter.flagged.is_none_or(|wanted| conversation.flag.is_some() == wanted)
        && filter.label.as_ref().is_none_or(|wanted| conversation.labels.contains(wanted))
        && filter.query.as_ref().is_none_or(|query| is_asked_for(state, conversation, query))
}

fn is_asked_for(state: &State, conversation: &Conversation, query: &str) -> bool {
    let visitor = state.visitors.get(&conversation.visitor_id);
    conversation.customer_name.as_ref().is_some_and(|name| contains(name, query))
        || conversation.customer_email.as_ref().is_some_and(|email| *email == query.to_lowercase())
        || visitor
            .and_then(|visitor| visitor.phone.as_ref())
            .is_some_and(|phone| phone.value.as_str() == query)
        || conversation.subject.as_ref().is_some_and(|subject| subject.title == query)
        || conversation.client_ref.as_deref() == Some(query)
}

fn by_activity(conversation: &Conversation) -> Cursor {
    Cursor {
        value: conversation.last_message_at.millis(),
        id: conversation.id.0,
    }
}

#[async_trait]
impl ConversationRepository for View {
    async fn find(&self, workspace: WorkspaceId, id: ConversationId) -> Result<Option<Conversation>, RepositoryError> {
        Ok(self.look(|state| {
            state
                .conversations
                .get(&id)
                .filter(|conversation| conversation.workspace_id == workspace)
                .cloned()
        }))
    }

    async fn find_by_room_key(&self, key: RoomKey) -> Result<Option<Conversation>, RepositoryError> {
        Ok(self.look(|state| state.conversations.values().find(|conversation| conversation.room_key == key).cloned()))
    }

    async fn find_by_client_ref(&self, workspace: WorkspaceId, kind: ConversationKind, client_ref: &str) -> Result<Option<Conversation>, RepositoryError> {
        let called = |row: &&Conversation| row.workspace_id == workspace && row.kind == kind && row.client_ref.as_deref() == Some(client_ref);
        Ok(self.look(|state| state.conversations.values().find(called).cloned()))
    }

    async fn find_by_number(&self, workspace: WorkspaceId, number: i64) -> Result<Option<Conversation>, RepositoryError> {
        let called = |row: &&Conversation| row.workspace_id == workspace && row.whatsapp.as_ref().is_some_and(|thread| thread.number == number);
        Ok(self.look(|state| state.conversations.values().find(called).cloned()))
    }

    async fn list_on_whatsapp(
        &self,
        workspace: WorkspaceId,
        phone_number_id: Option<&str>,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Conversation>, RepositoryError> {
        let is_listed = |row: &&Conversation| {
            (row.workspace_id, row.kind) == (workspace, ConversationKind::Whatsapp)
                && row.last_seq > 0
                && row.deleted_at.is_none()
                && phone_number_id.is_none_or(|wanted| row.whatsapp.as_ref().is_some_and(|thread| thread.phone_number_id == wanted))
        };
        let mut rows: Vec<Conversation> = self.look(|state| state.conversations.values().filter(is_listed).cloned().collect());
        rows.sort_by_key(|row| std::cmp::Reverse((row.last_message_at, row.id)));
        Ok(rows.into_iter().skip(offset).take(limit).collect())
    }

    async fn room_keys(&self, workspace: WorkspaceId, ids: &[ConversationId]) -> Result<Vec<(ConversationId, RoomKey)>, RepositoryError> {
        Ok(self.look(|state| {
            let rows = ids
                .iter()
                .filter_map(|id| state.conversations.get(id))
                .filter(|row| row.workspace_id == workspace);
            rows.map(|row| (row.id, row.room_key)).collect()
        }))
    }

    async fn list(
        &self,
        workspace: WorkspaceId,
        filter: &ConversationFilter,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Page<Conversation>, RepositoryError> {
        let conversations = self.look(|state| {
            let is_listed = |conversation: &&Conversation| conversation.workspace_id == workspace && matches(state, conversation, filter);
            state.conversations.values().filter(is_listed).cloned().collect()
        });
        Ok(page_of(conversations, Direction::Falling, after, limit, by_activity))
    }

    async fn list_of_visitor(
        &self,
        workspace: WorkspaceId,
        visitor: VisitorId,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Page<Conversation>, RepositoryError> {
        let is_listed =
            |conversation: &&Conversation| conversation.workspace_id == workspace && conversation.visitor_id == visitor && conversation.deleted_at.is_none();
        let conversations = self.look(|state| state.conversations.values().filter(is_listed).cloned().collect());
        Ok(page_of(conversations, Direction::Falling, after, limit, by_activity))
    }

    async fn list_of_party(&self, workspace: WorkspaceId, party: PartyId, after: Option<Cursor>, limit: Limit) -> Result<Page<Conversation>, RepositoryError> {
        let is_listed = |conversation: &&Conversation| {
            (conversation.workspace_id, conversation.kind) == (workspace, ConversationKind::Marketplace)
                && conversation.last_seq > 0
                && conversation.deleted_at.is_none()
                && match party {
                    PartyId::Customer(visitor) => conversation.visitor_id == visitor,
                    PartyId::Seller(agent) => conversation.is_sold_by(agent),
                }
        };
        let conversations = self.look(|state| state.conversations.values().filter(is_listed).cloned().collect());
        Ok(page_of(conversations, Direction::Falling, after, limit, by_activity))
    }

    async fn assigned_to(&self, workspace: WorkspaceId, agent: AgentId) -> Result<Vec<ConversationId>, RepositoryError> {
        let is_assigned = |conversation: &&Conversation| {
            conversation.workspace_id == workspace && conversation.handler == Handler::Agent(agent) && conversation.deleted_at.is_none()
        };
        Ok(self.look(|state| {
            state
                .conversations
                .values()
                .filter(is_assigned)
                .take(MOST_ASSIGNED)
                .map(|conversation| conversation.id)
                .collect()
        }))
    }

    async fn snoozed_before(&self, now: Timestamp, limit: usize) -> Result<Vec<(WorkspaceId, ConversationId)>, RepositoryError> {
        let is_due = |conversation: &&Conversation| {
            conversation.status == Status::Snoozed && conversation.snoozed_until.is_some_and(|until| until <= now) && conversation.deleted_at.is_none()
        };
        let name = |conversation: &Conversation| (conversation.workspace_id, conversation.id);
        Ok(self.look(|state| state.conversations.values().filter(is_due).take(limit).map(name).collect()))
    }

    async fn insert(&self, conversation: &Conversation) -> Result<(), RepositoryError> {
        let same_name = |other: &Conversation| {
            conversation.client_ref.is_some()
                && (other.workspace_id, other.kind, &other.client_ref) == (conversation.workspace_id, conversation.kind, &conversation.client_ref)
        };
        let number_of = |row: &Conversation| row.whatsapp.as_ref().map(|thread| (row.workspace_id, thread.number));
        let same_number = |other: &Conversation| number_of(conversation).is_some() && number_of(other) == number_of(conversation);
        self.change(|state| {
            let in_the_way = |other: &Conversation| other.room_key == conversation.room_key || same_name(other) || same_number(other);
            refuse_if(state.conversations.values().any(in_the_way))?;
            insert_new(&mut state.conversations, conversation.id, conversation.clone())
        })
        .await
    }

    async fn move_to_visitor(&self, workspace: WorkspaceId, from: VisitorId, to: VisitorId, at: Timestamp) -> Result<Vec<ConversationId>, RepositoryError> {
        Ok(self
            .change(|state| {
                let mut moved = Vec::new();
                for conversation in state
                    .conversations
                    .values_mut()
                    .filter(|found| found.workspace_id == workspace && found.visitor_id == from)
                {
                    conversation.visitor_id = to;
                    conversation.version += 1;
                    conversation.updated_at = at;
                    moved.push(conversation.id);
                    let messages = state.messages.get_mut(&conversation.id).into_iter().flatten();
                    for message in messages.filter(|message| message.sender.kind == SenderKind::Visitor && message.sender.id == Some(from.0)) {
                        message.sender.id = Some(to.0);
                    }
                }
                moved
            })
            .await)
    }

    async fn move_to_seller(&self, workspace: WorkspaceId, from: AgentId, to: &Seller) -> Result<Vec<ConversationId>, RepositoryError> {
        Ok(self
            .change(|state| {
                let mut moved = Vec::new();
                let theirs = |found: &&mut Conversation| found.workspace_id == workspace && found.is_sold_by(from);
                for conversation in state.conversations.values_mut().filter(theirs) {
                    conversation.seller = Some(to.clone());
                    conversation.version += 1;
                    moved.push(conversation.id);
                }
                moved
            })
            .await)
    }

    async fn erase(&self, empty_before: Timestamp, deleted_before: Timestamp, limit: usize) -> Result<u64, RepositoryError> {
        let is_over = |conversation: &&Conversation| {
            conversation.last_seq == 0 && conversation.created_at < empty_before || conversation.deleted_at.is_some_and(|at| at < deleted_before)
        };
        Ok(self
            .change(|state| {
                let over: Vec<ConversationId> = state
                    .conversations
                    .values()
                    .filter(is_over)
                    .take(limit)
                    .map(|conversation| conversation.id)
                    .collect();
                for id in &over {
                    state.conversations.remove(id);
                    state.messages.remove(id);
                }
                state.sessions.retain(|_, session| !over.contains(&session.conversation_id));
                state.jobs.retain(|_, job| !over.contains(&job.conversation_id));
                state.names.retain(|_, naming| !over.contains(&naming.conversation_id));
                for file in state.attachments.values_mut().filter(|file| over.contains(&file.conversation_id)) {
                    file.deleted_at.get_or_insert(deleted_before);
                }
                state.agent_marks.retain(|(conversation, _), _| !over.contains(conversation));
                over.len() as u64
            })
            .await)
    }
}

#[async_trait]
impl AgentMarkRepository for View {
    async fn find(&self, conversation: ConversationId, agent: AgentId) -> Result<ReadMark, RepositoryError> {
        Ok(self.look(|state| state.agent_marks.get(&(conversation, agent)).map(|mark| mark.mark).unwrap_or_default()))
    }

    async fn find_many(&self, conversations: &[ConversationId], agent: AgentId) -> Result<Vec<AgentMark>, RepositoryError> {
        Ok(self.look(|state| conversations.iter().filter_map(|id| state.agent_marks.get(&(*id, agent)).copied()).collect()))
    }
}
