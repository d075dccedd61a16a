// Where an axis has its marks: round numbers, and dates and times that a clock in the zone shows as round.
//
// As the server's buckets (crates/access/src/calendar.rs): up to an hour all steps of a day have their full length, an
// hour that comes twice has marks in both; longer steps are counted by the clock, so a day of 25 hours has four of six.

import { language } from '$lib/language.svelte';
import { instantOf, offsetAt, wallOf } from '$lib/time/zone';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** 1970-01-05, a Monday, in days since 1970. */
const MONDAY = 4;

type Step = { unit: 'minutes' | 'days' | 'months'; count: number };

const STEPS: readonly Step[] = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((count): Step => ({ unit: 'minutes', count })),
  ...[1, 2, 7, 14].map((count): Step => ({ unit: 'days', count })),
  ...[1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200].map((count): Step => ({ unit: 'months', count })),
];

const LENGTH_MS: Record<Step['unit'], number> = { minutes: MINUTE_MS, days: DAY_MS, months: 30.44 * DAY_MS };

export interface Tick {
  /** Milliseconds since 1970. */
  at: number;
  label: string;
  /** Where something larger begins: a day among hours, a year among months. */
  strong: boolean;
}

/** Marks from `from` (included) to `to` (excluded), at most about `most` of them. */
export function timeTicks(from: number, to: number, zone: string, most: number): Tick[] {
  const span = to - from;
  if (!(span > 0) || most < 1) return [];
  const step = STEPS.find(({ unit, count }) => span / (LENGTH_MS[unit] * count) <= most) ?? STEPS.at(-1);
  if (step === undefined) return [];
  const ticks: Tick[] = [];
  for (const at of instants(step, from, to, zone)) {
    if (at >= from && at < to) ticks.push(mark(at, step, zone));
  }
  return ticks;
}

function* instants(step: Step, from: number, to: number, zone: string): Generator<number> {
  const first = wallOf(from, zone);
  const dayOf = (year: number, month: number, day: number): number =>
    instantOf({ year, month, day, hour: 0, minute: 0, second: 0 }, zone);

  if (step.unit === 'months') {
    const month = first.year * 12 + first.month - 1;
    for (let next = month - (month % step.count); ; next += step.count) {
      const at = dayOf(Math.floor(next / 12), (next % 12) + 1, 1);
      if (at >= to) return;
      yield at;
    }
  }

  if (step.unit === 'days') {
    const days = Date.UTC(first.year, first.month - 1, first.day) / DAY_MS;
    for (let next = days - ((((days - MONDAY) % step.count) + step.count) % step.count); ; next += step.count) {
      const date = new Date(next * DAY_MS);
      const at = dayOf(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate());
      if (at >= to) return;
      yield at;
    }
  }

  if (step.count <= 60) {
    const length = step.count * MINUTE_MS;
    const past = (at: number): number => (((at + offsetAt(at, zone)) % length) + length) % length;
    // To where the clock shows the next multiple, unless it is set in between.
    for (let at = from - past(from); at < to; at += length - past(at)) {
      if (past(at) === 0) yield at;
    }
    return;
  }

  for (let day = Date.UTC(first.year, first.month - 1, first.day); ; day += DAY_MS) {
    const date = new Date(day);
    const [year, month, dayOfMonth] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
    if (dayOf(year, month, dayOfMonth) >= to) return;
    for (let minutes = 0; minutes < 1440; minutes += step.count) {
      const hour = Math.floor(minutes / 60);
      const at = instantOf({ year, month, day: dayOfMonth, hour, minute: minutes % 60, second: 0 }, zone);
      // What no clock shows has no mark.
      if (wallOf(at, zone).hour === hour) yield at;
    }
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Date fields as the page's language writes them; the instant's fields are those of UTC. */
function written(at: number, options: Intl.DateTimeFormatOptions): string {
  const key = `${language.tag} ${JSON.stringify(options)}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(language.tag, { ...options, timeZone: 'UTC' });
    formats.set(key, format);
  }
  return format.format(at);
}

function mark(at: number, step: Step, zone: string): Tick {
  const { year, month, day, hour, minute } = wallOf(at, zone);
  const local = Date.UTC(year, month - 1, day, hour, minute);
  if (step.unit === 'months') {
    const newYear = month === 1;
    if (step.count >= 12) return { at, label: written(local, { year: 'numeric' }), strong: false };
    return { at, label: written(local, newYear ? { year: 'numeric' } : { month: 'short' }), strong: newYear };
  }
  if (step.unit === 'days' || (hour === 0 && minute === 0)) {
    return { at, label: written(local, { day: 'numeric', month: 'short' }), strong: step.unit === 'minutes' };
  }
  return { at, label: `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`, strong: false };
}

/** Names of the days of the week, Monday first. */
export function weekdays(width: 'short' | 'long'): string[] {
  return Array.from({ length: 7 }, (_, day) => written((MONDAY + day) * DAY_MS, { weekday: width }));
}

/** The top of an axis that shows numbers up to `largest`, and its marks from 0: whole and round. */
export function numberTicks(largest: number): number[] {
  if (largest <= 1) return [0, 1];
  const rough = largest / 2;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough && one % 1 === 0) ?? 10 * power);
  return [0, step, 2 * step];
}
