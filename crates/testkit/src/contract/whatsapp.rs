//! Conversations on WhatsApp, and what their messages carry.

use super::contacts::a_desk;
use super::jobs::{a_claim, claim, insert};
use super::paging::times;
use super::{HARD, Harness, later};
use crate::Fixture;
use crate::build::{
    a_conversation, a_message_job, a_naming, a_whatsapp_channel, a_whatsapp_conversation, an_attachment, an_external_id, an_item, by_agent, by_assistant,
    by_system, by_visitor, edit, note, now, received, say,
};
use parlor_domain::attachment::{AttachedFile, FileName};
use parlor_domain::conversation::{Audience, CommitItem, Conversation, ConversationFilter, ConversationKind, MessageKey, WhatsappThread};
use parlor_domain::job::{Job, JobKind};
use parlor_domain::message::{Delivery, DeliveryError, HistoryQuery, HistoryWindow, Message, MessageKind, MessageStatus, Part, PartState, Sender};
use parlor_domain::page::Limit;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where a conversation goes to comes back however it is read, changes with a commit, and is found by its number.
pub async fn a_whatsapp_conversation_is_read_back(harness: &Harness) {
    let (fixture, elsewhere) = (a_desk(harness).await, a_desk(harness).await);
    let full = Conversation {
        whatsapp: Some(WhatsappThread {
            number: 4_294_967_295,
            phone_number_id: "830000000000009".to_owned(),
            customer_phone: Some("9990000009".to_owned()),
            window_expires_at: Some(later(86_400)),
        }),
        ..a_whatsapp_conversation(&fixture.visitor, &fixture.channel)
    };
    let bare = Conversation {
        whatsapp: Some(WhatsappThread {
            number: 1,
            phone_number_id: "830000000000009".to_owned(),
            customer_phone: None,
            window_expires_at: None,
        }),
        ..a_whatsapp_conversation(&fixture.visitor, &fixture.channel)
    };
    let same_number_elsewhere = Conversation {
        whatsapp: bare.whatsapp.clone(),
        ..a_whatsapp_conversation(&elsewhere.visitor, &elsewhere.channel)
    };
    harness.insert(&[full.clone(), bare.clone(), same_number_elsewhere.clone()]).await;
    let seen = async |conversation: &Conversation| {
        let read = harness.read().await;
        let conversations = read.conversations();
        let (workspace, number) = (conversation.workspace_id, conversation.whatsapp.as_ref().unwrap().number);
        let expected = Some(conversation);
        assert_eq!(harness.row(conversation.id).await, *conversation);
        assert_eq!(conversations.find(workspace, conversation.id).await.unwrap().as_ref(), expected);
        assert_eq!(conversations.find_by_room_key(conversation.room_key).await.unwrap().as_ref(), expected);
        assert_eq!(conversations.find_by_number(workspace, number).await.unwrap().as_ref(), expected);
        let theirs = conversations
            .list_of_visitor(workspace, conversation.visitor_id, None, Limit::DEFAULT)
            .await
            .unwrap();
        if conversation.deleted_at.is_none() {
            assert!(theirs.items.contains(conversation));
        }
    };
    for conversation in [&full, &bare, &same_number_elsewhere] {
        seen(conversation).await;
    }
    assert_eq!(
        harness.read().await.conversations().find_by_number(fixture.workspace.id, 2).await.unwrap(),
        None
    );

    // The customer writes, from another phone; then hides it, and an admin deletes the conversation.
    let mut changed = bare.clone();
    let message = say(&mut changed, by_visitor(&bare), "Hello");
    changed.whatsapp = Some(WhatsappThread {
        customer_phone: Some("9990000010".to_owned()),
        window_expires_at: Some(later(5)),
        ..bare.whatsapp.clone().unwrap()
    });
    harness.commit(&[an_item(bare.version, &changed, vec![message])]).await;
    seen(&changed).await;
    let filter = ConversationFilter {
        kind: Some(ConversationKind::Whatsapp),
        ..ConversationFilter::default()
    };
    let listed = harness
        .read()
        .await
        .conversations()
        .list(fixture.workspace.id, &filter, None, Limit::DEFAULT)
        .await
        .unwrap();
    assert_eq!(listed.items, std::slice::from_ref(&changed));
    let hidden = Conversation {
        version: changed.version + 1,
        whatsapp: bare.whatsapp.clone(),
        deleted_at: Some(now()),
        ..changed.clone()
    };
    harness.commit(&[an_item(changed.version, &hidden, Vec::new())]).await;
    seen(&hidden).await;
}

/// Conversations on WhatsApp are listed by their newest activity, of all numbers or of one, from any place on.
pub async fn conversations_on_whatsapp_are_listed(harness: &Harness) {
    let (fixture, elsewhere) = (a_desk(harness).await, a_desk(harness).await);
    let second = a_whatsapp_channel(&fixture.workspace);
    let work = harness.begin().await;
    work.channels().insert(&second).await.unwrap();
    work.commit().await.unwrap();
    let with_one = |conversation: Conversation| Conversation { last_seq: 1, ..conversation };
    let mut listed: Vec<Conversation> = times()
        .enumerate()
        .map(|(place, last_message_at)| {
            let channel = if place % 3 == 0 { &second } else { &fixture.channel };
            Conversation {
                last_message_at,
                ..with_one(a_whatsapp_conversation(&fixture.visitor, channel))
            }
        })
        .collect();
    harness.insert(&listed).await;
    let of = |conversation: Conversation| Conversation {
        last_message_at: later(100),
        ..conversation
    };
    let others = [
        of(a_whatsapp_conversation(&fixture.visitor, &fixture.channel)),
        of(with_one(a_conversation(&fixture.visitor))),
        of(with_one(a_whatsapp_conversation(&elsewhere.visitor, &elsewhere.channel))),
        of(with_one(Conversation {
            deleted_at: Some(now()),
            ..a_whatsapp_conversation(&fixture.visitor, &fixture.channel)
        })),
    ];
    harness.insert(&others).await;
    listed.sort_by_key(|row| std::cmp::Reverse((row.last_message_at, row.id)));
    let read = harness.read().await;
    for number in [None, Some(&fixture.channel), Some(&second)] {
        let number = number.map(|channel| channel.whatsapp.as_ref().unwrap().phone_number_id.as_str());
        let is_its = |row: &&Conversation| number.is_none_or(|number| row.whatsapp.as_ref().unwrap().phone_number_id == number);
        let expected: Vec<Conversation> = listed.iter().filter(is_its).cloned().collect();
        for (offset, limit) in [(0, 100), (0, 1), (1, 2), (3, 4), (8, 5), (10, 5), (100, 5), (0, 0)] {
            let found = read
                .conversations()
                .list_on_whatsapp(fixture.workspace.id, number, offset, limit)
                .await
                .unwrap();
            let page: Vec<Conversation> = expected.iter().skip(offset).take(limit).cloned().collect();
            assert_eq!(found, page, "{number:?} from {offset}, {limit}");
        }
    }
    let nobodys = read.conversations().list_on_whatsapp(fixture.workspace.id, Some("1"), 0, 10).await.unwrap();
    assert_eq!(nobodys, []);
}

fn a_part(state: PartState, external_id: Option<&str>) -> Part {
    Part {
        external_id: external_id.map(str::to_owned),
        state,
        ..Part::queued()
    }
}

/// A message with all that a channel adds, and one of each new kind and status, of which some are taken by the platform.
fn rich(row: &mut Conversation, fixture: &Fixture) -> Vec<Message> {
    let (visitor, agent) = (by_visitor(row), by_agent(&fixture.agent));
    let file = |mime: &str, size| AttachedFile {
        name: FileName::stored(HARD.to_owned()),
        mime: mime.to_owned(),
        size,
        width: None,
        height: None,
        ..an_attachment(row).file
    };
    let (picture, sound) = (an_attachment(row).file, file("audio/ogg", i64::MAX));
    let error = DeliveryError {
        code: 131_026,
        message: HARD.to_owned(),
    };
    let parts = vec![
        Part {
            sent_at: Some(later(1)),
            delivered_at: Some(later(2)),
            read_at: Some(later(3)),
            ..a_part(PartState::Read, Some(HARD))
        },
        Part {
            error: Some(error),
            failed_at: Some(later(4)),
            ..a_part(PartState::Failed, None)
        },
        a_part(PartState::Sending, None),
    ];
    let mut made = vec![Message {
        kind: MessageKind::File,
        payload: Some(json!({"a": [1, null]})),
        attachments: vec![picture, sound],
        delivery: Some(Delivery { parts }),
        status: MessageStatus::Failed,
        metadata: Some(json!({"media": {"id": HARD}, "whatsapp": {"errors": [{"code": 1}]}})),
        client_id: Some("c".to_owned()),
        ..say(row, agent.clone(), HARD)
    }];
    let states = [
        (MessageKind::Location, MessageStatus::Queued, PartState::Queued),
        (MessageKind::Contacts, MessageStatus::Unknown, PartState::Unknown),
        (MessageKind::Order, MessageStatus::Sent, PartState::Sent),
        (MessageKind::Unsupported, MessageStatus::Delivered, PartState::Delivered),
        (MessageKind::Template, MessageStatus::Read, PartState::Read),
        (MessageKind::Interactive, MessageStatus::Logged, PartState::Logged),
    ];
    for (kind, status, state) in states {
        made.push(Message {
            kind,
            status,
            delivery: Some(Delivery {
                parts: vec![a_part(state, None)],
            }),
            ..say(row, agent.clone(), kind.as_str())
        });
    }
    let name = an_external_id(row);
    made.push(received(&name, say(row, visitor, "came in")));
    made
}

/// Every way of reading a message gives its files, its delivery, its status and its metadata as they were stored and changed.
async fn assert_read_everywhere(harness: &Harness, row: &Conversation, expected: &[Message]) {
    let read = harness.read().await;
    let messages = read.messages();
    for audience in [Audience::Public, Audience::Staff] {
        for window in [HistoryWindow::Newest, HistoryWindow::After(0), HistoryWindow::Before(1_000)] {
            let query = HistoryQuery {
                audience,
                window,
                limit: Limit::clamped(100),
            };
            assert_eq!(messages.history(row.id, query).await.unwrap().messages, expected, "{window:?}");
        }
        let mut changed = messages.changed_after(row.id, audience, 0, 100).await.unwrap();
        changed.sort_by_key(|message| message.seq);
        assert_eq!(changed, expected);
    }
    assert_eq!(messages.newest_of(&[row.id], 100).await.unwrap(), expected);
    assert_eq!(messages.newest_said(row.id, 0, 100).await.unwrap(), expected);
    let mut keys = Vec::new();
    for message in expected {
        assert_eq!(messages.find(row.id, message.id).await.unwrap().as_ref(), Some(message));
        keys.push((MessageKey::Id(row.id, message.id), message.clone()));
        keys.push((MessageKey::Place(row.id, message.seq), message.clone()));
        if let Some(client_id) = &message.client_id {
            keys.push((MessageKey::ClientId(row.id, message.sender.author(), client_id.clone()), message.clone()));
        }
    }
    let wanted: Vec<MessageKey> = keys.iter().map(|(key, _)| key.clone()).collect();
    let mut found = harness.conversations.load_messages(&wanted).await.unwrap();
    found.sort_by_key(|(key, _)| wanted.iter().position(|wanted| wanted == key));
    assert_eq!(found, keys);
}

/// What a channel adds to messages comes back on every way of reading, stored with a commit or with the conversation, and changed.
pub async fn what_a_channel_adds_to_messages_is_read_back(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let before = fixture.conversation.clone();
    let mut row = before.clone();
    let mut messages = rich(&mut row, &fixture);
    harness.commit(&[an_item(before.version, &row, messages.clone())]).await;
    assert_read_everywhere(harness, &row, &messages).await;

    // Everything gets further, loses its files, or gets some.
    let base = row.version;
    let file = an_attachment(&row).file;
    for (place, message) in messages.iter_mut().enumerate() {
        let text = message.text.clone();
        edit(&mut row, message, &text);
        message.edited_at = None;
        message.status = MessageStatus::Delivered;
        message.attachments = if place % 2 == 0 { Vec::new() } else { vec![file.clone()] };
        message.metadata = (place % 2 == 1).then(|| json!({"media": {"error": HARD}}));
        message.delivery = (place != 2).then(|| Delivery {
            parts: vec![a_part(PartState::Delivered, Some(&format!("wamid.{place}"))); place + 1],
        });
    }
    let updated = messages.iter().cloned().map(Arc::new).collect();
    harness
        .commit(&[CommitItem {
            updated,
            ..an_item(base, &row, Vec::new())
        }])
        .await;
    assert_read_everywhere(harness, &row, &messages).await;

    // A conversation that begins with messages.
    let mut begun = a_whatsapp_conversation(&fixture.visitor, &fixture.channel);
    let messages = rich(&mut begun, &fixture);
    let work = harness.begin().await;
    work.conversations().insert(&begun).await.unwrap();
    work.messages().insert(&messages).await.unwrap();
    work.commit().await.unwrap();
    assert_read_everywhere(harness, &begun, &messages).await;
}

/// What was said is read from its end: no note, no line of the server; the offset counts only what was said.
pub async fn what_was_said_is_read_from_the_end(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let before = fixture.conversation.clone();
    let mut row = before.clone();
    let (visitor, agent) = (by_visitor(&row), by_agent(&fixture.agent));
    let line = |row: &mut Conversation| Message {
        kind: MessageKind::System,
        ..say(row, by_system(), "The customer has another phone number.")
    };
    let mut all = Vec::new();
    let senders: [Sender; 7] = [visitor.clone(), agent.clone(), visitor.clone(), by_assistant(), agent, visitor.clone(), visitor];
    for (place, sender) in senders.into_iter().enumerate() {
        all.push(say(&mut row, sender, &format!("{place}")));
        all.push(if place % 2 == 0 {
            note(&mut row, &fixture.agent, "between us")
        } else {
            line(&mut row)
        });
    }
    all[4].delete(now());
    harness.commit(&[an_item(before.version, &row, all.clone())]).await;
    let said: Vec<Message> = all.into_iter().step_by(2).collect();
    let read = harness.read().await;
    for (offset, limit) in [(0, 100), (0, 1), (0, 3), (1, 2), (2, 3), (5, 1), (6, 10), (7, 10), (100, 1), (0, 0), (4, 100)] {
        let end = said.len().saturating_sub(offset);
        let expected = &said[end.saturating_sub(limit)..end];
        let found = read.messages().newest_said(row.id, offset, limit).await.unwrap();
        assert_eq!(found, expected, "{limit} before the newest {offset}");
    }
    let empty = a_whatsapp_conversation(&fixture.visitor, &fixture.channel);
    harness.insert(std::slice::from_ref(&empty)).await;
    assert_eq!(read.messages().newest_said(empty.id, 0, 10).await.unwrap(), []);
}

/// What goes out in a conversation goes out one after another, beside marks and signs; files are fetched in any order.
pub async fn messages_go_out_one_after_another(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let before = fixture.conversation.clone();
    let mut row = before.clone();
    let name = an_external_id(&row);
    let message = received(&name, say(&mut row, by_visitor(&before), "Hello"));
    let of = |kind| a_message_job(kind, &message);
    let sends = [(); 3].map(|()| of(JobKind::WhatsappSend));
    let files = [(); 2].map(|()| of(JobKind::WhatsappMedia));
    let reads = [(); 2].map(|()| Job {
        payload: None,
        ..of(JobKind::WhatsappRead)
    });
    let signs = [(); 2].map(|()| of(JobKind::WhatsappReaction));
    let all: Vec<Job> = [&sends[..], &files, &reads, &signs].concat();
    harness
        .commit(&[CommitItem {
            named: vec![a_naming(name, &message)],
            jobs: all.clone(),
            ..an_item(before.version, &row, vec![message.clone()])
        }])
        .await;
    let other = Conversation {
        last_seq: 1,
        ..a_whatsapp_conversation(&fixture.visitor, &fixture.channel)
    };
    harness.insert(std::slice::from_ref(&other)).await;
    let elsewhere = Job {
        conversation_id: other.id,
        ..of(JobKind::WhatsappSend)
    };
    insert(harness, std::slice::from_ref(&elsewhere)).await;

    let read = harness.read().await;
    let mine = a_claim(later(15));
    let handed_out: Vec<Job> = read.jobs().claim_due(now(), mine, 100).await.unwrap();
    let expected: Vec<Job> = [&sends[0], &files[0], &files[1], &reads[0], &signs[0], &elsewhere]
        .into_iter()
        .map(|job| Job {
            claim: Some(mine),
            ..job.clone()
        })
        .collect();
    assert_eq!(handed_out, expected, "with what they are about");
    assert_eq!(claim(harness, later(1), mine).await, []);
    // One that fails for now holds up those after it, and nothing else.
    read.jobs().give_back(sends[0].id, mine.by, later(9), "not yet", None).await.unwrap();
    read.jobs().delete(reads[0].id).await.unwrap();
    assert_eq!(claim(harness, later(1), mine).await, [reads[1].id]);
    assert_eq!(claim(harness, later(9), mine).await, [sends[0].id]);
    read.jobs().delete(sends[0].id).await.unwrap();
    read.jobs().delete(signs[0].id).await.unwrap();
    let next: BTreeSet<_> = claim(harness, later(9), mine).await.into_iter().collect();
    assert_eq!(next, BTreeSet::from([sends[1].id, signs[1].id]));
    // One that nobody tries any more lets the next one go.
    read.jobs().give_back(sends[1].id, mine.by, later(9), "no", Some(later(9))).await.unwrap();
    assert_eq!(claim(harness, later(9), mine).await, [sends[2].id]);
}
