//! Storage as the rules see it: everything outside conversations goes through [`Store`] and [`UnitOfWork`];
//! changes of conversations go through [`crate::conversation::ConversationWriter`].

use crate::agent::{AgentRepository, ApiKeyRepository, InvitationRepository, LoginRepository};
use crate::article::ArticleRepository;
use crate::attachment::AttachmentRepository;
use crate::audit::AuditRepository;
use crate::channel::ChannelRepository;
use crate::conversation::{AgentMarkRepository, ConversationRepository};
use crate::creation::CreationRepository;
use crate::job::JobRepository;
use crate::message::MessageRepository;
use crate::realtime::TicketRepository;
use crate::session::SessionRepository;
use crate::visitor::VisitorRepository;
use crate::whatsapp::{ContactRepository, DeliveryRepository};
use crate::workspace::WorkspaceRepository;
use async_trait::async_trait;

/// Why storage did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RepositoryError {
    /// A unique value is taken. Nothing was written, and the unit of work stays usable.
    #[error("a unique value is taken")]
    Conflict,
    /// The database cannot be reached or is busy right now; the same call may succeed later. It is not known to have
    /// failed: a repeat needs a client id.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database refused. The same call would fail again.
    #[error("the database refused: {0}")]
    Failed(String),
}

/// What can be read and written, inside or outside a unit of work.
pub trait Repositories: Send + Sync {
    /// Tenants.
    fn workspaces(&self) -> &dyn WorkspaceRepository;
    /// Entry points.
    fn channels(&self) -> &dyn ChannelRepository;
    /// People on the outside and their keys.
    fn visitors(&self) -> &dyn VisitorRepository;
    /// Visits.
    fn sessions(&self) -> &dyn SessionRepository;
    /// Threads, for reading and for what begins or ends them.
    fn conversations(&self) -> &dyn ConversationRepository;
    /// What was said.
    fn messages(&self) -> &dyn MessageRepository;
    /// How far each agent has read.
    fn agent_marks(&self) -> &dyn AgentMarkRepository;
    /// People on our side.
    fn agents(&self) -> &dyn AgentRepository;
    /// Their logins.
    fn logins(&self) -> &dyn LoginRepository;
    /// Links that set a first password.
    fn invitations(&self) -> &dyn InvitationRepository;
    /// Keys of machines.
    fn api_keys(&self) -> &dyn ApiKeyRepository;
    /// Single-use socket tickets.
    fn tickets(&self) -> &dyn TicketRepository;
    /// Creations that carried an `Idempotency-Key`.
    fn creations(&self) -> &dyn CreationRepository;
    /// Who changed what.
    fn audit(&self) -> &dyn AuditRepository;
    /// Help articles.
    fn articles(&self) -> &dyn ArticleRepository;
    /// Files.
    fn attachments(&self) -> &dyn AttachmentRepository;
    /// Customers on WhatsApp.
    fn contacts(&self) -> &dyn ContactRepository;
    /// What a channel's platform calls our messages.
    fn deliveries(&self) -> &dyn DeliveryRepository;
    /// Follow-up work.
    fn jobs(&self) -> &dyn JobRepository;
}

/// Changes that become visible together. Dropping it without `commit` undoes them.
#[async_trait]
pub trait UnitOfWork: Repositories {
    /// Makes the changes visible. An error says that they are not, or ([`RepositoryError::Unavailable`]) that it is not known.
    async fn commit(self: Box<Self>) -> Result<(), RepositoryError>;
}

/// Opens the database.
#[async_trait]
pub trait Store: Send + Sync {
    /// For reading, without a transaction: each call sees what is committed when it runs.
    async fn read(&self) -> Result<Box<dyn Repositories>, RepositoryError>;
    /// For changes. On SQLite it waits until it is the only writer.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, RepositoryError>;
    /// Answers when the database does, and its schema is this program's.
    async fn check(&self) -> Result<(), RepositoryError>;
}
