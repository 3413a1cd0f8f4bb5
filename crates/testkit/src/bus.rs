use async_trait::async_trait;
use parlor_domain::event::{AccessChange, ConversationEvent, DomainEvent, EventBus, EventSubscriber, Signal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

#[derive(Default)]
struct Inner {
    events: Vec<Arc<DomainEvent>>,
    subscribers: Vec<Weak<dyn EventSubscriber>>,
    to_drop: usize,
}

/// An event bus for one node that remembers what was published, and loses events when told to.
#[derive(Default)]
pub struct RecordingEventBus(Mutex<Inner>);

impl RecordingEventBus {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that was published and not lost, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Arc<DomainEvent>> {
        self.lock().events.clone()
    }

    /// The numbered changes of conversations among them.
    #[must_use]
    pub fn conversation_events(&self) -> Vec<ConversationEvent> {
        self.pick(|event| {
            if let DomainEvent::Conversation(event) = event {
                Some(event.clone())
            } else {
                None
            }
        })
    }

    /// The signals among them.
    #[must_use]
    pub fn signals(&self) -> Vec<Signal> {
        self.pick(|event| {
            if let DomainEvent::Signal(signal) = event {
                Some(signal.clone())
            } else {
                None
            }
        })
    }

    /// The changes of rights among them.
    #[must_use]
    pub fn access_changes(&self) -> Vec<AccessChange> {
        self.pick(|event| if let DomainEvent::Access(change) = event { Some(*change) } else { None })
    }

    fn pick<T>(&self, choose: impl Fn(&DomainEvent) -> Option<T>) -> Vec<T> {
        self.lock().events.iter().filter_map(|event| choose(event)).collect()
    }

    /// Forgets what was published.
    pub fn clear(&self) {
        self.lock().events.clear();
    }

    /// Loses the next `count` events: neither remembered nor delivered.
    pub fn drop_next(&self, count: usize) {
        self.lock().to_drop = count;
    }
}

#[async_trait]
impl EventBus for RecordingEventBus {
    fn publish(&self, event: DomainEvent) {
        let event = Arc::new(event);
        let subscribers: Vec<_> = {
            let mut inner = self.lock();
            if inner.to_drop > 0 {
                inner.to_drop -= 1;
                return;
            }
            inner.events.push(Arc::clone(&event));
            inner.subscribers.retain(|subscriber| subscriber.strong_count() > 0);
            inner.subscribers.iter().filter_map(Weak::upgrade).collect()
        };
        // Outside the lock, since a subscriber may publish.
        for subscriber in subscribers {
            subscriber.deliver(&event);
        }
    }

    fn subscribe(&self, subscriber: Weak<dyn EventSubscriber>) {
        self.lock().subscribers.push(subscriber);
    }

    async fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
