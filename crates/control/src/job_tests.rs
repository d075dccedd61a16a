use proptest::prelude::*;

use super::*;
use crate::testing::{Database, at};

const KINDS: [JobKind; 2] = [JobKind::Export, JobKind::Report];

fn new(n: u128, kind: JobKind, run_at: i64) -> NewJob {
    NewJob {
        id: Uuid::from_u128(n),
        kind,
        owner: Owner::AdminKey,
        owner_name: "ops".into(),
        parent: None,
        spec: format!("{{\"n\":{n}}}"),
        run_at: at(run_at),
    }
}

fn lease(by: u128, until: i64) -> Lease {
    Lease { by: Uuid::from_u128(by), until: at(until) }
}

fn ended(state: JobState) -> Ended {
    Ended {
        state,
        outcome: Some("{}".into()),
        done: 7,
        total: Some(9),
        expires_at: Some(at(500)),
        then: Vec::new(),
    }
}

#[tokio::test]
async fn the_job_that_is_due_longest_is_claimed_and_by_one_only() {
    let base = Database::new().await;
    let control = &base.control;
    for (n, run_at) in [(1, 30), (2, 10), (3, 99)] {
        control.insert_job(&new(n, JobKind::Export, run_at), at(5)).await.unwrap();
    }
    control.insert_job(&new(4, JobKind::Mail, 1), at(5)).await.unwrap();
    let claim = async |now| control.claim_job(&KINDS, lease(9, now + 10), at(now)).await.unwrap();
    assert_eq!(claim(9).await, None, "none is due");
    let first = claim(40).await.unwrap();
    assert_eq!((first.id, first.attempts, first.started_at), (Uuid::from_u128(2), 1, Some(at(40))));
    assert_eq!(claim(40).await.unwrap().id, Uuid::from_u128(1));
    assert_eq!(claim(40).await, None, "the third is not due, the mail is of another kind");
    assert_eq!(control.open_jobs(JobKind::Export, Owner::AdminKey).await.unwrap(), 3);
}

#[tokio::test]
async fn nobody_waits_for_all_that_another_asked_for() {
    let base = Database::new().await;
    let [many, few] = [70, 71].map(|id| Owner::User(Uuid::from_u128(id)));
    for (n, owner) in [(1, many), (2, many), (3, many), (4, few), (5, few)] {
        let job = NewJob { owner, ..new(n, JobKind::Export, i64::try_from(n).unwrap()) };
        base.control.insert_job(&job, at(0)).await.unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..5 {
        let job = base.control.claim_job(&KINDS, lease(9, 99), at(50)).await.unwrap().unwrap();
        order.push(job.id.as_u128());
    }
    assert_eq!(order, [1, 4, 2, 5, 3]);
}

#[tokio::test]
async fn the_files_of_an_owner_are_counted_as_long_as_they_are_there() {
    let base = Database::new().await;
    let control = &base.control;
    for (n, bytes) in [(1, 300), (2, 40)] {
        control.insert_job(&new(n, JobKind::Export, 0), at(0)).await.unwrap();
        let job = control.claim_job(&KINDS, lease(9, 99), at(1)).await.unwrap().unwrap();
        let outcome = Some(format!("{{\"file\":{{\"bytes\":{bytes}}}}}"));
        let ended = Ended { outcome, ..ended(JobState::Completed) };
        control.end_job(job.id, Uuid::from_u128(9), &ended, at(2)).await.unwrap();
    }
    assert_eq!(control.file_bytes(Owner::AdminKey).await.unwrap(), 340);
    control.expire_job(Uuid::from_u128(1), at(3)).await.unwrap();
    assert_eq!(control.file_bytes(Owner::AdminKey).await.unwrap(), 40);
    assert_eq!(control.file_bytes(Owner::User(Uuid::from_u128(7))).await.unwrap(), 0);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_another_s_and_the_first_one_is_not_heard_any_more() {
    let base = Database::new().await;
    let control = &base.control;
    control.insert_job(&new(1, JobKind::Export, 0), at(0)).await.unwrap();
    let id = Uuid::from_u128(1);
    control.claim_job(&KINDS, lease(8, 10), at(0)).await.unwrap().unwrap();
    assert_eq!(control.renew_lease(id, lease(8, 20), 3, Some(5)).await.unwrap(), Renewal::Held);
    assert_eq!(control.claim_job(&KINDS, lease(9, 40), at(20)).await.unwrap(), None, "still held");
    let taken = control.claim_job(&KINDS, lease(9, 40), at(21)).await.unwrap().unwrap();
    assert_eq!((taken.attempts, taken.done, taken.total), (2, 0, None));
    assert_eq!(control.renew_lease(id, lease(8, 50), 4, None).await.unwrap(), Renewal::Lost);
    assert_eq!(
        control.end_job(id, Uuid::from_u128(8), &ended(JobState::Failed), at(30)).await.unwrap(),
        None
    );
    control.postpone_job(id, Uuid::from_u128(8), at(99), true, None).await.unwrap();
    assert!(
        control.end_job(id, Uuid::from_u128(9), &ended(JobState::Completed), at(30)).await.unwrap().is_some()
    );
    let job = control.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.done, job.ended_at), (JobState::Completed, 7, Some(at(30))));
    assert_eq!(job.outcome.as_deref(), Some("{}"));
}

#[tokio::test]
async fn who_starts_alone_takes_over_at_once_and_an_interrupted_attempt_need_not_count() {
    let base = Database::new().await;
    base.control.insert_job(&new(1, JobKind::Report, 0), at(0)).await.unwrap();
    base.control.claim_job(&KINDS, lease(8, i64::MAX), at(0)).await.unwrap().unwrap();
    let base = base.reopened().await;
    assert_eq!(base.control.release_jobs().await.unwrap(), 1);
    let job = base.control.claim_job(&KINDS, lease(9, 9), at(1)).await.unwrap().unwrap();
    assert_eq!(job.attempts, 2);
    base.control.postpone_job(job.id, Uuid::from_u128(9), at(50), false, None).await.unwrap();
    let job = base.control.job(job.id).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempts, job.run_at), (JobState::Queued, 1, at(50)));
}

#[tokio::test]
async fn a_job_that_waits_is_cancelled_at_once_and_one_that_runs_is_told() {
    let base = Database::new().await;
    let control = &base.control;
    let id = Uuid::from_u128;
    for n in [1, 2] {
        control.insert_job(&new(n, JobKind::Export, 0), at(0)).await.unwrap();
    }
    control.claim_job(&KINDS, lease(9, 99), at(1)).await.unwrap().unwrap();
    assert_eq!(control.cancel_job(id(2), at(5)).await.unwrap().unwrap().state, JobState::Cancelled);
    assert_eq!(control.cancel_job(id(1), at(5)).await.unwrap().unwrap().state, JobState::Running);
    assert_eq!(control.renew_lease(id(1), lease(9, 99), 0, None).await.unwrap(), Renewal::Cancelling);
    assert!(control.end_job(id(1), id(9), &ended(JobState::Cancelled), at(6)).await.unwrap().is_some());
    for n in [1, 2, 3] {
        assert_eq!(control.cancel_job(id(n), at(7)).await.unwrap(), None, "{n} has ended or never was");
    }
}

#[tokio::test]
async fn what_a_job_made_expires_and_its_row_stays() {
    let base = Database::new().await;
    let control = &base.control;
    control.insert_job(&new(1, JobKind::Export, 0), at(0)).await.unwrap();
    let job = control.claim_job(&KINDS, lease(9, 99), at(1)).await.unwrap().unwrap();
    assert!(
        control
            .end_job(job.id, Uuid::from_u128(9), &ended(JobState::Completed), at(2))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(control.jobs_with_files().await.unwrap(), [job.id]);
    assert!(control.jobs_to_expire(at(499)).await.unwrap().is_empty());
    assert_eq!(control.jobs_to_expire(at(500)).await.unwrap().len(), 1);
    assert!(control.expire_job(job.id, at(500)).await.unwrap());
    assert!(!control.expire_job(job.id, at(501)).await.unwrap(), "it is gone");
    assert_eq!(control.job(job.id).await.unwrap().unwrap().state, JobState::Expired);
    assert!(control.jobs_with_files().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_history_is_listed_newest_first_page_by_page() {
    let base = Database::new().await;
    let user = Owner::User(Uuid::from_u128(70));
    for n in 1..=5 {
        let owner = if n % 2 == 0 { user } else { Owner::AdminKey };
        let parent = (n > 3).then(|| Uuid::from_u128(80));
        let job = NewJob { owner, parent, ..new(n, JobKind::Export, 0) };
        base.control.insert_job(&job, at(0)).await.unwrap();
    }
    let list = async |owner, parent, before: Option<u128>, limit| {
        let before = before.map(Uuid::from_u128);
        let filter = JobFilter { kind: JobKind::Export, owner, parent, before, limit };
        let found = base.control.jobs(&filter).await.unwrap();
        found.iter().map(|job| job.id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, None, 9).await, [5, 4, 3, 2, 1]);
    assert_eq!(list(None, None, Some(4), 2).await, [3, 2]);
    assert_eq!(list(Some(user), None, None, 9).await, [4, 2]);
    assert_eq!(list(None, Some(Uuid::from_u128(80)), None, 9).await, [5, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// However processes come and go, no job is run by two at one time, and none is lost or done twice.
    #[test]
    fn each_job_ends_once(steps in prop::collection::vec((0..4_u8, 1..4_u128, 0..40_i64), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let base = Database::new().await;
            let control = &base.control;
            for n in 1..=4 {
                control.insert_job(&new(n, JobKind::Export, 0), at(0)).await.unwrap();
            }
            // Who holds what until when, by the simplest means.
            let mut held: std::collections::BTreeMap<Uuid, (u128, i64)> = std::collections::BTreeMap::new();
            let (mut now, mut done) = (0, std::collections::BTreeSet::new());
            for (what, by, wait) in steps {
                now += wait;
                let mine = held.iter().find(|(_, (holder, _))| *holder == by).map(|(id, _)| *id);
                match (what, mine) {
                    (0, _) => {
                        let free = (1..=4).map(Uuid::from_u128).any(|id| {
                            let is_free = |(holder, until): &(u128, i64)| *holder != by && *until < now;
                            !done.contains(&id) && held.get(&id).is_none_or(is_free)
                        });
                        let job = control.claim_job(&KINDS, lease(by, now + 20), at(now)).await.unwrap();
                        prop_assert_eq!(job.is_some(), free);
                        if let Some(job) = job {
                            prop_assert!(held.get(&job.id).is_none_or(|(_, until)| *until < now));
                            held.insert(job.id, (by, now + 20));
                        }
                    }
                    (1, Some(id)) => {
                        let renewed = control.renew_lease(id, lease(by, now + 20), 1, None).await.unwrap();
                        prop_assert_eq!(renewed, Renewal::Held);
                        held.insert(id, (by, now + 20));
                    }
                    (2, Some(id)) => {
                        let by = Uuid::from_u128(by);
                        prop_assert!(control.end_job(id, by, &ended(JobState::Completed), at(now)).await.unwrap().is_some());
                        prop_assert!(control.end_job(id, by, &ended(JobState::Failed), at(now)).await.unwrap().is_none());
                        held.remove(&id);
                        prop_assert!(done.insert(id));
                    }
                    (3, Some(id)) => {
                        control.postpone_job(id, Uuid::from_u128(by), at(now), true, None).await.unwrap();
                        held.remove(&id);
                    }
                    _ => {}
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn what_follows_is_there_when_a_job_is_completed_and_never_when_it_was_cancelled() {
    let base = Database::new().await;
    let control = &base.control;
    let (by, follower) = (Uuid::from_u128(9), Uuid::from_u128(70));
    for (id, cancelled, state) in [(1, true, JobState::Cancelled), (2, false, JobState::Completed)] {
        let id = Uuid::from_u128(id);
        let job = NewJob { id, ..new(1, JobKind::Export, 0) };
        control.insert_job(&job, at(0)).await.unwrap();
        control.claim_job(&KINDS, lease(9, 50), at(1)).await.unwrap().unwrap();
        if cancelled {
            control.cancel_job(id, at(2)).await.unwrap().unwrap();
        }
        let then = vec![new(70, JobKind::Mail, 0)];
        let ended = Ended { then, ..ended(JobState::Completed) };
        // Not by another process.
        assert_eq!(control.end_job(id, Uuid::from_u128(8), &ended, at(3)).await.unwrap(), None);
        assert_eq!(control.job(follower).await.unwrap(), None);
        assert_eq!(control.end_job(id, by, &ended, at(3)).await.unwrap(), Some(state));
        let row = control.job(id).await.unwrap().unwrap();
        assert_eq!((row.state, row.outcome.is_some()), (state, !cancelled));
        assert_eq!(control.job(follower).await.unwrap().is_some(), !cancelled);
    }
}

#[tokio::test]
async fn what_was_put_off_by_a_wrong_clock_is_called_in() {
    let base = Database::new().await;
    let control = &base.control;
    for (id, run_at) in [(1, 10), (2, 1_000)] {
        control.insert_job(&new(id, JobKind::Mail, run_at), at(0)).await.unwrap();
    }
    assert_eq!(control.call_in_jobs(at(100), at(5)).await.unwrap(), 1);
    let run_at = async |id| control.job(Uuid::from_u128(id)).await.unwrap().unwrap().run_at;
    assert_eq!((run_at(1).await, run_at(2).await), (at(10), at(5)));
}
