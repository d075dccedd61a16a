// One event against one signed checkpoint, step by step, from the bytes alone.
//
// body -> commitment -> entry -> leaf hash -> inclusion -> signed checkpoint. Same format and vectors as the Rust
// verifier. Every step is judged by itself, so that a failure says what it touches: changed content fails the
// commitment and leaves the tree intact, a forged tree fails the signature. Left out: whether the trusted keys deserve
// it (seen.ts), and whether what the sender said is true.

import type { ProofBundle } from '$api/types';

import { Malformed, equalBytes, fromBase64, toHex } from './bytes';
import { commitment, parseEntry, parseEnvelope, type Entry, type Envelope } from './entry';
import { leafHash, verifyInclusion } from './merkle';
import { parseCheckpoint, parseNote, parseVerifierKey, verifyNote, type Checkpoint, type SignatureVerdict } from './note';
import { parseTlogProof } from './proof';

export type Step = 'format' | 'content' | 'inclusion' | 'signature';

export type StepResult = { step: Step; passed: boolean; reason?: Failure };

/** Why a step failed, each with its own sentence in the catalogue. */
export type Failure =
  | 'malformed'
  | 'index_differs'
  | 'seq_differs'
  | 'no_opening'
  | 'commitment_differs'
  | 'not_included'
  | 'signature_invalid'
  | 'signature_of_unknown_key'
  | 'origin_differs';

export interface Verdict {
  verified: boolean;
  /** In the order in which they are told. */
  steps: StepResult[];
  /** What was malformed, for people who debug. */
  detail: string | null;
  leafHash: string | null;
  entry: Entry | null;
  /** What the server vouches for; null where no content was given, and then nothing is said about it. */
  envelope: Envelope | null;
  checkpoint: Checkpoint | null;
}

/**
 * Judges `body`, the event's bytes as sent, by the bundle that came with it and the keys that the caller trusts.
 * Without a body only the entry is judged. Never throws.
 */
export function verifyEvent(bundle: ProofBundle, body: Uint8Array | null, vkeys: string[]): Verdict {
  try {
    return judge(bundle, body, vkeys);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return {
      verified: false,
      steps: [{ step: 'format', passed: false, reason: 'malformed' }],
      detail: error.message,
      leafHash: null,
      entry: null,
      envelope: null,
      checkpoint: null,
    };
  }
}

function judge(bundle: ProofBundle, body: Uint8Array | null, vkeys: string[]): Verdict {
  const entryBytes = fromBase64(bundle.entry, 'entry');
  const entry = parseEntry(entryBytes);
  const opening = openingOf(bundle);
  const proof = parseTlogProof(bundle.proof);
  const note = parseNote(proof.checkpoint);
  const checkpoint = parseCheckpoint(note.text);
  const keys = vkeys.map(parseVerifierKey);

  const steps: StepResult[] = [judged('format', disagreement(bundle, proof.index, entry))];
  if (body !== null) {
    if (opening === null) {
      steps.push(judged('content', 'no_opening'));
    } else {
      const committed = equalBytes(commitment(opening.salt, opening.envelope, body), entry.commitment);
      steps.push(judged('content', committed ? null : 'commitment_differs'));
    }
  }
  const leaf = leafHash(entryBytes);
  const included = verifyInclusion(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root);
  steps.push(judged('inclusion', included ? null : 'not_included'));
  steps.push(judged('signature', SIGNATURE_FAILURES[verifyNote(note, keys, checkpoint.origin)]));
  return {
    verified: steps.every((step) => step.passed),
    steps,
    detail: null,
    leafHash: toHex(leaf),
    entry,
    envelope: body === null || opening === null ? null : parseEnvelope(opening.envelope),
    checkpoint,
  };
}

const SIGNATURE_FAILURES: Record<SignatureVerdict, Failure | null> = {
  valid: null,
  invalid: 'signature_invalid',
  unknown_key: 'signature_of_unknown_key',
  other_origin: 'origin_differs',
};

function openingOf(bundle: ProofBundle): { salt: Uint8Array; envelope: Uint8Array } | null {
  const { salt, envelope } = bundle;
  if (salt === null && envelope === null) return null;
  if (salt === null || envelope === null) throw new Malformed('bundle', 'salt and envelope come together or not at all');
  return { salt: fromBase64(salt, 'salt'), envelope: fromBase64(envelope, 'envelope') };
}

/** Where the bundle says beside its proof something else than the proof says. */
function disagreement(bundle: ProofBundle, index: bigint, entry: Entry): Failure | null {
  if (BigInt(bundle.index) !== index) return 'index_differs';
  return BigInt(bundle.tenant_seq) === entry.tenantSeq ? null : 'seq_differs';
}

function judged(step: Step, reason: Failure | null): StepResult {
  return reason === null ? { step, passed: true } : { step, passed: false, reason };
}
