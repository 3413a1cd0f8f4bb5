use crate::assistant::AssistantSettings;
use crate::clock::Timestamp;
use crate::id::{AgentId, ChannelId, ConversationId, MessageId, RoomKey, VisitorId, WorkspaceId};
use crate::message::{Message, Side};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::time::Duration;

/// The door a conversation began by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationKind {
    /// `/api/chats`.
    Chat,
    /// `/api/public/chat-rooms`.
    Room,
    /// `/api/users`: what a widget with an assistant of its own stores.
    Stored,
    /// `/api/conversations`: a customer and a seller about a listing.
    Marketplace,
    /// A customer on WhatsApp and a number of ours.
    Whatsapp,
}

impl ConversationKind {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Room => "room",
            Self::Stored => "stored",
            Self::Marketplace => "marketplace",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "chat" => Some(Self::Chat),
            "room" => Some(Self::Room),
            "stored" => Some(Self::Stored),
            "marketplace" => Some(Self::Marketplace),
            "whatsapp" => Some(Self::Whatsapp),
            _ => None,
        }
    }

    /// Who answers at the start of a conversation that begins by this door, unless it has a seller.
    #[must_use]
    pub const fn first_handler(self, assistant: &AssistantSettings) -> Handler {
        let assistant_answers = match self {
            Self::Chat | Self::Whatsapp => assistant.enabled,
            Self::Room => assistant.enabled && assistant.in_rooms,
            Self::Stored | Self::Marketplace => false,
        };
        if assistant_answers { Handler::Assistant } else { Handler::Queue }
    }

    /// Whether the assistant may ever answer. In stored chats the browser brings its own, and nothing speaks for a seller.
    #[must_use]
    pub const fn takes_assistant(self) -> bool {
        !matches!(self, Self::Stored | Self::Marketplace)
    }
}

/// Where the work on a conversation stands. It says nothing about who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Somebody should answer.
    Open,
    /// Waits for something outside.
    Pending,
    /// Comes back by itself.
    Snoozed,
    /// Done, until the visitor writes again.
    Resolved,
}

impl Status {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Snoozed => "snoozed",
            Self::Resolved => "resolved",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "open" => Some(Self::Open),
            "pending" => Some(Self::Pending),
            "snoozed" => Some(Self::Snoozed),
            "resolved" => Some(Self::Resolved),
            _ => None,
        }
    }

    /// What the visitor sees of it: `resolved` or `open`.
    #[must_use]
    pub const fn for_visitor(self) -> Self {
        match self {
            Self::Resolved => Self::Resolved,
            Self::Open | Self::Pending | Self::Snoozed => Self::Open,
        }
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handler {
    /// The assistant.
    Assistant,
    /// Nobody yet: it waits for an agent.
    Queue,
    /// This agent.
    Agent(AgentId),
}

/// The word for a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandledBy {
    /// The assistant.
    Assistant,
    /// Nobody yet.
    Queue,
    /// An agent.
    Agent,
    /// To visitors: `queue` and `agent` alike.
    Human,
}

impl HandledBy {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assistant => "assistant",
            Self::Queue => "queue",
            Self::Agent => "agent",
            Self::Human => "human",
        }
    }
}

impl Handler {
    /// The word agents see.
    #[must_use]
    pub const fn for_agent(self) -> HandledBy {
        match self {
            Self::Assistant => HandledBy::Assistant,
            Self::Queue => HandledBy::Queue,
            Self::Agent(_) => HandledBy::Agent,
        }
    }

    /// The word visitors see.
    #[must_use]
    pub const fn for_visitor(self) -> HandledBy {
        match self {
            Self::Assistant => HandledBy::Assistant,
            Self::Queue | Self::Agent(_) => HandledBy::Human,
        }
    }

    /// The agent, if it is one.
    #[must_use]
    pub const fn assignee(self) -> Option<AgentId> {
        match self {
            Self::Agent(id) => Some(id),
            Self::Assistant | Self::Queue => None,
        }
    }

    /// Reads the stored word and agent.
    #[must_use]
    pub fn from_words(word: &str, assignee: Option<AgentId>) -> Option<Self> {
        match (word, assignee) {
            ("assistant", None) => Some(Self::Assistant),
            ("queue", None) => Some(Self::Queue),
            ("agent", Some(id)) => Some(Self::Agent(id)),
            _ => None,
        }
    }
}

/// What a conversation is about: a listing, an order, or just a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// What kind of thing; `text` for a line.
    pub kind: String,
    /// The host site's id of it.
    #[serde(default)]
    pub external_id: Option<String>,
    /// What it is called.
    pub title: String,
    /// What it costs.
    #[serde(default)]
    pub price: Option<Number>,
}

/// The seller of a marketplace conversation: an agent, whoever handles it meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    /// Who.
    pub id: AgentId,
    /// The e-mail address, by which both sides know one another; here so that events need no second look.
    pub email: String,
}

/// Where a conversation on WhatsApp goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatsappThread {
    /// Its number in the workspace, for a family whose ids are numbers. It never changes.
    pub number: i64,
    /// The number of ours that the customer wrote to, as the platform calls it. It never changes.
    pub phone_number_id: String,
    /// The customer's number in digits; `None` while it is hidden.
    pub customer_phone: Option<String>,
    /// Until when words may be sent freely; `None` while the customer has not written.
    pub window_expires_at: Option<Timestamp>,
}

/// How long after the customer's last message words may be sent freely (WhatsApp Business Platform, "customer service windows").
pub const WHATSAPP_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// A message's number is its conversation's times this, and its place: both fit into a JSON number.
pub const MESSAGES_PER_NUMBER: i64 = 1 << 21;

impl WhatsappThread {
    /// Whether words may be sent freely.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.window_expires_at.is_some_and(|end| now < end)
    }

    /// The number of the message in a place.
    #[must_use]
    pub const fn message_number(&self, seq: i64) -> i64 {
        self.number.saturating_mul(MESSAGES_PER_NUMBER).saturating_add(seq)
    }
}

/// A warning sign on a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Why.
    pub reason: Option<String>,
    /// The party that put it up; `None`: staff, whose flags are internal.
    pub by: Option<Side>,
    /// Since when.
    pub at: Timestamp,
}

/// The two audiences of a conversation, each with a dense count of the changes it may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// The customer's side.
    Public,
    /// Agents: also notes and internal changes.
    Staff,
}

/// How far a side has read: a place, and the other side's messages up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadMark {
    /// The last place read.
    pub seq: i64,
    /// The other side's messages up to there.
    pub count: i64,
}

/// How far one agent has read in one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentMark {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who.
    pub agent_id: AgentId,
    /// How far, counting the visitor's messages.
    pub mark: ReadMark,
    /// When.
    pub at: Timestamp,
}

/// What a visitor sees of a conversation's state. A change of it is public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitorView<'a> {
    /// `open` or `resolved`.
    pub status: Status,
    /// `assistant` or `human`.
    pub handled_by: HandledBy,
    /// What it is about.
    pub subject: Option<&'a Subject>,
}

/// The thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// How agents, events and logs name it. Opens nothing.
    pub id: ConversationId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Where it came in.
    pub channel_id: ChannelId,
    /// Who is on the outside.
    pub visitor_id: VisitorId,
    /// Who sells, in a marketplace; it never changes.
    pub seller: Option<Seller>,
    /// Where it goes to, on WhatsApp.
    pub whatsapp: Option<WhatsappThread>,
    /// What the customer's side knows it by; a proof.
    pub room_key: RoomKey,
    /// The door it began by.
    pub kind: ConversationKind,
    /// What the client calls it, in families where clients choose ids; unique in workspace and kind. In stored chats a proof.
    pub client_ref: Option<String>,
    /// Where the work stands.
    pub status: Status,
    /// When a snoozed one comes back; `None` in `snoozed`: when the visitor writes.
    pub snoozed_until: Option<Timestamp>,
    /// Who answers.
    pub handler: Handler,
    /// Raised with every change of handler: an answer begun under an older one is refused.
    pub handler_version: i64,
    /// The answer that the assistant owes: the id of its message and of its job.
    pub answer_id: Option<MessageId>,
    /// Answers of the assistant since it was last handed the conversation.
    pub answers: i64,
    /// What it is about.
    pub subject: Option<Subject>,
    /// A warning sign.
    pub flag: Option<Flag>,
    /// Sorted, without doubles.
    pub labels: Vec<String>,
    /// The visitor's name, here so that lists need no second look.
    pub customer_name: Option<String>,
    /// The visitor's e-mail address, claimed or verified.
    pub customer_email: Option<String>,
    /// Facts the client attached.
    pub metadata: Option<serde_json::Value>,
    /// Raised by every write of the row: what a commit is decided on.
    pub version: i64,
    /// Place of the last public message.
    pub last_seq: i64,
    /// Changes so far as customers count.
    pub rev: i64,
    /// Changes so far as agents count.
    pub staff_rev: i64,
    /// Number of its own latest change as customers count; 0 for none.
    pub changed_rev: i64,
    /// Number of its own latest change as agents count; 0 for none.
    pub changed_staff_rev: i64,
    /// The visitor's messages.
    pub inbound_count: i64,
    /// Our side's messages.
    pub outbound_count: i64,
    /// When the last public message came; at first when the conversation began.
    pub last_message_at: Timestamp,
    /// The beginning of the last public message.
    pub last_message: Option<String>,
    /// How far the team has read: counts inbound.
    pub team_mark: ReadMark,
    /// How far the visitor has read: counts outbound.
    pub visitor_mark: ReadMark,
    /// Up to where the visitor's client has received.
    pub visitor_delivered: i64,
    /// Up to where an agent's client has received.
    pub team_delivered: i64,
    /// When it began.
    pub created_at: Timestamp,
    /// When anything but a mark last changed.
    pub updated_at: Timestamp,
    /// Since when it is gone for both parties.
    pub deleted_at: Option<Timestamp>,
}

/// How many characters of the last message a list shows.
const PREVIEW: usize = 160;

impl Conversation {
    /// What a visitor sees of its state.
    #[must_use]
    pub fn visitor_view(&self) -> VisitorView<'_> {
        VisitorView {
            status: self.status.for_visitor(),
            handled_by: self.handler.for_visitor(),
            subject: self.subject.as_ref(),
        }
    }

    /// Whether this agent is its seller.
    #[must_use]
    pub fn is_sold_by(&self, agent: AgentId) -> bool {
        self.seller.as_ref().is_some_and(|seller| seller.id == agent)
    }

    /// Messages of the visitor that the team has not read: a subtraction, never a count.
    #[must_use]
    pub const fn unread_by_team(&self) -> i64 {
        self.inbound_count - self.team_mark.count
    }

    /// Messages of our side that the visitor has not read.
    #[must_use]
    pub const fn unread_by_visitor(&self) -> i64 {
        self.outbound_count - self.visitor_mark.count
    }

    /// Messages of the visitor that an agent with this mark has not read.
    #[must_use]
    pub const fn unread_by_agent(&self, mark: ReadMark) -> i64 {
        self.inbound_count - mark.count
    }

    /// Number of the latest change as the audience counts.
    #[must_use]
    pub const fn head_rev(&self, audience: Audience) -> i64 {
        match audience {
            Audience::Public => self.rev,
            Audience::Staff => self.staff_rev,
        }
    }

    /// Number of the conversation's own latest change as the audience counts.
    #[must_use]
    pub const fn own_rev(&self, audience: Audience) -> i64 {
        match audience {
            Audience::Public => self.changed_rev,
            Audience::Staff => self.changed_staff_rev,
        }
    }

    /// Whether the other side has read a message.
    #[must_use]
    pub fn is_read(&self, message: &Message) -> bool {
        let read_to = match message.sender.kind.side() {
            Side::Visitor => self.team_mark.seq,
            Side::Agent => self.visitor_mark.seq,
        };
        !message.private && message.seq <= read_to
    }

    /// The mark of somebody of `side` who has read everything.
    #[must_use]
    pub const fn head_mark(&self, side: Side) -> ReadMark {
        let count = match side {
            Side::Visitor => self.outbound_count,
            Side::Agent => self.inbound_count,
        };
        ReadMark { seq: self.last_seq, count }
    }

    /// Gives it to somebody; an answer that was owed is not owed any more. True if that is a change.
    pub fn set_handler(&mut self, handler: Handler) -> bool {
        if self.handler == handler {
            return false;
        }
        self.handler = handler;
        self.handler_version += 1;
        self.answer_id = None;
        if handler == Handler::Assistant {
            self.answers = 0;
        }
        true
    }

    /// Sets status and wake-up time. True if that is a change.
    pub fn set_status(&mut self, status: Status, until: Option<Timestamp>) -> bool {
        let until = if status == Status::Snoozed { until } else { None };
        if self.status == status && self.snoozed_until == until {
            return false;
        }
        self.status = status;
        self.snoozed_until = until;
        true
    }

    /// Moves the mark of a side forward, never back. True if it moved.
    pub const fn move_mark(&mut self, side: Side, to: ReadMark) -> bool {
        let mark = match side {
            Side::Visitor => &mut self.visitor_mark,
            Side::Agent => &mut self.team_mark,
        };
        if to.seq <= mark.seq {
            return false;
        }
        *mark = to;
        true
    }

    /// The beginning of a text, for lists.
    #[must_use]
    pub fn preview_of(text: &str) -> String {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= PREVIEW {
            return line;
        }
        let mut cut: String = line.chars().take(PREVIEW - 1).collect();
        cut.push('…');
        cut
    }
}
