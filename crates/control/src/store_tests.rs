use super::*;
use crate::testing::{Database, at, audited, moved, new_key, renamed, tenant};
use crate::{Change, Permission, Reach};

fn rules() -> StoredRules {
    StoredRules { version: 2, body: "{}".into(), built_in: false }
}

#[tokio::test]
async fn a_reach_covers_another_where_it_covers_all_of_it() {
    let base = Database::new().await;
    base.insert([tenant(1, "north", None), tenant(2, "acme", Some(1)), tenant(3, "south", None)]).await;
    let tenants = |list: &[u64]| Reach::Tenants(list.to_vec());
    for (outer, inner, covered) in [
        (Reach::Everything, Reach::Everything, true),
        (Reach::Everything, tenants(&[3]), true),
        (tenants(&[1, 3]), Reach::Everything, false),
        (tenants(&[1]), tenants(&[2]), true),
        (tenants(&[2]), tenants(&[1]), false),
        (tenants(&[1]), tenants(&[2, 3]), false),
        (tenants(&[1, 3]), tenants(&[3, 2]), true),
        (tenants(&[]), tenants(&[]), true),
    ] {
        assert_eq!(base.now().covers(&outer, &inner), covered, "{outer:?} {inner:?}");
    }
}

#[tokio::test]
async fn a_move_takes_effect_with_the_next_question_and_never_makes_a_cycle() {
    let mut base = Database::new().await;
    base.insert([
        tenant(1, "north", None),
        tenant(2, "south", None),
        tenant(3, "acme", Some(1)),
        tenant(4, "lab", Some(3)),
    ])
    .await;
    let south = Reach::Tenants(vec![2]);
    assert!(!base.now().is_within(4, &south));
    assert_eq!(base.now().subtree(&[1]).into_iter().collect::<Vec<_>>(), [1, 3, 4]);
    base.make(moved(3, Some(2))).await.unwrap();
    assert!(base.now().is_within(4, &south));
    assert_eq!(base.now().subtree(&[1]).into_iter().collect::<Vec<_>>(), [1]);
    for (number, parent) in [(3, 4), (3, 3), (2, 4)] {
        let refused = base.make(moved(number, Some(parent))).await;
        assert!(matches!(refused, Err(ControlError::Cycle)), "{number} {parent}: {refused:?}");
    }
}

#[tokio::test]
async fn tenant_names_are_unique_without_regard_to_case() {
    let base = Database::new().await;
    base.insert([tenant(1, "Acme", None)]).await;
    let refused = async |tenant| base.control.insert_tenant(&tenant).await.unwrap_err();
    assert!(matches!(refused(tenant(2, "aCME", None)).await, ControlError::NameTaken));
    assert_eq!(base.now().tenant_named("ACME").unwrap().number, 1);
    assert!(matches!(refused(tenant(3, "x", Some(9))).await, ControlError::NoSuchTenant));
}

#[tokio::test]
async fn a_name_that_a_tenant_had_stays_its_own() {
    let mut base = Database::new().await;
    base.insert([tenant(1, "Acme", None), tenant(2, "other", None)]).await;
    base.make(renamed(1, "acme-north")).await.unwrap();
    base.make(renamed(1, "ACME-2")).await.unwrap();
    let named = |name: &str| base.now().tenant_named(name).map(|tenant| (tenant.number, tenant.name.clone()));
    for name in ["acme", "ACME", "Acme-North", "acme-2"] {
        assert_eq!(named(name), Some((1, "ACME-2".into())), "{name}");
    }
    assert_eq!(base.now().former_names(1), ["Acme", "acme-north"], "as they were written");
    assert!(matches!(base.make(renamed(2, "ACME")).await, Err(ControlError::NameTaken)));
    let refused = base.control.insert_tenant(&tenant(3, "Acme-North", None)).await;
    assert!(matches!(refused, Err(ControlError::NameTaken)));
    // Its own it can take up again, also in other letters.
    base.make(renamed(1, "aCme")).await.unwrap();
    base.make(renamed(1, "acme")).await.unwrap();
    let mut base = base.reopened().await;
    assert_eq!(base.now().tenant(1).unwrap().name, "acme");
    assert_eq!(base.now().former_names(1), ["ACME-2", "acme-north"]);
    // What was never audited goes with all its names.
    base.make(Change::TenantRemoved { tenant: 1 }).await.unwrap();
    for name in ["acme", "ACME-2", "acme-north"] {
        assert!(base.now().tenant_named(name).is_none(), "{name}");
    }
    base.make(renamed(2, "acme-north")).await.unwrap();
}

#[tokio::test]
async fn keys_tenants_and_rules_survive_a_restart_and_the_secret_is_not_stored() {
    let mut base = Database::new().await;
    let now = at(1_000);
    base.insert([tenant(1, "acme", None)]).await;
    base.make(Change::TenantAuditing { tenant: 1 }).await.unwrap();
    let (key, secret) = base.key(new_key(Reach::Tenants(vec![1]), Some(1))).await;
    base.control.insert_rule_set(&rules(), now).await.unwrap();
    assert!(base.control.insert_rule_set(&rules(), now).await.is_err());
    base.control.set_setting("a", b"1").await.unwrap();

    let mut base = base.reopened().await;
    let directory = base.now();
    let acme = directory.tenant(1).unwrap();
    assert_eq!((acme.auditing, acme.audited_since), (true, Some(at(101))));
    assert_eq!(directory.key_for_secret(&secret), Some(&key));
    assert!(directory.key_for_secret("ik_wrong").is_none());
    assert_eq!(base.control.rule_sets().await.unwrap(), [rules()]);
    assert_eq!(base.control.setting("a").await.unwrap().unwrap(), b"1");
    let ends = |revoked| Change::KeyEnds { key: Uuid::from_bytes(key.id), at: 1_000, revoked };
    base.make(ends(false)).await.unwrap();
    let valid = |base: &Database, micros| base.now().key_for_secret(&secret).unwrap().is_valid_at(at(micros));
    assert!(valid(&base, 999) && !valid(&base, 1_000));
    base.make(ends(true)).await.unwrap();
    assert!(!valid(&base, 1));
    for revoked in [true, false] {
        assert!(matches!(base.make(ends(revoked)).await, Err(ControlError::NoSuchKey)), "{revoked}");
    }
    base.control.close().await;
    assert!(!base.holds(secret.as_bytes()));
    assert_eq!(key.permissions.names(), [Permission::EventsSend.as_str(), Permission::AuditRead.as_str()]);
}

/// Name, length, time of change and bytes of every file.
fn listing(dir: &Path) -> Vec<(std::ffi::OsString, u64, std::time::SystemTime, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            (entry.file_name(), meta.len(), meta.modified().unwrap(), fs::read(entry.path()).unwrap())
        })
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn looking_reads_every_committed_change_and_leaves_the_directory_as_it_is() {
    let base = Database::new().await;
    let (dir, file, control) = (base.path(), base.file(), &base.control);
    base.insert([tenant(1, "north", None)]).await;
    // What a killed server leaves: changes that are only in the log.
    let killed = tempfile::tempdir().unwrap();
    for name in ["control.sqlite", "control.sqlite-wal"] {
        fs::copy(dir.join(name), killed.path().join(name)).unwrap();
    }
    assert!(fs::metadata(killed.path().join("control.sqlite-wal")).unwrap().len() > 0);
    control.insert_rule_set(&rules(), Timestamp::from_micros(8)).await.unwrap();
    control.close().await;
    for (what, dir, versions) in [("closed", dir, 1), ("killed", killed.path(), 0)] {
        let before = listing(dir);
        let looked = Control::open_read_only(&dir.join("control.sqlite")).await.unwrap();
        assert_eq!(looked.directory().tenant_named("north").unwrap().number, 1, "{what}");
        assert_eq!(looked.rule_sets().await.unwrap().len(), versions, "{what}");
        let written = looked.set_setting("a", b"1").await;
        assert!(matches!(written, Err(ControlError::Database(_))), "{what}: {written:?}");
        looked.close().await;
        drop(looked);
        assert_eq!(listing(dir), before, "{what}");
    }
    assert_eq!(Control::open(&file).await.unwrap().setting("a").await.unwrap(), None);
}

#[tokio::test]
async fn looking_makes_no_database_and_changes_no_schema() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("control.sqlite");
    let missing = Control::open_read_only(&file).await.err().unwrap();
    assert!(
        matches!(missing, ControlError::Missing { .. }) && missing.to_string().contains("control.sqlite")
    );
    assert_eq!(listing(dir.path()).len(), 0);
    fs::write(&file, b"").unwrap();
    let other = Control::open_read_only(&file).await.err().unwrap();
    assert!(matches!(other, ControlError::OtherSchema { found: 0, .. }), "{other}");
    fs::write(&file, b"no database at all, but words that go on for long enough".repeat(20)).unwrap();
    assert!(matches!(Control::open_read_only(&file).await, Err(ControlError::Database(_))));
    fs::remove_file(&file).unwrap();
    for (change, newer) in [
        ("UPDATE _sqlx_migrations SET checksum = x'00'", false),
        (
            "UPDATE _sqlx_migrations SET version = 99 WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
            true,
        ),
    ] {
        let control = Control::open(&file).await.unwrap();
        sqlx::query(change).execute(&control.pool).await.unwrap();
        control.close().await;
        let before = listing(dir.path());
        let error = Control::open_read_only(&file).await.err().unwrap();
        let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap();
        match error {
            ControlError::OtherSchema { found, known: own, .. } => {
                assert!(newer && (found, own) == (99, known), "{change}")
            }
            ControlError::Corrupt { .. } => assert!(!newer, "{change}"),
            other => panic!("{change}: {other}"),
        }
        assert_eq!(listing(dir.path()), before, "{change}");
        fs::remove_file(&file).unwrap();
    }
}

/// A database as the first version wrote it opens for ever. What it did not know yet is as it must have been: auditing
/// on since the tenant was made, until the settings entries of the ledger, which are read once more, say better.
#[tokio::test]
async fn the_database_of_version_1_opens() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/v1/control-1");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("control.sqlite");
    fs::copy(fixture.join("control.sqlite"), &file).unwrap();
    // Twice, since migrations must find nothing to do the second time.
    for _ in 0..2 {
        let control = Control::open(&file).await.unwrap();
        let directory = control.directory();
        let mut north = tenant(1, "north", None);
        (north.uuid, north.chain_id) = (Uuid::from_bytes([1; 16]), [11; 16]);
        let mut acme = audited(tenant(2, "acme", Some(1)));
        (acme.uuid, acme.chain_id) = (Uuid::from_bytes([2; 16]), [12; 16]);
        assert_eq!(directory.tenants().collect::<Vec<_>>(), [&north, &acme]);
        assert_eq!(directory.tenant_named("ACME"), Some(&acme));
        let key = directory.keys().next().unwrap();
        assert_eq!((key.name.as_str(), key.default_tenant, key.tenant_from_target), ("app", Some(2), true));
        assert_eq!((&key.reach, key.permissions.names()), (&Reach::Tenants(vec![2]), vec!["events.send"]));
        assert_eq!((key.expires_at, key.create_tenants, key.replaces), (Some(at(9)), false, None));
        assert_eq!((key.last_used_at, key.revoked_at), (None, None));
        assert_eq!(control.rule_sets().await.unwrap(), [rules()]);
        assert_eq!(control.applied_through().await.unwrap(), 0);
        assert_eq!(directory.installation_audited_since(), None);
        assert_eq!(directory.roles().len(), Role::ready_made().len());
        assert_eq!(directory.users().len(), 0);
        control.close().await;
    }
    // The entry of the switch comes again, and says since when.
    let control = Control::open(&file).await.unwrap();
    control.apply(30, at(5_000), &Change::TenantAuditing { tenant: 2 }).await.unwrap();
    assert_eq!(control.directory().tenant(2).unwrap().audited_since, Some(at(5_000)));
    assert_eq!(control.applied_through().await.unwrap(), 31);
}
