//! Follow-up work: stored with what it follows from, and kept until it is done or nobody tries it any more.

use super::paging::{place, times, walk};
use super::{HARD, Harness, later};
use crate::build::{a_conversation, a_job, a_message, an_id, an_item, by_visitor, now, say};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation};
use parlor_domain::id::JobId;
use parlor_domain::job::{Claim, Job, JobKind};
use parlor_domain::message::Message;
use parlor_domain::page::Limit;
use parlor_domain::store::RepositoryError;
use std::collections::HashSet;
use std::sync::Arc;

pub(super) fn a_claim(until: Timestamp) -> Claim {
    Claim { by: an_id(), until }
}

/// A batch's item with one message and some work.
pub(super) fn promising(row: &Conversation, jobs: Vec<Job>) -> CommitItem {
    let mut after = row.clone();
    let sender = by_visitor(row);
    let message = say(&mut after, sender, "Hello");
    CommitItem {
        jobs,
        ..an_item(row.version, &after, vec![message])
    }
}

pub(super) async fn insert(harness: &Harness, jobs: &[Job]) {
    let work = harness.begin().await;
    for job in jobs {
        work.jobs().insert(job).await.unwrap();
    }
    work.commit().await.unwrap();
}

pub(super) async fn find(harness: &Harness, job: &Job) -> Option<Job> {
    harness.read().await.jobs().find(job.workspace_id, job.id).await.unwrap()
}

/// The ids of what is handed out at a time, in the order it is.
pub(super) async fn claim(harness: &Harness, at: Timestamp, claim: Claim) -> Vec<JobId> {
    let work = harness.begin().await;
    let jobs = work.jobs().claim_due(at, claim, 100).await.unwrap();
    work.commit().await.unwrap();
    assert!(jobs.iter().all(|job| job.claim == Some(claim)));
    jobs.into_iter().map(|job| job.id).collect()
}

pub(super) fn ids<'a>(jobs: impl IntoIterator<Item = &'a Job>) -> Vec<JobId> {
    jobs.into_iter().map(|job| job.id).collect()
}

/// A job comes back with every field, whichever way it was added, and only to its workspace; its id is unique.
pub async fn a_job_is_read_back(harness: &Harness) {
    let fixture = harness.fixture().await;
    let other = harness.fixture().await;
    let plain = a_job(&fixture.conversation);
    let full = Job {
        kind: JobKind::WhatsappSend,
        payload: Some(serde_json::json!({"message": an_id(), "words": HARD, "more": [1, null]})),
        attempts: 3,
        run_at: later(7),
        claim: Some(a_claim(later(8))),
        last_error: Some(HARD.to_owned()),
        dead_at: Some(later(9)),
        created_at: later(1),
        ..a_job(&fixture.conversation)
    };
    insert(harness, &[plain.clone(), full.clone()]).await;
    let committed = [(); 2].map(|()| Job {
        id: JobId(an_id()),
        ..full.clone()
    });
    let fresh = a_job(&fixture.conversation);
    let jobs = committed.iter().chain([&fresh]).cloned().collect();
    harness.commit(&[promising(&fixture.conversation, jobs)]).await;
    for job in committed.iter().chain([&plain, &full, &fresh]) {
        assert_eq!(find(harness, job).await, Some(job.clone()));
        assert_eq!(harness.read().await.jobs().find(other.workspace.id, job.id).await.unwrap(), None);
    }

    let work = harness.begin().await;
    let refused = work.jobs().insert(&plain).await;
    assert!(matches!(refused, Err(RepositoryError::Conflict)), "{refused:?}");
    work.jobs().delete(full.id).await.unwrap();
    work.jobs().delete(full.id).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(find(harness, &full).await, None);
    let row = harness.row(fixture.conversation.id).await;
    let taken = harness.conversations.commit(&[promising(&row, vec![plain.clone()])]).await;
    assert!(matches!(taken, Err(RepositoryError::Failed(_))), "{taken:?}");
    assert_eq!(harness.row(row.id).await, row);
}

/// Work is added and removed with its item: if that is stale or repeats a client id, its work is neither.
pub async fn work_is_stored_with_its_item_or_not_at_all(harness: &Harness) {
    let fixture = harness.fixture().await;
    let mut rows = harness.conversations_of(&fixture, 4).await;
    let mut items: Vec<CommitItem> = rows.iter().map(|row| promising(row, vec![a_job(row), a_job(row)])).collect();
    for item in &mut items {
        let message = Message {
            client_id: Some("c".to_owned()),
            ..(*item.inserted[0]).clone()
        };
        item.inserted = vec![Arc::new(message)];
    }
    harness.commit(&items).await;
    let first: Vec<Vec<Job>> = items.iter().map(|item| item.jobs.clone()).collect();
    for row in &mut rows {
        *row = harness.row(row.id).await;
    }

    // The second is stale, the third repeats a client id.
    let mut batch: Vec<CommitItem> = rows
        .iter()
        .zip(&first)
        .map(|(row, jobs)| CommitItem {
            finished_jobs: vec![jobs[0].id],
            ..promising(row, vec![a_job(row)])
        })
        .collect();
    batch[1].base_version -= 1;
    let repeated = Message {
        client_id: Some("c".to_owned()),
        ..(*batch[2].inserted[0]).clone()
    };
    batch[2].inserted = vec![Arc::new(repeated)];
    let outcomes = harness.conversations.commit(&batch).await.unwrap();
    assert_eq!(
        outcomes,
        [CommitOutcome::Stored, CommitOutcome::Stale, CommitOutcome::ClientIdTaken, CommitOutcome::Stored]
    );
    for ((item, outcome), before) in batch.iter().zip(outcomes).zip(&first) {
        let stored = outcome == CommitOutcome::Stored;
        assert_eq!(find(harness, &item.jobs[0]).await.is_some(), stored);
        assert_eq!(find(harness, &before[0]).await.is_none(), stored);
        assert!(find(harness, &before[1]).await.is_some());
    }

    // An item may do nothing but finish, many at once, and what is gone already is no harm.
    let rest: Vec<JobId> = first.iter().chain([&batch[0].jobs, &batch[3].jobs]).flatten().map(|job| job.id).collect();
    let row = harness.row(rows[0].id).await;
    let after = Conversation {
        version: row.version + 1,
        ..row.clone()
    };
    harness
        .commit(&[CommitItem {
            finished_jobs: rest,
            ..an_item(row.version, &after, Vec::new())
        }])
        .await;
    for job in first.iter().chain([&batch[0].jobs, &batch[3].jobs]).flatten() {
        assert_eq!(find(harness, job).await, None);
    }
}

/// A full batch with work for each conversation is stored as it is.
pub async fn a_full_batch_of_work_is_stored(harness: &Harness) {
    let fixture = harness.fixture().await;
    let rows = harness.conversations_of(&fixture, 256).await;
    let items: Vec<CommitItem> = rows.iter().map(|row| promising(row, vec![a_job(row)])).collect();
    harness.commit(&items).await;
    let claimed = harness.read().await.jobs().claim_due(now(), a_claim(later(1)), 1_000).await.unwrap();
    assert_eq!(ids(&claimed), ids(items.iter().flat_map(|item| &item.jobs)));
    let done: Vec<CommitItem> = items
        .iter()
        .map(|item| {
            let row = Conversation {
                version: item.conversation.version + 1,
                ..item.conversation.clone()
            };
            CommitItem {
                finished_jobs: ids(&item.jobs),
                ..an_item(item.conversation.version, &row, Vec::new())
            }
        })
        .collect();
    harness.commit(&done).await;
    harness.read().await.jobs().free_all().await.unwrap();
    assert_eq!(claim(harness, later(100), a_claim(later(200))).await, []);
}

/// What nobody tries any more is listed to its workspace, newest first.
pub async fn dead_jobs_are_paged_without_hole_or_double(harness: &Harness) {
    let (here, there) = (harness.fixture().await, harness.fixture().await);
    let dead: Vec<Job> = times()
        .map(|dead_at| Job {
            dead_at: Some(dead_at),
            ..a_job(&here.conversation)
        })
        .collect();
    insert(harness, &dead).await;
    let of_others = Job {
        dead_at: Some(now()),
        ..a_job(&there.conversation)
    };
    insert(harness, &[a_job(&here.conversation), of_others]).await;
    let cursor_of = |job: &Job| place(job.dead_at.unwrap(), job.id.0);
    let read = harness.read().await;
    walk("dead jobs", dead.iter().map(cursor_of).collect(), true, cursor_of, async |after, limit| {
        read.jobs().list_dead(here.workspace.id, after, limit).await
    })
    .await;
}

/// A dead job is tried again when its workspace says so, and only then.
pub async fn a_dead_job_is_replayed(harness: &Harness) {
    let (here, there) = (harness.fixture().await, harness.fixture().await);
    let job = Job {
        attempts: 9,
        last_error: Some("no".to_owned()),
        dead_at: Some(later(1)),
        ..a_job(&here.conversation)
    };
    let alive = a_job(&there.conversation);
    insert(harness, &[job.clone(), alive.clone()]).await;
    let work = harness.begin().await;
    let jobs = work.jobs();
    assert!(!jobs.replay(there.workspace.id, job.id, later(2)).await.unwrap());
    assert!(!jobs.replay(there.workspace.id, alive.id, later(2)).await.unwrap());
    assert!(!jobs.replay(here.workspace.id, JobId(an_id()), later(2)).await.unwrap());
    assert!(jobs.replay(here.workspace.id, job.id, later(2)).await.unwrap());
    assert!(!jobs.replay(here.workspace.id, job.id, later(3)).await.unwrap());
    work.commit().await.unwrap();
    let replayed = Job {
        attempts: 0,
        run_at: later(2),
        dead_at: None,
        ..job.clone()
    };
    assert_eq!(find(harness, &job).await, Some(replayed));
    assert_eq!(find(harness, &alive).await, Some(alive.clone()));
    let read = harness.read().await;
    assert_eq!(read.jobs().list_dead(here.workspace.id, None, Limit::DEFAULT).await.unwrap().items, []);
    assert_eq!(claim(harness, later(2), a_claim(later(15))).await, [alive.id, job.id]);
}

/// What waits is counted by kind, claimed or not; what is given up does not wait.
pub async fn what_waits_is_counted_by_kind(harness: &Harness) {
    let fixture = harness.fixture().await;
    let of = |kind, dead_at| Job {
        kind,
        dead_at,
        ..a_job(&fixture.conversation)
    };
    let claimed = Job {
        claim: Some(a_claim(later(9))),
        ..of(JobKind::WhatsappSend, None)
    };
    let jobs = [
        of(JobKind::WhatsappSend, None),
        claimed,
        of(JobKind::WhatsappSend, Some(now())),
        of(JobKind::WhatsappRead, None),
    ];
    insert(harness, &jobs).await;
    let read = harness.read().await;
    assert_eq!(read.jobs().waiting(JobKind::WhatsappSend).await.unwrap(), 2);
    assert_eq!(read.jobs().waiting(JobKind::OfferExpiry).await.unwrap(), 0);
}

/// Work goes with its conversation when that is erased, and only then.
pub async fn an_erased_conversations_work_is_gone(harness: &Harness) {
    let fixture = harness.fixture().await;
    let deleted = Conversation {
        deleted_at: Some(now()),
        ..a_conversation(&fixture.visitor)
    };
    let mut kept = a_conversation(&fixture.visitor);
    let message = a_message(&kept);
    kept.last_seq = 1;
    harness.insert(&[deleted.clone(), kept.clone()]).await;
    let work = harness.begin().await;
    work.messages().insert(&[message]).await.unwrap();
    work.commit().await.unwrap();
    let jobs = [a_job(&deleted), a_job(&deleted), a_job(&kept)];
    insert(harness, &jobs).await;
    let work = harness.begin().await;
    assert_eq!(work.conversations().erase(Timestamp(0), later(1), 10).await.unwrap(), 1);
    work.commit().await.unwrap();
    let mut left = HashSet::new();
    for job in &jobs {
        left.extend(find(harness, job).await.map(|job| job.id));
    }
    assert_eq!(left, HashSet::from([jobs[2].id]));
    assert_eq!(jobs[2].kind, JobKind::AssistantAnswer);
}
