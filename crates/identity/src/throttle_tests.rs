//! Waits, bounds and what is given up first, against the rules once more.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn password<'a>(account: &'a str, address: IpAddr) -> Attempt<'a> {
    Attempt { account, factor: Factor::Password, address }
}

fn throttle() -> Throttle {
    Throttle::new(Bounds::default())
}

/// Fails as often as told, each time as soon as it is let, and returns when the last attempt was.
fn fail(throttle: &mut Throttle, attempt: &Attempt<'_>, times: u32, mut now: Duration) -> Duration {
    for _ in 0..times {
        if let Err(wait) = throttle.check(attempt, now) {
            now += seconds(wait.seconds);
            throttle.check(attempt, now).unwrap();
        }
        throttle.failed(attempt, now);
    }
    now
}

#[test]
fn the_wait_doubles_from_one_second_to_a_quarter_of_an_hour() {
    let (mut throttle, ada) = (throttle(), password("ada", HOME));
    let mut now = seconds(1_000);
    for expected in [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900] {
        let waited = throttle.check(&ada, now).err().map_or(0, |wait| wait.seconds);
        assert_eq!(waited, expected);
        if expected > 0 {
            let just_before = now + seconds(expected) - Duration::from_nanos(1);
            assert_eq!(throttle.check(&ada, just_before), Err(Wait { seconds: 1 }));
            now += seconds(expected);
            assert_eq!(throttle.check(&ada, now), Ok(()));
        }
        throttle.failed(&ada, now);
    }
}

#[test]
fn the_wait_begins_when_the_attempt_has_failed() {
    let (mut throttle, ada) = (throttle(), password("ada", HOME));
    fail(&mut throttle, &ada, 4, seconds(0));
    throttle.check(&ada, seconds(0)).unwrap();
    throttle.failed(&ada, seconds(10));
    assert_eq!(throttle.check(&ada, seconds(10)), Err(Wait { seconds: 1 }));
    assert_eq!(throttle.check(&ada, seconds(11)), Ok(()));
}

#[test]
fn attempts_at_the_same_time_are_counted_before_they_end() {
    let (mut throttle, ada) = (throttle(), password("ada", HOME));
    let let_through = (0..1_000).filter(|_| throttle.check(&ada, seconds(0)).is_ok()).count();
    assert_eq!(let_through, 5);
}

#[test]
fn success_forgets_the_pair_and_only_this_pair() {
    let (mut throttle, ada, bob) = (throttle(), password("ada", HOME), password("bob", HOME));
    let elsewhere = password("ada", IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));
    let second = Attempt { factor: Factor::Second, ..ada };
    for attempt in [ada, bob, elsewhere, second] {
        fail(&mut throttle, &attempt, 5, seconds(0));
    }
    assert_eq!(throttle.check(&ada, seconds(1)), Ok(()));
    throttle.succeeded(&ada);
    assert!((0..5).all(|_| throttle.check(&ada, seconds(1)).is_ok()), "as if it had never failed");
    assert_eq!(throttle.check(&ada, seconds(1)), Err(Wait { seconds: 1 }));
    for attempt in [bob, elsewhere, second] {
        let waits = throttle.check(&attempt, Duration::from_millis(999));
        assert_eq!(waits, Err(Wait { seconds: 1 }), "{attempt:?}");
    }
}

#[test]
fn failures_are_forgotten_after_a_day() {
    for (pause, waits) in [(REMEMBERED - Duration::from_nanos(1), true), (REMEMBERED, false)] {
        let (mut throttle, ada) = (throttle(), password("ada", HOME));
        let last = fail(&mut throttle, &ada, 9, seconds(0));
        assert_eq!(throttle.check(&ada, last + pause), Ok(()));
        assert_eq!(throttle.check(&ada, last + pause).is_err(), waits, "{pause:?}");
    }
}

#[test]
fn one_account_is_one_however_it_is_typed() {
    let mut throttle = throttle();
    for typed in ["ada", "ADA", " Ada\n", "ａｄａ", "aDa"] {
        assert_eq!(throttle.check(&password(typed, HOME), seconds(0)), Ok(()));
    }
    assert!(throttle.check(&password("ada", HOME), seconds(0)).is_err());
    assert_eq!(throttle.check(&password("adb", HOME), seconds(0)), Ok(()));
}

#[test]
fn a_network_is_an_address_or_the_half_of_a_long_one() {
    for (one, other, same) in [
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
    ] {
        let mut throttle = throttle();
        fail(&mut throttle, &password("ada", one.parse().unwrap()), 5, seconds(0));
        let waits = throttle.check(&password("ada", other.parse().unwrap()), seconds(0)).is_err();
        assert_eq!(waits, same, "{one} {other}");
    }
}

#[test]
fn a_network_has_fifty_failures_in_a_quarter_of_an_hour() {
    let mut throttle = throttle();
    let names: Vec<String> = (0..51).map(|number| format!("user{number}")).collect();
    for (at, name) in (0..).zip(&names[..50]) {
        assert_eq!(throttle.check(&password(name, HOME), seconds(at)), Ok(()), "{name}");
        throttle.failed(&password(name, HOME), seconds(at));
    }
    let next = password(&names[50], HOME);
    assert_eq!(throttle.check(&next, seconds(60)), Err(Wait { seconds: 840 }));
    assert_eq!(throttle.check(&next, 15 * MINUTE - Duration::from_nanos(1)), Err(Wait { seconds: 1 }));
    assert_eq!(throttle.check(&next, 15 * MINUTE), Ok(()));
    // The first has left the window and one has come in; the second leaves a second later.
    assert_eq!(throttle.check(&next, 15 * MINUTE), Err(Wait { seconds: 1 }));
    assert_eq!(throttle.check(&password(&names[50], "192.0.2.2".parse().unwrap()), 15 * MINUTE), Ok(()));
}

#[test]
fn a_second_factor_has_twenty_failures_in_an_hour_wherever_they_come_from() {
    let mut throttle = throttle();
    let at = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(number));
    let second = |number| Attempt { account: "ada", factor: Factor::Second, address: at(number) };
    for number in 0..20 {
        assert_eq!(throttle.check(&second(number), seconds(number.into())), Ok(()), "{number}");
        throttle.failed(&second(number), seconds(number.into()));
    }
    let fresh = second(1_000);
    assert_eq!(throttle.check(&fresh, seconds(60)), Err(Wait { seconds: 3_540 }));
    assert_eq!(throttle.check(&fresh, 60 * MINUTE - Duration::from_nanos(1)), Err(Wait { seconds: 1 }));
    // Neither the same account's password nor another account's code has to wait.
    assert_eq!(throttle.check(&password("ada", at(1_000)), seconds(60)), Ok(()));
    assert_eq!(throttle.check(&Attempt { account: "bob", ..fresh }, seconds(60)), Ok(()));
    // One has left the window, one has come in.
    assert_eq!(throttle.check(&fresh, 60 * MINUTE), Ok(()));
    assert_eq!(throttle.check(&second(1_001), 60 * MINUTE), Err(Wait { seconds: 1 }));
    throttle.succeeded(&fresh);
    for number in 2_000..2_020 {
        assert_eq!(throttle.check(&second(number), 60 * MINUTE), Ok(()), "as if it had never failed");
    }
    assert!(throttle.check(&second(3_000), 60 * MINUTE).is_err());
    throttle.succeeded(&password("ada", at(1_000)));
    assert!(throttle.check(&second(3_000), 60 * MINUTE).is_err(), "the password gives no new tries");
}

#[test]
fn accounts_that_fail_at_the_second_factor_do_not_fill_the_memory() {
    let mut throttle = Throttle::new(Bounds { accounts: 100, ..Bounds::default() });
    let names: Vec<String> = (0..1_000).map(|number| format!("user{number}")).collect();
    let attempt = |number: usize, from: u32| Attempt {
        account: &names[number],
        factor: Factor::Second,
        address: IpAddr::V4(Ipv4Addr::from_bits(from)),
    };
    for from in 0..20 {
        throttle.check(&attempt(0, from), seconds(0)).unwrap();
    }
    for number in 1..1_000 {
        throttle.check(&attempt(number, 1_000 + number as u32), seconds(1)).unwrap();
        assert!(throttle.accounts.len() <= 100);
    }
    assert_eq!(
        throttle.check(&attempt(0, 5_000), seconds(1)),
        Err(Wait { seconds: 3_599 }),
        "it waits still"
    );
}

#[test]
fn an_office_that_signs_in_is_not_a_network_that_guesses() {
    let mut throttle = throttle();
    for number in 0..1_000 {
        let name = format!("user{number}");
        assert_eq!(throttle.check(&password(&name, HOME), seconds(0)), Ok(()));
        throttle.succeeded(&password(&name, HOME));
    }
    assert!(throttle.pairs.is_empty() && throttle.networks.is_empty());
}

#[test]
fn ten_thousand_addresses_neither_stop_the_owner_nor_fill_the_memory() {
    let bounds = Bounds { pairs: 1_000, networks: 500, ..Bounds::default() };
    let mut throttle = Throttle::new(bounds);
    let owner = password("ada", HOME);
    let mut now = seconds(0);
    for number in 0..10_000_u32 {
        let address = match number % 2 {
            0 => IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)),
            _ => IpAddr::V6(Ipv6Addr::from_bits(u128::from(number) << 64)),
        };
        for _ in 0..7 {
            if throttle.check(&password("ada", address), now).is_ok() {
                throttle.failed(&password("ada", address), now);
            }
            let _ = throttle.check(&password(&format!("x{number}"), address), now);
        }
        assert!(throttle.pairs.len() <= bounds.pairs && throttle.networks.len() <= bounds.networks);
        // The owner mistypes now and then.
        if number % 100 == 0 {
            assert_eq!(throttle.check(&owner, now), Ok(()), "{number}");
            throttle.failed(&owner, now);
        }
        assert_eq!(throttle.check(&owner, now), Ok(()), "{number}");
        throttle.succeeded(&owner);
        now += Duration::from_millis(10);
    }
    assert!(throttle.pairs.capacity() < 4 * bounds.pairs);
}

#[test]
fn a_flood_of_others_does_not_shorten_a_wait() {
    let mut throttle = Throttle::new(Bounds { pairs: 100, networks: 1_000_000, ..Bounds::default() });
    let guessers: Vec<String> = (0..99).map(|number| format!("guesser{number}")).collect();
    let address = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(number));
    let mut now = seconds(0);
    for (number, name) in (0..).zip(&guessers) {
        now = now.max(fail(&mut throttle, &password(name, address(number)), 15, seconds(0)));
    }
    for number in 1_000..3_000 {
        throttle.check(&password("flood", address(number)), now).unwrap();
        assert!(throttle.pairs.len() <= 100);
    }
    for (number, name) in (0..).zip(&guessers) {
        let wait = throttle.check(&password(name, address(number)), now);
        assert_eq!(wait, Err(Wait { seconds: 900 }), "{name}");
    }
    // Where all have to wait, a new one is counted all the same, and one is given up for it.
    let last = password("last", address(5_000));
    fail(&mut throttle, &last, 14, now - seconds(511));
    let waiting = |throttle: &mut Throttle| {
        let all = (0..).zip(&guessers);
        all.filter(|(number, name)| throttle.check(&password(name, address(*number)), now).is_err()).count()
    };
    assert_eq!(waiting(&mut throttle), 99);
    throttle.check(&password("one more", address(6_000)), now).unwrap();
    assert_eq!(throttle.pairs.len(), 100);
    assert!(throttle.check(&last, now).is_ok(), "it had the fewest failures");
}

#[test]
fn a_long_name_takes_no_more_memory() {
    assert!(size_of::<(PairKey, Pair)>() <= 56);
    let mut throttle = throttle();
    let name = "a".repeat(1_000_000);
    fail(&mut throttle, &password(&name, HOME), 5, seconds(0));
    assert!(throttle.check(&password(&name, HOME), seconds(0)).is_err());
    assert_eq!(throttle.check(&password(&name[1..], HOME), seconds(0)), Ok(()));
}

/// Somebody's account, what is proved, and the network.
type Who = (u8, bool, u8);

/// The rules once more, over everything that ever happened: who failed, when the attempt was let through, and when
/// it had failed.
#[derive(Default)]
struct Model {
    /// Who, when they were let through, and when they failed.
    pairs: Vec<(Who, Duration, Duration)>,
    networks: Vec<(u8, Duration)>,
    seconds: Vec<(u8, Duration)>,
}

impl Model {
    fn wait(&self, who: Who, now: Duration) -> Duration {
        let mut count = 0;
        let mut last = Duration::ZERO;
        for (_, checked, failed) in self.pairs.iter().filter(|pair| pair.0 == who) {
            count = if *checked - last >= 24 * 60 * MINUTE && count > 0 { 1 } else { count + 1 };
            last = *failed;
        }
        let table = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900];
        let pair = if count < 5 { seconds(0) } else { seconds(table[(count - 5).min(10)]) + last };
        let full = |list: &[(u8, Duration)], of: u8, max: usize, window: Duration| {
            let recent: Vec<_> = list.iter().filter(|it| it.0 == of && it.1 + window > now).collect();
            if recent.len() < max { seconds(0) } else { recent[0].1 + window }
        };
        let of_network = full(&self.networks, who.2, 50, 15 * MINUTE);
        let of_account = if who.1 { full(&self.seconds, who.0, 20, 60 * MINUTE) } else { seconds(0) };
        pair.max(of_network).max(of_account).saturating_sub(now)
    }

    fn let_through(&mut self, who: Who, now: Duration) {
        self.pairs.push((who, now, now));
        self.networks.push((who.2, now));
        if who.1 {
            self.seconds.push((who.0, now));
        }
    }

    fn failed(&mut self, who: Who, now: Duration) {
        self.pairs.iter_mut().rfind(|pair| pair.0 == who).unwrap().2 = now;
    }

    fn succeeded(&mut self, who: Who) {
        self.pairs.retain(|pair| pair.0 != who);
        let own = self.networks.iter().rposition(|it| it.0 == who.2).unwrap();
        self.networks.remove(own);
        self.seconds.retain(|it| !who.1 || it.0 != who.0);
    }
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Fails {
        after_ms: u64,
    },
    Succeeds,
    /// Nobody says how it ended, as when the client has gone.
    Unknown,
}

fn endings() -> impl Strategy<Value = Ending> {
    prop_oneof![
        8 => prop_oneof![Just(0), 1_u64..3_000].prop_map(|after_ms| Ending::Fails { after_ms }),
        1 => Just(Ending::Succeeds),
        2 => Just(Ending::Unknown),
    ]
}

/// Few enough that an account fails often, from some networks more often than from others.
fn anybody() -> impl Strategy<Value = Who> {
    (prop_oneof![1 => Just(0_u8), 1 => 0_u8..12], any::<bool>(), prop_oneof![1 => Just(0_u8), 1 => 0_u8..5])
}

fn pauses_ms() -> impl Strategy<Value = u64> {
    prop_oneof![6 => Just(0), 6 => 1_u64..2_000, 2 => 2_000_u64..1_000_000, 1 => 80_000_000_u64..90_000_000]
}

proptest! {
    #[test]
    fn agrees_with_the_model(
        attempts in prop::collection::vec((anybody(), pauses_ms(), any::<bool>(), endings()), 1..300),
    ) {
        let (mut throttle, mut model) = (throttle(), Model::default());
        let mut now = seconds(5);
        for (who, pause_ms, patient, ending) in attempts {
            now += Duration::from_millis(pause_ms);
            let expected = model.wait(who, now);
            let name = format!("user{}", who.0);
            let attempt = Attempt {
                factor: if who.1 { Factor::Second } else { Factor::Password },
                ..password(&name, IpAddr::V4(Ipv4Addr::new(192, 0, 2, who.2)))
            };
            if !expected.is_zero() {
                let told = expected.as_millis().div_ceil(1_000) as u64;
                prop_assert_eq!(throttle.check(&attempt, now), Err(Wait { seconds: told }));
                let longest = if who.1 { 3_600 } else { 900 };
                prop_assert!((1..=longest).contains(&told));
                if !patient {
                    continue;
                }
                now += expected;
            }
            prop_assert_eq!(throttle.check(&attempt, now), Ok(()));
            model.let_through(who, now);
            match ending {
                Ending::Fails { after_ms } => {
                    now += Duration::from_millis(after_ms);
                    throttle.failed(&attempt, now);
                    model.failed(who, now);
                }
                Ending::Succeeds => {
                    throttle.succeeded(&attempt);
                    model.succeeded(who);
                }
                Ending::Unknown => {}
            }
        }
    }

    #[test]
    fn what_matters_least_goes_first(
        weights in prop::collection::vec((any::<bool>(), 0_usize..9, 0_u64..9), 1..200),
    ) {
        let weight = |(waits, failures, last): &(bool, usize, u64)| {
            Weight { waits: *waits, failures: *failures, last: seconds(*last) }
        };
        let before: HashMap<usize, _> = weights.iter().copied().enumerate().collect();
        let mut held = before.clone();
        make_room(&mut held, weights.len() + 1, weight);
        prop_assert_eq!(&held, &before);
        make_room(&mut held, weights.len(), weight);
        let gone: Vec<Weight> =
            before.iter().filter(|(key, _)| !held.contains_key(key)).map(|(_, value)| weight(value)).collect();
        prop_assert!((1..=(weights.len() / 16).max(1)).contains(&gone.len()));
        let least_kept = held.values().map(weight).min();
        prop_assert!(least_kept.is_none_or(|least| gone.iter().all(|gone| *gone <= least)));
        let waiting_gone = gone.iter().filter(|gone| gone.waits).count();
        prop_assert!(waiting_gone == 0 || (waiting_gone == 1 && weights.iter().all(|it| it.0)));
        // Twice the same ends the same.
        let mut again = before;
        make_room(&mut again, weights.len(), weight);
        prop_assert_eq!(again, held);
    }
}
