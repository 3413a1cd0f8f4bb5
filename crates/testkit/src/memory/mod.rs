//! A store in memory that keeps the promises of the real ones, so that rules can be tested without a database.

mod agents;
mod articles;
mod attachments;
mod commit;
mod contacts;
mod conversations;
mod deliveries;
mod history;
mod jobs;
mod messages;
mod once;
mod places;
mod state;
mod visitors;

use async_trait::async_trait;
use parlor_domain::agent::{AgentRepository, ApiKeyRepository, InvitationRepository, LoginRepository};
use parlor_domain::article::ArticleRepository;
use parlor_domain::attachment::AttachmentRepository;
use parlor_domain::audit::AuditRepository;
use parlor_domain::channel::ChannelRepository;
use parlor_domain::conversation::{AgentMarkRepository, ConversationRepository};
use parlor_domain::creation::CreationRepository;
use parlor_domain::job::JobRepository;
use parlor_domain::message::MessageRepository;
use parlor_domain::realtime::TicketRepository;
use parlor_domain::session::SessionRepository;
use parlor_domain::store::{Repositories, RepositoryError, Store, UnitOfWork};
use parlor_domain::visitor::VisitorRepository;
use parlor_domain::whatsapp::{ContactRepository, DeliveryRepository};
use parlor_domain::workspace::WorkspaceRepository;
use state::State;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Keeps everything in memory. One writer at a time, as on SQLite; a unit of work changes a copy and puts it in place
/// when it commits. Clones are the same store.
#[derive(Clone, Default)]
pub struct MemoryStore {
    committed: Arc<RwLock<State>>,
    writer: Arc<Mutex<()>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is committed, for reading and for changes of one call.
    fn view(&self) -> View {
        View {
            state: Arc::clone(&self.committed),
            writer: Some(Arc::clone(&self.writer)),
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self) -> Result<Box<dyn Repositories>, RepositoryError> {
        Ok(Box::new(self.view()))
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, RepositoryError> {
        let turn = Arc::clone(&self.writer).lock_owned().await;
        let copy = self.view().look(State::clone);
        let view = View {
            state: Arc::new(RwLock::new(copy)),
            writer: None,
        };
        Ok(Box::new(Unit {
            view,
            committed: Arc::clone(&self.committed),
            _turn: turn,
        }))
    }

    async fn check(&self) -> Result<(), RepositoryError> {
        Ok(())
    }
}

/// A state and who may change it: all repositories stand on this.
struct View {
    state: Arc<RwLock<State>>,
    /// `None` inside a unit of work, which has its turn already.
    writer: Option<Arc<Mutex<()>>>,
}

impl View {
    /// Reads the state.
    fn look<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state when it is this caller's turn.
    async fn change<T>(&self, write: impl FnOnce(&mut State) -> T) -> T {
        let _turn = match &self.writer {
            Some(writer) => Some(writer.lock().await),
            None => None,
        };
        write(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A copy of the state until it is committed.
struct Unit {
    view: View,
    committed: Arc<RwLock<State>>,
    _turn: OwnedMutexGuard<()>,
}

#[async_trait]
impl UnitOfWork for Unit {
    async fn commit(self: Box<Self>) -> Result<(), RepositoryError> {
        let changed = self.view.change(std::mem::take).await;
        *self.committed.write().unwrap_or_else(PoisonError::into_inner) = changed;
        Ok(())
    }
}

macro_rules! repositories {
    ($($name:ident: $port:ident),+ $(,)?) => {
        impl Repositories for View {
            $(fn $name(&self) -> &dyn $port { self })+
        }

        impl Repositories for Unit {
            $(fn $name(&self) -> &dyn $port { &self.view })+
        }
    };
}

repositories! {
    workspaces: WorkspaceRepository,
    channels: ChannelRepository,
    visitors: VisitorRepository,
    sessions: SessionRepository,
    conversations: ConversationRepository,
    messages: MessageRepository,
    agent_marks: AgentMarkRepository,
    agents: AgentRepository,
    logins: LoginRepository,
    invitations: InvitationRepository,
    api_keys: ApiKeyRepository,
    tickets: TicketRepository,
    creations: CreationRepository,
    audit: AuditRepository,
    articles: ArticleRepository,
    attachments: AttachmentRepository,
    contacts: ContactRepository,
    deliveries: DeliveryRepository,
    jobs: JobRepository,
}
