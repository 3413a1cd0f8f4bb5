//! Failures.

use crate::support::{World, send, send_as, settle, stored};
use futures_util::future::join_all;
use parlor_domain::conversation::{Action, CommandError, ConversationStore, Outcome};
use parlor_domain::store::Store;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn only_the_command_that_the_database_refuses_fails() {
    let world = World::new().await;
    let node = world.node();
    node.faults.poison("poison");
    let (one, two, three) = (world.conversation(), world.another_conversation().await, world.another_conversation().await);
    node.faults.close_gate();
    let first = node.spawn(one, world.visitor(), send("first"));
    node.faults.commit_has_begun(1).await;
    let mut sending = Vec::new();
    for (id, text) in [(one, "a"), (two, "b"), (two, "poison"), (two, "c"), (three, "poison"), (one, "d"), (two, "e")] {
        sending.push(node.spawn(id, world.visitor(), send(text)));
        settle().await;
    }
    node.faults.open_gate();
    first.await.unwrap().unwrap();
    let mut answers = Vec::new();
    for sent in sending {
        answers.push(sent.await.unwrap().map(|done| stored(done).seq));
    }
    let failed = Err(CommandError::Failed);
    assert_eq!(answers, [Ok(2), Ok(1), failed.clone(), Ok(2), failed, Ok(3), Ok(3)]);
    let texts: Vec<String> = world.messages(two).await.into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["b", "c", "e"]);
    assert!(world.messages(three).await.is_empty());
    assert_eq!(node.bus.conversation_events().len(), 6);
    node.say(three, world.visitor(), "still works").await.unwrap();
}

#[tokio::test]
async fn a_row_that_cannot_be_read_refuses_its_own_commands_only() {
    let world = World::new().await;
    let node = world.node();
    let (one, bad, three) = (world.conversation(), world.another_conversation().await, world.another_conversation().await);
    *node.faults.unreadable.lock().unwrap() = Some(bad);
    node.faults.close_gate();
    let first = node.spawn(one, world.visitor(), send("first"));
    node.faults.commit_has_begun(1).await;
    let mut sending = Vec::new();
    for id in [bad, three, one] {
        sending.push(node.spawn(id, world.visitor(), send("hi")));
        settle().await;
    }
    node.faults.open_gate();
    first.await.unwrap().unwrap();
    let mut answers = Vec::new();
    for sent in sending {
        answers.push(sent.await.unwrap().map(|done| stored(done).seq));
    }
    assert_eq!(answers, [Err(CommandError::Failed), Ok(1), Ok(2)]);
}

#[tokio::test]
async fn after_an_unknown_outcome_the_repeat_is_stored_once() {
    let world = World::new().await;
    let node = world.node();
    let id = world.conversation();
    node.say(id, world.visitor(), "before").await.unwrap();
    for (number, was_stored) in [(1, true), (2, false), (3, true)] {
        let client_id = format!("c{number}");
        let fault = if was_stored { &node.faults.answers_lost } else { &node.faults.unavailable };
        fault.store(1, Ordering::SeqCst);
        let lost = node.run(id, world.visitor(), send_as(&client_id, "hi")).await;
        assert_eq!(lost.unwrap_err(), CommandError::Unavailable);
        let again = node.run(id, world.visitor(), send_as(&client_id, "hi")).await.unwrap();
        match again.outcome {
            Outcome::Repeated(message) => assert!(was_stored && message.seq == number + 1),
            Outcome::Stored(message) => assert!(!was_stored && message.seq == number + 1),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.row(id).await.last_seq, 4);
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_unavailable_and_comes_back() {
    let world = World::new().await;
    let node = world.node();
    node.faults.load_unavailable.store(1, Ordering::SeqCst);
    assert_eq!(
        node.say(world.conversation(), world.visitor(), "hi").await.unwrap_err(),
        CommandError::Unavailable
    );
    node.say(world.conversation(), world.visitor(), "hi").await.unwrap();
}

#[tokio::test]
async fn a_stale_item_is_decided_again_but_not_for_ever() {
    let world = World::new().await;
    let node = world.node();
    node.faults.stale.store(5, Ordering::SeqCst);
    assert_eq!(node.say(world.conversation(), world.visitor(), "hi").await.unwrap().seq, 1);
    assert_eq!(node.faults.commits.lock().unwrap().len(), 6);
    node.faults.stale.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(node.say(world.conversation(), world.visitor(), "hi").await.unwrap_err(), CommandError::Busy);
    node.faults.stale.store(0, Ordering::SeqCst);
    assert_eq!(node.say(world.conversation(), world.visitor(), "hi").await.unwrap().seq, 2);
    let staff: Vec<i64> = node.bus.conversation_events().iter().map(|event| event.staff_rev).collect();
    assert_eq!(staff, [1, 2], "told once, however often decided");
}

#[tokio::test]
async fn stale_conversations_keep_the_order_of_their_commands() {
    let world = World::new().await;
    let node = world.node();
    let id = world.conversation();
    node.faults.stale.store(3, Ordering::SeqCst);
    let sent = join_all(["a", "b", "c", "d"].map(|text| node.say(id, world.visitor(), text))).await;
    let seqs: Vec<i64> = sent.into_iter().map(|sent| sent.unwrap().seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
}

#[tokio::test]
async fn an_erased_conversation_that_a_lane_remembers_is_not_found() {
    let world = World::new().await;
    let node = world.node();
    let id = world.another_conversation().await;
    node.run(id, world.agent(), Action::SetFlag(Some(None))).await.unwrap();
    let work = world.store.begin().await.unwrap();
    let later = world.fixture.conversation.created_at.plus(std::time::Duration::from_secs(9));
    work.conversations().erase(later, later, 100).await.unwrap();
    work.commit().await.unwrap();
    assert!(world.store.load(&[id]).await.unwrap().is_empty());
    assert_eq!(node.say(id, world.visitor(), "hi").await.unwrap_err(), CommandError::ConversationNotFound);
}
