//! The conversation writer over a store: nothing lost, nothing doubled, numbers without gaps, whoever writes at once.

use super::nodes::{Nodes, assert_consistent, command, message_of, the_agent, the_visitor};
use super::{Dice, Harness};
use crate::build::{a_conversation, a_visitor, now};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Action, CommandError, Conversation, Done, NewMessage, Outcome, ReadMark, WriterSettings};
use parlor_domain::id::ConversationId;
use parlor_domain::message::{Message, Side};
use parlor_domain::text::MessageText;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinSet;

/// 64 writers on one conversation with public messages, notes and edits between them: every number is used once.
pub async fn sixty_four_writers_on_one_conversation_leave_no_gap(harness: &Harness) {
    let fixture = harness.fixture().await;
    let nodes = Arc::new(Nodes::one(harness));
    let conversation = Arc::new(fixture.conversation.clone());
    let (visitor, agent) = (the_visitor(&conversation), the_agent(&fixture));
    let mut tasks = JoinSet::new();
    for number in 0..64 {
        let (nodes, conversation, visitor, agent) = (Arc::clone(&nodes), Arc::clone(&conversation), visitor.clone(), agent.clone());
        tasks.spawn(async move {
            let mut made = Vec::new();
            for round in 0..3 {
                let text = format!("{number}.{round}");
                let theirs = nodes.submit(nodes.saying(&conversation, &visitor, &text, None)).await.unwrap();
                let ours = nodes.submit(nodes.saying(&conversation, &agent, &text, None)).await.unwrap();
                let note = NewMessage {
                    private: true,
                    ..nodes.new_message(&text, None)
                };
                let note = nodes.submit(command(&conversation, &agent, Action::Send(note))).await.unwrap();
                let edit = Action::Edit(message_of(&ours).id, MessageText::stored(format!("{text}!")));
                let edited = nodes.submit(command(&conversation, &agent, edit)).await.unwrap();
                made.extend([theirs, ours, note, edited]);
            }
            made
        });
    }
    let made: Vec<Done> = tasks.join_all().await.into_iter().flatten().collect();
    let stored: Vec<&Message> = made.iter().filter(|done| matches!(done.outcome, Outcome::Stored(_))).map(message_of).collect();
    assert_eq!(stored.len(), 64 * 9);
    let seqs: BTreeSet<i64> = stored.iter().filter(|message| !message.private).map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=64 * 6).collect());
    let staff: BTreeSet<i64> = made.iter().map(|done| message_of(done).staff_rev).collect();
    assert_eq!(staff, (1..=64 * 12).collect());
    let customers: BTreeSet<i64> = made.iter().filter_map(|done| message_of(done).rev).collect();
    assert_eq!(customers, (1..=64 * 9).collect());

    let messages = assert_consistent(harness, &nodes, conversation.id).await;
    assert_eq!(messages.len(), 64 * 9);
    assert_eq!(
        messages
            .iter()
            .filter(|message| message.edited_at.is_some() && message.text.ends_with('!'))
            .count(),
        64 * 3
    );
    // One node tells its changes in their order.
    let told: Vec<i64> = nodes.bus.conversation_events().iter().map(|event| event.staff_rev).collect();
    assert!(told.is_sorted());
}

/// Two nodes on the same conversations, with repeats on each and across: nothing is lost or doubled, nobody waits for ever.
pub async fn two_nodes_on_the_same_conversations_lose_nothing(harness: &Harness) {
    let fixture = harness.fixture().await;
    let conversations: Vec<Conversation> = (0..40).map(|_| a_conversation(&fixture.visitor)).collect();
    harness.insert(&conversations).await;
    let nodes = Arc::new(Nodes::start(
        harness,
        2,
        WriterSettings {
            lanes: 2,
            ..WriterSettings::default()
        },
    ));
    let conversations = Arc::new(conversations);
    let agent = the_agent(&fixture);
    let mut tasks = JoinSet::new();
    for node in 0..2 {
        for task in 0..8_usize {
            let (nodes, conversations, agent) = (Arc::clone(&nodes), Arc::clone(&conversations), agent.clone());
            tasks.spawn(async move {
                let mut answers = Vec::new();
                for step in 0..conversations.len() {
                    // Half of the tasks walk backwards, so that the nodes meet crosswise.
                    let place = if task % 2 == 0 { step } else { conversations.len() - 1 - step };
                    let conversation = &conversations[place];
                    let visitor = the_visitor(conversation);
                    let writer = &nodes.writers[node];
                    let client_id = format!("c-{task}");
                    let text = format!("repeated {task}");
                    let (once, again, alone) = futures_util::join!(
                        writer.submit(nodes.saying(conversation, &visitor, &text, Some(&client_id))),
                        writer.submit(nodes.saying(conversation, &visitor, &text, Some(&client_id))),
                        writer.submit(nodes.saying(conversation, &agent, &format!("alone {node} {task}"), None)),
                    );
                    answers.push((conversation.id, task, [once.unwrap(), again.unwrap()]));
                    assert!(matches!(alone.unwrap().outcome, Outcome::Stored(_)));
                }
                answers
            });
        }
    }
    let mut by_client_id: BTreeMap<(ConversationId, usize), Vec<Done>> = BTreeMap::new();
    for (conversation, task, answers) in tasks.join_all().await.into_iter().flatten() {
        by_client_id.entry((conversation, task)).or_default().extend(answers);
    }
    for answers in by_client_id.values() {
        assert_eq!(answers.len(), 4);
        assert_eq!(answers.iter().filter(|done| matches!(done.outcome, Outcome::Stored(_))).count(), 1);
        assert_eq!(answers.iter().map(|done| message_of(done).id).collect::<BTreeSet<_>>().len(), 1);
    }
    for conversation in conversations.iter() {
        let messages = assert_consistent(harness, &nodes, conversation.id).await;
        assert_eq!(messages.len(), 8 + 16);
        let texts: BTreeSet<&str> = messages.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts.len(), 8 + 16);
        for (key, answers) in by_client_id.range((conversation.id, 0)..=(conversation.id, usize::MAX)) {
            assert!(messages.iter().any(|message| message.id == message_of(&answers[0]).id), "{key:?}");
        }
    }
}

/// A repeated client id gives the first message, another body is a conflict; the same when many come at once.
pub async fn a_repeated_client_id_gives_the_first_message(harness: &Harness) {
    let fixture = harness.fixture().await;
    let nodes = Arc::new(Nodes::start(harness, 2, WriterSettings::default()));
    let conversation = fixture.conversation.clone();
    let (visitor, agent) = (the_visitor(&conversation), the_agent(&fixture));
    let first = nodes.submit(nodes.saying(&conversation, &visitor, "one", Some("c"))).await.unwrap();
    assert!(matches!(first.outcome, Outcome::Stored(_)));
    for writer in &nodes.writers {
        let again = writer.submit(nodes.saying(&conversation, &visitor, "one", Some("c"))).await.unwrap();
        assert!(matches!(again.outcome, Outcome::Repeated(_)));
        assert_eq!(message_of(&again), message_of(&first));
        let other = writer.submit(nodes.saying(&conversation, &visitor, "another", Some("c"))).await;
        assert_eq!(other.unwrap_err(), CommandError::ClientIdReused);
    }
    // Somebody else's client id is another one.
    let theirs = nodes.submit(nodes.saying(&conversation, &agent, "two", Some("c"))).await.unwrap();
    assert!(matches!(theirs.outcome, Outcome::Stored(_)));

    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let (nodes, conversation, visitor) = (Arc::clone(&nodes), conversation.clone(), visitor.clone());
        tasks.spawn(async move {
            let text = if number % 4 < 2 { "this" } else { "that" };
            nodes.writers[number % 2]
                .submit(nodes.saying(&conversation, &visitor, text, Some("many")))
                .await
        });
    }
    let answers = tasks.join_all().await;
    let stored: Vec<&Done> = answers.iter().flatten().filter(|done| matches!(done.outcome, Outcome::Stored(_))).collect();
    assert_eq!(stored.len(), 1);
    for done in answers.iter().flatten() {
        assert_eq!(message_of(done), message_of(stored[0]));
    }
    let refused: Vec<&CommandError> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(refused, vec![&CommandError::ClientIdReused; 8]);
    assert_eq!(assert_consistent(harness, &nodes, conversation.id).await.len(), 3);
}

/// A text that the database refuses fails alone, or is stored where it can be; all that waits with it is stored.
pub async fn a_poisonous_text_harms_no_other(harness: &Harness) {
    let fixture = harness.fixture().await;
    let conversations: Vec<Conversation> = (0..12).map(|_| a_conversation(&fixture.visitor)).collect();
    harness.insert(&conversations).await;
    let nodes = Nodes::start(harness, 1, WriterSettings::default());
    let poison = nodes.saying(&conversations[3], &the_visitor(&conversations[3]), "bad \0 text", Some("poison"));
    let mut good = Vec::new();
    for conversation in &conversations {
        for number in 0..3 {
            good.push(nodes.saying(conversation, &the_visitor(conversation), "good", Some(&format!("c-{number}"))));
        }
    }
    let rest = good.split_off(10);
    let before = futures_util::future::join_all(good.into_iter().map(|command| nodes.submit(command)));
    let after = futures_util::future::join_all(rest.into_iter().map(|command| nodes.submit(command)));
    let (before, bad, after) = futures_util::join!(before, nodes.submit(poison), after);
    for answer in before.into_iter().chain(after) {
        assert!(matches!(answer.unwrap().outcome, Outcome::Stored(_)));
    }
    let poisoned = match &bad {
        Ok(_) => 1,
        Err(error) => {
            assert_eq!(*error, CommandError::Failed);
            0
        }
    };
    for (place, conversation) in conversations.iter().enumerate() {
        let messages = assert_consistent(harness, &nodes, conversation.id).await;
        assert_eq!(messages.len(), 3 + if place == 3 { poisoned } else { 0 });
        assert_eq!(messages.iter().filter(|message| message.text == "good").count(), 3);
    }
}

/// However few conversations a lane remembers, it finds all that are there, and refuses the others.
pub async fn a_writer_that_remembers_few_finds_all(harness: &Harness) {
    let fixture = harness.fixture().await;
    let conversations: Vec<Conversation> = (0..10).map(|_| a_conversation(&fixture.visitor)).collect();
    harness.insert(&conversations).await;
    let nodes = Nodes::start(
        harness,
        2,
        WriterSettings {
            remembered: 2,
            ..WriterSettings::default()
        },
    );
    for round in 0..4 {
        let mut answers = Vec::new();
        for conversation in &conversations {
            for writer in &nodes.writers {
                answers.push(writer.submit(nodes.saying(conversation, &the_visitor(conversation), &round.to_string(), None)));
            }
        }
        for answer in futures_util::future::join_all(answers).await {
            assert!(matches!(answer.unwrap().outcome, Outcome::Stored(_)));
        }
    }
    for conversation in &conversations {
        assert_eq!(assert_consistent(harness, &nodes, conversation.id).await.len(), 8);
    }
    let unknown = a_conversation(&fixture.visitor);
    let refused = nodes.submit(nodes.saying(&unknown, &the_visitor(&unknown), "Hello", None)).await;
    assert_eq!(refused.unwrap_err(), CommandError::ConversationNotFound);
}

/// Unread is what a plain count says, after any row of messages, notes and marks, below the head and beyond it.
pub async fn unread_is_what_a_plain_count_says(harness: &Harness) {
    let fixture = harness.fixture().await;
    let nodes = Nodes::one(harness);
    for seed in 0..3 {
        let conversation = a_conversation(&fixture.visitor);
        harness.insert(std::slice::from_ref(&conversation)).await;
        let (visitor, agent) = (the_visitor(&conversation), the_agent(&fixture));
        let mut dice = Dice(seed);
        // Who wrote each public message, and how far each has read.
        let mut written: Vec<Side> = Vec::new();
        let (mut team, mut own, mut customer) = (0_usize, 0_usize, 0_usize);
        for _ in 0..60 {
            let action = match dice.roll(9) {
                0..3 => Some(&visitor),
                3..5 => Some(&agent),
                _ => None,
            };
            if let Some(author) = action {
                nodes.submit(nodes.saying(&conversation, author, "Hello", None)).await.unwrap();
                written.push(author.side());
                match author.side() {
                    Side::Visitor => customer = written.len(),
                    Side::Agent => (team, own) = (written.len(), written.len()),
                }
            } else if dice.roll(5) == 0 {
                let note = NewMessage {
                    private: true,
                    ..nodes.new_message("between us", None)
                };
                nodes.submit(command(&conversation, &agent, Action::Send(note))).await.unwrap();
            } else {
                let head = written.len();
                let wish = i64::try_from(dice.roll(head as u64 + 4)).unwrap() - 1;
                let up_to = (dice.roll(6) > 0).then_some(wish);
                let place = up_to.map_or(head, |wish| usize::try_from(wish.max(0)).unwrap().min(head));
                if dice.roll(2) == 0 {
                    nodes.submit(command(&conversation, &visitor, Action::MarkRead(up_to))).await.unwrap();
                    customer = customer.max(place);
                } else {
                    nodes.submit(command(&conversation, &agent, Action::MarkRead(up_to))).await.unwrap();
                    (team, own) = (team.max(place), own.max(place));
                }
            }
            let unread = |side: Side, read: usize| written[read..].iter().filter(|writer| **writer == side).count() as i64;
            let row = harness.row(conversation.id).await;
            assert_eq!(row.unread_by_team(), unread(Side::Visitor, team));
            assert_eq!(row.unread_by_visitor(), unread(Side::Agent, customer));
            let mark: ReadMark = harness.read().await.agent_marks().find(conversation.id, fixture.agent.id).await.unwrap();
            assert_eq!(row.unread_by_agent(mark), unread(Side::Visitor, own));
        }
    }
}

/// A conversation that went to another visitor is that visitor's for a writer that remembers it, repeats included.
pub async fn a_moved_conversation_is_the_new_visitors(harness: &Harness) {
    let fixture = harness.fixture().await;
    let to = a_visitor(&fixture.channel);
    let nodes = Nodes::one(harness);
    let (conversation, visitor) = (fixture.conversation.clone(), the_visitor(&fixture.conversation));
    let first = nodes.submit(nodes.saying(&conversation, &visitor, "one", Some("c"))).await.unwrap();
    let work = harness.begin().await;
    work.visitors().insert(&to).await.unwrap();
    work.conversations()
        .move_to_visitor(conversation.workspace_id, fixture.visitor.id, to.id, now())
        .await
        .unwrap();
    work.commit().await.unwrap();

    let moved = Conversation {
        visitor_id: to.id,
        ..conversation.clone()
    };
    let late = nodes.submit(nodes.saying(&conversation, &visitor, "too late", None)).await;
    assert_eq!(late.unwrap_err(), CommandError::ConversationNotFound);
    let again = nodes.submit(nodes.saying(&moved, &the_visitor(&moved), "one", Some("c"))).await.unwrap();
    assert!(matches!(again.outcome, Outcome::Repeated(_)));
    assert_eq!(message_of(&again).id, message_of(&first).id);
    nodes.submit(nodes.saying(&moved, &the_visitor(&moved), "two", None)).await.unwrap();
    assert_eq!(assert_consistent(harness, &nodes, conversation.id).await.len(), 2);
}

/// A conversation that was erased is gone for a writer that remembers it.
pub async fn an_erased_conversation_is_gone(harness: &Harness) {
    let fixture = harness.fixture().await;
    let nodes = Nodes::one(harness);
    let conversation = fixture.conversation.clone();
    nodes.submit(command(&conversation, &the_agent(&fixture), Action::TakeOver)).await.unwrap();
    let work = harness.begin().await;
    let erased = work.conversations().erase(Timestamp(now().millis() + 1), Timestamp(0), 10).await.unwrap();
    assert_eq!(erased, 1);
    work.commit().await.unwrap();
    let late = nodes.submit(nodes.saying(&conversation, &the_visitor(&conversation), "Hello", None)).await;
    assert_eq!(late.unwrap_err(), CommandError::ConversationNotFound);
    assert!(harness.messages(conversation.id).await.is_empty());
}
