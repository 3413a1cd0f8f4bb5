//! What can be asked of a conversation.

use super::Actor;
use crate::attachment::{AttachedFile, Attachment};
use crate::clock::Timestamp;
use crate::conversation::{Status, Subject};
use crate::id::{AgentId, AttachmentId, ChannelId, ConversationId, KeyHash, MessageId};
use crate::message::{AuthorId, DeliveryError, Message, MessageKind, Move, PartState, Proposal};
use crate::text::{AnswerText, ClientId, Label, Line, MessageText};
use serde_json::Number;

/// The content of a message whose kind the sender names: its text is what lists and searches show of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Structured {
    /// Which kind.
    pub kind: MessageKind,
    /// Its content.
    pub payload: Option<serde_json::Value>,
}

/// What a channel's platform calls a message. Unique in the channel, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalId {
    /// The channel.
    pub channel_id: ChannelId,
    /// The platform's id.
    pub id: String,
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// What it shall be named.
    pub id: MessageId,
    /// What it says.
    pub text: MessageText,
    /// The offer or appointment that it is.
    pub proposal: Option<Proposal>,
    /// The content of another kind.
    pub structured: Option<Structured>,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// Facts beside the content.
    pub metadata: Option<serde_json::Value>,
    /// What the platform that it came from calls it.
    pub external_id: Option<ExternalId>,
    /// Whether a file of it is still at the platform that it came from.
    pub media_follows: bool,
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
    /// Words, and nothing else.
    #[must_use]
    pub const fn text(id: MessageId, text: MessageText) -> Self {
        Self {
            id,
            text,
            proposal: None,
            structured: None,
            attachments: Vec::new(),
            metadata: None,
            external_id: None,
            media_follows: false,
            private: false,
            reply_to: None,
            client_id: None,
            sent_at: None,
        }
    }

    pub(super) fn kind(&self) -> MessageKind {
        match (&self.proposal, &self.structured) {
            (Some(proposal), _) => proposal.kind(),
            (None, Some(structured)) => structured.kind,
            (None, None) if !self.attachments.is_empty() || self.media_follows => MessageKind::File,
            (None, None) => MessageKind::Text,
        }
    }

    pub(in crate::conversation) fn content(&self) -> KeyHash {
        let payload = self.proposal.as_ref().map(Proposal::content);
        let payload = payload.or_else(|| self.structured.as_ref().and_then(|structured| structured.payload.clone()));
        let files: Vec<AttachmentId> = self.attachments.iter().map(|attachment| attachment.file.id).collect();
        Message::content_hash_with(self.kind(), self.text.as_str(), payload.as_ref(), &files, self.reply_to, self.private)
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

/// What became of one part of a message that goes out over a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct PartReport {
    /// Which part, from 0.
    pub part: usize,
    /// How far it got.
    pub state: PartState,
    /// What the platform calls it, if that is known.
    pub external_id: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Why it failed.
    pub error: Option<DeliveryError>,
}

/// What became of a message that goes out over a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryReport {
    /// The message.
    pub message: MessageId,
    /// Its channel.
    pub channel_id: ChannelId,
    /// Into how many parts it is cut, once that is known.
    pub parts: Option<usize>,
    /// What became of one of them.
    pub report: Option<PartReport>,
    /// Whether the platform says that the customer's time to be written to freely is over.
    pub closes_window: bool,
}

/// A file of a message that came in over a channel, fetched at last; or why it cannot be.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaArrival {
    /// The message.
    pub message: MessageId,
    /// The file, or words for agents.
    pub file: Result<AttachedFile, String>,
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
    /// Note what became of a message that goes out over a channel.
    Report(DeliveryReport),
    /// Add the file that a message came with.
    AddMedia(MediaArrival),
    /// The customer's phone number is another one, or hidden now.
    SetCustomerPhone(Option<String>),
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
    /// What the platform calls the message that the command brings, or one that it reports on: unique in its channel. With the part.
    #[must_use]
    pub(in crate::conversation) fn external_id(&self) -> Option<(ExternalId, usize)> {
        match &self.action {
            Action::Send(message) => message.external_id.clone().map(|id| (id, 0)),
            Action::Report(DeliveryReport {
                channel_id,
                report: Some(PartReport {
                    part, external_id: Some(id), ..
                }),
                ..
            }) => Some((
                ExternalId {
                    channel_id: *channel_id,
                    id: id.clone(),
                },
                *part,
            )),
            _ => None,
        }
    }

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
