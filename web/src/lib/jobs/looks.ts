// How exports and runs of reports read: their states, formats, sizes, and what went wrong.

import type { IconName } from '$components/Icon.svelte';
import type { Tone } from '$lib/event';
import { language } from '$lib/language.svelte';
import { shownNumber } from '$lib/locale.svelte';
import { m } from '$lib/paraglide/messages';

import type { Job, SharedWith } from './api';

interface Looks {
  tone: Tone;
  icon: IconName;
  label: () => string;
}

export const STATE_LOOKS: Record<string, Looks> = {
  queued: { tone: 'grey', icon: 'clock', label: m.jobs_queued },
  running: { tone: 'blue', icon: 'play', label: m.jobs_running },
  completed: { tone: 'green', icon: 'check', label: m.jobs_completed },
  failed: { tone: 'red', icon: 'warning', label: m.jobs_failed },
  cancelled: { tone: 'grey', icon: 'block', label: m.jobs_cancelled },
  expired: { tone: 'grey', icon: 'trash', label: m.jobs_expired },
};

export const DELIVERY_LOOKS: Record<string, Looks> = {
  waiting: { tone: 'grey', icon: 'clock', label: m.jobs_mail_waiting },
  sent: { tone: 'green', icon: 'check', label: m.jobs_mail_sent },
  failed: { tone: 'red', icon: 'warning', label: m.jobs_mail_failed },
};

/** Those of a state; of one that a newer server has, its name. */
export function looksOf(known: Record<string, Looks>, state: string): Looks {
  return known[state] ?? { tone: 'grey', icon: 'clock', label: () => state };
}

const FORMATS = new Map<string, () => string>([
  ['csv', m.jobs_format_csv],
  ['json', m.jobs_format_json],
  ['ndjson', m.jobs_format_ndjson],
  ['xlsx', m.jobs_format_xlsx],
  ['parquet', m.jobs_format_parquet],
  ['pdf', m.jobs_format_pdf],
  ['html', m.jobs_format_html],
]);

export function formatLabel(format: string): string {
  return FORMATS.get(format)?.() ?? format;
}

const PROBLEMS = new Map<string, () => string>([
  ['forbidden', m.jobs_problem_forbidden],
  ['range_not_allowed', m.jobs_problem_range],
]);

/** Why a job failed, in our words where its code is known; the server's own words follow. */
export function problemText({ code, detail }: NonNullable<Job['problem']>): string {
  const own = PROBLEMS.get(code)?.();
  if (own === undefined) return detail === '' ? code : sentence(detail);
  return detail === '' ? own : `${own} ${sentence(detail)}`;
}

/** The server's words begin small, as they stand in its log. */
export function sentence(words: string): string {
  return words.slice(0, 1).toLocaleUpperCase(language.tag) + words.slice(1);
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** `1.4 MB`, in steps of 1000. */
export function shownBytes(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (value >= 1000 && step < UNITS.length - 1) {
    value /= 1000;
    step += 1;
  }
  const digits = step === 0 || value >= 100 ? 0 : 1;
  return new Intl.NumberFormat(language.tag, { style: 'unit', unit: UNITS[step] ?? 'byte', maximumFractionDigits: digits }).format(value);
}

/** Of a hundred; null where the end is not known. */
export function percentOf(progress: Job['progress']): number | null {
  if (progress === null || progress.total === null) return null;
  if (progress.total === 0) return 100;
  return Math.min(100, Math.floor((progress.done / progress.total) * 100));
}

export function progressText(progress: NonNullable<Job['progress']>): string {
  const done = shownNumber(progress.done);
  return progress.total === null ? m.jobs_progress({ done }) : m.jobs_progress_of({ done, total: shownNumber(progress.total) });
}

export function sharedLabel(shared: SharedWith): string {
  switch (shared.kind) {
    case 'nobody':
      return m.jobs_share_nobody();
    case 'everybody':
      return m.jobs_share_everybody();
    case 'role':
      return m.jobs_share_role_of({ name: shared.name ?? shared.id ?? '' });
    case 'tenant':
      // Whoever may not know the tenant is not told its name.
      return shared.name == null ? m.jobs_share_tenant() : m.jobs_share_tenant_of({ name: shared.name });
    default:
      return shared.kind;
  }
}
