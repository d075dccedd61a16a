// What is typed for a moment, as the range panel needs it: beside what parses it, because that is loaded with the page.

import { DAY, readClock } from './moment';
import { instantOf, wallOf, type Wall } from './zone';

/** The day that is typed, as a calendar takes it: `2026-11-07`; empty where none is. */
export function dayOf(typed: string): string {
  const [year = '', month = '', day = ''] = /^\s*(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)/.exec(typed)?.slice(1) ?? [];
  return year === '' ? '' : `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
}

/** Whether it is a time that the zone's clock is put forward over: the time after the gap is taken for it. */
export function isTypedGap(typed: string, zone: string): boolean {
  const text = typed.trim();
  const clock = DAY.test(text) ? null : readClock(text);
  return clock !== null && isSkipped(clock.wall, zone);
}

/** Whether the zone's clock never shows this time: it is put forward over it. */
function isSkipped(wall: Wall, zone: string): boolean {
  return asUtc(wallOf(instantOf(wall, zone), zone)) !== asUtc(wall);
}

/** To compare: fields that are out of bounds, such as 24:00, are carried over. */
function asUtc({ year, month, day, hour, minute, second }: Wall): number {
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
