//! The proof bundle: one event's proof as JSON, everything but the event's own bytes.
//!
//! Format: `docs/protocol/proof.md`. Fields that a reader does not know are ignored, so that servers may add some.
//! The bundle names a verifier key for convenience; a verdict comes from the keys that the caller trusts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indelible_merkle::VerifierKey;
use serde::{Deserialize, Serialize};

use crate::commitment::Salt;
use crate::error::Error;
use crate::evidence::{Evidence, Opening, Verdict, verify_event};

/// One event's proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofBundle {
    /// The entry's place in the log.
    pub index: u64,
    /// The entry's place in its tenant's chain.
    pub tenant_seq: u64,
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Salt and the envelope's bytes; `None` once they were erased.
    pub opening: Option<(Salt, Vec<u8>)>,
    /// The tlog-proof text.
    pub proof: String,
    /// The verifier key that the server claims to sign with.
    pub vkey: String,
}

#[derive(Serialize, Deserialize)]
struct Json {
    index: u64,
    tenant_seq: u64,
    entry: String,
    salt: Option<String>,
    envelope: Option<String>,
    proof: String,
    vkey: String,
}

impl ProofBundle {
    /// Returns the JSON text.
    pub fn to_json(&self) -> String {
        let json = Json {
            index: self.index,
            tenant_seq: self.tenant_seq,
            entry: STANDARD.encode(&self.entry),
            salt: self.opening.as_ref().map(|(salt, _)| STANDARD.encode(salt.0)),
            envelope: self.opening.as_ref().map(|(_, envelope)| STANDARD.encode(envelope)),
            proof: self.proof.clone(),
            vkey: self.vkey.clone(),
        };
        serde_json::to_string(&json).expect("strings and numbers always serialise")
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// [`Error::MalformedBundle`].
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let malformed = |reason: &str| Error::MalformedBundle { reason: reason.to_owned() };
        let json: Json = serde_json::from_str(text).map_err(|error| malformed(&error.to_string()))?;
        let decode = |field: &str, text: &str| {
            STANDARD.decode(text).map_err(|_| malformed(&format!("{field} is not base64")))
        };
        let opening = match (json.salt, json.envelope) {
            (Some(salt), Some(envelope)) => {
                let salt =
                    decode("salt", &salt)?.try_into().map_err(|_| malformed("salt is not 16 bytes"))?;
                Some((Salt(salt), decode("envelope", &envelope)?))
            }
            (None, None) => None,
            _ => return Err(malformed("salt and envelope come together or not at all")),
        };
        Ok(Self {
            index: json.index,
            tenant_seq: json.tenant_seq,
            entry: decode("entry", &json.entry)?,
            opening,
            proof: json.proof,
            vkey: json.vkey,
        })
    }

    /// Checks the bundle, and with `body` also the content, against the keys that the caller trusts.
    ///
    /// # Errors
    /// Those of [`verify_event`]; [`Error::BundleMismatch`] where index or tenant_seq is not the proven one, or
    /// where a body is given and the bundle cannot open the commitment.
    pub fn verify(&self, body: Option<&[u8]>, keys: &[VerifierKey]) -> Result<Verdict, Error> {
        let opening = match (body, &self.opening) {
            (Some(body), Some((salt, envelope))) => Some(Opening { salt: *salt, envelope, body }),
            (Some(_), None) => return Err(Error::BundleMismatch { field: "salt" }),
            (None, _) => None,
        };
        let verdict = verify_event(&Evidence { entry: &self.entry, opening, proof: &self.proof }, keys)?;
        if verdict.index != self.index {
            return Err(Error::BundleMismatch { field: "index" });
        }
        if verdict.entry.tenant_seq != self.tenant_seq {
            return Err(Error::BundleMismatch { field: "tenant_seq" });
        }
        Ok(verdict)
    }
}
