//! Events: each once, in order, to those whom it concerns.

use super::*;

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
    rig.service.delete(Actor::Agent(admin), rig.id()).await.unwrap();
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
    rig.service.delete(Actor::Agent(admin), rig.id()).await.unwrap();
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
    assert_eq!(slow.queue().closed(), Some(Close::TooSlow));
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
            rig.service.send_message(actor.clone(), conversation.id, SendMessage::text(text)).await.unwrap();
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

#[tokio::test]
async fn who_comes_during_a_repair_for_others_misses_nothing() {
    let rig = Rig::new(Limits::OFF).await;
    let agent = rig.agent();
    rig.follow(&agent, 0).await;
    rig.say("one").await;
    rig.bus.drop_next(1);
    rig.say("lost").await;
    rig.say("three").await;
    // The repair begins while only agents follow, so it reads for them.
    let mut from = None;
    rig.hub.with_topic(rig.id(), |topic| {
        from = topic.repair_from();
        Next::Done
    });
    assert_eq!(from, Some((Some(1), None)));
    let visitor = rig.visitor();
    rig.follow(&visitor, 0).await;
    rig.say("four").await;
    let read = rig.reader.catch_up(agent.identity().viewer(), rig.id(), 1).await.unwrap();
    rig.hub.with_topic(rig.id(), |topic| topic.repaired(&[(Audience::Staff, read.clone())]));
    tokio::spawn(rig.hub.clone().do_work());
    assert_eq!(numbers(&frames_with_numbers(&visitor, 4).await), [1, 2, 3, 4]);
    assert_eq!(numbers(&frames_with_numbers(&agent, 4).await), [1, 2, 3, 4]);
}
