//! What is used once, forgotten in time, or moves in one step.

use super::Harness;
use crate::Fixture;
use crate::build::{a_login, an_agent, an_id, now};
use futures_util::future::BoxFuture;
use parlor_domain::agent::{ApiKey, ApiScope, Invitation, Login, Role};
use parlor_domain::clock::Timestamp;
use parlor_domain::creation::{Creation, CreationKey};
use parlor_domain::id::{AgentId, ApiKeyId, InvitationId, KeyHash, WorkspaceId};
use parlor_domain::realtime::{Ticket, TicketHolder};
use parlor_domain::store::UnitOfWork;
use parlor_domain::text::Name;
use std::sync::Arc;

fn an_invitation(workspace: WorkspaceId, agent: Option<AgentId>, expires_at: Timestamp) -> Invitation {
    let id = InvitationId(an_id());
    Invitation {
        id,
        workspace_id: workspace,
        agent_id: agent,
        token: KeyHash::of(id.0.as_bytes()),
        created_at: now(),
        expires_at,
    }
}

fn a_ticket(fixture: &Fixture, expires_at: Timestamp) -> Ticket {
    let holder = TicketHolder::Visitor {
        workspace_id: fixture.workspace.id,
        visitor_id: fixture.visitor.id,
        expires_at: None,
    };
    Ticket {
        hash: KeyHash::of(an_id().as_bytes()),
        holder,
        origin: None,
        expires_at,
    }
}

/// Runs the same thing in 16 units of work at once; how many said that it was theirs.
async fn winners(harness: &Harness, attempt: impl for<'a> Fn(&'a dyn UnitOfWork) -> BoxFuture<'a, bool> + Clone + Send + Sync + 'static) -> usize {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (store, attempt) = (Arc::clone(&harness.store), attempt.clone());
        tasks.spawn(async move {
            let work = store.begin().await.unwrap();
            let won = attempt(&*work).await;
            work.commit().await.unwrap();
            won
        });
    }
    tasks.join_all().await.into_iter().filter(|won| *won).count()
}

/// A ticket lets one in, however many come with it at once.
pub async fn a_ticket_is_taken_once(harness: &Harness) {
    let fixture = harness.fixture().await;
    let ticket = a_ticket(&fixture, now());
    let hash = ticket.hash;
    let work = harness.begin().await;
    work.tickets().insert(&ticket).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(
        winners(harness, move |work| Box::pin(async move { work.tickets().take(hash).await.unwrap().is_some() })).await,
        1
    );
    assert_eq!(harness.begin().await.tickets().take(hash).await.unwrap(), None);
}

/// A ticket taken in a unit of work that is dropped is still there.
pub async fn a_ticket_taken_and_dropped_is_still_good(harness: &Harness) {
    let fixture = harness.fixture().await;
    let ticket = a_ticket(&fixture, now());
    let work = harness.begin().await;
    work.tickets().insert(&ticket).await.unwrap();
    work.commit().await.unwrap();
    let work = harness.begin().await;
    assert_eq!(work.tickets().take(ticket.hash).await.unwrap().as_ref(), Some(&ticket));
    assert_eq!(work.tickets().take(ticket.hash).await.unwrap(), None);
    drop(work);
    assert_eq!(harness.begin().await.tickets().take(ticket.hash).await.unwrap(), Some(ticket));
}

/// An invitation is used up by one, however many come with it at once.
pub async fn an_invitation_is_taken_once(harness: &Harness) {
    let fixture = harness.fixture().await;
    let invitation = an_invitation(fixture.workspace.id, Some(fixture.agent.id), now());
    let id = invitation.id;
    let work = harness.begin().await;
    work.invitations().replace(&invitation).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(
        winners(harness, move |work| Box::pin(async move { work.invitations().take(id).await.unwrap() })).await,
        1
    );
    assert_eq!(harness.read().await.invitations().find(invitation.token).await.unwrap(), None);
}

/// A new invitation takes the place of the older ones for the same agent, or of the workspace's first-owner links.
pub async fn a_new_invitation_takes_the_place_of_the_old(harness: &Harness) {
    let Fixture { workspace, agent, .. } = harness.fixture().await;
    let elsewhere = harness.fixture().await;
    let colleague = an_agent(&workspace, Role::Agent);
    let made = |agent: Option<AgentId>| an_invitation(workspace.id, agent, now());
    let (old, old_owner, kept) = (made(Some(agent.id)), made(None), made(Some(colleague.id)));
    let foreign = an_invitation(elsewhere.workspace.id, None, now());
    let (new, new_owner) = (made(Some(agent.id)), made(None));
    let work = harness.begin().await;
    work.agents().insert(&colleague).await.unwrap();
    for invitation in [&old, &old_owner, &kept, &foreign, &new, &new_owner] {
        work.invitations().replace(invitation).await.unwrap();
    }
    work.commit().await.unwrap();
    let read = harness.read().await;
    for (invitation, is_there) in [(old, false), (old_owner, false), (kept, true), (foreign, true), (new, true), (new_owner, true)] {
        assert_eq!(read.invitations().find(invitation.token).await.unwrap().is_some(), is_there);
    }
}

/// Of many refreshes with one token, one is good; the next needs the next generation.
pub async fn a_login_moves_on_once_for_each_generation(harness: &Harness) {
    let Fixture { agent, .. } = harness.fixture().await;
    let login = a_login(&agent);
    let (id, until) = (login.id, Timestamp(login.expires_at.millis() + 5));
    let work = harness.begin().await;
    work.logins().insert(&login).await.unwrap();
    work.commit().await.unwrap();
    for generation in [1, 2] {
        let rotated = winners(harness, move |work| {
            Box::pin(async move { work.logins().rotate(id, generation, until).await.unwrap() })
        })
        .await;
        assert_eq!(rotated, 1);
    }
    let rotated = Login {
        generation: 3,
        expires_at: until,
        ..login
    };
    assert_eq!(harness.read().await.logins().find(id).await.unwrap(), Some(rotated.clone()));

    let work = harness.begin().await;
    assert!(!work.logins().rotate(id, 4, now()).await.unwrap());
    work.logins().end(id, now()).await.unwrap();
    work.logins().end(id, until).await.unwrap();
    assert!(!work.logins().rotate(id, 3, until).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(
        harness.read().await.logins().find(id).await.unwrap(),
        Some(Login {
            ended_at: Some(now()),
            ..rotated
        })
    );
}

/// All logins of an agent end but the one that is kept; those of others go on, and what ended before keeps its time.
pub async fn all_logins_of_an_agent_end_but_one(harness: &Harness) {
    let Fixture { workspace, agent, .. } = harness.fixture().await;
    let colleague = an_agent(&workspace, Role::Agent);
    let [first, kept, other] = [a_login(&agent), a_login(&agent), a_login(&colleague)];
    let over = Login {
        ended_at: Some(Timestamp(1)),
        ..a_login(&agent)
    };
    let work = harness.begin().await;
    work.agents().insert(&colleague).await.unwrap();
    for login in [&first, &kept, &other, &over] {
        work.logins().insert(login).await.unwrap();
    }
    work.logins().end_all(agent.id, Some(kept.id), now()).await.unwrap();
    work.logins().set_auth_version(kept.id, 9).await.unwrap();
    let kept = Login { auth_version: 9, ..kept };
    assert_eq!(
        work.logins().find(first.id).await.unwrap(),
        Some(Login {
            ended_at: Some(now()),
            ..first
        })
    );
    assert_eq!(work.logins().find(kept.id).await.unwrap(), Some(kept.clone()));
    assert_eq!(work.logins().find(other.id).await.unwrap(), Some(other.clone()));
    assert_eq!(work.logins().find(over.id).await.unwrap(), Some(over));
    work.logins().end_all(agent.id, None, now()).await.unwrap();
    assert_eq!(work.logins().find(kept.id).await.unwrap().unwrap().ended_at, Some(now()));
    assert_eq!(work.logins().find(other.id).await.unwrap().unwrap().ended_at, None);
}

/// An API key is revoked once, by its own workspace, and still found by its secret.
pub async fn an_api_key_is_revoked_once(harness: &Harness) {
    let (fixture, elsewhere) = (harness.fixture().await, harness.fixture().await);
    let key = ApiKey {
        id: ApiKeyId(an_id()),
        workspace_id: fixture.workspace.id,
        name: Name::stored("robot".to_owned()),
        scope: ApiScope::Write,
        secret: KeyHash::of(b"secret"),
        created_at: now(),
        revoked_at: None,
    };
    let work = harness.begin().await;
    work.api_keys().insert(&key).await.unwrap();
    assert!(!work.api_keys().revoke(elsewhere.workspace.id, key.id, now()).await.unwrap());
    assert!(work.api_keys().revoke(key.workspace_id, key.id, now()).await.unwrap());
    assert!(!work.api_keys().revoke(key.workspace_id, key.id, Timestamp(1)).await.unwrap());
    work.commit().await.unwrap();
    let read = harness.read().await;
    assert_eq!(read.api_keys().list(key.workspace_id).await.unwrap(), []);
    assert_eq!(
        read.api_keys().find_by_secret(key.secret).await.unwrap(),
        Some(ApiKey {
            revoked_at: Some(now()),
            ..key
        })
    );
}

/// What is older than a moment is forgotten, what is of that moment is not.
pub async fn what_ran_out_is_forgotten(harness: &Harness) {
    let fixture = harness.fixture().await;
    let (before, then, after) = (Timestamp(now().millis() - 1), now(), Timestamp(now().millis() + 1));
    let times = [before, then, after];
    let tickets = times.map(|at| a_ticket(&fixture, at));
    let colleagues = times.map(|_| an_agent(&fixture.workspace, Role::Agent));
    let invitations = [0, 1, 2].map(|place| an_invitation(fixture.workspace.id, Some(colleagues[place].id), times[place]));
    let creations = times.map(|at| Creation {
        key: CreationKey::new("room", "caller", &at.to_string(), b""),
        sealed: vec![1],
        created_at: at,
    });
    let login = |ended_at, expires_at| Login {
        ended_at,
        expires_at,
        ..a_login(&fixture.agent)
    };
    let gone = [login(None, before), login(Some(before), after)];
    let kept = [login(None, then), login(Some(then), after), login(None, after)];
    let work = harness.begin().await;
    for place in 0..3 {
        work.agents().insert(&colleagues[place]).await.unwrap();
        work.tickets().insert(&tickets[place]).await.unwrap();
        work.invitations().replace(&invitations[place]).await.unwrap();
        work.creations().insert(&creations[place]).await.unwrap();
    }
    for login in gone.iter().chain(&kept) {
        work.logins().insert(login).await.unwrap();
    }
    work.commit().await.unwrap();

    let work = harness.begin().await;
    let id_of = |place: usize| creations[place].key.id;
    assert!(work.creations().find(id_of(0), then).await.unwrap().is_none());
    assert!(work.creations().find(id_of(1), then).await.unwrap().is_some());
    assert_eq!(work.tickets().delete_before(then).await.unwrap(), 1);
    assert_eq!(work.invitations().delete_before(then).await.unwrap(), 1);
    assert_eq!(work.creations().delete_before(then).await.unwrap(), 1);
    assert_eq!(work.logins().delete_before(then).await.unwrap(), 2);
    for place in 0..3 {
        let is_there = place > 0;
        assert_eq!(work.invitations().find(invitations[place].token).await.unwrap().is_some(), is_there);
        assert_eq!(work.creations().find(id_of(place), Timestamp(0)).await.unwrap().is_some(), is_there);
        assert_eq!(work.tickets().take(tickets[place].hash).await.unwrap().is_some(), is_there);
    }
    for login in gone {
        assert_eq!(work.logins().find(login.id).await.unwrap(), None);
    }
    for login in kept {
        assert_eq!(work.logins().find(login.id).await.unwrap(), Some(login));
    }
}
