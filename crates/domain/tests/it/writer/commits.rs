//! What is committed together, answered and told.

use crate::support::{World, send, send_as, settle, stored};
use futures_util::future::join_all;
use parlor_domain::conversation::{Action, CommandError, Status, WriterSettings};
use parlor_domain::event::{ConversationChange, Signal};
use parlor_domain::id::ConversationId;
use parlor_testkit::build::an_id;

#[tokio::test]
async fn a_command_is_answered_and_told_after_its_commit() {
    let world = World::new().await;
    let node = world.node();
    node.faults.close_gate();
    let sending = node.spawn(world.conversation(), world.visitor(), send("hi"));
    node.faults.commit_has_begun(1).await;
    settle().await;
    assert!(!sending.is_finished() && node.bus.events().is_empty() && world.messages(world.conversation()).await.is_empty());
    node.faults.open_gate();
    let message = stored(sending.await.unwrap().unwrap());
    assert_eq!(world.messages(world.conversation()).await, [(*message).clone()]);
    let event = node.bus.conversation_events().pop().expect("told before the caller is answered");
    assert_eq!(
        (event.rev, event.staff_rev, event.change),
        (Some(1), 1, ConversationChange::NewMessage(message))
    );
}

#[tokio::test]
async fn events_come_once_for_each_command_in_their_order() {
    let world = World::new().await;
    let node = world.node();
    let id = world.conversation();
    let texts: Vec<String> = (0..100).map(|number| format!("message {number}")).collect();
    let sent = join_all(texts.iter().map(|text| node.say(id, world.visitor(), text))).await;
    let seqs: Vec<i64> = sent.iter().map(|sent| sent.as_ref().unwrap().seq).collect();
    assert_eq!(seqs, (1..=100).collect::<Vec<_>>(), "in order of arrival");
    let told: Vec<_> = node
        .bus
        .conversation_events()
        .iter()
        .map(|event| (event.rev, event.staff_rev, event.conversation.last_seq))
        .collect();
    assert_eq!(told, (1..=100).map(|number| (Some(number), number, number)).collect::<Vec<_>>());
    let kept: Vec<String> = world.messages(id).await.into_iter().map(|message| message.text).collect();
    assert_eq!(kept, texts);
}

#[tokio::test]
async fn refusals_repeats_and_no_ops_are_told_to_nobody() {
    let world = World::new().await;
    let node = world.node();
    let id = world.conversation();
    node.run(id, world.visitor(), send_as("c", "hi")).await.unwrap();
    node.bus.clear();
    node.run(id, world.visitor(), send_as("c", "hi")).await.unwrap();
    node.run(id, world.visitor(), send_as("c", "ho")).await.unwrap_err();
    node.run(id, world.agent(), Action::SetStatus(Status::Open, None)).await.unwrap();
    node.run(id, world.agent(), Action::DeleteConversation).await.unwrap_err();
    assert!(node.bus.events().is_empty());
}

#[tokio::test]
async fn a_mark_is_told_as_a_signal() {
    let world = World::new().await;
    let node = world.node();
    node.say(world.conversation(), world.visitor(), "hi").await.unwrap();
    node.run(world.conversation(), world.agent(), Action::MarkRead(None)).await.unwrap();
    let signals = node.bus.signals();
    let [
        Signal::Read {
            conversation,
            agent_id,
            up_to_seq,
            ..
        },
    ] = signals.as_slice()
    else {
        panic!("{signals:?}")
    };
    assert_eq!((conversation.unread_by_team(), *agent_id, *up_to_seq), (0, Some(world.fixture.agent.id), 1));
    let own = node.reader.own_mark(world.conversation(), world.fixture.agent.id).await.unwrap();
    assert_eq!((own.seq, own.count), (1, 1));
}

#[tokio::test]
async fn what_waits_is_committed_together() {
    let world = World::new().await;
    let node = world.node();
    let other = world.another_conversation().await;
    node.faults.close_gate();
    let mut sending = vec![node.spawn(world.conversation(), world.visitor(), send("first"))];
    node.faults.commit_has_begun(1).await;
    for number in 0..20 {
        let id = if number % 2 == 0 { world.conversation() } else { other };
        sending.push(node.spawn(id, world.visitor(), send("waits")));
    }
    settle().await;
    node.faults.open_gate();
    for sent in sending {
        sent.await.unwrap().unwrap();
    }
    assert_eq!(*node.faults.commits.lock().unwrap(), [vec![1], vec![10, 10]]);
}

#[tokio::test]
async fn each_commit_raises_the_version_by_one() {
    let world = World::new().await;
    let node = world.node();
    let before = world.row(world.conversation()).await.version;
    join_all((0..10).map(|_| node.say(world.conversation(), world.visitor(), "hi"))).await;
    node.run(world.conversation(), world.agent(), Action::MarkRead(None)).await.unwrap();
    let commits = i64::try_from(node.faults.commits.lock().unwrap().len()).unwrap();
    assert_eq!(world.row(world.conversation()).await.version, before + commits);
}

#[tokio::test]
async fn a_full_queue_answers_busy_at_once() {
    let world = World::new().await;
    let node = world.node_with(WriterSettings {
        queue: 3,
        batch: 1,
        ..WriterSettings::default()
    });
    node.faults.close_gate();
    let mut sending = vec![node.spawn(world.conversation(), world.visitor(), send("in work"))];
    node.faults.commit_has_begun(1).await;
    sending.extend((0..3).map(|_| node.spawn(world.conversation(), world.visitor(), send("waits"))));
    settle().await;
    let refused = node.run(world.conversation(), world.visitor(), send("too much")).await;
    assert_eq!(refused.unwrap_err(), CommandError::Busy);
    for sent in sending {
        node.faults.open_gate();
        sent.await.unwrap().unwrap();
    }
    assert_eq!(world.row(world.conversation()).await.last_seq, 4);
}

#[tokio::test]
async fn a_caller_that_went_away_is_not_missed() {
    let world = World::new().await;
    let node = world.node();
    node.faults.close_gate();
    let gone = node.spawn(world.conversation(), world.visitor(), send("hi"));
    node.faults.commit_has_begun(1).await;
    gone.abort();
    node.faults.open_gate();
    settle().await;
    assert_eq!(world.row(world.conversation()).await.last_seq, 1);
    assert_eq!(node.bus.conversation_events().len(), 1);
}

#[tokio::test]
async fn an_unknown_conversation_is_not_found() {
    let world = World::new().await;
    let node = world.node();
    let refused = node.say(ConversationId(an_id()), world.visitor(), "hi").await;
    assert_eq!(refused.unwrap_err(), CommandError::ConversationNotFound);
}
