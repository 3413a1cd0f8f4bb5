//! Conversation: the thread. Its rules are pure functions ([`model`](Conversation), [`command`](Command)); all its
//! changes go through the [`ConversationWriter`], which commits what waits in groups.

mod change;
mod command;
mod error;
mod model;
mod reader;
mod repository;
mod service;
mod store;
mod writer;

pub use change::{Change, ChangedFields, Facts, Outcome};
pub use command::{
    Action, Actor, AgentActor, AssistantActor, Command, DeliveryReport, ExternalId, Fresh, MediaArrival, NewAnswer, NewMessage, NewMove, PartReport,
    ReportedActor, Structured, SubjectEdit, ToldMessage, VisitorActor, apply,
};
pub use error::{CommandError, ReadError};
pub use model::{
    AgentMark, Audience, Conversation, ConversationKind, Flag, HandledBy, Handler, MESSAGES_PER_NUMBER, ReadMark, Seller, Status, Subject, VisitorView,
    WHATSAPP_WINDOW, WhatsappThread,
};
pub use reader::{Catchup, ConversationReader, History, MAX_CATCHUP, Viewer};
pub use repository::{AgentMarkRepository, AssigneeFilter, ConversationFilter, ConversationRepository, PartyId};
pub(crate) use service::new_conversation;
pub use service::{
    AssignError, BeginConversation, BeginError, Begun, ChatRef, ChatsOfVisitor, ConversationRef, ConversationService, MarketplaceConversation, MessageRef,
    Party, Save, SaveError, Saved, SavedMessage, SendMessage, Sent, Starter, StoredChat, Told, ToldAll,
};
pub use store::{CommitItem, CommitOutcome, ConversationStore, MessageKey, Naming};
pub use writer::{ConversationWriter, Done, WriterSettings};
