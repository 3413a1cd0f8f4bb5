//! What a browser stores of its own chat.

use super::*;

fn reported(side: Side) -> Actor {
    Actor::Reported(ReportedActor {
        workspace_id: WORKSPACE,
        visitor_id: VISITOR,
        side,
        name: None,
    })
}

fn stored_chat() -> Thread {
    Thread::of(Conversation {
        kind: ConversationKind::Stored,
        ..empty_conversation()
    })
}

fn told(thread: &Thread, words: &str, client_id: Option<&str>) -> ToldMessage {
    ToldMessage {
        id: MessageId(Uuid::from_u128(0x1000 + thread.messages.len() as u128)),
        text: text(words),
        client_id: client_id.map(|id| ClientId::parse(id).unwrap()),
        sent_at: None,
        equal: None,
        equal_stored: 0,
    }
}

fn tell(thread: &mut Thread, actor: Actor, words: &str, client_id: Option<&str>) -> Result<Change, CommandError> {
    let new = told(thread, words, client_id);
    thread.run(actor, Action::Tell(new))
}

#[test]
fn what_comes_without_proof_is_marked_and_reads_nothing() {
    let mut thread = stored_chat();
    tell(&mut thread, visitor(), "hi", None).unwrap();
    assert!(!thread.last().sender.reported);
    assert_eq!(thread.conversation.visitor_mark.seq, 1, "who writes has read");
    tell(&mut thread, reported(Side::Agent), "Hello, I am the page's assistant", None).unwrap();
    assert_eq!((thread.last().sender.kind, thread.last().sender.reported), (SenderKind::Assistant, true));
    assert_eq!(thread.last().sender.author(), AuthorId::REPORTED);
    tell(&mut thread, reported(Side::Visitor), "thanks", None).unwrap();
    assert_eq!((thread.last().sender.kind, thread.last().sender.reported), (SenderKind::Visitor, true));
    assert_eq!(thread.conversation.visitor_mark.seq, 1);
    assert_eq!((thread.conversation.inbound_count, thread.conversation.outbound_count), (2, 1));
    assert_eq!(thread.conversation.unread_by_team(), 2);
}

#[test]
fn a_visitors_word_reopens_and_an_assistants_does_not_take_over() {
    let mut thread = stored_chat();
    tell(&mut thread, visitor(), "hi", None).unwrap();
    thread.run(ada(), set(Status::Resolved)).unwrap();
    tell(&mut thread, reported(Side::Agent), "bye", None).unwrap();
    assert_eq!((thread.conversation.status, thread.conversation.handler), (Status::Resolved, Handler::Queue));
    tell(&mut thread, reported(Side::Visitor), "wait", None).unwrap();
    assert_eq!(thread.conversation.status, Status::Open);
}

#[test]
fn the_same_client_id_is_the_same_message_and_another_text_under_it_a_conflict() {
    let mut thread = stored_chat();
    tell(&mut thread, reported(Side::Visitor), "hi", Some("w-1")).unwrap();
    let again = tell(&mut thread, reported(Side::Visitor), "hi", Some("w-1")).unwrap();
    assert!(matches!(again.outcome, Outcome::Repeated(_)) && !again.writes);
    assert_eq!(
        tell(&mut thread, reported(Side::Visitor), "ho", Some("w-1")).map(drop),
        Err(CommandError::ClientIdReused)
    );
    assert_eq!(
        tell(&mut thread, reported(Side::Agent), "hi", Some("w-1")).map(drop),
        Err(CommandError::ClientIdReused),
        "the assistant's is another message"
    );
}

#[test]
fn in_a_whole_that_is_told_again_an_equal_one_in_its_place_is_known_unless_the_client_ids_differ() {
    let mut thread = stored_chat();
    for (stored_id, told_id, known) in [
        (None, None, true),
        (Some("a"), None, true),
        (None, Some("b"), true),
        (Some("a"), Some("b"), false),
    ] {
        tell(&mut thread, visitor(), "ok", stored_id).unwrap();
        let equal = Arc::clone(thread.messages.last().unwrap());
        let command = Command {
            conversation_id: thread.conversation.id,
            actor: reported(Side::Visitor),
            action: Action::Tell(ToldMessage {
                equal: Some(1),
                ..told(&thread, "ok", told_id)
            }),
        };
        let facts = Facts {
            equal: Some(equal),
            ..Facts::default()
        };
        let fresh = Fresh {
            id: Uuid::nil(),
            job: Uuid::nil(),
        };
        let change = apply(&thread.conversation, &command, &facts, thread.now, fresh).unwrap();
        assert_eq!(matches!(change.outcome, Outcome::Repeated(_)), known, "{stored_id:?} {told_id:?}");
        thread = stored_chat();
    }
}

#[test]
fn a_chat_that_anybody_may_append_to_has_an_end() {
    let mut thread = Thread::of(Conversation {
        kind: ConversationKind::Stored,
        last_seq: 9_999,
        ..empty_conversation()
    });
    tell(&mut thread, reported(Side::Visitor), "the last one", Some("w-1")).unwrap();
    assert!(matches!(
        tell(&mut thread, reported(Side::Visitor), "one more", None),
        Err(CommandError::Conflict(_))
    ));
    let again = tell(&mut thread, reported(Side::Visitor), "the last one", Some("w-1")).unwrap();
    assert!(matches!(again.outcome, Outcome::Repeated(_)));
}

#[test]
fn only_stored_chats_are_told_and_only_by_their_browsers() {
    let mut thread = Thread::new();
    assert_eq!(tell(&mut thread, visitor(), "hi", None).map(drop), Err(CommandError::ConversationNotFound));
    let mut thread = stored_chat();
    for actor in [ada(), admin(), system()] {
        assert!(matches!(tell(&mut thread, actor, "hi", None), Err(CommandError::Forbidden(_))));
    }
    for action in [Action::MarkRead(None), Action::Send(thread.new_message("hi")), Action::TakeOver] {
        assert!(matches!(thread.run(reported(Side::Visitor), action), Err(CommandError::Forbidden(_))));
    }
    assert!(
        thread.run(ada(), Action::HandToAssistant { available: true }).is_err(),
        "the browser brings its own assistant"
    );
}
