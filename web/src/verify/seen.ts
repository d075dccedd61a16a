// What this browser has seen of the ledger: its key, and the largest checkpoint.
//
// A valid proof under a new key, or under a shorter or other history, is worth nothing to someone who looked
// yesterday. So the first key is remembered (trust on first use, as SSH does) and so is the largest checkpoint; both
// are public. Invariant: the checkpoint remembered is replaced only by one that was proven to continue it, unless the
// reader accepts another ledger.

import { Malformed, fromBase64, toBase64 } from './bytes';
import { HASH_BYTES, verifyConsistency, type Hash } from './merkle';
import type { Checkpoint } from './note';

const STORAGE_KEY = 'indelible.seen';

export interface Seen {
  vkey: string;
  firstSeen: string;
  size: string;
  root: string;
  seenAt: string;
}

export type History =
  /** Nothing was remembered: the key is trusted from here on. */
  | { state: 'first' }
  /** The same tree as seen, or one that provably continues it. */
  | { state: 'same'; seen: Seen }
  /** A larger tree under the same key; that it continues the one seen could not be checked. */
  | { state: 'unproven'; seen: Seen }
  /** A larger tree that does not continue the one seen: the history was rewritten. */
  | { state: 'rewritten'; seen: Seen }
  /** The ledger signs with another key than before. */
  | { state: 'other_key'; seen: Seen }
  /** Two different trees of one size under one key: proof of two histories. */
  | { state: 'split'; seen: Seen }
  /** The tree is smaller than one seen before: cut off, or restored from an old copy. */
  | { state: 'shrunk'; seen: Seen };

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** The viewer's address is part of the key: two servers behind one host name are two ledgers. */
function storageKey(base: string): string {
  return base === '' ? STORAGE_KEY : `${STORAGE_KEY}:${base}`;
}

export function recall(store: Store, base: string): Seen | null {
  const text = store.getItem(storageKey(base));
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const seen = value as Partial<Record<keyof Seen, unknown>>;
    const { vkey, firstSeen, size, root, seenAt } = seen;
    if (
      typeof vkey !== 'string' ||
      typeof firstSeen !== 'string' ||
      typeof size !== 'string' ||
      !/^[0-9]{1,20}$/.test(size) ||
      typeof root !== 'string' ||
      !isHash(root) ||
      typeof seenAt !== 'string'
    ) {
      return null;
    }
    return { vkey, firstSeen, size, root, seenAt };
  } catch {
    return null;
  }
}

function isHash(text: string): boolean {
  try {
    return fromBase64(text, 'seen root').length === HASH_BYTES;
  } catch (error) {
    if (error instanceof Malformed) return false;
    throw error;
  }
}

/**
 * Compares a checkpoint whose signature was verified with `before`, what was remembered when it was asked for.
 * `before` is an argument because answers overtake each other: one that was asked for earlier may rightly carry the
 * smaller tree. `prove` fetches a consistency proof; null where it can't be had.
 */
export async function judgeHistory(
  store: Store,
  base: string,
  before: Seen | null,
  vkey: string,
  checkpoint: Checkpoint,
  now: Date,
  prove: (from: bigint, to: bigint) => Promise<Hash[] | null>,
): Promise<History> {
  const latest = recall(store, base);
  const known = before ?? latest;
  if (known === null) {
    remember(store, base, vkey, checkpoint, now, now.toISOString());
    return { state: 'first' };
  }
  if (known.vkey !== vkey) return { state: 'other_key', seen: known };
  for (const seen of [before, latest]) {
    if (seen !== null && splits(seen, checkpoint)) return { state: 'split', seen };
  }
  if (before !== null && checkpoint.size < BigInt(before.size)) return { state: 'shrunk', seen: before };
  const from = BigInt(known.size);
  if (checkpoint.size <= from) return { state: 'same', seen: known };
  const hashes = await prove(from, checkpoint.size);
  if (hashes === null) return { state: 'unproven', seen: known };
  const root = fromBase64(known.root, 'seen root');
  if (!verifyConsistency(from, checkpoint.size, hashes, root, checkpoint.root)) {
    return { state: 'rewritten', seen: known };
  }
  // Another answer may have been remembered meanwhile: only forward.
  if (checkpoint.size > BigInt(recall(store, base)?.size ?? '0')) {
    remember(store, base, vkey, checkpoint, now, known.firstSeen);
  }
  return { state: 'same', seen: known };
}

function splits(seen: Seen, checkpoint: Checkpoint): boolean {
  return checkpoint.size === BigInt(seen.size) && toBase64(checkpoint.root) !== seen.root;
}

/** Forgets the ledger seen before: the reader accepts the one that the server shows now. */
export function forget(store: Store, base: string): void {
  store.removeItem(storageKey(base));
}

function remember(store: Store, base: string, vkey: string, checkpoint: Checkpoint, now: Date, firstSeen: string): void {
  const seen: Seen = {
    vkey,
    firstSeen,
    size: checkpoint.size.toString(),
    root: toBase64(checkpoint.root),
    seenAt: now.toISOString(),
  };
  try {
    store.setItem(storageKey(base), JSON.stringify(seen));
  } catch {
    // Storage full or switched off: the proof itself was judged all the same.
  }
}
