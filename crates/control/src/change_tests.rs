use proptest::{prelude::*, sample::Index, test_runner::TestCaseError};

use super::*;
use crate::{
    Permission, Profile, RangeLimit, Tenant, UserState,
    testing::{Database, at, audited, made, moved, new_key, permissions, renamed, set, tenant},
};

const HELPERS: Uuid = Uuid::from_u128(70);

fn helpers(name: &str, reach: RoleReach) -> Change {
    Change::RoleSet {
        role: Role { id: HELPERS, name: name.into(), permissions: permissions(&[]), reach, range: None },
    }
}

/// Every way in which a role limits ranges.
fn range(number: u8) -> Option<RangeLimit> {
    let span = |bit: u8, text: &str| (number & bit > 0).then(|| text.parse().unwrap());
    let range = RangeLimit { back: span(1, "P1Y"), span: span(2, "P3M") };
    Some(range).filter(|range| !range.is_unlimited())
}

fn ready_made(name: &str) -> Role {
    Role::ready_made().into_iter().find(|role| role.name == name).unwrap()
}

/// The name of an error's variant; "good" where there is none.
fn outcome(checked: Result<(), ControlError>) -> String {
    let shown = checked.err().map(|error| format!("{error:?}"));
    shown.as_deref().unwrap_or("good").split(['(', ' ', '{']).next().unwrap().to_owned()
}

/// north (1) with acme (2) and lab (3) below it, south (4), which is a domain, and kept (5), which is audited.
async fn world() -> Database {
    let base = Database::new().await;
    let south = Tenant { kind: Some(TenantKind::Domain), ..tenant(4, "south", None) };
    base.insert([
        tenant(1, "north", None),
        tenant(2, "acme", Some(1)),
        tenant(3, "lab", Some(1)),
        south,
        audited(tenant(5, "kept", None)),
        tenant(6, "spare", None),
    ])
    .await;
    base
}

fn kind(tenant: TenantNumber, kind: Option<TenantKind>) -> Change {
    set(tenant, TenantSet { kind: Some(kind), ..TenantSet::default() })
}

#[tokio::test]
async fn what_the_rows_could_not_follow_is_refused_before_it_is_in_the_ledger() {
    let mut base = world().await;
    let (key, _) = base.key(new_key(Reach::Tenants(vec![2]), None)).await;
    let (defaulting, _) = base.key(new_key(Reach::Everything, Some(3))).await;
    let revoked = base.key(new_key(Reach::Everything, None)).await.0;
    let ends = |id: [u8; 16], revoked| Change::KeyEnds { key: Uuid::from_bytes(id), at: 1, revoked };
    base.make(ends(revoked.id, true)).await.unwrap();
    base.make(helpers("Helpers", RoleReach::Territories)).await.unwrap();
    base.make(renamed(6, "extra")).await.unwrap();
    let other_key = |reach, default_tenant, replaces| {
        let new = crate::NewKey { replaces, ..new_key(reach, default_tenant) };
        made(&ApiKey::make(new, at(8)).unwrap().0)
    };
    let role = |role: Role| Change::RoleSet { role };
    let administrator = ready_made("Administrator");
    for (what, change, expected) in [
        ("auditing", Change::TenantAuditing { tenant: 2 }, "good"),
        ("auditing of nobody", Change::TenantAuditing { tenant: 99 }, "NoSuchTenant"),
        ("the installation's", Change::InstallationAuditing, "good"),
        ("a name", renamed(2, "acme-2"), "good"),
        ("no name", renamed(2, "a b"), "TenantName"),
        ("a taken name", renamed(2, "SOUTH"), "NameTaken"),
        ("a name that another had", renamed(2, "Spare"), "NameTaken"),
        ("its own name in other letters", renamed(2, "ACME"), "good"),
        ("a name that it had", renamed(6, "SPARE"), "good"),
        ("a name of nobody's", renamed(99, "x"), "NoSuchTenant"),
        ("a move", moved(2, Some(3)), "good"),
        ("a move to the top", moved(2, None), "good"),
        ("a move below itself", moved(1, Some(1)), "Cycle"),
        ("a move below its own", moved(1, Some(2)), "Cycle"),
        ("a move below a domain", moved(2, Some(4)), "BelowDomain"),
        ("a move below nobody", moved(2, Some(99)), "NoSuchTenant"),
        ("a domain with others below", kind(1, Some(TenantKind::Domain)), "BelowDomain"),
        ("a domain with none", kind(2, Some(TenantKind::Domain)), "good"),
        ("a territory", kind(4, Some(TenantKind::Territory)), "good"),
        ("as it turns out", kind(4, None), "good"),
        ("away with it", Change::TenantRemoved { tenant: 6 }, "good"),
        ("away with nobody", Change::TenantRemoved { tenant: 99 }, "NoSuchTenant"),
        ("away with an audited one", Change::TenantRemoved { tenant: 5 }, "AuditedStays"),
        ("away with one that has others below", Change::TenantRemoved { tenant: 1 }, "TenantInUse"),
        ("away with one in a reach", Change::TenantRemoved { tenant: 2 }, "TenantInUse"),
        ("away with a default tenant", Change::TenantRemoved { tenant: 3 }, "TenantInUse"),
        ("a key", other_key(Reach::Tenants(vec![1, 4]), Some(2), Some(key.id)), "good"),
        ("a key that is there", made(&key), "NameTaken"),
        ("a key over nobody", other_key(Reach::Tenants(vec![1, 99]), None, None), "NoSuchTenant"),
        ("a key with nobody as default", other_key(Reach::Everything, Some(99), None), "NoSuchTenant"),
        ("a key for none", other_key(Reach::Everything, None, Some([9; 16])), "NoSuchKey"),
        ("an end", ends(key.id, false), "good"),
        ("a revocation", ends(defaulting.id, true), "good"),
        ("a second revocation", ends(revoked.id, true), "NoSuchKey"),
        ("an end after the revocation", ends(revoked.id, false), "NoSuchKey"),
        ("an end of no key", ends([9; 16], true), "NoSuchKey"),
        ("a role changes", helpers("helpers", RoleReach::Everything), "good"),
        (
            "a role of a taken name",
            role(Role { id: Uuid::from_u128(71), name: "HELPERS".into(), ..administrator.clone() }),
            "NameTaken",
        ),
        (
            "a role named as a ready-made one",
            role(Role { id: Uuid::from_u128(71), name: "tech".into(), ..administrator.clone() }),
            "NameTaken",
        ),
        ("a ready-made role", role(administrator), "ReadyMadeRole"),
        ("away with a role", Change::RoleRemoved { role: HELPERS }, "good"),
        ("away with a ready-made role", Change::RoleRemoved { role: Role::ADMINISTRATOR }, "ReadyMadeRole"),
        ("away with no role", Change::RoleRemoved { role: Uuid::from_u128(71) }, "NoSuchRole"),
        ("roles of nobody", Change::GrantsSet { user: Uuid::from_u128(1), grants: vec![] }, "NoSuchUser"),
    ] {
        assert_eq!(outcome(base.control.check(&change)), expected, "{what}");
    }
}

#[tokio::test]
async fn a_tenant_stays_while_a_user_is_in_it_or_reaches_over_it() {
    let mut base = world().await;
    let ada = base.user("ada", Some(3)).await;
    let bo = base.user("bo", None).await;
    let partner = ready_made("Channel Partner").id;
    let reaching =
        |territories| Change::GrantsSet { user: bo, grants: vec![RoleGrant { role: partner, territories }] };
    base.make(reaching(vec![6])).await.unwrap();
    let away = |number| Change::TenantRemoved { tenant: number };
    assert_eq!(outcome(base.control.check(&away(3))), "TenantInUse");
    assert_eq!(outcome(base.control.check(&away(6))), "TenantInUse");
    let elsewhere = Profile { username: "ada".into(), ..Profile::default() };
    base.control.change_user(ada, &elsewhere, UserState::Active).await.unwrap();
    base.make(reaching(vec![1])).await.unwrap();
    base.make(away(3)).await.unwrap();
    base.make(away(6)).await.unwrap();
    assert!(base.now().tenant(3).is_none() && base.now().tenant(6).is_none());
}

#[tokio::test]
async fn territories_come_with_roles_that_reach_over_them_and_with_no_others() {
    let mut base = world().await;
    let of_acme = base.user("ada", Some(2)).await;
    let of_nobody = base.user("bo", None).await;
    base.make(helpers("Helpers", RoleReach::Oneself)).await.unwrap();
    let by_reach = [
        (ready_made("Administrator").id, [true, true, false, false]),
        (ready_made("Tech").id, [true, true, false, false]),
        (ready_made("White Label Partner").id, [false, false, true, true]),
        (ready_made("Channel Partner").id, [false, false, true, true]),
        (ready_made("Tenant Auditor").id, [true, false, false, false]),
        (ready_made("Reporter").id, [true, false, false, false]),
        (HELPERS, [true, true, false, false]),
    ];
    for (role, good) in by_reach {
        let cases = [(of_acme, vec![]), (of_nobody, vec![]), (of_acme, vec![1]), (of_nobody, vec![1, 4])];
        for ((user, territories), good) in cases.into_iter().zip(good) {
            let change = Change::GrantsSet { user, grants: vec![RoleGrant { role, territories }] };
            let expected = if good { "good" } else { "WrongGrant" };
            assert_eq!(outcome(base.control.check(&change)), expected, "{change:?}");
        }
    }
    let partner = |territories| RoleGrant { role: ready_made("Channel Partner").id, territories };
    let tech = || RoleGrant { role: ready_made("Tech").id, territories: vec![] };
    for (grants, expected) in [
        (vec![], "good"),
        (vec![tech(), partner(vec![1])], "good"),
        (vec![tech(), tech()], "WrongGrant"),
        (vec![partner(vec![1]), partner(vec![4])], "WrongGrant"),
        (vec![partner(vec![1, 99])], "NoSuchTenant"),
        (vec![RoleGrant { role: Uuid::from_u128(71), territories: vec![] }], "NoSuchRole"),
    ] {
        let change = Change::GrantsSet { user: of_nobody, grants };
        assert_eq!(outcome(base.control.check(&change)), expected, "{change:?}");
    }
    base.make(Change::GrantsSet { user: of_nobody, grants: vec![partner(vec![1]), tech()] }).await.unwrap();
    let mut base = base.reopened().await;
    assert_eq!(
        base.now().user(of_nobody).unwrap().grants,
        [tech(), partner(vec![1])],
        "in the order of the ids"
    );
    // A role that is gone is gone from everybody.
    let own = RoleGrant { role: HELPERS, territories: vec![] };
    base.make(Change::GrantsSet { user: of_nobody, grants: vec![own, tech()] }).await.unwrap();
    base.make(Change::RoleRemoved { role: HELPERS }).await.unwrap();
    assert_eq!(base.now().user(of_nobody).unwrap().grants, [tech()]);
    assert!(base.now().role(HELPERS).is_none());
}

#[tokio::test]
async fn an_audited_tenant_stays_whatever_an_entry_says() {
    let base = world().await;
    base.control.apply(1, at(1), &renamed(5, "held")).await.unwrap();
    base.control.apply(2, at(2), &Change::TenantRemoved { tenant: 5 }).await.unwrap();
    assert_eq!(base.now().tenant_named("kept").unwrap().name, "held");
}

/// The accounts of an older copy are older than the entries.
#[tokio::test]
async fn an_older_copy_whose_user_is_where_no_tenant_is_any_more_still_follows() {
    let base = world().await;
    let ada = base.user("ada", Some(3)).await;
    base.control.apply(1, at(1), &Change::TenantRemoved { tenant: 3 }).await.unwrap();
    assert!(base.now().tenant(3).is_none());
    let user = base.now().user(ada).unwrap().clone();
    assert_eq!((user.tenant, user.state), (None, UserState::Disabled), "the account is nobody's any more");
    // Nor are the roles of a user whom the copy does not know anybody's.
    let grants = vec![RoleGrant { role: Role::ADMINISTRATOR, territories: vec![] }];
    base.control.apply(2, at(2), &Change::GrantsSet { user: Uuid::from_u128(1), grants }).await.unwrap();
    assert!(base.now().users().all(|user| user.grants.is_empty()));
}

#[tokio::test]
async fn a_key_that_replaces_one_from_before_the_entries_comes_back_too() {
    let base = world().await;
    let new = crate::NewKey { replaces: Some([9; 16]), ..new_key(Reach::Tenants(vec![1]), None) };
    let key = ApiKey::make(new, at(8)).unwrap().0;
    base.control.apply(1, at(1), &made(&key)).await.unwrap();
    assert_eq!(base.now().key(&key.id).unwrap().replaces, None);
}

#[tokio::test]
async fn the_installations_auditing_is_on_since_it_first_was() {
    let base = Database::new().await;
    assert_eq!(base.now().installation_audited_since(), None);
    for (index, since) in [(1, 50), (2, 60)] {
        base.control.apply(index, at(since), &Change::InstallationAuditing).await.unwrap();
    }
    assert_eq!(base.reopened().await.now().installation_audited_since(), Some(at(50)));
}

#[test]
fn a_stored_change_reads_back_and_null_is_not_absent() {
    let all = TenantSet {
        name: Some("a".into()),
        parent: Some(None),
        display_name: Some(None),
        external_id: Some(Some("7".into())),
        zone: Some(None),
        kind: Some(Some(TenantKind::Territory)),
        state: Some(TenantState::Suspended),
    };
    for (change, stored) in [
        (Change::InstallationAuditing, r#"{"type":"installation_auditing"}"#),
        (moved(3, None), r#"{"type":"tenant_set","tenant":3,"parent":null}"#),
        (moved(3, Some(1)), r#"{"type":"tenant_set","tenant":3,"parent":1}"#),
        (set(3, TenantSet::default()), r#"{"type":"tenant_set","tenant":3}"#),
        (
            set(3, all),
            r#"{"type":"tenant_set","tenant":3,"name":"a","parent":null,"display_name":null,"external_id":"7","zone":null,"kind":"territory","state":"suspended"}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&change).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Change>(stored).unwrap(), change);
    }
    assert!(
        TenantSet::default().is_empty() && !TenantSet { zone: Some(None), ..TenantSet::default() }.is_empty()
    );
}

/// What stands in the ledger and concerns the rows.
#[derive(Clone, Debug)]
enum Entry {
    Opened(Tenant),
    Changed(Change),
}

/// An entry that four bytes stand for, as things are in `directory`; numbers and ids stay small, so that they meet.
fn entry(bytes: [u8; 4], nth: u64, directory: &Directory, users: &[Uuid]) -> Entry {
    let [what, a, b, c] = bytes;
    let number = |byte: u8| u64::from(byte % 8) + 1;
    let name = |byte: u8| ["a", "b", "C", "c", "d", "e"][usize::from(byte % 6)].to_owned();
    let some_key = || {
        let keys: Vec<_> = directory.keys().map(|key| Uuid::from_bytes(key.id)).collect();
        keys.get(usize::from(a) % keys.len().max(1)).copied().unwrap_or_default()
    };
    let role = Uuid::from_u128(u128::from(b % 3) + 70);
    let reach = [RoleReach::Everything, RoleReach::Territories, RoleReach::Tenant, RoleReach::Oneself]
        [usize::from(c % 4)];
    Entry::Changed(match what % 16 {
        0..=3 => {
            let next = directory.tenants().map(|tenant| tenant.number).max().unwrap_or(0) + 1;
            let parent = Some(number(b)).filter(|_| b % 3 > 0);
            return Entry::Opened(Tenant {
                auditing: c % 4 == 0,
                ..tenant(next, &format!("{}{nth}", name(a)), parent)
            });
        }
        4 => renamed(number(a), &name(b)),
        5 => moved(number(a), Some(number(b)).filter(|_| b % 4 > 0)),
        6 => set(
            number(a),
            TenantSet {
                kind: Some(TenantKind::parse("domain").filter(|_| b % 2 == 0)),
                ..TenantSet::default()
            },
        ),
        7 => set(
            number(a),
            TenantSet {
                state: Some(if b % 2 == 0 { TenantState::Suspended } else { TenantState::Active }),
                zone: Some(Some("UTC".into()).filter(|_| c % 2 == 0)),
                ..TenantSet::default()
            },
        ),
        8 => Change::TenantAuditing { tenant: number(a) },
        9 => Change::TenantRemoved { tenant: number(a) },
        10 => {
            let reach = if b % 3 == 0 { Reach::Everything } else { Reach::Tenants(vec![number(b)]) };
            let replaces = directory.keys().next().map(|key| key.id).filter(|_| c % 2 == 0);
            let new = crate::NewKey { replaces, ..new_key(reach, Some(number(c)).filter(|_| c % 3 == 0)) };
            made(&ApiKey {
                id: *Uuid::from_u128(nth.into()).as_bytes(),
                ..ApiKey::make(new, at(8)).unwrap().0
            })
        }
        11 => Change::KeyEnds { key: some_key(), at: i64::from(b), revoked: c % 2 == 0 },
        12 => Change::RoleSet {
            role: Role {
                id: role,
                name: name(a),
                permissions: permissions(&[Permission::AuditRead]),
                reach,
                range: range(c),
            },
        },
        13 => Change::RoleRemoved { role },
        14 => {
            let territories = if c % 2 == 0 { vec![number(b), number(c)] } else { vec![] };
            let own = directory.role(role).map_or(Role::ADMINISTRATOR, |role| role.id);
            let grants = vec![RoleGrant { role: own, territories }];
            Change::GrantsSet { user: users[usize::from(a) % users.len()], grants }
        }
        _ => Change::InstallationAuditing,
    })
}

/// What a server does with an entry, the first time or again.
async fn follow(control: &Control, index: u64, entry: &Entry) {
    let at = at(1_000 + index.cast_signed());
    match entry {
        Entry::Opened(tenant) if control.directory().tenant(tenant.number).is_some() => {}
        Entry::Opened(tenant) => control.insert_tenant(tenant).await.unwrap(),
        Entry::Changed(change) => control.apply(index, at, change).await.unwrap(),
    }
}

/// All that is in a directory, in an order of its own.
fn picture(directory: &Directory) -> String {
    let tenants: Vec<_> = directory
        .tenants()
        .map(|tenant| {
            let children: std::collections::BTreeSet<_> = directory.children(tenant.number).collect();
            (tenant, directory.kind_of(tenant), directory.former_names(tenant.number), children)
        })
        .collect();
    let keys: Vec<_> = directory.keys().collect();
    let mut roles: Vec<_> = directory.roles().collect();
    roles.sort_by_key(|role| role.id);
    let users: Vec<_> = directory.users().map(|user| (&user.username, &user.grants)).collect();
    format!("{tenants:#?}\n{keys:#?}\n{roles:#?}\n{users:#?}\n{:?}", directory.installation_audited_since())
}

async fn every_copy_catches_up(
    steps: Vec<[u8; 4]>,
    copied: Index,
    killed: Index,
) -> Result<(), TestCaseError> {
    let mut base = Database::new().await;
    let users = [base.user("ada", None).await, base.user("bo", None).await];
    let (copied, killed) = (copied.index(steps.len()), killed.index(steps.len()));
    let older = base.path().join("older");
    let mut entries = Vec::new();
    for (step, bytes) in steps.into_iter().enumerate() {
        if step == copied {
            // Not the file: what was written last may lie in the log beside it.
            let copy = sqlx::query("VACUUM INTO ?").bind(older.to_str().unwrap());
            copy.execute(base.control.pool()).await.unwrap();
        }
        let entry = entry(bytes, step as u64, &base.now(), &users);
        let good = match &entry {
            Entry::Opened(tenant) => base.control.check_new_tenant(&tenant.name, tenant.parent),
            Entry::Changed(change) => base.control.check(change),
        };
        if good.is_err() {
            continue;
        }
        // Entries have indexes with gaps, since events lie between them.
        let index = 3 * entries.len() as u64 + 1;
        entries.push((index, entry));
        if step == killed {
            base = base.reopened().await;
            let applied = base.control.applied_through().await.unwrap();
            for (index, entry) in entries.iter().filter(|(index, _)| *index >= applied) {
                follow(&base.control, *index, entry).await;
            }
        }
        let (index, entry) = entries.last().unwrap();
        // Once, and again.
        follow(&base.control, *index, entry).await;
        let once = picture(&base.now());
        follow(&base.control, *index, entry).await;
        prop_assert_eq!(picture(&base.now()), once, "{:?} twice", entry);
    }
    let newest = picture(&base.now());
    let older = Control::open(&older).await.unwrap();
    let applied = older.applied_through().await.unwrap();
    for (index, entry) in entries.iter().filter(|(index, _)| *index >= applied) {
        follow(&older, *index, entry).await;
    }
    prop_assert_eq!(picture(&older.directory()), newest.clone(), "an older copy");
    older.close().await;
    prop_assert_eq!(picture(&base.reopened().await.now()), newest, "after a restart");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn however_often_and_from_wherever_the_entries_are_followed_the_rows_end_the_same(
        steps in prop::collection::vec(any::<[u8; 4]>(), 1..40),
        copied in any::<Index>(),
        killed in any::<Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(every_copy_catches_up(steps, copied, killed))?;
    }
}

#[test]
fn a_role_of_before_range_limits_reads_and_writes_as_it_did() {
    let stored = r#"{"type":"role_set","role":{"id":"00000000-0000-0000-0000-000000000046","name":"Helpers","permissions":["audit.read"],"reach":"tenant"}}"#;
    let change: Change = serde_json::from_str(stored).unwrap();
    let Change::RoleSet { role } = &change else { panic!("{change:?}") };
    assert_eq!(role.range, None);
    assert_eq!(serde_json::to_string(&change).unwrap(), stored);
    let limited = Change::RoleSet { role: Role { range: range(1), ..role.clone() } };
    let text = serde_json::to_string(&limited).unwrap();
    assert!(text.ends_with(r#""reach":"tenant","range":{"back":"P1Y"}}}"#), "{text}");
    assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), limited);
}
