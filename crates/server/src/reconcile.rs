//! At start, and before a tenant is created: what the ledger knows and the control database does not.
//!
//! A tenant's chain is opened in the ledger first and its row stored second; auditing is switched on in the ledger
//! first and in the row second. A crash between the two, or a control database restored from an older copy, leaves
//! the ledger ahead; here the rows catch up.

use std::collections::HashMap;

use indelible_access::{OwnEntries, OwnEntry, ReadError};
use indelible_control::{Control, ControlError, Tenant, TenantChange};
use indelible_verify::Kind;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the server adds to the body of a `chain-open` entry: the tenant as it was when its chain was opened.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChainDetails {
    pub(crate) display_name: Option<String>,
    pub(crate) parent: Option<u64>,
    pub(crate) auditing: bool,
}

/// The part of the body that is read back.
#[derive(Debug, Deserialize)]
struct ChainOpening {
    details: ChainDetails,
}

/// The body of a `settings` entry about auditing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SettingChange {
    /// Which setting; `auditing`.
    pub(crate) setting: String,
    /// Its value from then on.
    pub(crate) new: bool,
    /// Id of the key that changed it, in hex.
    pub(crate) key: String,
}

/// The name of the auditing switch in `settings` entries.
pub(crate) const AUDITING: &str = "auditing";

/// The leaf index up to which `settings` entries are in the rows.
const APPLIED: &str = "settings_applied_through";

/// What went wrong while reconciling.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The ledger could not be read.
    #[error("the ledger could not be read")]
    Ledger(#[from] ReadError),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// An entry that the server wrote is not readable.
    #[error("the server's own entry at leaf {index} is not readable: {what}")]
    Entry {
        /// Where it is.
        index: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// Adds the rows of chains that have none; returns how many.
pub(crate) async fn adopt_chains(control: &Control, own: &OwnEntries) -> Result<usize, ReconcileError> {
    let directory = control.directory();
    let mut missing = Vec::new();
    for chain in own.chains() {
        if chain.tenant_number == 0 || directory.tenant(chain.tenant_number).is_some() {
            continue;
        }
        let index = chain.opened_index;
        let unreadable = |what: String| ReconcileError::Entry { index, what };
        let entry = own.entry(index)?.ok_or_else(|| unreadable("it is an event".into()))?;
        let opening: ChainOpening =
            serde_json::from_slice(&entry.body).map_err(|error| unreadable(error.to_string()))?;
        missing.push(Tenant {
            number: chain.tenant_number,
            uuid: Uuid::from_bytes(chain.tenant_uuid),
            name: chain.tenant_name.clone(),
            display_name: opening.details.display_name,
            parent: opening.details.parent,
            auditing: opening.details.auditing,
            chain_id: chain.chain.0,
            created_at: entry.received_at,
        });
    }
    // A parent has a smaller number than the tenants that were created below it.
    missing.sort_by_key(|tenant| tenant.number);
    for tenant in &mut missing {
        if control.directory().tenant_named(&tenant.name).is_some() {
            // Two chains of one name can only come from an older version's crash; neither may be lost.
            let name = format!("{}+{}", tenant.name, tenant.number);
            tracing::warn!(
                tenant = tenant.name,
                added_as = name,
                "the ledger has two chains of one tenant name"
            );
            tenant.name = name;
        }
        control.insert_tenant(tenant).await?;
    }
    Ok(missing.len())
}

/// Switches auditing on where the ledger says so and the row does not; returns how many rows.
pub(crate) async fn apply_settings(control: &Control, own: &OwnEntries) -> Result<usize, ReconcileError> {
    let size = own.size();
    let from = match control.setting(APPLIED).await? {
        Some(stored) => {
            let stored = <[u8; 8]>::try_from(stored)
                .map_err(|_| ControlError::Corrupt { what: "settings position" })?;
            u64::from_be_bytes(stored)
        }
        None => 0,
    };
    let mut switches = Vec::new();
    let scanned = own.clone();
    let scan = move || {
        scanned.each_from(from, |entry| {
            if entry.kind == Kind::SETTINGS {
                switches.push(entry);
            }
        })?;
        Ok::<Vec<OwnEntry>, ReadError>(switches)
    };
    let switches = tokio::task::spawn_blocking(scan)
        .await
        .map_err(|error| ReconcileError::Entry { index: from, what: error.to_string() })??;
    let directory = control.directory();
    let tenants: HashMap<_, _> = directory.tenants().map(|tenant| (tenant.chain_id, tenant)).collect();
    let mut applied = 0;
    for entry in switches {
        let change: SettingChange = serde_json::from_slice(&entry.body)
            .map_err(|error| ReconcileError::Entry { index: entry.index, what: error.to_string() })?;
        let behind = tenants.get(&entry.chain.0).filter(|tenant| !tenant.auditing);
        if let Some(tenant) = behind.filter(|_| change.setting == AUDITING && change.new) {
            let change = TenantChange { switch_auditing_on: true, ..TenantChange::default() };
            control.change_tenant(tenant.number, &change).await?;
            applied += 1;
        }
    }
    note_applied(control, size).await?;
    Ok(applied)
}

/// Notes that every `settings` entry before leaf `size` is in the rows.
pub(crate) async fn note_applied(control: &Control, size: u64) -> Result<(), ControlError> {
    control.set_setting(APPLIED, &size.to_be_bytes()).await
}
