//! Sending: who takes over, what reopens, what a repeat is.

use super::*;

#[test]
fn a_resolved_conversation_reopens_when_the_visitor_writes() {
    for (status, public_change) in [(Status::Resolved, true), (Status::Pending, false), (Status::Snoozed, false)] {
        let mut thread = Thread::new();
        thread.say(visitor(), "hi");
        thread.run(ada(), Action::SetStatus(status, Some(Timestamp(START + 1_000_000)))).unwrap();
        let (seq, rev, staff_rev) = thread.numbers();
        let change = thread.say(visitor(), "one more thing");
        assert_eq!((thread.conversation.status, thread.conversation.snoozed_until), (Status::Open, None));
        assert_eq!(thread.numbers(), (seq + 1, rev + 1, staff_rev + 1), "one command, one number");
        assert_eq!(thread.conversation.changed_staff_rev, staff_rev + 1);
        assert_eq!(thread.conversation.changed_rev == rev + 1, public_change, "{status:?}");
        assert!(matches!(change.told(), Some(ConversationChange::NewMessage(_))));
        assert_eq!((change.fields.status, change.fields.visitor_status), (true, public_change));
    }
}

#[test]
fn an_agents_message_or_a_note_does_not_reopen() {
    let mut thread = Thread::new();
    thread.run(ada(), set(Status::Resolved)).unwrap();
    thread.say(ada(), "done");
    thread.note(ada(), "really").unwrap();
    thread.say(system(), "closed");
    assert_eq!(thread.conversation.status, Status::Resolved);
}

#[test]
fn an_agents_first_reply_takes_over_and_a_second_agents_does_not() {
    for handler in [Handler::Queue, Handler::Assistant] {
        let mut thread = Thread::of(Conversation {
            handler,
            ..empty_conversation()
        });
        thread.say(visitor(), "hi");
        let change = thread.say(ada(), "hello");
        assert_eq!((thread.conversation.handler, thread.conversation.handler_version), (Handler::Agent(ADA), 2));
        assert_eq!(thread.numbers(), (2, 2, 2));
        assert_eq!(
            change.fields.visitor_handler,
            handler == Handler::Assistant,
            "visitors see the assistant or a human"
        );
        thread.say(ben(), "me too");
        assert_eq!((thread.conversation.handler, thread.conversation.handler_version), (Handler::Agent(ADA), 2));
    }
}

#[test]
fn notes_machines_and_the_server_never_take_over() {
    let mut thread = Thread::of(Conversation {
        handler: Handler::Assistant,
        ..empty_conversation()
    });
    thread.note(ada(), "I am looking").unwrap();
    thread.say(machine(), "beep");
    thread.say(system(), "line");
    assert!(matches!(thread.run(machine(), Action::TakeOver), Err(CommandError::Forbidden(_))));
    assert!(matches!(thread.run(system(), Action::TakeOver), Err(CommandError::Forbidden(_))));
    assert_eq!((thread.conversation.handler, thread.conversation.handler_version), (Handler::Assistant, 1));
    assert_eq!(thread.messages[1].sender.kind, SenderKind::Agent, "a machine writes like an agent");
}

#[test]
fn the_sender_follows_from_the_credential() {
    let mut thread = Thread::new();
    thread.say(visitor(), "hi");
    let sender = &thread.last().sender;
    assert_eq!(
        (sender.kind, sender.id, sender.name.as_deref(), sender.reported),
        (SenderKind::Visitor, Some(VISITOR.0), Some("Nadia"), false)
    );
    thread.say(ada(), "hi");
    let sender = &thread.last().sender;
    assert_eq!((sender.kind, sender.id, sender.name.as_deref()), (SenderKind::Agent, Some(ADA.0), Some("Ada")));
    thread.say(system(), "hi");
    assert_eq!(
        (thread.last().sender.kind, thread.last().sender.author()),
        (SenderKind::System, AuthorId::SYSTEM)
    );
}

#[test]
fn the_same_client_id_gives_the_first_message_and_another_content_is_refused() {
    let mut thread = Thread::new();
    let client_id = Some(ClientId::parse("c-1").unwrap());
    let new = NewMessage {
        client_id: client_id.clone(),
        ..thread.new_message("hi")
    };
    thread.run(visitor(), Action::Send(new)).unwrap();
    let first = Message::clone(thread.last());
    thread.run(ada(), set(Status::Resolved)).unwrap();
    let before = Arc::clone(&thread.conversation);

    let again = NewMessage {
        client_id: client_id.clone(),
        ..thread.new_message("hi")
    };
    let change = thread.run(visitor(), Action::Send(again)).unwrap();
    assert_eq!(change.outcome, Outcome::Repeated(Arc::new(first.clone())));
    assert!(!change.writes && change.told().is_none());
    assert_eq!(thread.conversation, before, "a repeat has no further effect: it does not reopen");

    for other in [
        NewMessage {
            client_id: client_id.clone(),
            ..thread.new_message("ho")
        },
        NewMessage {
            client_id: client_id.clone(),
            reply_to: Some(first.id),
            ..thread.new_message("hi")
        },
    ] {
        assert_eq!(thread.run(visitor(), Action::Send(other)).unwrap_err(), CommandError::ClientIdReused);
    }
    let of_another = NewMessage {
        client_id,
        ..thread.new_message("ho")
    };
    assert!(
        matches!(thread.run(ada(), Action::Send(of_another)).unwrap().outcome, Outcome::Stored(_)),
        "client ids are each author's own"
    );
}

#[test]
fn an_edit_or_deletion_in_between_does_not_change_what_a_repeat_is() {
    let mut thread = Thread::new();
    let client_id = Some(ClientId::parse("c-1").unwrap());
    let new = NewMessage {
        client_id: client_id.clone(),
        ..thread.new_message("hi")
    };
    thread.run(ada(), Action::Send(new)).unwrap();
    let id = thread.last().id;
    thread.run(ada(), Action::Edit(id, text("hello"))).unwrap();
    let again = NewMessage {
        client_id: client_id.clone(),
        ..thread.new_message("hi")
    };
    let change = thread.run(ada(), Action::Send(again.clone())).unwrap();
    assert!(matches!(&change.outcome, Outcome::Repeated(message) if message.text == "hello" && message.id == id));
    thread.run(ada(), Action::Delete(id)).unwrap();
    assert!(matches!(thread.run(ada(), Action::Send(again)).unwrap().outcome, Outcome::Repeated(_)));
    let edited = NewMessage {
        client_id,
        ..thread.new_message("hello")
    };
    assert_eq!(thread.run(ada(), Action::Send(edited)).unwrap_err(), CommandError::ClientIdReused);
}

#[test]
fn a_reply_points_to_a_message_that_its_readers_see() {
    let mut thread = Thread::new();
    thread.note(ada(), "psst").unwrap();
    let note = thread.last().id;
    thread.say(visitor(), "hi");
    let public = thread.last().id;
    let unknown = MessageId(Uuid::from_u128(0xdead));
    for actor in [visitor(), ada()] {
        for target in [note, unknown] {
            let new = NewMessage {
                reply_to: Some(target),
                ..thread.new_message("re")
            };
            assert_eq!(thread.run(actor.clone(), Action::Send(new)).unwrap_err(), CommandError::ReplyToUnknown);
        }
        let new = NewMessage {
            reply_to: Some(public),
            ..thread.new_message("re")
        };
        assert!(matches!(thread.run(actor, Action::Send(new)).unwrap().outcome, Outcome::Stored(message) if message.reply_to == Some(public)));
    }
    let new = NewMessage {
        reply_to: Some(note),
        private: true,
        ..thread.new_message("re")
    };
    thread.run(ada(), Action::Send(new)).unwrap();
}
