//! Status, handler, labels, flag.

use super::*;

#[test]
fn a_visitor_sees_no_change_between_open_pending_and_snoozed() {
    let mut thread = Thread::new();
    thread.say(visitor(), "hi");
    for status in [Status::Pending, Status::Snoozed, Status::Open] {
        let change = thread.run(ada(), set(status)).unwrap();
        assert!(change.numbered && !change.public, "{status:?}");
        assert_eq!(thread.conversation.visitor_view().status, Status::Open);
    }
    assert_eq!(
        (thread.conversation.rev, thread.conversation.changed_rev, thread.conversation.staff_rev),
        (1, 0, 4)
    );
    assert!(thread.run(ada(), set(Status::Resolved)).unwrap().public);
    assert_eq!((thread.conversation.rev, thread.conversation.changed_rev), (2, 2));
}

#[test]
fn a_visitor_sees_no_change_between_queue_and_agents() {
    let mut thread = Thread::new();
    for to in [Some(ADA), Some(BEN), None] {
        assert!(!thread.run(ada(), Action::Assign(to)).unwrap().public);
    }
    assert!(thread.run(ada(), Action::HandToAssistant { available: true }).unwrap().public);
    assert!(thread.run(ada(), Action::TakeOver).unwrap().public);
    assert_eq!(thread.conversation.handler_version, 6);
}

#[test]
fn nothing_is_handed_to_an_assistant_that_is_not_there() {
    let mut thread = Thread::new();
    assert!(matches!(
        thread.run(ada(), Action::HandToAssistant { available: false }),
        Err(CommandError::Conflict(_))
    ));
}

#[test]
fn a_snoozed_conversation_wakes_only_when_its_time_has_come() {
    let mut thread = Thread::new();
    let until = Timestamp(START + 10_000);
    thread.run(ada(), Action::SetStatus(Status::Snoozed, Some(until))).unwrap();
    assert!(!thread.run(system(), Action::Wake).unwrap().writes);
    thread.now = until;
    assert!(thread.decide(system(), Action::Wake).unwrap().writes, "due in that very moment");
    thread
        .run(ada(), Action::SetStatus(Status::Snoozed, Some(Timestamp(until.0 + 60_000))))
        .unwrap();
    assert!(!thread.run(system(), Action::Wake).unwrap().writes, "it was snoozed anew meanwhile");
    thread.run(ada(), set(Status::Snoozed)).unwrap();
    thread.now = Timestamp(until.0 + 1_000_000_000);
    assert!(!thread.run(system(), Action::Wake).unwrap().writes, "without a time it waits for the visitor");
    thread.run(ada(), Action::SetStatus(Status::Snoozed, Some(until))).unwrap();
    thread.run(system(), Action::Wake).unwrap();
    assert_eq!((thread.conversation.status, thread.conversation.snoozed_until), (Status::Open, None));
}

#[test]
fn a_time_goes_with_snoozed_only() {
    let mut thread = Thread::new();
    thread.run(ada(), Action::SetStatus(Status::Pending, Some(Timestamp(START + 9)))).unwrap();
    assert_eq!(thread.conversation.snoozed_until, None);
}

#[test]
fn labels_are_sorted_without_doubles() {
    let mut thread = Thread::new();
    let change = thread.run(ada(), labels(&["vip", "billing", "vip", " billing "])).unwrap();
    assert_eq!(thread.conversation.labels, ["billing", "vip"]);
    assert!(change.fields.labels && !change.public);
    assert_eq!(change.audit.unwrap().detail, serde_json::json!({"from": [], "to": ["billing", "vip"]}));
}

#[test]
fn a_flag_keeps_its_time_until_its_reason_changes() {
    let mut thread = Thread::new();
    let reason = |words: &str| Action::SetFlag(Some(Some(Line::parse(words).unwrap())));
    thread.run(ada(), reason("spam")).unwrap();
    let since = thread.conversation.flag.clone().unwrap().at;
    thread.run(ben(), reason("spam")).unwrap();
    assert_eq!(
        thread.conversation.flag,
        Some(Flag {
            reason: Some("spam".to_owned()),
            by: None,
            at: since
        })
    );
    thread.run(ben(), Action::SetFlag(Some(None))).unwrap();
    assert_eq!(
        thread.conversation.flag,
        Some(Flag {
            reason: None,
            by: None,
            at: thread.now
        })
    );
    thread.run(ben(), Action::SetFlag(None)).unwrap();
    assert_eq!(thread.conversation.flag, None);
}

#[test]
fn release_gives_back_only_what_the_agent_holds() {
    let mut thread = Thread::of(Conversation {
        handler: Handler::Agent(BEN),
        ..empty_conversation()
    });
    thread.run(system(), Action::Release(ADA)).unwrap();
    assert_eq!(thread.conversation.handler, Handler::Agent(BEN));
    let change = thread.run(system(), Action::Release(BEN)).unwrap();
    assert_eq!(thread.conversation.handler, Handler::Queue);
    let audit = change.audit.unwrap();
    assert_eq!((audit.actor_id, audit.detail["from"]["assignee_id"].clone()), (None, serde_json::json!(BEN)));
}

#[test]
fn the_audit_log_says_who_and_holds_no_text() {
    let mut thread = Thread::new();
    thread.say(ada(), "the secret of the house");
    let id = thread.last().id;
    let change = thread.run(admin(), Action::Delete(id)).unwrap();
    let line = change.audit.unwrap();
    assert_eq!(
        (line.actor_id, line.target_id, line.at),
        (Some(Uuid::from_u128(0x32)), thread.conversation.id.0, thread.now)
    );
    assert!(!line.detail.to_string().contains("secret"));
}
