//! The conversation writer under load, without doors in front of it.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use parlor_domain::conversation::{Action, Actor, Command, Conversation, ConversationWriter, NewMessage, Outcome, VisitorActor, WriterSettings};
use parlor_domain::id::{Ids, MessageId};
use parlor_domain::store::Store;
use parlor_domain::text::{ClientId, MessageText};
use parlor_infra::event_bus::LocalEventBus;
use parlor_infra::persistence::{migrate, open_sqlite};
use parlor_infra::system::{SystemClock, SystemIds};
use parlor_testkit::{Fixture, build::a_conversation};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How the lane commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// All commands that wait in one transaction: as Parlor does.
    GroupCommit,
    /// A transaction for each command: what it is measured against.
    OneByOne,
}

impl Shape {
    const fn batch(self) -> usize {
        match self {
            Self::GroupCommit => 256,
            Self::OneByOne => 1,
        }
    }
}

/// A writer over a SQLite file with some conversations.
pub struct Load {
    writer: Arc<ConversationWriter>,
    conversations: Arc<[Conversation]>,
    sent: AtomicU64,
    _lane: JoinSet<()>,
}

impl Load {
    /// Makes the file and so many conversations in it.
    ///
    /// # Errors
    /// The file cannot be made.
    pub async fn on_sqlite(file: &Path, shape: Shape, conversations: usize) -> Result<Self> {
        let store = Arc::new(open_sqlite(file).await?);
        migrate(&store).await?;
        let fixture = Fixture::stored(&*store).await?;
        let conversations: Arc<[Conversation]> = (0..conversations).map(|_| a_conversation(&fixture.visitor)).collect();
        let work = store.begin().await?;
        for conversation in conversations.iter() {
            work.conversations().insert(conversation).await?;
        }
        work.commit().await?;
        let settings = WriterSettings {
            batch: shape.batch(),
            ..WriterSettings::default()
        };
        let writer = ConversationWriter::new(store, Arc::new(LocalEventBus::new()), Arc::new(SystemClock), Arc::new(SystemIds), settings);
        let mut lane = JoinSet::new();
        lane.spawn(writer.clone().run_lane(0));
        Ok(Self {
            writer,
            conversations,
            sent: AtomicU64::new(0),
            _lane: lane,
        })
    }

    /// Sends so many messages, one after the other from each caller, and gives the time it took.
    ///
    /// # Errors
    /// One of them was not stored: such a run does not count.
    pub async fn send(self: &Arc<Self>, callers: u64, messages: u64) -> Result<Duration> {
        let begun = Instant::now();
        let tasks = (0..callers.min(messages)).map(|caller| {
            let load = self.clone();
            let share = messages / callers + u64::from(caller < messages % callers);
            tokio::spawn(async move {
                for _ in 0..share {
                    load.send_one().await?;
                }
                anyhow::Ok(())
            })
        });
        try_join_all(tasks).await?.into_iter().collect::<Result<()>>()?;
        Ok(begun.elapsed())
    }

    async fn send_one(&self) -> Result<()> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let place = usize::try_from(number)? % self.conversations.len();
        let conversation = self.conversations.get(place).context("no conversation")?;
        let message = NewMessage {
            client_id: Some(ClientId::parse(&format!("w-{number}"))?),
            ..NewMessage::text(
                MessageId(SystemIds.ordered()),
                MessageText::stored(format!("Is the blue one still available? {number}")),
            )
        };
        let actor = Actor::Visitor(VisitorActor {
            workspace_id: conversation.workspace_id,
            id: conversation.visitor_id,
            name: None,
        });
        let done = self
            .writer
            .submit(Command {
                conversation_id: conversation.id,
                actor,
                action: Action::Send(message),
            })
            .await?;
        ensure!(matches!(done.outcome, Outcome::Stored(_)), "message {number} was not stored");
        Ok(())
    }
}
