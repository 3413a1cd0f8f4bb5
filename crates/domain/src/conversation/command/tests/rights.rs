//! Whose conversation it is.

use super::*;

#[test]
fn a_foreign_visitor_agent_or_seller_finds_no_conversation() {
    let mut thread = Thread::new();
    let elsewhere = WorkspaceId(Uuid::from_u128(0x99));
    let strangers = [
        Actor::Visitor(VisitorActor {
            workspace_id: WORKSPACE,
            id: VisitorId(Uuid::from_u128(0x98)),
            name: None,
        }),
        Actor::Visitor(VisitorActor {
            workspace_id: elsewhere,
            id: VISITOR,
            name: None,
        }),
        Actor::Agent(AgentActor {
            workspace_id: elsewhere,
            id: ADA,
            name: "Ada".to_owned(),
            role: Role::Owner,
            machine: false,
        }),
        agent(ADA, Role::Seller),
        Actor::System(elsewhere),
    ];
    for stranger in strangers {
        let new = thread.new_message("hi");
        assert_eq!(
            thread.run(stranger.clone(), Action::Send(new)).unwrap_err(),
            CommandError::ConversationNotFound,
            "{stranger:?}"
        );
        assert_eq!(
            thread.run(stranger.clone(), Action::MarkRead(None)).unwrap_err(),
            CommandError::ConversationNotFound,
            "{stranger:?}"
        );
    }
    assert_eq!(thread.numbers(), (0, 0, 0));
}

#[test]
fn the_work_on_a_conversation_is_not_the_visitors() {
    let mut thread = Thread::new();
    thread.say(visitor(), "hi");
    let message = thread.last().id;
    let before = Arc::clone(&thread.conversation);
    let forbidden = [
        Action::Edit(message, text("other words")),
        Action::Assign(Some(ADA)),
        Action::Assign(None),
        Action::TakeOver,
        Action::HandToAssistant { available: true },
        set(Status::Resolved),
        Action::SetFlag(Some(None)),
        labels(&["vip"]),
        Action::SetCustomer { name: None, email: None },
        Action::Wake,
        Action::Release(ADA),
        Action::DeleteConversation,
    ];
    for action in forbidden {
        assert!(matches!(thread.run(visitor(), action.clone()), Err(CommandError::Forbidden(_))), "{action:?}");
    }
    assert!(matches!(thread.note(visitor(), "psst"), Err(CommandError::Forbidden(_))));
    assert_eq!(thread.conversation, before);
}

#[test]
fn deletion_is_for_admins_and_ends_it_for_everybody() {
    let mut thread = Thread::new();
    thread.say(visitor(), "hi");
    assert!(matches!(thread.run(ada(), Action::DeleteConversation), Err(CommandError::Forbidden(_))));
    let change = thread.run(admin(), Action::DeleteConversation).unwrap();
    assert_eq!(change.told(), Some(ConversationChange::Deleted));
    assert!(change.public && change.numbered && change.writes);
    assert_eq!(thread.numbers(), (1, 2, 2));
    assert_eq!((thread.conversation.changed_rev, thread.conversation.changed_staff_rev), (2, 2));
    assert_eq!(thread.conversation.deleted_at, Some(thread.now));
    assert_eq!(change.audit.unwrap().action, "conversation.delete");
    for actor in [visitor(), ada(), admin(), system()] {
        assert_eq!(
            thread.run(actor.clone(), Action::MarkRead(None)).unwrap_err(),
            CommandError::ConversationNotFound
        );
        assert_eq!(thread.run(actor, Action::DeleteConversation).unwrap_err(), CommandError::ConversationNotFound);
    }
}
