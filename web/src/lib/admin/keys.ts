// API keys: how they stand, and when they end.

import type { Key } from '$api/admin';
import type { IconName } from '$components/Icon.svelte';
import type { Tone } from '$lib/event';
import { m } from '$lib/paraglide/messages';
import { instantOf } from '$lib/time/zone';

export type KeyState = 'valid' | 'ending' | 'revoked' | 'ended';

/** `ending`: another key was made to follow it, and both are good until then. */
export function keyState(key: Key, keys: readonly Key[]): KeyState {
  if (key.revoked_at) return 'revoked';
  if (!key.valid) return 'ended';
  return keys.some((other) => other.replaces === key.id) && key.expires ? 'ending' : 'valid';
}

export const KEY_LOOKS: Record<KeyState, { tone: Tone; icon: IconName; label: () => string }> = {
  valid: { tone: 'green', icon: 'check', label: m.admin_key_valid },
  ending: { tone: 'orange', icon: 'clock', label: m.admin_key_ending },
  revoked: { tone: 'grey', icon: 'cross', label: m.admin_key_revoked },
  ended: { tone: 'grey', icon: 'clock', label: m.admin_key_ended },
};

const DAY_MS = 86_400_000;

/** When a new key ends, as chosen: in so many days, on a date, or never. */
export const ENDS: readonly { value: string; label: () => string }[] = [
  { value: '30', label: m.admin_key_in_30_days },
  { value: '90', label: m.admin_key_in_90_days },
  { value: '365', label: m.admin_key_in_a_year },
  { value: 'date', label: m.admin_key_on_a_date },
  { value: 'never', label: m.admin_key_never },
];

/**
 * The moment that a choice means: RFC 3339, or null for never. A date is over at its end in the zone. `undefined`: no
 * date was given.
 */
export function endOf(choice: string, date: string, zone: string, now: Date): string | null | undefined {
  if (choice === 'never') return null;
  if (choice !== 'date') return new Date(now.getTime() + Number(choice) * DAY_MS).toISOString();
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(date);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0] = match.slice(1).map(Number);
  const next = new Date(Date.UTC(year, month - 1, day + 1));
  const wall = { year: next.getUTCFullYear(), month: next.getUTCMonth() + 1, day: next.getUTCDate(), hour: 0, minute: 0, second: 0 };
  return new Date(instantOf(wall, zone)).toISOString();
}

/** Overlaps of a rotation, in seconds. */
export const OVERLAPS: readonly { value: string; label: () => string }[] = [
  { value: '0', label: m.admin_overlap_none },
  { value: '3600', label: m.admin_overlap_hour },
  { value: '86400', label: m.admin_overlap_day },
  { value: '604800', label: m.admin_overlap_week },
  { value: '2592000', label: m.admin_overlap_month },
];
export const OVERLAP_DEFAULT = '86400';
