use parlor_domain::agent::{Agent, ApiKey, Invitation, Login};
use parlor_domain::article::{Article, Passage};
use parlor_domain::attachment::Attachment;
use parlor_domain::audit::AuditEntry;
use parlor_domain::channel::Channel;
use parlor_domain::conversation::{AgentMark, Conversation, ExternalId, Naming};
use parlor_domain::creation::Creation;
use parlor_domain::id::{
    AgentId, ApiKeyId, ArticleId, AttachmentId, ChannelId, ConversationId, InvitationId, JobId, KeyHash, LoginId, SessionId, VisitorId, WorkspaceId,
};
use parlor_domain::job::Job;
use parlor_domain::message::Message;
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::realtime::Ticket;
use parlor_domain::session::Session;
use parlor_domain::store::RepositoryError;
use parlor_domain::visitor::Visitor;
use parlor_domain::whatsapp::{Contact, EarlyNotice};
use parlor_domain::workspace::Workspace;
use std::collections::{BTreeMap, HashMap};

/// All tables.
#[derive(Clone, Default)]
pub(super) struct State {
    pub workspaces: BTreeMap<WorkspaceId, Workspace>,
    /// The last number that a conversation got.
    pub conversation_numbers: BTreeMap<WorkspaceId, i64>,
    pub channels: BTreeMap<ChannelId, Channel>,
    pub visitors: BTreeMap<VisitorId, Visitor>,
    pub visitor_keys: HashMap<KeyHash, VisitorId>,
    pub sessions: BTreeMap<SessionId, Session>,
    pub conversations: BTreeMap<ConversationId, Conversation>,
    /// As they were stored; each reader sorts.
    pub messages: HashMap<ConversationId, Vec<Message>>,
    pub agent_marks: BTreeMap<(ConversationId, AgentId), AgentMark>,
    pub agents: BTreeMap<AgentId, Agent>,
    pub logins: BTreeMap<LoginId, Login>,
    pub invitations: BTreeMap<InvitationId, Invitation>,
    pub api_keys: BTreeMap<ApiKeyId, ApiKey>,
    pub tickets: HashMap<KeyHash, Ticket>,
    pub creations: HashMap<KeyHash, Creation>,
    pub audit: Vec<AuditEntry>,
    pub articles: BTreeMap<ArticleId, Article>,
    /// Those of published articles.
    pub passages: BTreeMap<ArticleId, Vec<Passage>>,
    pub attachments: BTreeMap<AttachmentId, Attachment>,
    pub contacts: BTreeMap<VisitorId, Contact>,
    /// What platforms call messages.
    pub names: HashMap<ExternalId, Naming>,
    /// As they came.
    pub early: Vec<EarlyNotice>,
    pub jobs: BTreeMap<JobId, Job>,
}

impl State {
    /// The messages of a conversation, in no promised order.
    pub fn messages_of(&self, conversation: ConversationId) -> &[Message] {
        self.messages.get(&conversation).map_or(&[], Vec::as_slice)
    }
}

/// Adds a row under a key that must be new.
pub(super) fn insert_new<K: Ord, V>(table: &mut BTreeMap<K, V>, key: K, row: V) -> Result<(), RepositoryError> {
    match table.entry(key) {
        std::collections::btree_map::Entry::Occupied(_) => Err(RepositoryError::Conflict),
        std::collections::btree_map::Entry::Vacant(place) => {
            place.insert(row);
            Ok(())
        }
    }
}

/// Writes a row that is there; one that is not there is not made.
pub(super) fn write<K: Ord, V: Clone>(table: &mut BTreeMap<K, V>, key: &K, row: &V) {
    if let Some(place) = table.get_mut(key) {
        place.clone_from(row);
    }
}

/// Refuses if any row is in the way.
pub(super) fn refuse_if(taken: bool) -> Result<(), RepositoryError> {
    if taken { Err(RepositoryError::Conflict) } else { Ok(()) }
}

/// Removes the rows that match and says how many.
pub(super) fn remove_where<K: Ord, V>(table: &mut BTreeMap<K, V>, gone: impl Fn(&V) -> bool) -> u64 {
    let before = table.len();
    table.retain(|_, row| !gone(row));
    (before - table.len()) as u64
}

/// In which direction a list runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Rising,
    Falling,
}

/// Sorts rows by (value, id) and cuts the page out that begins after the cursor.
pub(super) fn page_of<T>(mut rows: Vec<T>, direction: Direction, after: Option<Cursor>, limit: Limit, cursor_of: impl Fn(&T) -> Cursor) -> Page<T> {
    let place = |row: &T| {
        let cursor = cursor_of(row);
        (cursor.value, cursor.id)
    };
    rows.sort_by_key(|row| place(row));
    if direction == Direction::Falling {
        rows.reverse();
    }
    if let Some(after) = after {
        let after = (after.value, after.id);
        rows.retain(|row| {
            if direction == Direction::Rising {
                place(row) > after
            } else {
                place(row) < after
            }
        });
    }
    rows.truncate(limit.get() + 1);
    Page::from_rows(rows, limit, cursor_of)
}

/// Whether `text` has `part` in it, upper and lower case being one.
pub(super) fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// Whether `text` begins with `start`, upper and lower case being one.
pub(super) fn begins_with(text: &str, start: &str) -> bool {
    text.to_lowercase().starts_with(&start.to_lowercase())
}
