//! The hub with everything it needs in memory.

mod connections;
mod delivery;
mod door;
mod signals;

use super::*;
use crate::ws::identity::{Identity, VisitorLogin};
use crate::ws::protocol::{Event, EventFrame};
use crate::ws::queue::Queue;
use parlor_domain::agent::Caller;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Actor, AgentActor, ConversationService, ConversationWriter, SendMessage, Status, Viewer, VisitorActor, WriterSettings};
use parlor_domain::store::Store;
use parlor_domain::text::MessageText;
use parlor_testkit::build::{a_conversation, a_login};
use parlor_testkit::{FixedClock, Fixture, MemoryStore, PlainSecretBox, PlainTokens, RecordingEventBus, SequentialIds};
use std::time::Duration;

/// A hub with everything it needs in memory.
struct Rig {
    hub: Arc<Hub>,
    bus: Arc<RecordingEventBus>,
    clock: Arc<FixedClock>,
    service: ConversationService,
    reader: Arc<ConversationReader>,
    store: MemoryStore,
    fixture: Fixture,
}

impl Rig {
    async fn new(limits: Limits) -> Self {
        let store = MemoryStore::new();
        let fixture = Fixture::stored(&store).await.unwrap();
        let bus = Arc::new(RecordingEventBus::new());
        let clock = Arc::new(FixedClock::default());
        let database: Arc<dyn Store> = Arc::new(store.clone());
        let conversations: Arc<dyn ConversationStore> = Arc::new(store.clone());
        let ids: Arc<dyn Ids> = Arc::new(SequentialIds::new());
        let secrets = Arc::new(PlainSecretBox);
        let (port, time): (Arc<dyn EventBus>, Arc<dyn Clock>) = (bus.clone(), clock.clone());
        let writer = ConversationWriter::new(conversations.clone(), port.clone(), time.clone(), ids.clone(), WriterSettings::default());
        tokio::spawn(writer.clone().run_lane(0));
        let visitors = VisitorService::new(database.clone(), port.clone(), time.clone(), ids.clone(), secrets.clone(), writer.clone());
        let directory = AgentDirectory::new(database.clone(), &*port, time.clone(), Arc::new(PlainTokens), None);
        let service = ConversationService::new(database.clone(), writer, visitors.clone(), port.clone(), time.clone(), ids.clone(), secrets);
        let reader = Arc::new(ConversationReader::new(database));
        let hub = Hub::new(HubDependencies {
            bus: port,
            links: FileLinks::for_tests(time.clone()),
            clock: time,
            ids,
            reader: reader.clone(),
            conversations,
            directory,
            visitors,
            limits,
            alone: true,
        });
        Self {
            hub,
            bus,
            clock,
            service,
            reader,
            store,
            fixture,
        }
    }

    async fn working(limits: Limits) -> Self {
        let rig = Self::new(limits).await;
        tokio::spawn(rig.hub.clone().do_work());
        rig
    }

    fn caller(&self, expires_at: Option<Timestamp>) -> Caller {
        let agent = &self.fixture.agent;
        Caller {
            workspace_id: agent.workspace_id,
            id: agent.id,
            name: agent.name.clone(),
            email: Some(agent.email.clone()),
            role: agent.role,
            machine: None,
            login_id: None,
            auth_version: agent.auth_version,
            expires_at,
            host_subject: None,
        }
    }

    fn connect(&self, identity: Identity) -> Arc<Client> {
        let client = self.hub.register(identity, Arc::<Queue>::default(), None);
        self.hub.attend(&client);
        client
    }

    fn agent(&self) -> Arc<Client> {
        self.connect(Identity::Agent(self.caller(None)))
    }

    fn visitor(&self) -> Arc<Client> {
        self.connect(self.visitor_login())
    }

    fn visitor_login(&self) -> Identity {
        Identity::Visitor(VisitorLogin {
            visitor: self.fixture.visitor.clone().into(),
            key: Some(self.fixture.visitor_key),
            expires_at: None,
        })
    }

    fn id(&self) -> ConversationId {
        self.fixture.conversation.id
    }

    /// Follows the fixture's conversation, with what changed after a number.
    async fn follow(&self, client: &Arc<Client>, after: i64) {
        assert!(self.hub.join(client, self.id(), self.known_as(client)));
        let catchup = self.reader.catch_up(client.identity().viewer(), self.id(), after).await.unwrap();
        self.hub.start(client, &catchup);
    }

    fn known_as(&self, client: &Client) -> Uuid {
        match client.audience {
            Audience::Public => self.fixture.conversation.room_key.expose(),
            Audience::Staff => self.id().0,
        }
    }

    async fn say(&self, text: &str) {
        let visitor = &self.fixture.visitor;
        let actor = Actor::Visitor(VisitorActor {
            workspace_id: visitor.workspace_id,
            id: visitor.id,
            name: None,
        });
        self.service
            .send_message(actor, self.id(), SendMessage::text(MessageText::parse(text).unwrap()))
            .await
            .unwrap();
    }

    /// The last change of a conversation that was published.
    fn event(&self) -> Arc<DomainEvent> {
        let is_change = |event: &Arc<DomainEvent>| matches!(**event, DomainEvent::Conversation(_));
        self.bus.events().into_iter().rfind(is_change).unwrap()
    }

    fn agent_actor(&self) -> AgentActor {
        self.caller(None).actor()
    }

    async fn note(&self, text: &str) {
        let actor = Actor::Agent(self.agent_actor());
        self.service
            .send_message(
                actor,
                self.id(),
                SendMessage {
                    private: true,
                    ..SendMessage::text(MessageText::parse(text).unwrap())
                },
            )
            .await
            .unwrap();
    }
}

/// The JSON frames that wait.
fn frames(client: &Client) -> Vec<EventFrame> {
    let texts = client.queue().take_all().into_iter().filter(|bytes| bytes[0] == 0x81);
    texts
        .map(|bytes| serde_json::from_slice(&bytes[if bytes[1] == 126 { 4 } else { 2 }..]).unwrap())
        .collect()
}

/// What waits, once as much is there.
async fn frames_with_numbers(client: &Client, enough: usize) -> Vec<(String, i64)> {
    let mut all = Vec::new();
    for _ in 0..500 {
        all.extend(frames(client).into_iter().filter_map(|frame| Some((frame.event.name().to_owned(), frame.rev?))));
        if all.len() >= enough {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    all
}

fn numbers(frames: &[(String, i64)]) -> Vec<i64> {
    frames.iter().map(|(_, rev)| *rev).collect()
}
