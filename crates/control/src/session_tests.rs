use super::*;
use crate::{
    Profile, UserState,
    testing::{Database, at},
};

const IDLE: Duration = Duration::from_micros(100);
const HOUR: i64 = 3_600_000_000;

fn hash(n: u8) -> SecretHash {
    [n; 32]
}

fn session(user: Uuid, n: u8, begin: i64) -> Session {
    Session {
        id: Uuid::from_u128(n.into()),
        user,
        method: "password+totp".into(),
        address: "10.0.0.1".into(),
        user_agent: "Firefox".into(),
        created_at: at(begin),
        last_seen_at: at(begin),
        expires_at: at(begin + HOUR),
    }
}

/// A database with ada, and a session of hers for each number, begun that long after the other.
async fn with_sessions(numbers: std::ops::Range<u8>) -> (Database, Uuid) {
    let base = Database::new().await;
    let ada = base.user("ada", None).await;
    for n in numbers {
        base.control.begin_session(hash(n), session(ada, n, i64::from(n))).await.unwrap();
    }
    (base, ada)
}

fn profile(username: &str) -> Profile {
    Profile { username: username.into(), ..Profile::default() }
}

#[test]
fn a_session_ends_at_its_end_and_when_it_is_not_used() {
    let session = Session { last_seen_at: at(500), expires_at: at(550), ..session(Uuid::nil(), 1, 0) };
    for (now, idle, good) in
        [(549, 100, true), (550, 100, false), (519, 20, true), (520, 20, false), (0, 0, true)]
    {
        assert_eq!(session.is_valid_at(at(now), Duration::from_micros(idle)), good, "{now} {idle}");
    }
    assert!(session.is_valid_at(at(549), Duration::MAX));
}

#[tokio::test]
async fn sessions_come_back_after_a_restart_as_they_were_written_down() {
    let (base, ada) = with_sessions(1..3).await;
    // Seen a moment later: not worth a write. A minute later: noted.
    for (n, now) in [(1, 30_000_000), (2, 61_000_000)] {
        base.control.session_seen(&hash(n), at(now)).await.unwrap();
    }
    base.control.session_seen(&hash(9), at(61_000_000)).await.unwrap();
    let expected = [session(ada, 1, 1), Session { last_seen_at: at(61_000_000), ..session(ada, 2, 2) }];
    let base = base.reopened().await;
    for (n, expected) in [1, 2].into_iter().zip(expected) {
        assert_eq!(base.control.session(&hash(n)), Some(expected.clone()));
        assert_eq!(base.control.session_by_id(expected.id), Some(expected));
    }
    assert_eq!(base.control.session(&hash(9)), None);
}

#[tokio::test]
async fn a_session_of_nobody_does_not_begin() {
    let base = Database::new().await;
    assert!(base.control.begin_session(hash(1), session(Uuid::new_v4(), 1, 1)).await.is_err());
    assert_eq!(base.control.session(&hash(1)), None);
}

#[tokio::test]
async fn ended_sessions_stay_ended_and_others_go_on() {
    let (base, ada) = with_sessions(1..5).await;
    let bo = base.user("bo", None).await;
    base.control.begin_session(hash(9), session(bo, 9, 9)).await.unwrap();
    assert!(base.control.end_session(Uuid::from_u128(1)).await.unwrap());
    assert!(!base.control.end_session(Uuid::from_u128(1)).await.unwrap(), "it had ended");
    let left =
        |base: &Database| (0..10).filter(|n| base.control.session(&hash(*n)).is_some()).collect::<Vec<_>>();
    assert_eq!(left(&base), [2, 3, 4, 9]);
    base.control.end_sessions_of(ada, Some(Uuid::from_u128(3))).await.unwrap();
    assert_eq!(left(&base), [3, 9]);
    let base = base.reopened().await;
    assert_eq!(left(&base), [3, 9], "after a restart");
    // Another one's session is nothing that a user keeps.
    base.control.end_sessions_of(ada, Some(Uuid::from_u128(9))).await.unwrap();
    assert_eq!(left(&base.reopened().await), [9]);
}

#[tokio::test]
async fn whoever_is_locked_or_gets_another_password_loses_the_sessions() {
    for (what, expected) in [("active", 2), ("locked", 0), ("disabled", 0), ("password", 1)] {
        let (base, ada) = with_sessions(1..3).await;
        match UserState::parse(what) {
            Some(state) => base.control.change_user(ada, &profile("ada"), state).await.unwrap(),
            None => {
                base.control.set_password(ada, "$argon2id$x", Some(Uuid::from_u128(2)), at(9)).await.unwrap()
            }
        }
        assert_eq!(base.control.sessions_of(ada).len(), expected, "{what}");
        assert_eq!(base.reopened().await.control.sessions_of(ada).len(), expected, "{what}, after a restart");
    }
}

#[tokio::test]
async fn a_user_has_at_most_so_many_sessions_and_the_least_used_ends() {
    let (base, ada) = with_sessions(1..51).await;
    assert_eq!(base.control.sessions_of(ada).len(), SESSIONS_MAX);
    // The first was used since; the second was not for the longest time.
    base.control.session_seen(&hash(1), at(2 * HOUR)).await.unwrap();
    base.control.begin_session(hash(99), session(ada, 99, 3 * HOUR)).await.unwrap();
    let there = |base: &Database| (0..100).filter(|n| base.control.session(&hash(*n)).is_some()).collect();
    let left: Vec<_> = [1].into_iter().chain(3..51).chain([99]).collect();
    assert_eq!((left.len(), there(&base)), (SESSIONS_MAX, left.clone()));
    // One that does not begin, here because its secret is another's, ends none.
    assert!(base.control.begin_session(hash(5), session(ada, 98, 4 * HOUR)).await.is_err());
    assert_eq!(there(&base), left);
    assert_eq!(there(&base.reopened().await), left, "after a restart");
}

#[tokio::test]
async fn sessions_that_begin_at_one_time_are_no_more_than_may_be() {
    let (base, ada) = with_sessions(1..50).await;
    let begin = |n: u8| {
        let control = base.control.clone();
        tokio::spawn(async move { control.begin_session(hash(n), session(ada, n, i64::from(n))).await })
    };
    let begun: Vec<_> = (100..104).map(begin).collect();
    for one in begun {
        one.await.unwrap().unwrap();
    }
    assert_eq!(base.control.sessions_of(ada).len(), SESSIONS_MAX);
    assert!((100..104).all(|n| base.control.session(&hash(n)).is_some()));
}

#[tokio::test]
async fn what_is_good_no_longer_is_forgotten() {
    let (base, ada) = with_sessions(1..3).await;
    base.control.make_link(hash(20), LinkPurpose::Password, Some(ada), at(150)).await.unwrap();
    base.control.make_link(hash(21), LinkPurpose::Setup, None, at(103)).await.unwrap();
    base.control.forget_expired(at(101), IDLE).await.unwrap();
    let base = base.reopened().await;
    assert!(base.control.session(&hash(1)).is_none() && base.control.session(&hash(2)).is_some());
    base.control.forget_expired(at(103), IDLE).await.unwrap();
    let link = async |n, purpose| base.control.link(&hash(n), purpose, at(0)).await.unwrap();
    assert_eq!(link(20, LinkPurpose::Password).await, Some(Some(ada)));
    assert_eq!(link(21, LinkPurpose::Setup).await, None, "it is gone, whatever the clock says");
}

#[tokio::test]
async fn a_link_is_good_once_until_its_end_for_its_purpose_and_until_a_newer_one_is_made() {
    let base = Database::new().await;
    let (ada, bo) = (base.user("ada", None).await, base.user("bo", None).await);
    let make = async |n, purpose, user| {
        base.control.make_link(hash(n), purpose, user, at(100)).await.unwrap();
    };
    make(1, LinkPurpose::Password, Some(ada)).await;
    make(2, LinkPurpose::Invitation, Some(ada)).await;
    make(3, LinkPurpose::Password, Some(bo)).await;
    make(4, LinkPurpose::Setup, None).await;
    let looked = async |n, purpose, now| base.control.link(&hash(n), purpose, at(now)).await.unwrap();
    let taken = async |n, purpose, now| base.control.take_link(&hash(n), purpose, at(now)).await.unwrap();
    assert_eq!(looked(1, LinkPurpose::Password, 99).await, Some(Some(ada)));
    for (n, purpose, now) in [
        (1, LinkPurpose::Password, 100),
        (1, LinkPurpose::Invitation, 99),
        (1, LinkPurpose::Setup, 99),
        (9, LinkPurpose::Password, 99),
    ] {
        assert_eq!(
            (looked(n, purpose, now).await, taken(n, purpose, now).await),
            (None, None),
            "{n} {purpose:?} {now}"
        );
    }
    // Looking takes nothing, and a wrong attempt spoils nothing.
    assert_eq!(taken(1, LinkPurpose::Password, 99).await, Some(Some(ada)));
    assert_eq!(taken(1, LinkPurpose::Password, 99).await, None);
    assert_eq!(taken(4, LinkPurpose::Setup, 99).await, Some(None), "of no user");
    // A newer one replaces the one of the same purpose and user only.
    make(5, LinkPurpose::Password, Some(bo)).await;
    assert_eq!(looked(3, LinkPurpose::Password, 99).await, None);
    assert_eq!(looked(5, LinkPurpose::Password, 99).await, Some(Some(bo)));
    assert_eq!(looked(2, LinkPurpose::Invitation, 99).await, Some(Some(ada)));
    for n in [6, 7] {
        make(n, LinkPurpose::Setup, None).await;
    }
    assert_eq!(
        (taken(6, LinkPurpose::Setup, 99).await, taken(7, LinkPurpose::Setup, 99).await),
        (None, Some(None))
    );
}

#[tokio::test]
async fn of_many_who_take_a_link_at_one_time_one_gets_it() {
    let base = Database::new().await;
    for round in 0..20 {
        base.control.make_link(hash(round), LinkPurpose::Setup, None, at(100)).await.unwrap();
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let control = base.control.clone();
                tokio::spawn(async move { control.take_link(&hash(round), LinkPurpose::Setup, at(1)).await })
            })
            .collect();
        let mut got = 0;
        for taker in takers {
            got += usize::from(taker.await.unwrap().unwrap().is_some());
        }
        assert_eq!(got, 1, "round {round}");
    }
}
