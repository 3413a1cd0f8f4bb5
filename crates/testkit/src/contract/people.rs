//! Visitors, sessions and agents are read back as they were stored.

use super::{HARD, Harness, later, line, name};
use crate::build::{a_session, a_visitor, a_visitor_key, a_workspace, an_agent, now};
use crate::{Fixture, PlainPasswordHasher};
use parlor_domain::agent::{Agent, AgentSettings, Role};
use parlor_domain::session::Session;
use parlor_domain::text::{Email, Metadata, Phone};
use parlor_domain::visitor::{Identity, Visitor, VisitorContext};
use serde_json::json;

/// A visitor with all that one can have.
fn a_full_visitor(plain: &Visitor) -> Visitor {
    Visitor {
        name: Some(name(HARD)),
        email: Some(Identity::verified(Email::stored("nadia@example.com".to_owned()))),
        phone: Some(Identity::claimed(Phone::stored("+12025550100".to_owned()))),
        external_id: Some(Identity::verified(line("user|42"))),
        locale: Some(name("de-AT")),
        metadata: Some(Metadata::stored(json!({"plan": "pro", "nested": {"list": [1, 2.5, null, true, HARD]}}))),
        context: VisitorContext {
            ip: Some("2001:db8::1".to_owned()),
            user_agent: Some("Mozilla/5.0".to_owned()),
            page_url: Some("https://shop.example.com/?q=%20".to_owned()),
            page_title: Some(HARD.to_owned()),
            referrer: Some("https://search.example.com/".to_owned()),
            country: Some("Austria".to_owned()),
            region: Some("Wien".to_owned()),
            city: Some("Vienna".to_owned()),
            browser: Some("Firefox".to_owned()),
            os: Some("Windows 10".to_owned()),
            device: Some("desktop".to_owned()),
            timezone: Some("Europe/Vienna".to_owned()),
            screen: Some("1920x1080".to_owned()),
        },
        created_at: later(1),
        updated_at: later(2),
        last_seen_at: later(3),
        ..plain.clone()
    }
}

/// Visitors come back with every field, by id, key and verified subject.
pub async fn a_visitor_is_read_back(harness: &Harness) {
    let fixture = harness.fixture().await;
    let full = a_full_visitor(&a_visitor(&fixture.channel));
    let key = a_visitor_key();
    let work = harness.begin().await;
    work.visitors().insert(&full).await.unwrap();
    work.visitors().insert_key(full.id, key.hash(), now()).await.unwrap();
    work.commit().await.unwrap();

    let read = harness.read().await;
    let workspace = full.workspace_id;
    assert_eq!(
        read.visitors().find(workspace, fixture.visitor.id).await.unwrap(),
        Some(fixture.visitor.clone())
    );
    assert_eq!(read.visitors().find(workspace, full.id).await.unwrap(), Some(full.clone()));
    assert_eq!(read.visitors().find_by_key(key.hash()).await.unwrap(), Some(full.clone()));
    assert_eq!(read.visitors().find_by_key(a_visitor_key().hash()).await.unwrap(), None);
    assert_eq!(read.visitors().find_by_subject(workspace, "user|42").await.unwrap(), Some(full.clone()));

    let emptied = Visitor {
        updated_at: later(9),
        ..Visitor {
            id: full.id,
            ..a_visitor(&fixture.channel)
        }
    };
    let filled = a_full_visitor(&fixture.visitor);
    let work = harness.begin().await;
    work.visitors().update(&emptied).await.unwrap();
    work.visitors().update(&filled).await.unwrap();
    assert_eq!(work.visitors().find_for_update(workspace, emptied.id).await.unwrap(), Some(emptied.clone()));
    work.commit().await.unwrap();
    let read = harness.read().await;
    assert_eq!(read.visitors().find(workspace, emptied.id).await.unwrap(), Some(emptied));
    assert_eq!(read.visitors().find(workspace, filled.id).await.unwrap(), Some(filled));
}

/// A claimed external id finds nobody, a retired visitor is found by id only, and its keys can be taken away.
pub async fn a_retired_visitor_is_found_by_id_only(harness: &Harness) {
    let Fixture { visitor, visitor_key, .. } = harness.fixture().await;
    let claimed = Visitor {
        external_id: Some(Identity::claimed(line("claimed"))),
        ..visitor
    };
    let work = harness.begin().await;
    work.visitors().update(&claimed).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(
        harness.read().await.visitors().find_by_subject(claimed.workspace_id, "claimed").await.unwrap(),
        None
    );

    let retired = Visitor {
        retired_at: Some(later(4)),
        ..claimed
    };
    let work = harness.begin().await;
    work.visitors().update(&retired).await.unwrap();
    assert_eq!(work.visitors().find_by_key(visitor_key.hash()).await.unwrap(), None);
    assert_eq!(work.visitors().delete_keys(retired.id).await.unwrap(), 1);
    assert_eq!(work.visitors().delete_keys(retired.id).await.unwrap(), 0);
    work.commit().await.unwrap();
    assert_eq!(
        harness.read().await.visitors().find(retired.workspace_id, retired.id).await.unwrap(),
        Some(retired)
    );
}

/// `last_seen_at` never goes back, and a touch changes nothing else.
pub async fn a_touch_moves_last_seen_forward(harness: &Harness) {
    let Fixture { visitor, .. } = harness.fixture().await;
    for (at, seen) in [(later(10), later(10)), (later(5), later(10)), (later(11), later(11))] {
        let work = harness.begin().await;
        work.visitors().touch(visitor.id, at).await.unwrap();
        work.commit().await.unwrap();
        let stored = harness.read().await.visitors().find(visitor.workspace_id, visitor.id).await.unwrap();
        assert_eq!(
            stored,
            Some(Visitor {
                last_seen_at: seen,
                ..visitor.clone()
            })
        );
    }
}

/// Sessions come back with every field; they end once, and move to another visitor.
pub async fn a_session_is_read_back(harness: &Harness) {
    let fixture = harness.fixture().await;
    let plain = a_session(&fixture.conversation);
    let metadata = Some(Metadata::stored(json!({"from": HARD})));
    let full = Session {
        metadata,
        created_at: later(1),
        last_active_at: later(2),
        ended_at: Some(later(3)),
        ..a_session(&fixture.conversation)
    };
    let other = a_visitor(&fixture.channel);
    let work = harness.begin().await;
    work.visitors().insert(&other).await.unwrap();
    work.sessions().insert(&full).await.unwrap();
    work.sessions().insert(&plain).await.unwrap();
    work.commit().await.unwrap();
    let read = harness.read().await;
    assert_eq!(read.sessions().find_any(plain.id).await.unwrap(), Some(plain.clone()));
    assert_eq!(read.sessions().find_any(full.id).await.unwrap(), Some(full.clone()));
    assert_eq!(
        read.sessions().find_latest(full.workspace_id, full.conversation_id).await.unwrap(),
        Some(full.clone())
    );

    let work = harness.begin().await;
    work.sessions().end(plain.id, later(7)).await.unwrap();
    work.sessions().end(plain.id, later(8)).await.unwrap();
    work.sessions().end(full.id, later(9)).await.unwrap();
    assert_eq!(
        work.sessions().move_to_visitor(full.workspace_id, fixture.visitor.id, other.id).await.unwrap(),
        2
    );
    work.commit().await.unwrap();
    let read = harness.read().await;
    let moved = Session { visitor_id: other.id, ..full };
    assert_eq!(
        read.sessions().find_any(plain.id).await.unwrap(),
        Some(Session {
            visitor_id: other.id,
            ended_at: Some(later(7)),
            ..plain
        })
    );
    assert_eq!(read.sessions().find_any(moved.id).await.unwrap(), Some(moved));
}

/// Agents come back with every field; names to log in with are found in any case.
pub async fn an_agent_is_read_back(harness: &Harness) {
    let workspace = a_workspace();
    let work = harness.begin().await;
    work.workspaces().insert(&workspace).await.unwrap();
    let plain = Agent {
        unclaimed: true,
        ..an_agent(&workspace, Role::Seller)
    };
    let full = Agent {
        email: Email::stored("grace@example.com".to_owned()),
        username: Some(name("Grace.H")),
        name: name(HARD),
        external_id: Some(line("host|7")),
        password: Some(PlainPasswordHasher::hash_of("correct horse")),
        auth_version: 4,
        settings: AgentSettings { notices: false, sound: true },
        created_at: later(1),
        updated_at: later(2),
        deactivated_at: Some(later(3)),
        ..an_agent(&workspace, Role::Owner)
    };
    work.agents().insert(&plain).await.unwrap();
    work.agents().insert(&full).await.unwrap();
    work.commit().await.unwrap();

    let read = harness.read().await;
    assert_eq!(read.agents().find_any(plain.id).await.unwrap(), Some(plain.clone()));
    assert_eq!(read.agents().find(workspace.id, full.id).await.unwrap(), Some(full.clone()));
    for login in ["grace@example.com", "GRACE@Example.COM", "grace.h", "Grace.H", "GRACE.H"] {
        assert_eq!(read.agents().find_by_login(login).await.unwrap(), Some(full.clone()), "{login}");
    }
    for login in ["grace", "%", "grace_h", ""] {
        assert_eq!(read.agents().find_by_login(login).await.unwrap(), None, "{login}");
    }
    assert_eq!(read.agents().find_by_external_id("host|7").await.unwrap(), Some(full.clone()));
    assert_eq!(read.agents().find_by_external_id("HOST|7").await.unwrap(), None);

    assert_eq!(read.agents().count_owners(workspace.id).await.unwrap(), 0);
    let back = Agent {
        deactivated_at: None,
        username: None,
        password: None,
        external_id: None,
        settings: AgentSettings::default(),
        ..full
    };
    let work = harness.begin().await;
    work.agents().update(&back).await.unwrap();
    assert_eq!(work.agents().find_for_update(workspace.id, back.id).await.unwrap(), Some(back.clone()));
    work.commit().await.unwrap();
    let read = harness.read().await;
    assert_eq!(read.agents().find_any(back.id).await.unwrap(), Some(back));
    assert_eq!(read.agents().count_owners(workspace.id).await.unwrap(), 1);
}

/// Sellers come by themselves, so the server has nobody yet while it has only them.
pub async fn sellers_are_not_anybody(harness: &Harness) {
    let workspace = a_workspace();
    let work = harness.begin().await;
    work.workspaces().insert(&workspace).await.unwrap();
    assert!(!work.agents().any().await.unwrap());
    let unclaimed = Agent {
        unclaimed: true,
        ..an_agent(&workspace, Role::Seller)
    };
    for seller in [an_agent(&workspace, Role::Seller), unclaimed] {
        work.agents().insert(&seller).await.unwrap();
    }
    assert!(!work.agents().any().await.unwrap());
    work.agents().insert(&an_agent(&workspace, Role::Agent)).await.unwrap();
    assert!(work.agents().any().await.unwrap());
}

/// Visitors are found by many ids at once, in their own workspace only.
pub async fn visitors_are_found_by_many_ids(harness: &Harness) {
    let (here, there) = (harness.fixture().await, harness.fixture().await);
    let second = crate::build::a_visitor(&here.channel);
    let work = harness.begin().await;
    work.visitors().insert(&second).await.unwrap();
    work.commit().await.unwrap();
    let read = harness.read().await;
    let ids = [
        second.id,
        there.visitor.id,
        here.visitor.id,
        second.id,
        parlor_domain::id::VisitorId(crate::build::an_id()),
    ];
    let mut found = read.visitors().find_many(here.workspace.id, &ids).await.unwrap();
    found.sort_by_key(|visitor| visitor.id);
    let mut expected = vec![here.visitor.clone(), second];
    expected.sort_by_key(|visitor| visitor.id);
    assert_eq!(found, expected);
    assert_eq!(read.visitors().find_many(here.workspace.id, &[]).await.unwrap(), Vec::new());
}
