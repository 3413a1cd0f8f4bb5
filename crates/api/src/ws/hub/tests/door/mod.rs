//! Clients at the Socket.IO door: they follow by who they are, with the same promises as all others.

mod flood;
mod joining;

use super::*;
use crate::socket_io::Writer;
use parlor_domain::agent::Role;
use parlor_testkit::build::{a_marketplace_conversation, a_visitor, an_agent};

/// A conversation between the fixture's visitor and its agent, who sells.
async fn marketplace(rig: &mut Rig) {
    let conversation = a_marketplace_conversation(&rig.fixture.visitor, &rig.fixture.agent);
    let work = rig.store.begin().await.unwrap();
    work.conversations().insert(&conversation).await.unwrap();
    work.commit().await.unwrap();
    rig.fixture.conversation = conversation;
}

/// One more between the same two, which begins now.
async fn another_conversation(rig: &mut Rig, id: u128) {
    let mut conversation = rig.fixture.conversation.clone();
    conversation.id = ConversationId(Uuid::from_u128(id));
    conversation.room_key = parlor_domain::id::RoomKey::new(Uuid::from_u128(id + 1));
    conversation.client_ref = None;
    conversation.created_at = rig.clock.advance(Duration::from_millis(1));
    let work = rig.store.begin().await.unwrap();
    work.conversations().insert(&conversation).await.unwrap();
    work.commit().await.unwrap();
    rig.fixture.conversation = conversation;
}

async fn rig() -> Rig {
    let mut rig = Rig::working(Limits::OFF).await;
    marketplace(&mut rig).await;
    rig
}

fn come(rig: &Rig, identity: Identity) -> Arc<Client> {
    let client = rig.hub.register(identity, Arc::<DoorQueue>::default(), None);
    rig.hub.attend(&client);
    client
}

fn customer(rig: &Rig) -> Arc<Client> {
    come(rig, rig.visitor_login())
}

fn seller(rig: &Rig) -> Arc<Client> {
    come(rig, Identity::Seller(rig.caller(None)))
}

/// What waits, once as much is there.
async fn events(rig: &Rig, client: &Client, enough: usize) -> Vec<Arc<DoorEvent>> {
    let mut all = Vec::new();
    for _ in 0..500 {
        all.extend(take_all(rig, client).await);
        if all.len() >= enough {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    all
}

/// What waits now. What is to be read is read, as the client's task does it.
async fn take_all(rig: &Rig, client: &Client) -> Vec<Arc<DoorEvent>> {
    let mut all = Vec::new();
    while let Some(item) = client.door().take() {
        match item {
            DoorItem::Event(event) => all.push(event),
            DoorItem::Gap(gap) => rig.hub.read_on(client, gap).await,
            DoorItem::Packet(_) => {}
        }
    }
    all
}

fn revs(events: &[Arc<DoorEvent>]) -> Vec<i64> {
    events.iter().filter_map(|event| event.rev).collect()
}

/// What is said in an event's packet.
async fn said(rig: &Rig, event: &DoorEvent) -> serde_json::Value {
    let packet = Writer::new(&rig.reader, &rig.hub.with.links).packet_for(event).await.unwrap();
    serde_json::from_slice(&packet[1..]).unwrap()
}

#[tokio::test]
async fn both_parties_see_everything_from_the_first_message_on_without_asking() {
    let rig = rig().await;
    let (customer, seller) = (customer(&rig), seller(&rig));
    for text in ["one", "two", "three"] {
        rig.say(text).await;
    }
    for client in [&customer, &seller] {
        let events = events(&rig, client, 3).await;
        assert_eq!(revs(&events), [1, 2, 3]);
        assert_eq!(said(&rig, &events[0]).await[1]["message"]["text"], "one");
    }
}

#[tokio::test]
async fn what_happened_before_a_client_came_is_not_told_again() {
    let rig = rig().await;
    rig.say("before").await;
    let customer = customer(&rig);
    rig.say("after").await;
    assert_eq!(revs(&events(&rig, &customer, 1).await), [2]);
}

#[tokio::test]
async fn one_packet_serves_customer_and_seller() {
    let rig = rig().await;
    let (customer, seller) = (customer(&rig), seller(&rig));
    rig.say("one").await;
    rig.say("two").await;
    let (first, second) = (events(&rig, &customer, 2).await, events(&rig, &seller, 2).await);
    for (first, second) in first.iter().zip(&second) {
        let packets = [
            Writer::new(&rig.reader, &rig.hub.with.links).packet_for(first).await.unwrap(),
            Writer::new(&rig.reader, &rig.hub.with.links).packet_for(second).await.unwrap(),
        ];
        assert_eq!(packets[0].as_ptr(), packets[1].as_ptr(), "written once");
    }
}

#[tokio::test]
async fn a_new_message_brings_the_newest_hundred() {
    let rig = rig().await;
    for n in 1..=120 {
        rig.say(&format!("message {n}")).await;
    }
    let customer = customer(&rig);
    rig.say("live").await;
    let packet = said(&rig, &events(&rig, &customer, 1).await[0]).await;
    let texts: Vec<_> = packet[1]["conversation"]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["text"])
        .collect();
    assert_eq!((texts.len(), texts[0].as_str(), texts[99].as_str()), (100, Some("message 22"), Some("live")));
}

#[tokio::test]
async fn every_message_of_a_catch_up_brings_the_newest_ones() {
    let rig = rig().await;
    let customer = customer(&rig);
    for text in ["one", "two", "three"] {
        rig.say(text).await;
    }
    events(&rig, &customer, 3).await;
    assert!(rig.hub.join(&customer, rig.id(), rig.id().0));
    let catchup = rig.reader.catch_up(customer.identity().viewer(), rig.id(), 0).await.unwrap();
    rig.hub.start(&customer, &catchup);
    let events = events(&rig, &customer, 3).await;
    assert_eq!(revs(&events), [1, 2, 3]);
    let mut writer = Writer::new(&rig.reader, &rig.hub.with.links);
    for event in &events {
        let packet = writer.packet_for(event).await.unwrap();
        let packet: serde_json::Value = serde_json::from_slice(&packet[1..]).unwrap();
        let texts = packet[1]["conversation"]["messages"].as_array().unwrap().iter().map(|message| &message["text"]);
        assert_eq!(texts.collect::<Vec<_>>(), ["one", "two", "three"]);
    }
}

#[tokio::test]
async fn a_lost_event_is_repaired_and_a_lost_last_one_is_found() {
    let rig = rig().await;
    let (customer, seller) = (customer(&rig), seller(&rig));
    rig.say("one").await;
    assert_eq!(
        (revs(&events(&rig, &customer, 1).await), revs(&events(&rig, &seller, 1).await)),
        (vec![1], vec![1])
    );
    rig.bus.drop_next(2);
    rig.say("two").await;
    rig.note("for agents").await;
    rig.say("three").await;
    assert_eq!(revs(&events(&rig, &customer, 2).await), [2, 3]);
    assert_eq!(revs(&events(&rig, &seller, 2).await), [2, 3]);
    rig.bus.drop_next(1);
    rig.say("four").await;
    rig.hub.compare_quiet_ones(Instant::now() + Duration::from_secs(31)).await;
    assert_eq!(revs(&events(&rig, &customer, 1).await), [4]);
    assert_eq!(revs(&events(&rig, &seller, 1).await), [4]);
}

#[tokio::test]
async fn a_change_that_is_the_first_to_be_seen_comes_as_what_it_is() {
    let rig = rig().await;
    rig.say("hello").await;
    let customer = customer(&rig);
    let message = rig.reader.newest(rig.id(), 1).await.unwrap().remove(0);
    let visitor = &rig.fixture.visitor;
    let actor = Actor::Visitor(VisitorActor {
        workspace_id: visitor.workspace_id,
        id: visitor.id,
        name: None,
    });
    rig.service.delete_message(actor, rig.id(), message.id).await.unwrap();
    let packet = said(&rig, &events(&rig, &customer, 1).await[0]).await;
    assert_eq!((&packet[0], &packet[1]["change"]), (&"conversation:message-updated".into(), &"deleted".into()));
    assert_eq!(packet[1]["message"]["text"], "");
}

#[tokio::test]
async fn nobody_else_hears_of_it() {
    let rig = rig().await;
    let other_customer = VisitorLogin {
        visitor: a_visitor(&rig.fixture.channel).into(),
        key: None,
        expires_at: None,
    };
    let other_agent = an_agent(&rig.fixture.workspace, Role::Owner);
    let other_seller = Caller {
        id: other_agent.id,
        role: Role::Owner,
        ..rig.caller(None)
    };
    let others = [come(&rig, Identity::Visitor(other_customer)), come(&rig, Identity::Seller(other_seller))];
    let (agent, visitor) = (rig.agent(), rig.visitor());
    let customer = customer(&rig);
    rig.say("hello").await;
    assert_eq!(revs(&events(&rig, &customer, 1).await), [1]);
    assert!(others.iter().all(|other| other.door().is_empty()));
    assert!([&agent, &visitor].iter().all(|client| frames(client).iter().all(|frame| frame.rev.is_none())));
    assert_eq!(agent.following(rig.id().0), None);
}

#[tokio::test]
async fn notes_and_internal_changes_do_not_exist_here() {
    let rig = rig().await;
    let seller = seller(&rig);
    rig.note("secret").await;
    rig.say("hello").await;
    rig.note("secret").await;
    rig.say("again").await;
    assert_eq!(revs(&events(&rig, &seller, 2).await), [1, 2]);
}

#[tokio::test]
async fn who_was_never_greeted_takes_nobody_away() {
    let rig = rig().await;
    let _here = customer(&rig);
    let refused = rig.hub.register(rig.visitor_login(), Arc::<DoorQueue>::default(), None);
    rig.hub.unregister(&refused);
    rig.hub.look_after(0, Instant::now() + Duration::from_secs(10));
    assert!(rig.hub.online(rig.fixture.workspace.id, rig.fixture.visitor.id, Audience::Staff).visitor);
}

#[tokio::test]
async fn sellers_are_looked_up_in_turns() {
    let rig = rig().await;
    let sellers: Vec<_> = (0..30).map(|_| seller(&rig)).collect();
    let work = rig.store.begin().await.unwrap();
    let mut agent = rig.fixture.agent.clone();
    agent.deactivated_at = Some(rig.clock.now());
    work.agents().update(&agent).await.unwrap();
    work.commit().await.unwrap();
    let closed = || sellers.iter().filter(|seller| seller.door().closed().is_some()).count();
    rig.hub.renew_some(0).await;
    assert_eq!(closed(), 20);
    rig.hub.renew_some(1).await;
    assert_eq!(closed(), 30);
}

#[tokio::test]
async fn all_devices_of_both_see_what_was_read() {
    let rig = rig().await;
    rig.say("hello").await;
    let (phone, laptop, customer) = (seller(&rig), seller(&rig), customer(&rig));
    rig.service.mark_read(Actor::Agent(rig.agent_actor()), rig.id(), None).await.unwrap();
    for client in [&phone, &laptop, &customer] {
        let events = events(&rig, client, 1).await;
        let packet = said(&rig, &events[0]).await;
        assert_eq!((events.len(), packet[0].as_str()), (1, Some("conversation:read")));
        assert_eq!((&packet[1]["upToSeq"], &packet[1]["by"]), (&1.into(), &"seller".into()));
        assert_eq!(packet[1]["isReadBySeller"], true);
    }
}

#[tokio::test]
async fn who_is_gone_follows_nothing() {
    let rig = rig().await;
    let customer = customer(&rig);
    rig.hub.unregister(&customer);
    assert!(!rig.hub.join(&customer, rig.id(), rig.id().0));
    rig.say("hello").await;
    assert!(customer.door().is_empty());
    assert!(rig.hub.topics.iter().all(|topics| lock(topics).is_empty()));
}

#[tokio::test]
async fn customers_are_seen_as_online_and_sellers_are_not() {
    let rig = rig().await;
    let seller = seller(&rig);
    let visitor = rig.fixture.visitor.id;
    let online = |rig: &Rig| rig.hub.online(rig.fixture.workspace.id, visitor, Audience::Staff);
    assert_eq!((online(&rig).visitor, online(&rig).agents), (false, 0));
    let _customer = customer(&rig);
    let agent = rig.agent();
    assert_eq!((online(&rig).visitor, online(&rig).agents), (true, 1));
    rig.hub.unregister(&seller);
    rig.hub.look_after(0, Instant::now() + Duration::from_secs(10));
    assert_eq!(online(&rig).agents, 1, "the same person is an agent elsewhere");
    assert_eq!(agent.queue().closed(), None);
}

#[tokio::test]
async fn a_deactivated_seller_is_told_to_go_even_if_the_bus_is_silent() {
    let rig = rig().await;
    let seller = seller(&rig);
    rig.hub.renew_some(0).await;
    assert_eq!(seller.door().closed(), None);
    let work = rig.store.begin().await.unwrap();
    let mut agent = rig.fixture.agent.clone();
    agent.deactivated_at = Some(rig.clock.now());
    work.agents().update(&agent).await.unwrap();
    work.commit().await.unwrap();
    rig.clock.advance(Duration::from_secs(5));
    rig.hub.renew_some(1).await;
    assert_eq!(seller.door().closed(), Some(Close::Unauthenticated));
}
