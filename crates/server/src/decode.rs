//! From stored bytes back to an event: by protocol, importer's mapping and rule version, as the envelope says.

use indelible_search::{Decode, Decoded};
use indelible_verify::Envelope;

use crate::{mappings::Mappings, rules::Rules};

/// Decodes what the ledger holds. Total: a body that can no longer be understood gives what the envelope knows.
pub struct Decoder {
    rules: Rules,
    pub(crate) mappings: Mappings,
    /// Said once: it would be said for every event.
    missing: std::sync::Once,
    missing_mapping: std::sync::Once,
}

impl Decoder {
    pub(crate) fn new(rules: Rules, mappings: Mappings) -> Self {
        Self { rules, mappings, missing: std::sync::Once::new(), missing_mapping: std::sync::Once::new() }
    }
}

impl Decode for Decoder {
    fn decode(&self, envelope: &Envelope, body: &[u8]) -> Decoded {
        let table = self.mappings.table();
        let (name, version) = (&envelope.mapping_name, envelope.mapping_version);
        if !name.is_empty() && table.registry.get_exact(name, version).is_none() {
            // The newest of the name reads it, or nothing but its `data` is known.
            self.missing_mapping.call_once(|| {
                tracing::error!(mapping = %name, version, "events name a mapping that this server does not have");
            });
        }
        let event = table.registry.decode_stored(
            envelope.protocol.0,
            &envelope.media_type,
            &envelope.mapping_name,
            envelope.mapping_version,
            body,
        );
        // A version that is gone can only mean a control database older than the ledger; today's rules are the
        // nearest thing, and the envelope keeps saying which version was meant.
        let rules = self.rules.version(envelope.rule_version).unwrap_or_else(|| {
            self.missing.call_once(|| {
                tracing::error!(
                    version = envelope.rule_version,
                    "events name a version of the rules that the control database does not have"
                );
            });
            self.rules.current()
        });
        let derived = rules.derive(&event);
        Decoded { event, derived }
    }
}
