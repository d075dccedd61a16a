//! Tenants that are made when an event first names them: for keys that may, where the installation allows it.

use std::collections::BTreeSet;

use indelible_control::{Permission, Reach};
use indelible_event::Code;

use super::tenants::{CheckedTenant, create_tenant};
use crate::{app::App, error::ApiError, extract::Caller, reconcile::ChainDetails, recorder::OwnEvent};

/// Tenants that one request can make: a sender whose names are wrong in every event is stopped early.
const MADE_MAX: usize = 100;

/// Makes tenants that events name and that are not there.
///
/// # Errors
/// `too_many_items` for more than 100; the ledger's or the database's.
pub(super) async fn make_tenants(
    app: &App,
    caller: &Caller,
    names: BTreeSet<String>,
) -> Result<(), ApiError> {
    if names.len() > MADE_MAX {
        let message =
            format!("the request names {} tenants that do not exist, more than {MADE_MAX}", names.len());
        return Err(ApiError::field(Code::TooManyItems, "/tenant", message));
    }
    let directory = app.control.directory();
    // Where nothing is taken, nothing is made.
    if directory.installation_audited_since().is_none() {
        return Ok(());
    }
    let parent = match caller.principal.reach(Permission::EventsSend) {
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
        let _turn = caller.turn(app).await?;
        match create_tenant(app, CheckedTenant { name, parent, details }, told).await {
            Ok(_) => {}
            // Another request was faster; a domain takes none below it, and the event says so.
            Err(error) if [Code::IdConflict, Code::InvalidFilter].contains(&error.code) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
