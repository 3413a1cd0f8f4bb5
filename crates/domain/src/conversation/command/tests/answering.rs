//! The assistant's answer: when it is owed, when it is stored, and when it is refused.

use super::*;
use crate::job::JobKind;
use crate::text::AnswerText;

fn assistant() -> Actor {
    Actor::Assistant(AssistantActor {
        workspace_id: WORKSPACE,
        name: Some("Robin".to_owned()),
    })
}

fn with_assistant() -> Thread {
    Thread::of(Conversation {
        handler: Handler::Assistant,
        ..empty_conversation()
    })
}

/// The answer that is owed now, to all that was asked so far.
fn answer(thread: &Thread, words: Option<&str>) -> NewAnswer {
    NewAnswer {
        id: thread.conversation.answer_id.unwrap_or(MessageId(Uuid::nil())),
        handler_version: thread.conversation.handler_version,
        covers: thread.conversation.inbound_count,
        text: words.map(|words| AnswerText::parse(words).unwrap()),
        metadata: None,
        hand_over: None,
    }
}

#[test]
fn a_visitors_message_to_the_assistant_makes_one_job_whatever_follows() {
    let mut thread = with_assistant();
    let change = thread.say(visitor(), "How do refunds work?");
    let job = change.jobs[0].clone();
    assert_eq!((job.kind, job.conversation_id), (JobKind::AssistantAnswer, thread.conversation.id));
    assert_eq!(thread.conversation.answer_id, Some(MessageId(job.id.0)));
    let second = thread.say(visitor(), "And exchanges?");
    assert!(second.jobs.is_empty() && second.finished_jobs.is_empty(), "one answer at a time");
    assert_eq!(thread.conversation.answer_id, Some(MessageId(job.id.0)));
}

#[test]
fn nobody_else_and_no_other_conversation_makes_a_job() {
    for handler in [Handler::Queue, Handler::Agent(ADA)] {
        let mut thread = Thread::of(Conversation {
            handler,
            ..empty_conversation()
        });
        assert!(thread.say(visitor(), "hi").jobs.is_empty(), "{handler:?}");
    }
    let mut thread = with_assistant();
    assert!(thread.say(machine(), "beep").jobs.is_empty());
    assert!(thread.note(ada(), "I am looking").unwrap().jobs.is_empty());
    assert!(thread.say(system(), "hello").jobs.is_empty());
}

#[test]
fn an_answer_takes_its_place_and_ends_its_job() {
    let mut thread = with_assistant();
    let job = thread.say(visitor(), "How do refunds work?").jobs.remove(0);
    let change = thread.run(assistant(), Action::Answer(answer(&thread, Some("Three days.")))).unwrap();
    assert_eq!(
        (thread.last().id, thread.last().seq, thread.last().sender.kind),
        (MessageId(job.id.0), 2, SenderKind::Assistant)
    );
    assert_eq!(thread.last().sender.name.as_deref(), Some("Robin"));
    assert_eq!((change.finished_jobs, change.jobs), (vec![job.id], Vec::new()));
    assert_eq!(thread.numbers(), (2, 2, 2));
    assert_eq!((thread.conversation.outbound_count, thread.conversation.answers), (1, 1));
    assert_eq!(thread.conversation.unread_by_team(), 1, "the assistant reads for nobody");
    assert_eq!(thread.conversation.answer_id, None);
}

#[test]
fn what_was_asked_meanwhile_is_owed_next() {
    let mut thread = with_assistant();
    let first = thread.say(visitor(), "How do refunds work?").jobs.remove(0);
    let early = answer(&thread, Some("Three days."));
    thread.say(visitor(), "And exchanges?");
    let change = thread.run(assistant(), Action::Answer(early)).unwrap();
    let next = change.jobs[0].clone();
    assert_eq!(change.finished_jobs, [first.id]);
    assert_ne!(next.id, first.id);
    assert_eq!(thread.conversation.answer_id, Some(MessageId(next.id.0)));
    let change = thread.run(assistant(), Action::Answer(answer(&thread, Some("The same.")))).unwrap();
    assert!(change.jobs.is_empty(), "all is answered");
}

#[test]
fn a_person_wins() {
    type Move = (&'static str, Actor, fn(&Thread) -> Action);
    let moves: [Move; 5] = [
        ("take over", ada(), |_| Action::TakeOver),
        ("a reply", ada(), |thread| Action::Send(thread.new_message("Hello, this is Ada"))),
        ("assigned", ada(), |_| Action::Assign(Some(BEN))),
        ("back to the queue", ada(), |_| Action::Assign(None)),
        ("deleted", admin(), |_| Action::DeleteConversation),
    ];
    for (name, who, action) in moves {
        let mut thread = with_assistant();
        let job = thread.say(visitor(), "How do refunds work?").jobs.remove(0);
        let late = answer(&thread, Some("Three days."));
        let change = thread.run(who, action(&thread)).unwrap();
        assert_eq!(change.finished_jobs, [job.id], "{name}: nobody needs the answer any more");
        let refused = thread.run(assistant(), Action::Answer(late)).unwrap_err();
        assert!(
            matches!(refused, CommandError::HandlerChanged | CommandError::ConversationNotFound),
            "{name}: {refused:?}"
        );
    }
}

#[test]
fn an_answer_begun_before_a_hand_over_and_back_is_refused() {
    let mut thread = with_assistant();
    thread.say(visitor(), "How do refunds work?");
    let late = answer(&thread, Some("Three days."));
    thread.run(ada(), Action::TakeOver).unwrap();
    thread.run(ada(), Action::HandToAssistant { available: true }).unwrap();
    thread.say(visitor(), "Hello?");
    assert_eq!(thread.run(assistant(), Action::Answer(late)).map(drop), Err(CommandError::HandlerChanged));
    thread.run(assistant(), Action::Answer(answer(&thread, Some("Here I am.")))).unwrap();
}

#[test]
fn the_same_answer_twice_is_refused() {
    let mut thread = with_assistant();
    thread.say(visitor(), "How do refunds work?");
    let one = answer(&thread, Some("Three days."));
    thread.run(assistant(), Action::Answer(one.clone())).unwrap();
    assert_eq!(thread.run(assistant(), Action::Answer(one)).map(drop), Err(CommandError::HandlerChanged));
}

#[test]
fn giving_way_is_one_change_with_or_without_words() {
    for words in [Some("A person will reply."), None] {
        let mut thread = with_assistant();
        thread.say(visitor(), "I want a human");
        thread.say(visitor(), "Hello?");
        let gives_way = NewAnswer {
            covers: 1,
            hand_over: Some("requested".to_owned()),
            ..answer(&thread, words)
        };
        let change = thread.run(assistant(), Action::Answer(gives_way)).unwrap();
        assert_eq!((thread.conversation.handler, thread.conversation.answer_id), (Handler::Queue, None));
        assert_eq!((thread.conversation.rev, thread.conversation.staff_rev), (3, 3), "one command, one number");
        assert!(change.jobs.is_empty(), "what was asked meanwhile is for a person");
        assert!(change.fields.visitor_handler && change.public);
        let audit = change.audit.unwrap();
        assert_eq!(
            (audit.action.as_str(), &audit.detail["reason"]),
            ("conversation.hand_over", &serde_json::json!("requested"))
        );
    }
}

#[test]
fn an_answer_without_words_that_stays_takes_no_number() {
    let mut thread = with_assistant();
    let job = thread.say(visitor(), "How do refunds work?").jobs.remove(0);
    let change = thread.run(assistant(), Action::Answer(answer(&thread, None))).unwrap();
    assert_eq!((&change.finished_jobs[..], change.told()), (&[job.id][..], None));
    assert_eq!((thread.numbers(), thread.conversation.handler), ((1, 1, 1), Handler::Assistant));
    assert!(change.writes);
}

#[test]
fn handing_back_counts_answers_anew() {
    let mut thread = with_assistant();
    thread.say(visitor(), "How do refunds work?");
    thread.run(assistant(), Action::Answer(answer(&thread, Some("Three days.")))).unwrap();
    thread.run(ada(), Action::TakeOver).unwrap();
    assert_eq!(thread.conversation.answers, 1);
    thread.run(ada(), Action::HandToAssistant { available: true }).unwrap();
    assert_eq!((thread.conversation.handler, thread.conversation.answers), (Handler::Assistant, 0));
}

#[test]
fn the_assistant_does_nothing_but_answer_and_nobody_answers_for_it() {
    let mut thread = with_assistant();
    thread.say(visitor(), "How do refunds work?");
    for action in [
        Action::TakeOver,
        set(Status::Resolved),
        Action::Send(thread.new_message("hi")),
        Action::MarkRead(None),
        Action::DeleteConversation,
    ] {
        assert!(matches!(thread.run(assistant(), action), Err(CommandError::Forbidden(_))));
    }
    for actor in [visitor(), ada(), admin(), machine(), system()] {
        let forged = Action::Answer(answer(&thread, Some("Send money.")));
        assert!(matches!(thread.run(actor, forged), Err(CommandError::Forbidden(_))));
    }
}
