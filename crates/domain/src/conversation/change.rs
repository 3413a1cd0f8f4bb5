use super::{AgentMark, Conversation, ExternalId};
use crate::audit::AuditEntry;
use crate::event::{ConversationChange, MessageChange};
use crate::id::{AttachmentId, JobId};
use crate::job::Job;
use crate::message::Message;
use std::collections::HashSet;
use std::sync::Arc;

/// Which of a conversation's own fields a change touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChangedFields {
    /// Status, as agents see it (with the wake-up time).
    pub status: bool,
    /// Handler or assignee.
    pub handler: bool,
    /// What it is about.
    pub subject: bool,
    /// The labels.
    pub labels: bool,
    /// The flag.
    pub flag: bool,
    /// The customer's name or address, or the seller's.
    pub customer: bool,
    /// Status as visitors see it.
    pub visitor_status: bool,
    /// Handler as visitors see it.
    pub visitor_handler: bool,
}

impl ChangedFields {
    /// What differs between two states of one conversation.
    #[must_use]
    pub fn between(before: &Conversation, after: &Conversation) -> Self {
        Self {
            status: (before.status, before.snoozed_until) != (after.status, after.snoozed_until),
            handler: before.handler != after.handler,
            subject: before.subject != after.subject,
            labels: before.labels != after.labels,
            flag: before.flag != after.flag,
            customer: (&before.customer_name, &before.customer_email, &before.seller, phone(before))
                != (&after.customer_name, &after.customer_email, &after.seller, phone(after)),
            visitor_status: before.status.for_visitor() != after.status.for_visitor(),
            visitor_handler: before.handler.for_visitor() != after.handler.for_visitor(),
        }
    }

    /// All of them: what a resume sends.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            status: true,
            handler: true,
            subject: true,
            labels: true,
            flag: true,
            customer: true,
            visitor_status: true,
            visitor_handler: true,
        }
    }

    /// Whether anything changed.
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// Whether a visitor sees any of it.
    #[must_use]
    pub const fn is_public(&self) -> bool {
        self.visitor_status || self.visitor_handler || self.subject
    }
}

fn phone(conversation: &Conversation) -> Option<&str> {
    conversation.whatsapp.as_ref().and_then(|thread| thread.customer_phone.as_deref())
}

/// What the commands' rules know beside the conversation, loaded before they run.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The message that the command names, as it is now.
    pub message: Option<Arc<Message>>,
    /// The message stored under the command's client id or the platform's id, if that is known to be taken.
    pub stored_first: Option<Arc<Message>>,
    /// Those of the command's files that no message can carry any more.
    pub used_files: HashSet<AttachmentId>,
    /// For what a browser tells again: the message in the place that it names among equal ones.
    pub equal: Option<Arc<Message>>,
}

/// What a command gives its caller.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A message was stored now.
    Stored(Arc<Message>),
    /// The message was stored before, under the same client id.
    Repeated(Arc<Message>),
    /// Something changed.
    Changed,
    /// A message changed.
    MessageChanged(Arc<Message>),
    /// All was so already.
    Unchanged,
}

/// What a command decided: the new state and everything that goes with it. Nothing is written yet.
#[derive(Debug, Clone)]
pub struct Change {
    /// The row as it shall be.
    pub conversation: Arc<Conversation>,
    /// How the message of the outcome changed, if it was known before.
    pub message_change: Option<MessageChange>,
    /// The agent's own mark.
    pub agent_mark: Option<AgentMark>,
    /// A line for the audit log.
    pub audit: Option<AuditEntry>,
    /// New messages that the same command adds behind the one of the outcome. Each has numbers of its own.
    pub followed_by: Vec<Arc<Message>>,
    /// Work that follows.
    pub jobs: Vec<Job>,
    /// Work that is done, or not wanted any more.
    pub finished_jobs: Vec<JobId>,
    /// What is told to everybody once it is durable, beside a change that has a number.
    pub signal: Option<SignalKind>,
    /// What the platform of a channel calls the outcome's message from now on, and which part of it.
    pub external_id: Option<(ExternalId, usize)>,
    /// What changed of the conversation's own fields.
    pub fields: ChangedFields,
    /// Whether it took a number.
    pub numbered: bool,
    /// Whether it is for customers, too.
    pub public: bool,
    /// Whether there is anything to write.
    pub writes: bool,
    /// Whether the conversation ends with it.
    pub deletes: bool,
    /// What the caller gets.
    pub outcome: Outcome,
}

/// The signals that a command may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalKind {
    /// A side read up to a place.
    Read {
        /// Up to where.
        up_to_seq: i64,
    },
    /// A side received up to a place.
    Delivered {
        /// Up to where.
        up_to_seq: i64,
    },
}

impl Change {
    /// Nothing to do.
    #[must_use]
    pub fn nothing(conversation: Arc<Conversation>, outcome: Outcome) -> Self {
        Self {
            conversation,
            message_change: None,
            agent_mark: None,
            audit: None,
            followed_by: Vec::new(),
            jobs: Vec::new(),
            finished_jobs: Vec::new(),
            signal: None,
            external_id: None,
            fields: ChangedFields::default(),
            numbered: false,
            public: false,
            writes: false,
            deletes: false,
            outcome,
        }
    }

    /// How its first part is told, if it has a number. Each of [`Self::followed_by`] is one new message more.
    #[must_use]
    pub fn told(&self) -> Option<ConversationChange> {
        if !self.numbered {
            return None;
        }
        if self.deletes {
            return Some(ConversationChange::Deleted);
        }
        Some(match (&self.outcome, self.message_change) {
            (Outcome::Stored(message), _) => ConversationChange::NewMessage(Arc::clone(message)),
            (Outcome::MessageChanged(message), Some(kind)) => ConversationChange::MessageUpdated(Arc::clone(message), kind),
            _ => ConversationChange::Updated(self.fields),
        })
    }
}
