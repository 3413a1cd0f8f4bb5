//! Editing, deleting, reacting.

use super::*;

#[test]
fn agents_edit_their_own_messages_and_an_admin_edits_any() {
    let mut thread = Thread::new();
    thread.say(visitor(), "from the visitor");
    thread.say(ada(), "from Ada");
    thread.note(ada(), "note of Ada").unwrap();
    for place in 0..3 {
        let id = thread.messages[place].id;
        let own = thread.run(ada(), Action::Edit(id, text("Ada was here")));
        assert_eq!(own.is_ok(), place > 0);
        assert!(matches!(
            thread.run(ben(), Action::Edit(id, text("Ben was here"))),
            Err(CommandError::Forbidden(_))
        ));
        assert!(matches!(
            thread.run(system(), Action::Edit(id, text("the server was here"))),
            Err(CommandError::Forbidden(_))
        ));
        let change = thread.run(admin(), Action::Edit(id, text("an admin was here"))).unwrap();
        assert_eq!(change.message_change, Some(MessageChange::Edited));
        let message = &thread.messages[place];
        assert_eq!((message.text.as_str(), message.edited_at), ("an admin was here", Some(thread.now)));
        assert_eq!((message.rev.is_some(), message.staff_rev), (place != 2, thread.conversation.staff_rev));
    }
    assert_eq!(
        thread.run(ada(), Action::Edit(MessageId(Uuid::nil()), text("x"))).unwrap_err(),
        CommandError::MessageNotFound
    );
}

#[test]
fn a_visitor_deletes_own_messages_only_and_notes_do_not_exist_for_it() {
    let mut thread = Thread::new();
    thread.say(visitor(), "mine");
    thread.say(ada(), "theirs");
    thread.note(ada(), "secret").unwrap();
    let [mine, theirs, secret] = [0, 1, 2].map(|place: usize| thread.messages[place].id);
    assert!(matches!(thread.run(visitor(), Action::Delete(theirs)), Err(CommandError::Forbidden(_))));
    assert_eq!(thread.run(visitor(), Action::Delete(secret)).unwrap_err(), CommandError::MessageNotFound);
    assert_eq!(
        thread.run(visitor(), Action::React(secret, Some("👀".to_owned()))).unwrap_err(),
        CommandError::MessageNotFound
    );
    let change = thread.run(visitor(), Action::Delete(mine)).unwrap();
    assert_eq!(change.message_change, Some(MessageChange::Deleted));
    assert_eq!(change.audit.as_ref().map(|line| line.action.as_str()), Some("message.delete"));
    let deleted = &thread.messages[0];
    assert_eq!((deleted.seq, deleted.text.as_str(), deleted.deleted_at), (1, "", Some(thread.now)));
    assert_eq!(thread.conversation.inbound_count, 1, "it stays counted");
}

#[test]
fn an_agent_deletes_own_messages_and_an_admin_any() {
    let mut thread = Thread::new();
    thread.say(visitor(), "hi");
    thread.say(ada(), "hello");
    let [from_visitor, from_ada] = [0, 1].map(|place: usize| thread.messages[place].id);
    assert!(matches!(thread.run(ada(), Action::Delete(from_visitor)), Err(CommandError::Forbidden(_))));
    assert!(matches!(thread.run(ben(), Action::Delete(from_ada)), Err(CommandError::Forbidden(_))));
    thread.run(ada(), Action::Delete(from_ada)).unwrap();
    thread.run(admin(), Action::Delete(from_visitor)).unwrap();
}

#[test]
fn what_a_browser_reported_is_nobodys_own() {
    let mut thread = Thread::new();
    thread.say(visitor(), "hi");
    let mut reported = Message::clone(thread.last());
    reported.sender.reported = true;
    thread.messages[0] = Arc::new(reported);
    let id = thread.last().id;
    assert!(matches!(thread.run(visitor(), Action::Delete(id)), Err(CommandError::Forbidden(_))));
}

#[test]
fn a_deleted_message_is_not_edited_or_reacted_to_and_deleting_it_again_changes_nothing() {
    let mut thread = Thread::new();
    thread.say(ada(), "hi");
    let id = thread.last().id;
    thread.run(visitor(), Action::React(id, Some("👍".to_owned()))).unwrap();
    thread.run(ada(), Action::Delete(id)).unwrap();
    assert!(thread.last().reactions.is_empty());
    assert!(matches!(thread.run(ada(), Action::Edit(id, text("x"))), Err(CommandError::Conflict(_))));
    assert!(matches!(
        thread.run(visitor(), Action::React(id, Some("👍".to_owned()))),
        Err(CommandError::Conflict(_))
    ));
    assert!(!thread.run(ada(), Action::Delete(id)).unwrap().writes);
}

#[test]
fn each_side_has_one_sign_on_a_message() {
    let mut thread = Thread::new();
    thread.say(visitor(), "hi");
    let id = thread.last().id;
    let mut react = |actor, emoji: Option<&str>| thread.run(actor, Action::React(id, emoji.map(str::to_owned))).unwrap().outcome;
    react(ada(), Some("👍"));
    react(ben(), Some("🎉"));
    let Outcome::MessageChanged(message) = react(visitor(), Some("❤")) else {
        panic!()
    };
    let signs: Vec<_> = message.reactions.iter().map(|sign| (sign.by, sign.emoji.as_str())).collect();
    assert_eq!(signs, [(Side::Agent, "🎉"), (Side::Visitor, "❤")]);
    let Outcome::MessageChanged(message) = react(ada(), None) else { panic!() };
    assert_eq!(message.reactions.len(), 1);
}

#[test]
fn the_preview_follows_edit_and_deletion_of_the_last_message_only() {
    let mut thread = Thread::new();
    thread.say(ada(), "one");
    thread.say(ada(), "two");
    thread.note(ada(), "note").unwrap();
    let [one, two, note] = [0, 1, 2].map(|place: usize| thread.messages[place].id);
    let moment = thread.conversation.last_message_at;
    let mut preview = |action| {
        thread.run(ada(), action).unwrap();
        assert_eq!(thread.conversation.last_message_at, moment);
        thread.conversation.last_message.clone()
    };
    assert_eq!(preview(Action::Edit(one, text("uno"))).as_deref(), Some("two"));
    assert_eq!(preview(Action::Edit(note, text("nota"))).as_deref(), Some("two"));
    assert_eq!(preview(Action::Edit(two, text("due  \n due"))).as_deref(), Some("due due"));
    assert_eq!(preview(Action::Delete(note)).as_deref(), Some("due due"));
    assert_eq!(preview(Action::Delete(one)).as_deref(), Some("due due"));
    assert_eq!(preview(Action::Delete(two)), None);
}

#[test]
fn a_preview_is_cut_by_characters() {
    let cut = Conversation::preview_of(&"é".repeat(200));
    assert_eq!((cut.chars().count(), cut.ends_with('…')), (160, true));
    assert_eq!(Conversation::preview_of(&"é".repeat(160)), "é".repeat(160));
}
