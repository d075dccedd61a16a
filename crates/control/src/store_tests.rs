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

async fn fresh() -> (tempfile::TempDir, Control) {
    let dir = tempfile::tempdir().unwrap();
    let control = Control::open(&dir.path().join("control.sqlite")).await.unwrap();
    (dir, control)
}

#[tokio::test]
async fn a_move_takes_effect_with_the_next_question_and_never_makes_a_cycle() {
    let (_dir, control) = fresh().await;
    for (number, name, parent) in [(1, "north", None), (2, "south", None), (3, "acme", Some(1)), (4, "lab", Some(3))] {
        control.insert_tenant(&tenant(number, name, parent)).await.unwrap();
    }
    let south = Reach::Tenants(vec![2]);
    assert!(!control.directory().is_within(4, &south));
    assert_eq!(control.directory().subtree(&[1]).into_iter().collect::<Vec<_>>(), [1, 3, 4]);
    control.move_tenant(3, Some(2)).await.unwrap();
    assert!(control.directory().is_within(4, &south));
    assert_eq!(control.directory().subtree(&[1]).into_iter().collect::<Vec<_>>(), [1]);
    for (number, parent) in [(3, 4), (3, 3), (2, 4)] {
        assert!(matches!(control.move_tenant(number, Some(parent)).await, Err(ControlError::Cycle)), "{number} {parent}");
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
    control.switch_auditing_on(1).await.unwrap();
    let new = NewKey {
        name: "app".into(),
        permissions: [Permission::EventsSend, Permission::AuditRead].into_iter().collect(),
        reach: Reach::Tenants(vec![1]),
        default_tenant: Some(1),
        tenant_from_target: false,
        expires_at: None,
    };
    let (key, secret) = control.create_key(new, now).await.unwrap();
    control.insert_rule_set(2, "{}", now).await.unwrap();
    assert!(control.insert_rule_set(2, "{}", now).await.is_err());
    control.set_setting("a", b"1").await.unwrap();
    control.close().await;

    let control = Control::open(&file).await.unwrap();
    let directory = control.directory();
    assert!(directory.tenant(1).unwrap().auditing);
    let found = directory.key_for_secret(&secret).unwrap();
    assert_eq!((found.id, found.permissions, &found.reach), (key.id, key.permissions, &key.reach));
    assert!(directory.key_for_secret("ik_wrong").is_none());
    assert_eq!(control.rule_sets().await.unwrap(), [(2, "{}".to_owned())]);
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
