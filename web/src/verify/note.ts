// Signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), Ed25519 only.
//
// Signature lines of unknown keys are ignored, as the specification says; a line of a known key that doesn't verify
// makes the note invalid. Stricter than the specification in two points, like the Rust verifier: an empty tree has the
// empty root, and the origin is the signing key's name, so that one key says both whom to believe and for which log.

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';

import { Malformed, concatBytes, equalBytes, fromBase64 } from './bytes';
import { HASH_BYTES, emptyRoot, type Hash } from './merkle';

const ED25519 = 1;
const NOTE_CHARS_MAX = 1_000_000;
const SIGNATURES_MAX = 100;

export interface VerifierKey {
  name: string;
  /** First four bytes of SHA-256(name, line feed, algorithm, key). */
  hash: Uint8Array;
  publicKey: Uint8Array;
}

/** Parses `name+hash+key`, and refuses a hash that isn't the key's own. */
export function parseVerifierKey(text: string): VerifierKey {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text);
  if (match === null) throw new Malformed('verifier key', 'expected name+hash+key');
  const [, name = '', hashHex = '', keyText = ''] = match;
  const key = fromBase64(keyText, 'verifier key');
  if (key.length !== 33 || key[0] !== ED25519) throw new Malformed('verifier key', 'not an Ed25519 key');
  const hash = sha256(concatBytes(new TextEncoder().encode(`${name}\n`), key)).slice(0, 4);
  const stated = Uint8Array.from(hashHex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  if (!equalBytes(hash, stated)) throw new Malformed('verifier key', 'its hash is not its own');
  return { name, hash, publicKey: key.slice(1) };
}

interface SignatureLine {
  name: string;
  hash: Uint8Array;
  signature: Uint8Array;
}

export interface SignedNote {
  /** What is signed: ends with a line feed. */
  text: string;
  signatures: SignatureLine[];
}

export function parseNote(note: string): SignedNote {
  if (note.length > NOTE_CHARS_MAX) throw new Malformed('checkpoint', 'too long');
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw new Malformed('checkpoint', 'has control characters');
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) throw new Malformed('checkpoint', 'not a signed note');
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) throw new Malformed('checkpoint', 'too many signatures');
  const signatures = lines.map((line) => {
    const match = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line);
    if (match === null) throw new Malformed('checkpoint', 'signature line of wrong form');
    const [, name = '', base64 = ''] = match;
    const bytes = fromBase64(base64, 'checkpoint');
    if (bytes.length < 5) throw new Malformed('checkpoint', 'signature too short');
    return { name, hash: bytes.slice(0, 4), signature: bytes.slice(4) };
  });
  return { text, signatures };
}

export type SignatureVerdict = 'valid' | 'invalid' | 'unknown_key' | 'other_origin';

/** Whether one of `keys` that is named after the log `origin` signed the note, and none seems to that did not. */
export function verifyNote(note: SignedNote, keys: VerifierKey[], origin: string): SignatureVerdict {
  const message = new TextEncoder().encode(note.text);
  const judge = (trusted: VerifierKey[]): SignatureVerdict => {
    let verdict: SignatureVerdict = 'unknown_key';
    for (const line of note.signatures) {
      const key = trusted.find((one) => one.name === line.name && equalBytes(one.hash, line.hash));
      if (key === undefined) continue;
      if (!isSigned(message, line.signature, key)) return 'invalid';
      verdict = 'valid';
    }
    return verdict;
  };
  const ours = judge(keys.filter((key) => key.name === origin));
  return ours === 'unknown_key' && judge(keys) === 'valid' ? 'other_origin' : ours;
}

function isSigned(message: Uint8Array, signature: Uint8Array, key: VerifierKey): boolean {
  if (signature.length !== 64) return false;
  try {
    return ed25519.verify(signature, message, key.publicKey, { zip215: false });
  } catch {
    // noble throws on points that are none.
    return false;
  }
}

export interface Checkpoint {
  origin: string;
  size: bigint;
  root: Hash;
}

/** Reads a note's text. Nobody vouches for it until `verifyNote` has. */
export function parseCheckpoint(text: string): Checkpoint {
  const malformed = (why: string): Malformed => new Malformed('checkpoint', why);
  if (!text.endsWith('\n')) throw malformed('not ended');
  const [origin = '', sizeText = '', rootText = '', ...extensions] = text.slice(0, -1).split('\n');
  if (origin === '') throw malformed('no origin');
  if (extensions.includes('')) throw malformed('empty line');
  const size = parseDecimal(sizeText, 'checkpoint');
  const root = fromBase64(rootText, 'checkpoint');
  if (root.length !== HASH_BYTES) throw malformed('root of wrong length');
  if (size === 0n && !equalBytes(root, emptyRoot())) throw malformed('root of an empty tree that is not its own');
  return { origin, size, root };
}

const U64_MAX = 2n ** 64n - 1n;

/** An unsigned decimal without sign or leading zeros, within 64 bits. */
export function parseDecimal(text: string, what: string): bigint {
  if (!/^(0|[1-9][0-9]{0,19})$/.test(text)) throw new Malformed(what, 'not a number');
  const value = BigInt(text);
  if (value > U64_MAX) throw new Malformed(what, 'number out of range');
  return value;
}
