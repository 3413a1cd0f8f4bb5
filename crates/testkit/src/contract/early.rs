//! What a platform told before the message was known.

use super::contacts::a_desk;
use super::names::receiving;
use super::{HARD, Harness, later};
use crate::build::{an_external_id, an_id, now};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::ExternalId;
use parlor_domain::message::DeliveryError;
use parlor_domain::whatsapp::{EarlyNotice, Incoming, Notice, StatusNotice, StatusWord};
use std::collections::HashSet;
use std::sync::Arc;

fn early(external_id: &ExternalId, notice: Notice, received_at: Timestamp) -> EarlyNotice {
    EarlyNotice {
        id: an_id(),
        external_id: external_id.clone(),
        notice,
        received_at,
    }
}

fn status(external_id: &ExternalId, status: StatusWord) -> Notice {
    Notice::Status(StatusNotice {
        id: external_id.id.clone(),
        status,
        at: Some(now()),
        error: (status == StatusWord::Failed).then(|| DeliveryError {
            code: 131_026,
            message: HARD.to_owned(),
        }),
        callback_data: Some(HARD.to_owned()),
    })
}

async fn keep(harness: &Harness, notices: &[EarlyNotice]) {
    let work = harness.begin().await;
    for notice in notices {
        work.deliveries().keep_early(notice).await.unwrap();
    }
    work.commit().await.unwrap();
}

async fn any(harness: &Harness, external_id: &ExternalId) -> bool {
    !harness.read().await.deliveries().list_early(external_id).await.unwrap().is_empty()
}

async fn take(harness: &Harness, external_id: &ExternalId) -> Vec<EarlyNotice> {
    let work = harness.begin().await;
    let taken = work.deliveries().list_early(external_id).await.unwrap();
    for notice in &taken {
        work.deliveries().delete_early(notice.id).await.unwrap();
    }
    work.commit().await.unwrap();
    taken
}

/// What was told too early comes back as it was, in the order in which it came, once; what says the same is kept once.
pub async fn what_was_told_early_is_taken_once_and_in_order(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let (one, other) = (an_external_id(&fixture.conversation), an_external_id(&fixture.conversation));
    let target = one.id.clone();
    let reaction = |emoji: Option<&str>| {
        Notice::Change(Incoming::Reaction {
            target: target.clone(),
            emoji: emoji.map(str::to_owned),
        })
    };
    let edit = Notice::Change(Incoming::Edit {
        target: target.clone(),
        text: HARD.to_owned(),
    });
    let revoke = Notice::Change(Incoming::Revoke { target: target.clone() });
    // Some come in the same moment: their ids rise.
    let told = [
        early(&one, status(&one, StatusWord::Sent), now()),
        early(&one, status(&one, StatusWord::Delivered), now()),
        early(&one, reaction(Some("👍")), now()),
        early(&one, edit, later(1)),
        early(&one, reaction(None), later(1)),
        early(&one, status(&one, StatusWord::Failed), later(2)),
        early(&one, revoke, later(3)),
    ];
    let of_other = early(&other, told[0].notice.clone(), now());
    keep(harness, &told[..4]).await;
    keep(harness, &told[4..]).await;
    keep(harness, std::slice::from_ref(&of_other)).await;
    let again: Vec<EarlyNotice> = told.iter().rev().map(|notice| early(&one, notice.notice.clone(), later(9))).collect();
    keep(harness, &again).await;
    assert!(any(harness, &one).await);

    // What is taken and dropped is still there.
    let work = harness.begin().await;
    assert_eq!(work.deliveries().list_early(&one).await.unwrap(), told);
    work.deliveries().delete_early(told[0].id).await.unwrap();
    assert_eq!(work.deliveries().list_early(&one).await.unwrap(), told[1..]);
    drop(work);
    assert_eq!(take(harness, &one).await, told);
    assert_eq!(take(harness, &one).await, []);
    assert!(!any(harness, &one).await);
    assert_eq!(take(harness, &other).await, [of_other]);
    // What was taken may be told once more.
    keep(harness, &again[..1]).await;
    assert_eq!(take(harness, &one).await, again[..1]);
}

/// Of many who keep the same at once one is kept.
pub async fn what_many_tell_at_once_is_kept_once(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let external_id = an_external_id(&fixture.conversation);
    let mut tasks = tokio::task::JoinSet::new();
    for place in 0..12_u64 {
        let (store, notice) = (
            Arc::clone(&harness.store),
            early(&external_id, status(&external_id, StatusWord::Read), later(place)),
        );
        tasks.spawn(async move {
            let work = store.begin().await.unwrap();
            work.deliveries().keep_early(&notice).await.unwrap();
            // The unit of work is usable, whoever was first.
            assert_eq!(work.deliveries().list_early(&notice.external_id).await.unwrap().len(), 1);
            work.commit().await.unwrap();
        });
    }
    tasks.join_all().await;
    assert_eq!(take(harness, &external_id).await.len(), 1);
}

/// Messages that are known by now are named, each once, as long as something waits for them.
pub async fn what_is_known_by_now_is_named(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let mut row = fixture.conversation.clone();
    let names: Vec<ExternalId> = (0..4).map(|_| an_external_id(&row)).collect();
    let of = async |limit| {
        let read = harness.read().await;
        let found = read.deliveries().known_early(limit).await.unwrap();
        let set: HashSet<ExternalId> = found.iter().cloned().collect();
        assert_eq!(set.len(), found.len(), "each is named once");
        set
    };
    for name in &names[..3] {
        let told = [StatusWord::Sent, StatusWord::Delivered].map(|word| early(name, status(name, word), now()));
        keep(harness, &told).await;
    }
    assert_eq!(of(10).await, HashSet::new());
    // The last one is known, and nothing waits for it.
    for name in [&names[0], &names[1], &names[3]] {
        let (item, _) = receiving(&row, name, "Hello");
        harness.commit(std::slice::from_ref(&item)).await;
        row = item.conversation;
    }
    assert_eq!(of(10).await, HashSet::from([names[0].clone(), names[1].clone()]));
    assert_eq!(of(1).await.len(), 1);
    take(harness, &names[0]).await;
    assert_eq!(of(10).await, HashSet::from([names[1].clone()]));
}

/// What was told before a time is forgotten, and counted.
pub async fn what_waited_too_long_is_forgotten(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let name = an_external_id(&fixture.conversation);
    let told = [
        early(&name, status(&name, StatusWord::Sent), Timestamp(now().millis() - 1)),
        early(&name, status(&name, StatusWord::Delivered), now()),
        early(&name, status(&name, StatusWord::Read), later(1)),
    ];
    keep(harness, &told).await;
    let forget = async |before| {
        let work = harness.begin().await;
        let count = work.deliveries().forget_early(before, Timestamp(0)).await.unwrap();
        work.commit().await.unwrap();
        count
    };
    assert_eq!(forget(Timestamp(now().millis() - 1)).await, 0);
    assert_eq!(forget(now()).await, 1);
    assert_eq!(forget(now()).await, 0);
    assert_eq!(take(harness, &name).await, told[1..]);
    // A change has a time of its own.
    let revoke = Notice::Change(Incoming::Revoke { target: name.id.clone() });
    keep(harness, &[early(&name, revoke, now())]).await;
    assert_eq!(forget(later(100)).await, 0);
    let work = harness.begin().await;
    assert_eq!(work.deliveries().forget_early(Timestamp(0), later(1)).await.unwrap(), 1);
    work.commit().await.unwrap();
}
