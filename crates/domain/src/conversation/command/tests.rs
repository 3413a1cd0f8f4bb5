#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use crate::agent::Role;
use crate::clock::Timestamp;
use crate::conversation::*;
use crate::event::{ConversationChange, MessageChange};
use crate::id::{AgentId, AuditId, ChannelId, ConversationId, MessageId, RoomKey, VisitorId, WorkspaceId};
use crate::message::{AuthorId, Message, SenderKind, Side};
use crate::text::{ClientId, Label, Line, MessageText};
use proptest::prelude::*;
use std::sync::Arc;
use uuid::Uuid;

const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(0x10));
const VISITOR: VisitorId = VisitorId(Uuid::from_u128(0x20));
const ADA: AgentId = AgentId(Uuid::from_u128(0x30));
const BEN: AgentId = AgentId(Uuid::from_u128(0x31));
const START: i64 = 1_763_629_203_000;

fn visitor() -> Actor {
    Actor::Visitor(VisitorActor {
        workspace_id: WORKSPACE,
        id: VISITOR,
        name: Some("Nadia".to_owned()),
    })
}

fn agent(id: AgentId, role: Role) -> Actor {
    Actor::Agent(AgentActor {
        workspace_id: WORKSPACE,
        id,
        name: "Ada".to_owned(),
        role,
        machine: false,
    })
}

fn ada() -> Actor {
    agent(ADA, Role::Agent)
}

fn ben() -> Actor {
    agent(BEN, Role::Agent)
}

fn admin() -> Actor {
    agent(AgentId(Uuid::from_u128(0x32)), Role::Admin)
}

fn machine() -> Actor {
    Actor::Agent(AgentActor {
        workspace_id: WORKSPACE,
        id: AgentId(Uuid::from_u128(0x33)),
        name: "Robot".to_owned(),
        role: Role::Admin,
        machine: true,
    })
}

fn system() -> Actor {
    Actor::System(WORKSPACE)
}

fn text(words: &str) -> MessageText {
    MessageText::parse(words).unwrap()
}

fn empty_conversation() -> Conversation {
    Conversation {
        id: ConversationId(Uuid::from_u128(0x40)),
        workspace_id: WORKSPACE,
        channel_id: ChannelId(Uuid::from_u128(0x50)),
        visitor_id: VISITOR,
        room_key: RoomKey::new(Uuid::from_u128(0x60)),
        kind: ConversationKind::Chat,
        status: Status::Open,
        snoozed_until: None,
        handler: Handler::Queue,
        handler_version: 1,
        subject: None,
        flag: None,
        labels: Vec::new(),
        customer_name: None,
        customer_email: None,
        metadata: None,
        version: 1,
        last_seq: 0,
        rev: 0,
        staff_rev: 0,
        changed_rev: 0,
        changed_staff_rev: 0,
        inbound_count: 0,
        outbound_count: 0,
        last_message_at: Timestamp(START),
        last_message: None,
        team_mark: ReadMark::default(),
        visitor_mark: ReadMark::default(),
        visitor_delivered: 0,
        team_delivered: 0,
        created_at: Timestamp(START),
        updated_at: Timestamp(START),
        deleted_at: None,
    }
}

/// A conversation with its messages, kept as the writer and a store would.
#[derive(Clone)]
struct Thread {
    conversation: Arc<Conversation>,
    messages: Vec<Arc<Message>>,
    now: Timestamp,
}

impl Thread {
    fn new() -> Self {
        Self::of(empty_conversation())
    }

    fn of(conversation: Conversation) -> Self {
        Self {
            conversation: Arc::new(conversation),
            messages: Vec::new(),
            now: Timestamp(START),
        }
    }

    fn facts(&self, command: &Command) -> Facts {
        let by_id = |id: MessageId| self.messages.iter().find(|message| message.id == id);
        let message = match &command.action {
            Action::Edit(id, _) | Action::Delete(id) | Action::React(id, _) => by_id(*id),
            Action::Send(new) => new.reply_to.and_then(by_id),
            Action::MarkRead(Some(seq)) => self.messages.iter().find(|message| !message.private && message.seq == *seq),
            _ => None,
        };
        let stored_first = command.client_id().and_then(|(author, client_id)| {
            self.messages
                .iter()
                .find(|message| message.sender.author() == author && message.client_id.as_deref() == Some(client_id))
        });
        Facts {
            message: message.cloned(),
            stored_first: stored_first.cloned(),
        }
    }

    fn decide(&self, actor: Actor, action: Action) -> Result<Change, CommandError> {
        let command = Command {
            conversation_id: self.conversation.id,
            actor,
            action,
        };
        apply(&self.conversation, &command, &self.facts(&command), self.now, AuditId(Uuid::nil()))
    }

    fn take(&mut self, change: &Change) {
        self.conversation = Arc::clone(&change.conversation);
        match &change.outcome {
            Outcome::Stored(message) => self.messages.push(Arc::clone(message)),
            Outcome::MessageChanged(message) => {
                let known = self.messages.iter_mut().find(|known| known.id == message.id).unwrap();
                *known = Arc::clone(message);
            }
            Outcome::Repeated(_) | Outcome::Changed | Outcome::Unchanged => {}
        }
    }

    fn run(&mut self, actor: Actor, action: Action) -> Result<Change, CommandError> {
        self.now.0 += 1000;
        let change = self.decide(actor, action)?;
        self.take(&change);
        Ok(change)
    }

    fn new_message(&self, words: &str) -> NewMessage {
        let id = MessageId(Uuid::from_u128(0x1000 + self.messages.len() as u128));
        NewMessage {
            id,
            text: text(words),
            private: false,
            reply_to: None,
            client_id: None,
            sent_at: None,
        }
    }

    fn say(&mut self, actor: Actor, words: &str) -> Change {
        let new = self.new_message(words);
        self.run(actor, Action::Send(new)).unwrap()
    }

    fn note(&mut self, actor: Actor, words: &str) -> Result<Change, CommandError> {
        let new = NewMessage {
            private: true,
            ..self.new_message(words)
        };
        self.run(actor, Action::Send(new))
    }

    fn last(&self) -> &Message {
        self.messages.last().unwrap()
    }

    fn numbers(&self) -> (i64, i64, i64) {
        (self.conversation.last_seq, self.conversation.rev, self.conversation.staff_rev)
    }
}

fn set(status: Status) -> Action {
    Action::SetStatus(status, None)
}

fn labels(names: &[&str]) -> Action {
    Action::SetLabels(names.iter().map(|name| Label::parse(name).unwrap()).collect())
}

// Whose conversation

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

// Sending

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

// Editing, deleting, reacting

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

// Marks

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

// State

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
            at: since
        })
    );
    thread.run(ben(), Action::SetFlag(Some(None))).unwrap();
    assert_eq!(thread.conversation.flag, Some(Flag { reason: None, at: thread.now }));
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

// Everything together

#[derive(Debug, Clone)]
enum Step {
    Say(usize),
    Note(usize),
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
            prop_assert_eq!((new.rev - old.rev, new.staff_rev - old.staff_rev), (i64::from(change.public), i64::from(change.numbered)));
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
