//! An answer on its way over the network.

use super::breaker::Permit;
use super::reader::Reader;
use super::retry::Setback;
use async_trait::async_trait;
use parlor_domain::assistant::{ModelAnswer, ModelEvent, ModelFailure};
use reqwest::Response;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long is waited for the rest of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    /// The next piece must be here.
    pub(super) next: Instant,
    /// The whole answer must be here.
    pub(super) whole: Instant,
    pub(super) between: Duration,
    pub(super) after_finish: Duration,
}

/// The connection, and what was read from it.
pub(super) struct Incoming {
    /// Gone as soon as nothing more is read: that closes the connection, and the server stops working.
    response: Option<Response>,
    reader: Reader,
    waits: Waits,
}

impl Incoming {
    pub(super) fn new(response: Response, waits: Waits) -> Self {
        Self {
            response: Some(response),
            reader: Reader::new(),
            waits,
        }
    }

    /// Waits for the first piece; a failure in its place may be worth another request.
    pub(super) async fn begin(&mut self) -> Result<(), Setback> {
        self.ready().await;
        match self.reader.failure() {
            Some(failure) if failure == ModelFailure::TooSlow || self.reader.is_cut_off() => Err(Setback::passing(failure)),
            Some(failure) => Err(Setback::lasting(failure)),
            None => Ok(()),
        }
    }

    /// Reads until there is a piece, or nothing more to come. Being dropped in the middle loses nothing.
    async fn ready(&mut self) {
        while let Some(response) = self.response.as_mut().filter(|_| !self.reader.is_ready()) {
            match timeout_at(self.waits.next.min(self.waits.whole), response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    let heard = self.reader.take(&bytes);
                    // Comments keep a connection open, they are no answer.
                    if heard {
                        let finished = self.reader.has_finish();
                        let patience = if finished { self.waits.after_finish } else { self.waits.between };
                        self.waits.next = Instant::now() + patience.min(self.waits.between);
                    }
                }
                Ok(Ok(None) | Err(_)) => self.reader.end(),
                Err(_) => self.reader.give_up(ModelFailure::TooSlow),
            }
        }
        if self.reader.is_over() {
            self.response = None;
        }
    }
}

/// What the domain reads, piece by piece; the breaker hears how it ends.
pub(super) struct OpenAiAnswer {
    pub(super) incoming: Incoming,
    pub(super) permit: Permit,
}

#[async_trait]
impl ModelAnswer for OpenAiAnswer {
    async fn next(&mut self) -> Option<Result<ModelEvent, ModelFailure>> {
        self.incoming.ready().await;
        let piece = self.incoming.reader.pop();
        match &piece {
            Some(Ok(ModelEvent::Finished(_))) => self.permit.succeeded(),
            Some(Err(failure)) => {
                self.permit.failed(*failure);
            }
            _ => {}
        }
        piece
    }
}
