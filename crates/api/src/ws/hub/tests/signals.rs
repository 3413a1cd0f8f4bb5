//! Typing, the list of conversations, and who is there.

use super::*;

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
