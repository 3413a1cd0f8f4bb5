//! The local bus keeps what the port promises.

use parlor_domain::event::EventBus;
use parlor_infra::event_bus::LocalEventBus;
use parlor_testkit::contract::BusHarness;
use std::sync::Arc;

/// One node: what is here is also there.
fn harness() -> BusHarness {
    let bus: Arc<dyn EventBus> = Arc::new(LocalEventBus::new());
    BusHarness::new(Arc::clone(&bus), bus, ())
}

parlor_testkit::event_bus_contract!(local, async { harness() });
