// One zone for everything shown and typed: wall-clock time in any IANA zone, and back.
//
// Built on Intl alone. Where a wall-clock time occurs twice (autumn) the earlier instant is meant, where it doesn't
// occur (spring) the clock is moved on by the gap: the rule that iCalendar and Temporal follow.

import { language } from '$lib/language.svelte';

import { microsecondsOf } from './instant';

/** Wall-clock fields; `month` counts from 1. */
export interface Wall {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

export const UTC = 'UTC';

const formats = new Map<string, Intl.DateTimeFormat>();

function formatFor(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  return format;
}

export function localZone(): string {
  return knownZone(new Intl.DateTimeFormat().resolvedOptions().timeZone || UTC) ?? UTC;
}

/** Names that browsers still list in their old spelling. */
const RENAMED: Record<string, string> = {
  'Africa/Asmera': 'Africa/Asmara',
  'America/Buenos_Aires': 'America/Argentina/Buenos_Aires',
  'America/Godthab': 'America/Nuuk',
  'America/Indianapolis': 'America/Indiana/Indianapolis',
  'America/Louisville': 'America/Kentucky/Louisville',
  'Asia/Calcutta': 'Asia/Kolkata',
  'Asia/Katmandu': 'Asia/Kathmandu',
  'Asia/Rangoon': 'Asia/Yangon',
  'Asia/Saigon': 'Asia/Ho_Chi_Minh',
  'Atlantic/Faeroe': 'Atlantic/Faroe',
  'Europe/Kiev': 'Europe/Kyiv',
  'Pacific/Enderbury': 'Pacific/Kanton',
  'Pacific/Ponape': 'Pacific/Pohnpei',
  'Pacific/Truk': 'Pacific/Chuuk',
};

/** The zone's usual spelling, or null if there is no such zone. */
export function knownZone(name: string): string | null {
  const wanted = name.trim();
  if (wanted === '' || /^[+-]/.test(wanted)) return null;
  if (wanted.toUpperCase() === UTC || wanted.toUpperCase() === 'Z') return UTC;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en-US', { timeZone: wanted }).resolvedOptions();
    return RENAMED[timeZone] ?? timeZone;
  } catch {
    return null;
  }
}

/** Every zone this browser knows, UTC first. */
export function allZones(): string[] {
  const zones = Intl.supportedValuesOf('timeZone').map((zone) => RENAMED[zone] ?? zone);
  return [UTC, ...new Set(zones.filter((zone) => zone !== UTC))];
}

export function wallOf(epochMs: number, zone: string): Wall {
  const wall: Wall = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of formatFor(zone).formatToParts(epochMs)) {
    if (type in wall) wall[type as keyof Wall] = Number(value);
  }
  return wall;
}

function asUtc(wall: Wall): number {
  return Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second);
}

/** How far the zone's clock is ahead of UTC at an instant, in milliseconds. */
export function offsetAt(epochMs: number, zone: string): number {
  const whole = Math.floor(epochMs / 1000) * 1000;
  return asUtc(wallOf(whole, zone)) - whole;
}

const DAY_MS = 86_400_000;

/** The instant of a wall-clock time in a zone, in milliseconds since 1970. */
export function instantOf(wall: Wall, zone: string): number {
  const local = asUtc(wall);
  const before = offsetAt(local - DAY_MS, zone);
  const after = offsetAt(local + DAY_MS, zone);
  for (const offset of [Math.max(before, after), Math.min(before, after)]) {
    const instant = local - offset;
    if (offsetAt(instant, zone) === offset) return instant;
  }
  return local - before;
}

/** Days that were asked for, by zone and date: a table asks for the same ones again and again. */
const changes = new Map<string, boolean>();
const CHANGES_MAX = 2000;

/** Whether the zone's clock is put forward or back on the day of this wall-clock time. */
function isDayOfChange({ year, month, day }: Wall, zone: string): boolean {
  const key = `${zone} ${year}-${month}-${day}`;
  const known = changes.get(key);
  if (known !== undefined) return known;
  const begin = { year, month, day, hour: 0, minute: 0, second: 0 };
  const end = instantOf({ ...begin, day: day + 1 }, zone);
  const found = offsetAt(instantOf(begin, zone), zone) !== offsetAt(end - 1, zone);
  if (changes.size >= CHANGES_MAX) changes.clear();
  changes.set(key, found);
  return found;
}

/** Whether the zone's clock shows the time of this instant twice. */
export function isShownTwice(epochMs: number, zone: string): boolean {
  const offset = offsetAt(epochMs, zone);
  const others = [offsetAt(epochMs - DAY_MS, zone), offsetAt(epochMs + DAY_MS, zone)].filter((one) => one !== offset);
  return others.some((other) => offsetAt(epochMs + offset - other, zone) === other);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

export interface ShownTime {
  /** 2026-11-20 */
  date: string;
  /** 10:00:05 */
  time: string;
  /** .123456, as many digits as the API gave */
  fraction: string;
  /** +01:00, or Z */
  offset: string;
  /** The clock is changed on this day: without the offset times would look out of order. */
  onDayOfChange: boolean;
}

/** An instant of the API in a zone; null for what isn't RFC 3339. */
export function shownTime(rfc3339: string, zone: string): ShownTime | null {
  const us = microsecondsOf(rfc3339);
  if (us === null) return null;
  const second = Number(us / 1_000_000n) - (us < 0n && us % 1_000_000n !== 0n ? 1 : 0);
  const wall = wallOf(second * 1000, zone);
  const fraction = String(((us % 1_000_000n) + 1_000_000n) % 1_000_000n).padStart(6, '0');
  return {
    date: `${String(wall.year).padStart(4, '0')}-${two(wall.month)}-${two(wall.day)}`,
    time: `${two(wall.hour)}:${two(wall.minute)}:${two(wall.second)}`,
    fraction: `.${fraction}`,
    offset: shownOffset(offsetAt(second * 1000, zone)),
    onDayOfChange: isDayOfChange(wall, zone),
  };
}

export function shownOffset(offsetMs: number): string {
  if (offsetMs === 0) return 'Z';
  const minutes = Math.round(Math.abs(offsetMs) / 60_000);
  return `${offsetMs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

const written = new Map<string, Intl.DateTimeFormat>();

/**
 * A date of the form 2026-11-20 as the page's language writes it: 20.11.2026.
 *
 * English has ISO 8601: its countries disagree which of 11 and 12 is the month.
 */
export function writtenDate(date: string): string {
  const { language: words, tag } = language;
  if (words === 'en') return date;
  let format = written.get(tag);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(tag, { day: '2-digit', month: '2-digit', year: 'numeric', timeZone: UTC });
    written.set(tag, format);
  }
  return format.format(Date.parse(`${date}T00:00:00Z`));
}

/** A date with a time of that day: by the clock of 24 hours in every language, so that columns stay narrow. */
export function dateAndTime(date: string, time: string): string {
  return `${writtenDate(date)}${language.language === 'en' ? ' ' : ', '}${time}`;
}

function writtenFraction(fraction: string): string {
  return language.language === 'en' ? fraction : fraction.replace('.', (1.5).toLocaleString(language.tag).charAt(1));
}

/** `2026-11-20 10:00:05`, in the zone; `2026-10-25 02:30:00 +01:00` on a day on which the clock is changed. */
export function shortTime(rfc3339: string, zone: string): string {
  const shown = shownTime(rfc3339, zone);
  if (shown === null) return rfc3339;
  return `${dateAndTime(shown.date, shown.time)}${shown.onDayOfChange ? ` ${clockOffset(shown)}` : ''}`;
}

/** The offset in digits, as it stands behind a time: `+00:00` is not `Z`, which is no offset of a zone's clock. */
export function clockOffset({ offset }: Pick<ShownTime, 'offset'>): string {
  return offset === 'Z' ? '+00:00' : offset;
}

/** `2026-11-20 10:00:05.123456 +01:00 Europe/Paris`: the whole truth about when. */
export function fullTime(rfc3339: string, zone: string): string {
  const shown = shownTime(rfc3339, zone);
  return shown === null ? rfc3339 : `${dateAndTime(shown.date, shown.time)}${writtenFraction(shown.fraction)} ${where(shown, zone)}`;
}

/** The same to the second: for times that this browser took itself. */
export function secondTime(rfc3339: string, zone: string): string {
  const shown = shownTime(rfc3339, zone);
  return shown === null ? rfc3339 : `${dateAndTime(shown.date, shown.time)} ${where(shown, zone)}`;
}

function where(shown: ShownTime, zone: string): string {
  return zone === UTC ? UTC : `${clockOffset(shown)} ${zone}`;
}
