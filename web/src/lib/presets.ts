// The ranges that are one click away: those of the guide, and three short ones. Tokens of time/moment.ts.

import { m } from '$lib/paraglide/messages';

export const PRESETS: readonly { since: string; label: () => string }[] = [
  { since: '', label: m.range_all },
  { since: '-15m', label: m.range_last_15m },
  { since: '-1h', label: m.range_last_1h },
  { since: '-24h', label: m.range_last_24h },
  { since: 'today', label: m.range_today },
  { since: 'week', label: m.range_week },
  { since: '-7d', label: m.range_last_7d },
  { since: '-30d', label: m.range_last_30d },
  { since: 'month', label: m.range_month },
  { since: '-3mo', label: m.range_last_3mo },
  { since: '-6mo', label: m.range_last_6mo },
  { since: '-1y', label: m.range_last_1y },
];
