//! What one delivery holds: entries with changes with messages and statuses.

use super::customer::Customer;
use super::message::Message;
use super::number::Number;
use super::status::Status;
use serde_json::{Map, Value, json};

#[derive(Debug, Clone, Default, PartialEq)]
struct Change {
    number: Number,
    contacts: Option<Vec<Value>>,
    messages: Vec<Message>,
    statuses: Vec<Status>,
    errors: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Ours(Vec<Change>),
    Raw(Value),
}

/// The content of a delivery. What is added goes to the last change, unless it belongs to another number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Envelope {
    entries: Vec<Entry>,
    raw: Option<Value>,
}

impl Envelope {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One change with nothing in it.
    #[must_use]
    pub fn of(number: &Number) -> Self {
        Self::new().entry(number)
    }

    /// Any JSON.
    #[must_use]
    pub fn raw(value: Value) -> Self {
        Self {
            entries: Vec::new(),
            raw: Some(value),
        }
    }

    /// Then another entry, with one change.
    #[must_use]
    pub fn entry(mut self, number: &Number) -> Self {
        self.entries.push(Entry::Ours(Vec::new()));
        self.change(number)
    }

    /// Then another change in the last entry.
    #[must_use]
    pub fn change(mut self, number: &Number) -> Self {
        let change = Change {
            number: number.clone(),
            ..Change::default()
        };
        match self.entries.last_mut() {
            Some(Entry::Ours(changes)) => changes.push(change),
            _ => self.entries.push(Entry::Ours(vec![change])),
        }
        self
    }

    /// Then an entry with a change of another field.
    #[must_use]
    pub fn field(mut self, field: &str, value: &Value) -> Self {
        let change = json!({"field": field, "value": value});
        self.entries.push(Entry::Raw(json!({"id": Number::default().waba_id, "changes": [change]})));
        self
    }

    /// Then any entry.
    #[must_use]
    pub fn raw_entry(mut self, entry: Value) -> Self {
        self.entries.push(Entry::Raw(entry));
        self
    }

    /// Then a message.
    #[must_use]
    pub fn message(self, message: impl Into<Message>) -> Self {
        let message = message.into();
        self.in_change(&message.number.clone(), |change| change.messages.push(message))
    }

    /// Then a status.
    #[must_use]
    pub fn status(self, status: impl Into<Status>) -> Self {
        let status = status.into();
        self.in_change(&status.number.clone(), |change| change.statuses.push(status))
    }

    /// Then an error of the number itself.
    #[must_use]
    pub fn error(self, number: &Number, error: Value) -> Self {
        self.in_change(number, |change| change.errors.push(error))
    }

    /// With these contacts in the last change, in place of one for each customer who wrote.
    #[must_use]
    pub fn contacts(mut self, contacts: Vec<Value>) -> Self {
        if let Some(Entry::Ours(changes)) = self.entries.last_mut()
            && let Some(change) = changes.last_mut()
        {
            change.contacts = Some(contacts);
        }
        self
    }

    fn in_change(mut self, number: &Number, add: impl FnOnce(&mut Change)) -> Self {
        let fits = match self.entries.last() {
            Some(Entry::Ours(changes)) => changes.last().is_some_and(|change| change.number == *number),
            _ => false,
        };
        if !fits {
            self = self.entry(number);
        }
        if let Some(Entry::Ours(changes)) = self.entries.last_mut()
            && let Some(change) = changes.last_mut()
        {
            add(change);
        }
        self
    }

    /// All messages in it.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        let changes = self.entries.iter().filter_map(|entry| match entry {
            Entry::Ours(changes) => Some(changes),
            Entry::Raw(_) => None,
        });
        changes.flatten().flat_map(|change| &change.messages)
    }

    /// The JSON of it; what has no time yet happened at this unix second.
    #[must_use]
    pub fn json(&self, now: i64) -> Value {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let entries: Vec<Value> = self.entries.iter().map(|entry| entry.json(now)).collect();
        json!({"object": "whatsapp_business_account", "entry": entries})
    }
}

impl Entry {
    fn json(&self, now: i64) -> Value {
        match self {
            Self::Raw(raw) => raw.clone(),
            Self::Ours(changes) => {
                let account = changes.first().map(|change| change.number.waba_id.clone());
                let changes: Vec<Value> = changes.iter().map(|change| json!({"field": "messages", "value": change.value(now)})).collect();
                json!({"id": account, "changes": changes})
            }
        }
    }
}

impl Change {
    fn value(&self, now: i64) -> Value {
        let mut value = Map::new();
        value.insert("messaging_product".to_owned(), "whatsapp".into());
        let metadata = json!({"display_phone_number": self.number.display_phone, "phone_number_id": self.number.phone_number_id});
        value.insert("metadata".to_owned(), metadata);
        let contacts = self.contacts.clone().unwrap_or_else(|| self.customers().map(Customer::contact).collect());
        let messages = self.messages.iter().map(|message| timed(&message.value, now)).collect();
        let statuses = self.statuses.iter().map(|status| timed(&status.value, now)).collect();
        for (key, list) in [
            ("contacts", contacts),
            ("messages", messages),
            ("statuses", statuses),
            ("errors", self.errors.clone()),
        ] {
            if !list.is_empty() {
                value.insert(key.to_owned(), list.into());
            }
        }
        value.into()
    }

    /// Those who wrote, each once. System messages come without.
    fn customers(&self) -> impl Iterator<Item = &Customer> {
        let mut customers: Vec<&Customer> = Vec::new();
        for message in self.messages.iter().filter(|message| !message.is_system()) {
            if !customers.contains(&&message.customer) {
                customers.push(&message.customer);
            }
        }
        customers.into_iter()
    }
}

fn timed(value: &Map<String, Value>, now: i64) -> Value {
    let mut value = value.clone();
    value.entry("timestamp").or_insert_with(|| now.to_string().into());
    value.into()
}

impl From<Message> for Envelope {
    fn from(message: Message) -> Self {
        Self::new().message(message)
    }
}

impl From<&Message> for Envelope {
    fn from(message: &Message) -> Self {
        message.clone().into()
    }
}

impl From<Status> for Envelope {
    fn from(status: Status) -> Self {
        Self::new().status(status)
    }
}

impl<const N: usize> From<[Message; N]> for Envelope {
    fn from(messages: [Message; N]) -> Self {
        messages.into_iter().fold(Self::new(), Self::message)
    }
}

impl<const N: usize> From<[Status; N]> for Envelope {
    fn from(statuses: [Status; N]) -> Self {
        statuses.into_iter().fold(Self::new(), Self::status)
    }
}

impl From<&Envelope> for Envelope {
    fn from(envelope: &Envelope) -> Self {
        envelope.clone()
    }
}

impl From<Value> for Envelope {
    fn from(value: Value) -> Self {
        Self::raw(value)
    }
}
