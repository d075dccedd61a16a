// What people type for a moment: `2026-11-20 10:00`, `-3d`, `today`, and the tokens that the URL keeps of it.
//
// Relative moments stay relative (they re-anchor on Refresh and in shared links), absolute ones are kept in UTC, so
// that another zone shows the same range. Months and days are calendar units in the zone, hours and less are exact.

import { microsecondsOf, toRfc3339 } from './instant';
import { clockOffset, instantOf, isShownTwice, shownTime, wallOf, type Wall } from './zone';

export type Named = 'today' | 'week' | 'month' | 'now';

const UNITS = ['y', 'mo', 'w', 'd', 'h', 'm', 's'] as const;
type Unit = (typeof UNITS)[number];
export type Span = Partial<Record<Unit, number>>;

export type Moment =
  | { kind: 'named'; name: Named }
  /** Back from now. */
  | { kind: 'relative'; span: Span }
  | { kind: 'absolute'; microseconds: bigint };

const NAMED: readonly Named[] = ['today', 'week', 'month', 'now'];
/** More than any trail holds; keeps date arithmetic within what Date can say. */
const COUNT_MAX = 100_000;

function parseSpan(text: string): Span | null {
  const short = /^(?:(\d+)y)?(?:(\d+)mo)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+)s)?$/i.exec(text);
  const iso =
    /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/i.exec(text);
  const match = short ?? iso;
  if (match === null) return null;
  const span: Span = {};
  for (const [index, unit] of UNITS.entries()) {
    const digits = match[index + 1];
    if (digits === undefined) continue;
    const count = Number(digits);
    if (count > COUNT_MAX) return null;
    span[unit] = count;
  }
  return Object.keys(span).length === 0 ? null : span;
}

const TYPED =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2})(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?$/;
const TYPED_WITH_OFFSET = /^(\d{4}-\d\d-\d\d)[Tt ]+(\d\d:\d\d)(:\d\d(?:\.\d+)?)? ?([Zz]|[+-]\d\d:?\d\d)$/;

/** Reads what was typed (or a token of the URL); null if it is no moment. Wall-clock times are of `zone`. */
export function parseMoment(typed: string, zone: string): Moment | null {
  const text = typed.trim();
  const lower = text.toLowerCase();
  const named = NAMED.find((name) => name === lower);
  if (named !== undefined) return { kind: 'named', name: named };

  const span = parseSpan(text.replace(/^[-\u2212]\s*/, '').replace(/\s+ago$/i, ''));
  if (span !== null) return { kind: 'relative', span };

  const offset = TYPED_WITH_OFFSET.exec(text);
  if (offset !== null) {
    const [, date = '', minutes = '', seconds = ':00', shift = ''] = offset;
    const colon = /^[+-]\d{4}$/.test(shift) ? `${shift.slice(0, 3)}:${shift.slice(3)}` : shift;
    const microseconds = microsecondsOf(`${date}T${minutes}${seconds}${colon}`);
    return microseconds === null ? null : { kind: 'absolute', microseconds };
  }

  const typedClock = readClock(text);
  if (typedClock === null) return null;
  return { kind: 'absolute', microseconds: BigInt(instantOf(typedClock.wall, zone)) * 1000n + typedClock.micro };
}

/** A day without a time. */
export const DAY = /^\d{4}-\d{1,2}-\d{1,2}$/;

/** The same for the end of a range: a day without a time is included whole. */
export function parseEnd(typed: string, zone: string): Moment | null {
  const text = typed.trim();
  return parseMoment(DAY.test(text) ? `${text} 24:00` : text, zone);
}

/** A wall-clock time as it is typed, in no zone yet. */
export function readClock(text: string): { wall: Wall; micro: bigint } | null {
  const match = TYPED.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = match;
  const wall: Wall = {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  };
  const micro = BigInt(fraction.padEnd(6, '0').slice(0, 6));
  return exists(wall, micro) ? { wall, micro } : null;
}

function exists(wall: Wall, micro: bigint): boolean {
  // 24:00 is the end of a day (ISO 8601-1, 5.3.2).
  const hours = wall.minute === 0 && wall.second === 0 && micro === 0n ? 24 : 23;
  if (wall.month < 1 || wall.month > 12 || wall.hour > hours || wall.minute > 59 || wall.second > 59) return false;
  return wall.day >= 1 && wall.day <= daysIn(wall.year, wall.month);
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** The URL's token: `-3d`, `today`, `2026-11-20T09:00:00Z`. `parseMoment` reads it back. */
export function momentToken(moment: Moment): string {
  switch (moment.kind) {
    case 'named':
      return moment.name;
    case 'relative':
      return `-${UNITS.map((unit) => (moment.span[unit] === undefined ? '' : `${moment.span[unit]}${unit}`)).join('')}`;
    case 'absolute':
      return toRfc3339(moment.microseconds);
  }
}

/** How a token is typed in a zone: absolute moments as wall-clock time, to the minute where that says it all. */
export function typedMoment(token: string, zone: string): string {
  const moment = parseMoment(token, zone);
  if (moment === null) return '';
  if (moment.kind !== 'absolute') return token;
  const shown = shownTime(toRfc3339(moment.microseconds), zone);
  if (shown === null) return '';
  const fraction = shown.fraction.replace(/\.?0+$/, '');
  const time = fraction === '' ? shown.time.replace(/:00$/, '') : shown.time + fraction;
  return `${shown.date} ${time}`;
}

/**
 * The same so that it is read as the instant that is meant: with the offset where the clock shows a time twice.
 */
export function printedMoment(token: string, zone: string): string {
  const moment = parseMoment(token, zone);
  let typed = typedMoment(token, zone);
  if (moment?.kind === 'absolute' && isShownTwice(Number(moment.microseconds / 1000n), zone)) {
    const shown = shownTime(toRfc3339(moment.microseconds), zone);
    if (shown !== null) typed += ` ${clockOffset(shown)}`;
  }
  const read = parseMoment(typed, zone);
  return read !== null && momentToken(read) === token ? typed : token;
}

/** The end of a range as it is typed: where it is the end of a day, that day. `parseEnd` reads it back. */
export function printedEnd(token: string, zone: string): string {
  return endOfDay(token, zone) ?? printedMoment(token, zone);
}

/** The day that ends at this moment in the zone; null where none does. */
export function endOfDay(token: string, zone: string): string | null {
  const moment = parseMoment(token, zone);
  if (moment?.kind !== 'absolute') return null;
  const day = shownTime(toRfc3339(moment.microseconds - 1n), zone)?.date ?? '';
  const read = parseEnd(day, zone);
  return read !== null && momentToken(read) === momentToken(moment) ? day : null;
}

/** The instant that a moment means at `nowMs`, as the API takes it. */
export function resolveMoment(moment: Moment, nowMs: number, zone: string): string {
  switch (moment.kind) {
    case 'absolute':
      return toRfc3339(moment.microseconds);
    case 'relative':
      return toRfc3339(BigInt(back(nowMs, moment.span, zone)) * 1000n);
    case 'named':
      return toRfc3339(BigInt(moment.name === 'now' ? nowMs : startOf(moment.name, nowMs, zone)) * 1000n);
  }
}

function startOf(name: Exclude<Named, 'now'>, nowMs: number, zone: string): number {
  const now = wallOf(nowMs, zone);
  // Weeks begin on Monday, as ISO 8601 has it.
  const weekday = (new Date(Date.UTC(now.year, now.month - 1, now.day)).getUTCDay() + 6) % 7;
  const day = { today: now.day, week: now.day - weekday, month: 1 }[name];
  const date = new Date(Date.UTC(now.year, now.month - 1, day));
  return instantOf(
    { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), hour: 0, minute: 0, second: 0 },
    zone,
  );
}

function back(nowMs: number, span: Span, zone: string): number {
  const { y = 0, mo = 0, w = 0, d = 0, h = 0, m = 0, s = 0 } = span;
  let instant = nowMs;
  if (y + mo + w + d > 0) {
    const wall = wallOf(nowMs, zone);
    const months = wall.year * 12 + (wall.month - 1) - y * 12 - mo;
    const year = Math.floor(months / 12);
    const month = (months % 12) + 1;
    // 31 March less one month is the last of February.
    const day = Math.min(wall.day, daysIn(year, month));
    const date = new Date(Date.UTC(year, month - 1, day - w * 7 - d));
    const milliseconds = ((nowMs % 1000) + 1000) % 1000;
    const moved = {
      ...wall,
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
    };
    instant = instantOf(moved, zone) + milliseconds;
  }
  // Nothing is older than the epoch of the API's times.
  return Math.max(0, instant - ((h * 60 + m) * 60 + s) * 1000);
}
