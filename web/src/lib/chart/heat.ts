// When somebody is active: events by weekday and hour of a clock in the zone, added up from hours that the server counted.
//
// The server answers at most 1,000 buckets, so a year by the hour is asked for in parts that begin at midnight.

import type { Bucket } from '$api/types';
import { HEAT_STEPS } from '$lib/colours';
import { microsecondsOf, toRfc3339 } from '$lib/time/instant';
import { instantOf, wallOf } from '$lib/time/zone';

export const HOURS = 24;
/** 40 days are 960 hours, and one more where the clocks go back. */
const DAYS_A_PART = 40;
/** A year and a month in ten questions; of more the last days are shown. */
export const DAYS_MAX = 400;

export interface Part {
  since: string;
  until: string;
}

export interface Parts {
  parts: Part[];
  /** Whether the beginning was left out, because there would be too many parts. */
  isCut: boolean;
}

/** The parts that cover the events from `first` to `last`, both included; RFC 3339. */
export function partsOf(first: string, last: string, zone: string): Parts {
  const [from, to] = [microsecondsOf(first), microsecondsOf(last)];
  if (from === null || to === null || from > to) return { parts: [], isCut: false };
  const day = (ms: number, days: number): number => {
    const wall = wallOf(ms, zone);
    const date = new Date(Date.UTC(wall.year, wall.month - 1, wall.day + days));
    const [year, month, dayOfMonth] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
    return instantOf({ year, month, day: dayOfMonth, hour: 0, minute: 0, second: 0 }, zone);
  };
  const end = to + 1n;
  const earliest = day(Number(to / 1000n), 1 - DAYS_MAX);
  const isCut = BigInt(earliest) * 1000n > from;
  const parts: Part[] = [];
  for (let begin = isCut ? earliest : day(Number(from / 1000n), 0); BigInt(begin) * 1000n < end; ) {
    const next = day(begin, DAYS_A_PART);
    const since = BigInt(begin) * 1000n;
    const until = BigInt(next) * 1000n;
    parts.push({ since: toRfc3339(since > from ? since : from), until: toRfc3339(until < end ? until : end) });
    begin = next;
  }
  return { parts, isCut };
}

/** Events by weekday (0 is Monday) and hour. */
export type Grid = number[][];

export function emptyGrid(): Grid {
  return Array.from({ length: 7 }, () => new Array<number>(HOURS).fill(0));
}

/** Adds buckets of an hour, or less, where their clock says that they belong. */
export function addHours(grid: Grid, buckets: readonly Bucket[]): void {
  for (const { local, count } of buckets) {
    if (count === 0) continue;
    const weekday = (new Date(`${local.slice(0, 10)}T00:00:00Z`).getUTCDay() + 6) % 7;
    const hour = Number(local.slice(11, 13));
    const row = grid[weekday];
    if (row !== undefined && row[hour] !== undefined) row[hour] += count;
  }
}

export interface Cell {
  weekday: number;
  hour: number;
  count: number;
}

/** The first hour of the week with most events; null where there are none. */
export function peakOf(grid: Grid): Cell | null {
  let peak: Cell | null = null;
  grid.forEach((row, weekday) => {
    row.forEach((count, hour) => {
      if (count > (peak?.count ?? 0)) peak = { weekday, hour, count };
    });
  });
  return peak;
}

/** Where each step of the scale begins, ascending: few steps for small numbers, and finer ones for few than for many. */
export function stepsOf(largest: number): number[] {
  if (largest < 1) return [];
  const begins = Array.from({ length: HEAT_STEPS }, (_, step) =>
    largest <= HEAT_STEPS ? step + 1 : Math.floor(1 + (largest - 1) * (step / HEAT_STEPS) ** 1.5),
  );
  return [...new Set(begins)].filter((begin) => begin <= largest);
}

/** The step that a count is on, from 1; 0 for none. */
export function stepOf(count: number, steps: readonly number[]): number {
  return count < 1 ? 0 : steps.filter((begin) => begin <= count).length;
}
