//! The bus of a single node.

use async_trait::async_trait;
use parlor_domain::event::{DomainEvent, EventBus, EventSubscriber};
use std::sync::{Arc, PoisonError, RwLock, Weak};

type Subscribers = Arc<[Weak<dyn EventSubscriber>]>;

/// Hands each event to the subscribers of this process, in the caller's own task.
///
/// The list is replaced, never changed: publishing takes the lock only to copy a pointer, so a subscriber may subscribe another one
/// while it takes an event, and publishers do not wait for one another.
pub struct LocalEventBus {
    subscribers: RwLock<Subscribers>,
}

impl LocalEventBus {
    /// A bus without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            subscribers: RwLock::new(Arc::new([])),
        }
    }

    fn subscribers(&self) -> Subscribers {
        Arc::clone(&self.subscribers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the list by its living members and `newcomer`.
    fn renew(&self, newcomer: Option<Weak<dyn EventSubscriber>>) {
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        *subscribers = subscribers
            .iter()
            .filter(|subscriber| subscriber.strong_count() > 0)
            .cloned()
            .chain(newcomer)
            .collect();
    }
}

impl Default for LocalEventBus {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl EventBus for LocalEventBus {
    fn publish(&self, event: DomainEvent) {
        let event = Arc::new(event);
        let mut someone_left = false;
        for subscriber in self.subscribers().iter() {
            match subscriber.upgrade() {
                Some(subscriber) => subscriber.deliver(&event),
                None => someone_left = true,
            }
        }
        if someone_left {
            self.renew(None);
        }
    }

    fn subscribe(&self, subscriber: Weak<dyn EventSubscriber>) {
        self.renew(Some(subscriber));
    }

    async fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use parlor_domain::event::AccessChange;
    use parlor_domain::id::LoginId;
    use std::sync::Mutex;
    use uuid::Uuid;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<DomainEvent>>);

    impl EventSubscriber for Recorder {
        fn deliver(&self, event: &Arc<DomainEvent>) {
            self.0.lock().unwrap().push(DomainEvent::clone(event));
        }
    }

    /// Subscribes another one as soon as it hears something.
    struct Recruiter(Arc<LocalEventBus>, Arc<Recorder>);

    impl EventSubscriber for Recruiter {
        fn deliver(&self, _event: &Arc<DomainEvent>) {
            self.0.subscribe(weak(&self.1));
        }
    }

    fn weak<T: EventSubscriber + 'static>(subscriber: &Arc<T>) -> Weak<dyn EventSubscriber> {
        let weak: Weak<T> = Arc::downgrade(subscriber);
        weak
    }

    fn event(n: u128) -> DomainEvent {
        DomainEvent::Access(AccessChange::LoginEnded(LoginId(Uuid::from_u128(n))))
    }

    #[test]
    fn events_reach_every_subscriber_before_publish_returns_and_in_order() {
        let bus = LocalEventBus::new();
        let (one, other) = (Arc::new(Recorder::default()), Arc::new(Recorder::default()));
        bus.subscribe(weak(&one));
        bus.publish(event(1));
        bus.subscribe(weak(&other));
        bus.publish(event(2));
        assert_eq!(*one.0.lock().unwrap(), [event(1), event(2)]);
        assert_eq!(*other.0.lock().unwrap(), [event(2)]);
    }

    #[test]
    fn a_subscriber_that_is_gone_is_forgotten() {
        let bus = LocalEventBus::new();
        let (stays, goes) = (Arc::new(Recorder::default()), Arc::new(Recorder::default()));
        bus.subscribe(weak(&goes));
        bus.subscribe(weak(&stays));
        drop(goes);
        bus.publish(event(1));
        assert_eq!(*stays.0.lock().unwrap(), [event(1)]);
        assert_eq!(bus.subscribers().len(), 1);
    }

    #[test]
    fn a_subscriber_may_subscribe_another_one_while_it_takes_an_event() {
        let bus = Arc::new(LocalEventBus::new());
        let recruit = Arc::new(Recorder::default());
        let recruiter = Arc::new(Recruiter(Arc::clone(&bus), Arc::clone(&recruit)));
        bus.subscribe(weak(&recruiter));
        bus.publish(event(1));
        drop(recruiter);
        bus.publish(event(2));
        assert_eq!(*recruit.0.lock().unwrap(), [event(2)]);
    }
}
