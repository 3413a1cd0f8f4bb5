//! A lane's memory.

use crate::support::{World, as_visitor, send, settle};
use futures_util::future::join_all;
use parlor_domain::conversation::{Action, CommandError, Handler, Outcome, Status, WriterSettings};
use parlor_domain::store::Store;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_lane_writes_from_memory() {
    let world = World::new().await;
    let node = world.node();
    for _ in 0..5 {
        node.say(world.conversation(), world.visitor(), "hi").await.unwrap();
    }
    assert_eq!(node.faults.loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_another_node_did_is_seen_before_anything_is_written() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let id = world.conversation();
    b.say(id, world.visitor(), "one").await.unwrap();
    a.run(id, world.agent(), Action::SetStatus(Status::Resolved, None)).await.unwrap();
    a.run(id, world.agent(), Action::TakeOver).await.unwrap();
    let done = b.run(id, world.visitor(), send("two")).await.unwrap();
    assert_eq!(
        (done.conversation.status, done.conversation.handler),
        (Status::Open, Handler::Agent(world.fixture.agent.id))
    );
    assert_eq!((done.conversation.last_seq, done.conversation.rev, done.conversation.staff_rev), (2, 3, 4));
}

#[tokio::test]
async fn a_refusal_or_no_op_on_an_old_row_is_decided_again() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let id = world.conversation();
    b.say(id, world.visitor(), "one").await.unwrap();

    // For b the visitor has read all; a stores what it has not.
    a.say(id, world.agent(), "two").await.unwrap();
    let done = b.run(id, world.visitor(), Action::MarkRead(None)).await.unwrap();
    assert_eq!((done.outcome, done.conversation.visitor_mark.seq), (Outcome::Changed, 2));

    // For b it is open already.
    a.run(id, world.agent(), Action::SetStatus(Status::Resolved, None)).await.unwrap();
    let done = b.run(id, world.agent(), Action::SetStatus(Status::Open, None)).await.unwrap();
    assert_eq!((done.outcome, done.conversation.status), (Outcome::Changed, Status::Open));

    // For b it belongs to another visitor.
    let heir = world.another_visitor().await;
    let work = world.store.begin().await.unwrap();
    work.conversations()
        .move_to_visitor(heir.workspace_id, world.fixture.visitor.id, heir.id, heir.created_at)
        .await
        .unwrap();
    work.commit().await.unwrap();
    b.say(id, as_visitor(&heir), "mine now").await.unwrap();
    let refused = b.say(id, world.visitor(), "mine no more").await;
    assert_eq!(refused.unwrap_err(), CommandError::ConversationNotFound);

    // For b it is still there.
    let admin = world.another_agent(parlor_domain::agent::Role::Admin, |_| {}).await;
    a.run(
        id,
        parlor_domain::conversation::Actor::Agent(crate::support::as_agent(&admin)),
        Action::DeleteConversation,
    )
    .await
    .unwrap();
    let refused = b.say(id, as_visitor(&heir), "hello?").await;
    assert_eq!(refused.unwrap_err(), CommandError::ConversationNotFound);
}

#[tokio::test]
async fn an_edit_sees_the_message_as_another_node_left_it() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let id = world.conversation();
    let message = b.say(id, world.agent(), "one").await.unwrap();
    a.run(id, world.visitor(), Action::React(message.id, Some("👍".to_owned()))).await.unwrap();
    let words = parlor_domain::text::MessageText::parse("uno").unwrap();
    b.run(id, world.agent(), Action::Edit(message.id, words)).await.unwrap();
    let now = &world.messages(id).await[0];
    assert_eq!((now.text.as_str(), now.reactions.len(), now.rev), ("uno", 1, Some(3)));
}

#[tokio::test]
async fn a_lane_that_remembers_little_finds_everything_all_the_same() {
    for remembered in [0, 1, 2, 3, 7] {
        let world = World::new().await;
        let node = world.node_with(WriterSettings {
            remembered,
            ..WriterSettings::default()
        });
        let mut ids = vec![world.conversation()];
        for _ in 0..19 {
            ids.push(world.another_conversation().await);
        }
        for round in 0..3 {
            let sent = join_all(ids.iter().map(|id| node.say(*id, world.visitor(), "hi"))).await;
            assert!(
                sent.iter().all(|sent| sent.as_ref().is_ok_and(|message| message.seq == round + 1)),
                "{remembered}"
            );
            // What is read anew stays known while it is decided.
            let marked = join_all(ids.iter().map(|id| node.run(*id, world.visitor(), Action::MarkRead(None)))).await;
            assert!(
                marked.iter().all(|marked| marked.as_ref().is_ok_and(|done| done.outcome == Outcome::Unchanged)),
                "{remembered}"
            );
        }
    }
}

#[tokio::test]
async fn lanes_share_the_conversations_and_each_runs_once() {
    let world = World::new().await;
    let node = world.node_with(WriterSettings {
        lanes: 4,
        ..WriterSettings::default()
    });
    assert_eq!(node.writer.lanes(), 4);
    settle().await;
    Arc::clone(&node.writer).run_lane(0).await;
    Arc::clone(&node.writer).run_lane(99).await;
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(world.another_conversation().await);
    }
    for sent in join_all(ids.iter().map(|id| node.say(*id, world.visitor(), "hi"))).await {
        assert_eq!(sent.unwrap().seq, 1);
    }
}
