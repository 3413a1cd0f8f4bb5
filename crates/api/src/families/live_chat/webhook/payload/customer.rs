//! Who wrote.

use super::field::{id, inner, moment};
use super::level::{list, object};
use super::skipped;
use super::text::short;
use parlor_domain::whatsapp::{Customer, CustomerMove, ReceivedItem};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The longest name that is taken.
const MAX_NAME: usize = 200;

/// Whom a value introduces. They belong to its messages by their ids, never by their places.
pub(super) struct Contacts(Vec<Customer>);

impl Contacts {
    pub(super) fn read(raw: Option<&RawValue>) -> Self {
        let read = |raw| {
            let contact = object(raw);
            if contact.is_none() {
                skipped("contact", "is no object");
            }
            contact.map(|contact| introduced(&contact))
        };
        Self(list(raw).into_iter().filter_map(read).collect())
    }

    /// Who wrote a message: what the message says, and what its contact adds. An empty phone id is a hidden number.
    pub(super) fn sender(&self, message: &Map<String, Value>) -> Customer {
        let phone_id = id(message, "from");
        let user_id = id(message, "from_user_id");
        let same = |known: &Option<String>, named: &Option<String>| named.is_some() && known == named;
        let by_user = self.0.iter().find(|contact| same(&contact.user_id, &user_id));
        // One phone id, but two user ids: not the same person.
        let by_phone = || {
            let fits = |contact: &&Customer| contact.user_id.is_none() || user_id.is_none();
            self.0.iter().filter(fits).find(|contact| same(&contact.phone_id, &phone_id))
        };
        let contact = by_user.or_else(by_phone).cloned().unwrap_or_default();
        Customer {
            phone_id: phone_id.or(contact.phone_id),
            user_id: user_id.or(contact.user_id),
            ..contact
        }
    }
}

fn introduced(contact: &Map<String, Value>) -> Customer {
    let profile = inner(contact, "profile");
    let of_profile = |key| profile.and_then(|profile| short(profile.get(key), MAX_NAME));
    Customer {
        phone_id: id(contact, "wa_id"),
        user_id: id(contact, "user_id"),
        username: of_profile("username"),
        name: of_profile("name"),
    }
}

/// What a system message says about a customer who has another number or user id; `None` if it says something else.
pub(super) fn moved(wamid: String, message: &Map<String, Value>) -> Result<Option<ReceivedItem>, &'static str> {
    let Some(system) = inner(message, "system") else { return Ok(None) };
    if !matches!(system.get("type").and_then(Value::as_str), Some("user_changed_number" | "user_changed_user_id")) {
        return Ok(None);
    }
    let after = Customer {
        phone_id: id(system, "wa_id"),
        user_id: id(system, "user_id"),
        ..Customer::default()
    };
    let from_user_id = id(message, "from_user_id").filter(|from| after.user_id.as_ref() != Some(from));
    let before = Customer {
        phone_id: id(message, "from"),
        user_id: id(system, "previous_user_id").or(from_user_id),
        ..Customer::default()
    };
    let names_nobody = |customer: &Customer| customer.phone_id.is_none() && customer.user_id.is_none();
    if names_nobody(&before) || names_nobody(&after) {
        return Err("says that a customer has another number, but not which");
    }
    Ok(Some(ReceivedItem::Moved(CustomerMove {
        id: wamid,
        sent_at: moment(message.get("timestamp")),
        before,
        after,
    })))
}
