//! The webhook of the business, called as the platform calls it.

use super::wire::{HttpAnswer, call, encoded};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::io;

/// Where deliveries go, and the secrets they go with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The address.
    pub url: String,
    /// The key of the signatures.
    pub app_secret: String,
    /// What the handshake shows.
    pub verify_token: String,
}

impl Webhook {
    /// The app secret of all examples.
    pub const EXAMPLE_SECRET: &'static str = "example-app-secret";
    /// The verify token of all examples.
    pub const EXAMPLE_VERIFY_TOKEN: &'static str = "example-verify-token";

    /// One with the secrets of all examples.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            app_secret: Self::EXAMPLE_SECRET.to_owned(),
            verify_token: Self::EXAMPLE_VERIFY_TOKEN.to_owned(),
        }
    }

    /// With another app secret.
    #[must_use]
    pub fn app_secret(mut self, secret: impl Into<String>) -> Self {
        self.app_secret = secret.into();
        self
    }

    /// With another verify token.
    #[must_use]
    pub fn verify_token(mut self, token: impl Into<String>) -> Self {
        self.verify_token = token.into();
        self
    }

    /// Asks for the subscription with this challenge.
    ///
    /// # Errors
    /// When the webhook cannot be reached.
    pub async fn handshake(&self, challenge: &str) -> io::Result<HttpAnswer> {
        let token = encoded(&self.verify_token);
        self.get(&format!("hub.mode=subscribe&hub.challenge={}&hub.verify_token={token}", encoded(challenge)))
            .await
    }

    /// Asks with any query.
    ///
    /// # Errors
    /// When the webhook cannot be reached.
    pub async fn get(&self, query: &str) -> io::Result<HttpAnswer> {
        call("GET", &format!("{}?{query}", self.url), &[], b"").await
    }

    /// These bytes, rightly signed.
    #[must_use]
    pub fn signed(&self, body: impl Into<Vec<u8>>) -> Delivery {
        let body = body.into();
        let signature = signature(&self.app_secret, &body);
        Delivery {
            body,
            headers: vec![
                ("Content-Type".to_owned(), "application/json".to_owned()),
                ("User-Agent".to_owned(), "facebookexternalua".to_owned()),
            ],
        }
        .signature(&signature)
    }

    /// This JSON as the platform writes it, rightly signed.
    #[must_use]
    pub fn signed_json(&self, value: &Value) -> Delivery {
        self.signed(ascii_json(value))
    }

    /// Delivers.
    ///
    /// # Errors
    /// When the webhook cannot be reached.
    pub async fn post(&self, delivery: &Delivery) -> io::Result<HttpAnswer> {
        call("POST", &self.url, &delivery.headers, &delivery.body).await
    }
}

/// One call of a webhook, byte for byte. Whoever changes the body keeps the signature of the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The bytes of the body.
    pub body: Vec<u8>,
    /// The headers, without those that HTTP itself needs.
    pub headers: Vec<(String, String)>,
}

impl Delivery {
    /// The name of the header with the signature.
    pub const SIGNATURE: &'static str = "X-Hub-Signature-256";

    /// With another signature, whatever it says.
    #[must_use]
    pub fn signature(self, value: &str) -> Self {
        self.unsigned().header(Self::SIGNATURE, value)
    }

    /// Without a signature.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(Self::SIGNATURE));
        self
    }

    /// With one more header; a second one of a name stands beside the first.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Cut off after so many bytes.
    #[must_use]
    pub fn truncated(mut self, length: usize) -> Self {
        self.body.truncate(length);
        self
    }

    /// With one byte of the body changed, in its middle.
    #[must_use]
    pub fn tampered(mut self) -> Self {
        let middle = self.body.len() / 2;
        if let Some(byte) = self.body.get_mut(middle) {
            *byte ^= 1;
        }
        self
    }
}

/// The value of the signature's header for a body.
#[must_use]
pub fn signature(app_secret: &str, body: &[u8]) -> String {
    let mut text = "sha256=".to_owned();
    // HMAC takes keys of every length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()) {
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            text.push_str(&format!("{byte:02x}"));
        }
    }
    text
}

/// JSON as the platform writes it: ASCII only, the solidus escaped. Who parses and writes it again gets other bytes.
#[must_use]
pub fn ascii_json(value: &Value) -> Vec<u8> {
    let mut text = String::new();
    for character in value.to_string().chars() {
        match character {
            '/' => text.push_str("\\/"),
            character if character.is_ascii() && character != '\u{7f}' => text.push(character),
            character => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text.into_bytes()
}
