//! Follow-up work is handed out once, in order, and for a while.

use super::jobs::{a_claim, claim, find, ids, insert, promising};
use super::{HARD, Harness, later};
use crate::build::{a_job, an_id, now};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::CommitItem;
use parlor_domain::id::JobId;
use parlor_domain::job::{Claim, Job};
use std::sync::Arc;

/// What is due is handed out, oldest first and no more than asked for: not what is for later, dead, or claimed.
pub async fn what_is_due_is_handed_out_oldest_first(harness: &Harness) {
    let fixture = harness.fixture().await;
    let rows = harness.conversations_of(&fixture, 7).await;
    let at = |place: usize, run_at| Job { run_at, ..a_job(&rows[place]) };
    let third = at(0, now());
    let first = at(1, Timestamp(now().millis() - 2_000));
    let second = at(2, Timestamp(now().millis() - 1_000));
    let fourth = at(3, now());
    let not_yet = at(4, Timestamp(now().millis() + 1));
    let dead = Job {
        dead_at: Some(now()),
        ..at(5, now())
    };
    let claimed = Job {
        claim: Some(a_claim(Timestamp(now().millis() + 1))),
        ..at(6, now())
    };
    let all = [&third, &first, &second, &fourth, &not_yet, &dead, &claimed].map(Clone::clone);
    insert(harness, &all).await;
    let read = harness.read().await;
    let mine = a_claim(later(15));
    let some = read.jobs().claim_due(now(), mine, 3).await.unwrap();
    let expected: Vec<Job> = [first, second, third].into_iter().map(|job| Job { claim: Some(mine), ..job }).collect();
    assert_eq!(some, expected);
    assert_eq!(find(harness, &expected[0]).await.as_ref(), Some(&expected[0]));
    assert_eq!(claim(harness, now(), mine).await, [fourth.id]);
    assert_eq!(claim(harness, now(), mine).await, []);
    assert!(!harness.read().await.jobs().any_due(now()).await.unwrap(), "what is for later, dead or claimed");
    assert!(harness.read().await.jobs().any_due(later(1)).await.unwrap());
    assert_eq!(claim(harness, later(1), mine).await, [claimed.id, not_yet.id]);
    assert_eq!(harness.read().await.jobs().claim_due(later(20), mine, 0).await.unwrap(), []);
}

/// A claim that was dropped with its unit of work was never made.
pub async fn a_dropped_claim_is_none(harness: &Harness) {
    let fixture = harness.fixture().await;
    let job = a_job(&fixture.conversation);
    insert(harness, std::slice::from_ref(&job)).await;
    let work = harness.begin().await;
    assert_eq!(work.jobs().claim_due(now(), a_claim(later(15)), 10).await.unwrap().len(), 1);
    drop(work);
    // The database may take a moment to see that nobody keeps the row any more.
    let mut claimed = Vec::new();
    while claimed.is_empty() {
        claimed = claim(harness, now(), a_claim(later(15))).await;
    }
    assert_eq!(claimed, [job.id]);
}

/// However many ask at once, with a unit of work or without, no job is handed to two of them, and none is forgotten.
pub async fn no_job_is_handed_to_two(harness: &Harness) {
    let fixture = harness.fixture().await;
    let rows = harness.conversations_of(&fixture, 200).await;
    let jobs: Vec<Job> = rows.iter().map(a_job).collect();
    insert(harness, &jobs).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let store = Arc::clone(&harness.store);
        tasks.spawn(async move {
            let mut mine = Vec::new();
            let mut empty = 0;
            // What another one takes at the moment may be passed over, so nothing is not yet the end.
            while empty < 3 {
                let claim = a_claim(later(15));
                let some = if number % 2 == 0 {
                    let work = store.begin().await.unwrap();
                    let some = work.jobs().claim_due(now(), claim, 7).await.unwrap();
                    work.commit().await.unwrap();
                    some
                } else {
                    store.read().await.unwrap().jobs().claim_due(now(), claim, 7).await.unwrap()
                };
                assert!(some.len() <= 7);
                empty = if some.is_empty() { empty + 1 } else { 0 };
                mine.extend(ids(&some));
            }
            mine
        });
    }
    let mut handed_out = tasks.join_all().await.concat();
    assert_eq!(handed_out.len(), jobs.len());
    handed_out.sort();
    let mut expected = ids(&jobs);
    expected.sort();
    assert_eq!(handed_out, expected);
}

/// Jobs of one conversation and kind run one after another; what waits elsewhere does not wait for them, and one that
/// nobody tries any more holds up nothing.
pub async fn jobs_of_a_conversation_run_one_after_another(harness: &Harness) {
    let fixture = harness.fixture().await;
    let other = harness.conversations_of(&fixture, 1).await.remove(0);
    let one_by_one: Vec<Job> = (0..4).map(|_| a_job(&fixture.conversation)).collect();
    let [first, second, third, fourth] = &one_by_one[..] else {
        panic!("four jobs")
    };
    let elsewhere = a_job(&other);
    // The second is due before the first.
    let early = Job {
        run_at: Timestamp(0),
        ..second.clone()
    };
    let later_first = Job {
        run_at: later(1),
        ..first.clone()
    };
    insert(harness, &[fourth.clone(), later_first, early, third.clone(), elsewhere.clone()]).await;
    let mine = a_claim(later(15));
    assert_eq!(
        claim(harness, now(), mine).await,
        [elsewhere.id],
        "the first is for later, and the others are after it"
    );
    assert_eq!(claim(harness, later(1), mine).await, [first.id]);
    assert_eq!(claim(harness, later(1), mine).await, []);
    let read = harness.read().await;
    let jobs = read.jobs();
    // It fails, and holds the others up until its next try …
    jobs.give_back(first.id, mine.by, later(5), "no", None).await.unwrap();
    assert_eq!(claim(harness, later(2), mine).await, []);
    assert_eq!(claim(harness, later(5), mine).await, [first.id]);
    // … until nobody tries it any more.
    jobs.give_back(first.id, mine.by, later(6), "no", Some(later(6))).await.unwrap();
    assert_eq!(claim(harness, later(6), mine).await, [second.id]);
    jobs.delete(second.id).await.unwrap();
    assert_eq!(claim(harness, later(6), mine).await, [third.id]);
    // A commit that finishes one frees the next.
    let row = harness.row(fixture.conversation.id).await;
    let item = CommitItem {
        finished_jobs: vec![third.id],
        ..promising(&row, Vec::new())
    };
    harness.commit(&[item]).await;
    assert_eq!(claim(harness, later(6), mine).await, [fourth.id]);
}

/// A claim holds until its time, longer if it is renewed by its owner, and then anybody may take the job.
pub async fn claims_run_out(harness: &Harness) {
    let fixture = harness.fixture().await;
    let job = a_job(&fixture.conversation);
    insert(harness, std::slice::from_ref(&job)).await;
    let mine = a_claim(later(15));
    assert_eq!(claim(harness, now(), mine).await, [job.id]);
    let theirs = a_claim(later(60));
    assert_eq!(claim(harness, Timestamp(later(15).millis() - 1), theirs).await, []);
    let read = harness.read().await;
    let jobs = read.jobs();
    let longer = Claim { until: later(30), ..mine };
    assert!(jobs.renew(job.id, longer).await.unwrap());
    assert!(!jobs.renew(job.id, theirs).await.unwrap());
    assert!(!jobs.renew(JobId(an_id()), longer).await.unwrap());
    assert_eq!(find(harness, &job).await.unwrap().claim, Some(longer));
    assert_eq!(claim(harness, later(15), theirs).await, []);
    assert_eq!(claim(harness, later(30), theirs).await, [job.id]);

    // Now it is theirs: who had it before can neither hold it nor give it back.
    assert!(!jobs.renew(job.id, longer).await.unwrap());
    jobs.give_back(job.id, mine.by, later(31), "too late", Some(later(31))).await.unwrap();
    let expected = Job {
        claim: Some(theirs),
        ..job.clone()
    };
    assert_eq!(find(harness, &job).await, Some(expected));
    jobs.give_back(job.id, theirs.by, later(40), HARD, None).await.unwrap();
    let expected = Job {
        attempts: 1,
        run_at: later(40),
        last_error: Some(HARD.to_owned()),
        ..job.clone()
    };
    assert_eq!(find(harness, &job).await, Some(expected));
    assert!(!jobs.renew(job.id, theirs).await.unwrap(), "what was given back is nobody's");
}

/// All claims are freed at once, of whatever workspace.
pub async fn all_claims_are_freed(harness: &Harness) {
    let sides = [harness.fixture().await, harness.fixture().await];
    let jobs: Vec<Job> = sides
        .iter()
        .map(|side| Job {
            claim: Some(a_claim(later(1_000))),
            ..a_job(&side.conversation)
        })
        .collect();
    insert(harness, &jobs).await;
    assert_eq!(claim(harness, now(), a_claim(later(15))).await, []);
    let work = harness.begin().await;
    work.jobs().free_all().await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(claim(harness, now(), a_claim(later(15))).await, ids(&jobs));
}
