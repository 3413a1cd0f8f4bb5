use crate::support::{Node, World, new_message};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use parlor_domain::agent::Role;
use parlor_domain::conversation::{Action, Actor, Audience, Catchup, Conversation, ConversationReader, MAX_CATCHUP, NewMessage, ReadError, Status, Viewer};
use parlor_domain::id::{MessageId, WorkspaceId};
use parlor_domain::message::Message;
use parlor_domain::page::Limit;
use parlor_domain::store::{Repositories, RepositoryError, Store, UnitOfWork};
use parlor_domain::text::{Label, MessageText};
use parlor_testkit::MemoryStore;
use parlor_testkit::build::an_id;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a client of an audience shows of a conversation. Marks are signals, so they are not in it.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    state: String,
    messages: BTreeMap<MessageId, Message>,
}

fn state_of(audience: Audience, conversation: &Conversation) -> String {
    match audience {
        Audience::Public => format!("{:?}", conversation.visitor_view()),
        Audience::Staff => format!(
            "{:?}",
            (
                conversation.status,
                conversation.handler,
                &conversation.labels,
                &conversation.flag,
                &conversation.customer_name
            )
        ),
    }
}

fn number_of(audience: Audience, message: &Message) -> i64 {
    match audience {
        Audience::Public => message.rev.unwrap(),
        Audience::Staff => message.staff_rev,
    }
}

async fn shown(world: &World, audience: Audience) -> (i64, Shown) {
    let conversation = world.row(world.conversation()).await;
    let mut messages = world.messages(world.conversation()).await;
    assert!(messages.len() < Limit::MAX.get());
    messages.retain(|message| audience == Audience::Staff || !message.private);
    let messages = messages.into_iter().map(|message| (message.id, message)).collect();
    (
        conversation.head_rev(audience),
        Shown {
            state: state_of(audience, &conversation),
            messages,
        },
    )
}

impl Shown {
    fn take(&mut self, audience: Audience, catchup: &Catchup) {
        for message in &catchup.messages {
            self.messages.insert(message.id, message.clone());
        }
        // Each message comes with the conversation's state beside it.
        if !catchup.messages.is_empty() || catchup.tell_conversation.is_some() {
            self.state = state_of(audience, &catchup.conversation);
        }
    }
}

fn viewers(world: &World) -> [Viewer; 2] {
    let workspace = world.fixture.workspace.id;
    [Viewer::Visitor(workspace, world.fixture.visitor.id), Viewer::Staff(workspace)]
}

/// The numbers of a catch-up, in the order in which they are told.
fn told(audience: Audience, catchup: &Catchup) -> Vec<i64> {
    let mut numbers: Vec<i64> = catchup.messages.iter().map(|message| number_of(audience, message)).collect();
    assert!(numbers.is_sorted(), "messages come by rising number");
    numbers.extend(catchup.tell_conversation);
    numbers.sort_unstable();
    numbers
}

#[derive(Debug, Clone)]
enum Step {
    Visitor,
    Agent,
    Note,
    Edit(usize),
    Delete(usize),
    React(usize, bool),
    Status(u8),
    Label(u8),
    TakeOver,
    ToAssistant,
    Read(bool),
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Visitor),
        3 => Just(Step::Agent),
        2 => Just(Step::Note),
        3 => (0..30_usize).prop_map(Step::Edit),
        1 => (0..30_usize).prop_map(Step::Delete),
        2 => (0..30_usize, any::<bool>()).prop_map(|(which, visitor)| Step::React(which, visitor)),
        2 => (0..4_u8).prop_map(Step::Status),
        1 => (0..3_u8).prop_map(Step::Label),
        1 => Just(Step::TakeOver),
        1 => Just(Step::ToAssistant),
        1 => any::<bool>().prop_map(Step::Read),
    ]
}

async fn walk(world: &World, node: &Node, admin: &Actor, step: &Step, number: usize) {
    let messages = world.messages(world.conversation()).await;
    let message = |which: usize| messages.get(which % messages.len().max(1)).map(|message| message.id);
    let words = MessageText::parse(&format!("words {number}")).unwrap();
    let (actor, action) = match step {
        Step::Visitor => (world.visitor(), Action::Send(new_message("from the visitor"))),
        Step::Agent => (world.agent(), Action::Send(new_message("from the agent"))),
        Step::Note => (
            world.agent(),
            Action::Send(NewMessage {
                private: true,
                ..new_message("note")
            }),
        ),
        Step::Edit(which) => (admin.clone(), Action::Edit(message(*which).unwrap_or(MessageId(an_id())), words)),
        Step::Delete(which) => (admin.clone(), Action::Delete(message(*which).unwrap_or(MessageId(an_id())))),
        Step::React(which, visitor) => {
            let actor = if *visitor { world.visitor() } else { world.agent() };
            (
                actor,
                Action::React(message(*which).unwrap_or(MessageId(an_id())), Some(format!("sign {}", number % 2))),
            )
        }
        Step::Status(status) => {
            let status = [Status::Open, Status::Pending, Status::Snoozed, Status::Resolved][usize::from(*status)];
            (world.agent(), Action::SetStatus(status, None))
        }
        Step::Label(name) => (world.agent(), Action::SetLabels(vec![Label::parse(&format!("label {name}")).unwrap()])),
        Step::TakeOver => (world.agent(), Action::TakeOver),
        Step::ToAssistant => (world.agent(), Action::HandToAssistant { available: true }),
        Step::Read(visitor) => (if *visitor { world.visitor() } else { world.agent() }, Action::MarkRead(None)),
    };
    // What is refused changes nothing, which is all that counts here.
    let _ = node.run(world.conversation(), actor, action).await;
}

async fn check_history(steps: Vec<Step>, page: u32) {
    let world = World::new().await;
    let node = world.node();
    let admin = Actor::Agent(crate::support::as_agent(&world.another_agent(Role::Admin, |_| {}).await));
    let mut past = [BTreeMap::new(), BTreeMap::new()];
    for (number, step) in steps.iter().enumerate() {
        walk(&world, &node, &admin, step, number).await;
        for (viewer, past) in viewers(&world).iter().zip(&mut past) {
            let (head, shown) = shown(&world, viewer.audience()).await;
            if let Some(known) = past.insert(head, shown.clone()) {
                assert_eq!(known, shown, "what an audience sees changes only with its number");
            }
        }
    }
    for (viewer, past) in viewers(&world).into_iter().zip(past) {
        let audience = viewer.audience();
        let (head, present) = shown(&world, audience).await;
        for (after, before) in &past {
            let catchup = node.reader.catch_up(viewer, world.conversation(), *after).await.unwrap();
            assert!(!catchup.reset);
            let numbers = told(audience, &catchup);
            assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "each number once: {numbers:?}");
            assert!(numbers.iter().all(|number| number > after));
            assert_eq!(numbers.last().copied().unwrap_or(*after), head, "the last number is the head");
            let own = catchup.conversation.own_rev(audience);
            let of_a_message = |number| catchup.messages.iter().any(|message| number_of(audience, message) == number);
            let free = (*after + 1..=own).rev().find(|number| !of_a_message(*number));
            assert_eq!(catchup.tell_conversation, free, "told at the last number that no message has");
            let mut client = before.clone();
            client.take(audience, &catchup);
            assert_eq!(client, present, "the net effect after {after}");

            let (mut client, mut place) = (before.clone(), *after);
            loop {
                let (catchup, up_to) = node.reader.poll(viewer, world.conversation(), place, Limit::clamped(page)).await.unwrap();
                assert!(!catchup.reset && catchup.messages.len() <= page as usize);
                assert!(told(audience, &catchup).iter().all(|number| (place + 1..=up_to).contains(number)));
                client.take(audience, &catchup);
                if place == up_to {
                    break;
                }
                assert!(up_to > place, "each page goes on");
                place = up_to;
            }
            assert_eq!((place, &client), (head, &present), "the same in pages");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_resume_gives_the_net_effect_of_everything_after_any_number(steps in proptest::collection::vec(a_step(), 1..40), page in 1..6_u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check_history(steps, page));
    }
}

#[tokio::test]
async fn a_number_that_is_not_ours_resets() {
    let world = World::new().await;
    let node = world.node();
    node.say(world.conversation(), world.visitor(), "hi").await.unwrap();
    for viewer in viewers(&world) {
        for after in [-1, 2, i64::MAX, i64::MIN] {
            let catchup = node.reader.catch_up(viewer, world.conversation(), after).await.unwrap();
            assert!(catchup.reset && catchup.messages.is_empty() && catchup.tell_conversation.is_none());
        }
        let catchup = node.reader.catch_up(viewer, world.conversation(), 1).await.unwrap();
        assert!(!catchup.reset && catchup.messages.is_empty() && catchup.tell_conversation.is_none());
    }
}

#[tokio::test]
async fn too_many_changes_reset_a_resume() {
    let world = World::new().await;
    let node = world.node();
    let count = i64::try_from(MAX_CATCHUP).unwrap() + 1;
    for _ in 0..count {
        node.say(world.conversation(), world.visitor(), "hi").await.unwrap();
    }
    let [visitor, _] = viewers(&world);
    assert!(node.reader.catch_up(visitor, world.conversation(), 0).await.unwrap().reset);
    let catchup = node.reader.catch_up(visitor, world.conversation(), 1).await.unwrap();
    assert_eq!((catchup.reset, catchup.messages.len()), (false, MAX_CATCHUP));
    let (catchup, up_to) = node.reader.poll(visitor, world.conversation(), 0, Limit::MAX).await.unwrap();
    assert_eq!((catchup.reset, catchup.messages.len(), up_to), (false, 100, 100), "who polls goes on in pages");
}

#[tokio::test]
async fn strangers_resume_nothing() {
    let world = World::new().await;
    let node = world.node();
    node.say(world.conversation(), world.visitor(), "hi").await.unwrap();
    let elsewhere = WorkspaceId(an_id());
    let other = world.another_visitor().await;
    for viewer in [
        Viewer::Visitor(world.fixture.workspace.id, other.id),
        Viewer::Visitor(elsewhere, world.fixture.visitor.id),
        Viewer::Staff(elsewhere),
    ] {
        let refused = node.reader.catch_up(viewer, world.conversation(), 0).await;
        assert!(matches!(refused, Err(ReadError::NotFound)), "{viewer:?}");
    }
}

type Hook = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Lets something happen between the look at the conversation and the look at its messages.
struct Interrupted {
    inner: MemoryStore,
    reads: AtomicUsize,
    hook: Hook,
}

#[async_trait]
impl Store for Interrupted {
    async fn read(&self) -> Result<Box<dyn Repositories>, RepositoryError> {
        if self.reads.fetch_add(1, Ordering::SeqCst) == 1 {
            (self.hook)().await;
        }
        self.inner.read().await
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, RepositoryError> {
        self.inner.begin().await
    }

    async fn check(&self) -> Result<(), RepositoryError> {
        self.inner.check().await
    }
}

#[tokio::test]
async fn what_happens_during_a_resume_comes_live_and_leaves_no_hole() {
    for labelled in [false, true] {
        let world = World::new().await;
        let node = world.node();
        let id = world.conversation();
        node.say(id, world.visitor(), "one").await.unwrap();
        if labelled {
            node.run(id, world.agent(), Action::SetLabels(vec![Label::parse("vip").unwrap()]))
                .await
                .unwrap();
        }
        let last = node.say(id, world.agent(), "two").await.unwrap();
        let head = world.row(id).await.staff_rev;
        let (writer, agent) = (Arc::clone(&node.writer), world.agent());
        let hook: Hook = Box::new(move || {
            let (writer, actor, message) = (Arc::clone(&writer), agent.clone(), last.id);
            Box::pin(async move {
                let edit = Action::Edit(message, MessageText::parse("two, edited").unwrap());
                for action in [edit, Action::Send(new_message("three"))] {
                    writer
                        .submit(parlor_domain::conversation::Command {
                            conversation_id: id,
                            actor: actor.clone(),
                            action,
                        })
                        .await
                        .unwrap();
                }
            })
        });
        let reader = ConversationReader::new(Arc::new(Interrupted {
            inner: world.store.clone(),
            reads: AtomicUsize::new(0),
            hook,
        }));
        let viewer = Viewer::Staff(world.fixture.workspace.id);
        let catchup = reader.catch_up(viewer, id, 0).await.unwrap();
        assert_eq!(world.row(id).await.staff_rev, head + 2, "it did happen");
        assert_eq!(told(Audience::Staff, &catchup).last(), Some(&head), "the last number told is that of the head");
        assert_eq!(catchup.messages.len(), 1);

        // From there on the numbers have no gap.
        let rest = reader.catch_up(viewer, id, head).await.unwrap();
        assert_eq!(told(Audience::Staff, &rest), [head + 1, head + 2]);
    }
}
