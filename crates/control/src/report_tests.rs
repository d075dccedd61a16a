use super::*;
use crate::{
    JobFilter, JobKind,
    testing::{Database, at},
};

fn report(n: u128) -> Report {
    Report {
        id: Uuid::from_u128(n),
        owner: Owner::User(Uuid::from_u128(70)),
        owner_name: "ada".into(),
        name: "Sign-ins".into(),
        definition: "{\"kind\":\"sign_ins\"}".into(),
        query: "action_type=login".into(),
        zone: "Europe/Rome".into(),
        shared_with: Sharing::Nobody,
        created_at: at(1),
        changed_at: at(1),
    }
}

fn schedule(n: u128, next_run: Option<i64>) -> Schedule {
    Schedule {
        id: Uuid::from_u128(n),
        owner: Owner::AdminKey,
        owner_name: "administrator key".into(),
        name: "monthly".into(),
        report: Uuid::from_u128(1),
        format: "pdf".into(),
        timing: "every month on the 1st at 06:00".into(),
        zone: "UTC".into(),
        recipients: vec!["a@example.com".into()],
        subject: None,
        enabled: next_run.is_some(),
        stopped: None,
        next_run: next_run.map(at),
        created_at: at(1),
        changed_at: at(1),
    }
}

fn run(n: u128) -> NewJob {
    NewJob {
        id: Uuid::from_u128(n),
        kind: JobKind::Report,
        owner: Owner::AdminKey,
        owner_name: "administrator key".into(),
        parent: Some(Uuid::from_u128(5)),
        spec: "{}".into(),
        run_at: at(0),
    }
}

#[tokio::test]
async fn what_is_stored_comes_back_as_it_was() {
    let base = Database::new().await;
    let control = &base.control;
    for shared_with in
        [Sharing::Everybody, Sharing::Role(Uuid::from_u128(9)), Sharing::Tenant(3), Sharing::Nobody]
    {
        let report = Report { shared_with, ..report(1) };
        control.put_report(&report).await.unwrap();
        assert_eq!(control.report(report.id).await.unwrap(), Some(report));
    }
    let mut plan = schedule(5, Some(9));
    for stopped in [None, Some((at(7), "no right".to_owned()))] {
        plan.stopped = stopped;
        control.put_schedule(&plan).await.unwrap();
        assert_eq!(control.schedule(plan.id).await.unwrap().as_ref(), Some(&plan));
    }
    assert_eq!(control.reports().await.unwrap().len(), 1);
    assert_eq!(control.schedules().await.unwrap(), [plan]);
}

#[tokio::test]
async fn a_report_that_a_schedule_makes_stays() {
    let base = Database::new().await;
    let control = &base.control;
    assert!(control.put_schedule(&schedule(5, None)).await.is_err(), "its report is not there");
    let of_admin = Report { owner: Owner::AdminKey, ..report(1) };
    control.put_report(&of_admin).await.unwrap();
    control.put_schedule(&schedule(5, None)).await.unwrap();
    assert!(matches!(control.delete_report(&of_admin).await, Err(ControlError::ReportInUse)));
    assert!(control.delete_schedule(Uuid::from_u128(5)).await.unwrap());
    assert!(control.delete_report(&of_admin).await.unwrap());
    assert!(!control.delete_report(&of_admin).await.unwrap());
    // Others' schedules hold nobody's report.
    control.put_report(&report(1)).await.unwrap();
    control.put_schedule(&schedule(5, None)).await.unwrap();
    assert_eq!(control.schedules_of_report(Uuid::from_u128(1)).await.unwrap().len(), 1);
    assert!(control.delete_report(&report(1)).await.unwrap());
    assert!(control.schedules().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_that_is_due_is_begun_once() {
    let base = Database::new().await;
    let control = &base.control;
    control.put_report(&report(1)).await.unwrap();
    control.put_schedule(&schedule(5, Some(10))).await.unwrap();
    assert!(control.schedules_due(at(9)).await.unwrap().is_empty());
    let due = control.schedules_due(at(10)).await.unwrap();
    assert_eq!(due.len(), 1);
    let begin = async |due: &Schedule, n, next, now| {
        control.begin_run(due, &run(n), Some(at(next)), "{\"problem\":1}", at(now)).await.unwrap()
    };
    assert_eq!(begin(&due[0], 100, 20, 10).await, Begun::Queued);
    // Whoever looked at the same moment comes too late.
    assert_eq!(begin(&due[0], 101, 20, 10).await, Begun::NotDue);
    let filter = JobFilter {
        kind: JobKind::Report,
        owner: None,
        parent: Some(Uuid::from_u128(5)),
        before: None,
        limit: 9,
    };
    let jobs = control.jobs(&filter).await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.id.as_u128()).collect::<Vec<_>>(), [100]);
    assert_eq!(control.schedule(Uuid::from_u128(5)).await.unwrap().unwrap().next_run, Some(at(20)));
    // One that never ends lets no others pile up behind it; the history says so.
    for (n, begun) in [(102, Begun::Queued), (103, Begun::Queued), (104, Begun::TooMany)] {
        let due = control.schedules_due(at(20)).await.unwrap();
        assert_eq!(begin(&due[0], n, 20, 20).await, begun, "{n}");
    }
    let last = control.job(Uuid::from_u128(104)).await.unwrap().unwrap();
    assert_eq!((last.state, last.outcome.as_deref()), (crate::JobState::Failed, Some("{\"problem\":1}")));
    // A clock that was wrong.
    let due = control.schedules_due(at(20)).await.unwrap();
    control.move_run(&due[0], Some(at(15))).await.unwrap();
    assert_eq!(control.schedule(Uuid::from_u128(5)).await.unwrap().unwrap().next_run, Some(at(15)));
}

#[tokio::test]
async fn a_schedule_that_was_stopped_is_never_due() {
    let base = Database::new().await;
    let control = &base.control;
    control.put_report(&report(1)).await.unwrap();
    control.put_schedule(&schedule(5, Some(10))).await.unwrap();
    let due = control.schedules_due(at(10)).await.unwrap();
    assert!(control.stop_schedule(Uuid::from_u128(5), "its owner has no right", at(11)).await.unwrap());
    assert!(!control.stop_schedule(Uuid::from_u128(5), "again", at(12)).await.unwrap());
    let begun = control.begin_run(&due[0], &run(100), Some(at(20)), "{}", at(12)).await.unwrap();
    assert_eq!(begun, Begun::NotDue);
    let stopped = control.schedule(Uuid::from_u128(5)).await.unwrap().unwrap();
    assert_eq!(stopped.stopped, Some((at(11), "its owner has no right".to_owned())));
    assert_eq!((stopped.enabled, stopped.next_run), (false, None));
    assert!(control.schedules_due(at(99)).await.unwrap().is_empty());
}
