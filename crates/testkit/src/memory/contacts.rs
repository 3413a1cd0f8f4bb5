//! Customers on WhatsApp.

use super::View;
use super::state::{insert_new, refuse_if, write};
use async_trait::async_trait;
use parlor_domain::id::{ChannelId, VisitorId};
use parlor_domain::store::RepositoryError;
use parlor_domain::whatsapp::{Contact, ContactRepository};

/// Whether another contact of the same number has one of its ids.
fn in_the_way(other: &Contact, contact: &Contact) -> bool {
    let same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
    other.visitor_id != contact.visitor_id
        && other.channel_id == contact.channel_id
        && (same(&other.customer.phone_id, &contact.customer.phone_id) || same(&other.customer.user_id, &contact.customer.user_id))
}

impl View {
    fn contact(&self, is_meant: impl Fn(&Contact) -> bool) -> Option<Contact> {
        self.look(|state| state.contacts.values().find(|contact| is_meant(contact)).cloned())
    }
}

#[async_trait]
impl ContactRepository for View {
    async fn find_by_user_id(&self, channel: ChannelId, user_id: &str) -> Result<Option<Contact>, RepositoryError> {
        Ok(self.contact(|contact| contact.channel_id == channel && contact.customer.user_id.as_deref() == Some(user_id)))
    }

    async fn find_by_phone_id(&self, channel: ChannelId, phone_id: &str) -> Result<Option<Contact>, RepositoryError> {
        Ok(self.contact(|contact| contact.channel_id == channel && contact.customer.phone_id.as_deref() == Some(phone_id)))
    }

    async fn find(&self, visitor: VisitorId) -> Result<Option<Contact>, RepositoryError> {
        Ok(self.look(|state| state.contacts.get(&visitor).cloned()))
    }

    async fn find_for_update(&self, visitor: VisitorId) -> Result<Option<Contact>, RepositoryError> {
        ContactRepository::find(self, visitor).await
    }

    async fn insert(&self, contact: &Contact) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(state.contacts.values().any(|other| in_the_way(other, contact)))?;
            insert_new(&mut state.contacts, contact.visitor_id, contact.clone())
        })
        .await
    }

    async fn update(&self, contact: &Contact) -> Result<(), RepositoryError> {
        self.change(|state| {
            refuse_if(state.contacts.values().any(|other| in_the_way(other, contact)))?;
            write(&mut state.contacts, &contact.visitor_id, contact);
            Ok(())
        })
        .await
    }
}
