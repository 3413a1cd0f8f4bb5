//! Unique values: a conflict says so, writes nothing, and leaves the unit of work usable.

use super::Harness;
use crate::Fixture;
use crate::build::{a_channel, a_conversation, a_visitor, a_workspace, an_agent, an_id, by_visitor, now, say};
use parlor_domain::agent::{Agent, ApiKey, ApiScope, Role};
use parlor_domain::conversation::{Conversation, ConversationKind};
use parlor_domain::creation::{Creation, CreationKey};
use parlor_domain::id::{ApiKeyId, KeyHash};
use parlor_domain::message::Message;
use parlor_domain::store::RepositoryError;
use parlor_domain::text::{Email, Line, Name};
use parlor_domain::visitor::{Identity, Visitor};
use parlor_domain::workspace::Workspace;
use std::sync::Arc;

#[track_caller]
pub(super) fn assert_conflict<T: std::fmt::Debug>(result: Result<T, RepositoryError>) {
    assert!(matches!(result, Err(RepositoryError::Conflict)), "{result:?}");
}

/// A workspace's name is unique, when it is made and when it is renamed.
pub async fn a_workspace_name_is_unique(harness: &Harness) {
    let (one, other) = (a_workspace(), a_workspace());
    let work = harness.begin().await;
    work.workspaces().insert(&one).await.unwrap();
    work.workspaces().insert(&other).await.unwrap();
    assert_conflict(
        work.workspaces()
            .insert(&Workspace {
                name: one.name.clone(),
                ..a_workspace()
            })
            .await,
    );
    assert_conflict(
        work.workspaces()
            .update(&Workspace {
                name: one.name.clone(),
                ..other.clone()
            })
            .await,
    );
    // Its own name is no conflict.
    work.workspaces().update(&one).await.unwrap();
    let third = a_workspace();
    work.workspaces().insert(&third).await.unwrap();
    work.commit().await.unwrap();
    let names: Vec<Name> = harness
        .read()
        .await
        .workspaces()
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|found| found.name)
        .collect();
    assert_eq!(names, [one.name, other.name, third.name]);
}

/// A verified subject is unique in its workspace; a claimed one is not, and another workspace may have the same.
pub async fn a_verified_subject_is_unique(harness: &Harness) {
    let fixture = harness.fixture().await;
    let elsewhere = harness.fixture().await;
    let verified = || Some(Identity::verified(Line::stored("42".to_owned())));
    let claimed = || Some(Identity::claimed(Line::stored("42".to_owned())));
    let first = Visitor {
        external_id: verified(),
        ..a_visitor(&fixture.channel)
    };
    let claiming = Visitor {
        external_id: claimed(),
        ..a_visitor(&fixture.channel)
    };
    let claiming_too = Visitor {
        external_id: claimed(),
        ..a_visitor(&fixture.channel)
    };
    let foreign = Visitor {
        external_id: verified(),
        ..a_visitor(&elsewhere.channel)
    };
    let work = harness.begin().await;
    for visitor in [&claiming, &first, &claiming_too, &foreign] {
        work.visitors().insert(visitor).await.unwrap();
    }
    assert_conflict(
        work.visitors()
            .insert(&Visitor {
                external_id: verified(),
                ..a_visitor(&fixture.channel)
            })
            .await,
    );
    assert_conflict(
        work.visitors()
            .update(&Visitor {
                external_id: verified(),
                ..claiming.clone()
            })
            .await,
    );
    work.visitors()
        .update(&Visitor {
            name: Some(Name::stored("Nadia".to_owned())),
            ..first.clone()
        })
        .await
        .unwrap();
    work.commit().await.unwrap();
    let read = harness.read().await;
    assert_eq!(read.visitors().find_by_subject(first.workspace_id, "42").await.unwrap().unwrap().id, first.id);
    assert_eq!(
        read.visitors().find_by_subject(foreign.workspace_id, "42").await.unwrap().unwrap().id,
        foreign.id
    );
    assert_eq!(read.visitors().find(claiming.workspace_id, claiming.id).await.unwrap(), Some(claiming));
}

/// An agent's e-mail address and user name are unique on the server in any case, its external id as it is written.
pub async fn an_agents_names_are_unique_on_the_server(harness: &Harness) {
    let fixture = harness.fixture().await;
    let elsewhere = harness.fixture().await;
    let email = |text: &str| Email::stored(text.to_owned());
    let username = |text: &str| Some(Name::stored(text.to_owned()));
    let external_id = |text: &str| Some(Line::stored(text.to_owned()));
    let first = Agent {
        email: email("ada@example.com"),
        username: username("ada"),
        external_id: external_id("host|1"),
        ..an_agent(&fixture.workspace, Role::Agent)
    };
    let other = an_agent(&elsewhere.workspace, Role::Agent);
    let work = harness.begin().await;
    work.agents().insert(&first).await.unwrap();
    work.agents().insert(&other).await.unwrap();
    let taking = [
        Agent {
            email: email("ada@example.com"),
            ..other.clone()
        },
        Agent {
            email: email("Ada@Example.com"),
            ..other.clone()
        },
        Agent {
            username: username("ada"),
            ..other.clone()
        },
        Agent {
            username: username("ADA"),
            ..other.clone()
        },
        Agent {
            external_id: external_id("host|1"),
            ..other.clone()
        },
    ];
    for taken in taking {
        assert_conflict(work.agents().update(&taken).await);
        let fresh = an_agent(&elsewhere.workspace, Role::Agent);
        let email = if taken.email == other.email {
            fresh.email.clone()
        } else {
            taken.email.clone()
        };
        assert_conflict(work.agents().insert(&Agent { id: fresh.id, email, ..taken }).await);
    }
    let fine = Agent {
        username: username("ada.l"),
        external_id: external_id("HOST|1"),
        ..other
    };
    work.agents().update(&fine).await.unwrap();
    work.agents().update(&first).await.unwrap();
    work.commit().await.unwrap();
    let read = harness.read().await;
    assert_eq!(read.agents().find_any(fine.id).await.unwrap(), Some(fine));
    assert_eq!(read.agents().find_any(first.id).await.unwrap(), Some(first));
}

/// A visitor key, a room key, an API secret and an id belong to one row only.
pub async fn keys_and_ids_are_unique(harness: &Harness) {
    let fixture = harness.fixture().await;
    let other = a_visitor(&fixture.channel);
    let key = ApiKey {
        id: ApiKeyId(an_id()),
        workspace_id: fixture.workspace.id,
        name: Name::stored("robot".to_owned()),
        scope: ApiScope::Read,
        secret: KeyHash::of(b"secret"),
        created_at: now(),
        revoked_at: None,
    };
    let work = harness.begin().await;
    work.visitors().insert(&other).await.unwrap();
    work.api_keys().insert(&key).await.unwrap();
    assert_conflict(work.visitors().insert_key(other.id, fixture.visitor_key.hash(), now()).await);
    assert_conflict(
        work.conversations()
            .insert(&Conversation {
                room_key: fixture.conversation.room_key,
                ..a_conversation(&other)
            })
            .await,
    );
    assert_conflict(
        work.api_keys()
            .insert(&ApiKey {
                id: ApiKeyId(an_id()),
                ..key.clone()
            })
            .await,
    );
    assert_conflict(work.visitors().insert(&fixture.visitor).await);
    assert_conflict(work.channels().insert(&fixture.channel).await);
    assert_conflict(work.conversations().insert(&fixture.conversation).await);
    let channel = a_channel(&fixture.workspace);
    work.channels().insert(&channel).await.unwrap();
    work.commit().await.unwrap();
    let read = harness.read().await;
    assert_eq!(read.visitors().find_by_key(fixture.visitor_key.hash()).await.unwrap(), Some(fixture.visitor));
    assert_eq!(read.channels().find_any(channel.id).await.unwrap(), Some(channel));
}

/// What a client calls a conversation is unique in workspace and kind, and finds it, deleted or not.
pub async fn a_clients_name_for_a_conversation_is_unique(harness: &Harness) {
    let (here, there) = (harness.fixture().await, harness.fixture().await);
    let called = |fixture: &Fixture, kind, name: &str| Conversation {
        kind,
        client_ref: Some(name.to_owned()),
        ..a_conversation(&fixture.visitor)
    };
    let stored = Conversation {
        deleted_at: Some(now()),
        ..called(&here, ConversationKind::Stored, "Chat-1")
    };
    let others = [
        called(&here, ConversationKind::Stored, "chat-1"),
        called(&here, ConversationKind::Room, "Chat-1"),
        called(&there, ConversationKind::Stored, "Chat-1"),
        a_conversation(&here.visitor),
        a_conversation(&here.visitor),
    ];
    harness.insert(std::slice::from_ref(&stored)).await;
    let work = harness.begin().await;
    assert_conflict(work.conversations().insert(&called(&here, ConversationKind::Stored, "Chat-1")).await);
    for other in &others {
        work.conversations().insert(other).await.unwrap();
    }
    work.commit().await.unwrap();
    let read = harness.read().await;
    for one in others.iter().chain([&stored]) {
        let Some(name) = &one.client_ref else { continue };
        let found = read.conversations().find_by_client_ref(one.workspace_id, one.kind, name).await.unwrap();
        assert_eq!(found.as_ref(), Some(one));
    }
    for (kind, name) in [
        (ConversationKind::Stored, "chat-2"),
        (ConversationKind::Chat, "Chat-1"),
        (ConversationKind::Stored, ""),
    ] {
        assert_eq!(read.conversations().find_by_client_ref(here.workspace.id, kind, name).await.unwrap(), None);
    }
}

/// First messages with a client id or a place that is taken are refused, all of them.
pub async fn first_messages_are_stored_together_or_not_at_all(harness: &Harness) {
    let Fixture { mut conversation, .. } = harness.fixture().await;
    let sender = by_visitor(&conversation);
    let first = Message {
        client_id: Some("c".to_owned()),
        ..say(&mut conversation, sender.clone(), "one")
    };
    let same_place = Message {
        seq: first.seq,
        ..say(&mut conversation.clone(), sender.clone(), "same place")
    };
    let second = say(&mut conversation, sender.clone(), "two");
    let repeated = Message {
        client_id: Some("c".to_owned()),
        ..say(&mut conversation, sender, "three")
    };
    let work = harness.begin().await;
    work.messages().insert(std::slice::from_ref(&first)).await.unwrap();
    assert_conflict(work.messages().insert(&[second.clone(), repeated]).await);
    assert_conflict(work.messages().insert(&[second.clone(), same_place]).await);
    work.messages().insert(std::slice::from_ref(&second)).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(harness.messages(conversation.id).await, [first, second]);
}

/// A creation's id is remembered once, also when many come at once; its answer is what the first one said.
pub async fn a_creation_is_remembered_once(harness: &Harness) {
    let key = CreationKey::new("room", "caller", "key", b"content");
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16_u8 {
        let store = Arc::clone(&harness.store);
        tasks.spawn(async move {
            let work = store.begin().await.unwrap();
            let stored = work
                .creations()
                .insert(&Creation {
                    key,
                    sealed: vec![number],
                    created_at: now(),
                })
                .await;
            // The unit of work is usable either way.
            let found = work.creations().find(key.id, now()).await.unwrap().expect("somebody's creation is there");
            work.commit().await.unwrap();
            match stored {
                Ok(()) => {
                    assert_eq!(found.sealed, [number]);
                    Some(number)
                }
                Err(RepositoryError::Conflict) => None,
                Err(error) => panic!("{error}"),
            }
        });
    }
    let winners: Vec<u8> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(harness.read().await.creations().find(key.id, now()).await.unwrap().unwrap().sealed, winners);
}

/// Of many workspaces with one name made at once, one is made.
pub async fn of_sixteen_with_one_name_one_is_made(harness: &Harness) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = Arc::clone(&harness.store);
        tasks.spawn(async move {
            let work = store.begin().await.unwrap();
            let made = work
                .workspaces()
                .insert(&Workspace {
                    name: Name::stored("Acme".to_owned()),
                    ..a_workspace()
                })
                .await;
            assert!(matches!(made, Ok(()) | Err(RepositoryError::Conflict)), "{made:?}");
            work.commit().await.unwrap();
            made.is_ok()
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|made| *made).count(), 1);
    assert_eq!(harness.read().await.workspaces().list().await.unwrap().len(), 1);
}
