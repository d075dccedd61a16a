use indelible_control::{
    Change, KeyRecord, NewKey, Profile, Role, RoleGrant, Tenant, TenantSet, TenantState,
};
use tempfile::TempDir;

use super::*;

const IDLE: Duration = Duration::from_micros(100);
const ADMIN: &str = "the administrator's key";

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn set(list: &[Permission]) -> PermissionSet {
    list.iter().copied().collect()
}

fn tenant(number: TenantNumber, name: &str, parent: Option<TenantNumber>) -> Tenant {
    Tenant {
        number,
        uuid: Uuid::from_u128(number.into()),
        name: name.into(),
        display_name: None,
        parent,
        kind: None,
        external_id: None,
        zone: None,
        state: TenantState::Active,
        auditing: false,
        audited_since: None,
        chain_id: *Uuid::from_u128((number << 8).into()).as_bytes(),
        created_at: at(1),
    }
}

/// north (1) with acme (2) below it, south (3), and whoever is asked for.
struct World {
    _directory: TempDir,
    control: Control,
    auth: Authenticator,
    changes: u64,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let control = Control::open(&directory.path().join("control.sqlite")).await.unwrap();
        for tenant in [tenant(1, "north", None), tenant(2, "acme", Some(1)), tenant(3, "south", None)] {
            control.insert_tenant(&tenant).await.unwrap();
        }
        let auth = Authenticator::new(control.clone(), Some(ADMIN), IDLE);
        Self { _directory: directory, control, auth, changes: 0 }
    }

    async fn make(&mut self, change: Change) {
        self.control.check(&change).unwrap();
        self.changes += 1;
        self.control.apply(self.changes, at(2), &change).await.unwrap();
    }

    async fn suspend(&mut self, tenant: TenantNumber) {
        let state = Some(TenantState::Suspended);
        self.make(Change::TenantSet { tenant, set: TenantSet { state, ..TenantSet::default() } }).await;
    }

    /// The secret of a key with these.
    async fn key(
        &mut self,
        permissions: &[Permission],
        reach: Reach,
        expires_at: Option<Timestamp>,
    ) -> (KeyId, String) {
        let new = NewKey {
            name: "app".into(),
            permissions: set(permissions),
            reach,
            default_tenant: Some(2),
            tenant_from_target: true,
            create_tenants: true,
            replaces: None,
            expires_at,
        };
        let (key, secret) = ApiKey::make(new, at(1)).unwrap();
        self.make(Change::KeyMade { key: KeyRecord::from(&key) }).await;
        (key.id, secret)
    }

    /// A user of a tenant with roles over territories, who signed in at 10; the session's secret is the username.
    async fn user(
        &mut self,
        name: &str,
        tenant: Option<TenantNumber>,
        roles: &[(&str, &[TenantNumber])],
    ) -> Uuid {
        let user = Uuid::new_v4();
        self.control.create_user(user, &profile(name, tenant), UserState::Active, at(1)).await.unwrap();
        let directory = self.control.directory();
        let grant = |(role, territories): &(&str, &[TenantNumber])| RoleGrant {
            role: directory.role_named(role).unwrap().id,
            territories: territories.to_vec(),
        };
        let grants = roles.iter().map(grant).collect();
        self.make(Change::GrantsSet { user, grants }).await;
        let session = Session {
            id: Uuid::new_v4(),
            user,
            method: "password".into(),
            address: "10.0.0.1".into(),
            user_agent: String::new(),
            created_at: at(10),
            last_seen_at: at(10),
            expires_at: at(1_000),
        };
        self.control.begin_session(hash(name), session).await.unwrap();
        user
    }

    fn signed_in(&self, name: &str) -> Option<Principal> {
        self.auth.authenticate_session(name, at(20)).map(|(principal, _)| principal)
    }

    async fn own_role(&mut self, name: &str, permissions: &[Permission], reach: RoleReach) {
        let role =
            Role { id: Uuid::new_v4(), name: name.into(), permissions: set(permissions), reach, range: None };
        self.make(Change::RoleSet { role }).await;
    }
}

fn profile(name: &str, tenant: Option<TenantNumber>) -> Profile {
    Profile { username: name.into(), tenant, ..Profile::default() }
}

#[tokio::test]
async fn each_ready_made_role_may_what_the_documentation_says_and_that_far() {
    use Permission::{AuditExport, AuditOriginals, AuditRead, AuditReports, AuditVerify, HoldsManage};
    let everything = Permission::ALL.as_slice();
    let partner = [AuditRead, AuditExport, AuditReports];
    let tech = [AuditRead, AuditExport, AuditReports, AuditOriginals, AuditVerify];
    let auditor = [AuditRead, AuditExport, AuditReports, AuditVerify];
    let mut world = World::new().await;
    for (role, tenant, territories, permissions, reach) in [
        ("Administrator", None, &[][..], everything, Reach::Everything),
        ("Tech", Some(2), &[], &tech, Reach::Everything),
        ("White Label Partner", None, &[1], &partner, Reach::Tenants(vec![1])),
        ("Channel Partner", Some(2), &[3, 1], &partner, Reach::Tenants(vec![1, 3])),
        ("Tenant Auditor", Some(2), &[], &auditor, Reach::Tenants(vec![2])),
        ("Reporter", Some(1), &[], &[AuditRead, AuditReports], Reach::Tenants(vec![1])),
    ] {
        let id = world.user(role, tenant, &[(role, territories)]).await;
        let principal = world.signed_in(role).unwrap();
        assert_eq!(principal.permissions(), set(permissions), "{role}");
        for permission in Permission::ALL {
            let expected =
                if permissions.contains(&permission) { reach.clone() } else { Reach::Tenants(vec![]) };
            assert_eq!(principal.reach(permission), expected, "{role} {permission}");
            assert_eq!(principal.may(permission), permissions.contains(&permission), "{role} {permission}");
        }
        assert_eq!(principal.reach_of_any(), reach, "{role}");
        assert_eq!(principal.manages_users_completely(), role == "Administrator", "{role}");
        assert_eq!(principal.may_everywhere(HoldsManage), role == "Administrator", "{role}");
        assert_eq!((principal.oneself(), principal.id.bytes()), (None, *id.as_bytes()), "{role}");
        assert_eq!((principal.sender, principal.expires_at), (Sender::default(), None), "{role}");
    }
    world.user("nobody", Some(2), &[]).await;
    let nobody = world.signed_in("nobody").unwrap();
    assert!(Permission::ALL.iter().all(|permission| !nobody.may(*permission)));
    assert_eq!(nobody.reach_of_any(), Reach::Tenants(vec![]));
}

#[tokio::test]
async fn what_several_roles_permit_is_united_permission_by_permission() {
    use Permission::{AuditExport, AuditRead, AuditVerify, KeysManage, UsersManage};
    let mut world = World::new().await;
    world.own_role("Key keeper", &[KeysManage, UsersManage], RoleReach::Territories).await;
    world.own_role("Myself", &[AuditRead], RoleReach::Oneself).await;
    let roles: [(&str, &[u64]); 4] =
        [("Tenant Auditor", &[]), ("Channel Partner", &[1]), ("Key keeper", &[3]), ("Myself", &[])];
    let ada = world.user("ada", Some(2), &roles).await;
    let ada_in = world.signed_in("ada").unwrap();
    let directory = world.control.directory();
    for (permission, reach) in
        [(AuditRead, vec![1, 2]), (AuditExport, vec![1, 2]), (AuditVerify, vec![2]), (KeysManage, vec![3])]
    {
        assert_eq!(ada_in.reach(permission), Reach::Tenants(reach), "{permission}");
    }
    assert_eq!(ada_in.reach_of_any(), Reach::Tenants(vec![1, 2, 3]));
    assert_eq!(ada_in.oneself(), Some(ada));
    assert!(!ada_in.manages_users_completely(), "over one territory it is not complete");
    let tenants = |list: &[u64]| Reach::Tenants(list.to_vec());
    for (permissions, reach, covered) in [
        (&[AuditRead][..], tenants(&[1]), true),
        (&[AuditRead], tenants(&[2]), true),
        (&[AuditRead, AuditVerify], tenants(&[2]), true),
        // Each alone reaches somewhere; both together reach there only where both do.
        (&[AuditRead, AuditVerify], tenants(&[1]), false),
        (&[AuditVerify, KeysManage], tenants(&[2]), false),
        (&[AuditVerify, KeysManage], tenants(&[3]), false),
        (&[KeysManage], tenants(&[3]), true),
        (&[KeysManage], tenants(&[3, 2]), false),
        (&[AuditRead], Reach::Everything, false),
        (&[Permission::EventsSend], tenants(&[2]), false),
    ] {
        assert_eq!(
            ada_in.covers(set(permissions), &reach, None, &directory),
            covered,
            "{permissions:?} {reach:?}"
        );
    }
    // Everything beside a smaller reach is everything, for its own permissions.
    world.user("tech", Some(2), &[("Tech", &[]), ("Key keeper", &[3])]).await;
    let tech = world.signed_in("tech").unwrap();
    assert!(
        tech.may_everywhere(AuditRead)
            && !tech.may_everywhere(KeysManage)
            && !tech.manages_users_completely()
    );
    assert!(tech.covers(set(&[AuditRead]), &Reach::Everything, None, &directory));
    assert!(!tech.covers(set(&[AuditRead, KeysManage]), &Reach::Everything, None, &directory));
}

#[tokio::test]
async fn oneself_is_one_user_and_no_tenant() {
    let mut world = World::new().await;
    world.own_role("Myself", &[Permission::AuditRead], RoleReach::Oneself).await;
    world.own_role("My keys", &[Permission::KeysManage], RoleReach::Oneself).await;
    let ada = world.user("ada", Some(2), &[("Myself", &[])]).await;
    let reader = world.signed_in("ada").unwrap();
    assert_eq!((reader.oneself(), reader.reach(Permission::AuditRead)), (Some(ada), Reach::Tenants(vec![])));
    let directory = world.control.directory();
    for reach in [Reach::Everything, Reach::Tenants(vec![2])] {
        assert!(!reader.covers(set(&[Permission::AuditRead]), &reach, None, &directory), "{reach:?}");
    }
    world.user("bo", Some(2), &[("My keys", &[])]).await;
    assert_eq!(world.signed_in("bo").unwrap().oneself(), None, "it reads nothing with that");
}

#[tokio::test]
async fn an_account_that_can_not_be_used_is_nobody_and_nor_is_one_of_a_suspended_tenant() {
    for (state, good) in [
        (UserState::Invited, false),
        (UserState::Active, true),
        (UserState::Locked, false),
        (UserState::Disabled, false),
    ] {
        let mut world = World::new().await;
        let ada = world.user("ada", Some(2), &[("Reporter", &[])]).await;
        let before = world.signed_in("ada").unwrap();
        world.control.change_user(ada, &profile("ada", Some(2)), state).await.unwrap();
        assert_eq!(world.signed_in("ada").is_some(), good, "{state:?}");
        assert_eq!(world.auth.is_valid(&before, at(20)), good, "{state:?}");
    }
    for (suspended, tenant, good) in
        [(2, Some(2), false), (1, Some(2), false), (3, Some(2), true), (2, Some(1), true), (1, None, true)]
    {
        let mut world = World::new().await;
        world.user("ada", tenant, &[("Tech", &[])]).await;
        let before = world.signed_in("ada").unwrap();
        world.suspend(suspended).await;
        assert_eq!(world.signed_in("ada").is_some(), good, "{suspended} {tenant:?}");
        assert_eq!(world.auth.is_valid(&before, at(20)), good, "{suspended} {tenant:?}");
    }
}

#[tokio::test]
async fn a_session_that_ends_ends_the_principal() {
    let mut world = World::new().await;
    let ada = world.user("ada", Some(2), &[("Reporter", &[])]).await;
    let (principal, session) = world.auth.authenticate_session("ada", at(20)).unwrap();
    assert_eq!(principal.id, PrincipalId::User { user: ada, session: Some(session.id) });
    assert!(world.auth.authenticate_session("eve", at(20)).is_none());
    // Not used since 10, for as long as may be.
    for (now, good) in [(109, true), (110, false), (2_000, false)] {
        assert_eq!(world.auth.is_valid(&principal, at(now)), good, "{now}");
        assert_eq!(world.auth.authenticate_session("ada", at(now)).is_some(), good, "{now}");
    }
    let stolen = Principal {
        id: PrincipalId::User { user: Uuid::new_v4(), session: Some(session.id) },
        ..principal.clone()
    };
    assert!(!world.auth.is_valid(&stolen, at(20)), "another's session");
    // A role that is taken away is gone with the next renewal, the session stays.
    world.make(Change::GrantsSet { user: ada, grants: vec![] }).await;
    assert!(!world.auth.renew(&principal, at(20)).unwrap().may(Permission::AuditRead));
    world.control.end_session(session.id).await.unwrap();
    assert!(world.auth.renew(&principal, at(20)).is_none() && world.signed_in("ada").is_none());
}

#[tokio::test]
async fn a_key_is_good_until_its_end_and_may_what_it_was_given() {
    use Permission::{AuditRead, EventsSend, KeysManage};
    let mut world = World::new().await;
    let given = [EventsSend, AuditRead, KeysManage];
    let (id, secret) = world.key(&given, Reach::Tenants(vec![1, 3]), Some(at(50))).await;
    let principal = world.auth.authenticate(&secret, at(49)).unwrap();
    assert_eq!((principal.id, principal.permissions()), (PrincipalId::Key(id), set(&given)));
    assert_eq!(principal.reach(AuditRead), Reach::Tenants(vec![1, 3]));
    assert_eq!((principal.oneself(), principal.expires_at), (None, Some(at(50))));
    assert_eq!(
        principal.sender,
        Sender { default_tenant: Some(2), tenant_from_target: true, create_tenants: true }
    );
    assert!(world.auth.authenticate(&secret, at(50)).is_none() && !world.auth.is_valid(&principal, at(50)));
    for wrong in ["", "ik_", &secret[..secret.len() - 1], &secret.to_uppercase()] {
        assert!(world.auth.authenticate(wrong, at(1)).is_none(), "{wrong}");
    }
    world.make(Change::KeyEnds { key: Uuid::from_bytes(id), at: 5, revoked: true }).await;
    assert!(world.auth.authenticate(&secret, at(1)).is_none() && !world.auth.is_valid(&principal, at(1)));
}

#[tokio::test]
async fn keys_of_a_suspended_tenant_send_and_do_nothing_else() {
    use Permission::{AuditRead, EventsSend, KeysManage};
    let given = [EventsSend, AuditRead, KeysManage];
    let tenants = |list: &[u64]| Reach::Tenants(list.to_vec());
    for (what, suspended, reach, sends, reads) in [
        ("its own", vec![2], tenants(&[2]), tenants(&[2]), tenants(&[])),
        ("one above", vec![1], tenants(&[2]), tenants(&[2]), tenants(&[])),
        ("one below", vec![2], tenants(&[1]), tenants(&[1]), tenants(&[1])),
        ("one of two", vec![3], tenants(&[1, 3]), tenants(&[1, 3]), tenants(&[1])),
        ("both", vec![1, 3], tenants(&[2, 3]), tenants(&[2, 3]), tenants(&[])),
        ("none of its", vec![3], tenants(&[1]), tenants(&[1]), tenants(&[1])),
        ("any", vec![1, 3], Reach::Everything, Reach::Everything, Reach::Everything),
    ] {
        let mut world = World::new().await;
        let secret = world.key(&given, reach, None).await.1;
        let before = world.auth.authenticate(&secret, at(1)).unwrap();
        for tenant in suspended {
            world.suspend(tenant).await;
        }
        let now =
            [world.auth.authenticate(&secret, at(1)).unwrap(), world.auth.renew(&before, at(1)).unwrap()];
        for principal in now {
            assert_eq!(principal.reach(EventsSend), sends, "{what}");
            assert_eq!(principal.reach(AuditRead), reads, "{what}");
            assert_eq!(principal.reach(KeysManage), reads, "{what}");
        }
    }
}

#[tokio::test]
async fn the_administrators_key_may_everything_and_is_there_only_where_it_was_set() {
    let world = World::new().await;
    let admin = world.auth.authenticate(ADMIN, at(1)).unwrap();
    assert_eq!((admin.permissions(), admin.reach_of_any()), (PermissionSet::all(), Reach::Everything));
    assert!(admin.manages_users_completely() && world.auth.is_valid(&admin, at(1)));
    assert!(world.auth.authenticate("The administrator's key", at(1)).is_none());
    assert!(world.auth.authenticate_session(ADMIN, at(1)).is_none(), "it is no session");
    let without = Authenticator::new(world.control.clone(), None, IDLE);
    for guess in [ADMIN, ""] {
        assert!(without.authenticate(guess, at(1)).is_none(), "{guess}");
    }
    assert!(!without.is_valid(&admin, at(1)));
}
