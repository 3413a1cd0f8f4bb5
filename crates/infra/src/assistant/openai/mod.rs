//! A model server that speaks the chat protocol of OpenAI, as most do, each in its own dialect.

mod answer;
mod breaker;
mod events;
mod reader;
mod request;
mod retry;
mod tools;

use crate::outgoing::{GuardedClient, OutgoingError, Trust, is_forbidden};
use answer::{Incoming, OpenAiAnswer, Waits};
use async_trait::async_trait;
use breaker::Breakers;
use parlor_domain::assistant::{LanguageModel, ModelAnswer, ModelFailure, ModelHealth, ModelQuestion, ModelServer};
use parlor_domain::clock::Clock;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING};
use reqwest::{Method, Url};
pub use retry::Pace;
use retry::Setback;
use serde_json::Value;
use std::sync::Arc;
use tokio::time::{Instant, sleep, timeout_at};

/// Asks model servers through the guarded client.
pub struct OpenAiModel {
    client: Arc<GuardedClient>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    breakers: Breakers,
}

/// One question, as it goes out; the same at every repeat.
struct Asking<'a> {
    server: &'a ModelServer,
    url: Url,
    body: Value,
    whole: Instant,
}

impl OpenAiModel {
    /// The clock only reads the dates of `Retry-After`.
    #[must_use]
    pub fn new(client: Arc<GuardedClient>, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            clock,
            pace: Pace::default(),
            breakers: Breakers::default(),
        }
    }

    /// With other times than the usual ones.
    #[must_use]
    pub const fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// One request: its answer with the first piece ready, or why there is none.
    async fn request(&self, asking: &Asking<'_>) -> Result<Incoming, Setback> {
        let patience = asking.server.patience;
        let trust = if asking.server.by_operator { Trust::Operator } else { Trust::Settings };
        let mut request = self
            .client
            .request(Method::POST, asking.url.clone(), trust, patience.connect)
            .map_err(|error| match error {
                OutgoingError::Setup => Setback::lasting(ModelFailure::Unreachable),
                OutgoingError::Forbidden | OutgoingError::Exception => Setback::lasting(ModelFailure::Forbidden),
            })?
            .header(ACCEPT, "text/event-stream, application/json")
            .header(ACCEPT_ENCODING, "identity")
            .json(&asking.body);
        if let Some(key) = &asking.server.api_key {
            request = request.bearer_auth(key.expose());
        }

        let waits = Waits {
            next: Instant::now() + patience.first,
            whole: asking.whole,
            between: patience.between,
            after_finish: self.pace.after_finish,
        };
        // The words of an error stay here: they have the address in them.
        let response = match timeout_at(waits.next.min(waits.whole), request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if is_forbidden(&error) => return Err(Setback::lasting(ModelFailure::Forbidden)),
            // A key that no header can hold is none that a server would take.
            Ok(Err(error)) if error.is_builder() => return Err(Setback::lasting(ModelFailure::NotAllowed(401))),
            Ok(Err(_)) => {
                count_request("unreachable");
                return Err(Setback::passing(ModelFailure::Unreachable));
            }
            Err(_) => {
                count_request("timeout");
                return Err(Setback::passing(ModelFailure::TooSlow));
            }
        };
        count_request(response.status().as_str());
        if let Some(setback) = Setback::of_status(response.status(), response.headers(), self.clock.now()) {
            return Err(setback);
        }
        let mut incoming = Incoming::new(response, waits);
        incoming.begin().await?;
        Ok(incoming)
    }
}

#[async_trait]
impl LanguageModel for OpenAiModel {
    async fn ask(&self, question: ModelQuestion) -> Result<Box<dyn ModelAnswer>, ModelFailure> {
        let server = &question.server;
        let asking = Asking {
            server,
            url: request::url(server)?,
            body: request::body(&question),
            whole: Instant::now() + server.patience.whole,
        };
        let mut permit = self.breakers.enter(server, self.pace.rest).ok_or(ModelFailure::Resting)?;
        let mut repeat = 0;
        loop {
            let setback = match self.request(&asking).await {
                Ok(incoming) => {
                    permit.answers();
                    return Ok(Box::new(OpenAiAnswer { incoming, permit }));
                }
                Err(setback) => setback,
            };
            let may_repeat = permit.failed(setback.failure);
            match setback.wait(repeat, &self.pace) {
                Some(wait) if may_repeat && Instant::now() + wait < asking.whole => sleep(wait).await,
                _ => {
                    let host = asking.url.host_str().unwrap_or_default();
                    tracing::warn!(host, model = server.model, failure = %setback.failure, "a model server gave no answer");
                    return Err(setback.failure);
                }
            }
            repeat += 1;
            metrics::counter!("parlor_assistant_model_retries_total").increment(1);
        }
    }

    fn health(&self, server: &ModelServer) -> ModelHealth {
        self.breakers.health(server)
    }
}

fn count_request(status: &str) {
    metrics::counter!("parlor_assistant_model_requests_total", "status" => status.to_owned()).increment(1);
}
