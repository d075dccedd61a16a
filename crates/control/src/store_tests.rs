use super::*;
use crate::Permission;

fn tenant(number: TenantNumber, name: &str, parent: Option<TenantNumber>) -> Tenant {
    Tenant {
        number,
        uuid: Uuid::new_v4(),
        name: name.into(),
        display_name: None,
        parent,
        auditing: false,
        chain_id: *Uuid::new_v4().as_bytes(),
        created_at: Timestamp::from_micros(7),
    }
}

fn moved(parent: Option<TenantNumber>) -> TenantChange {
    TenantChange { parent: Some(parent), ..TenantChange::default() }
}

fn rules() -> StoredRules {
    StoredRules { version: 2, body: "{}".into(), built_in: false }
}

async fn fresh() -> (tempfile::TempDir, Control) {
    let dir = tempfile::tempdir().unwrap();
    let control = Control::open(&dir.path().join("control.sqlite")).await.unwrap();
    (dir, control)
}

#[tokio::test]
async fn a_move_takes_effect_with_the_next_question_and_never_makes_a_cycle() {
    let (_dir, control) = fresh().await;
    for (number, name, parent) in
        [(1, "north", None), (2, "south", None), (3, "acme", Some(1)), (4, "lab", Some(3))]
    {
        control.insert_tenant(&tenant(number, name, parent)).await.unwrap();
    }
    let south = Reach::Tenants(vec![2]);
    assert!(!control.directory().is_within(4, &south));
    assert_eq!(control.directory().subtree(&[1]).into_iter().collect::<Vec<_>>(), [1, 3, 4]);
    control.change_tenant(3, &moved(Some(2))).await.unwrap();
    assert!(control.directory().is_within(4, &south));
    assert_eq!(control.directory().subtree(&[1]).into_iter().collect::<Vec<_>>(), [1]);
    for (number, parent) in [(3, 4), (3, 3), (2, 4)] {
        assert!(
            matches!(control.change_tenant(number, &moved(Some(parent))).await, Err(ControlError::Cycle)),
            "{number} {parent}"
        );
    }
}

#[tokio::test]
async fn tenant_names_are_unique_without_regard_to_case() {
    let (_dir, control) = fresh().await;
    control.insert_tenant(&tenant(1, "Acme", None)).await.unwrap();
    assert!(matches!(control.insert_tenant(&tenant(2, "aCME", None)).await, Err(ControlError::NameTaken)));
    assert_eq!(control.directory().tenant_named("ACME").unwrap().number, 1);
    assert!(matches!(control.insert_tenant(&tenant(3, "x", Some(9))).await, Err(ControlError::NoSuchTenant)));
}

#[tokio::test]
async fn keys_tenants_and_rules_survive_a_restart_and_the_secret_is_not_stored() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("control.sqlite");
    let now = Timestamp::from_micros(1_000);
    let control = Control::open(&file).await.unwrap();
    control.insert_tenant(&tenant(1, "acme", None)).await.unwrap();
    control
        .change_tenant(1, &TenantChange { switch_auditing_on: true, ..TenantChange::default() })
        .await
        .unwrap();
    let new = NewKey {
        name: "app".into(),
        permissions: [Permission::EventsSend, Permission::AuditRead].into_iter().collect(),
        reach: Reach::Tenants(vec![1]),
        default_tenant: Some(1),
        tenant_from_target: false,
        expires_at: None,
    };
    let (key, secret) = control.create_key(new, now).await.unwrap();
    control.insert_rule_set(&rules(), now).await.unwrap();
    assert!(control.insert_rule_set(&rules(), now).await.is_err());
    control.set_setting("a", b"1").await.unwrap();
    control.close().await;

    let control = Control::open(&file).await.unwrap();
    let directory = control.directory();
    assert!(directory.tenant(1).unwrap().auditing);
    let found = directory.key_for_secret(&secret).unwrap();
    assert_eq!((found.id, found.permissions, &found.reach), (key.id, key.permissions, &key.reach));
    assert!(directory.key_for_secret("ik_wrong").is_none());
    assert_eq!(control.rule_sets().await.unwrap(), [rules()]);
    assert_eq!(control.setting("a").await.unwrap().unwrap(), b"1");
    control.revoke_key(&key.id, now).await.unwrap();
    assert!(!control.directory().key_for_secret(&secret).unwrap().is_valid_at(now));
    assert!(matches!(control.revoke_key(&key.id, now).await, Err(ControlError::NoSuchKey)));
    control.close().await;

    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
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
    let (dir, control) = fresh().await;
    let file = dir.path().join("control.sqlite");
    control.insert_tenant(&tenant(1, "north", None)).await.unwrap();
    // What a killed server leaves: changes that are only in the log.
    let killed = tempfile::tempdir().unwrap();
    for name in ["control.sqlite", "control.sqlite-wal"] {
        fs::copy(dir.path().join(name), killed.path().join(name)).unwrap();
    }
    assert!(fs::metadata(killed.path().join("control.sqlite-wal")).unwrap().len() > 0);
    control.insert_rule_set(&rules(), Timestamp::from_micros(8)).await.unwrap();
    control.close().await;
    for (what, dir, versions) in [("closed", dir.path(), 1), ("killed", killed.path(), 0)] {
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
        let known = MIGRATIONS.iter().count() as i64;
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

/// A database as the first version wrote it opens for ever.
#[tokio::test]
async fn the_database_of_version_1_opens() {
    let fixture =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/v1/control-1");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("control.sqlite");
    if std::env::var_os("INDELIBLE_BLESS").is_some() {
        let control = Control::open(&file).await.unwrap();
        let mut north = tenant(1, "north", None);
        (north.uuid, north.chain_id) = (Uuid::from_bytes([1; 16]), [11; 16]);
        let mut acme = tenant(2, "acme", Some(1));
        (acme.uuid, acme.chain_id, acme.auditing) = (Uuid::from_bytes([2; 16]), [12; 16], true);
        control.insert_tenant(&north).await.unwrap();
        control.insert_tenant(&acme).await.unwrap();
        let new = NewKey {
            name: "app".into(),
            permissions: [Permission::EventsSend].into_iter().collect(),
            reach: Reach::Tenants(vec![2]),
            default_tenant: Some(2),
            tenant_from_target: true,
            expires_at: Some(Timestamp::from_micros(9)),
        };
        control.create_key(new, Timestamp::from_micros(8)).await.unwrap();
        control.insert_rule_set(&rules(), Timestamp::from_micros(8)).await.unwrap();
        control.close().await;
        std::fs::create_dir_all(&fixture).unwrap();
        std::fs::copy(&file, fixture.join("control.sqlite")).unwrap();
    }
    std::fs::copy(fixture.join("control.sqlite"), &file).unwrap();
    // Twice, since migrations must find nothing to do the second time.
    for _ in 0..2 {
        let control = Control::open(&file).await.unwrap();
        let directory = control.directory();
        let acme = directory.tenant_named("ACME").unwrap();
        assert_eq!((acme.number, acme.parent, acme.auditing, acme.chain_id), (2, Some(1), true, [12; 16]));
        assert_eq!(acme.uuid, Uuid::from_bytes([2; 16]));
        let key = directory.keys().next().unwrap();
        assert_eq!((key.name.as_str(), key.default_tenant, key.tenant_from_target), ("app", Some(2), true));
        assert_eq!((&key.reach, key.permissions.names()), (&Reach::Tenants(vec![2]), vec!["events.send"]));
        assert_eq!(key.expires_at, Some(Timestamp::from_micros(9)));
        assert_eq!(control.rule_sets().await.unwrap(), [rules()]);
        control.close().await;
    }
}
