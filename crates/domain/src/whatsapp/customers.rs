//! Who a customer is: the same person stays the same contact, whatever of its names the platform tells.

use super::incoming::CustomerMove;
use super::service::{OpenError, WhatsappService};
use super::{Contact, Customer};
use crate::channel::Channel;
use crate::conversation::{Action, Actor, CommandError, Conversation, ConversationKind, WhatsappThread, new_conversation};
use crate::id::{ConversationId, VisitorId, WorkspaceId};
use crate::store::{Repositories, RepositoryError, UnitOfWork};
use crate::text::{Name, Phone};
use crate::visitor::{Identity, Visitor, VisitorContext};

/// A contact, and whether its conversation began just now.
pub(super) struct Known {
    pub(super) contact: Contact,
    pub(super) begun: bool,
}

/// What others must be told once a change of contacts is durable.
struct Told {
    workspace: WorkspaceId,
    conversation: ConversationId,
    action: Action,
}

/// How often it is tried when another node is about to write the same customer.
const TRIES: usize = 5;

impl WhatsappService {
    /// The conversation with a phone number over a number of ours, if there is one.
    ///
    /// # Errors
    /// What [`OpenError`] says.
    pub async fn opened(&self, workspace: WorkspaceId, phone_number_id: &str, to: &str) -> Result<Option<Conversation>, OpenError> {
        let channel = self.own_number(workspace, phone_number_id).await?;
        let read = self.store.read().await?;
        let Some(contact) = read.contacts().find_by_phone_id(channel.id, to).await? else {
            return Ok(None);
        };
        let found = read.conversations().find(workspace, contact.conversation_id).await?;
        Ok(found.filter(|found| found.deleted_at.is_none()))
    }

    async fn own_number(&self, workspace: WorkspaceId, phone_number_id: &str) -> Result<Channel, OpenError> {
        let channel = self.numbers.channel(phone_number_id).await?;
        channel.filter(|channel| channel.workspace_id == workspace).ok_or(OpenError::UnknownNumber)
    }

    /// The conversation with a phone number over a number of ours; it begins now if there is none.
    ///
    /// # Errors
    /// What [`OpenError`] says.
    pub async fn open(&self, workspace: WorkspaceId, phone_number_id: &str, to: &str) -> Result<Conversation, OpenError> {
        let channel = self.own_number(workspace, phone_number_id).await?;
        let customer = Customer {
            phone_id: Some(to.to_owned()),
            ..Customer::default()
        };
        let known = self.contact_of(&channel, &customer).await?;
        let find = async |id| self.store.read().await?.conversations().find(workspace, id).await;
        let found = find(known.contact.conversation_id).await?;
        if let Some(found) = found.filter(|found| found.deleted_at.is_none()) {
            return Ok(found);
        }
        let again = self.begin_again(&channel, known.contact).await?;
        find(again.contact.conversation_id)
            .await?
            .ok_or(OpenError::Command(CommandError::ConversationNotFound))
    }

    /// The contact of a customer who writes; with a conversation that begins if it is new.
    pub(super) async fn contact_of(&self, channel: &Channel, seen: &Customer) -> Result<Known, CommandError> {
        for _ in 0..TRIES {
            let read = self.store.read().await?;
            let (by_user, by_phone) = both(&*read, channel, seen).await?;
            // Mostly nothing is new.
            if let Some(contact) = by_user.as_ref().or(by_phone.as_ref())
                && by_phone.as_ref().is_none_or(|other| other.visitor_id == contact.visitor_id)
                && !contact.clone().learn(seen)
            {
                return Ok(Known {
                    contact: contact.clone(),
                    begun: false,
                });
            }
            drop(read);
            let mut told = Vec::new();
            let work = self.store.begin().await?;
            let known = self.learn_or_begin(&*work, channel, seen, &mut told).await;
            match known {
                Ok(known) => {
                    work.commit().await?;
                    self.tell(told).await;
                    return Ok(known);
                }
                // Another node was a moment faster.
                Err(RepositoryError::Conflict) => drop(work),
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommandError::Busy)
    }

    async fn learn_or_begin(&self, work: &dyn UnitOfWork, channel: &Channel, seen: &Customer, told: &mut Vec<Told>) -> Result<Known, RepositoryError> {
        let (by_user, by_phone) = both_for_update(work, channel, seen).await?;
        if by_user.is_none() && by_phone.is_none() {
            // Who else begins a conversation of this workspace waits here for its number, and then sees what this one made.
            let number = work.workspaces().next_conversation_number(channel.workspace_id).await?;
            let (by_user, by_phone) = both(work, channel, seen).await?;
            if by_user.is_some() || by_phone.is_some() {
                return Err(RepositoryError::Conflict);
            }
            let contact = self.begin_with(work, channel, seen, number).await?;
            return Ok(Known { contact, begun: true });
        }
        let contact = self.learn(work, by_user, by_phone, seen, told).await?;
        Ok(Known { contact, begun: false })
    }

    /// Takes over what is newer. If two contacts are meant, the one with the user id has the phone id from now on; the other keeps
    /// its conversation.
    async fn learn(
        &self,
        work: &dyn UnitOfWork,
        by_user: Option<Contact>,
        by_phone: Option<Contact>,
        seen: &Customer,
        told: &mut Vec<Told>,
    ) -> Result<Contact, RepositoryError> {
        let now = self.clock.now();
        let mut contact = match (by_user, by_phone) {
            (Some(winner), Some(mut other)) if winner.visitor_id != other.visitor_id => {
                other.customer.phone_id = None;
                other.updated_at = now;
                work.contacts().update(&other).await?;
                forget_phone(work, &other).await?;
                told.push(Told {
                    workspace: other.workspace_id,
                    conversation: other.conversation_id,
                    action: Action::SetCustomerPhone(None),
                });
                winner
            }
            (Some(contact), _) | (None, Some(contact)) => contact,
            (None, None) => return Err(RepositoryError::Conflict),
        };
        let before = contact.customer.clone();
        if !contact.learn(seen) {
            return Ok(contact);
        }
        contact.updated_at = now;
        work.contacts().update(&contact).await?;
        if contact.customer.phone_id != before.phone_id {
            told.push(Told {
                workspace: contact.workspace_id,
                conversation: contact.conversation_id,
                action: Action::SetCustomerPhone(contact.customer.phone_id.clone()),
            });
        }
        if let Some(mut visitor) = work.visitors().find_for_update(contact.workspace_id, contact.visitor_id).await? {
            // A name that an agent wrote stays.
            let ours = visitor.name.as_ref().map(Name::as_str) == Some(label(&before).as_str());
            if ours && before.label() != contact.customer.label() {
                visitor.name = Some(label(&contact.customer));
                told.push(Told {
                    workspace: contact.workspace_id,
                    conversation: contact.conversation_id,
                    action: Action::SetCustomer {
                        name: visitor.name.as_ref().map(|name| name.as_str().to_owned()),
                        email: visitor.email.as_ref().map(|email| email.value.as_str().to_owned()),
                    },
                });
            }
            visitor.phone = phone(&contact.customer);
            visitor.updated_at = now;
            work.visitors().update(&visitor).await?;
        }
        Ok(contact)
    }

    async fn begin_with(&self, work: &dyn UnitOfWork, channel: &Channel, seen: &Customer, number: i64) -> Result<Contact, RepositoryError> {
        let now = self.clock.now();
        let visitor = Visitor {
            id: VisitorId(self.ids.ordered()),
            workspace_id: channel.workspace_id,
            channel_id: channel.id,
            name: Some(label(seen)),
            email: None,
            phone: phone(seen),
            external_id: None,
            locale: None,
            metadata: None,
            context: VisitorContext::default(),
            created_at: now,
            updated_at: now,
            last_seen_at: now,
            retired_at: None,
        };
        work.visitors().insert(&visitor).await?;
        let conversation = self.thread(channel, &visitor, seen, number);
        work.conversations().insert(&conversation).await?;
        let contact = Contact {
            visitor_id: visitor.id,
            workspace_id: channel.workspace_id,
            channel_id: channel.id,
            conversation_id: conversation.id,
            customer: seen.clone(),
            created_at: now,
            updated_at: now,
        };
        work.contacts().insert(&contact).await?;
        Ok(contact)
    }

    fn thread(&self, channel: &Channel, visitor: &Visitor, customer: &Customer, number: i64) -> Conversation {
        let mut conversation = new_conversation(&*self.ids, channel, visitor, ConversationKind::Whatsapp, self.clock.now());
        conversation.whatsapp = channel.whatsapp.as_ref().map(|settings| WhatsappThread {
            number,
            phone_number_id: settings.phone_number_id.clone(),
            customer_phone: customer.phone_id.clone(),
            window_expires_at: None,
        });
        conversation
    }

    /// Another conversation for a contact whose own was removed.
    pub(super) async fn begin_again(&self, channel: &Channel, contact: Contact) -> Result<Known, CommandError> {
        let work = self.store.begin().await?;
        let number = work.workspaces().next_conversation_number(channel.workspace_id).await?;
        let mut present = work.contacts().find_for_update(contact.visitor_id).await?.unwrap_or(contact);
        let conversation = work.conversations().find(channel.workspace_id, present.conversation_id).await?;
        if conversation.is_some_and(|conversation| conversation.deleted_at.is_none()) {
            // Another delivery has done it.
            return Ok(Known {
                contact: present,
                begun: false,
            });
        }
        let visitor = work.visitors().find_for_update(channel.workspace_id, present.visitor_id).await?;
        let visitor = visitor.ok_or(CommandError::Failed)?;
        let conversation = self.thread(channel, &visitor, &present.customer, number);
        work.conversations().insert(&conversation).await?;
        present.conversation_id = conversation.id;
        present.updated_at = self.clock.now();
        work.contacts().update(&present).await?;
        work.commit().await?;
        Ok(Known { contact: present, begun: true })
    }

    /// The contact that moved, with its new names; and its new phone number if it has one. `None` if nobody knows it.
    pub(super) async fn rekey(&self, channel: &Channel, moved: &CustomerMove) -> Result<Option<(Contact, Option<String>)>, CommandError> {
        let mut told = Vec::new();
        let work = self.store.begin().await?;
        let (by_user, by_phone) = both_for_update(&*work, channel, &moved.before).await?;
        // Told a second time, it is known by its new names.
        let (by_user, by_phone) = match (by_user, by_phone) {
            (None, None) => both_for_update(&*work, channel, &moved.after).await?,
            known => known,
        };
        let Some(contact) = by_user.or(by_phone) else { return Ok(None) };
        // Who already has the new names, such as one who wrote with them before this was told, gives them up.
        let (user_holder, phone_holder) = both_for_update(&*work, channel, &moved.after).await?;
        for mut other in user_holder.into_iter().chain(phone_holder) {
            if other.visitor_id != contact.visitor_id {
                other.customer.phone_id = None;
                other.customer.user_id = None;
                other.updated_at = self.clock.now();
                work.contacts().update(&other).await?;
                forget_phone(&*work, &other).await?;
                told.push(Told {
                    workspace: other.workspace_id,
                    conversation: other.conversation_id,
                    action: Action::SetCustomerPhone(None),
                });
            }
        }
        let before = contact.customer.phone_id.clone();
        let contact = self.learn(&*work, Some(contact), None, &moved.after, &mut told).await?;
        work.commit().await?;
        self.tell(told).await;
        let new_phone = contact.customer.phone_id.clone().filter(|phone| before.as_ref() != Some(phone));
        Ok(Some((contact, new_phone)))
    }

    /// What stands on conversations follows, best effort: the contact is what counts.
    async fn tell(&self, told: Vec<Told>) {
        for Told {
            workspace,
            conversation,
            action,
        } in told
        {
            if let Err(error) = self.submit(Actor::System(workspace), conversation, action).await {
                tracing::warn!(%error, %conversation, "a customer's new name or number is not on the conversation");
            }
        }
    }
}

/// The number is another contact's now.
async fn forget_phone(work: &dyn UnitOfWork, contact: &Contact) -> Result<(), RepositoryError> {
    if let Some(mut visitor) = work.visitors().find_for_update(contact.workspace_id, contact.visitor_id).await? {
        visitor.phone = None;
        visitor.updated_at = contact.updated_at;
        work.visitors().update(&visitor).await?;
    }
    Ok(())
}

/// The same for a change of them: nobody else changes them meanwhile. Always in the same order, so that no two wait for one another.
async fn both_for_update(work: &dyn UnitOfWork, channel: &Channel, seen: &Customer) -> Result<(Option<Contact>, Option<Contact>), RepositoryError> {
    let (by_user, by_phone) = both(work, channel, seen).await?;
    let mut ids: Vec<VisitorId> = by_user.iter().chain(&by_phone).map(|contact| contact.visitor_id).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        work.contacts().find_for_update(id).await?;
    }
    both(work, channel, seen).await
}

/// Whom the user id means, and whom the phone id.
async fn both<R: Repositories + ?Sized>(from: &R, channel: &Channel, seen: &Customer) -> Result<(Option<Contact>, Option<Contact>), RepositoryError> {
    let by_user = match &seen.user_id {
        Some(id) => from.contacts().find_by_user_id(channel.id, id).await?,
        None => None,
    };
    let by_phone = match &seen.phone_id {
        Some(id) => from.contacts().find_by_phone_id(channel.id, id).await?,
        None => None,
    };
    Ok((by_user, by_phone))
}

/// The name as a visitor has it.
fn label(customer: &Customer) -> Name {
    let cut: String = customer.label().chars().filter(|c| *c != '\0').take(Name::MAX).collect();
    Name::parse(&cut).unwrap_or_else(|_| Name::stored("WhatsApp user".to_owned()))
}

/// The platform has proven the number.
fn phone(customer: &Customer) -> Option<Identity<Phone>> {
    let digits = customer.phone_id.as_ref()?;
    Phone::parse(&format!("+{digits}")).ok().map(Identity::verified)
}
