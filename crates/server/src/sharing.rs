//! Whose saved things are, and with whom they are shared.
//!
//! Sharing hands on text, never events: whoever opens what is shared sees with their own reach. But the text may name
//! tenants, so what is shared with a tenant names none beyond it, and is not shown to people below who do not know all
//! that it names. With a role or with everybody only complete user management shares, and answers for the text.

use indelible_access::{Principal, PrincipalId, tenants_named_in};
use indelible_control::{Directory, Owner, Permission, Reach, Sharing, TenantNumber, User};
use indelible_event::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{app::App, error::ApiError, extract::Caller, recorder::OwnEvent};

/// A user or an API key.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnerView {
    /// `user` or `api_key`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// A UUID; `administrator-key` for the key of the server's settings.
    id: String,
    /// The username, or the key's name.
    name: String,
}

/// With whom something is shared.
#[derive(Serialize, ToSchema)]
pub(crate) struct SharingView {
    /// `nobody`, `everybody`, `role` or `tenant`.
    kind: &'static str,
    /// Of a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    id: Option<Uuid>,
    /// Of a role or a tenant; null where the reader may not know the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
}

/// With whom something is to be shared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SharingRequest {
    /// `nobody`, `everybody`, `role` or `tenant`.
    kind: String,
    /// Of a role.
    #[serde(default)]
    id: Option<String>,
    /// Of a tenant; of a role where `id` is not given.
    #[serde(default)]
    name: Option<String>,
}

impl Caller {
    /// Whose the caller's things are.
    pub(crate) fn owner(&self, directory: &Directory) -> Owner {
        self.principal.owner(directory)
    }

    fn knows(&self, tenant: TenantNumber, directory: &Directory) -> bool {
        knows(&self.principal, tenant, directory)
    }

    /// Whether something is shared with the caller, of which this is the text.
    pub(crate) fn shares(&self, shared: Sharing, text: &[(String, String)], directory: &Directory) -> bool {
        is_shared_with(&self.principal, shared, text, directory)
    }
}

/// The user that somebody is.
fn user_of<'d>(principal: &Principal, directory: &'d Directory) -> Option<&'d User> {
    match principal.id {
        PrincipalId::User { user, .. } => directory.user(user),
        PrincipalId::AdminKey | PrincipalId::Key(_) => None,
    }
}

/// The tenant that somebody belongs to, of a user.
fn home(principal: &Principal, directory: &Directory) -> Option<TenantNumber> {
    user_of(principal, directory)?.tenant
}

/// Whether somebody may know that a tenant is there: they may do something for it, or belong to it.
fn knows(principal: &Principal, tenant: TenantNumber, directory: &Directory) -> bool {
    directory.is_within(tenant, &principal.reach_of_any()) || home(principal, directory) == Some(tenant)
}

/// Whether something is shared with somebody, of which this is the text.
pub(crate) fn is_shared_with(
    principal: &Principal,
    shared: Sharing,
    text: &[(String, String)],
    directory: &Directory,
) -> bool {
    match shared {
        Sharing::Nobody => false,
        Sharing::Everybody => true,
        Sharing::Role(role) => user_of(principal, directory).is_some_and(|user| user.has_role(role)),
        Sharing::Tenant(tenant) => {
            let whole = Reach::Tenants(vec![tenant]);
            let lives_there =
                || home(principal, directory).is_some_and(|home| directory.is_within(home, &whole));
            let knows_all = || {
                let named = tenants_named_in(directory, text);
                let mut within = named.into_iter().filter(|named| directory.is_within(*named, &whole));
                within.all(|named| knows(principal, named, directory))
            };
            directory.is_within(tenant, &principal.reach(Permission::AuditRead))
                || lives_there() && knows_all()
        }
    }
}

impl OwnerView {
    /// By the name of today.
    pub(crate) fn new(owner: Owner, directory: &Directory) -> Self {
        let name = match owner {
            Owner::AdminKey => Some(ADMINISTRATOR_KEY.to_owned()),
            Owner::Key(id) => directory.key(&id).map(|key| key.name.clone()),
            Owner::User(id) => directory.user(id).map(|user| user.username.clone()),
        };
        Self::named(owner, name.unwrap_or_default())
    }

    /// By the name of then.
    pub(crate) fn named(owner: Owner, name: String) -> Self {
        let (kind, id) = match owner {
            Owner::AdminKey => ("api_key", "administrator-key".to_owned()),
            Owner::Key(id) => ("api_key", Uuid::from_bytes(id).to_string()),
            Owner::User(id) => ("user", id.to_string()),
        };
        Self { kind, id, name }
    }
}

/// What the administrator's key is called.
const ADMINISTRATOR_KEY: &str = "administrator key";

impl SharingView {
    /// As anybody may see it who knows every tenant.
    pub(crate) fn whole(shared: Sharing, directory: &Directory) -> Self {
        let (kind, id, name) = match shared {
            Sharing::Nobody => ("nobody", None, None),
            Sharing::Everybody => ("everybody", None, None),
            Sharing::Role(id) => ("role", Some(id), Some(directory.role(id).map(|role| role.name.clone()))),
            Sharing::Tenant(number) => {
                ("tenant", None, Some(directory.tenant(number).map(|tenant| tenant.name.clone())))
            }
        };
        Self { kind, id, name }
    }

    /// As the caller may see it.
    pub(crate) fn shown_to(caller: &Caller, shared: Sharing, directory: &Directory) -> Self {
        match shared {
            Sharing::Tenant(number) if !caller.knows(number, directory) => {
                Self { kind: "tenant", id: None, name: Some(None) }
            }
            _ => Self::whole(shared, directory),
        }
    }
}

impl SharingRequest {
    /// With whom something of this text is to be shared, if the caller may do that.
    ///
    /// # Errors
    /// `invalid_enum` and `missing_field`; `forbidden`, `tenant_forbidden`, `not_found`.
    pub(crate) fn check(
        &self,
        app: &App,
        caller: &Caller,
        text: &[(String, String)],
    ) -> Result<Sharing, ApiError> {
        let directory = app.control.directory();
        let missing =
            |field: &str, what: &str| ApiError::field(Code::MissingField, field, format!("name the {what}"));
        let shared = match (self.kind.as_str(), &self.id, &self.name) {
            ("nobody", None, None) => Sharing::Nobody,
            ("everybody", None, None) => Sharing::Everybody,
            ("role", id, name) => {
                // Whoever may not share with roles is not told which there are.
                needs_complete_user_management(caller)?;
                let found = match (id, name) {
                    (Some(id), _) => Uuid::parse_str(id).ok().and_then(|id| directory.role(id)),
                    (None, Some(name)) => directory.role_named(name),
                    (None, None) => return Err(missing("/shared_with/id", "role")),
                };
                let no_role = || ApiError::field(Code::NotFound, "/shared_with/id", "no such role");
                Sharing::Role(found.ok_or_else(no_role)?.id)
            }
            ("tenant", None, name) => {
                let name = name.as_ref().ok_or_else(|| missing("/shared_with/name", "tenant"))?;
                let found = app.tenant_within(&caller.principal.reach(Permission::AuditRead), name);
                Sharing::Tenant(found.map_err(|_| no_such_tenant())?.number)
            }
            ("nobody" | "everybody" | "tenant", ..) => {
                let message = "id goes with a role, name with a role or a tenant";
                return Err(ApiError::field(Code::UnknownParameter, "/shared_with", message));
            }
            _ => {
                let message = "expected nobody, everybody, role or tenant";
                return Err(ApiError::field(Code::InvalidEnum, "/shared_with/kind", message));
            }
        };
        check(caller, shared, text, &directory)?;
        Ok(shared)
    }
}

/// Whether the caller may share this text so, newly or again with another text.
///
/// # Errors
/// `forbidden`, `tenant_forbidden`.
pub(crate) fn check(
    caller: &Caller,
    shared: Sharing,
    text: &[(String, String)],
    directory: &Directory,
) -> Result<(), ApiError> {
    match shared {
        Sharing::Nobody => Ok(()),
        Sharing::Everybody | Sharing::Role(_) => needs_complete_user_management(caller),
        Sharing::Tenant(tenant) => {
            let reading = caller.principal.reach(Permission::AuditRead);
            if !directory.is_within(tenant, &reading) {
                return Err(no_such_tenant());
            }
            let whole = Reach::Tenants(vec![tenant]);
            // Of what the caller does not know it must not be told either whether it is the name of a tenant.
            let is_beside = |named: &TenantNumber| {
                caller.knows(*named, directory) && !directory.is_within(*named, &whole)
            };
            if tenants_named_in(directory, text).iter().any(is_beside) {
                let message =
                    "what is shared with a tenant names no tenant that is neither that one nor below it";
                return Err(ApiError::field(Code::TenantForbidden, "/query", message));
            }
            Ok(())
        }
    }
}

fn no_such_tenant() -> ApiError {
    ApiError::field(Code::TenantForbidden, "/shared_with/name", "no such tenant within your reach")
}

fn needs_complete_user_management(caller: &Caller) -> Result<(), ApiError> {
    if caller.principal.manages_users_completely() {
        return Ok(());
    }
    let message = "sharing with a role or with everybody needs complete user management; share with a tenant";
    Err(ApiError::field(Code::Forbidden, "/shared_with", message))
}

impl OwnEvent {
    /// It says this: the chain that tells of it is read by nobody who does not know all tenants that it names.
    pub(crate) fn saying(self, text: &str, directory: &Directory) -> Self {
        let text = [(String::new(), text.to_owned())];
        tenants_named_in(directory, &text).into_iter().fold(self, Self::touching)
    }

    /// What is an owner's, has this text and is shared so is touched: the chain that tells of it is read by nobody who
    /// does not know all tenants that it names.
    pub(crate) fn touching_saved(
        self,
        owner: Owner,
        shared: &[Sharing],
        text: &[(String, String)],
        directory: &Directory,
    ) -> Self {
        let told = match owner {
            Owner::User(id) => self.touching_of(directory.user(id).and_then(|user| user.tenant)),
            Owner::AdminKey => self.touching_installation(),
            Owner::Key(id) => match directory.key(&id).map(|key| &key.reach) {
                Some(Reach::Tenants(roots)) => roots.iter().fold(self, |told, root| told.touching(*root)),
                Some(Reach::Everything) | None => self.touching_installation(),
            },
        };
        let told = shared.iter().fold(told, |told, shared| match shared {
            Sharing::Nobody => told,
            Sharing::Tenant(tenant) => told.touching(*tenant),
            Sharing::Everybody | Sharing::Role(_) => told.touching_installation(),
        });
        tenants_named_in(directory, text).into_iter().fold(told, Self::touching)
    }
}
