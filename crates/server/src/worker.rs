//! What runs beside the requests: the writer's lanes, and care on timers.

use crate::jobs::work_off;
use crate::wiring::Wired;
use parlor_api::state::AppState;
use parlor_domain::creation::REMEMBERED_FOR;
use parlor_domain::event::{AccessChange, DomainEvent, EventSubscriber};
use parlor_domain::job::JobKind;
use parlor_domain::store::RepositoryError;
use parlor_infra::persistence::SeaOrmStore;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A conversation without a message is removed after this time.
const EMPTY_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A deleted conversation is erased after this time.
const DELETED_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Everything that runs in the background. Dropping it ends it.
pub struct Workers {
    tasks: JoinSet<()>,
    /// Held here, since the bus keeps no subscriber alive.
    _origins: Arc<OriginsChanged>,
}

impl Workers {
    /// Starts everything.
    #[must_use]
    pub fn start(wired: &Wired) -> Self {
        let mut tasks = JoinSet::new();
        for lane in 0..wired.writer.lanes() {
            tasks.spawn(wired.writer.clone().run_lane(lane));
        }
        tasks.spawn(work_off(wired.state.clone().into_inner(), &wired.writer));
        for task in wired.state.hub.tasks() {
            tasks.spawn(task);
        }
        let origins = Arc::new(OriginsChanged(Notify::new()));
        let subscriber: Arc<dyn EventSubscriber> = origins.clone();
        wired.state.bus.subscribe(Arc::downgrade(&subscriber));
        tasks.spawn(follow_origins(wired.state.clone().into_inner(), origins.clone()));
        tasks.spawn(wake_snoozed(wired.state.clone().into_inner()));
        tasks.spawn(tidy(wired.state.clone().into_inner()));
        tasks.spawn(tend_whatsapp(wired.state.clone().into_inner()));
        tasks.spawn(tend_database(wired.store.clone()));
        if let Some(keys) = &wired.host_keys {
            tasks.spawn(keys.clone().keep_fresh());
        }
        Self { tasks, _origins: origins }
    }

    /// Ends everything.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Wakes the task that reads the channels' origins.
struct OriginsChanged(Notify);

impl EventSubscriber for OriginsChanged {
    fn deliver(&self, event: &Arc<DomainEvent>) {
        if matches!(**event, DomainEvent::Access(AccessChange::ChannelsChanged(_))) {
            self.0.notify_one();
        }
    }
}

/// Another node's changes are seen after some seconds, this one's at once.
async fn follow_origins(state: Arc<AppState>, changed: Arc<OriginsChanged>) {
    loop {
        if let Err(error) = state.origins.refresh(&state.channels).await {
            tracing::warn!(%error, "the channels' origins could not be read; the known ones stay");
        }
        let _ = tokio::time::timeout(Duration::from_secs(5), changed.0.notified()).await;
    }
}

async fn wake_snoozed(state: Arc<AppState>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Err(error) = state.conversations.wake_snoozed().await {
            tracing::warn!(%error, "snoozed conversations could not be looked for");
        }
    }
}

async fn tidy(state: Arc<AppState>) {
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        state.limits.tidy();
        if let Err(error) = state.attachments.remove_unused().await {
            tracing::warn!(%error, "unused files could not be removed; they are tried again in a minute");
        }
        if let Err(error) = forget_old(&state).await {
            tracing::warn!(%error, "old rows could not be removed; they are tried again in a minute");
        }
    }
}

/// What the platform told too early finds its message.
async fn tend_whatsapp(state: Arc<AppState>) {
    loop {
        tokio::time::sleep(Duration::from_secs(15)).await;
        if let Err(error) = measure_outbox(&state).await {
            tracing::warn!(%error, "the messages that wait for WhatsApp could not be counted");
        }
        match state.whatsapp.tend_early().await {
            Ok(0) => {}
            Ok(forgotten) => tracing::info!(forgotten, "WhatsApp told about messages that never became known"),
            Err(error) => tracing::warn!(%error, "what WhatsApp told early could not be looked after"),
        }
    }
}

/// How many messages wait to go out.
async fn measure_outbox(state: &AppState) -> Result<(), RepositoryError> {
    let waiting = state.store.read().await?.jobs().waiting(JobKind::WhatsappSend).await?;
    metrics::gauge!("parlor_whatsapp_queue_messages").set(f64::from(u32::try_from(waiting).unwrap_or(u32::MAX)));
    Ok(())
}

/// Removes what has had its time.
///
/// # Errors
/// Storage failed; the rest is tried at the next call.
pub async fn forget_old(state: &AppState) -> Result<(), RepositoryError> {
    let now = state.clock.now();
    let work = state.store.begin().await?;
    work.tickets().delete_before(now).await?;
    work.creations().delete_before(now.minus(REMEMBERED_FOR)).await?;
    work.invitations().delete_before(now).await?;
    work.logins().delete_before(now.minus(EMPTY_KEPT)).await?;
    work.commit().await?;
    loop {
        let work = state.store.begin().await?;
        // Few at a time: on SQLite all writers wait meanwhile.
        let erased = work.conversations().erase(now.minus(EMPTY_KEPT), now.minus(DELETED_KEPT), 50).await?;
        work.commit().await?;
        if erased == 0 {
            return Ok(());
        }
    }
}

async fn tend_database(store: Arc<SeaOrmStore>) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        if let Err(error) = store.tend().await {
            tracing::debug!(%error, "the database could not be tended");
        }
    }
}
