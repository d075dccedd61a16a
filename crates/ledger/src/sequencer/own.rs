//! Entries of the server's own: chains opened, steps of the clock, settings.

use indelible_event::TimeSource;
use indelible_verify::{ChainId, Envelope, Kind, People, Protocol, Salt, commitment};
use serde_json::value::RawValue;

use super::{Building, Sequencer};
use crate::chains::ChainOpenBody;
use crate::clock::ClockStep;
use crate::disk::random;
use crate::ids::id_key;
use crate::work::PreparedEvent;
use crate::{AppendError, ChainOpen, Placed};

/// Media type of bodies that the ledger writes itself.
const OWN_MEDIA_TYPE: &str = "application/json";

impl Sequencer {
    pub(super) fn open_chain(
        &mut self,
        building: &mut Building,
        open: ChainOpen,
        chain: ChainId,
        received_us: u64,
    ) -> Result<Placed, AppendError> {
        let before = self.state.chains.of_tenant(open.tenant_number);
        if let Some(before) = before.filter(|before| !before.closed) {
            return Err(AppendError::ChainExists { tenant_number: open.tenant_number, chain: before.chain });
        }
        let invalid = |what: String| AppendError::Invalid { position: 0, what };
        let details = if open.body.is_empty() {
            None
        } else {
            let text = String::from_utf8(open.body).map_err(|error| invalid(error.to_string()))?;
            Some(RawValue::from_string(text).map_err(|error| invalid(error.to_string()))?)
        };
        let body = ChainOpenBody {
            chain: chain.to_string(),
            tenant_number: open.tenant_number,
            tenant_name: open.tenant_name,
            tenant_uuid: uuid::Uuid::from_bytes(open.tenant_uuid).to_string(),
            previous_chain: before.map(|before| before.chain.to_string()),
            previous_head: before.map(|before| hex::encode(before.head)),
            details,
        };
        let (tenant_number, tenant_name) = (body.tenant_number, body.tenant_name.clone());
        let body = serde_json::to_vec(&body).map_err(|error| invalid(error.to_string()))?;
        let number = u32::try_from(self.state.chains.len()).map_err(|error| invalid(error.to_string()))?;
        let event = self.own_event(chain, tenant_number, tenant_name, body, received_us)?;
        Ok(self.place_own(building, Kind::CHAIN_OPEN, number, event, received_us))
    }

    pub(super) fn system(
        &mut self,
        building: &mut Building,
        kind: Kind,
        number: u32,
        chain: ChainId,
        body: Vec<u8>,
        received_us: u64,
    ) -> Result<Placed, AppendError> {
        let info = self.state.chains.get(number).ok_or(AppendError::UnknownChain { chain })?;
        let event = self.own_event(chain, info.tenant_number, info.tenant_name.clone(), body, received_us)?;
        Ok(self.place_own(building, kind, number, event, received_us))
    }

    /// An event of the server's own, such as a chain-open entry.
    fn own_event(
        &self,
        chain: ChainId,
        tenant_number: u64,
        tenant_name: String,
        body: Vec<u8>,
        received_us: u64,
    ) -> Result<PreparedEvent, AppendError> {
        let id = uuid::Builder::from_unix_timestamp_millis(received_us / 1000, &random(&*self.shared.disk)?)
            .into_uuid();
        let envelope = Envelope {
            event_time_us: i64::try_from(received_us).unwrap_or(i64::MAX),
            time_source: TimeSource::Received,
            protocol: Protocol::SERVER,
            rule_version: 0,
            mapping_version: 0,
            tenant_number,
            key_id: [0; 16],
            event_id: id.to_string(),
            tenant_name,
            media_type: OWN_MEDIA_TYPE.to_owned(),
            mapping_name: String::new(),
            people: People::default(),
        };
        let encoded = envelope
            .encode()
            .map_err(|error| AppendError::Invalid { position: 0, what: error.to_string() })?;
        let salt = Salt(random(&*self.shared.disk)?);
        let (tag, commitment) = (self.ids.tagger().tag(&body), commitment(&salt, &encoded, &body));
        Ok(PreparedEvent { chain, envelope, encoded, id_given: false, body, salt, tag, commitment })
    }

    /// A step of the clock becomes an entry of the installation's chain.
    pub(super) fn record_step(&mut self, building: &mut Building, step: ClockStep, now_us: u64) {
        let (expected_us, observed_us) = (step.expected.as_micros(), step.observed.as_micros());
        tracing::warn!(expected_us, observed_us, "the clock was set");
        *self.shared.clock_step.lock() = Some(step);
        let Some(chain) = self.state.chains.get(0).map(|info| info.chain) else { return };
        let body = serde_json::json!({
            "expected_us": expected_us, "observed_us": observed_us, "step_us": observed_us - expected_us,
        });
        let received_us = now_us.max(self.state.received_us);
        let body = body.to_string().into_bytes();
        // Only random bytes can be missing here, and the alarm stands in the status all the same.
        if let Err(error) = self.system(building, Kind::CLOCK_STEP, 0, chain, body, received_us) {
            tracing::error!(%error, "the step of the clock could not be recorded");
        }
    }

    fn place_own(
        &mut self,
        building: &mut Building,
        kind: Kind,
        number: u32,
        event: PreparedEvent,
        received_us: u64,
    ) -> Placed {
        let (key, tag) = (id_key(number, &event.envelope.event_id), event.tag);
        let placed = self.place(building, kind, number, event, received_us);
        self.take_id(building, key, tag, &placed, received_us);
        placed
    }
}
