// Verifies the ledger as a whole, as far as a browser can: that its newest checkpoint is signed, and that its tree
// continues the one that this browser saw before.
//
// It shows that nothing was changed or removed since then. It says nothing about what happened before the first visit,
// nor about events that were never sent.

import type { Ledger } from '$api/admin';
import { Problem } from '$api/problem';

import { Malformed, fromBase64, toBase64 } from './bytes';
import type { Hash } from './merkle';
import { parseCheckpoint, parseNote, parseVerifierKey, verifyNote, type Checkpoint } from './note';
import { judgeHistory, recall, type History } from './seen';

/** What is done, in this order. */
export const LEDGER_STEPS = ['fetch', 'signature', 'history'] as const;
export type LedgerStep = (typeof LEDGER_STEPS)[number];

export type LedgerState =
  /** It continues what this browser saw. */
  | 'verified'
  /** This browser saw nothing of it before: it is remembered from now on. */
  | 'first'
  /** Signed, with the same key, and no smaller; the proof that it continues what was seen could not be had. */
  | 'unproven'
  /** Signed with another key than this browser saw before. */
  | 'other_ledger'
  /** The signature, the answer itself, or the history does not hold. */
  | 'failed';

export interface LedgerChecked {
  state: LedgerState;
  /** Null where it did not get that far. */
  checkpoint: Checkpoint | null;
  history: History | null;
  /** The step that failed, and why in the verifier's words. */
  failure: { step: LedgerStep; detail: string } | null;
  /** When the checkpoint was fetched. */
  at: string;
}

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export interface LedgerOptions {
  api: { ledger: (signal?: AbortSignal) => Promise<Ledger>; consistency: (from: bigint, to: bigint, signal?: AbortSignal) => Promise<string[]> };
  store: Store;
  base: string;
  now: () => Date;
  /** Told what is begun. */
  onstep?: (step: LedgerStep) => void;
  signal?: AbortSignal;
}

/** Throws `Problem` where the checkpoint can't be had: that is no verdict. */
export async function checkLedger({ api, store, base, now, onstep, signal }: LedgerOptions): Promise<LedgerChecked> {
  const before = recall(store, base);
  onstep?.('fetch');
  const ledger = await api.ledger(signal);
  const fetched = now();
  const at = fetched.toISOString();
  const failed = (step: LedgerStep, detail: string, history: History | null = null): LedgerChecked => ({
    state: 'failed',
    checkpoint: null,
    history,
    failure: { step, detail },
    at,
  });

  onstep?.('signature');
  let checkpoint: Checkpoint;
  try {
    checkpoint = signedCheckpoint(ledger);
  } catch (error) {
    if (error instanceof Malformed) return failed('signature', error.message);
    throw error;
  }

  onstep?.('history');
  const prove = async (from: bigint, to: bigint): Promise<Hash[] | null> => {
    try {
      return (await api.consistency(from, to, signal)).map((hash) => fromBase64(hash, 'consistency proof'));
    } catch (error) {
      // Not answered: nothing was shown either way.
      if (error instanceof Problem) return null;
      // A proof that can't be read proves nothing, which is what an empty one does.
      if (error instanceof Malformed) return [];
      throw error;
    }
  };
  const history = await judgeHistory(store, base, before, ledger.vkey, checkpoint, fetched, prove);
  const checked = { checkpoint, history, failure: null, at };
  switch (history.state) {
    case 'first':
      return { ...checked, state: 'first' };
    case 'same':
      return { ...checked, state: 'verified' };
    case 'unproven':
      return { ...checked, state: 'unproven' };
    case 'other_key':
      return { ...checked, state: 'other_ledger' };
    default:
      return { ...checked, state: 'failed', failure: { step: 'history', detail: history.state } };
  }
}

/** The checkpoint that the key signed, which must be the one that the answer is about. Throws `Malformed`. */
function signedCheckpoint(ledger: Ledger): Checkpoint {
  const note = parseNote(ledger.checkpoint);
  const checkpoint = parseCheckpoint(note.text);
  const verdict = verifyNote(note, [parseVerifierKey(ledger.vkey)], checkpoint.origin);
  if (verdict !== 'valid') throw new Malformed('signature', verdict.replace('_', ' '));
  const told = [ledger.origin, String(ledger.size), ledger.root];
  const signed = [checkpoint.origin, checkpoint.size.toString(), toBase64(checkpoint.root)];
  if (told.some((value, index) => value !== signed[index])) throw new Malformed('answer', 'not what the checkpoint says');
  return checkpoint;
}

const STORAGE_KEY = 'indelible.checked';

/** The last verification by this browser. */
export interface LastCheck {
  at: string;
  size: string;
  state: LedgerState;
}

const STATES: readonly string[] = ['verified', 'first', 'unproven', 'other_ledger', 'failed'] satisfies LedgerState[];

function storageKey(base: string): string {
  return base === '' ? STORAGE_KEY : `${STORAGE_KEY}:${base}`;
}

export function rememberCheck(store: Store, base: string, checked: LedgerChecked): LastCheck {
  const last = { at: checked.at, size: checked.checkpoint?.size.toString() ?? '', state: checked.state };
  try {
    store.setItem(storageKey(base), JSON.stringify(last));
  } catch {
    // Storage full or switched off: it was verified all the same.
  }
  return last;
}

export function lastCheck(store: Store, base: string): LastCheck | null {
  try {
    const value: unknown = JSON.parse(store.getItem(storageKey(base)) ?? 'null');
    if (typeof value !== 'object' || value === null) return null;
    const { at, size, state } = value as Partial<Record<keyof LastCheck, unknown>>;
    if (typeof at !== 'string' || typeof size !== 'string' || !/^[0-9]{0,20}$/.test(size)) return null;
    return typeof state === 'string' && STATES.includes(state) ? { at, size, state: state as LedgerState } : null;
  } catch {
    return null;
  }
}
