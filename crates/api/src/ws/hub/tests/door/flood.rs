//! Much at once, and clients that take it slowly.

use super::*;

#[tokio::test]
async fn a_flood_in_one_conversation_is_told_in_full_and_keeps_the_queue_small() {
    let rig = rig().await;
    let (slow, good) = (customer(&rig), seller(&rig));
    let mut got = Vec::new();
    for n in 0..1_000 {
        rig.say(&format!("message {n}")).await;
        assert!(slow.door().len() <= 256);
        if n % 100 == 0 {
            got.extend(revs(&take_all(&rig, &good).await));
        }
    }
    got.extend(revs(&events(&rig, &good, 1_000 - got.len()).await));
    let late = events(&rig, &slow, 1_000).await;
    rig.say("live").await;
    let live = events(&rig, &slow, 1).await;
    for revs in [got, revs(&late)] {
        assert_eq!(revs, (1..=1_000).collect::<Vec<_>>(), "each once, in order");
    }
    assert_eq!(
        (revs(&live), said(&rig, &live[0]).await[1]["message"]["text"].as_str()),
        (vec![1_001], Some("live"))
    );
    assert_eq!((slow.door().closed(), good.door().closed()), (None, None));
}

#[tokio::test]
async fn another_conversation_does_not_wait_for_a_flood() {
    let mut rig = rig().await;
    let seller = seller(&rig);
    for n in 0..600 {
        rig.say(&format!("message {n}")).await;
    }
    let flooded = rig.id();
    another_conversation(&mut rig, 77).await;
    rig.say("from somebody else").await;
    let events = events(&rig, &seller, 601).await;
    let place = events.iter().position(|event| event.conversation.id != flooded).unwrap();
    assert!(place <= 20, "it stands behind one page at most, not at {place}");
    let flood: Vec<_> = events
        .iter()
        .filter(|event| event.conversation.id == flooded)
        .filter_map(|event| event.rev)
        .collect();
    assert_eq!(flood, (1..=600).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_comes_while_a_gap_is_read_is_told_once() {
    let rig = rig().await;
    let customer = customer(&rig);
    for n in 0..300 {
        rig.say(&format!("message {n}")).await;
    }
    let mut got = Vec::new();
    let mut said = 300;
    while let Some(item) = customer.door().take() {
        match item {
            DoorItem::Event(event) => got.extend(event.rev),
            DoorItem::Gap(gap) => {
                if said < 310 {
                    rig.say("meanwhile").await;
                    said += 1;
                }
                rig.hub.read_on(&customer, gap).await;
            }
            DoorItem::Packet(_) => {}
        }
    }
    assert_eq!(got, (1..=310).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_read_before_it_was_heard_is_told_once() {
    let rig = rig().await;
    let customer = customer(&rig);
    for n in 0..290 {
        rig.say(&format!("message {n}")).await;
    }
    rig.bus.drop_next(5);
    for _ in 0..5 {
        rig.say("read first").await;
    }
    let mut got = revs(&events(&rig, &customer, 295).await);
    rig.say("heard first").await;
    got.extend(revs(&events(&rig, &customer, 1).await));
    assert_eq!(got, (1..=296).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_waits_behind_each_other_shares_what_was_read() {
    let rig = rig().await;
    let customer = customer(&rig);
    rig.say("one").await;
    rig.say("two").await;
    let waiting = events(&rig, &customer, 2).await;
    let mut writer = Writer::new(&rig.reader, &rig.hub.with.links);
    let mut counts = Vec::new();
    for (event, then) in waiting.iter().zip(["three", "four"]) {
        counts.push(embedded(&mut writer, event).await);
        rig.say(then).await;
    }
    for event in &events(&rig, &customer, 2).await {
        counts.push(embedded(&mut writer, event).await);
    }
    assert_eq!(counts, [2, 2, 4, 4], "read when the first was written, and again for what came later");
}

async fn embedded(writer: &mut Writer<'_>, event: &DoorEvent) -> usize {
    let packet = writer.packet_for(event).await.unwrap();
    let packet: serde_json::Value = serde_json::from_slice(&packet[1..]).unwrap();
    packet[1]["conversation"]["messages"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_gap_that_somebody_asked_about_anew_is_told_by_the_answer() {
    let rig = rig().await;
    let customer = customer(&rig);
    for n in 0..300 {
        rig.say(&format!("message {n}")).await;
    }
    let old = customer.door().take();
    assert!(rig.hub.join(&customer, rig.id(), rig.id().0));
    let catchup = rig.reader.catch_up(customer.identity().viewer(), rig.id(), 298).await.unwrap();
    rig.hub.start(&customer, &catchup);
    let Some(DoorItem::Gap(gap)) = old else { panic!("what waited was folded") };
    rig.hub.read_on(&customer, gap).await;
    assert_eq!(revs(&events(&rig, &customer, 2).await), [299, 300]);
}

#[tokio::test]
async fn a_gap_is_closed_by_a_deletion() {
    let rig = rig().await;
    let customer = customer(&rig);
    for n in 0..300 {
        rig.say(&format!("message {n}")).await;
    }
    rig.service.delete(Actor::Agent(rig.agent_actor()), rig.id()).await.unwrap();
    let events = events(&rig, &customer, 1).await;
    assert_eq!(
        (revs(&events), said(&rig, &events[0]).await[0].as_str()),
        (vec![301], Some("conversation:deleted"))
    );
    assert_eq!(customer.door().closed(), None);
}

#[tokio::test]
async fn a_client_that_takes_nothing_ends_only_its_own_connection() {
    let rig = rig().await;
    let (slow, good) = (customer(&rig), seller(&rig));
    rig.say("hello").await;
    assert_eq!(revs(&events(&rig, &good, 1).await), [1]);
    let later = Instant::now() + Duration::from_secs(11);
    (0..TURNS).for_each(|turn| rig.hub.look_after(turn, later));
    assert_eq!((slow.door().closed(), good.door().closed()), (Some(Close::TooSlow), None));
}

#[tokio::test]
async fn packets_that_others_wrote_count_for_a_slow_client() {
    let rig = rig().await;
    let (slow, good) = (customer(&rig), seller(&rig));
    let long = "x".repeat(9_000);
    for _ in 0..60 {
        rig.say(&long).await;
    }
    for event in take_all(&rig, &good).await {
        Writer::new(&rig.reader, &rig.hub.with.links).packet_for(&event).await.unwrap();
    }
    assert_eq!(slow.door().len(), 60);
    (0..TURNS).for_each(|turn| rig.hub.look_after(turn, Instant::now()));
    assert_eq!(slow.door().len(), 1, "they are read again later");
    assert_eq!(revs(&events(&rig, &slow, 60).await), (1..=60).collect::<Vec<_>>());
    assert_eq!(slow.door().closed(), None);
}

#[tokio::test]
async fn so_much_that_the_bus_lost_is_read_page_after_page() {
    let rig = rig().await;
    let customer = customer(&rig);
    rig.say("seen").await;
    rig.bus.drop_next(600);
    for n in 0..601 {
        rig.say(&format!("message {n}")).await;
    }
    let mut got = Vec::new();
    for _ in 0..500 {
        got.extend(revs(&take_all(&rig, &customer).await));
        if got.len() >= 602 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(got, (1..=602).collect::<Vec<_>>());
    assert_eq!(customer.door().closed(), None);
}
