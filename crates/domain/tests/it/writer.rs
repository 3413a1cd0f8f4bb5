use crate::support::{World, as_visitor, new_message, send, send_as, settle, stored};
use futures_util::future::join_all;
use parlor_domain::conversation::{Action, CommandError, ConversationStore, Handler, NewMessage, Outcome, Status, WriterSettings};
use parlor_domain::event::{ConversationChange, Signal};
use parlor_domain::id::ConversationId;
use parlor_domain::store::Store;
use parlor_domain::text::ClientId;
use parlor_testkit::build::an_id;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

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

// A lane's memory

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

// Once and only once

#[tokio::test]
async fn a_repeat_on_any_node_gives_the_first_message() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let id = world.conversation();
    let first = stored(a.run(id, world.visitor(), send_as("c", "hi")).await.unwrap());
    for node in [&a, &b, &world.node()] {
        let done = node.run(id, world.visitor(), send_as("c", "hi")).await.unwrap();
        assert_eq!(done.outcome, Outcome::Repeated(Arc::clone(&first)));
        let refused = node.run(id, world.visitor(), send_as("c", "ho")).await;
        assert_eq!(refused.unwrap_err(), CommandError::ClientIdReused);
    }
    assert_eq!(world.row(id).await.last_seq, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_on_two_nodes_one_is_stored() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let id = world.conversation();
    let sending: Vec<_> = (0..16)
        .map(|number| if number % 2 == 0 { &a } else { &b }.spawn(id, world.visitor(), send_as("c", "hi")))
        .collect();
    let mut stored = 0;
    let mut named = BTreeSet::new();
    for sent in sending {
        match sent.await.unwrap().unwrap().outcome {
            Outcome::Stored(message) => {
                stored += 1;
                named.insert((message.id, message.seq));
            }
            Outcome::Repeated(message) => {
                named.insert((message.id, message.seq));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((stored, named.len(), world.row(id).await.last_seq), (1, 1, 1));
    assert_eq!(a.bus.conversation_events().len() + b.bus.conversation_events().len(), 1);
}

#[tokio::test]
async fn a_repeat_among_new_messages_takes_no_number_from_them() {
    let world = World::new().await;
    let node = world.node();
    let id = world.conversation();
    node.run(id, world.visitor(), send_as("old", "old")).await.unwrap();
    node.faults.close_gate();
    let mut sending = vec![node.spawn(id, world.visitor(), send("one"))];
    node.faults.commit_has_begun(2).await;
    for action in [
        send_as("new", "two"),
        send_as("old", "old"),
        send_as("new", "two"),
        send_as("new", "other"),
        send("three"),
    ] {
        sending.push(node.spawn(id, world.visitor(), action));
        settle().await;
    }
    node.faults.open_gate();
    let mut outcomes = Vec::new();
    for sent in sending {
        outcomes.push(match sent.await.unwrap() {
            Ok(done) => match done.outcome {
                Outcome::Stored(message) => format!("stored {}", message.seq),
                Outcome::Repeated(message) => format!("repeated {}", message.seq),
                other => panic!("{other:?}"),
            },
            Err(error) => format!("{error:?}"),
        });
    }
    assert_eq!(outcomes, ["stored 2", "stored 3", "repeated 1", "repeated 3", "ClientIdReused", "stored 4"]);
    let row = world.row(id).await;
    assert_eq!((row.last_seq, row.rev, row.staff_rev, row.inbound_count), (4, 4, 4, 4));
}

#[tokio::test]
async fn a_note_and_a_message_of_one_author_share_the_client_ids() {
    let world = World::new().await;
    let node = world.node();
    let id = world.conversation();
    node.run(id, world.agent(), send_as("c", "hi")).await.unwrap();
    let note = NewMessage {
        private: true,
        client_id: Some(ClientId::parse("c").unwrap()),
        ..new_message("hi")
    };
    assert_eq!(node.run(id, world.agent(), Action::Send(note)).await.unwrap_err(), CommandError::ClientIdReused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_at_once_leave_no_gap_and_no_double() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let id = world.conversation();
    let sending: Vec<_> = (0..200)
        .map(|number| {
            let node = if number % 2 == 0 { &a } else { &b };
            match number % 5 {
                0 => node.spawn(
                    id,
                    world.agent(),
                    Action::Send(NewMessage {
                        private: true,
                        ..new_message("note")
                    }),
                ),
                1 => node.spawn(
                    id,
                    world.agent(),
                    Action::SetStatus(if number % 3 == 0 { Status::Resolved } else { Status::Pending }, None),
                ),
                2 => node.spawn(id, world.agent(), send("agent")),
                _ => node.spawn(id, world.visitor(), send("visitor")),
            }
        })
        .collect();
    for sent in sending {
        sent.await.unwrap().unwrap();
    }
    let row = world.row(id).await;
    let mut events = a.bus.conversation_events();
    events.extend(b.bus.conversation_events());
    events.sort_by_key(|event| event.staff_rev);
    let staff: Vec<i64> = events.iter().map(|event| event.staff_rev).collect();
    assert_eq!(staff, (1..=row.staff_rev).collect::<Vec<_>>());
    let public: Vec<i64> = events.iter().filter_map(|event| event.rev).collect();
    assert_eq!(public, (1..=row.rev).collect::<Vec<_>>());
    let places: Vec<i64> = events
        .iter()
        .filter_map(|event| {
            if let ConversationChange::NewMessage(message) = &event.change {
                (!message.private).then_some(message.seq)
            } else {
                None
            }
        })
        .collect();
    assert_eq!((places, row.last_seq), ((1..=120).collect::<Vec<_>>(), 120));
    assert_eq!((row.inbound_count, row.outbound_count), (80, 40));
}

// Failures

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
