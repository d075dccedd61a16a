//! The whole check: body -> commitment -> entry -> leaf -> inclusion -> checkpoint signature.
//!
//! Document: `docs/protocol/proof.md`. A [`Verdict`] holds only what was proven; what was not given is absent.
//! Left out: whether the trusted keys deserve it, and whether what the sender said is true.

use indelible_merkle::{Checkpoint, Hash, TlogProof, VerifierKey, verify_consistency};

use crate::commitment::{Salt, commitment};
use crate::entry::Entry;
use crate::envelope::Envelope;
use crate::error::Error;
use crate::extra::ProofExtra;

/// What is put forward for one event.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The entry's bytes.
    pub entry: &'a [u8],
    /// The content, or `None` where it was erased or is not to be shown: then only the entry is proven.
    pub opening: Option<Opening<'a>>,
    /// The tlog-proof text. Its extra line is not looked at.
    pub proof: &'a str,
}

/// What opens an entry's commitment.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The salt.
    pub salt: Salt,
    /// The envelope's bytes.
    pub envelope: &'a [u8],
    /// The event's own bytes as sent.
    pub body: &'a [u8],
}

/// What was proven of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The entry, which is in the log.
    pub entry: Entry,
    /// The hash of its leaf.
    pub leaf_hash: Hash,
    /// Its place in the log.
    pub index: u64,
    /// What the server vouches for; `None` where no opening was given, and then nothing is said about content.
    pub envelope: Option<Envelope>,
    /// The checkpoint that a trusted key signed and whose tree holds the entry.
    pub checkpoint: Checkpoint,
}

/// Checks one event against the keys that the caller trusts.
///
/// # Errors
/// The first thing that does not hold; [`Error::step`] says where. The steps go in the order of [`crate::Step`].
pub fn verify_event(evidence: &Evidence<'_>, keys: &[VerifierKey]) -> Result<Verdict, Error> {
    let proof: TlogProof = evidence.proof.parse().map_err(Error::Proof)?;
    let entry = Entry::decode(evidence.entry)?;
    let mut envelope = None;
    if let Some(opening) = &evidence.opening {
        if commitment(&opening.salt, opening.envelope, opening.body) != entry.commitment {
            return Err(Error::CommitmentMismatch);
        }
        envelope = Some(Envelope::decode(opening.envelope)?);
    }
    let leaf_hash = entry.leaf_hash();
    proof.verify_inclusion(&leaf_hash).map_err(Error::Inclusion)?;
    let checkpoint = Checkpoint::open(&proof.checkpoint, keys).map_err(Error::Checkpoint)?;
    Ok(Verdict { entry, leaf_hash, index: proof.index, envelope, checkpoint })
}

/// Checks a tlog-proof that brings its entry and opening in its extra line, as the server's do.
///
/// Without `body` only the entry is proven.
///
/// # Errors
/// Those of [`verify_event`]; [`Error::MalformedExtra`] where there is no such line, or where a body is given and
/// the content was erased.
pub fn verify_tlog_proof(proof: &str, body: Option<&[u8]>, keys: &[VerifierKey]) -> Result<Verdict, Error> {
    let read: TlogProof = proof.parse().map_err(Error::Proof)?;
    let extra = ProofExtra::decode(&read.extra.ok_or(Error::MalformedExtra)?)?;
    let opening = match (body, &extra.opening) {
        (Some(body), Some((salt, envelope))) => Some(Opening { salt: *salt, envelope, body }),
        (Some(_), None) => return Err(Error::MalformedExtra),
        (None, _) => None,
    };
    verify_event(&Evidence { entry: &extra.entry, opening, proof }, keys)
}

/// Checks that two signed notes are of one log and that the older's tree is a prefix of the newer's.
///
/// # Errors
/// [`Error::Checkpoint`] where one is not trusted; [`Error::Consistency`] where they are of different logs or the
/// proof does not hold. Two trusted checkpoints of one log for which no proof can be made show that its operator
/// signed two histories.
pub fn verify_checkpoints(
    older: &str,
    newer: &str,
    proof: &[Hash],
    keys: &[VerifierKey],
) -> Result<(Checkpoint, Checkpoint), Error> {
    let open = |note| Checkpoint::open(note, keys).map_err(Error::Checkpoint);
    let (older, newer) = (open(older)?, open(newer)?);
    if older.origin() != newer.origin() {
        return Err(Error::Consistency(indelible_merkle::Error::OriginMismatch));
    }
    verify_consistency(older.size(), newer.size(), proof, older.root(), newer.root())
        .map_err(Error::Consistency)?;
    Ok((older, newer))
}
