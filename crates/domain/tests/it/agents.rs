use crate::support::{World, as_agent, caller, send};
use parlor_domain::agent::{AgentError, EditAgent, NewAgent, Role};
use parlor_domain::assistant::AssistantSettings;
use parlor_domain::channel::{ChannelError, ChannelKind, EditChannel, IdentityRule, NewChannel, Origin};
use parlor_domain::conversation::{Action, AssignError, Handler};
use parlor_domain::store::Store;
use parlor_domain::text::{Email, Name};
use parlor_testkit::build::{a_workspace, an_agent};
use std::sync::atomic::Ordering;

fn new_agent(address: &str, role: Role) -> NewAgent {
    NewAgent {
        email: Email::parse(address).unwrap(),
        name: Name::parse("New").unwrap(),
        role,
        username: None,
        external_id: None,
        password: None,
    }
}

#[tokio::test]
async fn a_deactivated_agents_conversations_go_to_the_queue() {
    let world = World::new().await;
    let node = world.node();
    let owner = caller(&world.another_agent(Role::Owner, |_| {}).await);
    let agent = &world.fixture.agent;
    let other = world.another_agent(Role::Agent, |_| {}).await;
    let (first, second, others) = (world.conversation(), world.another_conversation().await, world.another_conversation().await);
    for (id, to) in [(first, agent), (second, agent), (others, &other)] {
        node.run(id, world.agent(), Action::Assign(Some(to.id))).await.unwrap();
    }
    node.agents.deactivate(&owner, agent.id).await.unwrap();
    for id in [first, second] {
        assert_eq!(world.row(id).await.handler, Handler::Queue);
    }
    assert_eq!(world.row(others).await.handler, Handler::Agent(other.id));
    let refused = node.conversations.assign(as_agent(&other), first, Some(agent.id)).await;
    assert!(matches!(refused, Err(AssignError::AgentNotFound)), "and none goes back to it");
}

#[tokio::test]
async fn a_deactivation_whose_second_half_failed_is_finished_by_repeating_it() {
    let world = World::new().await;
    let node = world.node();
    let owner = caller(&world.another_agent(Role::Owner, |_| {}).await);
    let agent = &world.fixture.agent;
    node.run(world.conversation(), world.agent(), send("mine")).await.unwrap();
    node.faults.unavailable.store(1, Ordering::SeqCst);
    assert!(matches!(node.agents.deactivate(&owner, agent.id).await, Err(AgentError::Repository(_))));
    assert!(
        !node.agents.get(owner.workspace_id, agent.id).await.unwrap().is_active(),
        "the rights are gone already"
    );
    assert_eq!(world.row(world.conversation()).await.handler, Handler::Agent(agent.id));
    node.agents.deactivate(&owner, agent.id).await.unwrap();
    assert_eq!(world.row(world.conversation()).await.handler, Handler::Queue);
}

#[tokio::test]
async fn conversations_are_assigned_to_active_agents_of_the_workspace_only() {
    let world = World::new().await;
    let node = world.node();
    let by = as_agent(&world.fixture.agent);
    let seller = world.another_agent(Role::Seller, |_| {}).await;
    let elsewhere = a_workspace();
    let stranger = an_agent(&elsewhere, Role::Agent);
    let work = world.store.begin().await.unwrap();
    work.workspaces().insert(&elsewhere).await.unwrap();
    work.agents().insert(&stranger).await.unwrap();
    work.commit().await.unwrap();
    for to in [seller.id, stranger.id] {
        let refused = node.conversations.assign(by.clone(), world.conversation(), Some(to)).await;
        assert!(matches!(refused, Err(AssignError::AgentNotFound)));
    }
    node.conversations.assign(by.clone(), world.conversation(), Some(by.id)).await.unwrap();
    node.conversations.assign(by, world.conversation(), None).await.unwrap();
}

#[tokio::test]
async fn the_last_owner_stays_owner() {
    let world = World::new().await;
    let node = world.node();
    let last = world.another_agent(Role::Owner, |_| {}).await;
    let by = caller(&last);
    let demoted = EditAgent {
        role: Some(Role::Admin),
        ..EditAgent::default()
    };
    assert!(matches!(node.agents.deactivate(&by, last.id).await, Err(AgentError::LastOwner)));
    assert!(matches!(node.agents.edit(&by, last.id, demoted.clone()).await, Err(AgentError::LastOwner)));
    let second = world.another_agent(Role::Owner, |_| {}).await;
    node.agents.edit(&by, second.id, demoted).await.unwrap();
    assert!(
        matches!(node.agents.deactivate(&by, last.id).await, Err(AgentError::LastOwner)),
        "the other is none any more"
    );
    node.agents
        .edit(
            &by,
            second.id,
            EditAgent {
                role: Some(Role::Owner),
                ..EditAgent::default()
            },
        )
        .await
        .unwrap();
    node.agents.deactivate(&by, last.id).await.unwrap();
}

#[tokio::test]
async fn owners_are_made_changed_and_removed_by_owners_only() {
    let world = World::new().await;
    let node = world.node();
    let workspace = world.fixture.workspace.id;
    let owner = world.another_agent(Role::Owner, |_| {}).await;
    let other_owner = world.another_agent(Role::Owner, |_| {}).await;
    let admin = caller(&world.another_agent(Role::Admin, |_| {}).await);
    let to_owner = EditAgent {
        role: Some(Role::Owner),
        ..EditAgent::default()
    };
    let renamed = EditAgent {
        name: Some(Name::parse("X").unwrap()),
        ..EditAgent::default()
    };
    assert!(matches!(
        node.agents.create(workspace, Some(&admin), new_agent("o@example.com", Role::Owner)).await,
        Err(AgentError::OwnersOnly)
    ));
    assert!(matches!(
        node.agents.edit(&admin, world.fixture.agent.id, to_owner.clone()).await,
        Err(AgentError::OwnersOnly)
    ));
    assert!(matches!(
        node.agents.edit(&admin, admin.id, to_owner.clone()).await,
        Err(AgentError::OwnersOnly)
    ));
    assert!(matches!(node.agents.edit(&admin, owner.id, renamed).await, Err(AgentError::OwnersOnly)));
    assert!(matches!(node.agents.deactivate(&admin, owner.id).await, Err(AgentError::OwnersOnly)));
    node.agents
        .create(workspace, Some(&admin), new_agent("a@example.com", Role::Admin))
        .await
        .unwrap();
    node.agents
        .create(workspace, Some(&caller(&owner)), new_agent("o@example.com", Role::Owner))
        .await
        .unwrap();
    node.agents.create(workspace, None, new_agent("shell@example.com", Role::Owner)).await.unwrap();
    node.agents.deactivate(&caller(&owner), other_owner.id).await.unwrap();
}

#[tokio::test]
async fn addresses_are_unique_on_the_server_and_agents_of_others_do_not_exist() {
    let world = World::new().await;
    let node = world.node();
    let owner = world.another_agent(Role::Owner, |_| {}).await;
    let elsewhere = a_workspace();
    let stranger = an_agent(&elsewhere, Role::Owner);
    let work = world.store.begin().await.unwrap();
    work.workspaces().insert(&elsewhere).await.unwrap();
    work.agents().insert(&stranger).await.unwrap();
    work.commit().await.unwrap();
    let taken = new_agent(stranger.email.as_str(), Role::Agent);
    assert!(matches!(
        node.agents.create(owner.workspace_id, Some(&caller(&owner)), taken).await,
        Err(AgentError::Taken)
    ));
    let change = EditAgent {
        email: Some(stranger.email.clone()),
        ..EditAgent::default()
    };
    assert!(matches!(
        node.agents.edit(&caller(&owner), world.fixture.agent.id, change.clone()).await,
        Err(AgentError::Taken)
    ));
    assert!(matches!(
        node.agents.edit(&caller(&owner), stranger.id, change).await,
        Err(AgentError::NotFound)
    ));
    assert!(matches!(node.agents.deactivate(&caller(&owner), stranger.id).await, Err(AgentError::NotFound)));
    assert!(matches!(node.agents.get(owner.workspace_id, stranger.id).await, Err(AgentError::NotFound)));
}

// Channels

fn new_channel(kind: ChannelKind, origins: &[&str]) -> NewChannel {
    let origins = origins.iter().map(|origin| Origin::parse(origin).unwrap()).collect();
    NewChannel {
        kind,
        name: Name::parse("Shop").unwrap(),
        origins,
        identity: IdentityRule::Optional,
        assistant: AssistantSettings::default(),
        assistant_key: None,
        whatsapp: None,
    }
}

#[tokio::test]
async fn a_request_belongs_to_the_named_channel_else_the_one_with_its_origin_else_the_oldest() {
    let world = World::new().await;
    let node = world.node();
    let workspace = world.fixture.workspace.id;
    let shop = node
        .channels
        .create(
            workspace,
            new_channel(ChannelKind::Web, &["https://shop.example.com", "https://both.example.com"]),
        )
        .await
        .unwrap();
    let other = node
        .channels
        .create(workspace, new_channel(ChannelKind::Web, &["https://both.example.com"]))
        .await
        .unwrap();
    let oldest = world.fixture.channel.id;
    for (named, origin, expected) in [
        (Some(other.id), Some("https://shop.example.com"), other.id),
        (None, Some("https://shop.example.com"), shop.id),
        (None, Some("https://both.example.com"), oldest),
        (None, Some("https://unknown.example.com"), oldest),
        (None, None, oldest),
    ] {
        assert_eq!(node.channels.resolve(named, origin).await.unwrap().id, expected, "{origin:?}");
    }
    node.channels.delete(workspace, shop.id).await.unwrap();
    assert!(
        matches!(node.channels.resolve(Some(shop.id), None).await, Err(ChannelError::NotFound)),
        "at once"
    );
    assert!(matches!(node.channels.get(workspace, shop.id).await, Err(ChannelError::NotFound)));
    assert!(matches!(node.channels.delete(workspace, shop.id).await, Err(ChannelError::NotFound)));
}

#[tokio::test]
async fn the_last_web_channel_stays() {
    let world = World::new().await;
    let node = world.node();
    let workspace = world.fixture.workspace.id;
    let api = node.channels.create(workspace, new_channel(ChannelKind::Api, &[])).await.unwrap();
    assert!(matches!(
        node.channels.delete(workspace, world.fixture.channel.id).await,
        Err(ChannelError::LastWebChannel)
    ));
    node.channels.delete(workspace, api.id).await.unwrap();
    node.channels.create(workspace, new_channel(ChannelKind::Web, &[])).await.unwrap();
    node.channels.delete(workspace, world.fixture.channel.id).await.unwrap();
}

#[tokio::test]
async fn settings_made_from_old_ones_are_refused() {
    let world = World::new().await;
    let node = world.node();
    let channel = world.fixture.channel.clone();
    let with = |name: &str, was: &AssistantSettings| EditChannel {
        assistant: Some(AssistantSettings {
            name: Some(Name::parse(name).unwrap()),
            ..was.clone()
        }),
        assistant_was: Some(was.clone()),
        ..EditChannel::default()
    };
    let was = channel.assistant.clone();
    node.channels.edit(channel.workspace_id, channel.id, with("Robin", &was)).await.unwrap();
    let late = node.channels.edit(channel.workspace_id, channel.id, with("Kim", &was)).await;
    assert!(matches!(late, Err(ChannelError::Changed)));
    let now = node.channels.get(channel.workspace_id, channel.id).await.unwrap();
    assert_eq!(now.assistant.name.as_ref().map(Name::as_str), Some("Robin"));
    node.channels.edit(channel.workspace_id, channel.id, with("Kim", &now.assistant)).await.unwrap();
}
