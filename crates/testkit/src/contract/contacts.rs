//! Customers on WhatsApp.

use super::conflicts::assert_conflict;
use super::{HARD, Harness, later};
use crate::Fixture;
use crate::build::{a_contact, a_visitor, a_whatsapp_channel, a_whatsapp_conversation};
use parlor_domain::channel::Channel;
use parlor_domain::id::{ChannelId, VisitorId};
use parlor_domain::store::RepositoryError;
use parlor_domain::whatsapp::{Contact, Customer};
use std::sync::Arc;

/// A workspace whose visitor writes to a WhatsApp number of it.
pub(super) async fn a_desk(harness: &Harness) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.channel = a_whatsapp_channel(&fixture.workspace);
    fixture.visitor = a_visitor(&fixture.channel);
    fixture.conversation = a_whatsapp_conversation(&fixture.visitor, &fixture.channel);
    fixture.store(&*harness.store).await.unwrap();
    fixture
}

/// Another customer of a number, with a conversation; the contact itself is not stored.
async fn another(harness: &Harness, channel: &Channel) -> Contact {
    let visitor = a_visitor(channel);
    let conversation = a_whatsapp_conversation(&visitor, channel);
    let work = harness.begin().await;
    work.visitors().insert(&visitor).await.unwrap();
    work.conversations().insert(&conversation).await.unwrap();
    work.commit().await.unwrap();
    a_contact(&conversation)
}

async fn another_number(harness: &Harness, fixture: &Fixture) -> Channel {
    let channel = a_whatsapp_channel(&fixture.workspace);
    let work = harness.begin().await;
    work.channels().insert(&channel).await.unwrap();
    work.commit().await.unwrap();
    channel
}

async fn by_user(harness: &Harness, channel: ChannelId, id: &str) -> Option<VisitorId> {
    let found = harness.read().await.contacts().find_by_user_id(channel, id).await.unwrap();
    found.map(|contact| contact.visitor_id)
}

async fn by_phone(harness: &Harness, channel: ChannelId, id: &str) -> Option<VisitorId> {
    let found = harness.read().await.contacts().find_by_phone_id(channel, id).await.unwrap();
    found.map(|contact| contact.visitor_id)
}

/// A contact comes back with every field by each of its names, and changes of it; a name that it lost finds nobody.
pub async fn a_contact_is_read_back(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let channel = fixture.channel.id;
    let full = Contact {
        customer: Customer {
            phone_id: Some("9990000001".to_owned()),
            user_id: Some(HARD.to_owned()),
            username: Some(HARD.to_owned()),
            name: Some(HARD.to_owned()),
        },
        created_at: later(1),
        updated_at: later(2),
        ..a_contact(&fixture.conversation)
    };
    let bare = Contact {
        customer: Customer::default(),
        ..another(harness, &fixture.channel).await
    };
    let work = harness.begin().await;
    work.contacts().insert(&full).await.unwrap();
    work.contacts().insert(&bare).await.unwrap();
    assert_eq!(work.contacts().find(full.visitor_id).await.unwrap(), Some(full.clone()));
    work.commit().await.unwrap();
    let read = harness.read().await;
    for contact in [&full, &bare] {
        assert_eq!(read.contacts().find(contact.visitor_id).await.unwrap().as_ref(), Some(contact));
    }
    assert_eq!(read.contacts().find_by_phone_id(channel, "9990000001").await.unwrap(), Some(full.clone()));
    assert_eq!(read.contacts().find_by_user_id(channel, HARD).await.unwrap(), Some(full.clone()));
    assert_eq!(read.contacts().find(VisitorId(channel.0)).await.unwrap(), None);
    // A phone id is no user id.
    assert_eq!(by_user(harness, channel, "9990000001").await, None);
    assert_eq!(by_phone(harness, channel, HARD).await, None);

    let (first, second) = (another(harness, &fixture.channel).await, a_desk(harness).await);
    let moved = Contact {
        conversation_id: first.conversation_id,
        customer: Customer {
            phone_id: None,
            user_id: Some("DE.1".to_owned()),
            username: None,
            name: None,
        },
        updated_at: later(3),
        ..full.clone()
    };
    let work = harness.begin().await;
    work.contacts().update(&moved).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(harness.read().await.contacts().find(full.visitor_id).await.unwrap(), Some(moved));
    assert_eq!(by_user(harness, channel, "DE.1").await, Some(full.visitor_id));
    assert_eq!(by_user(harness, second.channel.id, "DE.1").await, None);
    assert_eq!(by_user(harness, channel, HARD).await, None);
    assert_eq!(by_phone(harness, channel, "9990000001").await, None);
}

/// Phone id and user id are one contact's in a channel, free in another, and what is missing collides with nothing. A conflict leaves
/// the unit of work usable.
pub async fn a_customers_ids_are_unique_in_a_channel(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let elsewhere = another_number(harness, &fixture).await;
    let first = a_contact(&fixture.conversation);
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(another(harness, &fixture.channel).await);
    }
    let foreign = another(harness, &elsewhere).await;
    let called = |contact: &Contact, phone_id: Option<&String>, user_id: Option<&String>| Contact {
        customer: Customer {
            phone_id: phone_id.cloned(),
            user_id: user_id.cloned(),
            ..Customer::default()
        },
        ..contact.clone()
    };
    let (phone, user) = (first.customer.phone_id.as_ref(), first.customer.user_id.as_ref());
    let work = harness.begin().await;
    let contacts = work.contacts();
    contacts.insert(&first).await.unwrap();
    assert_conflict(contacts.insert(&called(&others[0], phone, None)).await);
    assert_conflict(contacts.insert(&called(&others[0], None, user)).await);
    assert_conflict(contacts.insert(&called(&others[0], phone, user)).await);
    assert_conflict(contacts.insert(&called(&first, None, None)).await);
    for other in &others[..3] {
        contacts.insert(&called(other, None, None)).await.unwrap();
    }
    contacts.insert(&others[3]).await.unwrap();
    contacts.insert(&called(&foreign, phone, user)).await.unwrap();
    assert_conflict(contacts.update(&called(&others[3], phone, None)).await);
    assert_conflict(contacts.update(&called(&others[3], others[3].customer.phone_id.as_ref(), user)).await);
    // Its own ids are no conflict, and those that it gives up are free in the same unit of work.
    contacts.update(&first).await.unwrap();
    contacts.update(&called(&first, None, user)).await.unwrap();
    contacts.update(&called(&others[0], phone, None)).await.unwrap();
    work.commit().await.unwrap();

    let channel = fixture.channel.id;
    assert_eq!(by_user(harness, channel, user.unwrap()).await, Some(first.visitor_id));
    assert_eq!(by_phone(harness, channel, phone.unwrap()).await, Some(others[0].visitor_id));
    assert_eq!(by_phone(harness, elsewhere.id, phone.unwrap()).await, Some(foreign.visitor_id));
    assert_eq!(by_user(harness, elsewhere.id, user.unwrap()).await, Some(foreign.visitor_id));
    let left = harness.read().await.contacts().find(others[3].visitor_id).await.unwrap();
    assert_eq!(left.as_ref(), Some(&others[3]), "a refused change leaves it as it was");
}

/// However often a customer's first message comes at once, there is one contact, and the others find it.
pub async fn of_sixteen_first_sights_of_a_customer_one_is_kept(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let known = a_contact(&fixture.conversation).customer;
    let mut tasks = tokio::task::JoinSet::new();
    for place in 0..16 {
        let store = Arc::clone(&harness.store);
        let contact = Contact {
            customer: Customer {
                phone_id: known.phone_id.clone().filter(|_| place % 2 == 0),
                ..known.clone()
            },
            ..another(harness, &fixture.channel).await
        };
        tasks.spawn(async move {
            let work = store.begin().await.unwrap();
            match work.contacts().insert(&contact).await {
                Ok(()) => {
                    work.commit().await.unwrap();
                    Some(contact.visitor_id)
                }
                Err(RepositoryError::Conflict) => {
                    let user_id = contact.customer.user_id.as_deref().unwrap();
                    let found = work.contacts().find_by_user_id(contact.channel_id, user_id).await.unwrap();
                    assert!(found.is_some(), "the one in the way is seen");
                    None
                }
                Err(error) => panic!("{error}"),
            }
        });
    }
    let kept: Vec<VisitorId> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(by_user(harness, fixture.channel.id, known.user_id.as_deref().unwrap()).await, Some(kept[0]));
}
