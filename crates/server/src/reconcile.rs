//! At start, and after a failure: what the ledger knows and the control database does not.
//!
//! A tenant's chain is opened in the ledger first and its row stored second; who may do what is changed in the ledger
//! first and in the rows second. A crash between the two, or a control database restored from an older copy, leaves
//! the ledger ahead; here the rows, and the events that tell of it, catch up.

use std::collections::HashMap;

use indelible_access::{OwnEntry, ReadError};
use indelible_control::{Change, Control, ControlError, Tenant, TenantKind, TenantState};
use indelible_ledger::ChainInfo;
use indelible_verify::{ChainId, Kind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    changes::{ChangeEntry, Told},
    recorder::INSTALLATION_NUMBER,
};

/// What the server adds to the body of a `chain-open` entry: the tenant as it was when its chain was opened.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ChainDetails {
    pub(crate) display_name: Option<String>,
    pub(crate) parent: Option<u64>,
    pub(crate) auditing: bool,
    #[serde(default)]
    pub(crate) kind: Option<TenantKind>,
    #[serde(default)]
    pub(crate) external_id: Option<String>,
    #[serde(default)]
    pub(crate) zone: Option<String>,
}

impl ChainDetails {
    /// What the server adds to the body of the entry, with the event that tells of the tenant.
    pub(crate) fn with_told(&self, told: &Told) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(Serialize)]
        struct Details<'a> {
            #[serde(flatten)]
            details: &'a ChainDetails,
            told: &'a Told,
        }
        serde_json::to_vec(&Details { details: self, told })
    }
}

/// The part of the body that is read back.
#[derive(Debug, Deserialize)]
struct ChainOpening {
    details: ChainDetails,
}

/// The event in the body; the first version had none.
#[derive(Debug, Deserialize)]
struct ChainTelling {
    details: ChainTold,
}

#[derive(Debug, Deserialize)]
struct ChainTold {
    #[serde(default)]
    told: Option<Told>,
}

/// The body of a `settings` entry of the first version, which told of one switch only.
#[derive(Debug, Deserialize)]
struct FirstSetting {
    setting: String,
    new: bool,
}

/// The name of the auditing switch in `settings` entries of the first version.
const AUDITING: &str = "auditing";

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

/// Carries out again what the server's own entries say that may not have been; returns how many there were.
///
/// In their order, since a name or a place in the tree may have been another tenant's in between.
pub(crate) async fn catch_up(app: &App) -> Result<usize, ReconcileError> {
    let own = app.trail.own_entries();
    let size = own.size();
    let from = app.control.applied_through().await?;
    let reading = own.clone();
    let scan = move || {
        let mut entries = Vec::new();
        reading.each_from(from, |entry| {
            if matches!(entry.kind, Kind::CHAIN_OPEN | Kind::SETTINGS) {
                entries.push(entry);
            }
        })?;
        Ok::<Vec<OwnEntry>, ReadError>(entries)
    };
    let scanned = tokio::task::spawn_blocking(scan).await;
    let entries =
        scanned.map_err(|error| ReconcileError::Entry { index: from, what: error.to_string() })??;
    let chains: HashMap<_, _> = own.chains().into_iter().map(|chain| (chain.opened_index, chain)).collect();
    for entry in &entries {
        match chains.get(&entry.index) {
            Some(chain) if chain.tenant_number == INSTALLATION_NUMBER => {}
            Some(chain) => open_again(app, entry, chain).await?,
            None => change_again(app, entry).await?,
        }
    }
    app.control.note_applied(size).await?;
    Ok(entries.len())
}

/// Adds the row of a chain that has none.
async fn open_again(app: &App, entry: &OwnEntry, chain: &ChainInfo) -> Result<(), ReconcileError> {
    let opening: ChainOpening = read(entry)?;
    let directory = app.control.directory();
    if directory.tenant(chain.tenant_number).is_none() {
        let details = opening.details;
        let mut tenant = Tenant {
            number: chain.tenant_number,
            uuid: Uuid::from_bytes(chain.tenant_uuid),
            name: chain.tenant_name.clone(),
            display_name: details.display_name,
            parent: details.parent,
            kind: details.kind,
            external_id: details.external_id,
            zone: details.zone,
            state: TenantState::Active,
            auditing: details.auditing,
            audited_since: details.auditing.then_some(entry.received_at),
            chain_id: chain.chain.0,
            created_at: entry.received_at,
        };
        if directory.tenant_named(&tenant.name).is_some() {
            // Two chains of one name can only come from an older version's crash; neither may be lost.
            let added_as = format!("{}+{}", tenant.name, tenant.number);
            tracing::warn!(tenant = tenant.name, added_as, "the ledger has two chains of one tenant name");
            tenant.name = added_as;
        }
        app.control.insert_tenant(&tenant).await?;
        tracing::warn!(tenant = tenant.name, "added a tenant that only the ledger knew");
    }
    match read::<ChainTelling>(entry)?.details.told {
        Some(told) => app.tell(&told).await.map_err(|error| unreadable(entry, error.into_private())),
        None => Ok(()),
    }
}

/// Carries out a `settings` entry.
async fn change_again(app: &App, entry: &OwnEntry) -> Result<(), ReconcileError> {
    if let Ok(first) = serde_json::from_slice::<FirstSetting>(&entry.body) {
        if first.setting == AUDITING && first.new {
            switch_on(&app.control, entry).await?;
        }
        return Ok(());
    }
    let change: ChangeEntry = read(entry)?;
    app.carry_out(entry.index, entry.received_at, &change)
        .await
        .map_err(|error| unreadable(entry, error.into_private()))
}

fn read<'e, T: Deserialize<'e>>(entry: &'e OwnEntry) -> Result<T, ReconcileError> {
    serde_json::from_slice(&entry.body).map_err(|error| unreadable(entry, error.to_string()))
}

fn unreadable(entry: &OwnEntry, what: String) -> ReconcileError {
    ReconcileError::Entry { index: entry.index, what }
}

async fn switch_on(control: &Control, entry: &OwnEntry) -> Result<(), ControlError> {
    let directory = control.directory();
    let of_chain = directory.tenants().find(|tenant| ChainId(tenant.chain_id) == entry.chain);
    let Some(tenant) = of_chain.map(|tenant| tenant.number) else { return Ok(()) };
    control.apply(entry.index, entry.received_at, &Change::TenantAuditing { tenant }).await
}
