//! Writers over a store on trial, and what their promises look at.

use super::Harness;
use crate::{FixedClock, Fixture, RecordingEventBus, SequentialIds};
use parlor_domain::agent::Role;
use parlor_domain::conversation::{
    Action, Actor, AgentActor, Command, CommandError, Conversation, ConversationWriter, Done, NewMessage, Outcome, VisitorActor, WriterSettings,
};
use parlor_domain::id::{ConversationId, Ids, MessageId};
use parlor_domain::message::{Message, Side};
use parlor_domain::text::{ClientId, MessageText};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Nodes on one store: they share ids, clock and bus, since two of them must not make the same id.
pub(super) struct Nodes {
    pub(super) bus: Arc<RecordingEventBus>,
    ids: Arc<SequentialIds>,
    pub(super) writers: Vec<Arc<ConversationWriter>>,
    _lanes: JoinSet<()>,
}

impl Nodes {
    pub(super) fn start(harness: &Harness, count: usize, settings: WriterSettings) -> Self {
        let (bus, ids) = (Arc::new(RecordingEventBus::new()), Arc::new(SequentialIds::new()));
        let mut lanes = JoinSet::new();
        let writers = (0..count)
            .map(|_| {
                let (store, clock) = (Arc::clone(&harness.conversations), Arc::new(FixedClock::default()));
                let writer = ConversationWriter::new(store, Arc::clone(&bus) as _, clock, Arc::clone(&ids) as _, settings);
                for lane in 0..writer.lanes() {
                    lanes.spawn(Arc::clone(&writer).run_lane(lane));
                }
                writer
            })
            .collect();
        Self {
            bus,
            ids,
            writers,
            _lanes: lanes,
        }
    }

    pub(super) fn one(harness: &Harness) -> Self {
        Self::start(
            harness,
            1,
            WriterSettings {
                lanes: 2,
                ..WriterSettings::default()
            },
        )
    }

    pub(super) fn new_message(&self, text: &str, client_id: Option<&str>) -> NewMessage {
        let client_id = client_id.map(|id| ClientId::parse(id).unwrap());
        NewMessage {
            client_id,
            ..NewMessage::text(MessageId(self.ids.ordered()), MessageText::stored(text.to_owned()))
        }
    }

    pub(super) fn saying(&self, conversation: &Conversation, actor: &Actor, text: &str, client_id: Option<&str>) -> Command {
        command(conversation, actor, Action::Send(self.new_message(text, client_id)))
    }

    pub(super) async fn submit(&self, command: Command) -> Result<Done, CommandError> {
        self.writers[0].submit(command).await
    }
}

pub(super) fn command(conversation: &Conversation, actor: &Actor, action: Action) -> Command {
    Command {
        conversation_id: conversation.id,
        actor: actor.clone(),
        action,
    }
}

pub(super) fn the_visitor(conversation: &Conversation) -> Actor {
    Actor::Visitor(VisitorActor {
        workspace_id: conversation.workspace_id,
        id: conversation.visitor_id,
        name: None,
    })
}

pub(super) fn the_agent(fixture: &Fixture) -> Actor {
    let agent = &fixture.agent;
    Actor::Agent(AgentActor {
        workspace_id: agent.workspace_id,
        id: agent.id,
        name: agent.name.to_string(),
        role: Role::Agent,
        machine: false,
    })
}

/// The message of an answer that stored it or knew it.
pub(super) fn message_of(done: &Done) -> &Message {
    match &done.outcome {
        Outcome::Stored(message) | Outcome::Repeated(message) | Outcome::MessageChanged(message) => message,
        other => panic!("no message in {other:?}"),
    }
}

/// That a conversation's numbers are dense and its counters those of its messages.
pub(super) async fn assert_consistent(harness: &Harness, nodes: &Nodes, id: ConversationId) -> Vec<Message> {
    let (row, messages) = (harness.row(id).await, harness.messages(id).await);
    let public: Vec<&Message> = messages.iter().filter(|message| !message.private).collect();
    assert_eq!(
        public.iter().map(|message| message.seq).collect::<Vec<_>>(),
        (1..=row.last_seq).collect::<Vec<_>>()
    );
    let count = |side| public.iter().filter(|message| message.sender.kind.side() == side).count() as i64;
    assert_eq!((row.inbound_count, row.outbound_count), (count(Side::Visitor), count(Side::Agent)));
    let (mut inbound, mut outbound) = (0, 0);
    for message in &public {
        match message.sender.kind.side() {
            Side::Visitor => inbound += 1,
            Side::Agent => outbound += 1,
        }
        assert_eq!((message.inbound_count, message.outbound_count), (inbound, outbound));
    }
    // Each number of each audience belongs to one change.
    let events: Vec<_> = nodes
        .bus
        .conversation_events()
        .into_iter()
        .filter(|event| event.conversation.id == id)
        .collect();
    let mut staff: Vec<i64> = events.iter().map(|event| event.staff_rev).collect();
    let mut customers: Vec<i64> = events.iter().filter_map(|event| event.rev).collect();
    staff.sort_unstable();
    customers.sort_unstable();
    assert_eq!(staff, (1..=row.staff_rev).collect::<Vec<_>>());
    assert_eq!(customers, (1..=row.rev).collect::<Vec<_>>());
    messages
}
