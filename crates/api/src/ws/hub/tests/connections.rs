//! How many connections there may be, and what ends one.

use super::*;

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
    assert_eq!(sockets.each_ref().map(|client| client.queue().closed()), [Some(Close::Replaced), None, None]);
    assert_eq!(rig.agent().queue().closed(), None);
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_then_closed() {
    let rig = Rig::new(Limits::OFF).await;
    let client = rig.visitor();
    let start = Instant::now();
    let turn = usize::try_from(client.number).unwrap() % TURNS;
    client.queue().take_all();
    rig.hub.look_after(turn, start + Duration::from_secs(15));
    assert!(client.queue().take_all().is_empty());
    rig.hub.look_after(turn, start + Duration::from_secs(25));
    assert_eq!(client.queue().take_all(), [crate::ws::wire::ping()]);
    rig.hub.look_after(turn, start + Duration::from_secs(30));
    assert!(client.queue().take_all().is_empty(), "one ping at a time");
    rig.hub.look_after(turn, start + Duration::from_secs(61));
    assert_eq!(client.queue().closed(), Some(Close::Silent));
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
    assert_eq!((client.queue().closed(), expiring()), (None, 0));
    rig.clock.advance(Duration::from_secs(900));
    look();
    assert_eq!(client.queue().closed(), Some(Close::Unauthenticated));
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
    assert_eq!((client.queue().closed(), other.queue().closed()), (Some(Close::Unauthenticated), None));
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
    assert_eq!([agent.queue().closed(), visitor.queue().closed()], [Some(Close::Unauthenticated); 2]);
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
    assert_eq!((room.identity().id(), room.queue().closed()), (other.id.0, None));
    assert_eq!(
        (by_key.queue().closed(), by_key.following(rig.known_as(&by_key))),
        (Some(Close::Unauthenticated), None)
    );
}
