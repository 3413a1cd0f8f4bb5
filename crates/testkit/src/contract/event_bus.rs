//! The event bus: in order, at most once, to all who listen on all nodes.

use super::BusHarness;
use crate::Fixture;
use crate::build::{an_id, by_visitor, now, say};
use parlor_domain::conversation::ChangedFields;
use parlor_domain::event::{
    AccessChange, Availability, ConversationChange, ConversationEvent, DomainEvent, EventBus, EventSubscriber, MessageChange, Participant, Signal,
};
use parlor_domain::id::{ConversationId, LoginId, VisitorId};
use parlor_domain::message::Side;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use uuid::Uuid;

/// Keeps what it gets.
#[derive(Default)]
struct Listener(Mutex<Vec<Arc<DomainEvent>>>);

impl EventSubscriber for Listener {
    fn deliver(&self, event: &Arc<DomainEvent>) {
        self.0.lock().unwrap().push(Arc::clone(event));
    }
}

impl Listener {
    fn on(bus: &Arc<dyn EventBus>) -> Arc<Self> {
        let listener = Arc::new(Self::default());
        let subscriber: Weak<dyn EventSubscriber> = Arc::downgrade(&(Arc::clone(&listener) as Arc<dyn EventSubscriber>));
        bus.subscribe(subscriber);
        listener
    }

    fn heard(&self) -> Vec<DomainEvent> {
        self.0.lock().unwrap().iter().map(|event| DomainEvent::clone(event)).collect()
    }

    /// Waits for so many events, and a moment longer for any that are too many.
    async fn hears(&self, count: usize) -> Vec<DomainEvent> {
        for _ in 0..500 {
            if self.heard().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        self.heard()
    }
}

/// A small event that can be told from others.
fn numbered(conversation: Uuid, number: i64) -> DomainEvent {
    DomainEvent::Signal(Signal::Delivered {
        conversation_id: ConversationId(conversation),
        by: Side::Visitor,
        up_to_seq: number,
        at: now(),
    })
}

/// It answers that it is there.
pub async fn it_answers(harness: &BusHarness) {
    harness.here.check().await.unwrap();
    harness.there.check().await.unwrap();
}

/// Every listener on every node hears every event once, in the order of its task.
pub async fn every_listener_hears_every_event_in_order(harness: &BusHarness) {
    let listeners = [Listener::on(&harness.here), Listener::on(&harness.here), Listener::on(&harness.there)];
    let conversation = an_id();
    let events: Vec<DomainEvent> = (0..500).map(|number| numbered(conversation, number)).collect();
    for event in &events {
        harness.here.publish(event.clone());
    }
    for listener in &listeners {
        assert_eq!(listener.hears(events.len()).await, events);
    }
}

/// Tasks that publish at once do not disturb each other's order, from whatever node.
pub async fn the_order_of_each_task_is_kept(harness: &BusHarness) {
    let listeners = [Listener::on(&harness.here), Listener::on(&harness.there)];
    let mut tasks = tokio::task::JoinSet::new();
    let conversations: Vec<Uuid> = (0..8).map(|_| an_id()).collect();
    for (place, conversation) in conversations.iter().copied().enumerate() {
        let bus = Arc::clone(if place % 2 == 0 { &harness.here } else { &harness.there });
        tasks.spawn(async move {
            for number in 0..50 {
                bus.publish(numbered(conversation, number));
                if number % 10 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    tasks.join_all().await;
    for listener in &listeners {
        let heard = listener.hears(400).await;
        assert_eq!(heard.len(), 400);
        for conversation in &conversations {
            let own =
                |event: &&DomainEvent| matches!(event, DomainEvent::Signal(Signal::Delivered { conversation_id, .. }) if conversation_id.0 == *conversation);
            let expected: Vec<DomainEvent> = (0..50).map(|number| numbered(*conversation, number)).collect();
            assert_eq!(heard.iter().filter(own).cloned().collect::<Vec<_>>(), expected);
        }
    }
}

/// Every kind of event arrives as it was published.
pub async fn every_kind_of_event_arrives_as_it_was(harness: &BusHarness) {
    let Fixture {
        workspace,
        visitor,
        agent,
        mut conversation,
        ..
    } = Fixture::new();
    let sender = by_visitor(&conversation);
    let mut message = say(&mut conversation, sender, "O'Hara 👩‍💻 \\ \"x\"\n");
    message.payload = Some(serde_json::json!({"a": [1, 2.5, null]}));
    let message = Arc::new(message);
    let (conversation_id, row) = (conversation.id, Arc::new(conversation));
    let from = Participant {
        side: Side::Agent,
        id: agent.id.0,
        name: Some("Ada".to_owned()),
    };
    let nameless = Participant {
        side: Side::Visitor,
        id: visitor.id.0,
        name: None,
    };
    let changes = [
        ConversationChange::NewMessage(Arc::clone(&message)),
        ConversationChange::MessageUpdated(Arc::clone(&message), MessageChange::Edited),
        ConversationChange::MessageUpdated(Arc::clone(&message), MessageChange::Deleted),
        ConversationChange::MessageUpdated(message, MessageChange::Reaction),
        ConversationChange::Updated(ChangedFields::all()),
        ConversationChange::Updated(ChangedFields {
            labels: true,
            ..ChangedFields::default()
        }),
        ConversationChange::Deleted,
    ];
    let mut events: Vec<DomainEvent> = Vec::new();
    for (number, change) in (1..).zip(changes) {
        let rev = (number % 2 == 0).then_some(number);
        events.push(DomainEvent::Conversation(ConversationEvent {
            conversation: Arc::clone(&row),
            rev,
            staff_rev: number,
            at: now(),
            change,
        }));
    }
    let signals = [
        Signal::Typing {
            conversation_id,
            from: from.clone(),
            active: true,
            private: false,
        },
        Signal::Read {
            conversation: row,
            by: Side::Agent,
            agent_id: Some(agent.id),
            up_to_seq: 3,
            at: now(),
        },
        Signal::Delivered {
            conversation_id,
            by: Side::Visitor,
            up_to_seq: 2,
            at: now(),
        },
        Signal::Viewing {
            conversation_id,
            agent: from.clone(),
            active: false,
        },
        Signal::Presence {
            workspace_id: workspace.id,
            who: from,
            online: true,
            status: Some(Availability::Busy),
            last_seen_at: now(),
        },
        Signal::Presence {
            workspace_id: workspace.id,
            who: nameless,
            online: false,
            status: None,
            last_seen_at: now(),
        },
        Signal::Page {
            workspace_id: workspace.id,
            visitor_id: visitor.id,
            url: "https://shop.example.com/?a=b".to_owned(),
            title: None,
        },
    ];
    events.extend(signals.map(DomainEvent::Signal));
    let access = [
        AccessChange::LoginEnded(LoginId(an_id())),
        AccessChange::AgentChanged(agent.id),
        AccessChange::ApiKeyRevoked(workspace.id),
        AccessChange::VisitorGone(VisitorId(an_id())),
        AccessChange::ConversationMoved(conversation_id),
        AccessChange::ChannelsChanged(workspace.id),
    ];
    events.extend(access.map(DomainEvent::Access));

    let listener = Listener::on(&harness.there);
    for event in &events {
        harness.here.publish(event.clone());
    }
    assert_eq!(listener.hears(events.len()).await, events);
}

/// Who is gone hears nothing and harms nobody; who comes late hears what comes after.
pub async fn a_listener_may_come_late_and_go(harness: &BusHarness) {
    let conversation = an_id();
    let gone = Listener::on(&harness.here);
    let stays = Listener::on(&harness.here);
    harness.here.publish(numbered(conversation, 1));
    assert_eq!(gone.hears(1).await.len(), 1);
    drop(gone);
    stays.hears(1).await;
    let late = Listener::on(&harness.here);
    harness.here.publish(numbered(conversation, 2));
    assert_eq!(stays.hears(2).await, [numbered(conversation, 1), numbered(conversation, 2)]);
    assert_eq!(late.hears(1).await, [numbered(conversation, 2)]);
}
