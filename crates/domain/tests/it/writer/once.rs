//! Once and only once.

use crate::support::{World, new_message, send, send_as, settle, stored};
use parlor_domain::conversation::{Action, CommandError, NewMessage, Outcome, Status};
use parlor_domain::event::ConversationChange;
use parlor_domain::text::ClientId;
use std::collections::BTreeSet;
use std::sync::Arc;

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
