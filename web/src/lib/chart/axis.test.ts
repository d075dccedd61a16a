// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { shortTime } from '$lib/time/zone';

import { numberTicks, timeTicks, weekdays } from './axis';

function ticks(from: string, to: string, zone: string, most: number): string[] {
  return timeTicks(Date.parse(from), Date.parse(to), zone, most).map(({ at, label, strong }) => {
    const time = shortTime(new Date(at).toISOString().replace('.000Z', 'Z'), zone).slice(5, 16);
    return `${time} ${label}${strong ? '!' : ''}`;
  });
}

describe('marks of time', () => {
  it.each([
    ['minutes', '2026-11-20T09:58:00Z', '2026-11-20T10:13:00Z', 'UTC', 4, ['11-20 10:00 10:00', '11-20 10:05 10:05', '11-20 10:10 10:10']],
    ['hours, a date where a day begins', '2026-11-20T20:30:00Z', '2026-11-21T05:00:00Z', 'UTC', 3, ['11-20 21:00 21:00', '11-21 00:00 Nov 21!', '11-21 03:00 03:00']],
    ['days', '2026-11-28T12:00:00Z', '2026-12-02T12:00:00Z', 'UTC', 4, ['11-29 00:00 Nov 29', '11-30 00:00 Nov 30', '12-01 00:00 Dec 1', '12-02 00:00 Dec 2']],
    ['weeks, from Monday', '2026-11-10T00:00:00Z', '2026-12-05T00:00:00Z', 'UTC', 4, ['11-16 00:00 Nov 16', '11-23 00:00 Nov 23', '11-30 00:00 Nov 30']],
    ['months, a year where it begins', '2026-11-15T00:00:00Z', '2027-03-15T00:00:00Z', 'UTC', 4, ['12-01 00:00 Dec', '01-01 00:00 2027!', '02-01 00:00 Feb', '03-01 00:00 Mar']],
    ['years', '2020-06-01T00:00:00Z', '2023-06-01T00:00:00Z', 'UTC', 3, ['01-01 00:00 2021', '01-01 00:00 2022', '01-01 00:00 2023']],
    ['local days', '2026-11-19T20:00:00Z', '2026-11-21T12:00:00Z', 'Asia/Kathmandu', 2, ['11-21 00:00 Nov 21']],
    ['local hours of a zone with 45 minutes', '2026-11-20T09:00:00Z', '2026-11-20T12:00:00Z', 'Asia/Kathmandu', 3, ['11-20 15:00 15:00', '11-20 16:00 16:00', '11-20 17:00 17:00']],
  ])('%s', (_, from, to, zone, most, expected) => {
    expect(ticks(from, to, zone, most)).toEqual(expected);
  });

  it('of a day of 25 hours has the hour twice that comes twice', () => {
    // In Berlin the clocks go back at 03:00 on 2026-10-25.
    const shown = ticks('2026-10-24T23:00:00Z', '2026-10-25T03:00:00Z', 'Europe/Berlin', 4);
    expect(shown).toEqual(['10-25 01:00 01:00', '10-25 02:00 02:00', '10-25 02:00 02:00', '10-25 03:00 03:00']);
  });

  it('of a day of 23 hours leaves out the hour that no clock shows', () => {
    const shown = ticks('2026-03-28T23:00:00Z', '2026-03-29T03:00:00Z', 'Europe/Berlin', 4);
    expect(shown).toEqual(['03-29 00:00 Mar 29!', '03-29 01:00 01:00', '03-29 03:00 03:00', '03-29 04:00 04:00']);
  });

  it('counts several hours by the clock, however long the day is', () => {
    for (const [from, to] of [
      ['2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
      ['2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
    ] as const) {
      expect(ticks(from, to, 'Europe/Berlin', 5).map((tick) => tick.slice(6, 11))).toEqual(['00:00', '06:00', '12:00', '18:00']);
    }
  });

  it('goes on at a round time where the clocks are set by half an hour', () => {
    const shown = ticks('2026-10-03T14:30:00Z', '2026-10-03T17:30:00Z', 'Australia/Lord_Howe', 4);
    expect(shown.map((tick) => tick.slice(6, 11))).toEqual(['01:00', '03:00', '04:00']);
  });

  it('is never more than there is room for, and nothing for nothing', () => {
    const from = Date.parse('2026-01-01T00:00:00Z');
    for (let span = 60_000; span < 40 * 365 * 86_400_000; span = Math.round(span * 1.7)) {
      const found = timeTicks(from, from + span, 'Europe/Rome', 8);
      expect(found.length, String(span)).toBeLessThanOrEqual(9);
      expect(found.every(({ at }, index) => index === 0 || at > (found[index - 1]?.at ?? 0))).toBe(true);
    }
    expect(timeTicks(from, from, 'UTC', 8)).toEqual([]);
    expect(timeTicks(from, from + 1000, 'UTC', 0)).toEqual([]);
  });
});

describe('marks of numbers', () => {
  it.each([
    [0, [0, 1]],
    [1, [0, 1]],
    [2, [0, 1, 2]],
    [3, [0, 2, 4]],
    [7, [0, 5, 10]],
    [10, [0, 5, 10]],
    [11, [0, 10, 20]],
    [45, [0, 25, 50]],
    [100, [0, 50, 100]],
    [1_234_567, [0, 1_000_000, 2_000_000]],
  ])('up to %d', (largest, expected) => {
    expect(numberTicks(largest)).toEqual(expected);
  });
});

it('weeks begin on Monday', () => {
  expect(weekdays('short')).toEqual(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']);
  expect(weekdays('long')[6]).toBe('Sunday');
});
