//! Builders: things with reasonable values, each with an id of its own. The models are plain structs, so a test sets
//! what it is about: `Conversation { status: Status::Resolved, ..a_conversation(&visitor) }`.

mod whatsapp;

pub use whatsapp::{a_contact, a_message_job, a_naming, a_whatsapp_channel, a_whatsapp_conversation, an_attachment, an_external_id, received};

use crate::{FixedClock, SequentialIds};
use parlor_domain::agent::{Agent, AgentSettings, Login, Role};
use parlor_domain::article::{Article, ArticleBody, Slug};
use parlor_domain::assistant::AssistantSettings;
use parlor_domain::audit::AuditEntry;
use parlor_domain::channel::{Channel, ChannelKind, IdentityRule};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{AgentMark, CommitItem, Conversation, ConversationKind, Handler, ReadMark, Seller, Status, Subject};
use parlor_domain::id::{
    AgentId, ArticleId, AuditId, ChannelId, ConversationId, Ids, JobId, LoginId, MessageId, RoomKey, SessionId, VisitorId, VisitorKey, WorkspaceId,
};
use parlor_domain::job::{Job, JobKind};
use parlor_domain::message::{Message, MessageKind, MessageStatus, Sender, SenderKind, Side};
use parlor_domain::session::Session;
use parlor_domain::text::{Email, Line, Name};
use parlor_domain::visitor::{Visitor, VisitorContext};
use parlor_domain::workspace::Workspace;
use std::sync::Arc;
use uuid::Uuid;

/// Shared by all builders of the process, so that no two things have the same id or name.
static IDS: SequentialIds = SequentialIds::new();

/// The builders' time.
#[must_use]
pub const fn now() -> Timestamp {
    FixedClock::START
}

/// A new id that rises.
#[must_use]
pub fn an_id() -> Uuid {
    IDS.ordered()
}

fn a_number() -> u128 {
    an_id().as_u128() & u128::from(u32::MAX)
}

/// A tenant with a name of its own.
#[must_use]
pub fn a_workspace() -> Workspace {
    Workspace {
        id: WorkspaceId(an_id()),
        name: Name::stored(format!("Workspace {}", a_number())),
        created_at: now(),
        updated_at: now(),
    }
}

/// A web channel that asks for no proof.
#[must_use]
pub fn a_channel(workspace: &Workspace) -> Channel {
    Channel {
        id: ChannelId(an_id()),
        workspace_id: workspace.id,
        kind: ChannelKind::Web,
        name: Name::stored("Website".to_owned()),
        origins: Vec::new(),
        identity: IdentityRule::Optional,
        assistant: AssistantSettings::default(),
        assistant_key: None,
        whatsapp: None,
        whatsapp_secrets: None,
        whatsapp_health: None,
        created_at: now(),
        updated_at: now(),
        deleted_at: None,
    }
}

/// A visitor who said nothing about itself.
#[must_use]
pub fn a_visitor(channel: &Channel) -> Visitor {
    Visitor {
        id: VisitorId(an_id()),
        workspace_id: channel.workspace_id,
        channel_id: channel.id,
        name: None,
        email: None,
        phone: None,
        external_id: None,
        locale: None,
        metadata: None,
        context: VisitorContext::default(),
        created_at: now(),
        updated_at: now(),
        last_seen_at: now(),
        retired_at: None,
    }
}

/// A key for a visitor.
#[must_use]
pub fn a_visitor_key() -> VisitorKey {
    VisitorKey::new(IDS.random())
}

/// An active agent with an e-mail address of its own and no password.
#[must_use]
pub fn an_agent(workspace: &Workspace, role: Role) -> Agent {
    Agent {
        id: AgentId(an_id()),
        workspace_id: workspace.id,
        email: Email::stored(format!("agent{}@example.com", a_number())),
        username: None,
        name: Name::stored("Ada".to_owned()),
        role,
        external_id: None,
        password: None,
        auth_version: 1,
        settings: AgentSettings::default(),
        created_at: now(),
        updated_at: now(),
        unclaimed: false,
        deactivated_at: None,
    }
}

/// A login of an agent, good for a day.
#[must_use]
pub fn a_login(agent: &Agent) -> Login {
    Login {
        id: LoginId(an_id()),
        agent_id: agent.id,
        auth_version: agent.auth_version,
        generation: 1,
        created_at: now(),
        expires_at: now().plus(std::time::Duration::from_secs(24 * 60 * 60)),
        ended_at: None,
    }
}

/// An active session of the conversation's visitor.
#[must_use]
pub fn a_session(conversation: &Conversation) -> Session {
    Session {
        id: SessionId(IDS.random()),
        workspace_id: conversation.workspace_id,
        visitor_id: conversation.visitor_id,
        conversation_id: conversation.id,
        metadata: None,
        created_at: now(),
        last_active_at: now(),
        ended_at: None,
    }
}

/// An open conversation in the queue, without a message.
#[must_use]
pub fn a_conversation(visitor: &Visitor) -> Conversation {
    Conversation {
        id: ConversationId(an_id()),
        workspace_id: visitor.workspace_id,
        channel_id: visitor.channel_id,
        visitor_id: visitor.id,
        room_key: RoomKey::new(IDS.random()),
        kind: ConversationKind::Chat,
        client_ref: None,
        seller: None,
        whatsapp: None,
        status: Status::Open,
        snoozed_until: None,
        handler: Handler::Queue,
        handler_version: 0,
        answer_id: None,
        answers: 0,
        subject: None,
        flag: None,
        labels: Vec::new(),
        customer_name: visitor.name.as_ref().map(ToString::to_string),
        customer_email: visitor.email.as_ref().map(|email| email.value.as_str().to_owned()),
        metadata: None,
        version: 1,
        last_seq: 0,
        rev: 0,
        staff_rev: 0,
        changed_rev: 0,
        changed_staff_rev: 0,
        inbound_count: 0,
        outbound_count: 0,
        last_message_at: now(),
        last_message: None,
        team_mark: ReadMark::default(),
        visitor_mark: ReadMark::default(),
        visitor_delivered: 0,
        team_delivered: 0,
        created_at: now(),
        updated_at: now(),
        deleted_at: None,
    }
}

/// A customer's conversation with a seller about a listing with a price, under an id of the client's own; without a message.
#[must_use]
pub fn a_marketplace_conversation(customer: &Visitor, seller: &Agent) -> Conversation {
    Conversation {
        kind: ConversationKind::Marketplace,
        client_ref: Some(format!("thread-{}", a_number())),
        handler: Handler::Agent(seller.id),
        seller: Some(Seller {
            id: seller.id,
            email: seller.email.as_str().to_owned(),
        }),
        subject: Some(Subject {
            kind: "listing".to_owned(),
            external_id: Some(format!("listing-{}", a_number())),
            title: "Bicycle".to_owned(),
            price: Some(18_500.into()),
        }),
        ..a_conversation(customer)
    }
}

/// The visitor as an author.
#[must_use]
pub const fn by_visitor(conversation: &Conversation) -> Sender {
    Sender {
        kind: SenderKind::Visitor,
        id: Some(conversation.visitor_id.0),
        name: None,
        reported: false,
    }
}

/// An agent as an author.
#[must_use]
pub fn by_agent(agent: &Agent) -> Sender {
    Sender {
        kind: SenderKind::Agent,
        id: Some(agent.id.0),
        name: Some(agent.name.to_string()),
        reported: false,
    }
}

/// The assistant as an author.
#[must_use]
pub fn by_assistant() -> Sender {
    Sender {
        kind: SenderKind::Assistant,
        id: None,
        name: Some("Assistant".to_owned()),
        reported: false,
    }
}

/// The server as an author.
#[must_use]
pub const fn by_system() -> Sender {
    Sender {
        kind: SenderKind::System,
        id: None,
        name: None,
        reported: false,
    }
}

/// The visitor's next message in a conversation, which does not count it yet; [`say`] makes one that is counted.
#[must_use]
pub fn a_message(conversation: &Conversation) -> Message {
    say(&mut conversation.clone(), by_visitor(conversation), "Hello")
}

/// The next public message of a conversation, counted in its row: place, numbers, preview, version.
pub fn say(conversation: &mut Conversation, sender: Sender, text: &str) -> Message {
    match sender.kind.side() {
        Side::Visitor => conversation.inbound_count += 1,
        Side::Agent => conversation.outbound_count += 1,
    }
    conversation.last_seq += 1;
    conversation.rev += 1;
    conversation.last_message = Some(Conversation::preview_of(text));
    made(conversation, sender, text, false)
}

/// The next message of a conversation, counted in its row: a pending offer.
pub fn offer(conversation: &mut Conversation, sender: Sender, price: impl Into<serde_json::Number>) -> Message {
    Message {
        kind: MessageKind::Offer,
        payload: Some(serde_json::json!({"offerPrice": price.into(), "status": "pending", "expiresAt": "2030-01-01T00:00:00Z"})),
        ..say(conversation, sender, "An offer")
    }
}

/// The next note of a conversation, counted in its row.
pub fn note(conversation: &mut Conversation, agent: &Agent, text: &str) -> Message {
    made(conversation, by_agent(agent), text, true)
}

fn made(conversation: &mut Conversation, sender: Sender, text: &str, private: bool) -> Message {
    conversation.version += 1;
    conversation.staff_rev += 1;
    let rev = (!private).then_some(conversation.rev);
    Message {
        id: MessageId(an_id()),
        workspace_id: conversation.workspace_id,
        conversation_id: conversation.id,
        seq: conversation.last_seq,
        rev,
        staff_rev: conversation.staff_rev,
        made_rev: rev,
        made_staff_rev: conversation.staff_rev,
        sender,
        kind: MessageKind::Text,
        text: text.to_owned(),
        payload: None,
        attachments: Vec::new(),
        reply_to: None,
        reactions: Vec::new(),
        metadata: None,
        client_id: None,
        content: Message::content_hash(MessageKind::Text, text, None, None, private),
        status: MessageStatus::Sent,
        delivery: None,
        private,
        inbound_count: conversation.inbound_count,
        outbound_count: conversation.outbound_count,
        sent_at: None,
        created_at: now(),
        edited_at: None,
        deleted_at: None,
    }
}

/// Edits a message: the change takes a number of its conversation.
pub fn edit(conversation: &mut Conversation, message: &mut Message, text: &str) {
    conversation.version += 1;
    conversation.staff_rev += 1;
    if !message.private {
        conversation.rev += 1;
        message.rev = Some(conversation.rev);
    }
    message.staff_rev = conversation.staff_rev;
    text.clone_into(&mut message.text);
    message.edited_at = Some(now());
}

/// What a batch does to one conversation that had version `base_version`: new messages and nothing else.
#[must_use]
pub fn an_item(base_version: i64, conversation: &Conversation, inserted: Vec<Message>) -> CommitItem {
    let inserted = inserted.into_iter().map(Arc::new).collect();
    CommitItem {
        base_version,
        conversation: conversation.clone(),
        inserted,
        updated: Vec::new(),
        named: Vec::new(),
        attached: Vec::new(),
        detached: Vec::new(),
        agent_marks: Vec::new(),
        audit: Vec::new(),
        jobs: Vec::new(),
        finished_jobs: Vec::new(),
    }
}

/// An agent's mark at a place, where the visitor had written `count` messages.
#[must_use]
pub const fn a_mark(conversation: &Conversation, agent: &Agent, seq: i64, count: i64) -> AgentMark {
    AgentMark {
        conversation_id: conversation.id,
        agent_id: agent.id,
        mark: ReadMark { seq, count },
        at: now(),
    }
}

/// A line of the audit log about a conversation.
#[must_use]
pub fn an_audit_entry(conversation: &Conversation, action: &str) -> AuditEntry {
    AuditEntry {
        id: AuditId(an_id()),
        workspace_id: conversation.workspace_id,
        actor_id: None,
        action: action.to_owned(),
        target_id: conversation.id.0,
        detail: serde_json::json!({}),
        at: now(),
    }
}

/// An answer that the assistant owes in a conversation, due now.
#[must_use]
pub fn a_job(conversation: &Conversation) -> Job {
    Job {
        id: JobId(an_id()),
        workspace_id: conversation.workspace_id,
        conversation_id: conversation.id,
        kind: JobKind::AssistantAnswer,
        payload: None,
        attempts: 0,
        run_at: now(),
        claim: None,
        last_error: None,
        dead_at: None,
        created_at: now(),
    }
}

/// The work that ends an offer, due now.
#[must_use]
pub fn an_expiry(offer: &Message) -> Job {
    Job {
        id: JobId(offer.id.0),
        workspace_id: offer.workspace_id,
        conversation_id: offer.conversation_id,
        kind: JobKind::OfferExpiry,
        payload: None,
        attempts: 0,
        run_at: now(),
        claim: None,
        last_error: None,
        dead_at: None,
        created_at: now(),
    }
}

/// A published article with an address of its own.
#[must_use]
pub fn an_article(workspace: &Workspace, title: &str, body: &str) -> Article {
    Article {
        id: ArticleId(an_id()),
        workspace_id: workspace.id,
        slug: Slug::stored(format!("article-{}", a_number())),
        title: Line::stored(title.to_owned()),
        body: ArticleBody::stored(body.to_owned()),
        published: true,
        created_at: now(),
        updated_at: now(),
    }
}
