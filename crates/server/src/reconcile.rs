//! At start: what the ledger knows and the control database does not.
//!
//! A tenant's chain is opened in the ledger first and its row stored second. A crash between the two, or a control
//! database restored from an older copy, leaves a chain without a row; it is read back from the chain's own opening.

use indelible_control::{Control, ControlError, Tenant};
use indelible_ledger::{LedgerReader, ReadError};
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

/// What went wrong while reconciling.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The ledger could not be read.
    #[error("the ledger could not be read")]
    Ledger(#[from] ReadError),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A chain's opening is not readable, so its tenant is unknown.
    #[error("the opening of chain {chain} at leaf {index} is not readable: {source}")]
    Opening {
        /// The chain's id in hex.
        chain: String,
        /// Where its opening is.
        index: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Adds the missing rows; returns how many.
pub(crate) async fn reconcile(control: &Control, ledger: &LedgerReader) -> Result<usize, ReconcileError> {
    let directory = control.directory();
    let mut missing = Vec::new();
    for chain in ledger.chains() {
        if chain.tenant_number == 0 || directory.tenant(chain.tenant_number).is_some() {
            continue;
        }
        let record = ledger.record(chain.opened_index)?;
        let opening: ChainOpening =
            serde_json::from_slice(&record.body).map_err(|source| ReconcileError::Opening {
                chain: hex::encode(chain.chain.0),
                index: chain.opened_index,
                source,
            })?;
        missing.push(Tenant {
            number: chain.tenant_number,
            uuid: Uuid::from_bytes(chain.tenant_uuid),
            name: chain.tenant_name.clone(),
            display_name: opening.details.display_name,
            parent: opening.details.parent,
            auditing: opening.details.auditing,
            chain_id: chain.chain.0,
            created_at: record.received_at(),
        });
    }
    // A parent has a smaller number than the tenants that were created below it.
    missing.sort_by_key(|tenant| tenant.number);
    for tenant in &missing {
        control.insert_tenant(tenant).await?;
    }
    Ok(missing.len())
}
