use crate::support::{PASSWORD, World, caller, claims, password};
use parlor_domain::agent::{
    ACCESS_LIFETIME, Agent, AgentError, ApiScope, AuthError, AuthenticationError, Bearer, EditAgent, LoginTokens, REFRESH_LIFETIME, Role, SetupError,
};
use parlor_domain::cache::BELIEVED_FOR;
use parlor_domain::event::AccessChange;
use parlor_domain::realtime::TicketHolder;
use parlor_domain::security::Password;
use parlor_domain::store::Store;
use parlor_domain::text::{Email, Line, Name};
use parlor_testkit::PlainHostTokens;
use std::time::Duration;

fn email(address: &str) -> Email {
    Email::parse(address).unwrap()
}

fn name(name: &str) -> Name {
    Name::parse(name).unwrap()
}

async fn logged_in(node: &crate::support::Node, agent: &Agent) -> LoginTokens {
    node.auth.login(agent.email.as_str(), password(PASSWORD)).await.unwrap()
}

#[tokio::test]
async fn an_agent_logs_in_by_address_or_user_name_in_any_case() {
    let world = World::new().await;
    let node = world.node();
    let agent = world.agent_with_password(Role::Agent).await;
    let named = world.another_agent(Role::Admin, |agent| {
        agent.username = Some(name("Grace"));
        agent.password = Some(parlor_testkit::PlainPasswordHasher::hash_of(PASSWORD));
    });
    let named = named.await;
    for (login, who) in [(agent.email.as_str().to_uppercase(), &agent), (" gRACE ".to_owned(), &named)] {
        let tokens = node.auth.login(&login, password(PASSWORD)).await.unwrap();
        let caller = node.staff(&tokens.access).await.unwrap();
        assert_eq!((caller.id, caller.role, tokens.expires_in), (who.id, who.role, ACCESS_LIFETIME));
    }
}

#[tokio::test]
async fn wrong_unknown_invited_and_deactivated_are_one_answer() {
    let world = World::new().await;
    let node = world.node();
    let agent = world.agent_with_password(Role::Agent).await;
    let gone = world.agent_with_password(Role::Agent).await;
    node.agents
        .deactivate(&caller(&world.another_agent(Role::Owner, |_| {}).await), gone.id)
        .await
        .unwrap();
    let attempts = [
        (agent.email.as_str(), "wrong password"),
        ("nobody@example.com", PASSWORD),
        (world.fixture.agent.email.as_str(), PASSWORD),
        (gone.email.as_str(), PASSWORD),
    ];
    for (login, typed) in attempts {
        let refused = node.auth.login(login, Password::attempt(typed)).await;
        assert!(matches!(refused, Err(AuthError::WrongCredentials)), "{login}");
    }
}

#[tokio::test]
async fn access_and_refresh_tokens_do_not_stand_in_for_one_another() {
    let world = World::new().await;
    let node = world.node();
    let tokens = logged_in(&node, &world.agent_with_password(Role::Agent).await).await;
    assert!(node.staff(&tokens.refresh).await.is_none());
    assert!(matches!(node.auth.refresh(&tokens.access).await, Err(AuthError::InvalidToken)));
    assert!(matches!(node.auth.logout_by_refresh(&tokens.access).await, Err(AuthError::InvalidToken)));
}

#[tokio::test]
async fn a_token_runs_out() {
    let world = World::new().await;
    let node = world.node();
    let tokens = logged_in(&node, &world.agent_with_password(Role::Agent).await).await;
    let caller = node.staff(&tokens.access).await.unwrap();
    world.clock.advance(ACCESS_LIFETIME);
    assert!(matches!(node.directory.authenticate(&tokens.access).await, Err(AuthenticationError::Expired)));
    assert!(matches!(node.directory.renew(&caller).await, Err(AuthenticationError::Expired)));
    let next = node.auth.refresh(&tokens.refresh).await.unwrap();
    assert!(node.staff(&next.access).await.is_some());
    world.clock.advance(REFRESH_LIFETIME);
    assert!(matches!(node.auth.refresh(&next.refresh).await, Err(AuthError::InvalidToken)));
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_second_use_ends_the_login() {
    let world = World::new().await;
    let (node, other) = (world.node(), world.node());
    let agent = world.agent_with_password(Role::Agent).await;
    let first = logged_in(&node, &agent).await;
    let bystander = logged_in(&node, &agent).await;
    let second = node.auth.refresh(&first.refresh).await.unwrap();
    let third = other.auth.refresh(&second.refresh).await.unwrap();
    assert!(node.staff(&third.access).await.is_some());
    assert!(matches!(other.auth.refresh(&first.refresh).await, Err(AuthError::InvalidToken)));
    assert!(
        matches!(node.auth.refresh(&third.refresh).await, Err(AuthError::InvalidToken)),
        "the newest one is void, too"
    );
    assert!(other.staff(&third.access).await.is_none(), "at once where it was noticed");
    world.clock.advance(BELIEVED_FOR);
    assert!(node.staff(&third.access).await.is_none(), "and within five seconds elsewhere");
    assert!(node.staff(&bystander.access).await.is_some(), "other logins go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_refreshes_at_once_at_most_one_succeeds() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let tokens = logged_in(&a, &world.agent_with_password(Role::Agent).await).await;
    let (one, two) = tokio::join!(a.auth.refresh(&tokens.refresh), b.auth.refresh(&tokens.refresh));
    assert!(one.is_ok() != two.is_ok());
}

#[tokio::test]
async fn logout_ends_one_login_at_once_here_and_soon_elsewhere() {
    let world = World::new().await;
    let (node, other) = (world.node(), world.node());
    let agent = world.agent_with_password(Role::Agent).await;
    let (tokens, bystander) = (logged_in(&node, &agent).await, logged_in(&node, &agent).await);
    let caller = node.staff(&tokens.access).await.unwrap();
    assert!(other.staff(&tokens.access).await.is_some());
    node.auth.logout(caller.login_id.unwrap()).await.unwrap();
    assert_eq!(node.bus.access_changes(), [AccessChange::LoginEnded(caller.login_id.unwrap())]);
    assert!(node.staff(&tokens.access).await.is_none());
    assert!(matches!(node.directory.renew(&caller).await, Err(AuthenticationError::Invalid)));
    assert!(matches!(node.auth.refresh(&tokens.refresh).await, Err(AuthError::InvalidToken)));
    world.clock.advance(BELIEVED_FOR - Duration::from_millis(1));
    assert!(other.staff(&tokens.access).await.is_some(), "nobody told it, and it asks every five seconds");
    world.clock.advance(Duration::from_millis(1));
    assert!(other.staff(&tokens.access).await.is_none());
    assert!(node.staff(&bystander.access).await.is_some());
    node.auth.logout_by_refresh(&bystander.refresh).await.unwrap();
    assert!(node.staff(&bystander.access).await.is_none());
}

#[tokio::test]
async fn a_password_change_ends_all_other_logins() {
    let world = World::new().await;
    let (node, other) = (world.node(), world.node());
    let agent = world.agent_with_password(Role::Agent).await;
    let (own, foreign) = (logged_in(&node, &agent).await, logged_in(&node, &agent).await);
    let login = node.staff(&own.access).await.unwrap().login_id;
    assert!(other.staff(&foreign.access).await.is_some());
    let wrong = node
        .auth
        .change_password(agent.workspace_id, agent.id, login, Password::attempt("wrong"), password("a new password"))
        .await;
    assert!(matches!(wrong, Err(AuthError::WrongPassword)));
    assert!(node.staff(&foreign.access).await.is_some());

    node.auth
        .change_password(agent.workspace_id, agent.id, login, password(PASSWORD), password("a new password"))
        .await
        .unwrap();
    assert!(node.staff(&own.access).await.is_some(), "the login that changed it goes on");
    assert!(node.staff(&foreign.access).await.is_none());
    assert!(matches!(node.auth.refresh(&foreign.refresh).await, Err(AuthError::InvalidToken)));
    world.clock.advance(BELIEVED_FOR);
    assert!(other.staff(&foreign.access).await.is_none());
    assert!(other.staff(&own.access).await.is_some());
    let next = other.auth.refresh(&own.refresh).await.unwrap();
    assert!(other.staff(&next.access).await.is_some());
    assert!(matches!(
        node.auth.login(agent.email.as_str(), password(PASSWORD)).await,
        Err(AuthError::WrongCredentials)
    ));
    node.auth.login(agent.email.as_str(), password("a new password")).await.unwrap();
}

#[tokio::test]
async fn who_has_no_password_changes_none() {
    let world = World::new().await;
    let node = world.node();
    let agent = &world.fixture.agent;
    let refused = node
        .auth
        .change_password(agent.workspace_id, agent.id, None, Password::attempt(""), password("a new password"))
        .await;
    assert!(matches!(refused, Err(AuthError::NoPassword)));
}

#[tokio::test]
async fn a_deactivated_agent_is_out_at_once_here_and_soon_elsewhere() {
    let world = World::new().await;
    let (node, other) = (world.node(), world.node());
    let owner = caller(&world.another_agent(Role::Owner, |_| {}).await);
    let agent = world.another_agent(Role::Agent, |agent| {
        agent.external_id = Some(Line::parse("emp-1").unwrap());
        agent.password = Some(parlor_testkit::PlainPasswordHasher::hash_of(PASSWORD));
    });
    let agent = agent.await;
    let tokens = logged_in(&node, &agent).await;
    let host_token = PlainHostTokens::token(&claims("emp-1"));
    for node in [&node, &other] {
        assert_eq!(node.staff(&tokens.access).await.unwrap().id, agent.id);
        assert_eq!(node.staff(&host_token).await.unwrap().id, agent.id);
    }
    let by_host = node.staff(&host_token).await.unwrap();
    let own = node.staff(&tokens.access).await.unwrap();
    node.agents.deactivate(&owner, agent.id).await.unwrap();
    world.clock.advance(Duration::from_millis(1));
    for token in [&tokens.access, &host_token] {
        assert!(
            matches!(node.directory.authenticate(token).await, Err(AuthenticationError::Invalid)),
            "nor is it a customer"
        );
        assert!(other.staff(token).await.is_some());
    }
    for caller in [&own, &by_host] {
        assert!(matches!(node.directory.renew(caller).await, Err(AuthenticationError::Invalid)));
    }
    let holder = TicketHolder::HostAgent {
        agent_id: agent.id,
        auth_version: by_host.auth_version,
        expires_at: by_host.expires_at.unwrap(),
    };
    assert!(matches!(node.directory.of_ticket(&holder).await, Err(AuthenticationError::Invalid)));
    assert!(matches!(node.auth.refresh(&tokens.refresh).await, Err(AuthError::InvalidToken)));
    world.clock.advance(BELIEVED_FOR);
    for token in [&tokens.access, &host_token] {
        assert!(matches!(other.directory.authenticate(token).await, Err(AuthenticationError::Invalid)));
    }
}

#[tokio::test]
async fn another_role_is_in_force_in_the_next_request() {
    let world = World::new().await;
    let node = world.node();
    let owner = caller(&world.another_agent(Role::Owner, |_| {}).await);
    let agent = world.agent_with_password(Role::Admin).await;
    let tokens = logged_in(&node, &agent).await;
    let before = node.staff(&tokens.access).await.unwrap();
    node.agents
        .edit(
            &owner,
            agent.id,
            EditAgent {
                role: Some(Role::Agent),
                ..EditAgent::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(node.staff(&tokens.access).await.unwrap().role, Role::Agent);
    assert_eq!(node.directory.renew(&before).await.unwrap().role, Role::Agent);
}

#[tokio::test]
async fn a_machine_is_in_until_its_key_is_revoked() {
    let world = World::new().await;
    let (node, other) = (world.node(), world.node());
    let workspace = world.fixture.workspace.id;
    let (key, secret) = node.agents.create_api_key(workspace, name("Importer"), ApiScope::Read).await.unwrap();
    let machine = node.staff(&secret).await.unwrap();
    assert_eq!(
        (machine.role, machine.machine, machine.may_write(), machine.workspace_id),
        (Role::Agent, Some(ApiScope::Read), false, workspace)
    );
    assert!(other.staff(&secret).await.is_some());
    assert!(node.staff(&format!("{secret}0")).await.is_none());
    let foreign = node.agents.revoke_api_key(parlor_domain::id::WorkspaceId(key.id.0), key.id).await;
    assert!(matches!(foreign, Err(AgentError::NotFound)));
    node.agents.revoke_api_key(workspace, key.id).await.unwrap();
    assert!(node.staff(&secret).await.is_none());
    assert!(matches!(node.directory.renew(&machine).await, Err(AuthenticationError::Invalid)));
    world.clock.advance(BELIEVED_FOR);
    assert!(other.staff(&secret).await.is_none());
    let (_, secret) = node.agents.create_api_key(workspace, name("Admin"), ApiScope::Admin).await.unwrap();
    assert_eq!(node.staff(&secret).await.unwrap().role, Role::Admin);
}

#[tokio::test]
async fn a_host_sites_token_makes_staff_of_nobody_but_the_agent_it_names() {
    let world = World::new().await;
    let node = world.node();
    world
        .another_agent(Role::Agent, |agent| agent.external_id = Some(Line::parse("emp-1").unwrap()))
        .await;
    for role in ["owner", "admin", "agent", "customer"] {
        let claims = parlor_domain::security::HostClaims {
            role: Some(role.to_owned()),
            ..claims("customer-1")
        };
        let known = node.directory.authenticate(&PlainHostTokens::token(&claims)).await.unwrap();
        assert!(matches!(known, Bearer::Customer(known) if known.subject == "customer-1"));
    }
    let named = parlor_domain::security::HostClaims {
        role: Some("customer".to_owned()),
        ..claims("emp-1")
    };
    assert_eq!(
        node.staff(&PlainHostTokens::token(&named)).await.unwrap().role,
        Role::Agent,
        "whatever else it says"
    );
}

#[tokio::test]
async fn a_subject_that_cannot_be_kept_as_it_is_is_refused() {
    let world = World::new().await;
    let node = world.node();
    let longest = "x".repeat(500);
    for subject in [&"x".repeat(501), "", "  ", " emp-1", "emp-1 ", "a\0b"] {
        let token = PlainHostTokens::token(&claims(subject));
        assert!(
            matches!(node.directory.authenticate(&token).await, Err(AuthenticationError::Invalid)),
            "{subject:?}"
        );
    }
    assert!(node.directory.authenticate(&PlainHostTokens::token(&claims(&longest))).await.is_ok());
}

#[tokio::test]
async fn a_seller_of_the_host_site_is_no_customer() {
    let node = World::new().await.node();
    let seller = parlor_domain::security::HostClaims {
        role: Some("seller".to_owned()),
        ..claims("seller-1")
    };
    let known = node.directory.authenticate(&PlainHostTokens::token(&seller)).await.unwrap();
    assert!(matches!(known, Bearer::Seller(_)));
}

#[tokio::test]
async fn a_host_login_ends_with_the_id_that_it_proved() {
    let world = World::new().await;
    let node = world.node();
    let owner = world.another_agent(Role::Owner, |_| {}).await;
    let agent = &world.fixture.agent;
    let named = |id: Option<&str>| EditAgent {
        external_id: Some(id.map(|id| Line::parse(id).unwrap())),
        ..EditAgent::default()
    };
    node.agents.edit(&caller(&owner), agent.id, named(Some("emp-9"))).await.unwrap();
    let known = node.staff(&PlainHostTokens::token(&claims("emp-9"))).await.unwrap();
    assert!(node.directory.renew(&known).await.is_ok());
    node.agents.edit(&caller(&owner), agent.id, named(Some("emp-10"))).await.unwrap();
    assert!(matches!(node.directory.renew(&known).await, Err(AuthenticationError::Invalid)));
}

// Links

#[tokio::test]
async fn a_link_ends_when_its_agent_becomes_more_or_moves() {
    let world = World::new().await;
    let node = world.node();
    let owner = world.another_agent(Role::Owner, |_| {}).await;
    let agent = &world.fixture.agent;
    for edit in [
        EditAgent {
            role: Some(Role::Owner),
            ..EditAgent::default()
        },
        EditAgent {
            email: Some(email("moved@example.com")),
            ..EditAgent::default()
        },
    ] {
        let link = node.auth.invite(agent).await.unwrap();
        let edited = node.agents.edit(&caller(&owner), agent.id, edit).await.unwrap();
        let used = node.auth.set_up(&link, edited.email.clone(), name("Eve"), password(PASSWORD)).await;
        assert!(matches!(used, Err(SetupError::InvalidLink)));
    }
}

#[tokio::test]
async fn an_invitation_sets_a_password_once() {
    let world = World::new().await;
    let node = world.node();
    let agent = &world.fixture.agent;
    let older = node.auth.invite(agent).await.unwrap();
    let link = node.auth.invite(agent).await.unwrap();
    let void = node.auth.set_up(&older, agent.email.clone(), name("Ada L."), password(PASSWORD)).await;
    assert!(matches!(void, Err(SetupError::InvalidLink)), "a newer link ends an older one");
    let refused = node.auth.set_up(&link, email("other@example.com"), name("Eve"), password(PASSWORD)).await;
    assert!(matches!(refused, Err(SetupError::OtherEmail)));
    let tokens = node.auth.set_up(&link, agent.email.clone(), name("Ada L."), password(PASSWORD)).await.unwrap();
    assert_eq!(
        (tokens.agent.id, tokens.agent.role, tokens.agent.name.as_str()),
        (agent.id, Role::Agent, "Ada L.")
    );
    assert!(node.staff(&tokens.access).await.is_some());
    let again = node.auth.set_up(&link, agent.email.clone(), name("Eve"), password("another password")).await;
    assert!(matches!(again, Err(SetupError::InvalidLink)));
    logged_in(&node, agent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_use_one_link_at_once_one_gets_in() {
    let world = World::new().await;
    let (a, b) = (world.node(), world.node());
    let agent = &world.fixture.agent;
    let link = a.auth.invite(agent).await.unwrap();
    let attempts = (0..16).map(|number| {
        let node = if number % 2 == 0 { &a } else { &b };
        node.auth.set_up(&link, agent.email.clone(), name("Ada"), password(PASSWORD))
    });
    let won = futures_util::future::join_all(attempts).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_link_runs_out_and_a_new_password_ends_old_logins() {
    let world = World::new().await;
    let node = world.node();
    let agent = world.agent_with_password(Role::Agent).await;
    let tokens = logged_in(&node, &agent).await;
    let late = node.auth.invite(&agent).await.unwrap();
    world.clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
    let refused = node.auth.set_up(&late, agent.email.clone(), name("Ada"), password(PASSWORD)).await;
    assert!(matches!(refused, Err(SetupError::InvalidLink)));
    let link = node.auth.invite(&agent).await.unwrap();
    node.auth
        .set_up(&link, agent.email.clone(), name("Ada"), password("a new password"))
        .await
        .unwrap();
    assert!(matches!(node.auth.refresh(&tokens.refresh).await, Err(AuthError::InvalidToken)));
}

#[tokio::test]
async fn a_deactivated_agents_link_lets_nobody_in() {
    let world = World::new().await;
    let node = world.node();
    let owner = caller(&world.another_agent(Role::Owner, |_| {}).await);
    let agent = &world.fixture.agent;
    let link = node.auth.invite(agent).await.unwrap();
    node.agents.deactivate(&owner, agent.id).await.unwrap();
    let refused = node.auth.set_up(&link, agent.email.clone(), name("Ada"), password(PASSWORD)).await;
    assert!(matches!(refused, Err(SetupError::InvalidLink)));
}

#[tokio::test]
async fn the_first_owner_comes_by_a_link_while_there_is_no_agent() {
    let world = World {
        store: parlor_testkit::MemoryStore::new(),
        clock: std::sync::Arc::default(),
        fixture: parlor_testkit::Fixture::new(),
    };
    let work = world.store.begin().await.unwrap();
    work.workspaces().insert(&world.fixture.workspace).await.unwrap();
    work.commit().await.unwrap();
    let node = world.node();
    let workspace = world.fixture.workspace.id;
    let lost = node.auth.first_owner_link(workspace).await.unwrap().unwrap();
    let link = node.auth.first_owner_link(workspace).await.unwrap().unwrap();
    let owner = email("owner@example.com");
    let void = node.auth.set_up(&lost, owner.clone(), name("Olga"), password(PASSWORD)).await;
    assert!(matches!(void, Err(SetupError::InvalidLink)));
    let tokens = node.auth.set_up(&link, owner.clone(), name("Olga"), password(PASSWORD)).await.unwrap();
    assert_eq!((tokens.agent.role, tokens.agent.workspace_id), (Role::Owner, workspace));
    assert!(node.auth.first_owner_link(workspace).await.unwrap().is_none());
    assert!(matches!(
        node.auth.set_up(&link, email("eve@example.com"), name("Eve"), password(PASSWORD)).await,
        Err(SetupError::InvalidLink)
    ));
}

#[tokio::test]
async fn the_first_owner_link_is_void_once_the_shell_made_an_agent() {
    let world = World {
        store: parlor_testkit::MemoryStore::new(),
        clock: std::sync::Arc::default(),
        fixture: parlor_testkit::Fixture::new(),
    };
    let node = world.node();
    let link = node.auth.first_owner_link(world.fixture.workspace.id).await.unwrap().unwrap();
    world.fixture.store(&world.store).await.unwrap();
    let refused = node.auth.set_up(&link, email("owner@example.com"), name("Olga"), password(PASSWORD)).await;
    assert!(matches!(refused, Err(SetupError::InvalidLink)));
}
