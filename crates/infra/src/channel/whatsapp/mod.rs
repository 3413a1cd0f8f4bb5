//! The WhatsApp Business Cloud API over the guarded client.

mod client;
mod error;
mod media;
mod payload;

use crate::outgoing::GuardedClient;
use async_trait::async_trait;
use client::Answer;
pub use client::Patience;
use error::{foreign, whether_accepted};
use parlor_domain::whatsapp::{Accepted, Answered, FileToSend, IncomingMedia, Number, NumberFacts, OutgoingMessage, WhatsappGateway};
use reqwest::Method;
use serde_json::Value;
use std::sync::Arc;

/// Calls the platform with each number's own token.
pub struct CloudApi {
    client: Arc<GuardedClient>,
    patience: Patience,
}

impl CloudApi {
    /// Calls through this client.
    #[must_use]
    pub fn new(client: Arc<GuardedClient>) -> Self {
        Self {
            client,
            patience: Patience::default(),
        }
    }

    /// With other times than the usual ones.
    #[must_use]
    pub const fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    async fn post(&self, number: &Number, body: &Value) -> Answered<Answer> {
        let url = client::url(number, &[&number.phone_number_id, "messages"])?;
        self.ask(self.request(Method::POST, url, number)?.json(body), self.patience.whole).await
    }
}

#[async_trait]
impl WhatsappGateway for CloudApi {
    async fn send(&self, number: &Number, message: &OutgoingMessage) -> Answered<Accepted> {
        whether_accepted(&self.post(number, &payload::message(message)).await?, number)
    }

    async fn upload(&self, number: &Number, file: FileToSend) -> Answered<String> {
        self.take_up(number, file).await
    }

    async fn download(&self, number: &Number, media_id: &str) -> Answered<IncomingMedia> {
        self.bring_down(number, media_id).await
    }

    async fn mark_read(&self, number: &Number, external_id: &str, typing: bool) -> Answered<()> {
        let answer = self.post(number, &payload::read(external_id, typing)).await?;
        match answer.good(number)?.get("success") {
            Some(Value::Bool(false)) => Err(foreign("WhatsApp did not mark the message as read")),
            _ => Ok(()),
        }
    }

    async fn check(&self, number: &Number) -> Answered<NumberFacts> {
        let mut url = client::url(number, &[&number.phone_number_id])?;
        url.set_query(Some("fields=display_phone_number,verified_name,quality_rating"));
        let answer = self.ask(self.request(Method::GET, url, number)?, self.patience.whole).await?;
        let facts = answer.good(number)?;
        let words = |name: &str| facts.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(NumberFacts {
            display_phone: words("display_phone_number"),
            verified_name: words("verified_name"),
            quality: words("quality_rating"),
        })
    }
}
