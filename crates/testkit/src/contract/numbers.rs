//! WhatsApp numbers as channels, and the numbers that conversations get.

use super::conflicts::assert_conflict;
use super::{HARD, Harness, later};
use crate::build::{a_whatsapp_channel, a_whatsapp_conversation};
use parlor_domain::channel::Channel;
use parlor_domain::conversation::Conversation;
use parlor_domain::id::{ChannelId, WorkspaceId};
use parlor_domain::whatsapp::{Template, WhatsappHealth, WhatsappSettings};
use std::collections::BTreeSet;
use std::sync::Arc;

async fn find(harness: &Harness, id: ChannelId) -> Channel {
    harness.read().await.channels().find_any(id).await.unwrap().expect("the channel is there")
}

async fn update(harness: &Harness, channel: &Channel) {
    let work = harness.begin().await;
    work.channels().update(channel).await.unwrap();
    work.commit().await.unwrap();
}

/// A number comes back with every setting and its secrets, and changes of them.
pub async fn a_number_is_read_back(harness: &Harness) {
    let fixture = harness.fixture().await;
    let plain = a_whatsapp_channel(&fixture.workspace);
    let full = Channel {
        whatsapp: Some(WhatsappSettings {
            phone_number_id: "830000000000001".to_owned(),
            waba_id: Some("840000000000001".to_owned()),
            display_phone: Some("+999 1 2345678".to_owned()),
            graph_base_url: Some("https://graph.example.com".to_owned()),
            graph_version: Some("v26.0".to_owned()),
            templates: vec![Template {
                name: "order_ready".to_owned(),
                language: "de".to_owned(),
                text: format!("{HARD} {{{{1}}}}"),
            }],
        }),
        whatsapp_secrets: Some(vec![0, 255, 1, 39, 92]),
        ..a_whatsapp_channel(&fixture.workspace)
    };
    let work = harness.begin().await;
    work.channels().insert(&plain).await.unwrap();
    work.channels().insert(&full).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(find(harness, plain.id).await, plain);
    assert_eq!(find(harness, full.id).await, full);
    let all = harness.read().await.channels().list_all().await.unwrap();
    assert_eq!(all, [fixture.channel, plain.clone(), full.clone()]);

    let swapped = [
        Channel {
            whatsapp_secrets: full.whatsapp_secrets.clone(),
            updated_at: later(3),
            ..plain.clone()
        },
        Channel {
            whatsapp: Some(WhatsappSettings {
                phone_number_id: "830000000000002".to_owned(),
                ..plain.whatsapp.clone().unwrap()
            }),
            whatsapp_secrets: None,
            updated_at: later(3),
            ..full.clone()
        },
    ];
    for channel in &swapped {
        update(harness, channel).await;
        assert_eq!(find(harness, channel.id).await, *channel);
    }
}

/// A number's health is noted and ended by itself; the settings do not touch it, nor it the settings.
pub async fn a_numbers_health_is_written_by_itself(harness: &Harness) {
    let fixture = harness.fixture().await;
    let number = a_whatsapp_channel(&fixture.workspace);
    let other = a_whatsapp_channel(&fixture.workspace);
    let work = harness.begin().await;
    work.channels().insert(&number).await.unwrap();
    work.channels().insert(&other).await.unwrap();
    work.commit().await.unwrap();
    let health = WhatsappHealth {
        code: 190,
        message: HARD.to_owned(),
        since: later(1),
    };
    let set = async |health: Option<&WhatsappHealth>| {
        let work = harness.begin().await;
        work.channels().set_health(number.id, health).await.unwrap();
        work.commit().await.unwrap();
    };
    set(Some(&health)).await;
    let sick = Channel {
        whatsapp_health: Some(health.clone()),
        ..number.clone()
    };
    assert_eq!(find(harness, number.id).await, sick);
    assert_eq!(find(harness, other.id).await, other);

    // Who changes the settings may have read the channel before.
    let changed = Channel {
        updated_at: later(2),
        whatsapp_secrets: Some(vec![1]),
        ..number.clone()
    };
    update(harness, &changed).await;
    let still = Channel {
        whatsapp_health: Some(health),
        ..changed.clone()
    };
    assert_eq!(find(harness, number.id).await, still);
    set(None).await;
    assert_eq!(find(harness, number.id).await, changed);
    update(harness, &still).await;
    assert_eq!(find(harness, number.id).await, changed, "an ended trouble does not come back with the settings");
}

/// A number is one channel's on the whole server while that is not deleted; then it is free again.
pub async fn a_number_is_one_channels(harness: &Harness) {
    let (here, there) = (harness.fixture().await, harness.fixture().await);
    let first = a_whatsapp_channel(&here.workspace);
    let other = a_whatsapp_channel(&here.workspace);
    let same = |channel: Channel| Channel {
        whatsapp: first.whatsapp.clone(),
        ..channel
    };
    let work = harness.begin().await;
    work.channels().insert(&first).await.unwrap();
    work.channels().insert(&other).await.unwrap();
    assert_conflict(work.channels().insert(&same(a_whatsapp_channel(&here.workspace))).await);
    assert_conflict(work.channels().insert(&same(a_whatsapp_channel(&there.workspace))).await);
    assert_conflict(work.channels().update(&same(other.clone())).await);
    // Its own number is no conflict, channels that are no number do not collide, and the unit of work goes on.
    work.channels().update(&first).await.unwrap();
    work.channels().update(&here.channel).await.unwrap();
    work.channels().update(&there.channel).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(find(harness, other.id).await, other);

    let deleted = Channel {
        deleted_at: Some(later(5)),
        ..first.clone()
    };
    update(harness, &deleted).await;
    let again = same(a_whatsapp_channel(&there.workspace));
    let work = harness.begin().await;
    work.channels().insert(&again).await.unwrap();
    // What is deleted may be written, and deleted another time.
    work.channels().update(&deleted).await.unwrap();
    assert_conflict(work.channels().update(&first).await);
    work.commit().await.unwrap();
    assert_eq!(find(harness, first.id).await, deleted);
    update(
        harness,
        &Channel {
            deleted_at: Some(later(6)),
            ..again.clone()
        },
    )
    .await;
    update(harness, &same(other.clone())).await;
    assert_eq!(find(harness, other.id).await, same(other));
}

async fn next(harness: &Harness, workspace: WorkspaceId) -> i64 {
    let work = harness.begin().await;
    let number = work.workspaces().next_conversation_number(workspace).await.unwrap();
    work.commit().await.unwrap();
    number
}

/// Numbers for conversations rise by one in each workspace, and belong to the unit of work that asked.
pub async fn conversation_numbers_rise_by_one(harness: &Harness) {
    let (here, there) = (harness.fixture().await.workspace.id, harness.fixture().await.workspace);
    for number in 1..=3 {
        assert_eq!(next(harness, here).await, number);
    }
    assert_eq!(next(harness, there.id).await, 1);
    let work = harness.begin().await;
    for number in 4..=6 {
        assert_eq!(work.workspaces().next_conversation_number(here).await.unwrap(), number);
    }
    drop(work);
    assert_eq!(next(harness, here).await, 4, "what was dropped was never given");
    // A workspace that changes goes on counting.
    let work = harness.begin().await;
    work.workspaces().update(&there).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(next(harness, there.id).await, 2);
}

/// Twenty units of work at once get twenty numbers without a hole, whether some of them are dropped or not.
pub async fn twenty_at_once_get_numbers_without_hole_or_double(harness: &Harness) {
    let fixture = harness.fixture().await;
    let channel = a_whatsapp_channel(&fixture.workspace);
    let work = harness.begin().await;
    work.channels().insert(&channel).await.unwrap();
    work.commit().await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for place in 0..30 {
        let store = Arc::clone(&harness.store);
        let mut conversation = a_whatsapp_conversation(&fixture.visitor, &channel);
        tasks.spawn(async move {
            let work = store.begin().await.unwrap();
            let number = work.workspaces().next_conversation_number(conversation.workspace_id).await.unwrap();
            conversation.whatsapp.as_mut().unwrap().number = number;
            work.conversations().insert(&conversation).await.unwrap();
            if place % 3 == 0 {
                return None;
            }
            work.commit().await.unwrap();
            Some((number, conversation))
        });
    }
    let made: Vec<(i64, Conversation)> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(made.iter().map(|(number, _)| *number).collect::<BTreeSet<_>>(), (1..=20).collect());
    let read = harness.read().await;
    for (number, conversation) in made {
        let found = read.conversations().find_by_number(fixture.workspace.id, number).await.unwrap();
        assert_eq!(found, Some(conversation));
    }
    assert_eq!(read.conversations().find_by_number(fixture.workspace.id, 21).await.unwrap(), None);
}
