//! Who listens to what: conversations, the workspace's list, who is there.
//!
//! Events of the bus are put as shared bytes into the bounded queues of the sockets that follow; nothing here waits for
//! a socket. The hub holds no state of its own that matters: what the bus lost it reads from the database, and what a
//! client lost the client resumes.

mod client;
mod door;
mod door_queue;
mod fan_out;
mod frames;
mod parties;
mod people;
mod rights;
mod sweep;
#[cfg(test)]
mod tests;
mod topic;
mod work;

pub use client::{Client, MAX_SUBSCRIPTIONS, Outbox};
pub use door::{DoorChange, DoorEvent};
pub use door_queue::{DoorItem, DoorQueue};
pub use frames::{encode, missed};

use super::close::Close;
use super::identity::Identity;
use super::protocol::Online;
use crate::families::shared::FileLinks;
use crate::limits_config::Limits;
use client::Dialect;
use parlor_domain::agent::AgentDirectory;
use parlor_domain::clock::Clock;
use parlor_domain::conversation::{Audience, Catchup, ConversationReader, ConversationStore};
use parlor_domain::event::{Availability, DomainEvent, EventBus, EventSubscriber, Signal};
use parlor_domain::id::{ConversationId, Ids, VisitorId, WorkspaceId};
use parlor_domain::message::Side;
use parlor_domain::visitor::VisitorService;
use people::{People, PersonKey, Tell};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use topic::{Next, Topic};
use uuid::Uuid;
use work::Work;

/// What the hub needs of the rest.
pub struct HubDependencies {
    /// Tells what happened, and takes signals.
    pub bus: Arc<dyn EventBus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names of connections, and chance.
    pub ids: Arc<dyn Ids>,
    /// Reads what the bus lost.
    pub reader: Arc<ConversationReader>,
    /// Reads many rows at once, to see whether the bus lost anything.
    pub conversations: Arc<dyn ConversationStore>,
    /// Whether agents' rights still stand.
    pub directory: Arc<AgentDirectory>,
    /// Whether visitors are still there.
    pub visitors: Arc<VisitorService>,
    /// Links to the files of messages.
    pub links: Arc<FileLinks>,
    /// How much a connection may do.
    pub limits: Limits,
    /// Whether this is the only node: then nobody needs to be told again who is online.
    pub alone: bool,
}

/// How many locks the conversations are spread over.
const SHARDS: usize = 64;
/// The clients are looked after in turns, one part of them each second.
const TURNS: usize = 5;

/// The clients of a workspace by number.
#[derive(Default)]
struct Workplace {
    agents: HashMap<u64, Arc<Client>>,
    visitors: HashMap<u64, Arc<Client>>,
    /// Those at the Socket.IO door, of either side.
    parties: HashMap<u64, Arc<Client>>,
}

impl Workplace {
    fn all(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.agents.values().chain(self.visitors.values()).chain(self.parties.values())
    }
}

/// The sockets of this node.
pub struct Hub {
    with: HubDependencies,
    /// Names this node in the names of its connections.
    node: String,
    topics: Vec<Mutex<HashMap<ConversationId, Topic>>>,
    clients: Vec<Mutex<HashMap<u64, Arc<Client>>>>,
    workplaces: Mutex<HashMap<WorkspaceId, Workplace>>,
    /// The sockets of each person, oldest first.
    sockets: Mutex<HashMap<PersonKey, Vec<Arc<Client>>>>,
    people: Mutex<People>,
    work: mpsc::UnboundedSender<Work>,
    intake: Mutex<Option<mpsc::UnboundedReceiver<Work>>>,
    last_number: AtomicU64,
    open: AtomicUsize,
    /// How many clients are at the Socket.IO door: mostly none, and then nobody needs to be looked for.
    at_the_door: AtomicUsize,
    stopping: watch::Sender<bool>,
}

/// What runs for as long as the server does.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// Makes the hub and lets it listen to the bus.
    #[must_use]
    pub fn new(with: HubDependencies) -> Arc<Self> {
        let (work, intake) = mpsc::unbounded_channel();
        let node = with.ids.random().simple().to_string().chars().take(6).collect::<String>();
        let hub = Arc::new(Self {
            node: format!("n{node}"),
            topics: (0..SHARDS).map(|_| Mutex::default()).collect(),
            clients: (0..TURNS).map(|_| Mutex::default()).collect(),
            workplaces: Mutex::default(),
            sockets: Mutex::default(),
            people: Mutex::default(),
            work,
            intake: Mutex::new(Some(intake)),
            last_number: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            at_the_door: AtomicUsize::new(0),
            stopping: watch::Sender::new(false),
            with,
        });
        let subscriber: Arc<dyn EventSubscriber> = hub.clone();
        hub.with.bus.subscribe(Arc::downgrade(&subscriber));
        hub
    }

    /// What must run for as long as the server does; the caller spawns each.
    #[must_use]
    pub fn tasks(self: &Arc<Self>) -> Vec<Task> {
        vec![
            Box::pin(Arc::clone(self).look_after_clients()),
            Box::pin(Arc::clone(self).renew_rights()),
            Box::pin(Arc::clone(self).compare_with_database()),
            Box::pin(Arc::clone(self).do_work()),
        ]
    }

    /// The limits of connections.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.with.limits
    }

    /// Tells when the server stops.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// A socket opened: it counts until the guard is dropped.
    #[must_use]
    pub fn count_socket(self: &Arc<Self>) -> OpenSocket {
        self.open.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("parlor_sockets").increment(1.0);
        OpenSocket(Arc::clone(self))
    }

    /// Somebody logged in. Beyond the limit for one identity the oldest socket gives way. [`Self::attend`] follows, and in
    /// the end [`Self::unregister`].
    #[must_use]
    pub fn register(&self, identity: Identity, outbox: impl Into<Outbox>, origin: Option<String>) -> Arc<Client> {
        let number = self.last_number.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client::new(
            number,
            format!("{}-{number:06}", self.node),
            outbox.into(),
            identity,
            origin,
            self.with.clock.now(),
        ));
        let (side, _) = client.came_as;
        let most = match side {
            Side::Visitor => self.with.limits.visitor_sockets,
            Side::Agent => self.with.limits.agent_sockets,
        };
        if client.dialect == Dialect::Door {
            self.at_the_door.fetch_add(1, Ordering::Relaxed);
        }
        let oldest = {
            let mut sockets = lock(&self.sockets);
            let own = sockets.entry(client.came_as).or_default();
            own.push(Arc::clone(&client));
            let too_many = if most == 0 {
                0
            } else {
                own.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX))
            };
            own.drain(..too_many).collect::<Vec<_>>()
        };
        oldest.iter().for_each(|old| old.close(Close::Replaced));
        if let Some(mut clients) = self.turn(number) {
            clients.insert(number, Arc::clone(&client));
        }
        client
    }

    /// A client was greeted: from now on it hears what concerns its whole workspace, and others hear that it is there.
    pub fn attend(&self, client: &Arc<Client>) {
        {
            let mut workplaces = lock(&self.workplaces);
            let workplace = workplaces.entry(client.workspace).or_default();
            let side = match client.dialect {
                Dialect::Agent => &mut workplace.agents,
                Dialect::Customer => &mut workplace.visitors,
                Dialect::Door => &mut workplace.parties,
            };
            side.insert(client.number, Arc::clone(client));
        }
        if !client.is_seen() {
            return;
        }
        client.attended.store(true, Ordering::Relaxed);
        let come = lock(&self.people).arrive(client.workspace, &client.identity().participant(), Instant::now());
        come.into_iter().for_each(|tell| self.tell_presence(tell));
    }

    /// A logged-in socket closed.
    pub fn unregister(&self, client: &Client) {
        if let Some(mut clients) = self.turn(client.number) {
            clients.remove(&client.number);
        }
        {
            let mut workplaces = lock(&self.workplaces);
            if let Some(workplace) = workplaces.get_mut(&client.workspace) {
                workplace.agents.remove(&client.number);
                workplace.visitors.remove(&client.number);
                workplace.parties.remove(&client.number);
                if workplace.all().next().is_none() {
                    workplaces.remove(&client.workspace);
                }
            }
        }
        {
            let mut sockets = lock(&self.sockets);
            if let Some(own) = sockets.get_mut(&client.came_as) {
                own.retain(|other| other.number != client.number);
                if own.is_empty() {
                    sockets.remove(&client.came_as);
                }
            }
        }
        for conversation in client.unfollow_all() {
            self.leave_topic(client, conversation);
        }
        if client.dialect == Dialect::Door {
            self.at_the_door.fetch_sub(1, Ordering::Relaxed);
        }
        if client.attended.swap(false, Ordering::Relaxed) {
            lock(&self.people).leave(client.came_as, Instant::now());
        }
    }

    fn turn(&self, number: u64) -> Option<MutexGuard<'_, HashMap<u64, Arc<Client>>>> {
        let turn = usize::try_from(number % TURNS as u64).unwrap_or_default();
        self.clients.get(turn).map(lock)
    }

    fn all_clients(&self) -> Vec<Arc<Client>> {
        self.clients
            .iter()
            .flat_map(|clients| lock(clients).values().cloned().collect::<Vec<_>>())
            .collect()
    }

    fn sockets_of(&self, person: PersonKey) -> Vec<Arc<Client>> {
        lock(&self.sockets).get(&person).cloned().unwrap_or_default()
    }

    /// The shard of a conversation. The last bits of a v7 id are random.
    fn shard(&self, conversation: ConversationId) -> Option<MutexGuard<'_, HashMap<ConversationId, Topic>>> {
        let (_, low) = conversation.0.as_u64_pair();
        self.topics.get(usize::try_from(low % SHARDS as u64).unwrap_or_default()).map(lock)
    }

    /// From now on keeps the changes of a conversation for a client, until [`Self::start`], [`Self::leave`] or [`Self::go_on`]. To be
    /// called before the database is read, so that nothing falls between. False if it follows too many already.
    #[must_use]
    pub fn join(&self, client: &Arc<Client>, conversation: ConversationId, known_as: Uuid) -> bool {
        self.join_if(client, conversation, known_as, |_| true)
    }

    /// The same for a client that does not follow yet; false if it does.
    #[must_use]
    pub fn join_new(&self, client: &Arc<Client>, conversation: ConversationId, known_as: Uuid) -> bool {
        self.join_if(client, conversation, known_as, |client| !client.follows(conversation))
    }

    fn join_if(&self, client: &Arc<Client>, conversation: ConversationId, known_as: Uuid, is_meant: impl Fn(&Client) -> bool) -> bool {
        let Some(mut topics) = self.shard(conversation) else { return false };
        // Under the lock: whoever is gone meanwhile leaves after this, or does not come in.
        if !is_meant(client) || !client.follow(conversation, known_as) {
            return false;
        }
        topics.entry(conversation).or_insert_with(|| self.topic(conversation)).join(client);
        true
    }

    fn topic(&self, conversation: ConversationId) -> Topic {
        Topic::new(conversation, Arc::clone(&self.with.links), Instant::now())
    }

    /// Hands on what a client missed, then what came since it joined, then what comes.
    pub fn start(&self, client: &Client, catchup: &Catchup) {
        let conversation = catchup.conversation.id;
        self.with_topic(conversation, |topic| topic.start(client.number, catchup));
    }

    /// What a client joined for cannot be read. If it followed before, it goes on from there.
    pub fn go_on(&self, client: &Client, conversation: ConversationId) {
        let mut goes_on = false;
        self.with_topic(conversation, |topic| {
            goes_on = topic.go_on(client.number);
            topic.count_from_first()
        });
        if !goes_on {
            self.leave(client, conversation);
        }
    }

    /// The client does not follow any more.
    pub fn leave(&self, client: &Client, conversation: ConversationId) {
        client.unfollow(conversation);
        self.leave_topic(client, conversation);
        client.forget(conversation);
    }

    fn leave_topic(&self, client: &Client, conversation: ConversationId) {
        self.with_topic(conversation, |topic| topic.leave(client.number));
    }

    /// Does something with a conversation that is followed here, and what must follow.
    fn with_topic(&self, conversation: ConversationId, change: impl FnOnce(&mut Topic) -> Next) {
        let Some(mut topics) = self.shard(conversation) else { return };
        let Some(topic) = topics.get_mut(&conversation) else { return };
        let next = change(topic);
        if topic.is_empty() {
            topics.remove(&conversation);
        } else if next == Next::Repair {
            self.order(Work::Repair(conversation));
        }
    }

    /// Who of a conversation is there, as an audience may know.
    #[must_use]
    pub fn online(&self, workspace: WorkspaceId, visitor: VisitorId, audience: Audience) -> Online {
        let people = lock(&self.people);
        let agents = people.agents_online(workspace);
        let agents = if audience == Audience::Public { agents.min(1) } else { agents };
        Online {
            visitor: people.is_online((Side::Visitor, visitor.0)),
            agents,
        }
    }

    /// An agent says how available it is.
    pub fn set_status(&self, client: &Client, status: Availability) {
        let tell = lock(&self.people).set_status(client.came_as, status);
        tell.into_iter().for_each(|tell| self.tell_presence(tell));
    }

    fn tell_presence(&self, tell: Tell) {
        let Tell {
            workspace,
            who,
            online,
            status,
        } = tell;
        self.signal(Signal::Presence {
            workspace_id: workspace,
            who,
            online,
            status,
            last_seen_at: self.with.clock.now(),
        });
    }

    /// Tells all nodes something that is merely live.
    pub fn signal(&self, signal: Signal) {
        self.with.bus.publish(DomainEvent::Signal(signal));
    }

    fn order(&self, work: Work) {
        // Nobody takes it only when the server stops.
        let _ = self.work.send(work);
    }
}

/// Counts an open socket for as long as it lives.
pub struct OpenSocket(Arc<Hub>);

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("parlor_sockets").decrement(1.0);
    }
}
