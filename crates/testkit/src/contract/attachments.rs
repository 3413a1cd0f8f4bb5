//! Files: kept for a conversation, carried by one message, and gone in time.

use super::contacts::a_desk;
use super::{HARD, Harness, later};
use crate::build::{a_conversation, an_attachment, an_id, an_item, by_visitor, now, say};
use parlor_domain::attachment::{AttachedFile, Attachment, FileName};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation};
use parlor_domain::id::{AttachmentId, FileKey};
use parlor_domain::message::{AuthorId, Message};
use parlor_domain::store::RepositoryError;
use std::collections::BTreeSet;

pub(super) async fn insert(harness: &Harness, files: &[Attachment]) {
    let work = harness.begin().await;
    for file in files {
        work.attachments().insert(file).await.unwrap();
    }
    work.commit().await.unwrap();
}

async fn find(harness: &Harness, file: &Attachment) -> Option<Attachment> {
    harness.read().await.attachments().find_any(file.file.id).await.unwrap()
}

fn ids(files: &[Attachment]) -> BTreeSet<AttachmentId> {
    files.iter().map(|file| file.file.id).collect()
}

async fn removable(harness: &Harness, unused_before: Timestamp) -> BTreeSet<AttachmentId> {
    ids(&harness.read().await.attachments().removable(unused_before, 100).await.unwrap())
}

/// An item with one message of the visitor that carries these files.
fn carrying(before: &Conversation, files: &[&Attachment]) -> (CommitItem, Message) {
    let mut after = before.clone();
    let message = Message {
        attachments: files.iter().map(|file| file.file.clone()).collect(),
        ..say(&mut after, by_visitor(before), "A file")
    };
    let item = CommitItem {
        attached: files.iter().map(|file| (file.file.id, message.id)).collect(),
        ..an_item(before.version, &after, vec![message.clone()])
    };
    (item, message)
}

/// A file comes back with every field, by its id from everywhere and otherwise to its conversation only; it is forgotten once.
pub async fn an_attachment_is_read_back(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let elsewhere = a_desk(harness).await;
    let beside = harness.conversations_of(&fixture, 1).await.remove(0);
    let plain = an_attachment(&fixture.conversation);
    let full = Attachment {
        file: AttachedFile {
            id: AttachmentId(an_id()),
            name: FileName::stored(HARD.to_owned()),
            mime: "application/vnd.openxmlformats-officedocument.wordprocessingml.document".to_owned(),
            size: 104_857_600,
            width: None,
            height: None,
        },
        uploaded_by: AuthorId::SYSTEM,
        created_at: later(1),
        deleted_at: Some(later(2)),
        ..an_attachment(&fixture.conversation)
    };
    let of_agent = Attachment {
        uploaded_by: fixture.agent.id.into(),
        ..an_attachment(&fixture.conversation)
    };
    let others = [an_attachment(&beside), an_attachment(&elsewhere.conversation)];
    insert(harness, &[plain.clone(), full.clone(), of_agent.clone()]).await;
    insert(harness, &others).await;
    for file in [&plain, &full, &of_agent, &others[0]] {
        assert_eq!(find(harness, file).await.as_ref(), Some(file));
    }
    let read = harness.read().await;
    let all: Vec<AttachmentId> = [&full, &plain, &of_agent, &others[0], &others[1]]
        .map(|file| file.file.id)
        .into_iter()
        .chain([AttachmentId(an_id())])
        .collect();
    let many = async |workspace, conversation, ids| {
        let mut found = read.attachments().find_many(workspace, conversation, ids).await.unwrap();
        found.sort_by_key(|file| file.file.id);
        found
    };
    let (here, there) = (&fixture.conversation, &elsewhere.conversation);
    let mut expected = vec![plain.clone(), full.clone(), of_agent.clone()];
    expected.sort_by_key(|file| file.file.id);
    assert_eq!(many(here.workspace_id, here.id, &all).await, expected);
    assert_eq!(many(here.workspace_id, here.id, &all[1..2]).await, std::slice::from_ref(&plain));
    assert_eq!(many(here.workspace_id, here.id, &[]).await, []);
    assert_eq!(many(there.workspace_id, there.id, &all).await, &others[1..]);
    assert_eq!(many(here.workspace_id, there.id, &all).await, []);

    let work = harness.begin().await;
    let same = Attachment {
        key: FileKey(an_id()),
        ..plain.clone()
    };
    let refused = work.attachments().insert(&same).await;
    assert!(matches!(refused, Err(RepositoryError::Conflict)), "{refused:?}");
    work.attachments().delete(full.file.id).await.unwrap();
    work.attachments().delete(full.file.id).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(find(harness, &full).await, None);
    assert_eq!(find(harness, &plain).await, Some(plain));
}

/// A file gets its message with the commit that stores the message, once; a refused item gives it none.
pub async fn a_file_gets_its_message_once(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let before = fixture.conversation;
    let files = [(); 3].map(|()| an_attachment(&before));
    insert(harness, &files).await;
    let (item, message) = carrying(&before, &[&files[0], &files[1]]);
    harness.commit(std::slice::from_ref(&item)).await;
    let row = harness.row(before.id).await;
    for (file, message) in files.iter().zip([Some(message.id), Some(message.id), None]) {
        let expected = Attachment {
            message_id: message,
            ..file.clone()
        };
        assert_eq!(find(harness, file).await, Some(expected));
    }
    assert_eq!(harness.messages(before.id).await, std::slice::from_ref(&message));

    // A second message that claims a file does not get it, and a stale item does nothing.
    let stale = carrying(&before, &[&files[2]]).0;
    assert_eq!(harness.conversations.commit(&[stale]).await.unwrap(), [CommitOutcome::Stale]);
    assert_eq!(find(harness, &files[2]).await.unwrap().message_id, None);
    let (second, _) = carrying(&row, &[&files[1], &files[2]]);
    harness.commit(std::slice::from_ref(&second)).await;
    assert_eq!(find(harness, &files[1]).await.unwrap().message_id, Some(message.id));
    assert_eq!(find(harness, &files[2]).await.unwrap().message_id, Some(second.inserted[0].id));

    // A file that was fetched for a message that is there already.
    let row = harness.row(before.id).await;
    let late = an_attachment(&before);
    insert(harness, std::slice::from_ref(&late)).await;
    let after = Conversation {
        version: row.version + 1,
        ..row.clone()
    };
    harness
        .commit(&[CommitItem {
            attached: vec![(late.file.id, message.id)],
            ..an_item(row.version, &after, Vec::new())
        }])
        .await;
    assert_eq!(find(harness, &late).await.unwrap().message_id, Some(message.id));
}

/// The files of a message that is deleted may be removed at once, and only those.
pub async fn files_of_a_deleted_message_are_removable_at_once(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let before = fixture.conversation;
    let files = [(); 3].map(|()| an_attachment(&before));
    insert(harness, &files).await;
    let (first, mut message) = carrying(&before, &[&files[0], &files[1]]);
    let (second, _) = carrying(&first.conversation, &[&files[2]]);
    harness.commit(&[first]).await;
    harness.commit(std::slice::from_ref(&second)).await;
    assert_eq!(removable(harness, now()).await, BTreeSet::new());

    message.delete(later(1));
    let row = second.conversation;
    let after = Conversation {
        version: row.version + 1,
        updated_at: later(1),
        ..row.clone()
    };
    let delete = CommitItem {
        updated: vec![message.clone().into()],
        detached: vec![message.id],
        ..an_item(row.version, &after, Vec::new())
    };
    let stale = CommitItem {
        base_version: before.version,
        ..delete.clone()
    };
    assert_eq!(harness.conversations.commit(&[stale]).await.unwrap(), [CommitOutcome::Stale]);
    assert_eq!(removable(harness, now()).await, BTreeSet::new());
    harness.commit(&[delete]).await;
    assert_eq!(removable(harness, now()).await, ids(&files[..2]));
    for (file, is_deleted) in files.iter().zip([true, true, false]) {
        assert_eq!(find(harness, file).await.unwrap().deleted_at.is_some(), is_deleted);
    }
}

/// A file that no message carries may be removed after its time, not before; no more are named than asked for.
pub async fn unused_files_are_removable_after_their_time(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let before = fixture.conversation;
    let at = |created_at| Attachment {
        created_at,
        ..an_attachment(&before)
    };
    let files = [at(Timestamp(now().millis() - 1)), at(now()), at(later(1)), at(Timestamp(0))];
    insert(harness, &files).await;
    harness.commit(&[carrying(&before, &[&files[3]]).0]).await;
    assert_eq!(removable(harness, Timestamp(now().millis() - 1)).await, BTreeSet::new());
    assert_eq!(removable(harness, now()).await, ids(&files[..1]));
    assert_eq!(removable(harness, later(1)).await, ids(&files[..2]));
    let some = harness.read().await.attachments().removable(later(2), 2).await.unwrap();
    assert_eq!(ids(&some).len(), 2);
    assert!(ids(&files[..3]).is_superset(&ids(&some)));
}

/// With a conversation that is erased its files may be removed, used or not; they stay known until then.
pub async fn an_erased_conversations_files_are_removable(harness: &Harness) {
    let fixture = a_desk(harness).await;
    let deleted = Conversation {
        deleted_at: Some(now()),
        ..a_conversation(&fixture.visitor)
    };
    let kept = Conversation {
        last_seq: 1,
        ..a_conversation(&fixture.visitor)
    };
    harness.insert(&[deleted.clone(), kept.clone()]).await;
    let files = [an_attachment(&deleted), an_attachment(&deleted), an_attachment(&kept)];
    insert(harness, &files).await;
    harness.commit(&[carrying(&deleted, &[&files[0]]).0]).await;
    let work = harness.begin().await;
    assert_eq!(work.conversations().erase(Timestamp(0), later(1), 10).await.unwrap(), 1);
    work.commit().await.unwrap();
    assert_eq!(removable(harness, Timestamp(0)).await, ids(&files[..2]));
    let work = harness.begin().await;
    for file in &files[..2] {
        let found = work.attachments().find_any(file.file.id).await.unwrap().unwrap();
        assert_eq!((found.key, found.deleted_at.is_some()), (file.key, true));
        work.attachments().delete(file.file.id).await.unwrap();
    }
    work.commit().await.unwrap();
    assert_eq!(removable(harness, later(1)).await, ids(&files[2..]));
}
