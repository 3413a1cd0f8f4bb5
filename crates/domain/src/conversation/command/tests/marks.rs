//! What has been read and delivered.

use super::*;

#[test]
fn who_writes_has_read() {
    let mut thread = Thread::new();
    thread.say(visitor(), "one");
    thread.say(visitor(), "two");
    assert_eq!((thread.conversation.unread_by_team(), thread.conversation.unread_by_visitor()), (2, 0));
    assert_eq!(thread.conversation.visitor_mark, ReadMark { seq: 2, count: 0 });
    thread.say(system(), "nobody is here");
    assert_eq!(
        (thread.conversation.unread_by_team(), thread.conversation.unread_by_visitor()),
        (2, 1),
        "the server reads nothing"
    );
    let change = thread.say(ada(), "hello");
    assert_eq!((thread.conversation.unread_by_team(), thread.conversation.unread_by_visitor()), (0, 2));
    assert_eq!(
        change.agent_mark.map(|mark| (mark.agent_id, mark.mark)),
        Some((ADA, ReadMark { seq: 4, count: 2 }))
    );
    assert!(thread.say(machine(), "beep").agent_mark.is_none(), "machines have no mark of their own");
    thread.say(visitor(), "thanks");
    assert_eq!((thread.conversation.unread_by_team(), thread.conversation.unread_by_visitor()), (1, 0));
}

#[test]
fn marks_never_go_back_and_never_pass_the_head() {
    let mut thread = Thread::new();
    for words in ["one", "two", "three"] {
        thread.say(visitor(), words);
    }
    let read = |thread: &mut Thread, up_to| thread.run(ada(), Action::MarkRead(up_to)).unwrap();
    let change = read(&mut thread, Some(2));
    assert_eq!(change.signal, Some(change::SignalKind::Read { up_to_seq: 2 }));
    assert_eq!(
        (thread.conversation.team_mark, thread.conversation.unread_by_team()),
        (ReadMark { seq: 2, count: 2 }, 1)
    );
    for back in [Some(1), Some(0), Some(-7)] {
        let change = read(&mut thread, back);
        assert_eq!((change.outcome, change.signal), (Outcome::Unchanged, None));
        assert_eq!(thread.conversation.team_mark.seq, 2);
    }
    read(&mut thread, Some(1_000_000));
    assert_eq!(
        (thread.conversation.team_mark, thread.conversation.unread_by_team()),
        (ReadMark { seq: 3, count: 3 }, 0)
    );
    assert_eq!(thread.numbers(), (3, 3, 3), "marks take no number");
    assert_eq!(thread.conversation.updated_at, thread.conversation.last_message_at, "and are no update");
}

#[test]
fn the_teams_mark_and_an_agents_own_are_two_things() {
    let mut thread = Thread::new();
    thread.say(visitor(), "one");
    thread.say(visitor(), "two");
    thread.run(ada(), Action::MarkRead(None)).unwrap();
    let change = thread.run(ben(), Action::MarkRead(Some(1))).unwrap();
    assert_eq!((&change.outcome, change.signal), (&Outcome::Unchanged, None), "the team had read further");
    assert_eq!(
        change.agent_mark.map(|mark| (mark.agent_id, mark.mark)),
        Some((BEN, ReadMark { seq: 1, count: 1 }))
    );
    assert!(change.writes);
    assert!(
        !thread.run(machine(), Action::MarkRead(None)).unwrap().writes,
        "machines have no mark of their own"
    );
}

#[test]
fn a_mark_in_an_empty_conversation_writes_nothing() {
    let mut thread = Thread::new();
    for actor in [visitor(), ada(), machine()] {
        assert!(!thread.run(actor.clone(), Action::MarkRead(None)).unwrap().writes);
        assert!(!thread.run(actor, Action::MarkDelivered(Some(9))).unwrap().writes);
    }
}

#[test]
fn read_by_the_other_side_is_what_is_read() {
    let mut thread = Thread::new();
    thread.say(visitor(), "one");
    thread.say(ada(), "two");
    thread.note(ada(), "note").unwrap();
    thread.say(ada(), "three");
    thread.run(visitor(), Action::MarkRead(Some(2))).unwrap();
    let read: Vec<_> = thread.messages.iter().map(|message| thread.conversation.is_read(message)).collect();
    assert_eq!(read, [true, true, false, false]);
}

#[test]
fn delivered_marks_rise_to_the_head_at_most() {
    let mut thread = Thread::new();
    thread.say(ada(), "one");
    thread.say(ada(), "two");
    let change = thread.run(visitor(), Action::MarkDelivered(Some(1))).unwrap();
    assert_eq!(change.signal, Some(change::SignalKind::Delivered { up_to_seq: 1 }));
    thread.run(visitor(), Action::MarkDelivered(Some(50))).unwrap();
    assert!(!thread.run(visitor(), Action::MarkDelivered(Some(1))).unwrap().writes);
    assert_eq!((thread.conversation.visitor_delivered, thread.conversation.team_delivered), (2, 0));
}
