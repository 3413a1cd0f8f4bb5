//! From where clients are told, and up to where.

use super::*;

#[tokio::test]
async fn who_begins_while_the_numbers_are_read_for_others_misses_nothing() {
    let rig = rig().await;
    rig.say("one").await;
    let (visitor, customer) = (rig.visitor(), customer(&rig));
    assert!(rig.hub.join(&visitor, rig.id(), rig.known_as(&visitor)));
    rig.say("two").await;
    rig.say("three").await;
    assert_eq!(revs(&events(&rig, &customer, 2).await), [2, 3]);
    let catchup = rig.reader.catch_up(visitor.identity().viewer(), rig.id(), 0).await.unwrap();
    rig.hub.start(&visitor, &catchup);
    rig.say("four").await;
    assert_eq!(revs(&events(&rig, &customer, 1).await), [4]);
    assert_eq!(numbers(&frames_with_numbers(&visitor, 4).await), [1, 2, 3, 4]);
}

#[tokio::test]
async fn of_a_new_conversation_nothing_is_missed_even_if_its_first_event_is_lost() {
    let mut rig = Rig::working(Limits::OFF).await;
    let customer = customer(&rig);
    marketplace(&mut rig).await;
    another_conversation(&mut rig, 77).await;
    rig.bus.drop_next(1);
    rig.say("lost").await;
    rig.say("seen").await;
    assert_eq!(revs(&events(&rig, &customer, 2).await), [1, 2]);
}

#[tokio::test]
async fn a_client_that_asks_while_it_begins_by_itself_gets_what_it_asked_for() {
    let rig = rig().await;
    rig.say("one").await;
    let (visitor, customer) = (rig.visitor(), customer(&rig));
    // Somebody else begins at this moment, so the numbers are not known here: what the customer is to be told is yet to be read.
    assert!(rig.hub.join(&visitor, rig.id(), rig.known_as(&visitor)));
    rig.say("two").await;
    assert!(rig.hub.join(&customer, rig.id(), rig.id().0));
    let catchup = rig.reader.catch_up(customer.identity().viewer(), rig.id(), 0).await.unwrap();
    rig.hub.start(&customer, &catchup);
    rig.say("three").await;
    assert_eq!(revs(&events(&rig, &customer, 3).await), [1, 2, 3]);
}

#[tokio::test]
async fn a_deletion_is_told_even_if_nothing_was_heard_before() {
    let rig = rig().await;
    rig.say("hello").await;
    let (customer, seller) = (customer(&rig), seller(&rig));
    rig.service.delete(Actor::Agent(rig.agent_actor()), rig.id()).await.unwrap();
    for client in [&customer, &seller] {
        let events = events(&rig, client, 1).await;
        assert_eq!(revs(&events), [2]);
        assert_eq!(said(&rig, &events[0]).await[0], "conversation:deleted");
        assert!(!client.follows(rig.id()));
    }
    assert!(rig.hub.topics.iter().all(|topics| lock(topics).is_empty()), "nothing is kept of it");
}

#[tokio::test]
async fn a_deletion_before_the_first_message_was_read_is_told() {
    let rig = rig().await;
    let (visitor, customer) = (rig.visitor(), customer(&rig));
    assert!(rig.hub.join(&visitor, rig.id(), rig.known_as(&visitor)));
    rig.say("hello").await;
    rig.service.delete(Actor::Agent(rig.agent_actor()), rig.id()).await.unwrap();
    // What the visitor asked for is not there any more.
    rig.hub.leave(&visitor, rig.id());
    let events = events(&rig, &customer, 1).await;
    assert_eq!((events.len(), said(&rig, &events[0]).await[0].as_str()), (1, Some("conversation:deleted")));
    assert!(rig.hub.topics.iter().all(|topics| lock(topics).is_empty()), "nothing is kept of it");
}

#[tokio::test]
async fn nothing_is_told_after_a_deletion() {
    let rig = rig().await;
    let (customer, seller) = (customer(&rig), seller(&rig));
    rig.say("hello").await;
    let late = rig.event();
    rig.service.delete(Actor::Agent(rig.agent_actor()), rig.id()).await.unwrap();
    for client in [&customer, &seller] {
        assert_eq!(revs(&events(&rig, client, 2).await), [1, 2]);
    }
    rig.hub.deliver(&late);
    let mut deleted = rig.event();
    rig.hub.deliver(&deleted);
    if let DomainEvent::Conversation(event) = Arc::make_mut(&mut deleted) {
        event.change = parlor_domain::event::ConversationChange::Updated(parlor_domain::conversation::ChangedFields::all());
    }
    let newcomer = come(&rig, rig.visitor_login());
    rig.hub.deliver(&deleted);
    for client in [&customer, &seller, &newcomer] {
        assert!(client.door().take().is_none());
    }
    assert!(rig.hub.topics.iter().all(|topics| lock(topics).is_empty()), "nothing is kept of it");
}

/// The events of three messages, of which nobody heard.
async fn three_events(rig: &Rig) -> [Arc<DomainEvent>; 3] {
    let mut events = Vec::new();
    for text in ["one", "two", "three"] {
        rig.say(text).await;
        events.push(rig.event());
    }
    events.try_into().unwrap()
}

#[tokio::test]
async fn who_comes_with_an_event_that_is_late_is_told_of_it() {
    let rig = rig().await;
    let [one, two, three] = three_events(&rig).await;
    let seller = seller(&rig);
    rig.hub.deliver(&one);
    rig.hub.deliver(&two);
    let customer = customer(&rig);
    rig.hub.deliver(&two);
    rig.hub.deliver(&three);
    assert_eq!(revs(&events(&rig, &customer, 2).await), [2, 3]);
    assert_eq!(revs(&events(&rig, &seller, 3).await), [1, 2, 3]);
}

#[tokio::test]
async fn who_comes_with_an_event_that_is_early_is_told_of_those_before_it() {
    for repaired in [false, true] {
        let mut rig = Rig::new(Limits::OFF).await;
        marketplace(&mut rig).await;
        let [one, two, three] = three_events(&rig).await;
        let seller = seller(&rig);
        rig.hub.deliver(&one);
        let customer = customer(&rig);
        rig.hub.deliver(&three);
        if !repaired {
            rig.hub.deliver(&two);
        }
        tokio::spawn(rig.hub.clone().do_work());
        assert_eq!(revs(&events(&rig, &customer, 2).await), [2, 3]);
        assert_eq!(revs(&events(&rig, &seller, 3).await), [1, 2, 3]);
    }
}

#[tokio::test]
async fn who_begins_first_takes_nothing_from_who_begins_later() {
    let rig = rig().await;
    rig.say("one").await;
    let (early, customer, late) = (rig.visitor(), customer(&rig), rig.visitor());
    assert!(rig.hub.join(&early, rig.id(), rig.known_as(&early)));
    let catchup = rig.reader.catch_up(early.identity().viewer(), rig.id(), 0).await.unwrap();
    rig.say("two").await;
    rig.say("three").await;
    rig.follow(&late, 1).await;
    rig.say("four").await;
    rig.hub.start(&early, &catchup);
    rig.say("five").await;
    assert_eq!(numbers(&frames_with_numbers(&early, 5).await), [1, 2, 3, 4, 5]);
    assert_eq!(numbers(&frames_with_numbers(&late, 4).await), [2, 3, 4, 5]);
    assert_eq!(revs(&events(&rig, &customer, 4).await), [2, 3, 4, 5]);
}

#[tokio::test]
async fn a_start_that_cannot_be_read_changes_nothing() {
    let rig = rig().await;
    let customer = customer(&rig);
    rig.say("one").await;
    assert!(!rig.hub.join_new(&customer, rig.id(), rig.id().0), "it follows already");
    assert!(rig.hub.join(&customer, rig.id(), rig.id().0));
    rig.say("two").await;
    rig.hub.go_on(&customer, rig.id());
    rig.say("three").await;
    assert_eq!(revs(&events(&rig, &customer, 3).await), [1, 2, 3]);
    let seller = seller(&rig);
    assert!(rig.hub.join_new(&seller, rig.id(), rig.id().0));
    rig.hub.go_on(&seller, rig.id());
    assert!(!seller.follows(rig.id()), "it was nowhere");
}
