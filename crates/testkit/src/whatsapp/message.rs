//! One message of a customer, on its way to the webhook.

use super::customer::{Customer, put};
use super::number::{Number, next_id};
use serde_json::{Map, Value, json};

/// A message of a customer. It gets its time when it is delivered, unless it has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub(super) number: Number,
    pub(super) customer: Customer,
    pub(super) value: Map<String, Value>,
}

impl Message {
    pub(super) fn new(customer: &Customer, kind: &str, content: Option<Value>) -> Self {
        let mut value = Map::new();
        put(&mut value, "from", customer.wa_id.as_ref());
        put(&mut value, "from_user_id", customer.user_id.as_ref());
        put(&mut value, "from_parent_user_id", customer.parent_user_id.as_ref());
        value.insert("id".to_owned(), format!("wamid.EXAMPLE{}", next_id()).into());
        value.insert("type".to_owned(), kind.into());
        if let Some(content) = content {
            value.insert(kind.to_owned(), content);
        }
        Self {
            number: Number::default(),
            customer: customer.clone(),
            value,
        }
    }

    /// Its id.
    #[must_use]
    pub fn wamid(&self) -> &str {
        self.value.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.value.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// Under another id.
    #[must_use]
    pub fn id(self, wamid: &str) -> Self {
        self.set("id", wamid)
    }

    /// Written at this unix second.
    #[must_use]
    pub fn at(self, second: i64) -> Self {
        self.set("timestamp", second.to_string())
    }

    /// To another number than the example.
    #[must_use]
    pub fn number(mut self, number: &Number) -> Self {
        self.number = number.clone();
        self
    }

    /// With a caption.
    #[must_use]
    pub fn caption(self, caption: &str) -> Self {
        self.with("caption", caption)
    }

    /// In reply to a message.
    #[must_use]
    pub fn reply_to(self, wamid: &str) -> Self {
        let from = self.number.display_phone.clone();
        self.context("from", from).context("id", wamid)
    }

    /// Passed on from another chat.
    #[must_use]
    pub fn forwarded(self) -> Self {
        self.context("forwarded", true)
    }

    /// Passed on many times.
    #[must_use]
    pub fn frequently_forwarded(self) -> Self {
        self.context("frequently_forwarded", true)
    }

    /// About an article of the catalogue.
    #[must_use]
    pub fn about_product(self, catalog_id: &str, product_retailer_id: &str) -> Self {
        let product = json!({"catalog_id": catalog_id, "product_retailer_id": product_retailer_id});
        self.context("referred_product", product)
    }

    /// Written after a tap on an ad.
    #[must_use]
    pub fn from_ad(self, headline: &str) -> Self {
        let referral = json!({
            "source_url": "https://example.com/ad", "source_id": "440000000000001", "source_type": "ad",
            "headline": headline, "body": "Blue chairs", "media_type": "image", "ctwa_clid": "EXAMPLE",
        });
        self.set("referral", referral)
    }

    /// In a group.
    #[must_use]
    pub fn in_group(self, group_id: &str) -> Self {
        self.set("group_id", group_id)
    }

    /// With something in its content, under the key that its type names.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let kind = self.kind().to_owned();
        insert(&mut self.value, &kind, key, value.into());
        self
    }

    /// With something in its `context`.
    #[must_use]
    pub fn context(mut self, key: &str, value: impl Into<Value>) -> Self {
        insert(&mut self.value, "context", key, value.into());
        self
    }

    /// With something beside its content; replaces what was there.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.value.insert(key.to_owned(), value.into());
        self
    }

    /// Without something beside its content.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.value.remove(key);
        self
    }

    pub(super) fn is_system(&self) -> bool {
        self.kind() == "system"
    }

    pub(super) fn second(&self) -> Option<i64> {
        self.value.get("timestamp")?.as_str()?.parse().ok()
    }
}

fn insert(object: &mut Map<String, Value>, part: &str, key: &str, value: Value) {
    let part = object.entry(part).or_insert_with(|| json!({}));
    if let Some(part) = part.as_object_mut() {
        part.insert(key.to_owned(), value);
    }
}
