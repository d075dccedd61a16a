use super::*;
use crate::{
    Change, RoleGrant, TenantSet, TenantState,
    testing::{Database, at, set, tenant},
};

fn profile(username: &str) -> Profile {
    Profile { username: username.into(), ..Profile::default() }
}

#[tokio::test]
async fn an_account_is_as_it_was_described_after_a_restart_too() {
    let base = Database::new().await;
    base.insert([tenant(1, "acme", None)]).await;
    let text = |text: &str| Some(text.to_owned());
    let first = Profile {
        username: "Ada@Example".into(),
        first_name: text("Ada"),
        last_name: text("Lovelace"),
        email: text("ada@example.org"),
        locale: text("en-GB"),
        zone: text("Europe/London"),
        tenant: Some(1),
        groups: vec!["night shift".into(), "B".into()],
    };
    let ada = Uuid::from_u128(7);
    base.control.create_user(ada, &first, UserState::Invited, at(5)).await.unwrap();
    let again = base.control.create_user(ada, &profile("eve"), UserState::Active, at(6)).await;
    assert!(matches!(again, Err(ControlError::Database(_))), "{again:?}");
    let base = base.reopened().await;
    let user = base.now().user_named("ADA@example").unwrap().clone();
    assert_eq!((Profile::from(&user), user.id, user.state), (first.clone(), ada, UserState::Invited));
    assert_eq!((user.created_at, user.shown_name().as_str()), (at(5), "Ada Lovelace"));
    assert!(user.grants.is_empty() && !user.has_password && !user.has_second_factor);
    let second = profile("countess");
    base.control.change_user(ada, &second, UserState::Disabled).await.unwrap();
    let directory = base.now();
    let user = directory.user(ada).unwrap();
    assert_eq!((Profile::from(user), user.state), (second, UserState::Disabled));
    assert_eq!(user.shown_name(), "countess");
    assert!(directory.user_named("ada@example").is_none());
}

#[tokio::test]
async fn usernames_are_unique_without_regard_to_case_and_tenants_exist() {
    let base = Database::new().await;
    let ada = base.user("Äda", None).await;
    let bo = Uuid::new_v4();
    let create =
        async |profile: Profile| base.control.create_user(bo, &profile, UserState::Active, at(1)).await;
    assert!(matches!(create(profile("äDA")).await, Err(ControlError::UsernameTaken)));
    let nowhere = Profile { tenant: Some(9), ..profile("bo") };
    assert!(matches!(create(nowhere.clone()).await, Err(ControlError::NoSuchTenant)));
    create(profile("bo")).await.unwrap();
    let change = async |id, profile: Profile| base.control.change_user(id, &profile, UserState::Active).await;
    assert!(matches!(change(bo, profile("ÄDA")).await, Err(ControlError::UsernameTaken)));
    assert!(matches!(change(bo, nowhere).await, Err(ControlError::NoSuchTenant)));
    assert!(matches!(change(Uuid::new_v4(), profile("cy")).await, Err(ControlError::NoSuchUser)));
    change(ada, profile("ÄDA")).await.unwrap();
}

#[tokio::test]
async fn a_first_password_makes_the_invited_active_and_nobody_else() {
    let base = Database::new().await;
    for (state, expected) in [
        (UserState::Invited, UserState::Active),
        (UserState::Active, UserState::Active),
        (UserState::Locked, UserState::Locked),
        (UserState::Disabled, UserState::Disabled),
    ] {
        let id = Uuid::new_v4();
        base.control.create_user(id, &profile(state.as_str()), state, at(1)).await.unwrap();
        assert_eq!(base.control.credentials(id).await.unwrap().password, None);
        base.control.set_password(id, "$argon2id$one", None, at(2)).await.unwrap();
        let user = base.now().user(id).unwrap().clone();
        assert_eq!((user.state, user.has_password), (expected, true), "{state:?}");
        assert_eq!(base.control.credentials(id).await.unwrap().password.as_deref(), Some("$argon2id$one"));
        // Over the hash that it is of, and over no other.
        base.control.rehash_password(id, "$argon2id$other", "$argon2id$two").await.unwrap();
        assert_eq!(base.control.credentials(id).await.unwrap().password.as_deref(), Some("$argon2id$one"));
        base.control.rehash_password(id, "$argon2id$one", "$argon2id$two").await.unwrap();
        assert_eq!(base.control.credentials(id).await.unwrap().password.as_deref(), Some("$argon2id$two"));
    }
    let nobody = Uuid::new_v4();
    assert!(matches!(base.control.credentials(nobody).await, Err(ControlError::NoSuchUser)));
    let set = base.control.set_password(nobody, "x", None, at(1)).await;
    assert!(matches!(set, Err(ControlError::NoSuchUser)));
}

#[tokio::test]
async fn no_step_of_a_second_factor_is_taken_twice_and_none_before_it() {
    let base = Database::new().await;
    let ada = base.user("ada", None).await;
    let (sealed, codes) = (b"sealed secret".as_slice(), [[1; 32], [2; 32]]);
    base.control.set_second_factor(ada, Some((sealed, &codes))).await.unwrap();
    assert!(base.now().user(ada).unwrap().has_second_factor);
    for (step, taken) in [(100, true), (100, false), (99, false), (101, true), (101, false), (u64::MAX, true)]
    {
        assert_eq!(base.control.take_totp_step(ada, step).await.unwrap(), taken, "{step}");
    }
    let base = base.reopened().await;
    assert!(!base.control.take_totp_step(ada, 101).await.unwrap(), "after a restart");
    let takers: Vec<_> = {
        base.control.set_second_factor(ada, Some((sealed, &codes))).await.unwrap();
        let taker = |control: Control| tokio::spawn(async move { control.take_totp_step(ada, 7).await });
        (0..4).map(|_| taker(base.control.clone())).collect()
    };
    let mut got = 0;
    for taker in takers {
        got += usize::from(taker.await.unwrap().unwrap());
    }
    assert_eq!(got, 1, "of many at one time");
}

#[tokio::test]
async fn each_recovery_code_is_good_once_and_goes_with_its_factor() {
    let base = Database::new().await;
    let (ada, bo) = (base.user("ada", None).await, base.user("bo", None).await);
    let sealed = b"sealed secret".as_slice();
    base.control.set_second_factor(ada, Some((sealed, &[[1; 32], [2; 32]]))).await.unwrap();
    let left = async |id| base.control.credentials(id).await.unwrap().recovery_codes.len();
    let take = async |id, n| base.control.take_recovery_code(id, &[n; 32]).await.unwrap();
    assert!(!take(bo, 1).await, "another's");
    assert!(!take(ada, 3).await, "none");
    assert!(take(ada, 1).await && !take(ada, 1).await);
    assert_eq!(left(ada).await, 1);
    base.control.set_second_factor(ada, Some((b"another", &[[5; 32]]))).await.unwrap();
    assert!(!take(ada, 2).await, "of the factor before");
    let credentials = base.control.credentials(ada).await.unwrap();
    assert_eq!(
        (credentials.totp.as_deref(), credentials.recovery_codes),
        (Some(b"another".as_slice()), vec![[5; 32]])
    );
    base.control.set_second_factor(ada, None).await.unwrap();
    assert!(!take(ada, 5).await && !base.now().user(ada).unwrap().has_second_factor);
    assert_eq!(base.control.credentials(ada).await.unwrap().totp, None);
    let refused = base.control.set_second_factor(Uuid::new_v4(), None).await;
    assert!(matches!(refused, Err(ControlError::NoSuchUser)));
}

#[tokio::test]
async fn a_providers_subject_is_one_user_for_ever() {
    let base = Database::new().await;
    let (ada, bo) = (base.user("ada", None).await, base.user("bo", None).await);
    assert!(base.control.bind_identity("corp", "7", ada).await.unwrap());
    assert!(base.control.bind_identity("corp", "7", ada).await.unwrap(), "the same again");
    assert!(!base.control.bind_identity("corp", "7", bo).await.unwrap());
    assert!(base.control.bind_identity("other", "7", bo).await.unwrap(), "another provider's");
    assert!(base.control.bind_identity("corp", "8", ada).await.unwrap(), "one user by two");
    assert!(base.control.bind_identity("corp", "9", Uuid::new_v4()).await.is_err(), "of nobody");
    let base = base.reopened().await;
    for (provider, subject, user) in [
        ("corp", "7", Some(ada)),
        ("corp", "8", Some(ada)),
        ("other", "7", Some(bo)),
        ("corp", "9", None),
        ("Corp", "7", None),
    ] {
        assert_eq!(
            base.control.user_of_identity(provider, subject).await.unwrap(),
            user,
            "{provider} {subject}"
        );
    }
}

#[tokio::test]
async fn a_first_identity_makes_the_invited_active_and_nobody_else() {
    let base = Database::new().await;
    for (state, expected) in [
        (UserState::Invited, UserState::Active),
        (UserState::Active, UserState::Active),
        (UserState::Locked, UserState::Locked),
        (UserState::Disabled, UserState::Disabled),
    ] {
        let (id, other) = (Uuid::new_v4(), Uuid::new_v4());
        for (id, name) in [(id, state.as_str().to_owned()), (other, format!("other {state:?}"))] {
            base.control.create_user(id, &profile(&name), state, at(1)).await.unwrap();
        }
        let subject = state.as_str();
        assert!(base.control.bind_identity("corp", subject, id).await.unwrap());
        assert_eq!(base.now().user(id).unwrap().state, expected, "{state:?}");
        // A subject that is somebody else's opens no account.
        assert!(!base.control.bind_identity("corp", subject, other).await.unwrap());
        assert_eq!(base.now().user(other).unwrap().state, state, "{state:?}");
    }
}

#[tokio::test]
async fn administrators_are_those_who_can_sign_in() {
    let mut base = Database::new().await;
    base.insert([tenant(1, "north", None), tenant(2, "acme", Some(1)), tenant(3, "south", None)]).await;
    for (name, tenant, state, role) in [
        ("ada", None, UserState::Active, "Administrator"),
        ("ivy", None, UserState::Invited, "Administrator"),
        ("leo", None, UserState::Locked, "Administrator"),
        ("dan", None, UserState::Disabled, "Administrator"),
        ("sue", Some(2), UserState::Active, "Administrator"),
        ("sam", Some(3), UserState::Active, "Administrator"),
        ("tim", None, UserState::Active, "Tech"),
    ] {
        let (id, profile) = (Uuid::new_v4(), Profile { tenant, ..profile(name) });
        base.control.create_user(id, &profile, state, at(1)).await.unwrap();
        let role = base.now().role_named(role).unwrap().id;
        let grants = vec![RoleGrant { role, territories: vec![] }];
        base.make(Change::GrantsSet { user: id, grants }).await.unwrap();
    }
    let named = |base: &Database| -> Vec<_> {
        let mut names: Vec<_> = base.now().administrators().map(|user| user.username.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(named(&base), ["ada", "sam", "sue"]);
    let state = Some(TenantState::Suspended);
    base.make(set(1, TenantSet { state, ..TenantSet::default() })).await.unwrap();
    assert_eq!(named(&base), ["ada", "sam"]);
}
