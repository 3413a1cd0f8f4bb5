use crate::clock::Timestamp;
use crate::id::{ChannelId, ConversationId, VisitorId, WorkspaceId};
use serde::{Deserialize, Serialize};

/// A customer as the platform names one. Phone id or user id is there, mostly both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Customer {
    /// The phone number in digits; missing while it is hidden.
    pub phone_id: Option<String>,
    /// The id that hides the number; a new one comes with a new number.
    pub user_id: Option<String>,
    /// The name that it chose for everybody.
    pub username: Option<String>,
    /// The name of its profile.
    pub name: Option<String>,
}

impl Customer {
    /// What to call it: name, `@username`, number, or else a word.
    #[must_use]
    pub fn label(&self) -> String {
        let filled = |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        filled(&self.name)
            .or_else(|| filled(&self.username).map(|username| format!("@{username}")))
            .or_else(|| filled(&self.phone_id))
            .unwrap_or_else(|| "WhatsApp user".to_owned())
    }

    /// The number's last three digits, for the log.
    #[must_use]
    pub fn shortened(&self) -> String {
        let id = self.phone_id.as_deref().or(self.user_id.as_deref()).unwrap_or_default();
        let from = id.char_indices().rev().nth(2).map_or(0, |(at, _)| at);
        format!("…{}", id.get(from..).unwrap_or_default())
    }
}

/// A customer of one number of ours, and the one conversation that it has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The visitor that it is to everybody else; names the contact, too.
    pub visitor_id: VisitorId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Which number of ours.
    pub channel_id: ChannelId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// How the platform names it. With neither phone id nor user id, another contact has both now.
    pub customer: Customer,
    /// When it first wrote.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

impl Contact {
    /// Takes over what is newer of a sight of the same customer. True if anything changed.
    pub fn learn(&mut self, seen: &Customer) -> bool {
        let before = self.customer.clone();
        let newer = |known: &mut Option<String>, seen: &Option<String>| {
            if seen.as_deref().is_some_and(|seen| !seen.trim().is_empty()) {
                known.clone_from(seen);
            }
        };
        newer(&mut self.customer.phone_id, &seen.phone_id);
        newer(&mut self.customer.user_id, &seen.user_id);
        newer(&mut self.customer.username, &seen.username);
        newer(&mut self.customer.name, &seen.name);
        self.customer != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_customer_is_called_by_what_is_known() {
        let mut customer = Customer::default();
        assert_eq!((customer.label().as_str(), customer.shortened().as_str()), ("WhatsApp user", "…"));
        customer.phone_id = some("491700000001");
        assert_eq!((customer.label().as_str(), customer.shortened().as_str()), ("491700000001", "…001"));
        customer.username = some("nadia.p");
        assert_eq!(customer.label(), "@nadia.p");
        customer.name = some(" ");
        assert_eq!(customer.label(), "@nadia.p");
        customer.name = some("Nadia P.");
        assert_eq!(customer.label(), "Nadia P.");
    }
}
