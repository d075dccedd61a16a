// Buckets of time in words, and the ranges that are made of them.

import type { Bucket } from '$api/types';
import { m } from '$lib/paraglide/messages';
import { microsecondsOf, toRfc3339 } from '$lib/time/instant';
import { dateAndTime, shownTime, writtenDate, type ShownTime } from '$lib/time/zone';

type Stretch = Pick<Bucket, 'start' | 'end'>;

/** Milliseconds since 1970; the server's times are whole seconds here. */
export function msOf(rfc3339: string): number {
  return Number((microsecondsOf(rfc3339) ?? 0n) / 1000n);
}

/** Whether the clocks change within the buckets: then a time of day alone may mean two moments. */
export function clocksChange(buckets: readonly Pick<Bucket, 'local'>[]): boolean {
  const offsets = new Set(buckets.map(({ local }) => local.slice(19)));
  return offsets.size > 1;
}

/**
 * A stretch of time in words: `2026-11-20`, `2026-11-16 to 2026-11-22`, `2026-11-20 10:00 to 11:00`.
 *
 * With `offsets` times of day say which of two they are: `2026-10-25 02:00 +02:00 to 02:00 +01:00`.
 */
export function stretchLabel(stretch: Stretch, zone: string, offsets: boolean): string {
  const start = shownTime(stretch.start, zone);
  const end = shownTime(stretch.end, zone);
  if (start === null || end === null) return `${stretch.start} ${stretch.end}`;
  if (isMidnight(start) && isMidnight(end)) {
    const last = dayBefore(end.date);
    const first = writtenDate(start.date);
    return last === start.date ? first : m.range_between({ since: first, until: writtenDate(last) });
  }
  const withinADay = end.date === start.date || (isMidnight(end) && dayBefore(end.date) === start.date);
  return m.range_between({
    since: dateAndTime(start.date, clock(start, offsets)),
    until: withinADay ? clock(end, offsets) : dateAndTime(end.date, clock(end, offsets)),
  });
}

function isMidnight({ time, fraction }: ShownTime): boolean {
  return time === '00:00:00' && Number(fraction) === 0;
}

function clock({ time, offset }: ShownTime, offsets: boolean): string {
  const short = time.replace(/:00$/, '');
  return offsets ? `${short} ${offset === 'Z' ? '+00:00' : offset}` : short;
}

function dayBefore(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
}

/** How long a bucket is, in words; the server's own ISO 8601 for what has none. */
export function intervalLabel(interval: string): string {
  const match = /^P(T?)(\d+)([MHDWY])$/.exec(interval);
  if (match === null) return interval;
  const [, time, digits = '', unit] = match;
  const count = digits;
  const one = digits === '1';
  switch (`${time}${unit}`) {
    case 'TM':
      return one ? m.chart_bar_minute() : m.chart_bar_minutes({ count });
    case 'TH':
      return one ? m.chart_bar_hour() : m.chart_bar_hours({ count });
    case 'D':
      return one ? m.chart_bar_day() : m.chart_bar_days({ count });
    case 'W':
      return one ? m.chart_bar_week() : m.chart_bar_weeks({ count });
    case 'M':
      return one ? m.chart_bar_month() : m.chart_bar_months({ count });
    case 'Y':
      return m.chart_bar_year();
    default:
      return interval;
  }
}

export interface Range {
  /** Tokens of time/moment.ts. */
  since: string;
  until: string;
}

/** The range of some buckets, within the range that was asked for: buckets at its ends may lie in it in part only. */
export function rangeOf(first: Stretch, last: Stretch, asked: { since?: string | undefined; until?: string | undefined }): Range {
  const start = microsecondsOf(first.start) ?? 0n;
  const end = microsecondsOf(last.end) ?? 0n;
  const since = microsecondsOf(asked.since ?? '') ?? start;
  const until = microsecondsOf(asked.until ?? '') ?? end;
  return { since: toRfc3339(since > start ? since : start), until: toRfc3339(until < end ? until : end) };
}

const SECOND_US = 1_000_000n;

/**
 * Twice the range around the same middle, in whole seconds; where that would reach beyond now, so much further back.
 * Null where nothing says since when.
 */
export function zoomedOut(asked: { since?: string | undefined; until?: string | undefined }, nowMs: number): Range | null {
  const since = microsecondsOf(asked.since ?? '');
  if (since === null) return null;
  const now = BigInt(nowMs) * 1000n;
  const until = microsecondsOf(asked.until ?? '') ?? (now > since ? now : since);
  const span = until - since > SECOND_US ? until - since : SECOND_US;
  const latest = until > now ? until : now;
  const wanted = until + span / 2n;
  const end = wanted < latest ? wanted : latest;
  const begin = end - 2n * span;
  const ceiling = ((end + SECOND_US - 1n) / SECOND_US) * SECOND_US;
  const floor = begin > 0n ? (begin / SECOND_US) * SECOND_US : 0n;
  return { since: toRfc3339(floor), until: toRfc3339(ceiling) };
}
