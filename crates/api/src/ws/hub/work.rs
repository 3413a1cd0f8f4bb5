//! What the hub does because of an event and cannot do on the spot: it needs the database.

use super::people::PersonKey;
use super::{Client, Hub, Next, lock};
use parlor_domain::conversation::{Audience, Catchup, Conversation, ReadError, Viewer};
use parlor_domain::event::{ConversationChange, ConversationEvent};
use parlor_domain::id::ConversationId;
use parlor_domain::store::RepositoryError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Something to do.
pub enum Work {
    /// An event is missing: read what it said.
    Repair(ConversationId),
    /// Look who a conversation belongs to now.
    Moved(ConversationId),
    /// Look whether logins still stand.
    Renew(Vec<Arc<Client>>),
    /// Tell that somebody is here whom another node called gone.
    StillHere(PersonKey),
}

/// How much is done at the same time, so that a bus that comes back does not flood the database.
const AT_ONCE: usize = 16;
/// After a failure.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A conversation of which nothing was heard for so long is compared with the database.
const QUIET: Duration = Duration::from_secs(30);
/// How many rows are read at once.
const CHUNK: usize = 200;

impl Hub {
    pub(super) async fn do_work(self: Arc<Self>) {
        let Some(mut intake) = lock(&self.intake).take() else { return };
        let room = Arc::new(Semaphore::new(AT_ONCE));
        while let Some(work) = intake.recv().await {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let hub = Arc::clone(&self);
            tokio::spawn(async move {
                hub.work_on(work).await;
                drop(permit);
            });
        }
    }

    async fn work_on(&self, work: Work) {
        match work {
            Work::Repair(conversation) => self.repair(conversation).await,
            Work::Moved(conversation) => match self.with.conversations.load(&[conversation]).await {
                Ok(rows) => rows.iter().for_each(|row| self.moved(row)),
                Err(error) => {
                    tracing::warn!(%conversation, %error, "whose a moved conversation is will be read again");
                    tokio::time::sleep(AGAIN_AFTER).await;
                    self.order(Work::Moved(conversation));
                }
            },
            Work::Renew(clients) => {
                for client in clients {
                    self.renew(&client).await;
                }
            }
            Work::StillHere(person) => {
                let tell = lock(&self.people).still_here(person);
                tell.into_iter().for_each(|tell| self.tell_presence(tell));
            }
        }
    }

    async fn repair(&self, conversation: ConversationId) {
        metrics::counter!("parlor_hub_repairs_total").increment(1);
        if let Err(error) = self.try_repair(conversation).await {
            tracing::warn!(%conversation, %error, "what the bus lost could not be read; it is tried again");
            tokio::time::sleep(AGAIN_AFTER).await;
            self.order(Work::Repair(conversation));
        }
    }

    async fn try_repair(&self, conversation: ConversationId) -> Result<(), RepositoryError> {
        let mut from = None;
        self.with_topic(conversation, |topic| {
            from = topic.repair_from();
            Next::Done
        });
        let Some((staff, public)) = from else { return Ok(()) };
        let Some(row) = self.with.conversations.load(&[conversation]).await?.pop() else {
            self.vanished(conversation);
            return Ok(());
        };
        if row.deleted_at.is_some() {
            self.deleted(row);
            return Ok(());
        }
        let mut read = Vec::new();
        let wanted = [
            (Audience::Staff, Viewer::Staff(row.workspace_id), staff),
            (Audience::Public, Viewer::Visitor(row.workspace_id, row.visitor_id), public),
        ];
        for (audience, viewer, after) in wanted {
            let Some(after) = after else { continue };
            read.push((audience, self.catch_up(viewer, conversation, after).await?));
        }
        self.with_topic(conversation, |topic| topic.repaired(&read));
        Ok(())
    }

    async fn catch_up(&self, viewer: Viewer, conversation: ConversationId, after: i64) -> Result<Catchup, RepositoryError> {
        self.with.reader.catch_up(viewer, conversation, after).await.map_err(|error| match error {
            // It was there a moment ago: it was deleted or moved in between, and the next try sees it.
            ReadError::NotFound => RepositoryError::Unavailable("the conversation changed while it was read".to_owned()),
            ReadError::Repository(error) => error,
        })
    }

    fn vanished(&self, conversation: ConversationId) {
        self.with_topic(conversation, |topic| {
            topic.vanish();
            Next::Done
        });
    }

    fn deleted(&self, row: Conversation) {
        let id = row.id;
        let last = deletion(row);
        self.with_topic(id, |topic| {
            topic.end(&last);
            Next::Done
        });
    }

    /// The bus may lose an event and nothing after it: then no hole is seen.
    pub(super) async fn compare_with_database(self: Arc<Self>) {
        loop {
            tokio::time::sleep(QUIET).await;
            self.compare_quiet_ones(Instant::now()).await;
        }
    }

    pub(super) async fn compare_quiet_ones(&self, now: Instant) {
        let mut ids = Vec::new();
        for topics in &self.topics {
            ids.extend(lock(topics).iter().filter(|(_, topic)| topic.is_quiet(now, QUIET)).map(|(id, _)| *id));
        }
        for chunk in ids.chunks(CHUNK) {
            let rows = match self.with.conversations.load(chunk).await {
                Ok(rows) => rows,
                Err(error) => {
                    tracing::warn!(%error, "conversations could not be compared with the database; they will be");
                    return;
                }
            };
            for id in chunk.iter().filter(|id| !rows.iter().any(|row| row.id == **id)) {
                self.vanished(*id);
            }
            for row in rows {
                if row.deleted_at.is_some() {
                    self.deleted(row);
                } else {
                    self.with_topic(row.id, |topic| topic.compare(&row, now));
                }
            }
        }
    }
}

/// The last event of a deleted conversation.
fn deletion(row: Conversation) -> ConversationEvent {
    ConversationEvent {
        rev: Some(row.rev),
        staff_rev: row.staff_rev,
        at: row.deleted_at.unwrap_or(row.updated_at),
        change: ConversationChange::Deleted,
        conversation: Arc::new(row),
    }
}
