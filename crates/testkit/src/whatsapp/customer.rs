//! The people on the other side, and everything they can write.

use super::media::Media;
use super::message::Message;
use serde_json::{Value, json};

/// A customer, as the platform shows them to the business.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Customer {
    pub(super) wa_id: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) parent_user_id: Option<String>,
    pub(super) profile_name: Option<String>,
    pub(super) profile_username: Option<String>,
}

impl Customer {
    /// One with a phone id.
    #[must_use]
    pub fn new(wa_id: impl Into<String>) -> Self {
        Self {
            wa_id: Some(wa_id.into()),
            ..Self::default()
        }
    }

    /// One who hides the phone number, known by user id.
    #[must_use]
    pub fn hidden(user_id: impl Into<String>) -> Self {
        Self {
            user_id: Some(user_id.into()),
            ..Self::default()
        }
    }

    /// With a name of the profile.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.profile_name = Some(name.into());
        self
    }

    /// With a username.
    #[must_use]
    pub fn username(mut self, name: impl Into<String>) -> Self {
        self.profile_username = Some(name.into());
        self
    }

    /// With a user id.
    #[must_use]
    pub fn user_id(mut self, id: impl Into<String>) -> Self {
        self.user_id = Some(id.into());
        self
    }

    /// With the user id that several businesses of one owner share.
    #[must_use]
    pub fn parent_user_id(mut self, id: impl Into<String>) -> Self {
        self.parent_user_id = Some(id.into());
        self
    }

    /// Whether this id is one of theirs.
    pub(super) fn goes_by(&self, id: &str) -> bool {
        [&self.wa_id, &self.user_id, &self.parent_user_id]
            .into_iter()
            .any(|known| known.as_deref() == Some(id))
    }

    /// What `contacts` says about them.
    #[must_use]
    pub fn contact(&self) -> Value {
        let mut profile = serde_json::Map::new();
        put(&mut profile, "name", self.profile_name.as_ref());
        put(&mut profile, "username", self.profile_username.as_ref());
        let mut contact = serde_json::Map::new();
        contact.insert("profile".to_owned(), profile.into());
        put(&mut contact, "wa_id", self.wa_id.as_ref());
        put(&mut contact, "user_id", self.user_id.as_ref());
        put(&mut contact, "parent_user_id", self.parent_user_id.as_ref());
        contact.into()
    }

    /// A message of any kind, its content under the key that its type names.
    #[must_use]
    pub fn says(&self, kind: &str, content: Value) -> Message {
        Message::new(self, kind, Some(content))
    }

    /// A text.
    #[must_use]
    pub fn text(&self, body: impl Into<String>) -> Message {
        self.says("text", json!({"body": body.into()}))
    }

    /// A picture.
    #[must_use]
    pub fn image(&self, media: &Media) -> Message {
        self.says("image", media.in_message())
    }

    /// A film.
    #[must_use]
    pub fn video(&self, media: &Media) -> Message {
        self.says("video", media.in_message())
    }

    /// A sound.
    #[must_use]
    pub fn audio(&self, media: &Media) -> Message {
        self.says("audio", media.in_message()).with("voice", false)
    }

    /// A voice note.
    #[must_use]
    pub fn voice(&self, media: &Media) -> Message {
        self.says("audio", media.in_message()).with("voice", true)
    }

    /// A file with a name.
    #[must_use]
    pub fn document(&self, media: &Media, file_name: impl Into<String>) -> Message {
        self.says("document", media.in_message()).with("filename", file_name.into())
    }

    /// A sticker that stands still.
    #[must_use]
    pub fn sticker(&self, media: &Media) -> Message {
        self.says("sticker", media.in_message()).with("animated", false)
    }

    /// A place, without name and address: see [`Message::with`].
    #[must_use]
    pub fn location(&self, latitude: f64, longitude: f64) -> Message {
        self.says("location", json!({"latitude": latitude, "longitude": longitude}))
    }

    /// Cards of people, each a name and a phone number.
    #[must_use]
    pub fn contacts(&self, cards: &[(&str, &str)]) -> Message {
        let cards = cards
            .iter()
            .map(|(name, phone)| json!({"name": {"formatted_name": name, "first_name": name}, "phones": [{"phone": phone, "type": "CELL"}]}));
        self.says("contacts", cards.collect())
    }

    /// A tap on one of our buttons.
    #[must_use]
    pub fn button_reply(&self, id: &str, title: &str) -> Message {
        self.says("interactive", json!({"type": "button_reply", "button_reply": {"id": id, "title": title}}))
    }

    /// A choice from one of our lists.
    #[must_use]
    pub fn list_reply(&self, id: &str, title: &str, description: &str) -> Message {
        let reply = json!({"id": id, "title": title, "description": description});
        self.says("interactive", json!({"type": "list_reply", "list_reply": reply}))
    }

    /// A filled-in form; its answers are a text that should be JSON.
    #[must_use]
    pub fn form_reply(&self, response_json: &str) -> Message {
        let reply = json!({"name": "flow", "body": "Sent", "response_json": response_json});
        self.says("interactive", json!({"type": "nfm_reply", "nfm_reply": reply}))
    }

    /// A tap on a template's button.
    #[must_use]
    pub fn button(&self, text: &str, payload: &str) -> Message {
        self.says("button", json!({"text": text, "payload": payload}))
    }

    /// An order: article, number, price of one, currency.
    #[must_use]
    pub fn order(&self, items: &[(&str, u32, f64, &str)]) -> Message {
        let items: Vec<Value> = items
            .iter()
            .map(
                |(article, quantity, price, currency)| json!({"product_retailer_id": article, "quantity": quantity, "item_price": price, "currency": currency}),
            )
            .collect();
        self.says("order", json!({"catalog_id": "550000000000001", "text": "", "product_items": items}))
    }

    /// An emoji on a message.
    #[must_use]
    pub fn reaction(&self, message_id: &str, emoji: &str) -> Message {
        self.says("reaction", json!({"message_id": message_id, "emoji": emoji}))
    }

    /// No emoji on it any more.
    #[must_use]
    pub fn no_reaction(&self, message_id: &str) -> Message {
        self.says("reaction", json!({"message_id": message_id}))
    }

    /// Another text for an earlier message.
    #[must_use]
    pub fn edit(&self, message_id: &str, body: &str) -> Message {
        let message = json!({"context": {"id": message_id}, "type": "text", "text": {"body": body}});
        self.says("edit", json!({"original_message_id": message_id, "message": message}))
    }

    /// An earlier message taken back.
    #[must_use]
    pub fn revoke(&self, message_id: &str) -> Message {
        self.says("revoke", json!({"original_message_id": message_id}))
    }

    /// From now on they have another phone number.
    #[must_use]
    pub fn changed_number(&self, wa_id: &str) -> Message {
        let body = format!("User changed from {} to {wa_id}", self.wa_id.as_deref().unwrap_or_default());
        self.says("system", json!({"type": "user_changed_number", "wa_id": wa_id, "body": body}))
    }

    /// From now on they have another user id.
    #[must_use]
    pub fn changed_user_id(&self, user_id: &str) -> Message {
        let previous = self.user_id.as_deref().unwrap_or_default();
        let body = format!("User changed from {previous} to {user_id}");
        let change = json!({"type": "user_changed_user_id", "previous_user_id": previous, "user_id": user_id, "body": body});
        self.says("system", change)
    }

    /// Something that the platform does not pass on, such as a poll.
    #[must_use]
    pub fn unsupported(&self) -> Message {
        let error = json!({
            "code": 131_051, "title": "Message type unknown", "message": "Message type unknown",
            "error_data": {"details": "Message type is currently not supported."},
        });
        self.says("unsupported", json!({"type": "poll"})).set("errors", json!([error]))
    }

    /// A kind that did not exist when anybody wrote a parser.
    #[must_use]
    pub fn unknown_kind(&self) -> Message {
        self.says("hologram", json!({"id": "990000000000000", "depth": 3}))
    }

    /// A type without the content that belongs to it.
    #[must_use]
    pub fn without_content(&self, kind: &str) -> Message {
        Message::new(self, kind, None)
    }
}

pub(super) fn put(object: &mut serde_json::Map<String, Value>, key: &str, value: Option<&String>) {
    if let Some(value) = value {
        object.insert(key.to_owned(), value.as_str().into());
    }
}
