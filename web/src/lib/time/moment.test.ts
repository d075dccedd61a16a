// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { momentToken, parseMoment, resolveMoment, typedMoment } from './moment';

/** A Friday. */
const NOW = Date.parse('2026-11-20T15:45:30.250Z');

function resolved(typed: string, zone = 'UTC', now = NOW): string | null {
  const moment = parseMoment(typed, zone);
  return moment === null ? null : resolveMoment(moment, now, zone);
}

describe('typed moments', () => {
  it.each([
    ['2026-11-20 10:00', 'UTC', '2026-11-20T10:00:00Z'],
    ['2026-11-20 10:00', 'Europe/Paris', '2026-11-20T09:00:00Z'],
    ['2026-11-20T10:00:05', 'UTC', '2026-11-20T10:00:05Z'],
    ['2026-11-20 10:00:05.123456', 'UTC', '2026-11-20T10:00:05.123456Z'],
    ['2026-11-20', 'America/New_York', '2026-11-20T05:00:00Z'],
    ['2026-1-2 9', 'UTC', '2026-01-02T09:00:00Z'],
    ['2026-11-20T10:00:00Z', 'Asia/Tokyo', '2026-11-20T10:00:00Z'],
    ['2026-11-20 10:00+0530', 'UTC', '2026-11-20T04:30:00Z'],
    ['  now ', 'UTC', '2026-11-20T15:45:30.250Z'],
    ['today', 'UTC', '2026-11-20T00:00:00Z'],
    ['today', 'Asia/Tokyo', '2026-11-20T15:00:00Z'],
    ['week', 'UTC', '2026-11-16T00:00:00Z'],
    ['month', 'Europe/Paris', '2026-10-31T23:00:00Z'],
    ['-15m', 'UTC', '2026-11-20T15:30:30.250Z'],
    ['15min', 'UTC', '2026-11-20T15:30:30.250Z'],
    ['-3d', 'UTC', '2026-11-17T15:45:30.250Z'],
    ['3d ago', 'UTC', '2026-11-17T15:45:30.250Z'],
    ['-1d12h', 'UTC', '2026-11-19T03:45:30.250Z'],
    ['-1y', 'UTC', '2025-11-20T15:45:30.250Z'],
    ['P7D', 'UTC', '2026-11-13T15:45:30.250Z'],
    ['-PT24H', 'UTC', '2026-11-19T15:45:30.250Z'],
    ['-P12M', 'UTC', '2025-11-20T15:45:30.250Z'],
  ])('%s in %s', (typed, zone, expected) => {
    expect(resolved(typed, zone)).toBe(expected);
  });

  it.each(['', 'soon', '2026-13-01', '2026-02-30', '2026-11-20 24:00', '10:00', '-', 'P', 'PT', '-3', '-3q', '-9999999d'])(
    'refuses %j',
    (typed) => {
      expect(parseMoment(typed, 'UTC')).toBeNull();
    },
  );

  it('keeps to the calendar for months and days, and to the clock for hours', () => {
    // A month before 31 March is the last of February.
    expect(resolved('-1mo', 'UTC', Date.parse('2026-03-31T10:00:00Z'))).toBe('2026-02-28T10:00:00Z');
    // Over the switch to summer time a day has 23 hours.
    const after = Date.parse('2026-03-29T10:00:00Z');
    expect(resolved('-1d', 'Europe/Berlin', after)).toBe('2026-03-28T11:00:00Z');
    expect(resolved('-24h', 'Europe/Berlin', after)).toBe('2026-03-28T10:00:00Z');
  });

  it('never goes before the epoch', () => {
    expect(resolved('-100y')).toBe('1970-01-01T00:00:00Z');
  });

  it.each([
    ['3d', '-3d'],
    ['PT24H', '-24h'],
    ['-P1Y2M', '-1y2mo'],
    ['Today', 'today'],
    ['2026-11-20 10:00', '2026-11-20T09:00:00Z'],
  ])('keeps %s as the token %s, and reads it back alike', (typed, token) => {
    const moment = parseMoment(typed, 'Europe/Paris');
    expect(moment).not.toBeNull();
    if (moment === null) return;
    expect(momentToken(moment)).toBe(token);
    expect(parseMoment(token, 'UTC')).toEqual(moment);
  });

  it.each([
    ['2026-11-20T09:00:00Z', '2026-11-20 10:00'],
    ['2026-11-20T09:00:05Z', '2026-11-20 10:00:05'],
    ['2026-11-20T09:00:00.250Z', '2026-11-20 10:00:00.25'],
    ['-3d', '-3d'],
    ['today', 'today'],
    ['', ''],
  ])('shows the token %s as it is typed: %s', (token, typed) => {
    expect(typedMoment(token, 'Europe/Paris')).toBe(typed);
  });
});
