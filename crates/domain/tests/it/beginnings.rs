use crate::support::{Node, World, as_agent, send};
use futures_util::future::join_all;
use parlor_domain::assistant::AssistantSettings;
use parlor_domain::channel::{Channel, IdentityRule};
use parlor_domain::conversation::{Action, Actor, BeginConversation, BeginError, Begun, CommandError, ConversationKind, HandledBy, Handler, Starter, Status};
use parlor_domain::creation::{CreationKey, REMEMBERED_FOR};
use parlor_domain::event::ConversationChange;
use parlor_domain::page::Limit;
use parlor_domain::session::{NewSession, SessionError};
use parlor_domain::text::{ClientId, MessageText, Name};
use parlor_domain::visitor::{EditVisitor, NewVisitor, VisitorError, VisitorFilter};
use parlor_testkit::build::{a_channel, a_workspace};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

fn key(kind: &str, key: &str, content: &str) -> Option<CreationKey> {
    Some(CreationKey::new(kind, "198.51.100.7", key, content.as_bytes()))
}

fn room(starter: Starter, text: Option<&str>) -> BeginConversation {
    let message = text.map(|text| (MessageText::parse(text).unwrap(), Some(ClientId::parse("first").unwrap())));
    BeginConversation {
        starter,
        kind: ConversationKind::Room,
        client_ref: None,
        seller: None,
        subject: None,
        metadata: None,
        message,
    }
}

fn stranger(name: &str) -> Starter {
    Starter::New(NewVisitor {
        name: Some(Name::parse(name).unwrap()),
        ..NewVisitor::default()
    })
}

const NEW: NewSession = NewSession { room: None, metadata: None };

fn required(channel: &Channel) -> Channel {
    Channel {
        identity: IdentityRule::Required,
        ..channel.clone()
    }
}

async fn visitors(world: &World, node: &Node) -> usize {
    node.visitors
        .list(world.fixture.workspace.id, &VisitorFilter::default(), None, Limit::MAX)
        .await
        .unwrap()
        .items
        .len()
}

// Visitors

#[tokio::test]
async fn the_same_request_gives_the_same_visitor_and_the_same_key() {
    let world = World::new().await;
    let (node, other) = (world.node(), world.node());
    let channel = &world.fixture.channel;
    let before = visitors(&world, &node).await;
    let (visitor, visitor_key) = node.visitors.create(channel, NewVisitor::default(), key("visitor", "k", "{}")).await.unwrap();
    let (again, again_key) = other.visitors.create(channel, NewVisitor::default(), key("visitor", "k", "{}")).await.unwrap();
    assert_eq!((again.id, again_key.expose()), (visitor.id, visitor_key.expose()));
    assert_eq!(node.visitors.authenticate(again_key).await.unwrap().id, visitor.id);
    let refused = node
        .visitors
        .create(channel, NewVisitor::default(), key("visitor", "k", "{\"name\":\"x\"}"))
        .await;
    assert!(matches!(refused, Err(VisitorError::KeyReused)));
    let (elsewhere, _) = node
        .visitors
        .create(channel, NewVisitor::default(), Some(CreationKey::new("visitor", "203.0.113.9", "k", b"{}")))
        .await
        .unwrap();
    assert_ne!(elsewhere.id, visitor.id, "another caller's key is another key");
    assert_eq!(visitors(&world, &node).await, before + 2);
}

#[tokio::test]
async fn after_a_day_a_key_is_new_again_swept_or_not() {
    let world = World::new().await;
    let node = world.node();
    let channel = &world.fixture.channel;
    let (visitor, _) = node.visitors.create(channel, NewVisitor::default(), key("visitor", "k", "{}")).await.unwrap();
    world.clock.advance(REMEMBERED_FOR);
    let (still, _) = node.visitors.create(channel, NewVisitor::default(), key("visitor", "k", "{}")).await.unwrap();
    assert_eq!(still.id, visitor.id);
    world.clock.advance(Duration::from_millis(1));
    let (new, new_key) = node
        .visitors
        .create(channel, NewVisitor::default(), key("visitor", "k", "other"))
        .await
        .unwrap();
    assert_ne!(new.id, visitor.id);
    let (again, again_key) = node
        .visitors
        .create(channel, NewVisitor::default(), key("visitor", "k", "other"))
        .await
        .unwrap();
    assert_eq!((again.id, again_key.expose()), (new.id, new_key.expose()), "and remembered from then on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_equal_requests_at_once_make_one_visitor() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let before = visitors(&world, &a).await;
    let asking = (0..16).map(|number| {
        let (service, channel) = (
            Arc::clone(if number % 2 == 0 { &a.visitors } else { &b.visitors }),
            world.fixture.channel.clone(),
        );
        tokio::spawn(async move { service.create(&channel, NewVisitor::default(), key("visitor", "k", "{}")).await.unwrap() })
    });
    let made: BTreeSet<_> = join_all(asking)
        .await
        .into_iter()
        .map(Result::unwrap)
        .map(|(visitor, key)| (visitor.id, key.expose()))
        .collect();
    assert_eq!((made.len(), visitors(&world, &a).await), (1, before + 1));
}

// Sessions

#[tokio::test]
async fn the_door_and_the_channel_say_who_answers_first() {
    let world = World::new().await;
    let node = world.node();
    let (visitor, usual) = (&world.fixture.visitor, &world.fixture.channel);
    let channel = |enabled, in_rooms| Channel {
        assistant: AssistantSettings {
            enabled,
            in_rooms,
            ..AssistantSettings::default()
        },
        ..usual.clone()
    };
    let (by_assistant, by_people) = (Handler::Assistant, Handler::Queue);
    for (channel, chat, room) in [
        (usual.clone(), by_assistant, by_people),
        (channel(true, true), by_assistant, by_assistant),
        (channel(false, true), by_people, by_people),
    ] {
        let (_, begun) = node.sessions.create(visitor, &channel, NEW, None).await.unwrap();
        assert_eq!(begun.handler, chat);
        for (kind, handler) in [(ConversationKind::Room, room), (ConversationKind::Stored, by_people)] {
            let begin = BeginConversation {
                starter: Starter::Known(Arc::new(visitor.clone()), EditVisitor::default()),
                kind,
                client_ref: None,
                seller: None,
                subject: None,
                metadata: None,
                message: None,
            };
            let begun = node.conversations.begin(&channel, begin, None).await.unwrap();
            assert_eq!(begun.conversation.handler, handler, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_session_comes_with_a_new_conversation_or_goes_on_in_an_own_one() {
    let world = World::new().await;
    let node = world.node();
    let (visitor, channel) = (&world.fixture.visitor, &world.fixture.channel);
    let (first, conversation) = node.sessions.create(visitor, channel, NEW, None).await.unwrap();
    assert_eq!(
        (conversation.kind, conversation.visitor_id, conversation.last_seq),
        (ConversationKind::Chat, visitor.id, 0)
    );
    assert_eq!((conversation.status, conversation.handler), (Status::Open, Handler::Assistant));
    assert_eq!(world.row(conversation.id).await, conversation);
    assert!(node.bus.events().is_empty(), "a conversation without a message is no event");
    let go_on = |room| NewSession {
        room: Some(room),
        metadata: None,
    };
    let (second, same) = node.sessions.create(visitor, channel, go_on(conversation.room_key), None).await.unwrap();
    assert_eq!((same.id, second.conversation_id), (conversation.id, conversation.id));
    assert_ne!(first.id, second.id);

    let other = world.another_visitor().await;
    let refused = node.sessions.create(&other, channel, go_on(conversation.room_key), None).await;
    assert!(matches!(refused, Err(SessionError::ConversationNotFound)));
    assert!(matches!(node.sessions.of_visitor(&other, first.id).await, Err(SessionError::VisitorMismatch)));
    let unknown = parlor_domain::id::SessionId(conversation.id.0);
    assert!(matches!(node.sessions.of_visitor(visitor, unknown).await, Err(SessionError::NotFound)));
    assert!(matches!(
        node.sessions.of_workspace(a_workspace().id, first.id).await,
        Err(SessionError::NotFound)
    ));

    let listed = node.sessions.list(visitor.workspace_id, visitor.id, None, Limit::MAX).await.unwrap().items;
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|(_, room)| *room == Some(conversation.room_key)));

    let ended = node.sessions.end(first).await.unwrap();
    assert!(node.sessions.of_visitor(visitor, ended.id).await.unwrap().0.ended_at.is_some());
    assert_eq!(world.row(conversation.id).await.status, Status::Open, "its conversation goes on");
}

#[tokio::test]
async fn a_deleted_conversation_takes_its_sessions_with_it() {
    let world = World::new().await;
    let node = world.node();
    let (visitor, channel) = (&world.fixture.visitor, &world.fixture.channel);
    let (session, conversation) = node.sessions.create(visitor, channel, NEW, None).await.unwrap();
    let admin = world.another_agent(parlor_domain::agent::Role::Admin, |_| {}).await;
    node.conversations.delete(Actor::Agent(as_agent(&admin)), conversation.id).await.unwrap();
    assert!(matches!(node.sessions.of_visitor(visitor, session.id).await, Err(SessionError::NotFound)));
    let go_on = NewSession {
        room: Some(conversation.room_key),
        metadata: None,
    };
    assert!(matches!(
        node.sessions.create(visitor, channel, go_on, None).await,
        Err(SessionError::ConversationNotFound)
    ));
    assert!(node.reader.by_room_key(conversation.room_key).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_equal_requests_at_once_make_one_session_and_one_conversation() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let (visitor, channel) = (&world.fixture.visitor, &world.fixture.channel);
    let before = a
        .reader
        .list_of_visitor(visitor.workspace_id, visitor.id, None, Limit::MAX)
        .await
        .unwrap()
        .items
        .len();
    let asking = (0..16).map(|number| {
        let node = if number % 2 == 0 { &a } else { &b };
        node.sessions.create(visitor, channel, NEW, key("session", "k", "{}"))
    });
    let made: BTreeSet<_> = join_all(asking)
        .await
        .into_iter()
        .map(Result::unwrap)
        .map(|(session, conversation)| (session.id, conversation.id))
        .collect();
    assert_eq!(made.len(), 1);
    let after = a
        .reader
        .list_of_visitor(visitor.workspace_id, visitor.id, None, Limit::MAX)
        .await
        .unwrap()
        .items
        .len();
    assert_eq!(after, before + 1);
    let refused = a.sessions.create(visitor, channel, NEW, key("session", "k", "other")).await;
    assert!(matches!(refused, Err(SessionError::KeyReused)));
}

// Conversations

#[tokio::test]
async fn visitor_room_and_first_message_begin_together_and_are_told_once() {
    let world = World::new().await;
    let node = world.node();
    let begun = node
        .conversations
        .begin(&world.fixture.channel, room(stranger("Nadia"), Some("hi")), None)
        .await
        .unwrap();
    let key = begun.key.expect("a new visitor's key");
    assert_eq!(node.visitors.authenticate(key).await.unwrap().id, begun.visitor.id);
    let row = world.row(begun.conversation.id).await;
    assert_eq!(row, *begun.conversation);
    assert_eq!(
        (row.last_seq, row.rev, row.staff_rev, row.inbound_count, row.customer_name.as_deref()),
        (1, 1, 1, 1, Some("Nadia"))
    );
    assert_eq!(
        (row.handler.for_visitor(), row.unread_by_team(), row.unread_by_visitor()),
        (HandledBy::Human, 1, 0)
    );
    let events = node.bus.conversation_events();
    assert_eq!(events.len(), 1);
    assert!(matches!(&events[0].change, ConversationChange::NewMessage(message) if message.text == "hi" && message.seq == 1));

    // The first message is like any other: the writer goes on from it and knows its client id.
    let actor = crate::support::as_visitor(&begun.visitor);
    let repeat = node
        .run(begun.conversation.id, actor.clone(), crate::support::send_as("first", "hi"))
        .await
        .unwrap();
    assert!(matches!(repeat.outcome, parlor_domain::conversation::Outcome::Repeated(_)));
    assert_eq!(node.say(begun.conversation.id, actor, "more").await.unwrap().seq, 2);
}

#[tokio::test]
async fn a_room_without_a_message_is_told_to_nobody() {
    let world = World::new().await;
    let node = world.node();
    let begun = node
        .conversations
        .begin(&world.fixture.channel, room(stranger("Nadia"), None), None)
        .await
        .unwrap();
    assert!(node.bus.events().is_empty());
    assert_eq!(begun.conversation.last_seq, 0);
}

#[tokio::test]
async fn a_known_visitor_begins_under_its_own_name() {
    let world = World::new().await;
    let node = world.node();
    let visitor = Arc::new(world.fixture.visitor.clone());
    let edit = EditVisitor {
        name: Some(Some(Name::parse("Nadia").unwrap())),
        ..EditVisitor::default()
    };
    let begun = node
        .conversations
        .begin(&world.fixture.channel, room(Starter::Known(visitor, edit), Some("hi")), None)
        .await
        .unwrap();
    assert!(begun.key.is_none());
    assert_eq!(
        (begun.visitor.id, begun.conversation.customer_name.as_deref()),
        (world.fixture.visitor.id, Some("Nadia"))
    );
    assert_eq!(world.messages(begun.conversation.id).await[0].sender.name.as_deref(), Some("Nadia"));
}

#[tokio::test]
async fn nobody_begins_through_another_workspaces_channel() {
    let world = World::new().await;
    let node = world.node();
    let foreign = a_channel(&a_workspace());
    let visitor = Arc::new(world.fixture.visitor.clone());
    let refused = node
        .conversations
        .begin(&foreign, room(Starter::Known(visitor, EditVisitor::default()), None), None)
        .await;
    assert!(matches!(refused, Err(BeginError::Visitor(VisitorError::NotFound))));
}

fn same(one: &Begun, other: &Begun) -> bool {
    one.conversation.id == other.conversation.id && one.visitor.id == other.visitor.id && one.key.map(|key| key.expose()) == other.key.map(|key| key.expose())
}

#[tokio::test]
async fn the_same_beginning_gives_the_same_room_and_key() {
    let world = World::new().await;
    let (node, other) = (world.node(), world.node());
    let begin = |node: &Arc<parlor_domain::conversation::ConversationService>, content| {
        let (node, channel) = (Arc::clone(node), world.fixture.channel.clone());
        async move { node.begin(&channel, room(stranger("Nadia"), Some("hi")), key("room", "k", content)).await }
    };
    let first = begin(&node.conversations, "a").await.unwrap();
    let again = begin(&other.conversations, "a").await.unwrap();
    assert!(same(&first, &again) && !first.repeated && again.repeated);
    assert!(matches!(begin(&node.conversations, "b").await, Err(BeginError::KeyReused)));
    assert_eq!(node.bus.conversation_events().len() + other.bus.conversation_events().len(), 1);

    let admin = world.another_agent(parlor_domain::agent::Role::Admin, |_| {}).await;
    node.conversations.delete(Actor::Agent(as_agent(&admin)), first.conversation.id).await.unwrap();
    let gone = begin(&node.conversations, "a").await;
    assert!(matches!(gone, Err(BeginError::Message(CommandError::ConversationNotFound))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_equal_beginnings_at_once_make_one_room() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let before = visitors(&world, &a).await;
    let asking = (0..16).map(|number| {
        let (service, channel) = (
            Arc::clone(if number % 2 == 0 { &a.conversations } else { &b.conversations }),
            world.fixture.channel.clone(),
        );
        tokio::spawn(async move {
            service
                .begin(&channel, room(stranger("Nadia"), Some("hi")), key("room", "k", "{}"))
                .await
                .unwrap()
        })
    });
    let begun: Vec<Begun> = join_all(asking).await.into_iter().map(Result::unwrap).collect();
    assert!(begun.iter().all(|other| same(other, &begun[0])));
    assert_eq!(begun.iter().filter(|begun| !begun.repeated).count(), 1);
    assert_eq!(visitors(&world, &a).await, before + 1);
    assert_eq!(a.bus.conversation_events().len() + b.bus.conversation_events().len(), 1);
}

#[tokio::test]
async fn where_identity_is_required_only_a_verified_visitor_begins() {
    let world = World::new().await;
    let node = world.node();
    let channel = required(&world.fixture.channel);
    let anonymous = Arc::new(world.fixture.visitor.clone());
    let rename = EditVisitor {
        name: Some(Some(Name::parse("Mallory").unwrap())),
        ..EditVisitor::default()
    };
    let before = visitors(&world, &node).await;
    for starter in [stranger("Mallory"), Starter::Known(Arc::clone(&anonymous), rename)] {
        let refused = node.conversations.begin(&channel, room(starter, Some("hi")), key("room", "k", "{}")).await;
        assert!(matches!(refused, Err(BeginError::IdentityRequired)));
    }
    let refused = node.sessions.create(&anonymous, &channel, NEW, None).await;
    assert!(matches!(refused, Err(SessionError::IdentityRequired)));
    assert_eq!(visitors(&world, &node).await, before);
    let unchanged = node.visitors.get(anonymous.workspace_id, anonymous.id).await.unwrap();
    assert_eq!(unchanged.name, None, "who is refused changes nothing");

    let verified = node.visitors.identify(&anonymous, &crate::support::claims("customer-1")).await.unwrap().visitor;
    node.sessions.create(&verified, &channel, NEW, None).await.unwrap();
    let starter = Starter::Known(Arc::new(verified), EditVisitor::default());
    node.conversations
        .begin(&channel, room(starter, Some("hi")), key("room", "k", "{}"))
        .await
        .unwrap();
}

// Sleeping

#[tokio::test]
async fn only_what_is_due_wakes() {
    let world = World::new().await;
    let node = world.node();
    let by = as_agent(&world.fixture.agent);
    let (soon, late, for_ever) = (world.conversation(), world.another_conversation().await, world.another_conversation().await);
    let at = |seconds| Some(world.fixture.conversation.created_at.plus(Duration::from_secs(seconds)));
    for (id, until) in [(soon, at(60)), (late, at(120)), (for_ever, None)] {
        node.run(id, world.visitor(), send("hi")).await.unwrap();
        node.conversations.set_status(by.clone(), id, Status::Snoozed, until).await.unwrap();
    }
    assert_eq!(node.conversations.wake_snoozed().await.unwrap(), 0);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(node.conversations.wake_snoozed().await.unwrap(), 1);
    for (id, status) in [(soon, Status::Open), (late, Status::Snoozed), (for_ever, Status::Snoozed)] {
        assert_eq!(world.row(id).await.status, status);
    }
    world.clock.advance(Duration::from_secs(1_000_000));
    assert_eq!(node.conversations.wake_snoozed().await.unwrap(), 1);
    node.run(for_ever, world.agent(), Action::MarkRead(None)).await.unwrap();
    assert_eq!(world.row(for_ever).await.status, Status::Snoozed);
}
