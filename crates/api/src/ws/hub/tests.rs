use super::*;
use crate::ws::identity::{Identity, VisitorLogin};
use crate::ws::protocol::{Event, EventFrame};
use parlor_domain::agent::Caller;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Actor, AgentActor, ConversationService, ConversationWriter, Status, Viewer, VisitorActor, WriterSettings};
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
            role: agent.role,
            machine: None,
            login_id: None,
            auth_version: agent.auth_version,
            expires_at,
        }
    }

    fn connect(&self, identity: Identity) -> Arc<Client> {
        let client = self.hub.register(identity, Arc::default(), None);
        self.hub.attend(&client);
        client
    }

    fn agent(&self) -> Arc<Client> {
        self.connect(Identity::Agent(self.caller(None)))
    }

    fn visitor(&self) -> Arc<Client> {
        let login = VisitorLogin {
            visitor: self.fixture.visitor.clone().into(),
            key: Some(self.fixture.visitor_key),
            expires_at: None,
        };
        self.connect(Identity::Visitor(login))
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
            .send_message(actor, self.id(), MessageText::parse(text).unwrap(), false, None, None, None)
            .await
            .unwrap();
    }

    fn agent_actor(&self) -> AgentActor {
        self.caller(None).actor()
    }

    async fn note(&self, text: &str) {
        let actor = Actor::Agent(self.agent_actor());
        self.service
            .send_message(actor, self.id(), MessageText::parse(text).unwrap(), true, None, None, None)
            .await
            .unwrap();
    }
}

/// The JSON frames that wait.
fn frames(client: &Client) -> Vec<EventFrame> {
    let texts = client.queue.take_all().into_iter().filter(|bytes| bytes[0] == 0x81);
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

#[tokio::test]
async fn a_hole_is_repaired_for_all_who_follow() {
    let rig = Rig::working(Limits::OFF).await;
    let (agent, visitor) = (rig.agent(), rig.visitor());
    rig.follow(&agent, 0).await;
    rig.follow(&visitor, 0).await;
    rig.say("one").await;
    rig.bus.drop_next(2);
    rig.say("two").await;
    rig.note("three").await;
    rig.say("four").await;
    rig.say("five").await;
    assert_eq!(numbers(&frames_with_numbers(&agent, 5).await), [1, 2, 3, 4, 5]);
    assert_eq!(numbers(&frames_with_numbers(&visitor, 4).await), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_lost_event_that_nothing_follows_is_found_after_half_a_minute() {
    let rig = Rig::working(Limits::OFF).await;
    let visitor = rig.visitor();
    rig.follow(&visitor, 0).await;
    rig.bus.drop_next(1);
    rig.say("lost").await;
    rig.hub.compare_quiet_ones(Instant::now() + Duration::from_secs(29)).await;
    assert!(frames_with_numbers(&visitor, 0).await.is_empty());
    rig.hub.compare_quiet_ones(Instant::now() + Duration::from_secs(31)).await;
    assert_eq!(numbers(&frames_with_numbers(&visitor, 1).await), [1]);
}

#[tokio::test]
async fn what_comes_while_the_start_is_read_comes_once_and_in_order() {
    let rig = Rig::working(Limits::OFF).await;
    rig.say("one").await;
    let early = rig.visitor();
    rig.follow(&early, 0).await;
    let late = rig.visitor();
    assert!(rig.hub.join(&late, rig.id(), rig.known_as(&late)));
    rig.say("before the start is read").await;
    let catchup = rig.reader.catch_up(late.identity().viewer(), rig.id(), 0).await.unwrap();
    rig.say("after it").await;
    rig.hub.start(&late, &catchup);
    rig.say("live").await;
    assert_eq!(numbers(&frames_with_numbers(&late, 4).await), [1, 2, 3, 4]);
    assert_eq!(numbers(&frames_with_numbers(&early, 4).await), [1, 2, 3, 4]);
}

#[tokio::test]
async fn an_event_that_comes_twice_or_late_is_not_handed_on_again() {
    let rig = Rig::working(Limits::OFF).await;
    let agent = rig.agent();
    rig.follow(&agent, 0).await;
    rig.say("one").await;
    rig.say("two").await;
    for event in rig.bus.conversation_events() {
        rig.hub.deliver(&Arc::new(DomainEvent::Conversation(event)));
    }
    assert_eq!(numbers(&frames_with_numbers(&agent, 2).await), [1, 2]);
    assert!(frames(&agent).iter().all(|frame| frame.rev.is_none()));
}

#[tokio::test]
async fn customers_get_every_number_of_theirs_and_nothing_internal() {
    let rig = Rig::working(Limits::OFF).await;
    let (agent, visitor) = (rig.agent(), rig.visitor());
    rig.follow(&agent, 0).await;
    rig.follow(&visitor, 0).await;
    rig.say("hello").await;
    rig.note("secret").await;
    rig.service.take_over(rig.agent_actor(), rig.id()).await.unwrap();
    rig.service.set_status(rig.agent_actor(), rig.id(), Status::Pending, None).await.unwrap();
    rig.service.set_status(rig.agent_actor(), rig.id(), Status::Resolved, None).await.unwrap();
    rig.say("again").await;
    let seen = frames_with_numbers(&visitor, 3).await;
    let expected = [("conversation:new-message", 1), ("conversation:updated", 2), ("conversation:new-message", 3)];
    assert_eq!(seen, expected.map(|(name, rev)| (name.to_owned(), rev)));
    assert_eq!(numbers(&frames_with_numbers(&agent, 6).await), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_deletion_is_the_last_event_and_ends_the_subscription() {
    let rig = Rig::working(Limits::OFF).await;
    let (agent, visitor) = (rig.agent(), rig.visitor());
    rig.follow(&agent, 0).await;
    rig.follow(&visitor, 0).await;
    rig.say("hello").await;
    let admin = AgentActor {
        role: parlor_domain::agent::Role::Admin,
        ..rig.agent_actor()
    };
    rig.service.delete(admin, rig.id()).await.unwrap();
    assert_eq!(frames_with_numbers(&visitor, 2).await.last(), Some(&("conversation:deleted".to_owned(), 2)));
    assert_eq!(frames_with_numbers(&agent, 2).await.last(), Some(&("conversation:deleted".to_owned(), 2)));
    assert_eq!((agent.following(rig.id().0), visitor.following(rig.known_as(&visitor))), (None, None));
    assert!(rig.hub.topics.iter().all(|topics| lock(topics).is_empty()), "nothing is kept of it");
}

#[tokio::test]
async fn a_lost_deletion_is_found_in_the_database() {
    let rig = Rig::working(Limits::OFF).await;
    let visitor = rig.visitor();
    rig.say("hello").await;
    rig.follow(&visitor, 1).await;
    rig.bus.drop_next(1);
    let admin = AgentActor {
        role: parlor_domain::agent::Role::Admin,
        ..rig.agent_actor()
    };
    rig.service.delete(admin, rig.id()).await.unwrap();
    rig.hub.compare_quiet_ones(Instant::now() + Duration::from_secs(31)).await;
    assert_eq!(frames_with_numbers(&visitor, 1).await, [("conversation:deleted".to_owned(), 2)]);
}

#[tokio::test]
async fn a_change_after_too_many_is_a_reset_and_live_events_go_on() {
    let rig = Rig::working(Limits::OFF).await;
    for n in 0..=parlor_domain::conversation::MAX_CATCHUP {
        rig.say(&format!("message {n}")).await;
    }
    let visitor = rig.visitor();
    assert!(rig.hub.join(&visitor, rig.id(), rig.known_as(&visitor)));
    let catchup = rig.reader.catch_up(visitor.identity().viewer(), rig.id(), 0).await.unwrap();
    assert!(catchup.reset);
    rig.hub.start(&visitor, &catchup);
    assert!(frames_with_numbers(&visitor, 0).await.is_empty());
    rig.say("live").await;
    assert_eq!(numbers(&frames_with_numbers(&visitor, 1).await), [502]);
}

#[tokio::test]
async fn a_connection_follows_at_most_two_hundred_conversations() {
    let rig = Rig::new(Limits::OFF).await;
    let agent = rig.agent();
    for n in 0..MAX_SUBSCRIPTIONS {
        let id = ConversationId(Uuid::from_u128(n as u128));
        assert!(rig.hub.join(&agent, id, id.0));
    }
    assert!(!rig.hub.join(&agent, rig.id(), rig.id().0));
    let first = ConversationId(Uuid::from_u128(0));
    assert!(rig.hub.join(&agent, first, first.0), "one that is followed may begin anew");
    rig.hub.leave(&agent, first);
    assert!(rig.hub.join(&agent, rig.id(), rig.id().0));
    rig.hub.unregister(&agent);
    assert!(rig.hub.topics.iter().all(|topics| lock(topics).is_empty()));
}

#[tokio::test]
async fn the_oldest_socket_of_an_identity_gives_way() {
    let rig = Rig::new(Limits {
        visitor_sockets: 2,
        ..Limits::OFF
    })
    .await;
    let sockets = [rig.visitor(), rig.visitor(), rig.visitor()];
    assert_eq!(sockets.each_ref().map(|client| client.queue.closed()), [Some(Close::Replaced), None, None]);
    assert_eq!(rig.agent().queue.closed(), None);
}

#[tokio::test]
async fn typing_is_told_to_all_others_and_a_notes_to_agents_only() {
    let rig = Rig::new(Limits::OFF).await;
    let (agent, visitor, tab) = (rig.agent(), rig.visitor(), rig.visitor());
    for client in [&agent, &visitor, &tab] {
        rig.follow(client, 0).await;
    }
    let typing = |who: &Client, private| Signal::Typing {
        conversation_id: rig.id(),
        from: who.identity().participant(),
        active: true,
        private,
    };
    let count = |client: &Client| frames(client).iter().filter(|frame| matches!(frame.event, Event::Typing(_))).count();
    rig.hub.signal(typing(&visitor, false));
    assert_eq!([count(&agent), count(&visitor), count(&tab)], [1, 0, 0]);
    rig.hub.signal(typing(&agent, false));
    assert_eq!([count(&agent), count(&visitor), count(&tab)], [0, 1, 1]);
    rig.hub.signal(typing(&agent, true));
    assert_eq!([count(&agent), count(&visitor), count(&tab)], [0, 0, 0]);
}

#[tokio::test]
async fn the_list_is_told_from_the_first_message_on_and_by_channel() {
    let rig = Rig::new(Limits::OFF).await;
    let (all, here, elsewhere) = (rig.agent(), rig.agent(), rig.agent());
    all.follow_inbox(Some(None));
    here.follow_inbox(Some(Some(rig.fixture.channel.id)));
    elsewhere.follow_inbox(Some(Some(parlor_domain::id::ChannelId(Uuid::from_u128(1)))));
    rig.service.take_over(rig.agent_actor(), rig.id()).await.unwrap();
    let count = |client: &Client| frames(client).iter().filter(|frame| matches!(frame.event, Event::Inbox(_))).count();
    assert_eq!([count(&all), count(&here), count(&elsewhere)], [0, 0, 0], "an empty conversation is in no list");
    rig.say("hello").await;
    assert_eq!([count(&all), count(&here), count(&elsewhere)], [1, 1, 0]);
    rig.service.mark_read(Actor::Agent(rig.agent_actor()), rig.id(), None).await.unwrap();
    assert_eq!([count(&all), count(&here), count(&elsewhere)], [1, 1, 0], "the unread count changed");
}

#[tokio::test]
async fn visitors_learn_only_whether_some_agent_is_there() {
    let rig = Rig::new(Limits::OFF).await;
    let visitor = rig.visitor();
    frames(&visitor);
    let agent = rig.agent();
    let told = frames(&visitor);
    let [
        EventFrame {
            event: Event::Presence(presence),
            ..
        },
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((presence.id, presence.online, presence.status), (None, true, None));
    assert_eq!(
        rig.hub.online(rig.fixture.workspace.id, rig.fixture.visitor.id, Audience::Public),
        Online { visitor: true, agents: 1 }
    );
    rig.hub.set_status(&agent, Availability::Busy);
    assert!(frames(&visitor).is_empty());
    assert!(
        frames(&agent)
            .iter()
            .any(|frame| matches!(&frame.event, Event::Presence(presence) if presence.status == Some(crate::ws::protocol::AvailabilityWord::Busy)))
    );
    rig.hub.unregister(&agent);
    rig.hub.look_after(0, Instant::now() + Duration::from_secs(4));
    assert!(frames(&visitor).is_empty());
    rig.hub.look_after(0, Instant::now() + Duration::from_secs(6));
    assert!(matches!(&frames(&visitor)[..], [EventFrame { event: Event::Presence(presence), .. }] if !presence.online));
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_then_closed() {
    let rig = Rig::new(Limits::OFF).await;
    let client = rig.visitor();
    let start = Instant::now();
    let turn = usize::try_from(client.number).unwrap() % TURNS;
    client.queue.take_all();
    rig.hub.look_after(turn, start + Duration::from_secs(15));
    assert!(client.queue.take_all().is_empty());
    rig.hub.look_after(turn, start + Duration::from_secs(25));
    assert_eq!(client.queue.take_all(), [crate::ws::wire::ping()]);
    rig.hub.look_after(turn, start + Duration::from_secs(30));
    assert!(client.queue.take_all().is_empty(), "one ping at a time");
    rig.hub.look_after(turn, start + Duration::from_secs(61));
    assert_eq!(client.queue.closed(), Some(Close::Silent));
}

#[tokio::test]
async fn a_token_that_runs_out_is_announced_and_then_closes() {
    let rig = Rig::new(Limits::OFF).await;
    let now = rig.clock.now();
    let identity = Identity::Agent(rig.caller(Some(now.plus(Duration::from_secs(90)))));
    let client = rig.connect(identity);
    let turn = usize::try_from(client.number).unwrap() % TURNS;
    let look = || rig.hub.look_after(turn, Instant::now());
    let expiring = || frames(&client).iter().filter(|frame| matches!(frame.event, Event::Expiring(_))).count();
    look();
    assert_eq!(expiring(), 0);
    rig.clock.advance(Duration::from_secs(31));
    look();
    look();
    assert_eq!(expiring(), 1);
    client.log_in_again(Identity::Agent(rig.caller(Some(now.plus(Duration::from_secs(900))))));
    rig.clock.advance(Duration::from_secs(60));
    look();
    assert_eq!((client.queue.closed(), expiring()), (None, 0));
    rig.clock.advance(Duration::from_secs(900));
    look();
    assert_eq!(client.queue.closed(), Some(Close::Unauthenticated));
}

#[tokio::test]
async fn what_ends_a_login_ends_its_sockets() {
    let rig = Rig::working(Limits::OFF).await;
    let login = a_login(&rig.fixture.agent);
    let work = rig.store.begin().await.unwrap();
    work.logins().insert(&login).await.unwrap();
    work.commit().await.unwrap();
    let of_login = Caller {
        login_id: Some(login.id),
        expires_at: Some(rig.clock.now().plus(Duration::from_secs(900))),
        ..rig.caller(None)
    };
    let client = rig.connect(Identity::Agent(of_login));
    let other = rig.agent();
    assert!(rig.hub.renew(&client).await);
    rig.bus.publish(DomainEvent::Access(parlor_domain::event::AccessChange::LoginEnded(login.id)));
    assert_eq!((client.queue.closed(), other.queue.closed()), (Some(Close::Unauthenticated), None));
}

#[tokio::test]
async fn the_sweep_finds_what_the_bus_did_not_tell() {
    let rig = Rig::new(Limits::OFF).await;
    let (agent, visitor) = (rig.agent(), rig.visitor());
    assert!(rig.hub.renew(&agent).await && rig.hub.renew(&visitor).await);
    let work = rig.store.begin().await.unwrap();
    let mut gone = work
        .agents()
        .find_for_update(rig.fixture.workspace.id, rig.fixture.agent.id)
        .await
        .unwrap()
        .unwrap();
    gone.deactivated_at = Some(rig.clock.now());
    work.agents().update(&gone).await.unwrap();
    work.visitors().delete_keys(rig.fixture.visitor.id).await.unwrap();
    work.commit().await.unwrap();
    rig.clock.advance(Duration::from_secs(5));
    rig.hub.renew_some(0).await;
    assert_eq!([agent.queue.closed(), visitor.queue.closed()], [Some(Close::Unauthenticated); 2]);
}

#[tokio::test]
async fn a_room_key_outlives_its_visitor() {
    let rig = Rig::working(Limits::OFF).await;
    let room = rig.connect(Identity::Room((&rig.fixture.conversation).into()));
    let by_key = rig.visitor();
    rig.follow(&room, 0).await;
    rig.follow(&by_key, 0).await;
    let other = parlor_testkit::build::a_visitor(&rig.fixture.channel);
    let work = rig.store.begin().await.unwrap();
    work.visitors().insert(&other).await.unwrap();
    work.conversations()
        .move_to_visitor(rig.fixture.workspace.id, rig.fixture.visitor.id, other.id, rig.clock.now())
        .await
        .unwrap();
    work.commit().await.unwrap();
    use parlor_domain::event::AccessChange;
    rig.bus.publish(DomainEvent::Access(AccessChange::VisitorGone(rig.fixture.visitor.id)));
    rig.bus.publish(DomainEvent::Access(AccessChange::ConversationMoved(rig.id())));
    for _ in 0..500 {
        if room.identity().id() == other.id.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!((room.identity().id(), room.queue.closed()), (other.id.0, None));
    assert_eq!(
        (by_key.queue.closed(), by_key.following(rig.known_as(&by_key))),
        (Some(Close::Unauthenticated), None)
    );
}

#[tokio::test]
async fn a_slow_reader_is_closed_and_the_others_get_everything() {
    let rig = Rig::working(Limits::OFF).await;
    let (slow, good) = (rig.visitor(), rig.visitor());
    rig.follow(&slow, 0).await;
    rig.follow(&good, 0).await;
    let mut got = Vec::new();
    for n in 0..600 {
        rig.say(&format!("message {n}")).await;
        got.extend(numbers(
            &frames(&good)
                .into_iter()
                .filter_map(|frame| Some((String::new(), frame.rev?)))
                .collect::<Vec<_>>(),
        ));
    }
    assert_eq!(got, (1..=600).collect::<Vec<_>>());
    assert_eq!(slow.queue.closed(), Some(Close::TooSlow));
}

#[tokio::test]
async fn many_conversations_on_one_connection_stay_apart() {
    let rig = Rig::working(Limits::OFF).await;
    let agent = rig.agent();
    let more: Vec<_> = (0..10).map(|_| a_conversation(&rig.fixture.visitor)).collect();
    let work = rig.store.begin().await.unwrap();
    for conversation in &more {
        work.conversations().insert(conversation).await.unwrap();
    }
    work.commit().await.unwrap();
    let viewer = Viewer::Staff(rig.fixture.workspace.id);
    for conversation in &more {
        assert!(rig.hub.join(&agent, conversation.id, conversation.id.0));
        rig.hub.start(&agent, &rig.reader.catch_up(viewer, conversation.id, 0).await.unwrap());
    }
    let visitor = &rig.fixture.visitor;
    let actor = Actor::Visitor(VisitorActor {
        workspace_id: visitor.workspace_id,
        id: visitor.id,
        name: None,
    });
    for _ in 0..3 {
        for conversation in &more {
            let text = MessageText::parse("hello").unwrap();
            rig.service
                .send_message(actor.clone(), conversation.id, text, false, None, None, None)
                .await
                .unwrap();
        }
    }
    let all = frames(&agent);
    for conversation in &more {
        let own: Vec<i64> = all
            .iter()
            .filter(|frame| frame.conversation_id == Some(conversation.id.0))
            .filter_map(|frame| frame.rev)
            .collect();
        assert_eq!(own, [1, 2, 3]);
    }
}
