//! The fakes keep the contracts that the real adapters keep.

use parlor_testkit::contract::{BusHarness, Harness};
use parlor_testkit::{MemoryStore, RecordingEventBus};
use std::sync::Arc;

fn a_store() -> Harness {
    let store = MemoryStore::new();
    Harness::new(Arc::new(store.clone()), Arc::new(store), ())
}

fn a_bus() -> BusHarness {
    let bus = Arc::new(RecordingEventBus::new());
    BusHarness::new(bus.clone(), bus, ())
}

parlor_testkit::store_contract!(in_memory, async { a_store() });
parlor_testkit::event_bus_contract!(recording, async { a_bus() });
