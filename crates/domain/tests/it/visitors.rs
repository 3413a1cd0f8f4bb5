use crate::support::{World, as_visitor, claims, send_as, stored};
use futures_util::future::join_all;
use parlor_domain::cache::BELIEVED_FOR;
use parlor_domain::conversation::{Action, BeginConversation, BeginError, CommandError, ConversationKind, Outcome, Starter};
use parlor_domain::event::AccessChange;
use parlor_domain::page::Limit;
use parlor_domain::security::HostClaims;
use parlor_domain::session::{NewSession, SessionError};
use parlor_domain::store::Store;
use parlor_domain::text::{Email, Name};
use parlor_domain::visitor::{EditVisitor, IdentifyError, Identity, NewVisitor, Visitor, VisitorError};
use std::collections::BTreeSet;
use std::sync::Arc;

fn named(name: &str) -> NewVisitor {
    NewVisitor {
        name: Some(Name::parse(name).unwrap()),
        ..NewVisitor::default()
    }
}

async fn made(world: &World, node: &crate::support::Node, name: &str) -> (Visitor, parlor_domain::id::VisitorKey) {
    node.visitors.create(&world.fixture.channel, named(name), None).await.unwrap()
}

#[tokio::test]
async fn a_key_proves_its_visitor_and_nobody_else() {
    let world = World::new().await;
    let node = world.node();
    let (visitor, key) = made(&world, &node, "Nadia").await;
    assert_eq!(node.visitors.authenticate(key).await.unwrap().id, visitor.id);
    let by_id = parlor_domain::id::VisitorKey::new(visitor.id.0);
    assert!(
        matches!(node.visitors.authenticate(by_id).await, Err(VisitorError::NotFound)),
        "the internal id proves nothing"
    );
}

#[tokio::test]
async fn the_first_with_a_subject_gets_it_and_keeps_the_key() {
    let world = World::new().await;
    let node = world.node();
    let (visitor, key) = made(&world, &node, "Nadia").await;
    let proof = HostClaims {
        email: Some("Nadia@Example.com".to_owned()),
        name: Some("N.".to_owned()),
        ..claims("customer-1")
    };
    let known = node.visitors.identify(&visitor, &proof).await.unwrap();
    assert!(known.key.is_none());
    assert_eq!((known.visitor.id, known.visitor.verified_subject()), (visitor.id, Some("customer-1")));
    assert_eq!(known.visitor.email, Some(Identity::verified(Email::parse("nadia@example.com").unwrap())));
    assert_eq!(
        known.visitor.name.as_ref().map(Name::as_str),
        Some("Nadia"),
        "what the person called itself stays"
    );
    assert!(node.visitors.authenticate(key).await.unwrap().is_verified(), "at once");
    let again = node.visitors.identify(&known.visitor, &proof).await.unwrap();
    assert!(again.key.is_none() && again.visitor.id == visitor.id);
}

#[tokio::test]
async fn an_address_that_is_not_verified_stays_a_claim_and_a_claim_replaces_no_proof() {
    let world = World::new().await;
    let node = world.node();
    let (visitor, _) = made(&world, &node, "Nadia").await;
    let doubtful = HostClaims {
        email: Some("nadia@example.com".to_owned()),
        email_verified: false,
        ..claims("customer-1")
    };
    let known = node.visitors.identify(&visitor, &doubtful).await.unwrap().visitor;
    assert!(known.email.is_some_and(|email| !email.verified));
    let (other, _) = made(&world, &node, "Oda").await;
    let proof = HostClaims {
        email: Some("oda@example.com".to_owned()),
        ..claims("customer-2")
    };
    let known = node.visitors.identify(&other, &proof).await.unwrap().visitor;
    for email in [Some(Email::parse("mallory@example.com").unwrap()), None] {
        let edit = EditVisitor {
            email: Some(email),
            ..EditVisitor::default()
        };
        let edited = node.visitors.edit(known.workspace_id, known.id, edit).await.unwrap();
        assert_eq!(edited.email, known.email);
    }
}

#[tokio::test]
async fn who_is_known_already_gets_the_conversations_of_the_anonymous_one() {
    let world = World::new().await;
    let (node, other) = (world.node(), world.node());
    let (known, known_key) = made(&world, &node, "Nadia").await;
    node.visitors.identify(&known, &claims("customer-1")).await.unwrap();
    let (anonymous, key) = made(&world, &node, "Somebody").await;
    let (session, conversation) = node
        .sessions
        .create(&anonymous, &world.fixture.channel, NewSession { room: None, metadata: None }, None)
        .await
        .unwrap();
    let first = stored(node.run(conversation.id, as_visitor(&anonymous), send_as("c", "hi")).await.unwrap());
    assert!(other.visitors.authenticate(key).await.is_ok());
    node.bus.clear();

    let identified = node.visitors.identify(&anonymous, &claims("customer-1")).await.unwrap();
    assert_eq!(identified.visitor.id, known.id);
    let new_key = identified.key.expect("a new key");
    for key in [known_key, new_key] {
        assert_eq!(node.visitors.authenticate(key).await.unwrap().id, known.id);
    }
    assert!(matches!(node.visitors.authenticate(key).await, Err(VisitorError::NotFound)), "at once here");
    world.clock.advance(BELIEVED_FOR);
    assert!(
        matches!(other.visitors.authenticate(key).await, Err(VisitorError::NotFound)),
        "within five seconds elsewhere"
    );
    assert!(matches!(
        node.visitors.get(anonymous.workspace_id, anonymous.id).await,
        Err(VisitorError::NotFound)
    ));
    let changes = node.bus.access_changes();
    assert_eq!(
        changes,
        [AccessChange::VisitorGone(anonymous.id), AccessChange::ConversationMoved(conversation.id)]
    );

    let row = world.row(conversation.id).await;
    assert_eq!((row.visitor_id, row.customer_name.as_deref()), (known.id, Some("Nadia")));
    assert_eq!(row.room_key, conversation.room_key, "a room key keeps working");
    assert_eq!(node.sessions.of_visitor(&known, session.id).await.unwrap().0.id, session.id);

    // The author moved along: a repeat is still one, and own messages are still own.
    let refused = node.run(conversation.id, as_visitor(&anonymous), send_as("c", "hi")).await;
    assert_eq!(refused.unwrap_err(), CommandError::ConversationNotFound);
    let repeat = node.run(conversation.id, as_visitor(&known), send_as("c", "hi")).await.unwrap();
    assert!(matches!(repeat.outcome, Outcome::Repeated(message) if message.id == first.id));
    node.run(conversation.id, as_visitor(&known), Action::Delete(first.id)).await.unwrap();
}

#[tokio::test]
async fn who_is_verified_as_somebody_else_stays_so_and_nothing_moves() {
    let world = World::new().await;
    let node = world.node();
    let (one, key) = made(&world, &node, "One").await;
    let (two, _) = made(&world, &node, "Two").await;
    node.visitors.identify(&one, &claims("customer-1")).await.unwrap();
    node.visitors.identify(&two, &claims("customer-2")).await.unwrap();
    assert!(matches!(
        node.visitors.identify(&one, &claims("customer-2")).await,
        Err(IdentifyError::OtherIdentity)
    ));
    assert_eq!(node.visitors.authenticate(key).await.unwrap().verified_subject(), Some("customer-1"));
}

#[tokio::test]
async fn a_retired_visitor_begins_nothing_even_where_its_key_is_still_believed() {
    let world = World::new().await;
    let (node, other) = (world.node(), world.node());
    let (known, _) = made(&world, &node, "Nadia").await;
    node.visitors.identify(&known, &claims("customer-1")).await.unwrap();
    let (anonymous, key) = made(&world, &node, "Somebody").await;
    let believed = other.visitors.authenticate(key).await.unwrap();
    node.visitors.identify(&anonymous, &claims("customer-1")).await.unwrap();
    let begin = BeginConversation {
        starter: Starter::Known(Arc::clone(&believed), EditVisitor::default()),
        kind: ConversationKind::Room,
        client_ref: None,
        seller: None,
        subject: None,
        metadata: None,
        message: None,
    };
    let refused = other.conversations.begin(&world.fixture.channel, begin, None).await;
    assert!(matches!(refused, Err(BeginError::Visitor(VisitorError::NotFound))));
    let refused = other
        .sessions
        .create(&believed, &world.fixture.channel, NewSession { room: None, metadata: None }, None)
        .await;
    assert!(matches!(refused, Err(SessionError::NotFound)));
    let left = node
        .reader
        .list_of_visitor(anonymous.workspace_id, anonymous.id, None, Limit::MAX)
        .await
        .unwrap();
    assert!(left.items.is_empty());
    assert!(matches!(
        node.visitors.identify(&anonymous, &claims("customer-1")).await,
        Err(IdentifyError::NotFound)
    ));
}

#[tokio::test]
async fn agents_see_a_new_name_on_each_conversation() {
    let world = World::new().await;
    let node = world.node();
    let id = world.conversation();
    node.say(id, world.visitor(), "hi").await.unwrap();
    let before = world.row(id).await;
    let edit = EditVisitor {
        name: Some(Some(Name::parse("Nadia").unwrap())),
        ..EditVisitor::default()
    };
    node.visitors
        .edit(world.fixture.workspace.id, world.fixture.visitor.id, edit.clone())
        .await
        .unwrap();
    let row = world.row(id).await;
    assert_eq!(
        (row.customer_name.as_deref(), row.rev, row.staff_rev),
        (Some("Nadia"), before.rev, before.staff_rev + 1)
    );
    node.visitors.edit(world.fixture.workspace.id, world.fixture.visitor.id, edit).await.unwrap();
    assert_eq!(world.row(id).await.staff_rev, before.staff_rev + 1, "the same name is no change");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subject_makes_one_customer_however_many_ask_at_once() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let proof = HostClaims {
        email: Some("nadia@example.com".to_owned()),
        ..claims("customer-1")
    };
    let asking = (0..16).map(|number| {
        let (visitors, channel, proof) = (
            Arc::clone(if number % 2 == 0 { &a.visitors } else { &b.visitors }),
            world.fixture.channel.clone(),
            proof.clone(),
        );
        tokio::spawn(async move { visitors.of_claims(&channel, &proof).await.unwrap() })
    });
    let found: BTreeSet<_> = join_all(asking).await.into_iter().map(|visitor| visitor.unwrap().id).collect();
    assert_eq!(found.len(), 1);
    let customer = a.visitors.of_claims(&world.fixture.channel, &claims("customer-1")).await.unwrap();
    assert!(found.contains(&customer.id));
    assert!(customer.email.as_ref().is_some_and(|email| email.verified));
    let other = a.visitors.of_claims(&world.fixture.channel, &claims("customer-2")).await.unwrap();
    assert_ne!(other.id, customer.id);
}

#[tokio::test]
async fn being_here_moves_only_forward() {
    let world = World::new().await;
    let node = world.node();
    let later = world.clock.advance(std::time::Duration::from_secs(60));
    let seen = node.visitors.seen(&world.fixture.visitor).await.unwrap();
    assert_eq!(seen.last_seen_at, later);
    world.clock.set(world.fixture.visitor.created_at);
    node.visitors.seen(&seen).await.unwrap();
    let stored = world
        .store
        .read()
        .await
        .unwrap()
        .visitors()
        .find(seen.workspace_id, seen.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.last_seen_at, later);
}
