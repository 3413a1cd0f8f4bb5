//! What became of a message that the business sent.

use super::customer::{Customer, put};
use super::error::title;
use super::number::Number;
use serde_json::{Map, Value, json};

/// A status on its way to the webhook. It gets its time when it is delivered, unless it has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub(super) number: Number,
    pub(super) value: Map<String, Value>,
}

impl Status {
    /// Any word about a message.
    #[must_use]
    pub fn new(wamid: &str, status: &str) -> Self {
        let mut value = Map::new();
        value.insert("id".to_owned(), wamid.into());
        value.insert("status".to_owned(), status.into());
        Self {
            number: Number::default(),
            value,
        }
    }

    /// The platform has it.
    #[must_use]
    pub fn sent(wamid: &str) -> Self {
        Self::new(wamid, "sent")
            .priced()
            .set("conversation", json!({"id": "c0000000000000000000000000000001", "origin": {"type": "service"}}))
    }

    /// The customer's device has it.
    #[must_use]
    pub fn delivered(wamid: &str) -> Self {
        Self::new(wamid, "delivered").priced()
    }

    /// The customer has seen it.
    #[must_use]
    pub fn read(wamid: &str) -> Self {
        Self::new(wamid, "read").priced()
    }

    /// It never arrives, for this reason.
    #[must_use]
    pub fn failed(wamid: &str, code: u32) -> Self {
        let error = json!({
            "code": code, "title": title(code), "message": title(code),
            "error_data": {"details": "As the test wants it."},
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        });
        Self::new(wamid, "failed").set("errors", json!([error]))
    }

    /// About a message to this customer.
    #[must_use]
    pub fn to(mut self, customer: &Customer) -> Self {
        put(&mut self.value, "recipient_id", customer.wa_id.as_ref());
        put(&mut self.value, "recipient_user_id", customer.user_id.as_ref());
        self
    }

    /// With what the message carried for us.
    #[must_use]
    pub fn opaque(self, data: &str) -> Self {
        self.set("biz_opaque_callback_data", data)
    }

    /// At this unix second.
    #[must_use]
    pub fn at(self, second: i64) -> Self {
        self.set("timestamp", second.to_string())
    }

    /// Of another number than the example.
    #[must_use]
    pub fn number(mut self, number: &Number) -> Self {
        self.number = number.clone();
        self
    }

    /// With something more; replaces what was there.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.value.insert(key.to_owned(), value.into());
        self
    }

    /// Without something.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.value.remove(key);
        self
    }

    fn priced(self) -> Self {
        let pricing = json!({"billable": false, "pricing_model": "PMP", "category": "service", "type": "free_customer_service"});
        self.set("pricing", pricing)
    }
}
