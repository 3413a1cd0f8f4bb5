//! Nodes over one store, and a store that fails when told to.

use async_trait::async_trait;
use parlor_domain::agent::{Agent, AgentDirectory, AgentService, AuthService, Bearer, Caller, Role};
use parlor_domain::channel::ChannelService;
use parlor_domain::clock::Clock;
use parlor_domain::conversation::{
    Action, Actor, AgentActor, Command, CommandError, CommitItem, CommitOutcome, Conversation, ConversationReader, ConversationService, ConversationStore,
    ConversationWriter, Done, MessageKey, NewMessage, Outcome, VisitorActor, WriterSettings,
};
use parlor_domain::event::EventBus;
use parlor_domain::id::{AttachmentId, ConversationId, Ids, MessageId};
use parlor_domain::message::{HistoryQuery, HistoryWindow, Message};
use parlor_domain::page::Limit;
use parlor_domain::security::{HostClaims, Password};
use parlor_domain::session::SessionService;
use parlor_domain::store::{RepositoryError, Store};
use parlor_domain::text::{ClientId, MessageText};
use parlor_domain::visitor::{Visitor, VisitorService};
use parlor_testkit::build::{a_visitor_key, an_agent, an_id};
use parlor_testkit::{FixedClock, Fixture, MemoryStore, PlainHostTokens, PlainPasswordHasher, PlainSecretBox, PlainTokens, RecordingEventBus};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// The builders' ids, so that nothing made here has the id of something built there.
pub struct SharedIds;

impl Ids for SharedIds {
    fn ordered(&self) -> Uuid {
        an_id()
    }

    fn random(&self) -> Uuid {
        a_visitor_key().expose()
    }
}

/// The writer's side of a store, with everything that may go wrong there.
pub struct FaultyStore {
    inner: MemoryStore,
    /// A batch with a message of this text fails as a whole.
    poison: Mutex<Option<String>>,
    /// So many commits answer that the database is not there, and write nothing.
    pub unavailable: AtomicUsize,
    /// So many commits are done, but the answer is lost.
    pub answers_lost: AtomicUsize,
    /// So many loads answer that the database is not there.
    pub load_unavailable: AtomicUsize,
    /// A load of this row fails as a whole.
    pub unreadable: Mutex<Option<ConversationId>>,
    /// So many items are called stale.
    pub stale: AtomicUsize,
    gated: AtomicBool,
    gate: Semaphore,
    /// How many commits began.
    pub begun: AtomicUsize,
    /// Of each commit, how many messages each of its items had.
    pub commits: Mutex<Vec<Vec<usize>>>,
    pub loads: AtomicUsize,
}

fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl FaultyStore {
    fn new(inner: MemoryStore) -> Arc<Self> {
        Arc::new(Self {
            inner,
            poison: Mutex::default(),
            unavailable: AtomicUsize::new(0),
            answers_lost: AtomicUsize::new(0),
            load_unavailable: AtomicUsize::new(0),
            unreadable: Mutex::default(),
            stale: AtomicUsize::new(0),
            gated: AtomicBool::new(false),
            gate: Semaphore::new(0),
            begun: AtomicUsize::new(0),
            commits: Mutex::default(),
            loads: AtomicUsize::new(0),
        })
    }

    pub fn poison(&self, text: &str) {
        *self.poison.lock().unwrap() = Some(text.to_owned());
    }

    /// From now on commits wait until the gate opens.
    pub fn close_gate(&self) {
        self.gated.store(true, Ordering::SeqCst);
    }

    pub fn open_gate(&self) {
        self.gated.store(false, Ordering::SeqCst);
        self.gate.add_permits(1);
    }

    pub async fn commit_has_begun(&self, times: usize) {
        while self.begun.load(Ordering::SeqCst) < times {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl ConversationStore for FaultyStore {
    async fn load(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if take_one(&self.load_unavailable) {
            return Err(RepositoryError::Unavailable("it restarts".to_owned()));
        }
        if self.unreadable.lock().unwrap().is_some_and(|row| ids.contains(&row)) {
            return Err(RepositoryError::Failed("a word that is not known".to_owned()));
        }
        self.inner.load(ids).await
    }

    async fn load_messages(&self, keys: &[MessageKey]) -> Result<Vec<(MessageKey, Message)>, RepositoryError> {
        self.inner.load_messages(keys).await
    }

    async fn used_files(&self, ids: &[AttachmentId]) -> Result<Vec<AttachmentId>, RepositoryError> {
        self.inner.used_files(ids).await
    }

    async fn commit(&self, batch: &[CommitItem]) -> Result<Vec<CommitOutcome>, RepositoryError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        if self.gated.load(Ordering::SeqCst) {
            self.gate.acquire().await.unwrap().forget();
        }
        self.commits.lock().unwrap().push(batch.iter().map(|item| item.inserted.len()).collect());
        let poison = self.poison.lock().unwrap().clone();
        let texts = batch.iter().flat_map(|item| &item.inserted).map(|message| &message.text);
        if poison.is_some_and(|poison| texts.into_iter().any(|text| *text == poison)) {
            return Err(RepositoryError::Failed("it was refused".to_owned()));
        }
        if take_one(&self.unavailable) {
            return Err(RepositoryError::Unavailable("it restarts".to_owned()));
        }
        let stale: Vec<bool> = batch.iter().map(|_| take_one(&self.stale)).collect();
        let good: Vec<CommitItem> = batch.iter().zip(&stale).filter(|(_, stale)| !**stale).map(|(item, _)| item.clone()).collect();
        let mut outcomes = self.inner.commit(&good).await?.into_iter();
        if take_one(&self.answers_lost) {
            return Err(RepositoryError::Unavailable("the answer was lost".to_owned()));
        }
        Ok(stale
            .into_iter()
            .map(|stale| if stale { CommitOutcome::Stale } else { outcomes.next().unwrap() })
            .collect())
    }
}

/// One store, one clock, one of each thing in it.
pub struct World {
    pub store: MemoryStore,
    pub clock: Arc<FixedClock>,
    pub fixture: Fixture,
}

impl World {
    pub async fn new() -> Self {
        let store = MemoryStore::new();
        let fixture = Fixture::stored(&store).await.unwrap();
        Self {
            store,
            clock: Arc::new(FixedClock::default()),
            fixture,
        }
    }

    pub fn node(&self) -> Node {
        self.node_with(WriterSettings::default())
    }

    /// A node of its own: own writer, own bus (so nobody tells it what others did), own memory.
    pub fn node_with(&self, settings: WriterSettings) -> Node {
        let bus = Arc::new(RecordingEventBus::new());
        let faults = FaultyStore::new(self.store.clone());
        let store: Arc<dyn Store> = Arc::new(self.store.clone());
        let clock: Arc<dyn Clock> = self.clock.clone();
        let ids: Arc<dyn Ids> = Arc::new(SharedIds);
        let events: Arc<dyn EventBus> = bus.clone();
        let (secrets, hasher, tokens) = (Arc::new(PlainSecretBox), Arc::new(PlainPasswordHasher), Arc::new(PlainTokens));
        let writer = ConversationWriter::new(faults.clone(), events.clone(), clock.clone(), ids.clone(), settings);
        for lane in 0..writer.lanes() {
            tokio::spawn(Arc::clone(&writer).run_lane(lane));
        }
        let visitors = VisitorService::new(store.clone(), events.clone(), clock.clone(), ids.clone(), secrets.clone(), writer.clone());
        Node {
            reader: ConversationReader::new(store.clone()),
            directory: AgentDirectory::new(store.clone(), &*events, clock.clone(), tokens.clone(), Some(Arc::new(PlainHostTokens))),
            auth: AuthService::new(store.clone(), events.clone(), clock.clone(), ids.clone(), hasher.clone(), tokens),
            agents: AgentService::new(store.clone(), events.clone(), clock.clone(), ids.clone(), hasher, writer.clone()),
            channels: ChannelService::new(store.clone(), events.clone(), clock.clone(), ids.clone(), secrets.clone(), None),
            sessions: SessionService::new(store.clone(), clock.clone(), ids.clone(), secrets.clone()),
            conversations: Arc::new(ConversationService::new(store, writer.clone(), visitors.clone(), events, clock, ids, secrets)),
            visitors,
            writer,
            bus,
            faults,
        }
    }

    pub async fn row(&self, id: ConversationId) -> Conversation {
        self.store.load(&[id]).await.unwrap().pop().unwrap()
    }

    /// The newest 100 messages as agents see them, in their order.
    pub async fn messages(&self, id: ConversationId) -> Vec<Message> {
        let query = HistoryQuery {
            audience: parlor_domain::conversation::Audience::Staff,
            window: HistoryWindow::Newest,
            limit: Limit::MAX,
        };
        self.store.read().await.unwrap().messages().history(id, query).await.unwrap().messages
    }

    /// Stores another conversation of the fixture's visitor.
    pub async fn another_conversation(&self) -> ConversationId {
        let conversation = parlor_testkit::build::a_conversation(&self.fixture.visitor);
        let work = self.store.begin().await.unwrap();
        work.conversations().insert(&conversation).await.unwrap();
        work.commit().await.unwrap();
        conversation.id
    }

    /// Stores another agent of the workspace.
    pub async fn another_agent(&self, role: Role, change: impl FnOnce(&mut Agent)) -> Agent {
        let mut agent = an_agent(&self.fixture.workspace, role);
        change(&mut agent);
        let work = self.store.begin().await.unwrap();
        work.agents().insert(&agent).await.unwrap();
        work.commit().await.unwrap();
        agent
    }

    /// Stores another agent with [`PASSWORD`].
    pub async fn agent_with_password(&self, role: Role) -> Agent {
        self.another_agent(role, |agent| agent.password = Some(PlainPasswordHasher::hash_of(PASSWORD)))
            .await
    }

    pub async fn another_visitor(&self) -> Visitor {
        let visitor = parlor_testkit::build::a_visitor(&self.fixture.channel);
        let work = self.store.begin().await.unwrap();
        work.visitors().insert(&visitor).await.unwrap();
        work.commit().await.unwrap();
        visitor
    }

    pub fn visitor(&self) -> Actor {
        as_visitor(&self.fixture.visitor)
    }

    pub fn agent(&self) -> Actor {
        Actor::Agent(as_agent(&self.fixture.agent))
    }

    pub fn conversation(&self) -> ConversationId {
        self.fixture.conversation.id
    }
}

pub const PASSWORD: &str = "correct horse";

pub fn password(plain: &str) -> Password {
    Password::parse(plain).unwrap()
}

pub fn as_visitor(visitor: &Visitor) -> Actor {
    Actor::Visitor(VisitorActor {
        workspace_id: visitor.workspace_id,
        id: visitor.id,
        name: None,
    })
}

pub fn as_agent(agent: &Agent) -> AgentActor {
    AgentActor {
        workspace_id: agent.workspace_id,
        id: agent.id,
        name: agent.name.as_str().to_owned(),
        role: agent.role,
        machine: false,
    }
}

/// The agent as an authenticated caller.
pub fn caller(agent: &Agent) -> Caller {
    Caller {
        workspace_id: agent.workspace_id,
        id: agent.id,
        name: agent.name.clone(),
        email: Some(agent.email.clone()),
        role: agent.role,
        machine: None,
        login_id: None,
        auth_version: agent.auth_version,
        expires_at: None,
        host_subject: None,
    }
}

/// A server process.
pub struct Node {
    pub writer: Arc<ConversationWriter>,
    pub bus: Arc<RecordingEventBus>,
    pub faults: Arc<FaultyStore>,
    pub reader: ConversationReader,
    pub directory: Arc<AgentDirectory>,
    pub auth: AuthService,
    pub agents: AgentService,
    pub channels: Arc<ChannelService>,
    pub visitors: Arc<VisitorService>,
    pub sessions: SessionService,
    pub conversations: Arc<ConversationService>,
}

impl Node {
    pub async fn run(&self, conversation_id: ConversationId, actor: Actor, action: Action) -> Result<Done, CommandError> {
        self.writer
            .submit(Command {
                conversation_id,
                actor,
                action,
            })
            .await
    }

    pub async fn say(&self, conversation: ConversationId, actor: Actor, text: &str) -> Result<Arc<Message>, CommandError> {
        self.run(conversation, actor, send(text)).await.map(stored)
    }

    /// Runs it beside this task.
    pub fn spawn(&self, conversation_id: ConversationId, actor: Actor, action: Action) -> tokio::task::JoinHandle<Result<Done, CommandError>> {
        let writer = Arc::clone(&self.writer);
        tokio::spawn(async move {
            writer
                .submit(Command {
                    conversation_id,
                    actor,
                    action,
                })
                .await
        })
    }

    /// Who a token belongs to, if it is somebody on our side.
    pub async fn staff(&self, token: &str) -> Option<Caller> {
        match self.directory.authenticate(token).await {
            Ok(Bearer::Staff(caller)) => Some(caller),
            Ok(Bearer::Customer(_) | Bearer::Seller(_)) | Err(_) => None,
        }
    }
}

pub fn new_message(text: &str) -> NewMessage {
    NewMessage::text(MessageId(an_id()), MessageText::parse(text).unwrap())
}

pub fn send(text: &str) -> Action {
    Action::Send(new_message(text))
}

/// A message under a client id.
pub fn send_as(client_id: &str, text: &str) -> Action {
    Action::Send(NewMessage {
        client_id: Some(ClientId::parse(client_id).unwrap()),
        ..new_message(text)
    })
}

/// The message that was stored now.
pub fn stored(done: Done) -> Arc<Message> {
    match done.outcome {
        Outcome::Stored(message) => message,
        other => panic!("not stored but {other:?}"),
    }
}

/// Lets everything run that can.
pub async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

pub fn claims(subject: &str) -> HostClaims {
    let expires_at = FixedClock::START.plus(Duration::from_secs(3600));
    HostClaims {
        subject: subject.to_owned(),
        role: None,
        email: None,
        email_verified: true,
        name: None,
        expires_at,
    }
}
