// Fetches an event's bytes and proof, judges them, and sums up what the badge says.

import type { Api } from '$api/client';
import { Problem } from '$api/problem';
import type { AuditEvent } from '$api/types';

import { Malformed, fromBase64 } from './bytes';
import type { Hash } from './merkle';
import { judgeHistory, recall, type History } from './seen';
import { compareShown, type ShownVerdict } from './shown';
import { verifyEvent, type Verdict } from './verify';

export type ProofState =
  /** Everything holds. */
  | 'verified'
  /** Something doesn't: content, tree, signature, the fields shown, or the history. */
  | 'failed'
  /** Holds by itself, but under another key than this browser has seen before. */
  | 'other_ledger';

export interface Checked {
  state: ProofState;
  verdict: Verdict;
  shown: ShownVerdict | null;
  history: History | null;
  vkey: string;
  /** When the checkpoint was fetched. */
  seenAt: string;
}

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export interface CheckOptions {
  api: Pick<Api, 'proof' | 'consistency'>;
  event: AuditEvent;
  /** The event's bytes as sent. */
  original: () => Promise<Uint8Array>;
  store: Store;
  base: string;
  now: () => Date;
  signal?: AbortSignal;
}

/** Throws `Problem` where proof or bytes can't be had: that is no verdict. */
export async function checkEvent(options: CheckOptions): Promise<Checked> {
  const { api, event, store, base } = options;
  const before = recall(store, base);
  const [bundle, body] = await Promise.all([api.proof(event.id, event.tenant, options.signal), options.original()]);
  if (typeof bundle.entry !== 'string' || typeof bundle.proof !== 'string' || typeof bundle.vkey !== 'string') {
    throw new Problem(200, null, 'unreadable answer', null, null);
  }
  const now = options.now();
  const verdict = verifyEvent(bundle, body, [bundle.vkey]);
  const { entry, envelope, checkpoint } = verdict;
  const shown = entry === null || envelope === null ? null : compareShown(event, entry, envelope, body);
  // Only a checkpoint that its key really signed says anything about the ledger's history.
  const signed = verdict.steps.some((step) => step.step === 'signature' && step.passed);
  const prove = async (from: bigint, to: bigint): Promise<Hash[] | null> => {
    try {
      const hashes = await api.consistency(from, to, options.signal);
      return hashes.map((hash) => fromBase64(hash, 'consistency proof'));
    } catch (error) {
      // Not permitted, or not answered: nothing was shown either way.
      if (error instanceof Problem) return null;
      // A proof that can't be read proves nothing, which is what an empty one does.
      if (error instanceof Malformed) return [];
      throw error;
    }
  };
  const history =
    signed && checkpoint !== null ? await judgeHistory(store, base, before, bundle.vkey, checkpoint, now, prove) : null;
  return { state: sumUp(verdict, shown, history), verdict, shown, history, vkey: bundle.vkey, seenAt: now.toISOString() };
}

function sumUp(verdict: Verdict, shown: ShownVerdict | null, history: History | null): ProofState {
  if (!verdict.verified || shown === null || shown.differing.length > 0) return 'failed';
  switch (history?.state) {
    case 'first':
    case 'same':
    case 'unproven':
      return 'verified';
    case 'other_key':
      return 'other_ledger';
    default:
      return 'failed';
  }
}
