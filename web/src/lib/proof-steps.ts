// The steps of a check in words, each passed or failed with its reason.

import { listed, shownNumber } from './locale.svelte';
import { m } from '$lib/paraglide/messages';
import type { Checked } from '$verify/check';
import type { Failure, Step } from '$verify/verify';

import { secondTime } from './time/zone';

export interface ToldStep {
  label: string;
  passed: boolean;
  reason: string | null;
}

const LABELS: Record<Step, () => string> = {
  format: m.step_format,
  content: m.step_content,
  inclusion: m.step_inclusion,
  signature: m.step_signature,
};

const REASONS: Record<Exclude<Failure, 'malformed'>, () => string> = {
  commitment_differs: m.failure_commitment_differs,
  index_differs: m.failure_index_differs,
  seq_differs: m.failure_seq_differs,
  no_opening: m.failure_no_opening,
  not_included: m.failure_not_included,
  signature_invalid: m.failure_signature_invalid,
  signature_of_unknown_key: m.failure_signature_of_unknown_key,
  origin_differs: m.failure_origin_differs,
};

export function proofSteps(checked: Checked, zone: string): ToldStep[] {
  const { verdict, shown, history } = checked;
  const told: ToldStep[] = verdict.steps.map(({ step, passed, reason }) => ({
    label: LABELS[step](),
    passed,
    reason:
      reason === undefined
        ? null
        : reason === 'malformed'
          ? m.failure_malformed({ detail: verdict.detail ?? '' })
          : REASONS[reason](),
  }));
  if (shown !== null) {
    told.splice(2, 0, {
      label: shown.compared === 'fields' ? m.step_shown() : m.step_shown_envelope(),
      passed: shown.differing.length === 0,
      reason: shown.differing.length === 0 ? null : m.failure_shown({ fields: listed(shown.differing) }),
    });
  }
  switch (history?.state) {
    case undefined:
      break;
    case 'first':
      told.push({ label: m.step_history_first(), passed: true, reason: null });
      break;
    case 'same':
    case 'unproven': {
      const { size, seenAt } = history.seen;
      const say = history.state === 'same' ? m.step_history : m.step_history_unproven;
      told.push({ label: say({ size: shownNumber(BigInt(size)), time: secondTime(seenAt, zone) }), passed: true, reason: null });
      break;
    }
    case 'other_key': {
      const reason = m.failure_other_key({ time: secondTime(history.seen.firstSeen, zone) });
      told.push({ label: m.step_history_failed(), passed: false, reason });
      break;
    }
    case 'split':
    case 'shrunk':
    case 'rewritten': {
      const say = { split: m.failure_split, shrunk: m.failure_shrunk, rewritten: m.failure_rewritten }[history.state];
      const reason = say({ size: shownNumber(BigInt(history.seen.size)), time: secondTime(history.seen.seenAt, zone) });
      told.push({ label: m.step_history_failed(), passed: false, reason });
      break;
    }
  }
  return told;
}
