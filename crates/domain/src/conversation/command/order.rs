//! What can be asked of a conversation.

use super::Actor;
use crate::clock::Timestamp;
use crate::conversation::{Status, Subject};
use crate::id::{AgentId, ConversationId, KeyHash, MessageId};
use crate::message::{AuthorId, Message, MessageKind, Move, Proposal};
use crate::text::{AnswerText, ClientId, Label, Line, MessageText};
use serde_json::Number;

/// A message to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// What it shall be named.
    pub id: MessageId,
    /// What it says.
    pub text: MessageText,
    /// The offer or appointment that it is.
    pub proposal: Option<Proposal>,
    /// Whether only agents shall see it.
    pub private: bool,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The client's own id.
    pub client_id: Option<ClientId>,
    /// What the sender's clock said.
    pub sent_at: Option<Timestamp>,
}

impl NewMessage {
    pub(super) fn kind(&self) -> MessageKind {
        self.proposal.as_ref().map_or(MessageKind::Text, Proposal::kind)
    }

    pub(super) fn content(&self) -> KeyHash {
        let payload = self.proposal.as_ref().map(Proposal::content);
        Message::content_hash(self.kind(), self.text.as_str(), payload.as_ref(), self.reply_to, self.private)
    }
}

/// What the assistant has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAnswer {
    /// The answer that is owed; any other is refused.
    pub id: MessageId,
    /// The handler's version when the assistant began: with a newer one the conversation is not the assistant's any more.
    pub handler_version: i64,
    /// The visitor's messages that it answers, counted from the first.
    pub covers: i64,
    /// What it says; `None` if it has nothing to say.
    pub text: Option<AnswerText>,
    /// Facts beside it.
    pub metadata: Option<serde_json::Value>,
    /// Why a person shall take it from here, if so: words for the audit log.
    pub hand_over: Option<String>,
}

/// What a browser says that was said, in a chat that it stores here.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldMessage {
    /// What it shall be named.
    pub id: MessageId,
    /// What it says.
    pub text: MessageText,
    /// The client's own id.
    pub client_id: Option<ClientId>,
    /// What the sender's clock said.
    pub sent_at: Option<Timestamp>,
    /// If it is told again, as part of a whole: the so-many-th (from 1) with this text among those of this sender.
    pub equal: Option<usize>,
    /// So many of those before it are stored for certain, and need not be looked for.
    pub equal_stored: usize,
}

impl ToldMessage {
    pub(in crate::conversation) fn content(&self) -> KeyHash {
        Message::content_hash(MessageKind::Text, self.text.as_str(), None, None, false)
    }
}

/// A move of an offer or appointment.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMove {
    /// The offer or appointment.
    pub message: MessageId,
    /// What is done to it.
    pub action: Move,
    /// What the line about it shall be named.
    pub line_id: MessageId,
    /// What the new offer or request shall be named, if there is one.
    pub answer_id: MessageId,
}

/// What shall be different about the subject; `None` stays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SubjectEdit {
    /// The whole of it, if there is none yet.
    pub first: Option<Subject>,
    /// What it is called.
    pub title: Option<Line>,
    /// What it costs.
    pub price: Option<Number>,
}

/// What shall be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Say something.
    Send(NewMessage),
    /// Say what the assistant owes.
    Answer(NewAnswer),
    /// Store what a browser says that was said.
    Tell(ToldMessage),
    /// Say it in other words: an agent's own message, or any by an admin.
    Edit(MessageId, MessageText),
    /// Take it back: an own message, or any by an admin.
    Delete(MessageId),
    /// Put a sign on it; `None` takes it away.
    React(MessageId, Option<String>),
    /// Decide about an offer or appointment, or take an own one back.
    Move(NewMove),
    /// The caller's side has read up to a place; `None` is the head.
    MarkRead(Option<i64>),
    /// The caller's client has received up to a place; `None` is the head.
    MarkDelivered(Option<i64>),
    /// Give it to an agent, or back to the queue.
    Assign(Option<AgentId>),
    /// Take it oneself.
    TakeOver,
    /// Let the assistant answer; says whether the channel has one.
    HandToAssistant {
        /// Whether an assistant is on in the channel.
        available: bool,
    },
    /// Set where the work stands, with the wake-up time of `snoozed`.
    SetStatus(Status, Option<Timestamp>),
    /// Put up or take down the flag.
    SetFlag(Option<Option<Line>>),
    /// Replace the labels.
    SetLabels(Vec<Label>),
    /// The subject is called otherwise now, or costs something else.
    SetSubject(SubjectEdit),
    /// The seller has another address now.
    SetSeller {
        /// The address.
        email: String,
    },
    /// The customer has another name or address now.
    SetCustomer {
        /// The name.
        name: Option<String>,
        /// The address.
        email: Option<String>,
    },
    /// A snoozed conversation's time has come.
    Wake,
    /// Back to the queue if this agent has it.
    Release(AgentId),
    /// Remove it for both parties.
    DeleteConversation,
}

/// An order to one conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Which.
    pub conversation_id: ConversationId,
    /// Who acts.
    pub actor: Actor,
    /// What shall be done.
    pub action: Action,
}

impl Command {
    /// The client id under which it must happen only once.
    #[must_use]
    pub fn client_id(&self) -> Option<(AuthorId, &str)> {
        match &self.action {
            Action::Send(NewMessage { client_id: Some(id), .. }) | Action::Tell(ToldMessage { client_id: Some(id), .. }) => {
                Some((self.actor.author(), id.as_str()))
            }
            _ => None,
        }
    }
}
