//! Changes of who may do what: the ledger first, the event and the row after it.
//!
//! The entry holds both, the change for the rows and the event for people; so a crash after it loses neither, nor does
//! a failure: what could not be carried out is, before the next change and at the next start.

use std::sync::atomic::Ordering;

use indelible_control::{Change, ControlError, Directory, TenantNumber};
use indelible_event::Timestamp;
use indelible_ledger::{Outcome, Receipt};
use indelible_verify::{ChainId, Kind};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    app::App,
    error::{self, ApiError},
    reconcile::catch_up,
    recorder::{INSTALLATION_NUMBER, OwnEvent},
};

/// The body of a `settings` entry.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChangeEntry {
    /// What is other from then on.
    pub(crate) change: Change,
    /// The event that tells of it.
    pub(crate) told: Told,
}

/// An event on its way into the trail, as it stands in the entry that it tells of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The id that it gets.
    id: Uuid,
    /// The number of the tenant whose chain it belongs to; 0: the installation's own.
    tenant: TenantNumber,
    event: Box<RawValue>,
}

impl Told {
    /// `event`, under an id of its own.
    pub(crate) fn new(event: &OwnEvent, directory: &Directory) -> Result<Self, ApiError> {
        let tenant = event.chain(directory);
        let json = RawValue::from_string(event.to_json(tenant))
            .map_err(|error| ApiError::internal(error.to_string()))?;
        Ok(Self { id: Uuid::now_v7(), tenant, event: json })
    }
}

impl App {
    /// Makes a change that `told` tells of. Whoever calls holds `control_turn`, and has checked that the caller may.
    ///
    /// # Errors
    /// What stands in its way, before anything is written; the ledger's or the database's, after which the change may
    /// have been made, and is at the next start.
    pub(crate) async fn make_change(&self, change: Change, told: &OwnEvent) -> Result<(), ApiError> {
        self.catch_up_if_behind().await?;
        self.control.check(&change)?;
        let chain = match &change {
            Change::TenantAuditing { tenant } | Change::TenantSet { tenant, .. } => self.chain_of(*tenant)?,
            Change::RetentionSet { place, .. } if place.tenant != INSTALLATION_NUMBER => {
                self.chain_of(place.tenant)?
            }
            _ => self.installation_chain()?,
        };
        let entry = ChangeEntry { change, told: Told::new(told, &self.control.directory())? };
        let body = serde_json::to_vec(&entry).map_err(|error| ApiError::internal(error.to_string()))?;
        self.behind.store(true, Ordering::Release);
        let receipt = self.writer.append_system(Kind::SETTINGS, chain, body).await?;
        let (index, at) = place(&receipt)?;
        self.carry_out(index, at, &entry).await.map_err(recorded_only)?;
        self.behind.store(false, Ordering::Release);
        Ok(())
    }

    /// What follows from an entry, the first time or again.
    pub(crate) async fn carry_out(
        &self,
        index: u64,
        at: Timestamp,
        entry: &ChangeEntry,
    ) -> Result<(), ApiError> {
        // The event before the rows, since the rows note that the entry is carried out.
        self.tell(&entry.told).await?;
        Ok(self.control.apply(index, at, &entry.change).await?)
    }

    /// Puts an event into the trail; one that is there already is not put there again.
    pub(crate) async fn tell(&self, told: &Told) -> Result<(), ApiError> {
        self.record_in(told.id, told.tenant, told.event.get().to_owned()).await
    }

    /// Carries out what an earlier call could not. Whoever calls holds `control_turn`.
    ///
    /// # Errors
    /// The ledger's or the database's, as they were the first time.
    pub(crate) async fn catch_up_if_behind(&self) -> Result<(), ApiError> {
        if self.behind.load(Ordering::Acquire) {
            catch_up(self).await.map_err(|error| ApiError::internal(error::chain(&error)))?;
            self.behind.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Notes that every entry so far is carried out, unless one is not. Whoever calls holds `control_turn`.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn note_carried_out(&self) -> Result<(), ControlError> {
        if self.behind.load(Ordering::Acquire) {
            return Ok(());
        }
        self.control.note_applied(self.trail.own_entries().size()).await
    }

    fn chain_of(&self, tenant: TenantNumber) -> Result<ChainId, ApiError> {
        debug_assert_ne!(tenant, INSTALLATION_NUMBER);
        let directory = self.control.directory();
        let tenant = directory.tenant(tenant).ok_or_else(|| ApiError::internal("a tenant disappeared"))?;
        Ok(ChainId(tenant.chain_id))
    }
}

/// The answer to a change that stands in the ledger and is carried out later: it must not be made again.
pub(crate) fn recorded_only(error: ApiError) -> ApiError {
    let detail =
        "the change is recorded and is carried out as soon as it can be; look before you make it again";
    ApiError::internal(error.into_private()).with_detail(detail)
}

fn place(receipt: &Receipt) -> Result<(u64, Timestamp), ApiError> {
    let placed = receipt.outcomes.first().and_then(Outcome::placed);
    let placed = placed.ok_or_else(|| ApiError::internal("an entry of the server's own has no place"))?;
    Ok((placed.index, placed.received_at))
}
