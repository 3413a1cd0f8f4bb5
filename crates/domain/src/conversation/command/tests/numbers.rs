//! The numbers that a command takes, and any sequence of commands.

use super::*;
use crate::message::{Move, Proposal};
use proptest::prelude::*;

#[test]
fn a_note_takes_no_place_and_no_public_number() {
    let mut thread = Thread::new();
    thread.note(ada(), "before the first").unwrap();
    assert_eq!((thread.last().seq, thread.numbers()), (0, (0, 0, 1)));
    thread.say(visitor(), "hi");
    let before = Conversation::clone(&thread.conversation);
    let change = thread.note(ada(), "for us").unwrap();
    let note = thread.last();
    assert_eq!((note.seq, note.rev, note.made_rev, note.staff_rev, note.made_staff_rev), (1, None, None, 3, 3));
    assert!(change.numbered && !change.public && change.agent_mark.is_none());
    let expected = Conversation {
        staff_rev: 3,
        updated_at: thread.now,
        ..before
    };
    assert_eq!(*thread.conversation, expected, "no count, preview, time or mark moved");
}

#[test]
fn one_command_takes_one_number_of_each_counter_it_concerns() {
    let mut thread = Thread::of(Conversation {
        handler: Handler::Assistant,
        ..empty_conversation()
    });
    thread.say(visitor(), "hi");
    assert_eq!(thread.numbers(), (1, 1, 1));
    let message = thread.last().id;
    let steps = [
        (ada(), Action::TakeOver, (1, 1)),
        (ada(), Action::Assign(Some(BEN)), (0, 1)),
        (ada(), Action::Assign(None), (0, 1)),
        (ada(), Action::HandToAssistant { available: true }, (1, 1)),
        (ada(), set(Status::Pending), (0, 1)),
        (ada(), Action::SetStatus(Status::Snoozed, Some(Timestamp(START + 5))), (0, 1)),
        (ada(), set(Status::Resolved), (1, 1)),
        (ada(), set(Status::Open), (1, 1)),
        (ada(), Action::SetFlag(Some(None)), (0, 1)),
        (ada(), labels(&["vip"]), (0, 1)),
        (
            system(),
            Action::SetCustomer {
                name: Some("Nadia".to_owned()),
                email: None,
            },
            (0, 1),
        ),
        (ada(), Action::React(message, Some("👍".to_owned())), (1, 1)),
        (visitor(), Action::Delete(message), (1, 1)),
        (ada(), Action::MarkRead(None), (0, 0)),
        (visitor(), Action::MarkDelivered(None), (0, 0)),
        (admin(), Action::DeleteConversation, (1, 1)),
    ];
    for (actor, action, (public, staff)) in steps {
        let (_, rev, staff_rev) = thread.numbers();
        let change = thread.run(actor, action.clone()).unwrap();
        assert!(change.writes, "{action:?}");
        assert_eq!(
            (thread.conversation.rev - rev, thread.conversation.staff_rev - staff_rev),
            (public, staff),
            "{action:?}"
        );
        assert_eq!((change.public, change.numbered), (public == 1, staff == 1), "{action:?}");
    }
}

#[test]
fn what_is_so_already_writes_nothing() {
    let mut thread = Thread::of(Conversation {
        handler: Handler::Agent(ADA),
        labels: vec!["vip".to_owned()],
        ..empty_conversation()
    });
    thread.say(ada(), "hi");
    let message = thread.last().id;
    thread.run(ada(), Action::SetFlag(Some(Some(Line::parse("spam").unwrap())))).unwrap();
    thread.run(visitor(), Action::React(message, Some("👍".to_owned()))).unwrap();
    let same = [
        (ada(), Action::TakeOver),
        (ada(), Action::Assign(Some(ADA))),
        (system(), Action::Release(BEN)),
        (ada(), set(Status::Open)),
        (ada(), labels(&["vip", "vip"])),
        (ada(), Action::SetFlag(Some(Some(Line::parse("spam").unwrap())))),
        (system(), Action::SetCustomer { name: None, email: None }),
        (system(), Action::Wake),
        (ada(), Action::Edit(message, text("hi"))),
        (visitor(), Action::React(message, Some("👍".to_owned()))),
        (ada(), Action::React(message, None)),
        (visitor(), Action::MarkRead(Some(0))),
    ];
    for (actor, action) in same {
        let change = thread.run(actor, action.clone()).unwrap();
        assert!(
            !change.writes && !change.numbered && change.told().is_none() && change.audit.is_none(),
            "{action:?}"
        );
    }
}

// Everything together

#[derive(Debug, Clone)]
enum Step {
    Say(usize),
    Note(usize),
    Propose(usize, bool),
    Move(usize, usize, usize),
    Edit(usize, usize, u8),
    Delete(usize, usize),
    React(usize, usize, Option<u8>),
    Read(usize, Option<i64>),
    Delivered(usize, Option<i64>),
    Assign(Option<bool>),
    TakeOver(usize),
    ToAssistant,
    Status(u8, Option<i64>),
    Flag(Option<Option<u8>>),
    Labels(Vec<u8>),
    Customer(Option<u8>),
    Wake,
    Release(bool),
}

fn actors() -> [Actor; 6] {
    [visitor(), ada(), ben(), admin(), machine(), system()]
}

fn a_step() -> impl Strategy<Value = Step> {
    let who = 0..6_usize;
    let place = || proptest::option::weighted(0.8, -2..30_i64);
    prop_oneof![
        6 => who.clone().prop_map(Step::Say),
        2 => who.clone().prop_map(Step::Note),
        3 => (who.clone(), any::<bool>()).prop_map(|(who, offer)| Step::Propose(who, offer)),
        5 => (who.clone(), 0..40_usize, 0..9_usize).prop_map(|(who, which, action)| Step::Move(who, which, action)),
        2 => (who.clone(), 0..40_usize, 0..3_u8).prop_map(|(who, which, words)| Step::Edit(who, which, words)),
        1 => (who.clone(), 0..40_usize).prop_map(|(who, which)| Step::Delete(who, which)),
        1 => (who.clone(), 0..40_usize, proptest::option::of(0..2_u8)).prop_map(|(who, which, emoji)| Step::React(who, which, emoji)),
        3 => (who.clone(), place()).prop_map(|(who, up_to)| Step::Read(who, up_to)),
        1 => (who.clone(), place()).prop_map(|(who, up_to)| Step::Delivered(who, up_to)),
        1 => proptest::option::of(any::<bool>()).prop_map(Step::Assign),
        1 => who.prop_map(Step::TakeOver),
        1 => Just(Step::ToAssistant),
        2 => (0..4_u8, proptest::option::of(0..100_i64)).prop_map(|(status, until)| Step::Status(status, until)),
        1 => proptest::option::of(proptest::option::of(0..2_u8)).prop_map(Step::Flag),
        1 => proptest::collection::vec(0..3_u8, 0..4).prop_map(Step::Labels),
        1 => proptest::option::of(0..2_u8).prop_map(Step::Customer),
        1 => Just(Step::Wake),
        1 => any::<bool>().prop_map(Step::Release),
    ]
}

/// The step as a command, if it makes sense here.
fn command_of(thread: &Thread, step: &Step) -> Option<(Actor, Action)> {
    let message = |which: usize| Some(thread.messages.get(which % thread.messages.len().max(1))?.id);
    let either = |ada: bool| if ada { ADA } else { BEN };
    let actor = |who: usize| actors()[who].clone();
    let word = |number: u8| format!("word {number}");
    Some(match step {
        Step::Say(who) => (actor(*who), Action::Send(thread.new_message("hello"))),
        Step::Note(who) => (
            actor(*who),
            Action::Send(NewMessage {
                private: true,
                ..thread.new_message("psst")
            }),
        ),
        Step::Propose(who, offer) => {
            let proposal = if *offer { Proposal::offer(None) } else { Proposal::appointment(None) };
            let new = NewMessage {
                proposal: proposal.ok(),
                ..thread.new_message("how about this?")
            };
            (actor(*who), Action::Send(new))
        }
        Step::Move(who, which, action) => {
            let moves = [
                Move::Accept,
                Move::Decline,
                Move::Counter(None),
                Move::Counter(Some(5.into())),
                Move::Withdraw,
                Move::Confirm,
                Move::Reschedule(None),
                Move::Reschedule(Some(Timestamp(START))),
                Move::Expire,
            ];
            let new = NewMove {
                message: message(*which)?,
                action: moves[*action].clone(),
                line_id: MessageId(Uuid::from_u128(0x2000 + thread.messages.len() as u128)),
                answer_id: MessageId(Uuid::from_u128(0x3000 + thread.messages.len() as u128)),
            };
            (actor(*who), Action::Move(new))
        }
        Step::Edit(who, which, words) => (actor(*who), Action::Edit(message(*which)?, text(&word(*words)))),
        Step::Delete(who, which) => (actor(*who), Action::Delete(message(*which)?)),
        Step::React(who, which, emoji) => (actor(*who), Action::React(message(*which)?, emoji.map(word))),
        Step::Read(who, up_to) => (actor(*who), Action::MarkRead(*up_to)),
        Step::Delivered(who, up_to) => (actor(*who), Action::MarkDelivered(*up_to)),
        Step::Assign(to) => (ben(), Action::Assign(to.map(either))),
        Step::TakeOver(who) => (actor(*who), Action::TakeOver),
        Step::ToAssistant => (ada(), Action::HandToAssistant { available: true }),
        Step::Status(status, until) => {
            let status = [Status::Open, Status::Pending, Status::Snoozed, Status::Resolved][usize::from(*status)];
            (ada(), Action::SetStatus(status, until.map(|seconds| Timestamp(START + seconds * 1000))))
        }
        Step::Flag(flag) => (
            ada(),
            Action::SetFlag(flag.map(|reason| reason.map(|number| Line::parse(&word(number)).unwrap()))),
        ),
        Step::Labels(names) => (ada(), Action::SetLabels(names.iter().map(|name| Label::parse(&word(*name)).unwrap()).collect())),
        Step::Customer(name) => (
            system(),
            Action::SetCustomer {
                name: name.map(word),
                email: None,
            },
        ),
        Step::Wake => (system(), Action::Wake),
        Step::Release(ada) => (system(), Action::Release(either(*ada))),
    })
}

/// A message without its numbers.
fn content(message: &Message) -> Message {
    Message {
        rev: None,
        staff_rev: 0,
        ..message.clone()
    }
}

/// All that an audience can see of a thread but numbers and marks.
fn seen_by(audience: Audience, thread: &Thread) -> String {
    let conversation = &thread.conversation;
    let messages: Vec<_> = thread
        .messages
        .iter()
        .filter(|message| audience == Audience::Staff || !message.private)
        .map(|message| content(message))
        .collect();
    match audience {
        Audience::Public => format!("{:?} {messages:?}", conversation.visitor_view()),
        Audience::Staff => format!(
            "{:?} {messages:?}",
            (
                conversation.status,
                conversation.snoozed_until,
                conversation.handler,
                &conversation.subject,
                &conversation.flag,
                &conversation.labels,
                &conversation.customer_name,
                &conversation.customer_email,
            )
        ),
    }
}

fn check_counts(thread: &Thread) {
    let conversation = &thread.conversation;
    let public: Vec<_> = thread.messages.iter().filter(|message| !message.private).collect();
    let places: Vec<_> = public.iter().map(|message| message.seq).collect();
    assert_eq!(places, (1..=conversation.last_seq).collect::<Vec<_>>(), "places are dense");
    let count = |side: Side, after: i64, up_to: i64| {
        public
            .iter()
            .filter(|message| message.sender.kind.side() == side && message.seq > after && message.seq <= up_to)
            .count() as i64
    };
    let head = conversation.last_seq;
    assert_eq!(conversation.unread_by_team(), count(Side::Visitor, conversation.team_mark.seq, head));
    assert_eq!(conversation.unread_by_visitor(), count(Side::Agent, conversation.visitor_mark.seq, head));
    for message in &public {
        assert_eq!(
            (message.inbound_count, message.outbound_count),
            (count(Side::Visitor, 0, message.seq), count(Side::Agent, 0, message.seq))
        );
    }
    let preview = public
        .last()
        .filter(|last| last.deleted_at.is_none())
        .map(|last| Conversation::preview_of(&last.text));
    assert_eq!(conversation.last_message, preview);
}

/// The number of the head is always that of a message or the conversation, and none is two messages'.
fn check_numbers(thread: &Thread) {
    let conversation = &thread.conversation;
    for audience in [Audience::Public, Audience::Staff] {
        let (head, own) = (conversation.head_rev(audience), conversation.own_rev(audience));
        let mut numbers: Vec<i64> = match audience {
            Audience::Public => thread.messages.iter().filter_map(|message| message.rev).collect(),
            Audience::Staff => thread.messages.iter().map(|message| message.staff_rev).collect(),
        };
        assert!(own <= head);
        assert!(numbers.iter().all(|number| (1..=head).contains(number)));
        assert!(head == 0 || own == head || numbers.contains(&head), "the head is found by a resume");
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
    }
}

proptest! {
    #[test]
    fn any_sequence_of_commands_keeps_numbers_dense_and_counts_exact(steps in proptest::collection::vec(a_step(), 1..60)) {
        let mut thread = Thread::of(Conversation { handler: Handler::Assistant, ..empty_conversation() });
        for step in &steps {
            let Some((actor, action)) = command_of(&thread, step) else { continue };
            thread.now.0 += 1000;
            let before = thread.clone();
            let Ok(change) = thread.decide(actor, action) else { continue };
            thread.take(&change);
            let (old, new) = (&before.conversation, &thread.conversation);

            // A number is taken exactly by what its audience sees.
            let sees = |audience| seen_by(audience, &before) != seen_by(audience, &thread);
            prop_assert_eq!(change.public, sees(Audience::Public));
            prop_assert_eq!(change.numbered, sees(Audience::Staff));
            let taken = 1 + change.followed_by.len() as i64;
            prop_assert_eq!((new.rev - old.rev, new.staff_rev - old.staff_rev), (i64::from(change.public) * taken, i64::from(change.numbered) * taken));
            prop_assert_eq!(change.told().is_some(), change.numbered);
            if !change.writes {
                prop_assert_eq!(&**old, &**new);
            }
            if let Outcome::Stored(message) = &change.outcome {
                prop_assert_eq!((message.rev, message.staff_rev), (message.made_rev, message.made_staff_rev));
                prop_assert_eq!(message.staff_rev, new.staff_rev);
            }

            // Marks only rise and stay below the head.
            for (mark, was) in [(new.team_mark, old.team_mark), (new.visitor_mark, old.visitor_mark)] {
                prop_assert!(mark.seq >= was.seq && mark.count >= was.count && mark.seq <= new.last_seq);
            }
            prop_assert!(new.visitor_delivered >= old.visitor_delivered && new.visitor_delivered <= new.last_seq);
            prop_assert!(new.team_delivered >= old.team_delivered && new.team_delivered <= new.last_seq);
            if let Some(mark) = change.agent_mark {
                prop_assert!(mark.mark.seq <= new.last_seq && new.unread_by_agent(mark.mark) >= 0);
            }
            prop_assert_eq!(new.handler_version - old.handler_version, i64::from(new.handler != old.handler));
            prop_assert_eq!(new.version, old.version, "the writer raises it, once for a batch");
            check_counts(&thread);
            check_numbers(&thread);
        }
    }
}
