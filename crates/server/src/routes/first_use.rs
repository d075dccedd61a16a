//! Tenants that are made when an event first names them: for keys that may, where the installation allows it.

use std::{collections::BTreeSet, sync::Arc};

use indelible_control::{Permission, Reach, check_tenant_name};
use indelible_event::Code;
use indelible_ingest::{BodyLimits, Media, parse_item, split, text, unpack};
use serde::Deserialize;

use super::tenants::{CheckedTenant, create_tenant};
use crate::{app::App, error::ApiError, extract::Caller, reconcile::ChainDetails, recorder::OwnEvent};

/// Tenants that one request can make: a sender whose names are wrong in every event is stopped early.
const MADE_MAX: usize = 100;

/// Where an event names its tenant; everything else is read later.
#[derive(Deserialize)]
struct Naming {
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    targets: Vec<TargetNaming>,
}

#[derive(Deserialize)]
struct TargetNaming {
    #[serde(default)]
    tenant: Option<String>,
}

/// Makes the tenants that the events name and that are not there. `named` stands for events that name none.
///
/// # Errors
/// `too_many_items` for more than 100; the body's own faults; the ledger's or the database's.
pub(super) async fn make_tenants(
    app: &Arc<App>,
    caller: &Caller,
    media: Media,
    named: Option<&str>,
    atomic: bool,
    encoding: Option<&str>,
    body: &[u8],
) -> Result<(), ApiError> {
    let sender = caller.principal.sender;
    let is_native = matches!(media, Media::Json | Media::Ndjson);
    if !sender.create_tenants || !app.config.tenants_on_first_use || !is_native {
        return Ok(());
    }
    let config = &app.config;
    let limits =
        BodyLimits { body_bytes_max: config.request_bytes_max, events_max: config.request_events_max };
    let unpacked = unpack(encoding, body, &limits)?;
    let directory = app.control.directory();
    let is_new = |name: &String| directory.tenant_named(name).is_none() && check_tenant_name(name).is_ok();
    let name_of = |naming: Naming| {
        let of_target = naming.targets.into_iter().next().and_then(|target| target.tenant);
        let wanted = sender.tenant_from_target && sender.default_tenant.is_none();
        naming.tenant.or_else(|| named.map(str::to_owned)).or(of_target.filter(|_| wanted))
    };
    let items = split(media, text(&unpacked)?, &limits)?;
    // What can't be read names nobody; the event is refused with its place in a moment.
    let named: Vec<_> =
        items.iter().map(|item| serde_json::from_str::<Naming>(item.json).ok().and_then(name_of)).collect();
    if !named.iter().flatten().any(is_new) {
        return Ok(());
    }
    let reach = caller.principal.reach(Permission::EventsSend);
    let takes = |name: Option<&String>| {
        let tenant = match name {
            Some(name) => directory.tenant_named(name),
            None => sender.default_tenant.and_then(|number| directory.tenant(number)),
        };
        tenant.is_some_and(|tenant| tenant.auditing && directory.is_within(tenant.number, &reach))
    };
    let (event_limits, now) = (config.event_limits(), app.now());
    let mut names = BTreeSet::new();
    for (item, name) in items.iter().zip(named) {
        let is_good = parse_item(media, item, &event_limits, now).is_ok();
        match name {
            Some(name) if is_good && is_new(&name) => {
                names.insert(name);
            }
            name if is_good && takes(name.as_ref()) => {}
            // A tenant stays for ever: an event that is refused makes none, nor does one beside it that goes with it.
            _ if atomic => return Ok(()),
            _ => {}
        }
    }
    if names.len() > MADE_MAX {
        let message =
            format!("the request names {} tenants that do not exist, more than {MADE_MAX}", names.len());
        return Err(ApiError::field(Code::TooManyItems, "/tenant", message));
    }
    // Where nothing is taken, nothing is made.
    if directory.installation_audited_since().is_none() {
        return Ok(());
    }
    let parent = match reach {
        Reach::Everything => None,
        Reach::Tenants(roots) => match roots.as_slice() {
            [root] => Some(*root),
            // Below which of them is nobody's guess.
            _ => return Ok(()),
        },
    };
    for name in names {
        let details = ChainDetails { parent, auditing: true, ..ChainDetails::default() };
        let told = OwnEvent::new("Create tenant", "tenant.create", "create")
            .by(&caller.principal, &caller.origin, &directory)
            .parameter("by", "first_use");
        match create_tenant(
            app.clone(),
            caller,
            Permission::EventsSend,
            CheckedTenant { name, parent, details },
            told,
        )
        .await
        {
            Ok(_) => {}
            // Another request was faster; a domain takes none below it, and the event says so.
            Err(error) if [Code::IdConflict, Code::InvalidFilter].contains(&error.code) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
