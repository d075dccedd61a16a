// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { microsecondsOf } from '$lib/time/instant';

import { DAYS_MAX, addHours, emptyGrid, partsOf, peakOf, stepOf, stepsOf } from './heat';

const HOUR_US = 3_600_000_000n;

describe('parts', () => {
  it('of a short time are one, of just that time', () => {
    expect(partsOf('2026-11-20T10:15:04.123456Z', '2026-11-21T09:00:00.5Z', 'Europe/Rome')).toEqual({
      parts: [{ since: '2026-11-20T10:15:04.123456Z', until: '2026-11-21T09:00:00.500001Z' }],
      isCut: false,
    });
  });

  it.each(['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Apia'])(
    'of a year in %s follow each other, begin at midnight, and have no more hours than the server counts',
    (zone) => {
      const [first, last] = ['2025-11-20T10:15:00Z', '2026-11-20T10:15:00Z'];
      const { parts, isCut } = partsOf(first, last, zone);
      expect(isCut).toBe(false);
      expect(parts.length).toBe(10);
      expect(parts[0]?.since).toBe(first);
      expect(parts.at(-1)?.until).toBe('2026-11-20T10:15:00.000001Z');
      parts.slice(1).forEach(({ since }, index) => {
        expect(since).toBe(parts[index]?.until);
        const clock = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeStyle: 'medium' }).format(Date.parse(since));
        expect(clock).toBe('00:00:00');
      });
      for (const { since, until } of parts) {
        const hours = ((microsecondsOf(until) ?? 0n) - (microsecondsOf(since) ?? 0n)) / HOUR_US;
        expect(hours).toBeLessThanOrEqual(961n);
      }
    },
  );

  it('of many years are the last days', () => {
    const { parts, isCut } = partsOf('2019-01-01T00:00:00Z', '2026-11-20T10:00:00Z', 'UTC');
    expect(isCut).toBe(true);
    expect(parts).toHaveLength(DAYS_MAX / 40);
    expect(parts[0]?.since).toBe('2025-10-17T00:00:00Z');
  });

  it('of nothing are none', () => {
    expect(partsOf('', '', 'UTC').parts).toEqual([]);
    expect(partsOf('2026-11-21T00:00:00Z', '2026-11-20T00:00:00Z', 'UTC').parts).toEqual([]);
  });
});

describe('hours of the week', () => {
  const bucket = (local: string, count: number) => ({ start: '', end: '', local, count });

  it('are those of the clock, also where it shows one twice or sets itself by half an hour', () => {
    const grid = emptyGrid();
    addHours(grid, [
      bucket('2026-10-25T02:00:00+02:00', 1),
      bucket('2026-10-25T02:00:00+01:00', 2),
      bucket('2026-10-26T00:00:00+01:00', 4),
      bucket('2026-10-04T02:30:00+11:00', 8),
      bucket('2026-11-20T15:00:00+05:45', 16),
      bucket('2026-11-20T16:00:00+05:45', 0),
    ]);
    expect([grid[6]?.[2], grid[0]?.[0], grid[4]?.[15]]).toEqual([1 + 2 + 8, 4, 16]);
    expect(grid.flat().reduce((sum, count) => sum + count)).toBe(31);
    expect(peakOf(grid)).toEqual({ weekday: 4, hour: 15, count: 16 });
    expect(peakOf(emptyGrid())).toBeNull();
  });

  it.each([
    [0, []],
    [1, [1]],
    [3, [1, 2, 3]],
    [5, [1, 2, 3, 4, 5]],
    [6, [1, 2, 3, 4]],
    [100, [1, 9, 26, 47, 71]],
    [10_000, [1, 895, 2530, 4648, 7155]],
  ])('the scale up to %d', (largest, expected) => {
    expect(stepsOf(largest)).toEqual(expected);
  });

  it('have a step each', () => {
    expect([0, 1, 8, 9, 46, 71, 100].map((count) => stepOf(count, stepsOf(100)))).toEqual([0, 1, 1, 2, 3, 5, 5]);
  });
});
